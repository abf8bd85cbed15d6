"""How time and memory grow with users, items and events: a synthetic shop of three sizes through store, training and
requests, each step of each size in a process of its own.

Products, shoppers and events are made up (never a measure of quality) and written through the product's own store. No
vectors: embedding grows with the number of products alone, and docs/benchmarks.md has its rate.
"""

from __future__ import annotations

import concurrent.futures
import multiprocessing
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from app.bootstrap import open_store
from app.domain.catalog import Product
from app.domain.interactions import EventKind, Interaction
from app.retrain import retrain
from app.settings import Settings
from app.telemetry import configure_logging
from evals.load.synthetic_shop import DAY_S, END
from evals.ranking.memory import peak_mib
from evals.ranking.pipeline import ServiceRanker, evaluation_settings, opened
from evals.ranking.results import machine

SEED = 20260101
ASKED = 300
_CHUNK = 50_000
_DAYS = 180.0
_KINDS = (EventKind.VIEW, EventKind.VIEW, EventKind.ADD_TO_CART, EventKind.PURCHASE)
_LINES = 200  # groups of products that a shopper keeps to

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Size:
    """How large a shop."""

    shoppers: int
    products: int
    events: int


SIZES = (Size(5_000, 2_000, 100_000), Size(50_000, 10_000, 1_000_000), Size(250_000, 30_000, 10_000_000))


@dataclass(frozen=True, slots=True)
class Scaled:
    """What one size took. `write` is making the shop, which is mostly the store; it stands beside, not in `train`."""

    size: Size
    write_s: float
    database_mib: float
    train_s: float  # reading the events and training
    read_s: float
    train_peak_mib: float | None
    open_s: float
    ms_p50: float
    ms_p95: float
    serve_peak_mib: float | None
    message: str


@dataclass(frozen=True, slots=True)
class Scaling:
    """All sizes, smallest first."""

    sizes: Sequence[Scaled]
    machine: Mapping[str, Any]


def measure(size: Size, work: Path) -> Scaled:
    """Makes, trains and serves a shop of one size in the folder `work`, which is emptied before and after."""
    shutil.rmtree(work, ignore_errors=True)
    try:
        write_s = _apart(_write, size, work)
        database_mib = sum(file.stat().st_size for file in work.glob("shop.db*")) / 2**20
        train_s, read_s, train_peak, message = _apart(_train, work)
        open_s, ms, serve_peak = _apart(_serve, size, work)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    p50, p95 = np.percentile(ms, (50, 95))
    return Scaled(
        size=size,
        write_s=write_s,
        database_mib=database_mib,
        train_s=train_s,
        read_s=read_s,
        train_peak_mib=train_peak,
        open_s=open_s,
        ms_p50=float(p50),
        ms_p95=float(p95),
        serve_peak_mib=serve_peak,
        message=message,
    )


def scaling(measured: Sequence[Scaled]) -> Scaling:
    """The result of these sizes on this machine."""
    return Scaling(sorted(measured, key=lambda m: m.size.events), machine())


def _apart(function: Callable[..., _T], *arguments: object) -> _T:
    """What the function returns, run in a fresh process, so that its peak memory is its own."""
    context = multiprocessing.get_context("spawn")
    with concurrent.futures.ProcessPoolExecutor(1, mp_context=context) as pool:
        return pool.submit(function, *arguments).result()


def _write(size: Size, work: Path) -> float:
    began = time.perf_counter()
    rng = np.random.default_rng(SEED)
    store = open_store(evaluation_settings(work, as_of=END, currency="EUR"))
    with store.transaction() as transaction:
        transaction.upsert_products(
            [
                Product(
                    product_id=f"p{i}",
                    name=f"Product {i}",
                    category=f"Section {i % _LINES % 12} > Line {i % _LINES}",
                    brand=f"Brand {i % 97}",
                    price_minor=500 + 7 * (i % 4_000),
                    stock=10,
                )
                for i in range(size.products)
            ],
            END - 400 * DAY_S,
        )
    in_line = size.products // _LINES
    for start in range(0, size.events, _CHUNK):
        n = min(_CHUNK, size.events - start)
        # Shoppers differ in how often they come, products in how well they sell; a shopper keeps to five lines.
        shopper = (size.shoppers * rng.random(n) ** 1.5).astype(np.int64)
        line = (shopper * 7 + rng.integers(0, 5, n)) % _LINES
        product = line + _LINES * (in_line * rng.random(n) ** 2).astype(np.int64)
        # In order of time, as a shop's own events arrive.
        share = (start + np.sort(rng.random(n)) * n) / size.events
        at = END - _DAYS * DAY_S * (1.0 - share)
        batch = [
            Interaction(
                event_id=f"e{start + i:09d}",
                kind=_KINDS[i % len(_KINDS)],
                timestamp=t,
                user_id=f"s{u}",
                product_id=f"p{p}",
                transaction_id=f"o{u}-{int(t // DAY_S)}",
            )
            for i, (u, p, t) in enumerate(zip(shopper.tolist(), product.tolist(), at.tolist(), strict=True))
        ]
        with store.transaction() as transaction:
            transaction.insert_events(batch)
    store.close()
    return time.perf_counter() - began


def _train(work: Path) -> tuple[float, float, float | None, str]:
    settings = _consenting(work)
    done = retrain(settings, tune=False, force=True, embed=False)
    return (
        done.seconds_reading + done.seconds_training,
        done.seconds_reading,
        peak_mib(),
        done.model.message,
    )


def _serve(size: Size, work: Path) -> tuple[float, Sequence[float], float | None]:
    configure_logging(level="ERROR")  # a made-up shop has neither vectors nor the categories of the shipped rules
    began = time.perf_counter()
    with opened(_consenting(work)) as application:
        open_s = time.perf_counter() - began
        ranker = ServiceRanker(application, ())
        drawn = np.random.default_rng(SEED).integers(0, size.shoppers, ASKED)
        users = [f"s{u}" for u in drawn.tolist()]
        ranker.rank(users[:20])  # what is read for the first time is no part of the figures
        return open_s, ranker.rank(users).ms.tolist(), peak_mib()


def _consenting(work: Path) -> Settings:
    settings = evaluation_settings(work, as_of=END, currency="EUR")
    return settings.model_copy(update={"consent_default": "full,true"})
