"""What the model stage costs and keeps, against the SIMULATED provider: no figure here is a model's quality.

    python -m evals.load.model_bench        writes the `model` part of docs/benchmarks.json

Measured in one process beside the provider's: the time the service adds to the provider's own, which the provider
tells itself (from the request read to the last byte written, so litellm and the loopback count as ours); the deadline
against a provider of 3 s; a cached answer; the first event of a stream, one at a time and four at a time; tokens and
cost of a prompt; the share of prose that is proved and shown; and how much of a slate is the model's by each deadline.
"""

from __future__ import annotations

import asyncio
import json
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from app.bootstrap import Application, build
from app.domain.deadline import Deadline
from app.domain.ranking import Query
from app.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
MODEL = "openai/simulated-ranker"
PRICE_USD = (0.15, 0.60)  # gpt-4o-mini's, per 1M tokens
DEADLINES_MS = (100, 200, 300, 500, 800, 1200, 2000)


def measure(demo_dir: Path, users: Sequence[str]) -> dict[str, Any]:
    """Every figure of the module's text, in milliseconds where nothing else is said."""
    with provider("--ttft-ms", "50", "--tokens-per-s", "400") as base:
        overhead = asyncio.run(_with(demo_dir, base, lambda a: _overhead(a, users, base)))
    with provider("--ttft-ms", "3000", "--tokens-per-s", "0") as base:
        late = asyncio.run(_with(demo_dir, base, lambda a: _late(a, users)))
    with provider("--ttft-ms", "150", "--tokens-per-s", "150", "--quality", "1.0") as base:
        curve = asyncio.run(_with(demo_dir, base, lambda a: _curve(a, users)))
    return {**overhead, **late, "kept_by_deadline": curve}


async def _with(demo_dir: Path, base: str, work: Any) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        data = Path(shutil.copytree(demo_dir, Path(folder) / "data"))
        settings = Settings(
            data_dir=data,
            as_of="last-event",
            llm_model=MODEL,
            llm_api_base=base,
            llm_api_key="none",
            llm_price_input_usd=PRICE_USD[0],
            llm_price_output_usd=PRICE_USD[1],
        )
        application = build(settings)
        try:
            await application.start()
            found: dict[str, Any] = await work(application)
            return found
        finally:
            await application.close()


async def _overhead(application: Application, users: Sequence[str], base: str) -> dict[str, Any]:
    """Model path beyond the provider's own seconds, cache hits, streams, tokens, cost and shown prose."""
    added, tokens_in, tokens_out, usd, shown, items = [], [], [], [], 0, 0
    ask = application.service.recommend
    for user in users[:10]:
        await ask(Query(user_id=user, placement="email"), Deadline.after_ms(4000))  # warm
    for user in users[10:130]:
        started = time.perf_counter()
        slate = await ask(Query(user_id=user), Deadline.after_ms(4000))
        whole_ms = (time.perf_counter() - started) * 1000.0
        if slate.usage is None or slate.strategy != "llm":
            continue
        await _rows(application)
        added.append(whole_ms - 1000.0 * await asyncio.to_thread(_own_seconds, base))
        tokens_in.append(slate.usage.input_tokens)
        tokens_out.append(slate.usage.output_tokens)
        usd.append(slate.usage.cost_usd or 0.0)
        shown += sum(item.reason_source == "llm" for item in slate.items)
        items += len(slate.items)
    cached = []
    for user in list(users[10:130]) * 3:
        started = time.perf_counter()
        slate = await ask(Query(user_id=user), Deadline.after_ms(4000))
        if slate.strategy == "cache":
            cached.append((time.perf_counter() - started) * 1000.0)
    first = [await _first_event(application, user) for user in users[130:190]]
    beside: list[float] = []
    for start in range(190, 250, 4):  # four shoppers, each with the next page as soon as the last is complete
        beside += await asyncio.gather(*(_first_event(application, user) for user in users[start : start + 4]))
    return {
        "added_ms": percentiles(added),
        "cached_ms": percentiles(cached),
        "first_event_ms": percentiles(first),
        "first_event_of_four_ms": percentiles(beside),
        "tokens_in": percentiles(tokens_in),
        "tokens_out": percentiles(tokens_out),
        "usd": percentiles(usd),
        "prose_shown": shown / max(1, items),
        "calls": len(added),
    }


