"""Rows 1 to 10: statuses, connections, streams, bodies."""

from __future__ import annotations

import email.utils
import time
from collections.abc import Mapping

from tests.faults.case import Bench, Case, certified, resolver
from tests.support import provider_faults as faults
from tests.support.fault_server import EVENTS, FaultServer, black_hole, closed_port
from tests.support.faulted_service import Answer, wait_until
from tests.support.provider_faults import (
    MODEL_NAME,
    chunk,
    events,
    good,
    head_of,
    order_of,
    reply,
    right,
    says,
    sends,
    status,
    usage,
    whole,
)

SHORT_MS = 250
CALL_S = 0.5
MIDWAY_MS = 600


def cools_down(least_s: float, most_s: float | None = None, *, header: bool = True) -> object:
    """Asks again: nobody is asked before `least_s` have passed since the 429, somebody is after `most_s`."""
    latest = least_s if most_s is None else most_s

    def also(bench: Bench, _: Answer, who: Mapping[str, str]) -> None:
        clock, client = bench.service.clock, bench.service.client
        ended = clock()
        asked = len(bench.provider.requests)
        answer = bench.service.ask(bench.service.shopper())
        assert (answer.meta["strategy"], answer.meta["fallbackReason"]) == ("baseline", "circuit_open")
        assert len(bench.provider.requests) == asked
        began = bench.provider.requests[-1].at_s + clock.ahead_s
        clock.ahead_s += began + least_s - 0.5 - clock()
        assert client.refusal() == "circuit_open"
        clock.ahead_s += ended + latest + 0.01 - clock()
        assert client.refusal() is None

    return also


def alarmed(bench: Bench, _: Answer, __: Mapping[str, str]) -> None:
    """The operator is told that the configuration is wrong."""
    assert bench.alarms == ["model_configuration"]


def _limited(name: str, headers: Mapping[str, str], least_s: float, most_s: float | None = None) -> Case:
    also = cools_down(least_s, most_s)
    return Case(1, name, status(429, headers), outcome="rate_limited", also=also)


def _date(seconds: float) -> str:
    return email.utils.formatdate(time.time() + seconds, usegmt=True)


RATE = (
    _limited("429 Retry-After int", {"retry-after": "7"}, 7),
    _limited("429 Retry-After float", {"retry-after": "2.5"}, 2.5),
    # The date is written as the module is read, so that what is left of 90 s is not known better than this.
    _limited("429 Retry-After date", {"retry-after": _date(20_000)}, 120),
    _limited("429 retry-after-ms", {"retry-after-ms": "1500"}, 1.5),
    _limited("429 Retry-After 0", {"retry-after": "0"}, 1),
    _limited("429 Retry-After negative", {"retry-after": "-5"}, 10),
    _limited("429 Retry-After NaN", {"retry-after": "nan"}, 10),
    _limited("429 Retry-After a day", {"retry-after": "86400"}, 120),
    Case(2, "429 without Retry-After", status(429), outcome="rate_limited", credit=True, also=cools_down(10)),
)

SERVER_ERRORS = (
    *(Case(3, f"{code} without credit", status(code), slow=code in (502, 504)) for code in (500, 502, 503, 504, 529)),
    Case(
        3,
        "503 once, with credit",
        faults.then(status(503), good),
        credit=True,
        requests=2,
        strategy="llm",
        fallback=None,
        outcome="complete",
        cached=True,
    ),
    Case(3, "503 for ever, with credit", status(503), credit=True, requests=2),
    Case(3, "503 after half of the deadline", faults.after(0.35, status(503)), credit=True, deadline_ms=600),
)

CONFIGURATION = tuple(
    Case(
        4, name, status(code, body=body), outcome="unauthorized", credit=True, also=alarmed, slow=name in ("403", "413")
    )
    for name, code, body in (
        ("400", 400, b"{}"),
        ("401", 401, b"{}"),
        ("403", 403, b"{}"),
        ("404", 404, b"{}"),
        ("413", 413, b"{}"),
        ("context overflow", 400, b'{"error":{"message":"too long","code":"context_length_exceeded"}}'),
    )
)

_LATE = {"fallback": "timeout", "outcome": "timeout", "deadline_ms": SHORT_MS, "call_limit_s": CALL_S}
_NOT_IN = {**_LATE, "outcome": "provider_error"}  # connecting gives up before the call is cut off


