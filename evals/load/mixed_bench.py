"""A live shop for a while: 80% recommendations, 15% events, 5% catalogue changes, on `serve --workers N`.

    python -m evals.load.mixed_bench DATA_DIR                        5 minutes, 2 workers, 60 requests a second
    python -m evals.load.mixed_bench DATA_DIR --seconds 60 --rate 100

Open loop: a request is sent when it is due, whether or not those before it are answered, and its time counts from
then, so that a stall is seen by everyone who would have waited. The data folder is copied, never changed.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

SHARES = {"recommend": 0.80, "events": 0.15, "catalogue": 0.05}
START_S = 120.0
PAGE_KB = os.sysconf("SC_PAGE_SIZE") // 1024


@dataclass(slots=True)
class Measured:
    """What happened. Times in milliseconds from the moment at which a request was due."""

    times_ms: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    errors: Counter[str] = field(default_factory=Counter)
    memory_mb: list[float] = field(default_factory=list)  # of all processes together, one a second


def main() -> None:
    """Prints one JSON object."""
    parser = argparse.ArgumentParser()
    parser.add_argument("data_dir", type=Path)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--seconds", type=float, default=300.0)
    parser.add_argument("--rate", type=float, default=60.0, help="requests a second, all kinds together")
    parser.add_argument("--seed", type=int, default=20260101)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        data_dir = Path(shutil.copytree(given.data_dir, Path(folder) / "data"))
        port = _free_port()
        server = _serve(data_dir, port, given.workers)
        try:
            measured = asyncio.run(_drive(server.pid, port, given.seconds, given.rate, random.Random(given.seed)))  # noqa: S311
        finally:
            server.send_signal(signal.SIGTERM)
            server.wait(40)
    found = {"workers": given.workers, "seconds": given.seconds, "rate": given.rate, "server_exit": server.returncode}
    print(json.dumps(found | summary(measured), indent=1))


def summary(measured: Measured) -> dict[str, Any]:
    """Per kind of request: number and percentiles; errors by kind; memory at the start, the end and at most."""
    times = {
        kind: {"n": len(ms), **{f"p{q}_ms": round(percentile(ms, q), 1) for q in (50, 95, 99)}}
        for kind, ms in sorted(measured.times_ms.items())
    }
    memory = measured.memory_mb
    tenth = max(1, len(memory) // 10)
    return {
        "requests": times,
        "errors": dict(measured.errors),
        "memory_mb": {
            "first_tenth": round(sum(memory[:tenth]) / tenth),
            "last_tenth": round(sum(memory[-tenth:]) / tenth),
            "most": round(max(memory)),
        }
        if memory
        else None,
    }


def percentile(values: list[float], q: float) -> float:
    """The smallest value that q percent of the values don't exceed; values must not be empty."""
    return sorted(values)[max(0, -(-len(values) * int(q) // 100) - 1)]


async def _drive(pid: int, port: int, seconds: float, rate: float, dice: random.Random) -> Measured:
    measured = Measured()
    limits = httpx.Limits(max_connections=200, max_keepalive_connections=200)
    async with httpx.AsyncClient(
        base_url=f"http://127.0.0.1:{port}", limits=limits, timeout=10, trust_env=False
    ) as client:
        await _ready(client)
        products = [f["productId"] for f in await _shown(client, 50)]
        for _ in range(50):
            await _shown(client, 5)
        began = time.perf_counter()
        running: set[asyncio.Task[None]] = set()
        for turn in range(int(seconds * rate)):
            due = began + turn / rate
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            kind = dice.choices(list(SHARES), list(SHARES.values()))[0]
            request = _request(client, kind, turn, products, dice)
            task = asyncio.create_task(_send(client, kind, request, due, measured))
            running.add(task)
            task.add_done_callback(running.discard)
            if turn % max(1, int(rate)) == 0:
                measured.memory_mb.append(_memory_mb(pid))
        await asyncio.gather(*running)
    return measured


def _request(
    client: httpx.AsyncClient, kind: str, turn: int, products: list[str], dice: random.Random
) -> httpx.Request:
    user = f"u{dice.randint(1, 600):04d}"
    product = dice.choice(products)
    if kind == "recommend":
        return client.build_request("GET", "/api/recommendations", params={"userId": user, "limit": 5})
    if kind == "events":
        event = {
            "eventId": f"mixed-{turn}",
            "type": dice.choice(["view", "click", "add_to_cart"]),
            "userId": user,
            "productId": product,
            "timestamp": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        }
        return client.build_request("POST", "/api/events", json={"events": [event]})
    return client.build_request("PATCH", f"/api/products/{product}", json={"stock": dice.randint(0, 30)})


async def _send(client: httpx.AsyncClient, kind: str, request: httpx.Request, due: float, measured: Measured) -> None:
    try:
        answer = await client.send(request)
    except httpx.HTTPError as error:
        measured.errors[f"{kind} {type(error).__name__}"] += 1
        return
    measured.times_ms[kind].append((time.perf_counter() - due) * 1000.0)
    rejected = kind == "events" and answer.is_success and answer.json()["rejected"]
    if answer.is_error or rejected:
        measured.errors[f"{kind} {answer.status_code} {answer.text[:120]}"] += 1


async def _ready(client: httpx.AsyncClient) -> None:
    until = time.monotonic() + START_S
    while True:
        try:
            if (await client.get("/readyz")).is_success:
                await asyncio.sleep(10.0)  # the other workers start after the first
                return
        except httpx.HTTPError:
            pass
        if time.monotonic() > until:
            raise SystemExit("the service did not start; run `shelfwise doctor` on the data folder")
        await asyncio.sleep(0.2)


async def _shown(client: httpx.AsyncClient, limit: int) -> list[dict[str, Any]]:
    answer = await client.get("/api/recommendations", params={"anonymousId": "warm-up", "limit": limit})
    found: list[dict[str, Any]] = answer.raise_for_status().json()["recommendations"]
    return found


def _serve(data_dir: Path, port: int, workers: int) -> subprocess.Popen[bytes]:
    environment = os.environ | {"SHELFWISE_DATA_DIR": str(data_dir), "SHELFWISE_AS_OF": "now"}
    command = [sys.executable, "-c", "from app.cli import main; main()", "serve", "--port", str(port)]
    return subprocess.Popen([*command, "--workers", str(workers)], env=environment, stderr=subprocess.DEVNULL)  # noqa: S603


def _memory_mb(pid: int) -> float:
    """Resident memory of a process and of all below it; pages that they share count once per process."""
    total, waiting = 0.0, [pid]
    while waiting:
        one = Path(f"/proc/{waiting.pop()}")
        try:
            total += int((one / "statm").read_text().split()[1]) * PAGE_KB / 1024
            waiting += [int(child) for child in (one / f"task/{one.name}/children").read_text().split()]
        except OSError:
            continue
    return total


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port


if __name__ == "__main__":
    main()
