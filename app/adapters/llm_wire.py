"""What really went over the wire in one model call, and the limits that hold there whatever a library does above.

litellm hides status codes, invents a finish reason for a stream that was cut, and follows redirects. So one transport
below every provider's client writes down what came, refuses what is no answer, and stops at the byte cap.
"""

from __future__ import annotations

import asyncio
import re
import zlib
from collections.abc import AsyncIterator, Callable
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Literal

import httpx

MAX_BYTES = 256 * 1024
"""Most bytes of one reply, on the wire and decoded."""

WireFault = Literal["too_large", "redirect", "wrong_type", "bad_encoding"]

_END = re.compile(
    rb'"(?:finish_reason|finishReason|stop_reason|stopReason|done_reason)"\s*:\s*"'
    rb'|^data:\s*\[DONE\]|"done"\s*:\s*true|"type"\s*:\s*"message_stop"',
    re.MULTILINE,
)
_REFUSAL = re.compile(rb'"refusal"\s*:\s*"[^"]')
_MODEL = re.compile(rb'"model(?:Version)?"\s*:\s*"([^"\\]{1,120})"')
_DONE = re.compile(rb"^data:\s*\[DONE\]", re.MULTILINE)
_HEAD_BYTES = 8192
_TAIL_BYTES = 64
_DECODED_STEP = 32 * 1024


class WireRefused(httpx.TransportError):
    """The transport would not go on; `WireFacts.fault` says why."""


@dataclass(slots=True)
class WireFacts:
    """Everything that one attempt showed on the wire. Set it as `CURRENT` before the call; the transport fills it."""

    requests: int = 0
    status: int | None = None
    headers: httpx.Headers = field(default_factory=httpx.Headers)
    fault: WireFault | None = None
    body: bytearray = field(default_factory=bytearray)  # decoded, at most MAX_BYTES
    streams: list[httpx.AsyncByteStream] = field(default_factory=list)
    on_bytes: Callable[[], None] | None = None  # called after each piece of the body
    connect_s: float | None = None  # how long connecting may take; None: as long as the client's own limit says
    enough: Callable[[], bool] | None = None  # whether all that matters was passed on before the last event
    drained: asyncio.Event = field(default_factory=asyncio.Event)  # the body is read to its end, the connection is free

    @property
    def ended(self) -> bool:
        """Whether the provider said that its reply was over. A stream that just stops was cut."""
        return _END.search(self.body) is not None

    @property
    def done(self) -> bool:
        """Whether the last event of an OpenAI stream is here."""
        return _DONE.search(self.body, max(0, len(self.body) - _TAIL_BYTES)) is not None

    @property
    def refused(self) -> bool:
        """Whether the reply holds a refusal field with something in it."""
        return _REFUSAL.search(self.body) is not None

    @property
    def model(self) -> str | None:
        """The model that the provider says it asked."""
        found = _MODEL.search(bytes(self.body[:_HEAD_BYTES]))
        return None if found is None else found[1].decode("utf-8", "replace")

    async def close(self) -> None:
        """Gives every connection of the attempt back; a library that was interrupted may not have."""
        for stream in self.streams:
            await stream.aclose()
        self.streams.clear()


CURRENT: ContextVar[WireFacts | None] = ContextVar("model_call_wire", default=None)
"""Facts of the attempt that this task is making. A context variable, since litellm passes no user data down."""


