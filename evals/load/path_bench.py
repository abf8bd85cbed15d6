"""What a request costs on each path, beside an endpoint that computes nothing and returns the same bytes.

    python -m evals.load.path_bench                 writes the `paths` part of docs/benchmarks.json
    python -m evals.load.path_bench --data DIR      a trained demo shop (default: var/bench/demo of evals.load.bench)
    python -m evals.load.path_bench --profile       also what each path spends its time on
    python -m evals.load.path_bench --dry           prints and writes nothing

Each path is asked over HTTP, 16 connections at a time, of one worker in a process of its own. The ratio to the bare
endpoint is the figure: both are measured on the same cores, a moment apart. Beside requests a second stands the CPU
time of the serving process per request, which other work on the machine hardly touches.

bare                 a FastAPI endpoint that returns the bytes of an answer from the cache
cached, again        a stored model order, asked again as before: remembered (docs/decisions/021)
cached, anew         a stored model order and a question not asked before: rules, evidence and proofs are applied anew
baseline, again      no model, asked again as before
baseline, first      no model, the first question of a shopper: everything is read and computed
baseline, next page  no model, the same shoppers after each has looked at one more product: composed anew
..., traced          the same with traces sent to a stand-in for Langfuse in a process of its own; what is more than its
                     queue holds is dropped, as in operation (docs/operations/langfuse.md)
reranked             the order of the SIMULATED provider, which answers at once
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from evals.load.model_bench import MODEL, PRICE_USD, provider
from evals.load.trace_bench import PUBLIC, SECRET, langfuse

ROOT = Path(__file__).resolve().parents[2]
CONNECTIONS = 16
EVENTS_A_BODY = 100
PATH = "/api/recommendations"
BARE = "bare"
_TICKS = os.sysconf("SC_CLK_TCK")


def main() -> None:
    """Measures, prints, and merges into docs/benchmarks.json."""
    from evals.load.bench import RESULTS, WORK
    from evals.load.bench_page import write_page

    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path, default=WORK / "demo")
    parser.add_argument("--seconds", type=float, default=4.0, help="of each path that can be asked for ever")
    parser.add_argument("--profile", action="store_true")
    parser.add_argument("--dry", action="store_true")
    given = parser.parse_args()
    users = [json.loads(line)["userId"] for line in (ROOT / "fixtures/shop/users.jsonl").read_text().splitlines()]
    measured = asyncio.run(measure(given.data, users, given.seconds))
    if given.profile:
        from evals.load.path_profile import profiles

        measured["profile"] = profiles(given.data, users)
    sys.stdout.write(table(measured["paths"]) + "\n")
    if given.dry:
        sys.stdout.write(json.dumps(measured, indent=1) + "\n")
        return
    results: dict[str, Any] = json.loads(RESULTS.read_text())
    results["paths"] = measured
    RESULTS.write_text(json.dumps(results, indent=1, sort_keys=True) + "\n")
    write_page(results, ROOT / "docs" / "benchmarks.md")


async def measure(data: Path, users: Sequence[str], seconds: float) -> dict[str, Any]:
    """Per path: requests, requests a second, CPU ms of the serving process per request, and waits in ms."""
    load_before = os.getloadavg()[0]
    found: dict[str, Any] = {}
    asked = users[:120]
    homes = [f"{PATH}?userId={user}" for user in asked]
    others = [f"{home}&limit={n}&reasons={why}" for n in (1, 2, 3, 4) for why in ("llm", "template") for home in homes]
    with provider("--ttft-ms", "0", "--tokens-per-s", "0") as base, serving(data, base) as (address, pid):
        found["reranked"] = await _answered(address, pid, _patient(users[:360]), connections=4)
        await asyncio.sleep(1.0)  # costs are written down
        await _answered(address, pid, homes)  # the order is stored, and what follows from it remembered
        cached = await _body(address, homes[0])
        found["cached, anew"] = await _answered(address, pid, others)
        await _answered(address, pid, homes)
        found["cached, again"] = await _answered(address, pid, homes, seconds=seconds)
        with bare(cached) as (there, bare_pid):
            await _answered(there, bare_pid, homes)
            found[BARE] = await _answered(there, bare_pid, homes, seconds=seconds)
    with serving(data, "") as (address, pid):
        await _answered(address, pid, [f"{PATH}?anonymousId=warm-{n}&limit={1 + n % 9}" for n in range(60)])
        everybody = [f"{PATH}?userId={user}" for user in users]
        found["baseline, first"] = await _answered(address, pid, everybody)
        await _one_more_event(address, users)
        found["baseline, next page"] = await _answered(address, pid, everybody)
        found["baseline, again"] = await _answered(address, pid, everybody, seconds=seconds)
    with langfuse("well") as traces:
        with provider("--ttft-ms", "0", "--tokens-per-s", "0") as base, serving(data, base, traces) as (address, pid):
            await _answered(address, pid, _patient(asked), connections=4)
            await asyncio.sleep(1.0)
            for _ in range(2):
                await _answered(address, pid, homes)
            found["cached, again, traced"] = await _answered(address, pid, homes, seconds=seconds)
        with serving(data, "", traces) as (address, pid):
            await _answered(address, pid, everybody)
            found["baseline, again, traced"] = await _answered(address, pid, everybody, seconds=seconds)
    for path in found.values():
        path["of_bare"] = round(found[BARE]["cpu_ms"] / path["cpu_ms"], 4)
        path["of_bare_wall"] = round(path["per_s"] / found[BARE]["per_s"], 4)
    return {"paths": found, "load_before": load_before, "bytes": len(cached), "connections": CONNECTIONS}


def table(paths: dict[str, Any]) -> str:
    """The figures as lines of text."""
    lines = [f"{'path':24}{'requests/s':>12}{'CPU ms':>9}{'p50 ms':>9}{'p95 ms':>9}{'of bare':>9}{'(CPU)':>8}"]
    for name, path in sorted(paths.items(), key=lambda entry: entry[1]["cpu_ms"]):
        lines.append(
            f"{name:24}{path['per_s']:12.0f}{path['cpu_ms']:9.3f}{path['p50']:9.2f}{path['p95']:9.2f}"
            f"{path['of_bare_wall']:9.3f}{path['of_bare']:8.3f}"
        )
    return "\n".join(lines)


def _patient(users: Sequence[str]) -> list[str]:
    return [f"{PATH}?userId={user}&deadlineMs=2000" for user in users]


async def _one_more_event(address: tuple[str, int], users: Sequence[str]) -> None:
    """Every shopper looks at a product; the service has read what it needs to of that when this returns."""
    products = [json.loads(line)["productId"] for line in (ROOT / "fixtures/shop/products.jsonl").open()]
    events = [
        {"eventId": f"page-{n}", "type": "view", "userId": user, "productId": products[7 * n % len(products)]}
        for n, user in enumerate(users)
    ]
    async with httpx.AsyncClient(base_url=f"http://{address[0]}:{address[1]}") as client:
        for start in range(0, len(events), EVENTS_A_BODY):
            answer = await client.post("/api/events", json={"events": events[start : start + EVENTS_A_BODY]})
            answer.raise_for_status()
            if answer.json()["accepted"] != len(events[start : start + EVENTS_A_BODY]):
                raise RuntimeError(answer.text)


async def _body(address: tuple[str, int], target: str) -> bytes:
    async with httpx.AsyncClient() as client:
        answer = await client.get(f"http://{address[0]}:{address[1]}{target}")
        answer.raise_for_status()
        return answer.content


async def _answered(
    address: tuple[str, int],
    pid: int,
    targets: Sequence[str],
    *,
    seconds: float | None = None,
    connections: int = CONNECTIONS,
) -> dict[str, float]:
    """Asks each target once, or round and round for some seconds."""
    waits: list[float] = []
    until = None if seconds is None else time.perf_counter() + seconds
    place = iter(range(10**9))

    async def one() -> None:
        reader, writer = await asyncio.open_connection(*address)
        while True:
            n = next(place)
            if (until is None and n >= len(targets)) or (until is not None and time.perf_counter() >= until):
                break
            started = time.perf_counter()
            target = targets[n % len(targets)]
            writer.write(f"GET {target} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
            head = await reader.readuntil(b"\r\n\r\n")
            if not head.startswith(b"HTTP/1.1 200"):
                raise RuntimeError(head.decode())
            at = head.lower().index(b"content-length:") + 15
            await reader.readexactly(int(head[at : head.index(b"\r\n", at)]))
            waits.append((time.perf_counter() - started) * 1000.0)
        writer.close()

    began, cpu_before = time.perf_counter(), _cpu_s(pid)
    await asyncio.gather(*(one() for _ in range(connections)))
    took_s = time.perf_counter() - began
    cpu_s = _cpu_s(pid) - cpu_before
    waits.sort()
    at = {f"p{p}": round(waits[min(len(waits) - 1, len(waits) * p // 100)], 2) for p in (50, 95, 99)}
    per_s = round(len(waits) / took_s, 1)
    return {"requests": len(waits), "per_s": per_s, "cpu_ms": round(cpu_s / len(waits) * 1000.0, 4), **at}


def _cpu_s(pid: int) -> float:
    """CPU time that a process has used, all its threads, user and system."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


