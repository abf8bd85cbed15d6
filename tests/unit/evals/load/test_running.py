"""The processes of a run."""

from __future__ import annotations

import asyncio
import math
import os
import time
from pathlib import Path

import httpx
import pytest

from app.adapters.disk_cache import DATABASE, DiskOrderCache
from evals.load.open_loop import Planned
from evals.load.running import LoadFailed, Service, Switch, copy_of, free_port, send
from tests.support.loop_thread import LoopThread
from tests.unit.evals.load.toy_crowd import SLATE

ASKED = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"


async def answering(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while await reader.readuntil(b"\r\n\r\n"):
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(SLATE), SLATE))
    except asyncio.IncompleteReadError:
        writer.close()


def test_a_plan_is_sent_by_a_process_of_its_own() -> None:
    """Replies come back in the plan's order, and what is to happen meanwhile happens when it is due."""
    loop = LoopThread("toy")
    server = loop.call(asyncio.start_server(answering, "127.0.0.1", 0))
    there = Service("127.0.0.1", server.sockets[0].getsockname()[1], None, 0.0)
    nowhere = Service("127.0.0.1", free_port(), None, 0.0)
    switched: list[float] = []
    plan = [Planned(0.0, "slate", ASKED), Planned(0.1, "slate", ASKED, target=1), Planned(0.3, "slate", ASKED)]
    try:
        driven = send(
            plan, [there, nowhere], [Switch(at, lambda: switched.append(time.monotonic())) for at in (0.05, 0.2)]
        )
    finally:
        server.close()
        loop.stop()
    assert [r.verdict.worth for r in driven.replies] == ["good", "broken", "good"]
    assert switched[1] - switched[0] >= 0.14
    assert driven.cpu_s > 0.0
    assert (driven.connections, driven.most_open) == (2, 1)


@pytest.mark.slow
def test_a_provider_that_can_not_be_switched_ends_the_run() -> None:
    """Figures of a provider that was not what they say would be worse than none."""

    def fails() -> None:
        raise httpx.ConnectError("refused")

    with pytest.raises(LoadFailed, match="could not be switched: refused"):
        send([Planned(0.2, "slate", ASKED)], [Service("127.0.0.1", free_port(), None, 0.0)], [Switch(0.0, fails)])


def test_a_copy_holds_no_stored_orders(tmp_path: Path) -> None:
    """What the service's own cache keeps is left out, wherever it lies, and nothing else is."""
    DiskOrderCache.open(tmp_path / "shop" / "cache", fresh_s=60, stale_s=60).close()
    (tmp_path / "shop" / "chroma").mkdir()
    (tmp_path / "shop" / "shop.db").touch()
    copied = copy_of(tmp_path / "shop", tmp_path / "copy")
    assert (tmp_path / "shop" / "cache" / DATABASE).exists()
    assert not (copied / "cache").exists()
    assert (copied / "chroma").is_dir()
    assert (copied / "shop.db").is_file()


def test_what_a_service_uses_is_read_from_the_system() -> None:
    """Processor time and memory of a process and its children; nothing is claimed of somebody else's."""
    own = Service("here", 1, os.getpid(), 0.0)
    assert own.cpu_s() > 0.0
    assert 10.0 < own.memory_mb() < 100_000.0
    foreign = Service("there", 1, None, 0.0)
    assert math.isnan(foreign.cpu_s())
    assert math.isnan(foreign.memory_mb())
