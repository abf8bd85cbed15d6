"""A provider that is down: is every slate served, and does it cost the shopper any time?

    python -m evals.load.outage DATA_DIR                         100,000 requests, writes docs/outage.json
    python -m evals.load.outage DATA_DIR --requests 4000 --out - a quick look, printed only
    python -m evals.load.outage DATA_DIR --minutes 30            as many of them as half an hour allows

Two services over copies of the same shop: one whose provider is 100% down (in turn: refuses connections, answers 500,
takes a request and says nothing), one with no model at all. They are asked in turns of a few hundred requests, each
turn by the same connections with the same shoppers, so that whatever else the machine does falls on both alike. Closed
loop: a connection sends its next request when the last is answered. Times are the client's, from the first byte sent
to the last byte read.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import random
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import orjson

from evals.load.mixed_bench import percentile

ROOT = Path(__file__).resolve().parents[2]
CONNECTIONS = 2
TURN = 500
"""Requests in a turn before the other service has one."""

DEADLINE_MS = 500
ITEMS = 5
START_S = 120.0
WARM_UP = 200
PLAIN_EVERY = 8
"""Turns of the service whose provider is down for each of the one without a model."""

WAY_TURNS = 10
"""Turns in which the provider fails in one way before it fails in the next."""

Way = Literal["refused", "500", "silent"]
WAYS: tuple[Way, ...] = ("refused", "500", "silent")


@dataclass(slots=True)
class Seen:
    """What one service answered."""

    milliseconds: list[float] = field(default_factory=list)
    wrong: Counter[str] = field(default_factory=Counter)  # what an answer was that was no full slate
    reasons: Counter[str] = field(default_factory=Counter)  # fallbackReason → answers


class DownProvider:
    """A provider that is down in one of three ways; what it is asked is counted. Lives on one event loop."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._server: asyncio.Server | None = None
        self._way: Way = "refused"
        self.requests = 0

    async def fail(self, way: Way) -> None:
        """Fails in this way from now on."""
        self._way = way
        if self._server is not None:
            self._server.close()
            self._server = None
        if way != "refused":
            self._server = await asyncio.start_server(self._serve, "127.0.0.1", self._port, reuse_address=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            head = await reader.readuntil(b"\r\n\r\n")
            await reader.readexactly(_length(head))
            self.requests += 1
            if self._way == "silent":
                await reader.read()  # until the other side gives up
            else:
                writer.write(b"HTTP/1.1 500 Down\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}")
                await writer.drain()
        writer.close()


class Connection:
    """One connection to a service, kept open."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def ask(self, user: str, seen: Seen) -> None:
        """One slate, noted."""
        began = time.perf_counter()
        try:
            async with asyncio.timeout(30):
                status, body = await self._exchange(user)
        except (OSError, asyncio.IncompleteReadError, TimeoutError) as error:
            seen.wrong[type(error).__name__] += 1
            self.close()
            return
        seen.milliseconds.append((time.perf_counter() - began) * 1000.0)
        if status != 200:
            seen.wrong[f"status {status}"] += 1
            return
        answer = orjson.loads(body)
        if len(answer["recommendations"]) != ITEMS:
            seen.wrong[f"{len(answer['recommendations'])} items"] += 1
        seen.reasons[str(answer["meta"]["fallbackReason"])] += 1

    def close(self) -> None:
        """The next request takes a new one."""
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None

    async def _exchange(self, user: str) -> tuple[int, bytes]:
        if self._streams is None:
            self._streams = await asyncio.open_connection("127.0.0.1", self._port)
        reader, writer = self._streams
        path = f"/api/recommendations?userId={user}&limit={ITEMS}&deadlineMs={DEADLINE_MS}"
        writer.write(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        head = await reader.readuntil(b"\r\n\r\n")
        return int(head.split(b" ", 2)[1]), await reader.readexactly(_length(head))


def _length(head: bytes) -> int:
    found = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
    return int(found[0].split(b":")[1]) if found else 0


def main() -> None:
    """Prints what was measured, and writes it."""
    parser = argparse.ArgumentParser()
    parser.add_argument("data_dir", type=Path)
    parser.add_argument("--requests", type=int, default=100_000, help="to the service whose provider is down")
    parser.add_argument("--minutes", type=float, default=120.0, help="ends earlier, with fewer requests, after these")
    parser.add_argument("--out", default=str(ROOT / "docs" / "outage.json"), help="a file, or - for none")
    parser.add_argument("--seed", type=int, default=20260101)
    given = parser.parse_args()
    provider_port = _free_port()
    load_before = os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as running:
        down = Path(shutil.copytree(given.data_dir, Path(folder) / "down"))
        plain = Path(shutil.copytree(given.data_dir, Path(folder) / "plain"))
        model = {
            "SHELFWISE_LLM_MODEL": "openai/down",
            "SHELFWISE_LLM_API_BASE": f"http://127.0.0.1:{provider_port}/v1",
            "SHELFWISE_LLM_API_KEY": "none",
            "SHELFWISE_LLM_PRICE_INPUT_USD": "0.15",
            "SHELFWISE_LLM_PRICE_OUTPUT_USD": "0.60",
        }
        ports = (running.enter_context(_service(down, model)), running.enter_context(_service(plain, {})))
        users = _shoppers(down)
        turns = -(-given.requests // TURN)
        ends = time.monotonic() + 60.0 * given.minutes
        found = asyncio.run(_drive(ports, provider_port, users, turns, ends, random.Random(given.seed)))  # noqa: S311
    found |= {"load_before": round(load_before, 1), "load_after": round(os.getloadavg()[0], 1)}
    text = json.dumps(found, indent=1)
    print(text)
    if given.out != "-":
        Path(given.out).write_text(text + "\n")


async def _drive(
    ports: tuple[int, int], provider_port: int, users: Sequence[str], turns: int, ends: float, draw: random.Random
) -> dict[str, Any]:
    provider = DownProvider(provider_port)
    down, plain = Seen(), Seen()
    by_way: dict[str, Seen] = {way: Seen() for way in WAYS}
    to_down = [Connection(ports[0]) for _ in range(CONNECTIONS)]
    to_plain = [Connection(ports[1]) for _ in range(CONNECTIONS)]
    await _turn(to_down, [draw.choice(users) for _ in range(WARM_UP)], Seen())
    await _turn(to_plain, [draw.choice(users) for _ in range(WARM_UP)], Seen())
    began = time.monotonic()
    number = 0
    while number < turns and time.monotonic() < ends:
        way = WAYS[number // WAY_TURNS % len(WAYS)]
        if number % WAY_TURNS == 0:
            await provider.fail(way)
        asked = [draw.choice(users) for _ in range(TURN)]
        await _turn(to_down, asked, by_way[way])
        if number % PLAIN_EVERY == 0:
            await _turn(to_plain, asked, plain)
        number += 1
        done, seconds = number * TURN, time.monotonic() - began
        print(f"\r{done} of {turns * TURN} requests, {seconds:.0f} s", end="", file=sys.stderr, flush=True)
    await provider.fail("refused")
    for seen in by_way.values():
        down.milliseconds += seen.milliseconds
        down.wrong += seen.wrong
        down.reasons += seen.reasons
    answered = sum(down.reasons.values()) - sum(n for what, n in down.wrong.items() if what.endswith("items"))
    asked_for = number * TURN
    return {
        "requests": asked_for,
        "availability": answered / asked_for,
        "seconds": round(time.monotonic() - began),
        "connections": CONNECTIONS,
        "deadline_ms": DEADLINE_MS,
        "provider_down": _summary(down),
        "by_way": {way: _summary(seen) for way, seen in by_way.items() if seen.milliseconds},
        "no_model": _summary(plain),
        "p99_to_no_model": round(percentile(down.milliseconds, 99) / percentile(plain.milliseconds, 99), 3),
        "p50_to_no_model": round(percentile(down.milliseconds, 50) / percentile(plain.milliseconds, 50), 3),
        "calls_that_reached_it": provider.requests,
    }


async def _turn(connections: Sequence[Connection], users: Sequence[str], seen: Seen) -> None:
    """All these shoppers, by all connections at once, each taking the next as soon as it is free."""
    waiting = list(users)

    async def work(connection: Connection) -> None:
        while waiting:
            await connection.ask(waiting.pop(), seen)

    await asyncio.gather(*(work(connection) for connection in connections))
    for connection in connections:
        connection.close()  # the service ends one that has been idle for 15 s, as the other's turn may last


def _summary(seen: Seen) -> dict[str, Any]:
    ms = seen.milliseconds
    return {
        "n": len(ms),
        "wrong": dict(seen.wrong),
        **{f"p{q}_ms": round(percentile(ms, q), 1) for q in (50, 95, 99)},
        "most_ms": round(max(ms), 1),
        "fallback_reasons": dict(sorted(seen.reasons.items())),
    }


def _shoppers(data_dir: Path) -> list[str]:
    """Shoppers who agreed to a model."""
    with closing(sqlite3.connect(data_dir / "shop.db")) as connection:
        return [r[0] for r in connection.execute("SELECT user_id FROM shoppers WHERE llm_processing = 1 ORDER BY 1")]


@contextmanager
def _service(data_dir: Path, model: dict[str, str]) -> Iterator[int]:
    """`shelfwise serve` in a process of its own; its port."""
    port = _free_port()
    settings = {"SHELFWISE_DATA_DIR": str(data_dir), "SHELFWISE_AS_OF": "last-event", "SHELFWISE_CURRENCY": "EUR"}
    kept = {name: value for name, value in os.environ.items() if not name.startswith("SHELFWISE_")}
    command = [sys.executable, "-c", "from app.cli import main; main()", "serve", "--port", str(port)]
    with (data_dir.parent / f"{data_dir.name}.log").open("wb") as log:
        process = subprocess.Popen(  # noqa: S603
            command, cwd=ROOT, env=kept | settings | model, stdout=log, stderr=log
        )
    try:
        _wait_until_ready(port, process)
        yield port
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait_until_ready(port: int, process: subprocess.Popen[bytes]) -> None:
    ends = time.monotonic() + START_S
    while time.monotonic() < ends and process.poll() is None:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1) as asked:
            asked.sendall(b"GET /readyz HTTP/1.0\r\nHost: localhost\r\n\r\n")
            if b" 200 " in asked.recv(64):
                return
        time.sleep(0.2)
    raise RuntimeError(f"the service was not ready within {START_S:g} s; its log is in a file beside its data")


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port


if __name__ == "__main__":
    main()
