"""How many events a second `POST /api/events` takes, each on the disk before its answer.

    python -m evals.load.events_bench               writes the `events` part of docs/benchmarks.json
    python -m evals.load.events_bench --print-only  only says it

One `shelfwise serve` with one worker on a copy of the demo shop, and one client process beside it on the same machine,
which takes a share of the same cores. Part one sends batches of 50 as fast as they are answered, 8 at a time; part two
sends single events and batches of 50 at half of that pace and measures how long an answer takes; part three dismisses
the first product of a shopper's slate and asks for the next slate, which must be without it. Every accepted event is
counted in the database afterwards.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import shutil
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from evals.load.bench import RESULTS, ROOT, WORK
from evals.load.bench_page import write_page

BATCH = 50
CONNECTIONS = 8
SHOPPERS = 100
KINDS = ("view", "view", "view", "click", "add_to_cart", "impression", "impression", "purchase")
START_S = 120.0


def main() -> None:
    """Measures, and merges into docs/benchmarks.json."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=20.0, help="of each part")
    parser.add_argument("--data", type=Path, default=WORK / "demo", help="a folder that was trained; it is copied")
    parser.add_argument("--print-only", action="store_true")
    given = parser.parse_args()
    measured = measure(given.data, given.seconds)
    sys.stdout.write(json.dumps(measured, indent=1) + "\n")
    if not given.print_only:
        everything: dict[str, Any] = json.loads(RESULTS.read_text())
        everything["events"] = measured
        RESULTS.write_text(json.dumps(everything, indent=1, sort_keys=True) + "\n")
        write_page(everything, ROOT / "docs" / "benchmarks.md")


def measure(data_dir: Path, seconds: float) -> dict[str, Any]:
    """Events a second, milliseconds of an answer, and how many accepted events the database lacks (0)."""
    load_before = os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(shutil.copytree(data_dir, Path(folder) / "data"))
        before = _stored(copy)
        with _server(copy) as url:
            found = asyncio.run(_drive(url, seconds))
        return {**found, "load_before": load_before, "missing": before + found["accepted"] - _stored(copy)}


@contextmanager
def _server(data_dir: Path) -> Iterator[str]:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    named = {"DATA_DIR": str(data_dir), "AS_OF": "last-event", "CURRENCY": "EUR", "LLM_MODEL": ""}
    process = subprocess.Popen(  # noqa: S603
        [sys.executable, "-c", "from app.cli import main; main()", "serve", "--port", str(port)],
        env={**os.environ, **{f"SHELFWISE_{name}": value for name, value in named.items()}},
        stderr=subprocess.DEVNULL,
    )
    url = f"http://127.0.0.1:{port}"
    try:
        _wait_for(url, process)
        yield url
    finally:
        process.terminate()
        process.wait(timeout=30)


