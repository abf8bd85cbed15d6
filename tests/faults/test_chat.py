"""Rows 7 and 17 in the chat: a stream that breaks off says so, and a model's tool calls do only what they may."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from app.chat import model_answer, tool_arguments
from app.domain.chat import Said
from tests.adapters.llm.llm_calls import LIBRARY_WARNINGS
from tests.faults.case import Bench, nothing_left
from tests.support.fault_server import Exchange, Fault
from tests.support.faulted_service import wait_until
from tests.support.provider_faults import chunk, events, usage

pytestmark = LIBRARY_WARNINGS

CANARY = "zebracanary"
VICTIM = "victim"
ASKED = "I need a mouse for my computer"
Parts = list[dict[str, Any]]


def tools(*calls: tuple[str, str]) -> bytes:
    """A reply that asks for these tools: (name, arguments as they come)."""
    asked = [
        {"index": n, "id": f"c{n}", "type": "function", "function": {"name": name, "arguments": arguments}}
        for n, (name, arguments) in enumerate(calls)
    ]
    return events(chunk(None, tool_calls=asked), chunk(None, "tool_calls"), usage())


def search(text: str = "mouse") -> tuple[str, str]:
    return "search_products", json.dumps({"query": text})


def always(*calls: tuple[str, str]) -> Fault:
    """The same tools in every round."""

    async def answer(x: Exchange) -> None:
        await x.head()
        await x.send(tools(*calls))

    return answer


async def loop(x: Exchange) -> None:
    """Another search in every round, so that no round repeats what is known."""
    await x.head()
    await x.send(tools(search(["mouse", "keyboard", "monitor", "cable", "lamp", "desk", "chair"][x.number % 7])))


def a_sentence(x: Exchange) -> str:
    """A true one about the first product that a tool found."""
    said = "\n".join(str(message.get("content") or "") for message in x.asked.body["messages"])
    alias, name = re.findall(r"^([A-Z]+)\|«([^»]+)»", said, re.MULTILINE)[-1]
    price = re.findall(rf"^{alias}\|«.*?\|(\d[\d,.]* EUR)", said, re.MULTILINE)[-1]
    return f"{name} costs {price} [{alias}]. "


async def cut_after_a_sentence(x: Exchange) -> None:
    """A search; then a true sentence, half of another, and a reset."""
    await x.head()
    if x.number == 1:
        await x.send(tools(search()))
        return
    await x.send(events(chunk(a_sentence(x)), chunk("It also has a very"), done=False))


def of(parts: Parts, kind: str) -> Parts:
    return [part for part in parts if part["type"] == kind]


def broken_off(parts: Parts, bench: Bench) -> None:
    """What was proved stays, the rest is not shown, and the stream ends with an error part."""
    text = "".join(part["delta"] for part in of(parts, "text-delta"))
    assert "costs" in text, "the proved sentence was not shown"
    assert "very" not in text, "half a sentence was shown"
    assert len(of(parts, "error")) == 1, "no error part"
    assert parts[-1]["finishReason"] == "error"


def refused(parts: Parts, bench: Bench) -> None:
    """The tool is not carried out; the rules answer in the model's place."""
    assert of(parts, "tool-input-error"), "the call was not refused"
    assert not of(parts, "tool-output-available"), "a tool was carried out"
    assert parts[-1]["finishReason"] == "stop"
    assert len(bench.provider.requests) <= 4


def bound_to_the_session(parts: Parts, bench: Bench) -> None:
    """Nothing of the other shopper is told, to the model or to who is talking."""
    refused(parts, bench)
    told = json.dumps([request.body for request in bench.provider.requests]) + json.dumps(parts)
    assert CANARY not in told, "another shopper's preferences were told"


def four_rounds(parts: Parts, bench: Bench) -> None:
    """At most four calls of the model, whatever it goes on asking for."""
    assert 2 <= len(bench.provider.requests) <= 4, f"{len(bench.provider.requests)} rounds"
    assert parts[-1]["type"] == "finish"


def six_calls(parts: Parts, bench: Bench) -> None:
    """Of fifty calls in one reply six are answered."""
    done = len(of(parts, "tool-output-available")) + len(of(parts, "tool-input-error"))
    assert 1 <= done <= 6 * 4, f"{done} calls answered"
    first = bench.provider.requests[1].body["messages"]
    assert sum(message["role"] == "tool" for message in first) <= 6


