"""Faults of server and network: each turns the script of a good answer into another script."""

from __future__ import annotations

import json
import time
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from email.utils import formatdate
from functools import lru_cache
from typing import Any

from evals.simulated.script import DONE, Piece, Script, json_script, sse
from evals.simulated.wire import error_body

DRIP_MS = 200
BOMB_MEGABYTES = 200
_SSE = "text/event-stream; charset=utf-8"
_HTML = b"<!doctype html><html><head><title>Gateway</title></head><body><h1>It works!</h1></body></html>"


@dataclass(frozen=True, slots=True)
class WireFault:
    """What a fault does, in words and as a function of (good script, detail)."""

    says: str
    apply: Callable[[Script, str], Script]


def _streams(script: Script) -> bool:
    return dict(script.headers)["content-type"] == _SSE


def _first_s(script: Script) -> float:
    """When the answer would begin; a whole answer is taken to begin at once."""
    return script.pieces[0].at_s if script.pieces and _streams(script) else 0.0


def _error(status: int, message: str, kind: str, code: str | None = None) -> Callable[[Script, str], Script]:
    def apply(_script: Script, _detail: str) -> Script:
        return json_script(status, error_body(message, kind=kind, code=code))

    return apply


def _too_many(_script: Script, detail: str) -> Script:
    body = error_body("Rate limit reached for requests.", kind="requests", code="rate_limit_exceeded")
    return json_script(429, body, _retry_after(detail))


def _retry_after(detail: str) -> list[tuple[str, str]]:
    """Headers of one 429: a named variant, or any other detail as the value itself; none without detail."""
    if detail in {"", "none"}:
        return []
    if detail == "ms":
        return [("retry-after-ms", "1500")]
    if detail == "date":
        return [("retry-after", formatdate(time.time() + 20, usegmt=True))]
    named = {"int": "2", "float": "1.5", "zero": "0", "negative": "-5", "nan": "nan", "day": "86400"}
    return [("retry-after", named.get(detail, detail))]


def _halfway(script: Script) -> tuple[tuple[str, str], ...]:
    """Headers of a body that will not be completed: a whole answer promises all of its bytes."""
    if _streams(script):
        return script.headers
    return (*script.headers, ("content-length", str(len(script.body))))


