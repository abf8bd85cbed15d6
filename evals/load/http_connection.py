"""HTTP/1.1 on one kept-open connection, as little of it as a load generator needs.

A reader of streams costs more than the service's cheapest answers; this one looks for the end of the head and counts
bytes. Lengths and chunks are understood, compression is never asked for, redirects are answers like any other.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import cast

_END = b"\r\n\r\n"
_MOST_HEAD = 65_536


class Broken(ConnectionError):
    """The connection ended before the answer did; `begun` says whether any of it had come."""

    def __init__(self, message: str, *, begun: bool) -> None:
        super().__init__(message)
        self.begun = begun


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer, read to its end."""

    status: int
    retry_after: bool  # whether it says when to come again
    body: bytes


class Connection(asyncio.Protocol):
    """One request at a time; `open` makes it, `ask` sends, `close` ends it."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._waiting: asyncio.Future[Answer] | None = None
        self._data = bytearray()
        self._head: bytes | None = None
        self._length: int | None = None  # of the body; None: chunked, or until the connection ends
        self._chunked = False
        self.usable = False
        self.idle_since = 0.0

    @classmethod
    async def open(cls, host: str, port: int) -> Connection:
        """A connection. Raises OSError."""
        _, made = await asyncio.get_running_loop().create_connection(cls, host, port)
        return made

    async def ask(self, request: bytes) -> Answer:
        """Sends the bytes of a request and reads its answer. Raises Broken, OSError."""
        if self._transport is None or not self.usable:
            raise Broken("the connection was closed", begun=False)
        self._waiting = asyncio.get_running_loop().create_future()
        self._head, self._length, self._chunked = None, None, False
        self._data.clear()
        self._transport.write(request)
        return await self._waiting

    def close(self) -> None:
        """Ends the connection; what is being asked is given up."""
        self.usable = False
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Called by the loop."""
        self._transport, self.usable = cast(asyncio.Transport, transport), True

    def data_received(self, data: bytes) -> None:
        """Called by the loop."""
        self._data += data
        if self._head is None and not self._read_head():
            return
        if self._chunked:
            body = _unchunked(self._data)
            if body is not None:
                self._answered(body)
        elif self._length is not None and len(self._data) >= self._length:
            self._answered(bytes(self._data[: self._length]))

    def connection_lost(self, error: Exception | None) -> None:
        """Called by the loop."""
        self.usable = False
        if self._waiting is None or self._waiting.done():
            return
        if error is None and self._head is not None and self._length is None and not self._chunked:
            self._answered(bytes(self._data))  # the end of the connection is the end of the body
            return
        begun = self._head is not None or bool(self._data)
        self._waiting.set_exception(Broken(f"the connection ended: {error or 'closed'}", begun=begun))

    def _read_head(self) -> bool:
        end = self._data.find(_END)
        if end < 0:
            if len(self._data) > _MOST_HEAD:
                self.close()
            return False
        self._head = bytes(self._data[:end]).lower()
        del self._data[: end + len(_END)]
        self._chunked = b"chunked" in (header(self._head, b"transfer-encoding") or b"")
        length = header(self._head, b"content-length")
        self._length = int(length) if length is not None and length.isdigit() else None
        if self._head[9:12] == b"204":
            self._length = 0
        return True

    def _answered(self, body: bytes) -> None:
        head, waiting = self._head, self._waiting
        if head is None or waiting is None or waiting.done():
            return
        if header(head, b"connection") == b"close":
            self.usable = False
        status = int(head[9:12]) if head[9:12].isdigit() else 0
        waiting.set_result(Answer(status, header(head, b"retry-after") is not None, body))


def header(head: bytes, name: bytes) -> bytes | None:
    """The value of a header in a head in lower case; None where it is not there."""
    at = head.find(b"\r\n" + name + b":")
    if at < 0:
        return None
    start = at + len(name) + 3
    end = head.find(b"\r\n", start)
    return head[start : len(head) if end < 0 else end].strip()


def _unchunked(data: bytearray) -> bytes | None:
    """The body of chunks; None while its end has not come."""
    if not data.endswith(b"0\r\n\r\n"):
        return None  # trailers are not understood; this service sends none
    parts: list[bytes] = []
    at = 0
    while True:
        end = data.find(b"\r\n", at)
        if end < 0:
            return None
        size = int(data[at:end].split(b";")[0], 16)
        if size == 0:
            return b"".join(parts)
        parts.append(bytes(data[end + 2 : end + 2 + size]))
        at = end + 2 + size + 2
        if at > len(data):
            return None