@dataclass(frozen=True)
class ChatCase:
    """One fault of the tool-calling model."""

    row: int
    name: str
    fault: Fault
    holds: Callable[[Parts, Bench], None]
    defence: str
    off: Callable[[pytest.MonkeyPatch], None]


def _forgiving(patch: pytest.MonkeyPatch) -> None:
    """A call that is not known, or whose arguments are wrong, is taken for a search."""
    patch.setattr(
        model_answer, "read_call", lambda _: ("search_products", tool_arguments.SearchArguments(query="mouse"))
    )


CASES = (
    ChatCase(
        7,
        "stream cut after a sentence",
        cut_after_a_sentence,
        broken_off,
        "an answer that breaks off ends with an error part",
        lambda patch: patch.setattr(model_answer, "BrokenOff", Said),
    ),
    ChatCase(17, "unknown tool", always(("delete_everything", "{}")), refused, "only known tools", _forgiving),
    ChatCase(
        17, "arguments that are no JSON", always(("search_products", '{"query":')), refused, "JSON only", _forgiving
    ),
    ChatCase(
        17,
        "arguments of wrong types",
        always(("search_products", '{"query":[1],"max_price":"NaN"}')),
        refused,
        "exactly the arguments of the tool",
        _forgiving,
    ),
    ChatCase(
        17,
        "another user's id",
        always(("get_preferences", json.dumps({"userId": VICTIM}))),
        bound_to_the_session,
        "no argument says who is asking",
        _forgiving,
    ),
    ChatCase(
        17,
        "a loop",
        loop,
        four_rounds,
        "at most four rounds",
        lambda patch: patch.setattr(model_answer, "ROUNDS_MAX", 40),
    ),
    ChatCase(
        17,
        "50 calls in parallel",
        always(*[search(f"mouse {n}") for n in range(50)]),
        six_calls,
        "at most six calls a round",
        lambda patch: patch.setattr(model_answer, "CALLS_PER_ROUND", 100),
    ),
)
IDS = [f"{case.row:02d} {case.name}" for case in CASES]


@pytest.fixture(scope="module")
def talked(bench: Bench) -> Bench:
    """With a shopper whose preferences nobody else may hear of, and a conversation that opened what stays open."""
    saved = bench.service.http.put(f"/api/users/{VICTIM}/preferences", json={"avoid": [CANARY]})
    assert saved.status_code == 200, saved.text
    bench.provider.fault = always(search())
    bench.service.provider(bench.provider.url)
    bench.service.chat(bench.service.shopper()["userId"], ASKED)
    bench.service.leave()
    return bench


def check_chat(case: ChatCase, bench: Bench) -> None:
    """Runs the case. AssertionError: something that must hold does not."""
    bench.provider.fault = case.fault
    at_rest = bench.service.at_rest()
    known = len(bench.service.ledger())
    bench.service.provider(bench.provider.url, call_limit_s=2.0)
    try:
        parts = bench.service.chat(bench.service.shopper()["userId"], ASKED)
        assert parts[0]["type"] == "start"
        case.holds(parts, bench)
    finally:
        bench.service.leave()
        bench.provider.drop()
    nothing_left(bench.service, at_rest)
    wait_until(lambda: "pending" not in outcomes(bench, known), "settlement of every call", 3)
    assert len(outcomes(bench, known)) == len(bench.provider.requests), "not every call is in the ledger"


def outcomes(bench: Bench, known: int) -> list[str]:
    """Of the calls in the ledger after the first `known`."""
    return [row["outcome"] for row in bench.service.ledger()[known:]]


@pytest.mark.parametrize("case", CASES, ids=IDS)
def test_the_assistant_does_what_it_may(talked: Bench, case: ChatCase) -> None:
    """The stream has an end that says how it ended, and tools stay within the session, the rounds and the arguments."""
    check_chat(case, talked)


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES, ids=IDS)
def test_it_fails_without_its_defence(talked: Bench, case: ChatCase) -> None:
    """The defence is taken away: the case does not pass."""
    with pytest.MonkeyPatch.context() as patch:
        case.off(patch)
        with pytest.raises(AssertionError):
            check_chat(case, talked)
