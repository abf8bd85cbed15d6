"""The generator's own HTTP, against a server that writes given bytes."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from evals.load.generator import Clients
from evals.load.http_connection import Answer, Broken, Connection, header
from evals.load.open_loop import Planned

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
ASKED = Planned(0.0, "slate", b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")


async def served(serve: Serve) -> tuple[asyncio.Server, int]:
    async def closing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await serve(reader, writer)
        finally:
            writer.close()

    server = await asyncio.start_server(closing, "127.0.0.1", 0)
    return server, server.sockets[0].getsockname()[1]


def writing(*pieces: bytes) -> Serve:
    """Answers one request with these bytes, a piece at a time, and then closes."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(0)

    return serve


async def asked(*pieces: bytes) -> Answer:
    server, port = await served(writing(*pieces))
    async with server:
        connection = await Connection.open("127.0.0.1", port)
        try:
            return await connection.ask(ASKED.request)
        finally:
            connection.close()


@pytest.mark.parametrize(
    ("pieces", "answer"),
    [
        ((b"HTTP/1.1 200 OK\r\nContent-Le", b"ngth: 4\r\n\r\nab", b"cd"), Answer(200, False, b"abcd")),
        ((b"HTTP/1.1 503 X\r\nretry-after: 1\r\nContent-Length: 0\r\n\r\n",), Answer(503, True, b"")),
        (
            (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r", b"\n2\r\nde\r\n0\r\n", b"\r\n"),
            Answer(200, False, b"abcde"),
        ),
        ((b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nuntil ", b"the end"), Answer(200, False, b"until the end")),
        ((b"HTTP/1.1 204 No Content\r\n\r\n",), Answer(204, False, b"")),
    ],
)
async def test_an_answer_is_read_to_its_end(pieces: tuple[bytes, ...], answer: Answer) -> None:
    """By length, by chunks or by the end of the connection, however the bytes are cut."""
    assert await asked(*pieces) == answer


@pytest.mark.parametrize(
    ("pieces", "begun"),
    [((), False), ((b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nab",), True), ((b"HTTP/1.1 200",), True)],
)
async def test_an_answer_that_breaks_off_is_none(pieces: tuple[bytes, ...], begun: bool) -> None:
    """A cut answer is no short one; whether it had begun is told, for only what had not may be asked again."""
    with pytest.raises(Broken) as broken:
        await asked(*pieces)
    assert broken.value.begun is begun


async def test_a_kept_connection_that_was_ended_is_replaced_once() -> None:
    """A service ends what is idle, and a request that meets this is no failure; one that fails afresh is."""
    served_on = 0

    async def once_each(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal served_on
        served_on += 1
        await reader.readuntil(b"\r\n\r\n")
        if served_on < 3:
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
            await writer.drain()
            await reader.readuntil(b"\r\n\r\n")  # the next request comes, and the connection ends

    server, port = await served(once_each)
    async with server:
        clients = Clients([("127.0.0.1", port)], most=8)
        assert (await clients.ask(ASKED)).body == b"ok"
        assert (await clients.ask(ASKED)).body == b"ok"
        with pytest.raises(Broken):
            await clients.ask(ASKED)
        clients.close()
    assert (clients.opened, clients.busy) == (3, 0)


async def test_connections_are_used_again_and_a_lane_keeps_its_own() -> None:
    """Requests without a lane share connections, the last used first; a shopper's lane has one for itself."""

    async def for_ever(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await reader.readuntil(b"\r\n\r\n"):
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await for_ever(reader, writer)
        except asyncio.IncompleteReadError:
            return

    server, port = await served(serve)
    async with server:
        clients = Clients([("127.0.0.1", port)], most=8)
        for lane in (-1, -1, 1, 2, 1, 2, -1):
            await clients.ask(Planned(0.0, "slate", ASKED.request, lane=lane))
        assert clients.opened == 3
        clients.close()


def test_headers_are_found_by_their_whole_name() -> None:
    """`retry-after` is not found in `x-retry-after`, nor in a value."""
    head = b"http/1.1 503\r\nx-retry-after: 1\r\nvia: retry-after: 2\r\nconnection: close"
    assert header(head, b"retry-after") is None
    assert header(head, b"connection") == b"close"
