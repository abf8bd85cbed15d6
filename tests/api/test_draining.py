"""The end of a service: who is in it is answered, a load balancer is told, and streams come to their end."""

from __future__ import annotations

import asyncio
import gc
import signal
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import httpx
import pytest
from sse_starlette.sse import AppStatus
from structlog.testing import capture_logs

from app import garbage
from app.admission import Rank
from app.domain.deadline import Deadline
from app.domain.ranking import Query
from app.main import create_app, server_config
from app.server import Server
from app.work import Streamed
from tests.api.conftest import FakeApplication, settings_with

Served = tuple[Server, FakeApplication, httpx.AsyncClient, asyncio.Task[None]]


@asynccontextmanager
async def served(drain_s: float) -> AsyncIterator[Served]:
    """A server on a socket, the application behind it, a client, and the task that ends with the server."""
    settings = settings_with(drain_s=drain_s)
    behind = FakeApplication(settings)
    app = create_app(lambda: behind)
    server = Server(server_config(app, settings, host="127.0.0.1", port=0), app, drain_s=drain_s)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        running = asyncio.create_task(server._serve([listener]))  # without taking over the test's own signals
        while not server.started:  # noqa: ASYNC110  (the server has no event for it)
            await asyncio.sleep(0.01)
        base = f"http://127.0.0.1:{listener.getsockname()[1]}"
        async with httpx.AsyncClient(base_url=base, trust_env=False) as client:
            yield server, behind, client, running
        server.should_exit = True
        await asyncio.wait_for(running, 5)
    AppStatus.should_exit = False  # the library keeps this for the whole process


async def until(condition: Callable[[], object]) -> None:
    """Waits for something that happens by itself."""
    async with asyncio.timeout(5):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.005)


async def test_while_draining_readyz_says_so_and_others_are_answered() -> None:
    """The port stays open until the time is over, or a second signal comes."""
    async with served(drain_s=60.0) as (server, behind, client, running):
        assert (await client.get("/readyz")).status_code == 200
        server.handle_exit(signal.SIGTERM, None)
        await until(lambda: behind.door.draining)
        ready = await client.get("/readyz")
        assert (ready.status_code, ready.json()["code"]) == (503, "not_ready")
        assert (await client.get("/livez")).status_code == 200
        assert (await client.get("/api/recommendations?userId=123")).status_code == 200
        assert (await client.get("/api/recommendations/stream?userId=123")).status_code == 503
        assert not server.should_exit
        server.handle_exit(signal.SIGTERM, None)
        assert server.should_exit
        await asyncio.wait_for(running, 5)
    assert behind.log == ["start", "close"]


async def test_the_time_ends_by_itself() -> None:
    """Then the port is closed."""
    async with served(drain_s=0.05) as (server, behind, _, running):
        server.handle_exit(signal.SIGTERM, None)
        await asyncio.wait_for(running, 5)
        assert behind.door.draining


@pytest.fixture
def slow_stream(monkeypatch: pytest.MonkeyPatch) -> asyncio.Event:
    """A stream of recommendations shows its baseline, and goes on when this is set."""
    from tests.api.conftest import FakeService

    go_on = asyncio.Event()
    whole = FakeService.stream

    async def stream(self: FakeService, query: Query, *deadlines: Deadline, **more: object) -> AsyncIterator[Streamed]:
        async for streamed in whole(self, query, *deadlines):
            yield streamed
            await go_on.wait()

    monkeypatch.setattr(FakeService, "stream", stream)
    return go_on


async def test_a_stream_that_has_begun_is_finished(slow_stream: asyncio.Event) -> None:
    """It gets its slate and its end, although the service was told to stop after its baseline."""
    async with served(drain_s=0.0) as (server, _, client, running):
        async with client.stream("GET", "/api/recommendations/stream?userId=123") as answer:
            lines = answer.aiter_lines()
            assert await anext(lines) == "event: baseline"
            server.handle_exit(signal.SIGTERM, None)
            await asyncio.sleep(0.8)  # the library looks every 0.5 s, and cuts streams off unless told otherwise
            assert not running.done()
            slow_stream.set()
            told = [line async for line in lines if line.startswith("event: ")]
        assert told == ["event: slate", "event: reason", "event: done"]
        await asyncio.wait_for(running, 5)


async def test_full_collections_wait_for_whoever_is_served() -> None:
    """Python starts none by itself from the start to the end; in work, waiting for a provider, or read: all count."""
    before = gc.get_threshold()
    async with served(drain_s=0.0) as (server, behind, _, _):
        await until(lambda: gc.get_threshold()[2] == garbage.NEVER)
        assert not server._busy()
        place = behind.door.ask(Rank.SLATE, "slate", lambda: None)
        assert server._busy()
        place.set_down()
        assert server._busy()
        place.take_up()
        place.answered()
        assert server._busy()
        place.end()
        assert not server._busy()
    assert gc.get_threshold() == before


async def test_the_end_comes_also_where_collecting_failed(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is queued is written, and the log says what happened."""
    monkeypatch.setattr(garbage, "LOOK_EVERY_S", 0.0)
    monkeypatch.setattr(Server, "_busy", lambda self: 1 // 0)
    with capture_logs() as logs:
        async with served(drain_s=0.0) as (server, _, _, _):
            assert server._collecting is not None
            await until(server._collecting.done)
    assert [line["error"] for line in logs if line["event"] == "collecting_failed"] == [
        "ZeroDivisionError('integer division or modulo by zero')"
    ]