async def _stalled_handshake(reader: object, _: object) -> None:
    await reader.read()  # takes the hello and says nothing


def _tls_stall(_: Bench) -> object:
    server = FaultServer(raw=_stalled_handshake)

    class _Open:
        def __enter__(self) -> str:
            return server.__enter__().url.replace("http:", "https:")

        def __exit__(self, *error: object) -> None:
            server.__exit__(*error)

    return _Open()


def crowded(bench: Bench, _: Answer, __: Mapping[str, str]) -> None:
    """Where both places are taken the third shopper is not kept waiting for one."""
    service = bench.service
    bench.provider.fault = faults.silence
    service.provider(bench.provider.url, max_concurrency=2, call_limit_s=2.0)
    told = [service.ask(service.shopper(), deadline_ms=SHORT_MS).meta["fallbackReason"] for _ in range(2)]
    assert told == ["timeout", "timeout"], told
    last = service.ask(service.shopper(), deadline_ms=1000)
    assert last.meta["fallbackReason"] == "overloaded", last.meta
    assert len(bench.provider.requests) == 2
    bench.provider.drop()


def asked_again(bench: Bench, _: Answer, __: Mapping[str, str]) -> None:
    """The connection that the first answer left open is dead: another shopper is answered on a new one."""
    service = bench.service
    service.earn_retry()
    answer = service.ask(service.shopper(), deadline_ms=2000)
    assert answer.meta["strategy"] == "llm", answer.meta
    assert len({asked.connection for asked in bench.provider.requests}) == 2


def let_go(bench: Bench, _: Answer, __: Mapping[str, str]) -> None:
    """The connection that the provider keeps open is closed by the service soon after the reply."""
    wait_until(lambda: bench.provider.connections() == 0, "end of the connection", 3)


CONNECTION = (
    Case(5, "DNS failure", None, address=lambda _: resolver(0.0), requests=None),
    Case(5, "DNS delay", None, address=lambda _: resolver(0.6), requests=None, **_NOT_IN),
    Case(5, "refused", None, address=lambda _: closed_port(), requests=None),
    Case(5, "black hole", None, address=lambda _: black_hole(), requests=None, **_NOT_IN),
    Case(5, "TLS expired", good, address=lambda b: certified(b, expired=True), requests=None),
    Case(5, "TLS wrong host", good, address=lambda b: certified(b, host="other.test"), requests=None),
    Case(5, "TLS stall", None, address=_tls_stall, requests=None, **_NOT_IN),
    Case(
        5,
        "TLS as it should be",
        good,
        address=certified,
        requests=None,
        strategy="llm",
        fallback=None,
        outcome="complete",
        cached=True,
    ),
    Case(5, "reset", faults.reset),
    Case(5, "pool exhausted", status(503), also=crowded),
    Case(
        5,
        "stale keep-alive",
        faults.stale,
        strategy="llm",
        fallback=None,
        outcome="complete",
        cached=True,
        also=asked_again,
    ),
)

_MIDWAY = {"strategy": "partial", "fallback": "timeout", "outcome": "timeout", "deadline_ms": MIDWAY_MS}
_CUT = {"strategy": "partial", "fallback": "provider_error", "outcome": "cut"}
_GOOD = {"strategy": "llm", "fallback": None, "outcome": "complete", "cached": True}

SLOW = (
    Case(6, "no headers", faults.silence, **_LATE),
    Case(6, "no headers, call of 3 s", faults.silence, **{**_LATE, "call_limit_s": 2.5}, slow=True),
    Case(6, "stall mid-body", faults.stall, call_limit_s=0.8, **_MIDWAY),
    Case(6, "drip", faults.drip(), **_LATE),
    Case(6, "slow close", faults.slow_close, also=let_go, **_GOOD),
)

STREAM = (
    Case(7, "cut mid-chunk", sends(head_of, b'data: {"id":"x","choices":[{"del'), **_CUT),
    Case(
        7,
        "no terminator",
        sends(lambda p: events(chunk(right(p)), done=False)),
        strategy="llm",
        fallback=None,
        outcome="cut",
    ),
    Case(7, "error event after 200", sends(head_of, events({"error": {"message": "x"}}, done=False)), **_CUT),
    Case(7, "split UTF-8", faults.split_characters, **_GOOD),
    Case(7, "endless keep-alives", faults.keep_alives, **_LATE),
    Case(7, "reset midway", faults.reset_midway, **_CUT),
    Case(7, "half-closed", faults.half_close, **_CUT),
    Case(7, "chunk of no size", faults.bad_chunk, **_CUT),
    Case(7, "shorter than promised", faults.short_body, **_CUT),
)