def _own_seconds(base: str) -> float:
    """What the provider took for its last reply, in its own words."""
    while True:
        last = httpx.get(base.removesuffix("/v1") + "/simulated/requests", timeout=5).json()[-1]
        if "seconds" in last:
            return float(last["seconds"])
        time.sleep(0.002)


async def _first_event(application: Application, user: str) -> float:
    """Milliseconds to the first event of a stream that is then read to its end."""
    started = time.perf_counter()
    first = None
    async for _ in application.service.stream(Query(user_id=user), Deadline.after_ms(4000), Deadline.after_ms(8000)):
        if first is None:
            first = (time.perf_counter() - started) * 1000.0
    return (time.perf_counter() - started) * 1000.0 if first is None else first


async def _rows(application: Application) -> Sequence[Any]:
    """Newest ledger rows, once the latest call is written down."""
    model = application.model
    assert model is not None
    while model.stage.busy:  # noqa: ASYNC110 - a bench may poll
        await asyncio.sleep(0.002)
    return await asyncio.to_thread(model.ledger.rows, since=0.0, until=9e12, limit=5)


async def _late(application: Application, users: Sequence[str]) -> dict[str, Any]:
    """Waits at a deadline of 500 ms with a provider that takes 3 s; 8 requests at a time."""

    async def one(user: str) -> float:
        started = time.perf_counter()
        await application.service.recommend(Query(user_id=user), Deadline.after_ms(500))
        return (time.perf_counter() - started) * 1000.0

    waits: list[float] = []
    for start in range(0, 160, 8):
        waits += await asyncio.gather(*(one(user) for user in users[190 + start : 198 + start]))
        await asyncio.sleep(0.05)
    return {"late_ms": percentiles(waits)}


async def _curve(application: Application, users: Sequence[str]) -> dict[str, float]:
    """Deadline in ms → share of the asked-for aliases that had arrived, over 15 shoppers each."""
    kept = {}
    for i, deadline_ms in enumerate(DEADLINES_MS):
        chosen = users[360 + 15 * i : 375 + 15 * i]
        shares = []
        for user in chosen:
            slate = await application.service.recommend(Query(user_id=user), Deadline.after_ms(deadline_ms))
            shares.append(sum(item.ranked_by == "llm" for item in slate.items) / max(1, len(slate.items)))
            await _rows(application)
        kept[str(deadline_ms)] = sum(shares) / len(shares)
    return kept


@contextmanager
def provider(*flags: str) -> Iterator[str]:
    """The simulated provider, started with these flags; its address. Stopped at the end."""
    command = [sys.executable, "-m", "evals.simulated", "--port", "0", *flags]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603
        try:
            line = "" if process.stdout is None else process.stdout.readline()
            found = re.match(r"http://\S+", line)
            if found is None:
                raise RuntimeError(f"the simulated provider did not start: {line!r}")
            httpx.get(f"{found[0]}/models", timeout=5).raise_for_status()
            yield found[0]
        finally:
            process.terminate()


def percentiles(values: Sequence[float]) -> dict[str, float]:
    """p50, p95 and p99 of the values, by rank; zeros without any."""
    ordered = sorted(values) or [0.0]
    return {f"p{p}": ordered[min(len(ordered) - 1, int(len(ordered) * p / 100))] for p in (50, 95, 99)}


def main() -> None:
    """Measures on the demo shop of `python -m evals.load.bench --only demo` and merges into docs/benchmarks.json."""
    from evals.load.bench import RESULTS, WORK
    from evals.load.bench_page import write_page

    users = [json.loads(line)["userId"] for line in (ROOT / "fixtures/shop/users.jsonl").read_text().splitlines()]
    measured = json.loads(RESULTS.read_text())
    measured["model"] = measure(WORK / "demo", users)
    RESULTS.write_text(json.dumps(measured, indent=1, sort_keys=True) + "\n")
    write_page(measured, ROOT / "docs" / "benchmarks.md")


if __name__ == "__main__":
    main()
