"""A model provider that misbehaves on the wire: raw sockets, no HTTP framework, every byte and pause ours.

    with FaultServer() as provider:
        provider.fault = drip            # one of tests.support.provider_faults, or any coroutine over an Exchange
        ... the service with LLM_API_BASE = provider.url ...

It runs on an event loop in a thread of its own, so what it does cannot hold up the service under test.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import ssl
import struct
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from evals.simulated.reading import RerankPrompt, Turn, read_rerank
from tests.support.loop_thread import LoopThread

EVENTS = "text/event-stream; charset=utf-8"


@dataclass(frozen=True)
class Asked:
    """One request as it came."""

    at_s: float  # time.monotonic()
    headers: Mapping[str, str]
    body: Mapping[str, Any]
    connection: int  # number of the connection that it came on, from 1

    @cached_property
    def prompt(self) -> RerankPrompt:
        """Its candidates and the lines about the shopper."""
        turns = [Turn(m["role"], str(m.get("content") or "")) for m in self.body["messages"]]
        found = read_rerank(turns)
        assert found is not None, "this request is no rerank prompt"
        return found


@dataclass
class Exchange:
    """One request and the means to answer it wrongly. The connection is closed at the end unless `keep` is set."""

    asked: Asked
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    number: int  # of the request at this server, from 1
    keep: bool = False
    state: dict[str, Any] = field(default_factory=dict)  # shared by all exchanges of one fault

    async def head(self, status: int = 200, headers: Mapping[str, str] | None = None) -> None:
        """Status line and headers; server-sent events unless the headers say otherwise."""
        sent = {"content-type": EVENTS, "connection": "close", **(headers or {})}
        lines = "".join(f"{name}: {value}\r\n" for name, value in sent.items())
        await self.send(f"HTTP/1.1 {status} Fault\r\n{lines}\r\n".encode())

    async def send(self, data: bytes) -> None:
        """Bytes as they are."""
        self.writer.write(data)
        await self.writer.drain()

    async def whole(self, status: int, body: bytes, headers: Mapping[str, str] | None = None) -> None:
        """An answer with its length, after which the connection may be used again where the fault sets `keep`."""
        connection = {"connection": "keep-alive"} if self.keep else {}
        await self.head(status, {"content-length": str(len(body)), **connection, **(headers or {})})
        await self.send(body)

    def reset(self) -> None:
        """Ends the connection with RST, whatever was sent before."""
        held = self.writer.get_extra_info("socket")
        held.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()

    async def forever(self) -> None:
        """Silence until the other side leaves."""
        await self.reader.read()


Fault = Callable[[Exchange], Awaitable[None]]
Connected = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class FaultServer:
    """The provider. Use as a context manager; `fault` may be changed at any time."""

    def __init__(self, *, tls: ssl.SSLContext | None = None, raw: Connected | None = None) -> None:
        """Args: raw: instead of HTTP, what to do with each connection; tls: certificates to show."""
        self._tls = tls
        self._raw = raw
        self._fault: Fault | None = None
        self._state: dict[str, Any] = {}
        self._serving: set[asyncio.Task[None]] = set()
        self._writers: set[asyncio.StreamWriter] = set()
        self._connections = 0
        self.requests: list[Asked] = []

    def __enter__(self) -> FaultServer:
        self._thread = LoopThread("fault server")
        self._server = self._thread.call(self._listen())
        self.port: int = self._server.sockets[0].getsockname()[1]
        return self

    def __exit__(self, *_: object) -> None:
        self._server.close()
        self.drop()
        self._thread.stop()

    @property
    def url(self) -> str:
        """What LLM_API_BASE takes."""
        return f"{'http' if self._tls is None else 'https'}://127.0.0.1:{self.port}/v1"

    @property
    def fault(self) -> Fault | None:
        """What answers."""
        return self._fault

    @fault.setter
    def fault(self, fault: Fault) -> None:
        """Puts another fault in place, and forgets the requests so far."""
        self._fault, self._state = fault, {}
        self.requests.clear()

    def drop(self) -> None:
        """Takes every connection away, and ends whatever is still being said on them."""
        self._thread.call(self._drop())

    def connections(self) -> int:
        """Connections that are open."""
        return len(self._writers)

    async def _listen(self) -> asyncio.Server:
        return await asyncio.start_server(self._connected, "127.0.0.1", 0, ssl=self._tls, limit=2**22)

    async def _drop(self) -> None:
        for task in list(self._serving):
            task.cancel()
        for writer in list(self._writers):
            writer.transport.abort()
        if self._serving:
            await asyncio.wait(set(self._serving), timeout=5)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._serving.add(task)
        self._writers.add(writer)
        self._connections += 1
        number = self._connections
        try:
            if self._raw is not None:
                await self._raw(reader, writer)
                return
            while await self._answer(reader, writer, number):
                pass
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError, ssl.SSLError):
            pass  # the other side left, or this one was told to
        finally:
            self._serving.discard(task)
            self._writers.discard(writer)
            with contextlib.suppress(OSError):
                writer.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, connection: int) -> bool:
        """Answers one request; whether another may follow on the connection."""
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        lines = [line.partition(":") for line in head.split("\r\n")[1:] if line]
        headers = {name.lower(): value.strip() for name, _, value in lines}
        body = await reader.readexactly(int(headers.get("content-length", "0")))
        asked = Asked(time.monotonic(), headers, json.loads(body or b"{}"), connection)
        self.requests.append(asked)
        exchange = Exchange(asked, reader, writer, len(self.requests), state=self._state)
        assert self._fault is not None
        await self._fault(exchange)
        return exchange.keep and not writer.is_closing()


@contextmanager
def black_hole() -> Iterator[str]:
    """The base URL of an address that lets nobody in: its backlog is full, so that a connect is never answered."""
    with socket.socket() as listener, contextlib.ExitStack() as held:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(4):  # Linux takes one or two more than it was told
            waiting = held.enter_context(socket.socket())
            waiting.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                waiting.connect(listener.getsockname())
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/v1"


@contextmanager
def closed_port() -> Iterator[str]:
    """The base URL of an address where nobody listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{taken.getsockname()[1]}/v1"
