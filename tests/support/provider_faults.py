"""What a provider can do wrong, byte by byte: coroutines over an Exchange, put into `FaultServer.fault`.

Replies are made from the prompt that came: its aliases, and sentences that are true of its candidates.
"""

from __future__ import annotations

import asyncio
import json
import zlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from evals.simulated.dice import Dice
from evals.simulated.reading import RerankPrompt
from evals.simulated.sentences import write_sentence
from tests.support.fault_server import EVENTS, Exchange, Fault

MODEL_NAME = "fault-model-2026"

Text = Callable[[RerankPrompt], str]


def chunk(content: str | None = None, finish: str | None = None, **delta: Any) -> dict[str, Any]:
    """One chunk of an OpenAI stream."""
    choice = {"index": 0, "delta": {"content": content, **delta}, "finish_reason": finish}
    return {"id": "x", "object": "chat.completion.chunk", "created": 1, "model": MODEL_NAME, "choices": [choice]}


def usage(prompt: object = 900, completion: object = 120) -> dict[str, Any]:
    """The chunk that tells what the call cost."""
    return {**chunk(), "choices": [], "usage": {"prompt_tokens": prompt, "completion_tokens": completion}}


def events(*chunks: Mapping[str, Any], done: bool = True) -> bytes:
    """Server-sent events, characters as they are."""
    body = "".join(f"data: {json.dumps(c, ensure_ascii=False)}\n\n" for c in chunks)
    return (body + ("data: [DONE]\n\n" if done else "")).encode("utf-8", "surrogatepass")


def whole(
    text: str, *, finish: str = "stop", told: Mapping[str, Any] | None = None, piece: int = 40, **delta: Any
) -> bytes:
    """A complete stream of one text in pieces of so many characters."""
    pieces = [chunk(text[at : at + piece]) for at in range(0, len(text), piece)]
    return events(*pieces, chunk(None, finish, **delta), usage() if told is None else told)


def order_of(prompt: RerankPrompt, n: int = 10) -> list[str]:
    """Aliases, in the order of the prompt."""
    return [candidate.alias for candidate in prompt.candidates[:n]]


def true_sentence(prompt: RerankPrompt, alias: str) -> str:
    """A sentence about a candidate that its own line proves."""
    candidate = next(c for c in prompt.candidates if c.alias == alias)
    return write_sentence(prompt, candidate, 1, Dice(alias)).text


def reply(order: Sequence[object], why: Sequence[tuple[str, str]] = (), **more: object) -> str:
    """A reply as the prompt asks for it."""
    told = {"order": list(order), "why": [{"id": alias, "text": text} for alias, text in why], **more}
    return json.dumps(told, ensure_ascii=False)


def right(prompt: RerankPrompt) -> str:
    """A reply without a fault: ten aliases, a true sentence for each of them."""
    order = order_of(prompt)
    return reply(order, [(alias, true_sentence(prompt, alias)) for alias in order])


def says(text: Text, **ending: Any) -> Fault:
    """200, a complete stream, this text."""

    async def answer(x: Exchange) -> None:
        await x.head()
        await x.send(whole(text(x.asked.prompt), **ending))

    return answer


good = says(right)


def sends(*pieces: bytes | Callable[[RerankPrompt], bytes], headers: Mapping[str, str] | None = None) -> Fault:
    """200 and these bytes, then the end of the connection."""

    async def answer(x: Exchange) -> None:
        await x.head(200, headers)
        for piece in pieces:
            await x.send(piece if isinstance(piece, bytes) else piece(x.asked.prompt))

    return answer


def status(code: int, headers: Mapping[str, str] | None = None, body: bytes = b'{"error":{"message":"no"}}') -> Fault:
    """An error of the provider."""

    async def answer(x: Exchange) -> None:
        await x.whole(code, body, {"content-type": "application/json", **(headers or {})})

    return answer


def then(*faults: Fault) -> Fault:
    """One after the other, a request each; the last goes on."""

    async def answer(x: Exchange) -> None:
        await faults[min(x.number, len(faults)) - 1](x)

    return answer


