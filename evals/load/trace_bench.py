"""What tracing costs a baseline request, and what a Langfuse that is dead, hung, slow or refusing does to the service.

    python -m evals.load.trace_bench var/demo                     what being on costs (about 1 minute)
    python -m evals.load.trace_bench var/demo --modes dead,hung   those modes, a process each

Figures are merged into docs/operations/trace-bench.json. The Langfuse is the tests' stand-in in a process of its own.

On against off: one process, one service, baseline requests one after the other in blocks that take turns with and
without a listening tracing, each after what the last one left was sent, and with a `limit` of its own: the service
would remember the slate of the same question. Per mode: a process of its own answers
requests under the failure, then closes and exits; its memory is what it holds more after the last request than after
the first 500, and its exit the time from `close()` to the end of the process.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from app.bootstrap import Application, build
from app.domain.deadline import Deadline
from app.domain.ranking import Query
from app.observer import RequestTold
from app.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
TARGET = ROOT / "docs" / "operations" / "trace-bench.json"
MODES = ("off", "well", "dead", "hung", "slow", "401", "429", "500")
PUBLIC, SECRET = "pk-lf-test", "sk-lf-test"
WARM_UP = 500

IMPORTED_WITHIN_S = 3.0
"""The SDK is imported in the background at the start, and that is not what a request costs."""


def main() -> None:
    """Measures and merges the figures into the file; prints them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("demo", type=Path, help="a DATA_DIR with the trained demo shop; it is copied")
    parser.add_argument("--modes", default="", help=f"comma separated: {', '.join(MODES)}")
    parser.add_argument("--requests", type=int, default=2_000, help="per mode")
    parser.add_argument("--blocks", type=int, default=10, help="of each kind, on against off")
    parser.add_argument("--block", type=int, default=200, help="requests in a block")
    parser.add_argument("--every-ms", type=float, default=10.0, help="a request begins every so often; 0: at once")
    parser.add_argument("--child", default="", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.child:
        asyncio.run(_child(given.demo, given.child, given.requests))
        return
    found: dict[str, Any] = json.loads(TARGET.read_text()) if TARGET.exists() else {}
    if given.modes:
        modes = [mode for mode in given.modes.split(",") if mode in MODES]
        found.setdefault("modes", {}).update({mode: _mode(given.demo, mode, given.requests) for mode in modes})
    else:
        with langfuse("well") as url, _copied(given.demo) as data:
            found["on_off"] = asyncio.run(_on_off(data, url, given.blocks, given.block, given.every_ms))
    TARGET.parent.mkdir(parents=True, exist_ok=True)
    TARGET.write_text(json.dumps(found, indent=2, sort_keys=True) + "\n")
    json.dump(found, sys.stdout, indent=2, sort_keys=True)


async def _on_off(data: Path, url: str, blocks: int, block: int, every_ms: float) -> dict[str, Any]:
    application = build(_settings(data, url))
    await application.start()
    try:
        tracing = application.observing.tracing
        if tracing is None:
            raise SystemExit("tracing is off")
        users = _users()
        await _answer(application, users, WARM_UP)
        await asyncio.sleep(IMPORTED_WITHIN_S)
        taken: dict[str, list[float]] = {"on": [], "off": []}
        per_block: dict[str, list[float]] = {"on": [], "off": []}
        for n in range(2 * blocks):
            kind = ("on", "off", "off", "on")[n % 4]  # neither is always first
            tracing.listen(kind == "on")
            times = await _answer(application, users, block, every_ms, limit=3 + n)  # no slate is a remembered one
            taken[kind] += times
            per_block[kind].append(_quantile(times, 0.95))
            while tracing.busy:  # noqa: ASYNC110 - there is no event for "all was sent"
                await asyncio.sleep(0.1)
        told = RequestTold(await application.service.recommend(Query(user_id=users[0]), Deadline.after_ms(0)))
        return {
            **{kind: _percentiles(times) for kind, times in taken.items()},
            "p95_of_blocks_ms": {kind: [round(ms, 2) for ms in sorted(values)] for kind, values in per_block.items()},
            "added_p50_ms": round(_quantile(taken["on"], 0.5) - _quantile(taken["off"], 0.5), 3),
            "added_p95_ms": round(_quantile(taken["on"], 0.95) - _quantile(taken["off"], 0.95), 3),
            "told_us": {kind: _told_us(application, told, kind == "on") for kind in ("on", "off")},
            "requests_each": blocks * block,
            "every_ms": every_ms,
            "sent": tracing.counts["sent:requests"],
            "dropped": sum(n for name, n in tracing.counts.items() if name.startswith("dropped")),
        }
    finally:
        await application.close()


def _told_us(application: Application, told: RequestTold, on: bool) -> float:
    """Microseconds of telling one request, the only thing that a request itself pays; fewer than fit in the queue."""
    tracing = application.observing.tracing
    if tracing is not None:
        tracing.listen(on)
    started = time.perf_counter()
    for _ in range(1_000):
        application.observing.told.request_ended(told)
    return round((time.perf_counter() - started) * 1e3, 3)


def _mode(demo: Path, mode: str, requests: int) -> dict[str, Any]:
    """What one process measured under a failure, and how long it took to end."""
    with langfuse(mode) as url, _copied(demo) as data:
        command = [sys.executable, "-m", "evals.load.trace_bench", str(data), "--child", f"{mode}={url}"]
        child = subprocess.run(  # noqa: S603 - this module
            [*command, "--requests", str(requests)], cwd=ROOT, stdout=subprocess.PIPE, check=True, text=True
        )
        ended = time.time()
    figures: dict[str, Any] = json.loads(child.stdout.splitlines()[-1])
    figures["exit_s"] = round(ended - figures.pop("closing_at"), 2)
    return figures


async def _child(data: Path, mode_and_url: str, requests: int) -> None:
    mode, _, url = mode_and_url.partition("=")
    application = build(_settings(data, "" if mode == "off" else url))
    await application.start()
    users = _users()
    await _answer(application, users, WARM_UP)
    before_mb = _resident_mb()
    times = await _answer(application, users, requests)
    after_mb = _resident_mb()
    tracing = application.observing.tracing
    counts = {} if tracing is None else dict(tracing.counts)
    closing_at = time.time()
    await application.close()
    figures = {
        **_percentiles(times),
        "requests": requests,
        "grown_mb": round(after_mb - before_mb, 1),
        "counts": counts,
        "closing_at": closing_at,
    }
    sys.stdout.write(json.dumps(figures) + "\n")
    sys.stdout.flush()


async def _answer(
    application: Application, users: Sequence[str], n: int, every_ms: float = 0.0, limit: int = 5
) -> list[float]:
    """Milliseconds of n baseline requests, one after the other, begun at least so far apart."""
    times = []
    due = time.perf_counter()
    for i in range(n):
        due = max(due + every_ms / 1000.0, time.perf_counter())
        await asyncio.sleep(max(0.0, due - time.perf_counter()))
        started = time.perf_counter()
        await application.service.recommend(Query(user_id=users[i % len(users)], limit=limit), Deadline.after_ms(500))
        times.append((time.perf_counter() - started) * 1000.0)
    return times


def _users() -> list[str]:
    """The demo shop's shoppers, so many that no slate is remembered from the last time."""
    return [json.loads(line)["userId"] for line in (ROOT / "fixtures/shop/users.jsonl").read_text().splitlines()]


def _settings(data: Path, url: str) -> Settings:
    keys = {"langfuse_public_key": PUBLIC, "langfuse_secret_key": SECRET, "langfuse_host": url} if url else {}
    return Settings(_env_file=None, data_dir=data, as_of="last-event", **keys)  # type: ignore[arg-type]


@contextmanager
def _copied(demo: Path) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="trace-bench-") as folder:
        yield Path(shutil.copytree(demo, Path(folder) / "data"))


@contextmanager
def langfuse(mode: str) -> Iterator[str]:
    """The stand-in in a process of its own; for `dead`, an address where nobody listens any more."""
    served = mode if mode not in ("off", "dead") else "well"
    command = [sys.executable, "-m", "tests.support.langfuse_stand_in", "--mode", served]
    process = subprocess.Popen(  # noqa: S603 - the tests' own stand-in
        command,
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        # In truth another machine: where the bench runs at a real-time priority, this must not.
        preexec_fn=lambda: os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0)),  # noqa: PLW1509
    )
    try:
        if process.stdout is None:
            raise SystemExit("the stand-in has no output")
        url = process.stdout.readline().strip()
        if mode == "dead":
            process.kill()
            process.wait()
        yield url
    finally:
        process.kill()
        process.wait()


def _resident_mb() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096 / 1e6


def _quantile(times: Sequence[float], share: float) -> float:
    ordered = sorted(times)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def _percentiles(times: Sequence[float]) -> dict[str, float]:
    return {f"p{int(share * 100)}_ms": round(_quantile(times, share), 2) for share in (0.5, 0.95, 0.99)}


if __name__ == "__main__":
    main()
