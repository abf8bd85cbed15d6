"""Interaction logs whose answers are known, and the one of real data."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from app.domain.interactions import KINDS, EventKind, InteractionLog, Signal

NOW = datetime(2026, 9, 30, tzinfo=UTC).timestamp()
DAY = 86_400.0
K = EventKind
ONLINE_RETAIL = Path(__file__).resolve().parents[4] / "shared/data/online_retail_ii/events.parquet"

SIGNALS = {
    K.VIEW: Signal(1, 14),
    K.CLICK: Signal(1, 14),
    K.ADD_TO_CART: Signal(4, 30),
    K.REMOVE_FROM_CART: Signal(-2, 30),
    K.PURCHASE: Signal(10, 120),
    K.REFUND: Signal(-10, 120),
    K.WISHLIST: Signal(5, 60),
    K.RATING: Signal(3, 120),
    K.REVIEW: Signal(3, 120),
    K.DISMISS: Signal(-10, 180),
}

Row = tuple[int, int, EventKind, float] | tuple[int, int, EventKind, float, int]


def silent(_label: str, _done: int, _total: int | None) -> None:
    """No progress is shown."""


def log_of(rows: Sequence[Row], n_products: int, n_actors: int | None = None, prefix: str = "p") -> InteractionLog:
    """A log from (actor, product, kind, days before NOW[, order])."""
    ordered = sorted(rows, key=lambda r: -r[3])
    actor = np.array([r[0] for r in ordered], dtype=np.int32)
    return InteractionLog(
        actor=actor,
        n_actors=n_actors if n_actors is not None else int(actor.max(initial=-1)) + 1,
        product=np.array([r[1] for r in ordered], dtype=np.int32),
        product_ids=tuple(f"{prefix}{i}" for i in range(n_products)),
        kind=np.array([KINDS.index(r[2]) for r in ordered], dtype=np.int8),
        timestamp=np.array([NOW - r[3] * DAY for r in ordered], dtype=np.float64),
        quantity=np.ones(len(ordered), dtype=np.float32),
        order=np.array([r[4] if len(r) == 5 else -1 for r in ordered], dtype=np.int32),
    )


def checkerboard(n: int = 24, extra_products: int = 3) -> InteractionLog:
    """Actor a bought every product of its own parity except product a itself; `extra_products` have no event."""
    rows: list[Row] = [
        (a, p, K.PURCHASE, 1.0 + (a % 5)) for a in range(n) for p in range(n) if a % 2 == p % 2 and a != p
    ]
    return log_of(rows, n + extra_products)


def two_tastes(
    n_actors: int = 320, n_products: int = 40, days: float = 100.0, seed: int = 5, fidelity: float = 0.9
) -> InteractionLog:
    """Actors of two tastes buy over time from their half of the products with probability `fidelity`."""
    generator = np.random.default_rng(seed)
    rows: list[Row] = []
    half = n_products // 2
    order = 0
    for a in range(n_actors):
        for day in generator.uniform(0, days, 6):
            order += 1
            for _ in range(2):
                side = a % 2 if generator.random() < fidelity else 1 - a % 2
                rows.append((a, side * half + int(generator.integers(half)), K.PURCHASE, float(day), order))
                rows.append((a, side * half + int(generator.integers(half)), K.VIEW, float(day) + 0.01))
    return log_of(rows, n_products)


def online_retail() -> InteractionLog:
    """The real shop's purchases; skips the test where the data is absent."""
    if not ONLINE_RETAIL.exists():
        pytest.skip("../shared/data/online_retail_ii is not here")
    import pyarrow.parquet as pq

    table = pq.read_table(ONLINE_RETAIL, columns=["user_id", "product_id", "timestamp", "quantity", "order_id"])
    table = table.sort_by("timestamp")

    def codes(name: str) -> tuple[np.ndarray, list[str]]:
        encoded = table[name].combine_chunks().dictionary_encode()
        return encoded.indices.to_numpy(zero_copy_only=False).astype(np.int32), encoded.dictionary.to_pylist()

    actor, actors = codes("user_id")
    product, products = codes("product_id")
    order, _ = codes("order_id")
    return InteractionLog(
        actor=actor,
        n_actors=len(actors),
        product=product,
        product_ids=tuple(products),
        kind=np.full(len(actor), KINDS.index(K.PURCHASE), dtype=np.int8),
        timestamp=table["timestamp"].to_numpy().astype("datetime64[us]").astype(np.int64) / 1e6,
        quantity=table["quantity"].to_numpy().astype(np.float32),
        order=order,
    )
