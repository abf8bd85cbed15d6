"""The chat stream, read by the client that it is for: the npm package `ai`.

Needs node and `npm install --prefix tests/api/ai_sdk`; `make test-all` does the latter where npm is there.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import uvicorn

from app.domain.chat import (
    BrokenOff,
    Card,
    Cards,
    Clarify,
    Comparison,
    Disclosure,
    Row,
    Said,
    ToolAnswered,
    ToolAsked,
    ToolRefused,
)
from app.main import create_app
from tests.api.conftest import PRODUCTS, FakeApplication, settings_with

HERE = Path(__file__).parent / "ai_sdk"
NODE = shutil.which("node")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.node,
    pytest.mark.skipif(NODE is None, reason="node is not installed"),
    pytest.mark.skipif(not (HERE / "node_modules" / "ai").is_dir(), reason="npm's `ai` is not installed"),
]

EVERYTHING = (
    Disclosure(False, "A machine."),
    Said("One."),
    Said("Two."),
    ToolAsked("t1", "search_products", {"query": "x"}),
    ToolAnswered("t1", {"productIds": ["p1"]}),
    ToolRefused("t2", "unknown", "No such tool."),
    Cards((Card(PRODUCTS["p1"], "Fits."),), "rec1"),
    Cards((Card(PRODUCTS["p2"], ""),)),
    Comparison((PRODUCTS["p1"], PRODUCTS["p2"]), (Row("colour", ("black", None)),)),
    Clarify("How much?", ("up to 25",)),
    ToolAsked("t3", "add_to_cart", {"productId": "p1"}, by_server=False),
    Said("Three."),
)


@pytest.fixture
def served() -> Iterator[tuple[FakeApplication, str]]:
    """The application on a real port, and its address."""
    behind = FakeApplication(settings_with())
    server = uvicorn.Server(
        uvicorn.Config(create_app(lambda: behind), port=0, log_config=None, lifespan="on", ws="none")
    )
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    ends = time.monotonic() + 20
    while not server.started and time.monotonic() < ends:
        time.sleep(0.01)  # there is no event to wait for
    port = server.servers[0].sockets[0].getsockname()[1]
    yield behind, f"http://127.0.0.1:{port}"
    server.should_exit = True
    thread.join(10)


def read(address: str, *texts: str) -> list[dict[str, Any]]:
    """What the SDK's reader makes of each answer."""
    assert NODE is not None
    done = subprocess.run(
        [NODE, "read_chat.mjs", address, *texts], cwd=HERE, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_every_part_arrives_as_the_sdk_understands_it(served: tuple[FakeApplication, str]) -> None:
    """Text in blocks, data parts by name, tools in the states that they are in; nothing is an error."""
    behind, address = served
    behind.assistant.parts = EVERYTHING
    [answer] = read(address, "headphones")
    assert answer["errors"] == []
    parts = answer["message"]["parts"]
    assert [part["type"] for part in parts] == [
        "data-disclosure",
        "text",
        "tool-search_products",
        "tool-unknown",
        "data-products",
        "data-products",
        "data-comparison",
        "data-clarify",
        "tool-add_to_cart",
        "text",
    ]
    assert (parts[1]["text"], parts[1]["state"]) == ("One. Two.", "done")
    assert (parts[2]["state"], parts[2]["output"]) == ("output-available", {"productIds": ["p1"]})
    assert (parts[3]["state"], parts[3]["errorText"]) == ("output-error", "No such tool.")
    assert parts[4]["data"]["products"][0]["productId"] == "p1"
    # Waiting for the client: that is how the SDK shows a tool that the shopper has to confirm.
    assert parts[8]["state"] == "input-available"
    assert not parts[8].get("providerExecuted")


def test_the_sdk_sends_what_is_read(served: tuple[FakeApplication, str]) -> None:
    """Conversation, session and newest message of two turns, the second with the first answer in the history."""
    behind, address = served
    assert len(read(address, "headphones", "cheaper?")) == 2
    first, second = behind.assistant.turns
    assert (first.text, first.conversation_id, first.talker.session_id) == ("headphones", "c1", "sdk")
    assert second.text == "cheaper?"


def test_an_answer_that_breaks_off_is_an_error_with_its_beginning(served: tuple[FakeApplication, str]) -> None:
    """The SDK keeps what was said and tells that it failed."""
    behind, address = served
    behind.assistant.parts = (Said("One."), BrokenOff("Broke off."))
    [answer] = read(address, "headphones")
    assert answer["message"]["parts"][0]["text"] == "One."
    assert "Broke off." in answer["errors"][0]
