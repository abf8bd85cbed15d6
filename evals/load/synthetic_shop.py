"""A shop of any size that is cheap to make: for measuring time and memory, never ranking quality.

Products get random unit vectors around their category's centre instead of embedded texts, so that 500,000 of them
take minutes rather than half an hour; everything else goes through the ordinary store, training and indexes.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from app.adapters.embedder_source import resolve_source
from app.adapters.indexing import sync_index
from app.bootstrap import open_store
from app.domain.catalog import Product
from app.domain.interactions import EventKind, Interaction
from app.ports import Progress, Vectors
from app.settings import Settings

END = 1_790_000_000.0  # a fixed instant, epoch seconds
DAY_S = 86_400.0
MOST_EVENTS = 1_500_000
"""15 a product at 100,000 products; larger shops are sparser, so that making them stays a matter of minutes."""
CHUNK = 5_000
DIMENSIONS = 384
DIRECTIONS = 24
KINDS = (EventKind.VIEW, EventKind.VIEW, EventKind.ADD_TO_CART, EventKind.PURCHASE)


class LineVectors:
    """Stands in for an embedder while measuring: a unit vector near the centre of the product's line.

    Products vary within few directions, as embedded texts do: isotropic noise in 384 dimensions has no neighbourhoods,
    and a graph index then takes five times as long to build and finds half. It carries the key of the real model, so
    that serving finds the vectors; they say nothing about any text.
    """

    dimensions = DIMENSIONS

    def __init__(self, key: str, lines: int, seed: int) -> None:
        self.key = key
        self._rng = np.random.default_rng(seed)
        self._centres = self._rng.standard_normal((lines, DIRECTIONS)).astype(np.float32)
        self._basis = self._rng.standard_normal((DIRECTIONS, DIMENSIONS)).astype(np.float32)

    def encode(self, texts: Sequence[str], progress: Progress | None = None) -> Vectors:
        """Unit vectors, shape (len(texts), 384); the line is the number that the product's name ends with."""
        lines = np.asarray([int(text.split(" of line ", 1)[1].split(".", 1)[0].split()[0]) for text in texts])
        within = 0.5 * self._rng.standard_normal((len(texts), DIRECTIONS), dtype=np.float32)
        vectors = (self._centres[lines] + within) @ self._basis
        unit: Vectors = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
        return unit


def make(settings: Settings, n_products: int, seed: int, progress: Progress) -> Path:
    """Fills an empty DATA_DIR with products, events and indexes; returns the file with its shoppers' ids."""
    rng = np.random.default_rng(seed)
    lines = max(10, n_products // 500)
    line = rng.integers(0, lines, n_products)
    store = open_store(settings)
    for start in range(0, n_products, CHUNK):
        rows = range(start, min(start + CHUNK, n_products))
        store.upsert_products([_product(i, int(line[i]), rng) for i in rows], END - 400 * DAY_S)
        progress("products", start + len(rows), n_products)
    shoppers = _add_events(store.insert_events, line, rng, progress)
    key = resolve_source(settings.embedder, allow_download=False).key
    sync_index(store.iter_products(), lambda: LineVectors(key, lines, seed), settings.data_dir, progress, key=key)
    store.close()
    path = settings.data_dir / "shoppers.json"
    path.write_text(json.dumps(shoppers[:2000]))
    return path


def _product(i: int, line: int, rng: np.random.Generator) -> Product:
    price = int(rng.integers(500, 50_000))
    return Product(
        product_id=f"p{i:07d}",
        name=f"Product {i} of line {line}",
        description=f"A product of line {line}.",
        brand=f"Brand {int(rng.integers(0, 400))}",
        category=f"Section {line % 20} > Line {line}",
        price_minor=price,
        cost_minor=int(price * rng.uniform(0.4, 0.8)),
        stock=int(rng.integers(0, 50)),
        tags=(f"tag{line % 50}",),
        created_at=END - float(rng.uniform(0, 700)) * DAY_S,
        rating_value=float(np.round(rng.uniform(2.5, 5.0), 1)),
        rating_count=int(rng.integers(0, 300)),
    )


def _add_events(
    insert: Callable[[Sequence[Interaction]], object],
    line: NDArray[np.int64],
    rng: np.random.Generator,
    progress: Progress,
) -> list[str]:
    """Each shopper keeps to five lines, and within a line to its first products more than to its last."""
    n_products, n_shoppers = len(line), max(100, len(line) // 5)
    n_events = min(15 * n_products, MOST_EVENTS)
    members = [rows for rows in (np.flatnonzero(line == value) for value in range(int(line.max()) + 1)) if len(rows)]
    for start in range(0, n_events, CHUNK):
        batch = []
        for i in range(start, min(start + CHUNK, n_events)):
            shopper = int(rng.integers(0, n_shoppers))
            rows = members[(shopper * 7 + int(rng.integers(0, 5))) % len(members)]
            product = int(rows[int(len(rows) * rng.random() ** 2)])
            at = END - float(rng.random()) * 180 * DAY_S
            batch.append(
                Interaction(
                    event_id=f"e{i}",
                    kind=KINDS[i % len(KINDS)],
                    timestamp=at,
                    user_id=f"s{shopper:06d}",
                    product_id=f"p{product:07d}",
                    transaction_id=f"o{shopper}-{int(at // DAY_S)}",
                )
            )
        insert(batch)
        progress("events", start + len(batch), n_events)
    return [f"s{i:06d}" for i in range(n_shoppers)]
