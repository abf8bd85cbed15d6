"""Each fault of the tool-calling model, shown over HTTP beside the reply that it spoils."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from evals.simulated.chat_faults import CHAT_FAULTS, MANY_CALLS

PATH = "/v1/chat/completions"
SHOPPER = {"role": "user", "content": "Shopper: a mouse under 50 euros"}
FOUND = "A|«Calder Wired Mouse»|Calder|Computers > Mice|29.90 EUR|in stock|colour: black"
TOOLS = [
    {"type": "function", "function": {"name": name, "parameters": {"type": "object", "properties": {}}}}
    for name in ("search_products", "get_product")
]


def _message(http: httpx.Client, messages: list[dict[str, Any]], fault: str = "none") -> dict[str, Any]:
    answer = http.post(
        PATH,
        json={"model": "simulated-ranker", "messages": messages, "tools": TOOLS},
        headers={"x-simulated-fault": fault},
    )
    assert answer.status_code == 200
    found: dict[str, Any] = answer.json()["choices"][0]["message"]
    return found


def _asked(http: httpx.Client, fault: str = "none") -> list[tuple[str, str]]:
    """(tool, arguments) that the first round asks for."""
    calls = _message(http, [SHOPPER], fault).get("tool_calls") or []
    return [(call["function"]["name"], call["function"]["arguments"]) for call in calls]


def _said(http: httpx.Client, fault: str = "none") -> str:
    """The text after a tool has answered."""
    call = {"id": "c1", "type": "function", "function": {"name": "search_products", "arguments": "{}"}}
    turns = [
        SHOPPER,
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "c1", "content": FOUND},
    ]
    text: str = _message(http, turns, fault)["content"]
    return text


def test_the_good_replies(http: httpx.Client) -> None:
    """Without a fault: one search within the shopper's limit, then sentences about what it found."""
    ((name, arguments),) = _asked(http)
    assert (name, json.loads(arguments)["max_price"]) == ("search_products", 50)
    assert "Calder Wired Mouse costs 29.90 EUR [A]." in _said(http)


def test_faults_in_the_tools_asked_for(http: httpx.Client) -> None:
    """Unknown, unreadable, mistyped, somebody else's, over the limit, and fifty of them."""
    assert [name for name, _ in _asked(http, "tool_unknown")] == ["delete_everything"]
    with pytest.raises(json.JSONDecodeError):
        json.loads(_asked(http, "tool_bad_json")[0][1])
    assert json.loads(_asked(http, "tool_bad_arguments")[0][1])["query"] == [1]
    assert json.loads(_asked(http, "tool_other_user")[0][1])["userId"] == "gamer"
    assert json.loads(_asked(http, "tool_higher_limit")[0][1])["max_price"] > 50
    assert len(_asked(http, "tool_many")) == MANY_CALLS


def test_a_loop_asks_again_whatever_came_back(http: httpx.Client) -> None:
    """Where a good model would speak, it asks for the same search."""
    turns = [SHOPPER, {"role": "assistant", "content": "x"}, {"role": "tool", "tool_call_id": "c1", "content": FOUND}]
    calls = _message(http, turns, "tool_loop")["tool_calls"]
    assert [call["function"]["name"] for call in calls] == ["search_products"]


@pytest.mark.parametrize(
    ("mode", "lie"),
    [
        ("chat_invented_product", "UltraSound X9 Pro"),
        ("chat_invented_price", "1.23 EUR"),
        ("chat_invented_claim", "guaranteed for life"),
        ("chat_markup", "<img src=x"),
    ],
)
def test_faults_in_what_it_says(http: httpx.Client, mode: str, lie: str) -> None:
    """The lie stands before what was true anyway."""
    assert lie not in _said(http)
    assert lie in _said(http, mode)
    assert "Calder Wired Mouse" in _said(http, mode)


def test_every_mode_is_shown_here() -> None:
    """A new mode needs a test."""
    tools = {"tool_unknown", "tool_bad_json", "tool_bad_arguments", "tool_other_user", "tool_higher_limit", "tool_loop"}
    said = {"chat_invented_product", "chat_invented_price", "chat_invented_claim", "chat_markup"}
    assert {*tools, "tool_many", *said} == set(CHAT_FAULTS)
