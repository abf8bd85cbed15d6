"""Logs and timing."""

from __future__ import annotations

import json
import logging

import pytest
import structlog

from app.pipeline.pseudonym import Pseudonyms
from app.telemetry import WITHHELD, configure_logging, server_timing


def test_server_timing_keeps_the_order_and_drops_odd_names() -> None:
    """A name that is no header token can't break the header."""
    assert (
        server_timing({"profile": 1.25, "bad name": 1.0, "x,y": 1.0, "total": 10.0})
        == "profile;dur=1.2, total;dur=10.0"
    )
    assert server_timing({}) == ""


def test_every_line_is_one_json_object(capsys: pytest.CaptureFixture[str]) -> None:
    """Ours and the standard library's, with the request id on both, written once however often it is set up."""
    configure_logging()
    configure_logging()
    structlog.contextvars.bind_contextvars(request_id="r1")
    structlog.get_logger("app.x").warning("something", part="index")
    logging.getLogger("library").error("broken\nin two lines")
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert [(line["event"], line["level"], line["request_id"]) for line in lines] == [
        ("something", "warning", "r1"),
        ("broken\nin two lines", "error", "r1"),
    ]
    assert lines[0]["part"] == "index"


def test_no_line_holds_a_shoppers_id(capsys: pytest.CaptureFixture[str]) -> None:
    """Fields for ids hold pseudonyms, told apart by kind, or nothing; what a shopper wrote is withheld."""
    fields = {"user_id": "ada", "anonymousId": "ada", "session_id": None, "query": "lamp for ada"}
    configure_logging(stand_in=Pseudonyms.of_secrets({3: b"s" * 32}).of)
    structlog.get_logger("app.x").warning("one", **fields)
    configure_logging()
    structlog.contextvars.bind_contextvars(user_id="ada")
    structlog.get_logger("app.x").warning("two", **fields)
    first, second = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert first["user_id"].startswith("p3:")
    assert first["anonymousId"].startswith("p3:")
    assert first["user_id"] != first["anonymousId"]
    assert (first["session_id"], first["query"]) == (None, WITHHELD)
    assert (second["user_id"], second["anonymousId"]) == (WITHHELD, WITHHELD)
    assert "ada" not in str(first) + str(second)


def test_an_exception_is_logged_on_its_line(capsys: pytest.CaptureFixture[str]) -> None:
    """With its type and where it was raised, not its message; and without the server's second copy of it."""
    configure_logging()
    try:
        {}["ada@example.com"]
    except KeyError as key_error:
        error = RuntimeError("boom for ada@example.com")
        error.__cause__ = key_error
    structlog.get_logger("app.x").error("unexpected_error", exc_info=error)
    logging.getLogger("uvicorn.error").error("Exception in ASGI application\n", exc_info=error)
    [line] = capsys.readouterr().err.splitlines()
    told = json.loads(line)["exception"]
    assert "test_telemetry.py:" in told
    assert told.index("KeyError") < told.index("RuntimeError")
    assert "ada" not in line
    assert "boom" not in line


def test_a_person_can_read_the_console_style(capsys: pytest.CaptureFixture[str]) -> None:
    """Text, one line."""
    configure_logging(style="console", level="WARNING")
    structlog.get_logger("app.x").warning("something")
    structlog.get_logger("app.x").info("unimportant")
    shown = capsys.readouterr().err
    assert "something" in shown
    assert "unimportant" not in shown


def test_a_library_that_sets_its_own_level_is_held_to_ours(capsys: pytest.CaptureFixture[str]) -> None:
    """bm25s puts its logger at DEBUG; its lines are hidden all the same."""
    configure_logging(level="WARNING")
    chatty = logging.getLogger("chatty")
    chatty.setLevel(logging.DEBUG)
    chatty.debug("building index")
    chatty.warning("worth knowing")
    assert [json.loads(line)["event"] for line in capsys.readouterr().err.splitlines()] == ["worth knowing"]