_REJECTED = {"fallback": "invalid_output", "outcome": "malformed"}
_EMPTY = {"fallback": "invalid_output", "outcome": "empty"}
_HTML = b"<!doctype html><title>Gateway</title><h1>It works!</h1>"


def _stream(prompt: object) -> bytes:
    return whole(right(prompt))


def wandering(bench: Bench) -> object:
    """The provider's own address; it sends everybody to another host."""
    bench.provider.fault = faults.redirect(bench.elsewhere.url + "/chat/completions")
    bench.elsewhere.fault = good

    class _Same:
        def __enter__(self) -> str:
            return bench.provider.url

        def __exit__(self, *_: object) -> None:
            return None

    return _Same()


BODY = (
    Case(8, "HTML with 200", sends(_HTML, headers={"content-type": "text/html"}), **_REJECTED),
    Case(8, "wrong content type", sends(_stream, headers={"content-type": "text/plain"}), **_REJECTED),
    Case(
        8,
        "wrong charset",
        sends(_stream, headers={"content-type": "text/event-stream; charset=utf-16"}),
        **_REJECTED,
    ),
    Case(8, "encoding nobody asked for", sends(_stream, headers={"content-encoding": "br"}), **_REJECTED),
    Case(8, "BOM", says(lambda p: "\ufeff" + right(p)), **_GOOD),
    Case(8, "empty", sends(b""), **_EMPTY),
    Case(8, "204", status(204, {"content-type": EVENTS}, b""), **_EMPTY),
    Case(8, "redirect to another host", None, address=wandering, **_REJECTED),
)

_TOO_LARGE = {"fallback": "invalid_output", "outcome": "too_large", "memory": True}
_SPACE = events(chunk(" " * 4000), done=False)

LARGE = (
    Case(9, "10 MB", sends(*[events(chunk("x" * 100_000), done=False)] * 100), **_TOO_LARGE),
    Case(9, "error page of 1 MB", status(500, body=b"x" * 1_000_000), **_TOO_LARGE),
    Case(
        9,
        "gzip bomb",
        sends(faults.bomb(64, events(chunk("x"), done=False)), headers={"content-encoding": "gzip"}),
        **_TOO_LARGE,
    ),
    Case(9, "endless white space", faults.endless(_SPACE), **_TOO_LARGE),
    Case(
        9,
        "repeated tokens",
        faults.endless(events(chunk('"A",' * 200), done=False), events(chunk('{"order":['), done=False)),
        outcome="cut",  # litellm counts equal pieces and gives up at a hundred of them
        memory=True,
    ),
    Case(
        9,
        "nesting of 100,000",
        says(lambda _: '{"order":' + "[" * 100_000, piece=100_100),
        fallback="invalid_output",
        outcome="complete",
        memory=True,
    ),
    Case(
        9,
        "integer of 5,000 digits",
        says(lambda p: '{"n":' + "7" * 5000 + "," + right(p)[1:], piece=5100),
        **_GOOD,
    ),
)


def _two_choices(prompt: object) -> bytes:
    order = order_of(prompt)
    first, second = chunk(reply(order)), chunk(reply(order[::-1]))
    both = {**first, "choices": [*first["choices"], {**second["choices"][0], "index": 1}]}
    return events(both, chunk(None, "stop"), usage())


ODD = (
    Case(10, "no choices", sends(events({**chunk("x"), "choices": []}, usage())), **_EMPTY),
    Case(10, "extra choices", sends(_two_choices), **_GOOD),
    Case(10, "null content", sends(events(chunk(None), chunk(None, "stop"), usage())), **_EMPTY),
    Case(
        10,
        "another model's name",
        sends(lambda p: whole(right(p)).replace(MODEL_NAME.encode(), b"evil-7b")),
        **_REJECTED,
    ),
)

WIRE_CASES = (*RATE, *SERVER_ERRORS, *CONFIGURATION, *CONNECTION, *SLOW, *STREAM, *BODY, *LARGE, *ODD)