def _wait_for(url: str, process: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + START_S
    while time.monotonic() < until and process.poll() is None:
        try:
            if httpx.get(f"{url}/livez", trust_env=False).status_code == 200:
                return
        except httpx.TransportError:
            time.sleep(0.1)
    raise RuntimeError("the server did not start")


async def _drive(url: str, seconds: float) -> dict[str, Any]:
    draw = random.Random(20260101)  # noqa: S311 - a load, not a secret
    # Made before the clock starts: what the client does while it is measured takes cores from the server.
    batches = [_body(draw, number, BATCH) for number in range(int(seconds * 400))]
    singles = [_body(draw, 10_000_000 + number, 1) for number in range(int(seconds * 200))]
    async with httpx.AsyncClient(
        base_url=url, trust_env=False, headers={"content-type": "application/json"}, timeout=30
    ) as client:
        left = iter(batches)
        for _ in range(20):
            await client.post("/api/events", content=next(left))
        accepted = 20 * BATCH
        started = time.perf_counter()
        sent = await asyncio.gather(
            *(_as_fast_as_answered(client, left, started + seconds) for _ in range(CONNECTIONS))
        )
        rate = sum(sent) / (time.perf_counter() - started)
        pace = rate / 2
        batch_ms = await _at_pace(client, list(left)[: int(pace * seconds / 2 / BATCH)], BATCH / pace)
        single_ms = await _at_pace(client, singles[: int(50 * seconds / 2)], 1 / 50)
        changed_ms = [await _dismissed(client, user) for user in _shoppers()]
    accepted += sum(sent) + len(batch_ms) * BATCH + len(single_ms) + len(changed_ms)
    return {
        "events_per_s": rate,
        "accepted": accepted,
        "paced_events_per_s": pace,
        "batch_ms": _percentiles(batch_ms),
        "single_ms": _percentiles(single_ms),
        "changed_ms": _percentiles(changed_ms),
    }


async def _as_fast_as_answered(client: httpx.AsyncClient, bodies: Iterator[bytes], until: float) -> int:
    """Events accepted by this connection's requests, one after the other, until the time is over."""
    accepted = 0
    while time.perf_counter() < until and (body := next(bodies, None)) is not None:
        accepted += await _post(client, body)
    return accepted


async def _at_pace(client: httpx.AsyncClient, bodies: Sequence[bytes], every_s: float) -> list[float]:
    """Milliseconds from when each request was due, at a fixed pace, whether or not the one before was answered."""
    begun = time.perf_counter()

    async def one(number: int, body: bytes) -> float:
        due = begun + number * every_s
        await asyncio.sleep(max(0.0, due - time.perf_counter()))
        await _post(client, body)
        return (time.perf_counter() - due) * 1000.0

    return list(await asyncio.gather(*(one(number, body) for number, body in enumerate(bodies))))


def _shoppers() -> list[str]:
    """Shoppers of the demo shop whose events count without a session: those who agreed to full personalisation."""
    lines = (ROOT / "fixtures" / "shop" / "users.jsonl").read_text().splitlines()
    users = [json.loads(line) for line in lines]
    return [user["userId"] for user in users if user["consent"]["personalization"] == "full"][:SHOPPERS]


async def _dismissed(client: httpx.AsyncClient, user: str) -> float:
    """Milliseconds from sending a dismissal to holding the next slate. Raises RuntimeError where it is still there."""

    async def slate() -> list[str]:
        answer = await client.get("/api/recommendations", params={"userId": user})
        return [item["productId"] for item in answer.json()["recommendations"]]

    first = (await slate())[0]
    event = {"eventId": f"bench-dismiss-{user}", "type": "dismiss", "userId": user, "productId": first}
    body = json.dumps({"events": [event]}).encode()
    started = time.perf_counter()
    await _post(client, body)
    after = await slate()
    milliseconds = (time.perf_counter() - started) * 1000.0
    if first in after:
        raise RuntimeError(f"{first} was dismissed by {user} and is in the next slate")
    return milliseconds


async def _post(client: httpx.AsyncClient, body: bytes) -> int:
    answer = await client.post("/api/events", content=body)
    taken = answer.json()
    if answer.status_code != 202 or taken["rejected"] or taken["duplicates"]:
        raise RuntimeError(f"{answer.status_code}: {answer.text[:200]}")
    return int(taken["accepted"])


def _body(draw: random.Random, number: int, size: int) -> bytes:
    events = []
    for i in range(size):
        kind = draw.choice(KINDS)
        event = {
            "eventId": f"bench-{number}-{i}",
            "type": kind,
            "userId": f"bench-shopper-{draw.randrange(20_000)}",
            "anonymousId": f"bench-visitor-{draw.randrange(20_000)}" if draw.random() < 0.1 else None,
            "sessionId": f"bench-session-{draw.randrange(50_000)}",
            "productId": f"p{draw.randrange(2_000)}",
            "price": "12.90",
            "recommendationId": None,
        }
        if kind == "purchase":
            event["transactionId"] = f"bench-order-{number}-{i}"
        events.append(event)
    return json.dumps({"events": events}).encode()


def _stored(data_dir: Path) -> int:
    connection = sqlite3.connect(data_dir / "shop.db")
    try:
        return int(connection.execute("SELECT count(*) FROM events").fetchone()[0])
    finally:
        connection.close()


def _percentiles(milliseconds: Sequence[float]) -> dict[str, float]:
    ordered = sorted(milliseconds)
    return {f"p{p}": ordered[min(len(ordered) - 1, int(len(ordered) * p / 100))] for p in (50, 95, 99)}


if __name__ == "__main__":
    main()