def _first_half(script: Script) -> tuple[Piece, ...]:
    """The first half of a stream's chunks, the last of them in the middle of its bytes; or half of the body."""
    if not _streams(script):
        body = script.body
        return (Piece(script.pieces[-1].at_s, body[: len(body) // 2]),)
    kept = script.pieces[: max(2, len(script.pieces) // 2)]
    last = kept[-1]
    return (*kept[:-1], Piece(last.at_s, last.data[: len(last.data) // 2]))


def _cut(script: Script, _detail: str) -> Script:
    return replace(script, headers=_halfway(script), pieces=_first_half(script), ending="abort")


def _stall(script: Script, _detail: str) -> Script:
    return replace(script, headers=_halfway(script), pieces=_first_half(script), ending="silence")


def _hang(script: Script, _detail: str) -> Script:
    return replace(script, pieces=(), ending="silence", answers=False)


def _no_terminator(script: Script, _detail: str) -> Script:
    """A stream without finish chunk, usage and [DONE]; a body that ends in the middle of its JSON."""
    if not _streams(script):
        return replace(script, pieces=_first_half(script))
    kept = [
        piece
        for piece in script.pieces
        if piece.data != DONE and _finish_of(piece.data) is None and _choices(piece.data)
    ]
    return replace(script, pieces=tuple(kept))


def _choices(data: bytes) -> list[dict[str, Any]]:
    choices: list[dict[str, Any]] = json.loads(data.removeprefix(b"data: "))["choices"]
    return choices


def _finish_of(data: bytes) -> str | None:
    choices = _choices(data)
    return choices[0]["finish_reason"] if choices else None


def _error_event(script: Script, _detail: str) -> Script:
    body = error_body("The server had an error while processing your request.", kind="server_error")
    if not _streams(script):
        return json_script(200, body, at_s=script.pieces[-1].at_s)
    kept = script.pieces[: max(2, len(script.pieces) // 2)]
    return replace(script, pieces=(*kept, Piece(kept[-1].at_s, sse(body))))


def _drip(script: Script, detail: str) -> Script:
    """One byte at a time; headers at once."""
    gap_s = (float(detail) if detail else DRIP_MS) / 1000
    start_s = _first_s(script)
    body = script.body
    pieces = tuple(Piece(start_s + i * gap_s, body[i : i + 1]) for i in range(len(body)))
    return replace(script, pieces=pieces, start_s=start_s)


def _split_utf8(script: Script, _detail: str) -> Script:
    """Writes of 31 bytes, 1 ms apart, with a character of four bytes before every text."""
    body = script.body.replace(b'"content":"', '"content":"\U0001f9e1'.encode()) if _streams(script) else script.body
    start_s = _first_s(script)
    pieces = tuple(Piece(start_s + i / 31_000, body[i : i + 31]) for i in range(0, len(body), 31))
    return replace(script, pieces=pieces)


def _keepalives(script: Script, _detail: str) -> Script:
    repeated = b": keep-alive\n\n" if _streams(script) else b" "
    return replace(script, pieces=(), start_s=0.0, ending="repeat", repeated=repeated)


def _whitespace(script: Script, _detail: str) -> Script:
    """The beginning of the answer, then white space without end: 16 KB every 10 ms."""
    if not _streams(script):
        body = script.body
        kept: tuple[Piece, ...] = (Piece(script.pieces[-1].at_s, body[: body.find(b'"choices"')]),)
        return replace(script, pieces=kept, ending="repeat", repeated=b" " * 16_384, repeat_s=0.01)
    kept = script.pieces[:2]
    event = json.loads(kept[-1].data.removeprefix(b"data: "))
    for choice in event["choices"]:
        choice["delta"] = {"content": " " * 16_384}
    return replace(script, pieces=kept, ending="repeat", repeated=sse(event), repeat_s=0.01)


def _body(script: Script, data: bytes, content_type: str, status: int = 200) -> Script:
    return Script(status, (("content-type", content_type),), (Piece(_first_s(script), data),) if data else ())


def _redirect(script: Script, detail: str) -> Script:
    target = detail if detail else "http://127.0.0.2:9/v1/chat/completions"
    return replace(_body(script, b"", "text/plain", 307), headers=(("location", target),))


def _bomb(script: Script, detail: str) -> Script:
    """The beginning of the answer, then white space that is small on the wire and large when inflated."""
    megabytes = int(detail) if detail else BOMB_MEGABYTES
    first = script.pieces[0].data if _streams(script) else b"{"
    headers = (*script.headers, ("content-encoding", "gzip"))
    return replace(script, headers=headers, pieces=(Piece(_first_s(script), _inflatable(first, megabytes)),))


@lru_cache(maxsize=2)
def _inflatable(first: bytes, megabytes: int) -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, zlib.MAX_WBITS | 16)
    packed = [packer.compress(first)]
    packed += [packer.compress(b" " * 1_000_000) for _ in range(megabytes)]
    return b"".join([*packed, packer.flush()])


WIRE_FAULTS: Mapping[str, WireFault] = {
    "hang": WireFault("accepts the request and never answers, not even a status line", _hang),
    "stall": WireFault("half of the answer, then silence on an open connection", _stall),
    "cut": WireFault("half of the answer, then the connection is closed", _cut),
    "no_terminator": WireFault("ends without finish_reason and [DONE]; unstreamed: half a body", _no_terminator),
    "error_event": WireFault("200, half of the chunks, then an error event", _error_event),
    "drip": WireFault("one byte every 0.2 s; detail: milliseconds", _drip),
    "split_utf8": WireFault("writes of 31 bytes that split characters", _split_utf8),
    "keepalives": WireFault("200, then keep-alive comments without end", _keepalives),
    "whitespace": WireFault("the answer begins, then white space without end", _whitespace),
    "empty": WireFault(
        "200 with an empty body", lambda script, _: _body(script, b"", dict(script.headers)["content-type"])
    ),
    "no_content": WireFault("204", lambda script, _: replace(_body(script, b"", "", 204), headers=())),
    "html200": WireFault("200 with an HTML page", lambda script, _: _body(script, _HTML, "text/html; charset=utf-8")),
    "wrong_content_type": WireFault(
        "the right bytes as text/plain; charset=latin-1",
        lambda script, _: replace(script, headers=(("content-type", "text/plain; charset=latin-1"),)),
    ),
    "bom": WireFault(
        "a byte order mark first",
        lambda script, _: replace(script, pieces=(Piece(script.pieces[0].at_s, b"\xef\xbb\xbf"), *script.pieces)),
    ),
    "redirect": WireFault("307 to another host; detail: address", _redirect),
    "gzip_bomb": WireFault("a gzip body that inflates to 200 MB; detail: megabytes", _bomb),
    "error400": WireFault("400", _error(400, "Invalid request.", "invalid_request_error")),
    "error401": WireFault(
        "401", _error(401, "Incorrect API key provided.", "invalid_request_error", "invalid_api_key")
    ),
    "error403": WireFault("403", _error(403, "You are not allowed to use this model.", "permission_error")),
    "error404": WireFault("404", _error(404, "The model does not exist.", "invalid_request_error", "model_not_found")),
    "error413": WireFault("413", _error(413, "The request is too large.", "invalid_request_error")),
    "context_overflow": WireFault(
        "400 context_length_exceeded",
        _error(400, "The maximum context length is exceeded.", "invalid_request_error", "context_length_exceeded"),
    ),
    "error429": WireFault(
        "429; detail: Retry-After as int, float, date, ms, zero, negative, nan, day or any value", _too_many
    ),
    "quota": WireFault(
        "429 insufficient_quota", _error(429, "You exceeded your quota.", "insufficient_quota", "insufficient_quota")
    ),
    "error500": WireFault("500", _error(500, "The server had an error.", "server_error")),
    "error502": WireFault("502", _error(502, "Bad gateway.", "server_error")),
    "error503": WireFault("503", _error(503, "The engine is overloaded.", "server_error")),
    "error504": WireFault("504", _error(504, "Gateway time-out.", "server_error")),
    "error529": WireFault("529", _error(529, "Overloaded.", "overloaded_error")),
}
"""By name."""
