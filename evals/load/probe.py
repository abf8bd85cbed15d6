"""One fresh process: open a data folder as serving does, answer requests one after the other, report as JSON.

    python -m evals.load.probe DATA_DIR SHOPPERS_JSON --requests 1000

A process of its own, so that start-up and memory are those of a server and not of whatever prepared the data.
"""

import time

STARTED = time.perf_counter()  # before the other imports: they are part of a start

import argparse  # noqa: E402
import asyncio  # noqa: E402
import json  # noqa: E402
import random  # noqa: E402
import sys  # noqa: E402
from collections.abc import Sequence  # noqa: E402
from pathlib import Path  # noqa: E402

from app.bootstrap import build  # noqa: E402
from app.domain.deadline import Deadline  # noqa: E402
from app.domain.ranking import Query  # noqa: E402
from app.service import RecommendationService  # noqa: E402
from app.settings import Settings  # noqa: E402
from app.telemetry import configure_logging  # noqa: E402

WARM_UP = 50


def main() -> None:
    """Prints one JSON object: seconds to ready, peak memory in MiB, and per kind of request its milliseconds."""
    parser = argparse.ArgumentParser()
    parser.add_argument("data_dir", type=Path)
    parser.add_argument("shoppers", type=Path)
    parser.add_argument("--requests", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=20260101)
    parser.add_argument("--currency", default="EUR")
    given = parser.parse_args()
    configure_logging(level="ERROR")  # to standard error: standard output is the answer
    settings = Settings(
        data_dir=given.data_dir, as_of="last-event", currency=given.currency, consent_default="full,true"
    )
    application = build(settings)
    application.open()
    ready_s = time.perf_counter() - STARTED
    draw = random.Random(given.seed)  # noqa: S311 - a load, not a secret
    shoppers = json.loads(given.shoppers.read_text())
    products = application.keeper.served().shelf.snapshot.product_ids
    kinds = {
        "home": [Query(user_id=draw.choice(shoppers)) for _ in range(given.requests)],
        "product page": [
            Query(user_id=draw.choice(shoppers), placement="product", product_id=draw.choice(products))
            for _ in range(given.requests)
        ],
        "new shopper": [Query(user_id=f"nobody-{i}") for i in range(given.requests)],
    }
    milliseconds = {kind: asyncio.run(_answer(application.service, queries)) for kind, queries in kinds.items()}
    stages = asyncio.run(_stages(application.service, kinds["home"][:200]))
    application.shut()
    peak_mib = _peak_mib()
    problems = dict(application.keeper.problems)
    json.dump(
        {"ready_s": ready_s, "peak_mib": peak_mib, "ms": milliseconds, "stages": stages, "degraded": problems},
        sys.stdout,
    )


def _peak_mib() -> float:
    """Peak resident size of this process; getrusage would give that of the process that forked it."""
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) / 1024


async def _answer(service: RecommendationService, queries: Sequence[Query]) -> list[float]:
    for query in queries[:WARM_UP]:
        await service.recommend(query, Deadline.after_ms(500))
    milliseconds = []
    for query in queries:
        started = time.perf_counter()
        await service.recommend(query, Deadline.after_ms(500))
        milliseconds.append((time.perf_counter() - started) * 1000.0)
    return milliseconds


async def _stages(service: RecommendationService, queries: Sequence[Query]) -> dict[str, float]:
    """Median milliseconds per stage."""
    laps: dict[str, list[float]] = {}
    for query in queries:
        slate = await service.recommend(query, Deadline.after_ms(500))
        for stage, ms in slate.latency_ms.items():
            laps.setdefault(stage, []).append(ms)
    return {stage: sorted(values)[len(values) // 2] for stage, values in laps.items()}


if __name__ == "__main__":
    main()