def after(wait_s: float, fault: Fault) -> Fault:
    """The same, later."""

    async def answer(x: Exchange) -> None:
        await asyncio.sleep(wait_s)
        await fault(x)

    return answer


async def silence(x: Exchange) -> None:
    """Takes the request and says nothing, not even a status."""
    await x.forever()


async def reset(x: Exchange) -> None:
    """RST in place of an answer."""
    x.reset()


async def reset_midway(x: Exchange) -> None:
    """Half of a good answer, then RST."""
    await x.head()
    await x.send(head_of(x.asked.prompt))
    await asyncio.sleep(0.05)  # what was sent must arrive before the reset takes the rest away
    x.reset()


def head_of(prompt: RerankPrompt, n: int = 4) -> bytes:
    """The beginning of a stream: `n` aliases of an order, the last of which nothing follows."""
    order = ",".join(f'"{alias}"' for alias in order_of(prompt, n))
    return events(chunk('{"order":['), chunk(order), done=False)


async def stall(x: Exchange) -> None:
    """The beginning of a good answer, then silence."""
    await x.head()
    await x.send(head_of(x.asked.prompt))
    await x.forever()


def drip(pause_s: float = 0.02) -> Fault:
    """A byte at a time, so that a read never times out."""

    async def answer(x: Exchange) -> None:
        await x.head()
        for byte in whole(right(x.asked.prompt)):
            await x.send(bytes([byte]))
            await asyncio.sleep(pause_s)

    return answer


async def slow_close(x: Exchange) -> None:
    """A good answer on a connection that stays open."""
    await good(x)
    await x.forever()


async def half_close(x: Exchange) -> None:
    """The beginning of an answer, then FIN; the provider goes on listening."""
    await x.head()
    await x.send(head_of(x.asked.prompt))
    x.writer.write_eof()
    await x.forever()


async def keep_alives(x: Exchange) -> None:
    """Comments without end."""
    await x.head()
    while True:
        await x.send(b": keep-alive\n\n")
        await asyncio.sleep(0.005)


def endless(piece: bytes, first: bytes = b"", pause_s: float = 0.0) -> Fault:
    """The same bytes again and again."""

    async def answer(x: Exchange) -> None:
        await x.head()
        await x.send(first)
        while True:
            await x.send(piece)
            await asyncio.sleep(pause_s)

    return answer


async def split_characters(x: Exchange) -> None:
    """A good answer with characters of four bytes; packets end within one."""
    body = whole(right(x.asked.prompt) + " " + "\U0001f9e1" * 8)
    at = body.index("\U0001f9e1".encode())
    await x.head()
    for piece in (body[: at + 1], body[at + 1 : at + 3], body[at + 3 :]):
        await x.send(piece)
        await asyncio.sleep(0.02)  # else they would arrive as one


async def bad_chunk(x: Exchange) -> None:
    """Chunked, and in the middle a chunk whose size is no number."""
    await x.head(200, {"transfer-encoding": "chunked"})
    body = head_of(x.asked.prompt)
    await x.send(f"{len(body):x}\r\n".encode() + body + b"\r\n")
    await x.send(b"zz\r\nno chunk\r\n")


async def short_body(x: Exchange) -> None:
    """Fewer bytes than Content-Length promised."""
    await x.head(200, {"content-length": "100000"})
    await x.send(head_of(x.asked.prompt))


async def stale(x: Exchange) -> None:
    """Every second request of a connection finds it closed."""
    served = x.state.setdefault("served", set())
    if x.asked.connection in served:
        x.reset()
        return
    served.add(x.asked.connection)
    x.keep = True
    await x.whole(200, whole(right(x.asked.prompt)), {"content-type": EVENTS})


def redirect(location: str) -> Fault:
    """Elsewhere."""
    return status(307, {"location": location}, b"")


def bomb(megabytes: int, first: bytes = b"") -> bytes:
    """Gzip of white space behind the beginning of a stream: a thousand times as large as it looks."""
    packer = zlib.compressobj(wbits=31)
    packed = [packer.compress(first)]
    packed += [packer.compress(b" " * 1_000_000) for _ in range(megabytes)]
    return b"".join([*packed, packer.flush()])
