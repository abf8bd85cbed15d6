"""An answer as bytes with the times at which they are sent. Everything that goes out is a script, faults included."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from evals.simulated.dice import Dice, fingerprint
from evals.simulated.knobs import Knobs
from evals.simulated.reply import Reply
from evals.simulated.tokens import TokenRule, chunked
from evals.simulated.wire import ChatRequest

CREATED = 1_767_225_600  # 2026-01-01: the same request gives the same bytes
BIG_TEXT = 50_000  # characters; above, a text is sent in slices and not token by token
SLICE = 65_536
_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))
DONE = b"data: [DONE]\n\n"

Ending = Literal[
    "complete",  # the HTTP message ends properly
    "abort",  # the connection is closed in the middle of the message
    "silence",  # nothing more comes, and the connection stays open
    "repeat",  # `repeated` is sent again and again
]


@dataclass(frozen=True, slots=True)
class Piece:
    """Bytes that go out in one write, `at_s` seconds after the request was read."""

    at_s: float
    data: bytes


@dataclass(frozen=True, slots=True)
class Script:
    """One answer. Status line and headers go out with the first piece, or at `start_s` when there is none."""

    status: int
    headers: tuple[tuple[str, str], ...]
    pieces: tuple[Piece, ...]
    ending: Ending = "complete"
    start_s: float = 0.0
    repeated: bytes = b""
    repeat_s: float = 0.1
    answers: bool = True  # False: not even a status line is ever sent

    @property
    def body(self) -> bytes:
        """All bytes, as if there were no time."""
        return b"".join(piece.data for piece in self.pieces)


def first_token_s(knobs: Knobs, dice: Dice) -> float:
    """Seconds to the first token."""
    factor = math.exp(knobs.jitter * dice.normal("ttft")) if knobs.jitter > 0 else 1.0
    return knobs.ttft_ms / 1000 * factor


def script_of(request: ChatRequest, reply: Reply, knobs: Knobs, tokens: TokenRule, request_hash: str) -> Script:
    """The reply as it goes over the wire, streamed or in one piece, timed by the knobs."""
    dice = Dice(fingerprint("script", knobs.seed, request_hash))
    chunks = _chunks(reply, tokens, dice)
    first = first_token_s(knobs, dice)
    identity = {"id": f"chatcmpl-simulated-{request_hash[:20]}", "created": CREATED, "model": reply.model}
    if request.stream:
        return _streamed(reply, chunks, identity, first, knobs, tokens, dice, include_usage=request.include_usage)
    total = first + _seconds(sum(count for _, count in chunks), knobs)
    body = _json(_completion(reply, identity))
    return Script(200, (("content-type", "application/json"),), (Piece(total, body),))


def _chunks(reply: Reply, tokens: TokenRule, dice: Dice) -> list[tuple[str, int]]:
    text = reply.text if reply.text is not None else reply.refusal
    if text is None:
        return []
    if len(text) > BIG_TEXT:
        return [(text[i : i + SLICE], 0) for i in range(0, len(text), SLICE)]
    return chunked(tokens.pieces(text), dice)


def _seconds(count: int, knobs: Knobs) -> float:
    return count / knobs.tokens_per_s if knobs.tokens_per_s > 0 else 0.0


def _streamed(
    reply: Reply,
    chunks: Sequence[tuple[str, int]],
    identity: dict[str, Any],
    first_s: float,
    knobs: Knobs,
    tokens: TokenRule,
    dice: Dice,
    *,
    include_usage: bool,
) -> Script:
    base = {**identity, "object": "chat.completion.chunk", "system_fingerprint": "fp_simulated"}
    if include_usage:
        base["usage"] = None

    def event(delta: dict[str, Any], finish: str | None = None) -> bytes:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
        return sse(base | {"choices": [choice] * reply.choices})

    field = "content" if reply.text is not None or reply.tools else "refusal"
    pieces = [Piece(first_s, event({"role": "assistant", "content": "" if reply.text is not None else None}))]
    sent = 0
    for n, asked in enumerate(reply.tools):
        head = {"index": n, "id": f"call_{n}", "type": "function", "function": {"name": asked.name, "arguments": ""}}
        pieces.append(Piece(first_s, event({"tool_calls": [head]})))
        for text, count in chunked(tokens.pieces(asked.arguments), dice):
            sent += count
            part = {"index": n, "function": {"arguments": text}}
            pieces.append(Piece(first_s + _seconds(max(0, sent - 1), knobs), event({"tool_calls": [part]})))
    for text, count in chunks:
        # The first token of all is there at first_s; a chunk leaves when its last token is.
        sent += count
        pieces.append(Piece(first_s + _seconds(max(0, sent - 1), knobs), event({field: text})))
    end_s = pieces[-1].at_s
    pieces.append(Piece(end_s, event({}, reply.finish_reason)))
    if include_usage and reply.usage is not None:
        pieces.append(Piece(end_s, sse(base | {"choices": [], "usage": reply.usage})))
    pieces.append(Piece(end_s, DONE))
    return Script(200, (("content-type", "text/event-stream; charset=utf-8"),), tuple(pieces))


def _completion(reply: Reply, identity: dict[str, Any]) -> dict[str, Any]:
    message: dict[str, Any] = {"role": "assistant", "content": reply.text, "refusal": reply.refusal}
    if reply.tools:
        message["tool_calls"] = [
            {"id": f"call_{n}", "type": "function", "function": {"name": t.name, "arguments": t.arguments}}
            for n, t in enumerate(reply.tools)
        ]
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": reply.finish_reason}
    whole = {
        **identity,
        "object": "chat.completion",
        "choices": [choice] * reply.choices,
        "system_fingerprint": "fp_simulated",
    }
    return whole | ({"usage": reply.usage} if reply.usage is not None else {})


def json_script(status: int, body: object, headers: Sequence[tuple[str, str]] = (), at_s: float = 0.0) -> Script:
    """A JSON answer in one piece."""
    return Script(status, (("content-type", "application/json"), *headers), (Piece(at_s, _json(body)),))


def sse(value: object) -> bytes:
    """One server-sent event."""
    return b"data: " + _json(value) + b"\n\n"


def _json(value: object) -> bytes:
    # Escaped where UTF-8 has no form for it: a lone surrogate must be able to reach the client.
    try:
        return _ENCODER.encode(value).encode()
    except UnicodeEncodeError:
        return json.dumps(value, ensure_ascii=True, separators=(",", ":")).encode()