class CappedTransport(httpx.AsyncBaseTransport):
    """Refuses redirects, wrong content types and replies over the cap, and notes what came in `CURRENT`."""

    def __init__(self, inner: httpx.AsyncBaseTransport) -> None:
        self._inner = inner

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """The response with a body that ends at the cap, decoded.

        Raises: WireRefused: a redirect, a content type that no model API has, or an encoding that was not asked for.
        """
        facts = CURRENT.get() or WireFacts()
        request.headers["accept-encoding"] = "identity"  # nothing to inflate; those who don't listen are decoded below
        facts.requests += 1
        if facts.connect_s is not None:
            request.extensions["timeout"] = {**request.extensions.get("timeout", {}), "connect": facts.connect_s}
        response = await self._inner.handle_async_request(request)
        facts.status = response.status_code
        facts.headers = response.headers
        inner = response.stream
        if not isinstance(inner, httpx.AsyncByteStream):
            raise WireRefused("the response has no body that can be streamed")
        facts.streams.append(inner)
        facts.fault = _fault(response)
        if facts.fault is not None:
            raise WireRefused(facts.fault)
        headers = [
            (name, value)
            for name, value in response.headers.raw
            if name.lower() not in (b"content-encoding", b"content-length")
        ]
        stream = _CappedStream(inner, facts, response.headers.get("content-encoding", ""))
        return httpx.Response(response.status_code, headers=headers, stream=stream, extensions=response.extensions)

    async def aclose(self) -> None:
        """Closes the pool below."""
        await self._inner.aclose()


def _fault(response: httpx.Response) -> WireFault | None:
    if 300 <= response.status_code < 400:
        return "redirect"
    if response.status_code >= 400:
        return None
    kind = response.headers.get("content-type", "").lower()
    if kind and not any(known in kind for known in ("json", "event-stream", "eventstream")):
        return "wrong_type"
    charset = re.search(r"charset=\"?([\w-]+)", kind)
    if charset is not None and charset[1] not in ("utf-8", "utf8", "us-ascii"):
        return "wrong_type"
    if response.headers.get("content-encoding", "identity").lower() not in ("identity", "gzip", "deflate", ""):
        return "bad_encoding"
    return None


class _CappedStream(httpx.AsyncByteStream):
    def __init__(self, inner: httpx.AsyncByteStream, facts: WireFacts, encoding: str) -> None:
        self._inner = inner
        self._facts = facts
        self._inflater = zlib.decompressobj(zlib.MAX_WBITS | 32) if encoding.lower() in ("gzip", "deflate") else None

    async def __aiter__(self) -> AsyncIterator[bytes]:
        on_wire = 0
        async for chunk in self._inner:
            on_wire += len(chunk)
            if on_wire > MAX_BYTES:
                self._stop("too_large")
            for piece in self._decoded(chunk):
                if len(self._facts.body) + len(piece) > MAX_BYTES:
                    self._stop("too_large")
                self._facts.body += piece
                if self._facts.on_bytes is not None:
                    self._facts.on_bytes()
                last = piece.rfind(b"data:") if self._facts.done else 0
                if last > 0:
                    yield piece[:last]
                    if self._facts.enough is not None and self._facts.enough():
                        await self._hold_back()
                yield piece[max(last, 0) :]

    async def _hold_back(self) -> None:
        """Keeps the last event from the library above, until it is interrupted.

        It would add up in a thread for 10 to 20 ms what the wire has told already, just when the answer is being made.
        The rest of the body is read, so that the connection can serve the next call.
        """
        async for _ in self._inner:
            pass
        self._facts.drained.set()
        await asyncio.Event().wait()

    def _decoded(self, chunk: bytes) -> list[bytes]:
        """The chunk in steps, so that a bomb is noticed before it has gone off."""
        if self._inflater is None:
            return [chunk]
        pieces: list[bytes] = []
        total = len(self._facts.body)
        while chunk and not self._inflater.eof:
            try:
                piece = self._inflater.decompress(chunk, _DECODED_STEP)
            except zlib.error:
                self._stop("bad_encoding")
            total += len(piece)
            if total > MAX_BYTES:
                self._stop("too_large")
            pieces.append(piece)
            chunk = self._inflater.unconsumed_tail
        return pieces

    def _stop(self, fault: WireFault) -> None:
        self._facts.fault = fault
        raise WireRefused(fault)

    async def aclose(self) -> None:
        await self._inner.aclose()