@contextmanager
def serving(data: Path, llm_base: str, traces_to: str = "") -> Iterator[tuple[tuple[str, int], int]]:
    """`shelfwise serve` on a copy of a data folder: its address, and the process that serves.

    Args: llm_base, traces_to: addresses of a model provider and of a Langfuse, "" for none.
    """
    with tempfile.TemporaryDirectory(prefix="paths-") as folder:
        shutil.copytree(data, Path(folder) / "data")
        port = _free_port()
        settings = {
            "DATA_DIR": str(Path(folder) / "data"),
            "AS_OF": "last-event",
            "CURRENCY": "EUR",
            "CONSENT_DEFAULT": "full,true",
            "WORK_WAIT_MS": "5000",  # what a request costs is asked here, not what is refused under load
        }
        if llm_base:
            settings |= {"LLM_MODEL": MODEL, "LLM_API_BASE": llm_base, "LLM_API_KEY": "none"}
            settings |= {"LLM_PRICE_INPUT_USD": str(PRICE_USD[0]), "LLM_PRICE_OUTPUT_USD": str(PRICE_USD[1])}
        if traces_to:
            settings |= {"LANGFUSE_PUBLIC_KEY": PUBLIC, "LANGFUSE_SECRET_KEY": SECRET, "LANGFUSE_HOST": traces_to}
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("SHELFWISE_")}
        env = {**inherited, **{f"SHELFWISE_{name}": value for name, value in settings.items()}}
        command = [sys.executable, "-c", "from app.cli import main; main()", "serve", "--port", str(port)]
        with _running(command, env, port, "/readyz") as pid:
            if llm_base or traces_to:
                time.sleep(6.0)  # the libraries of model and traces are imported behind the start
            yield ("127.0.0.1", port), pid


@contextmanager
def bare(body: bytes) -> Iterator[tuple[tuple[str, int], int]]:
    """A FastAPI endpoint that returns these bytes."""
    with tempfile.TemporaryDirectory(prefix="bare-") as folder:
        (Path(folder) / "body.json").write_bytes(body)
        port = _free_port()
        command = [sys.executable, "-m", "evals.load.bare_endpoint", str(Path(folder) / "body.json"), str(port)]
        with _running(command, dict(os.environ), port, PATH) as pid:
            yield ("127.0.0.1", port), pid


@contextmanager
def _running(command: Sequence[str], env: dict[str, str], port: int, path: str) -> Iterator[int]:
    process = subprocess.Popen(command, cwd=ROOT, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)  # noqa: S603
    try:
        give_up_at = time.monotonic() + 120.0
        while True:
            try:
                httpx.get(f"http://127.0.0.1:{port}{path}", timeout=5).raise_for_status()
                break
            except httpx.HTTPError:
                if time.monotonic() > give_up_at or process.poll() is not None:
                    raise
                time.sleep(0.1)
        yield process.pid
    finally:
        process.terminate()
        process.wait()


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


if __name__ == "__main__":
    main()
