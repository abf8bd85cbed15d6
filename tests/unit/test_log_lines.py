"""The short way of the access log says what the long way says, in order, and loses nothing."""

from __future__ import annotations

import asyncio
import io
import json
import logging
import weakref

import pytest
import structlog
from starlette.types import Scope

from app import log_lines, telemetry
from app.log_lines import LogLines
from app.telemetry import begin_request, configure_logging, end_request, note_slate, settle_logs

OWN = {"ms", "timestamp"}
"""Of each line, whichever way it is written."""


class Route:
    path = "/api/products/{productId:path}"


def request(method: str = "GET", *, slate: bool = False, route: bool = True, sent: str | None = "r1") -> Scope:
    scope: Scope = {"type": "http", "method": method, "path": "/x"} | ({"route": Route()} if route else {})
    begin_request(scope, sent)
    if slate:
        note_slate(scope, strategy="baseline", fallback_reason=None, recommendation_id="ab" * 16)
    return scope


@pytest.mark.parametrize("slate", [True, False])
@pytest.mark.parametrize(("method", "status"), [("GET", 200), ("X-Y", 404), ("POST", 499)])
def test_a_line_is_that_of_structlog(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, method: str, status: int, slate: bool
) -> None:
    """The same fields with the same values, in the same order, and the same form of the time."""
    configure_logging()
    for route in (True, False):
        end_request(request(method, slate=slate, route=route), status)
    short = capsys.readouterr().err.splitlines()
    monkeypatch.setattr(telemetry, "_lines", lambda: None)
    for route in (True, False):
        end_request(request(method, slate=slate, route=route), status)
    long = capsys.readouterr().err.splitlines()
    assert len(short) == len(long) == 2
    for one, other in zip(short, long, strict=True):
        fields, expected = json.loads(one), json.loads(other)
        assert list(fields) == list(expected)
        assert {k: v for k, v in fields.items() if k not in OWN} == {k: v for k, v in expected.items() if k not in OWN}
        assert fields["timestamp"][-1] == expected["timestamp"][-1] == "Z"
        assert [type(fields[name]) for name in sorted(OWN)] == [float, str]
        assert not {" ", "\n"} & set(one)


def test_other_lines_of_a_request_carry_its_ids(capsys: pytest.CaptureFixture[str]) -> None:
    """Also in a worker's thread; a line that names others keeps them."""
    configure_logging()
    request(sent=None, slate=True)
    log = structlog.get_logger("app.x")
    log.warning("own")
    log.warning("named", request_id="another")
    with telemetry.ContextPool(1) as pool:
        pool.submit(log.warning, "elsewhere").result()
    logging.getLogger("library").warning("foreign")
    own, named, elsewhere, foreign = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert own["trace_id"] == "ab" * 16
    assert own["request_id"] == elsewhere["request_id"] == foreign["request_id"] != named["request_id"] == "another"
    assert own["trace_id"] == named["trace_id"] == elsewhere["trace_id"] == foreign["trace_id"]


def test_what_the_level_hides_is_not_written(capsys: pytest.CaptureFixture[str]) -> None:
    """An access log is no warning."""
    configure_logging(level="WARNING")
    end_request(request(), 200)
    assert capsys.readouterr().err == ""


async def test_lines_wait_for_each_other_and_keep_their_order() -> None:
    """They are written together, before whatever is said after them, and after what was said before."""
    stream = io.StringIO()
    lines = LogLines(stream, wait_s=3600.0)
    lines.say("1")
    lines.say("2")
    assert stream.getvalue() == ""
    lines.emit(logging.LogRecord("x", logging.ERROR, "", 0, "3", None, None))
    assert stream.getvalue() == "1\n2\n3\n"
    lines.say("4")
    assert stream.getvalue() == "1\n2\n3\n"
    logging.shutdown([weakref.ref(lines)])
    assert stream.getvalue() == "1\n2\n3\n4\n"


async def test_lines_are_written_after_their_time() -> None:
    """By the event loop, again and again; nobody has to say anything else."""
    stream = io.StringIO()
    lines = LogLines(stream, wait_s=0.0)
    for n in (1, 2):
        lines.say(f"{n}")
        assert stream.getvalue().count("\n") == n - 1
        await asyncio.sleep(0.001)
        assert stream.getvalue().count("\n") == n


def test_a_line_of_a_loop_that_ended_does_not_hold_up_others() -> None:
    """The loop that was to write is gone: another one does."""
    stream = io.StringIO()
    lines = LogLines(stream, wait_s=0.01)

    async def say(text: str, pause_s: float) -> None:
        lines.say(text)
        await asyncio.sleep(pause_s)

    asyncio.run(say("1", 0.0))
    asyncio.run(say("2", 0.1))
    assert stream.getvalue() == "1\n2\n"
    lines.say("without a loop")
    assert stream.getvalue().endswith("without a loop\n")


async def test_what_waits_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """One more than may wait, and all are written."""
    monkeypatch.setattr(log_lines, "MOST_WAITING", 3)
    stream = io.StringIO()
    lines = LogLines(stream, wait_s=3600.0)
    for n in range(3):
        assert stream.getvalue() == ""
        lines.say(str(n))
    assert stream.getvalue() == "0\n1\n2\n"


async def test_at_the_end_nothing_waits_any_more(capsys: pytest.CaptureFixture[str]) -> None:
    """Neither what waited nor what comes after: nobody may be left to write it."""
    configure_logging(lines_wait_s=3600.0)
    end_request(request(), 200)
    assert capsys.readouterr().err == ""
    settle_logs()
    end_request(request(), 404)
    assert [json.loads(line)["status"] for line in capsys.readouterr().err.splitlines()] == [200, 404]


async def test_a_new_configuration_writes_what_the_old_one_held(capsys: pytest.CaptureFixture[str]) -> None:
    """And so does a change of the stream."""
    configure_logging(lines_wait_s=3600.0)
    end_request(request(), 200)
    configure_logging(lines_wait_s=3600.0)
    assert capsys.readouterr().err.count("\n") == 1
    end_request(request(), 200)
    [handler] = [h for h in logging.getLogger().handlers if isinstance(h, LogLines)]
    handler.setStream(io.StringIO())
    assert capsys.readouterr().err.count("\n") == 1


async def test_a_closed_stream_fails_no_request() -> None:
    """Whoever read the log has gone; the shopper is answered all the same."""
    stream = io.StringIO()
    lines = LogLines(stream)
    stream.close()
    lines.say("1")


def test_a_new_configuration_does_not_mind_that_the_old_stream_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    """As where a command ran inside another program, which took its standard error away again."""
    taken = io.TextIOWrapper(io.BytesIO())
    with monkeypatch.context() as patch:
        patch.setattr("sys.stderr", taken)
        configure_logging()
    taken.close()
    configure_logging()
