"""`make bench`: what docs/benchmarks.md reports, measured on this machine and written there.

    python -m evals.load.bench                     demo shop, 100,000 products, Online Retail II if it is at hand
    python -m evals.load.bench --only demo         one of demo, synthetic, retail
    python -m evals.load.bench --products 500000   another size of synthetic shop
    python -m evals.load.bench --only retail --tune

Data folders are kept in var/bench and made anew with --fresh.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from app.adapters.shop_files.folder import open_folder
from app.bootstrap import open_store
from app.domain.interactions import Consent
from app.ingest.folder import import_folder
from app.progress_bar import progress_bars
from app.retrain import Retrained, retrain
from app.settings import Settings
from evals.load import synthetic_shop
from evals.load.bench_page import write_page

ROOT = Path(__file__).resolve().parents[2]
WORK = ROOT / "var" / "bench"
RESULTS = ROOT / "docs" / "benchmarks.json"
RETAIL = ROOT.parent / "shared" / "data" / "online_retail_ii"
SEED = 20260101


def main() -> None:
    """Measures, merges into docs/benchmarks.json, and writes docs/benchmarks.md from it."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--only", choices=["demo", "synthetic", "retail"])
    parser.add_argument("--products", type=int, default=100_000)
    parser.add_argument("--requests", type=int, default=1000)
    parser.add_argument("--tune", action="store_true", help="also measure `train --tune` on Online Retail II")
    parser.add_argument("--fresh", action="store_true", help="make the data folders anew")
    given = parser.parse_args()
    if given.fresh:
        shutil.rmtree(WORK, ignore_errors=True)
    measured: dict[str, Any] = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    steps: dict[str, Callable[[], None]] = {
        "demo": lambda: measured.update(demo=_demo(given.requests)),
        "synthetic": lambda: measured.update(
            {f"synthetic {given.products}": _synthetic(given.products, given.requests)}
        ),
        "retail": lambda: measured.update(
            retail=_retail(given.requests, tune=given.tune, before=measured.get("retail"))
        ),
    }
    for name, step in steps.items():
        if given.only in (None, name):
            step()
    measured["machine"] = _machine()
    RESULTS.write_text(json.dumps(measured, indent=1, sort_keys=True) + "\n")
    write_page(measured, ROOT / "docs" / "benchmarks.md")


def _demo(requests: int) -> dict[str, Any]:
    settings = Settings(data_dir=WORK / "demo", as_of="last-event", consent_default="full,true")
    users = [json.loads(line)["userId"] for line in (ROOT / "fixtures/shop/users.jsonl").read_text().splitlines()]
    seconds = _import(settings, ROOT / "fixtures/shop", None)
    done = _train(settings)
    return {"import_s": seconds, **_trained(done), **_probe(settings, users, requests)}


def _synthetic(products: int, requests: int) -> dict[str, Any]:
    settings = Settings(data_dir=WORK / f"synthetic-{products}", as_of="last-event", consent_default="full,true")
    shoppers = settings.data_dir / "shoppers.json"
    if not shoppers.exists():
        shutil.rmtree(settings.data_dir, ignore_errors=True)
        with progress_bars() as progress:
            synthetic_shop.make(settings, products, SEED, progress)
    if not (settings.data_dir / "models").exists():
        _train(settings, embed=False)
    return _probe(settings, json.loads(shoppers.read_text()), requests)


def _retail(requests: int, *, tune: bool, before: Mapping[str, Any] | None) -> dict[str, Any]:
    if not RETAIL.is_dir():
        sys.stderr.write("Online Retail II is not at hand: that part is left as it was\n")
        return dict(before or {})
    settings = Settings(data_dir=WORK / "retail", as_of="last-event", consent_default="full,true", currency="GBP")
    seconds = _import(settings, RETAIL, Consent("full", True))
    result = {**(before or {}), "import_s": seconds or (before or {}).get("import_s"), **_trained(_train(settings))}
    if tune:
        result["tune_s"] = _train(settings, tune=True).seconds_training
    users = pq.read_table(RETAIL / "users.parquet", columns=["user_id"])["user_id"].to_pylist()
    return {**result, **_probe(settings, users, requests)}


def _import(settings: Settings, folder: Path, consent: Consent | None) -> float | None:
    """Seconds of an import into an empty store; None when the data was there already."""
    store = open_store(settings)
    try:
        if store.counts().products:
            return None
        started = time.perf_counter()
        with progress_bars() as progress:
            import_folder(
                open_folder(folder),
                store,
                currency=settings.currency,
                consent=consent,
                now=time.time(),
                rejects_dir=settings.data_dir / "rejects",
                progress=progress,
            )
        return time.perf_counter() - started
    finally:
        store.close()


def _train(settings: Settings, *, tune: bool = False, embed: bool = True) -> Retrained:
    with progress_bars() as progress:
        return retrain(settings, tune=tune, force=True, embed=embed, progress=progress)


def _trained(done: Retrained) -> dict[str, Any]:
    index = done.index
    embedding = (
        {} if index is None or index.embedded == 0 else {"embed_s": index.seconds_embedding, "embedded": index.embedded}
    )
    return {"train_s": done.seconds_training, **embedding}


def _probe(settings: Settings, users: Sequence[str], requests: int) -> dict[str, Any]:
    """Start, memory and latency, each in a process that does nothing else."""
    path = settings.data_dir / "shoppers.json"
    path.write_text(json.dumps(list(users)))
    command = [sys.executable, "-m", "evals.load.probe", str(settings.data_dir), str(path)]
    command += ["--requests", str(requests), "--currency", settings.currency]
    answer = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, env={**os.environ})  # noqa: S603
    probe = json.loads(answer.stdout)
    latency = {kind: _percentiles(values) for kind, values in probe["ms"].items()}
    return {
        "ready_s": probe["ready_s"],
        "peak_mib": probe["peak_mib"],
        "latency_ms": latency,
        "stages_ms": probe["stages"],
        "degraded": probe["degraded"],
    }


def _percentiles(values: Sequence[float]) -> dict[str, float]:
    ordered = sorted(values)
    return {f"p{p}": ordered[min(len(ordered) - 1, int(len(ordered) * p / 100))] for p in (50, 95, 99)}


def _machine() -> dict[str, Any]:
    pages = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    model = next(
        (
            line.split(":", 1)[1].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if "model name" in line
        ),
        platform.processor(),
    )
    return {
        "cores": os.cpu_count(),
        "memory_gib": round(pages / 2**30),
        "cpu": model,
        "python": platform.python_version(),
    }


if __name__ == "__main__":
    main()
