"""What one changed product costs a serving process at 100,000 products: `python -m evals.changed_product`.

Products, vectors and words are made up with a seed; the embedder is a stand-in that takes no time, because what a text
costs to embed does not hang on the size of the catalogue. Prints milliseconds, the median of the rounds.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from app.adapters.bm25_index import Bm25Index
from app.adapters.exact_index import ExactIndex
from app.adapters.indexing import sync_index
from app.adapters.item_vectors import open_item_vectors
from app.adapters.overlaid import OverlaidIndex, OverlaidVectors, OverlaidWords
from app.adapters.overlay_files import read_overlay
from app.adapters.reembedding import Progress, reembed_once
from app.adapters.sql_store import SqlStore
from app.domain.catalog import Product
from app.domain.interactions import Consent
from app.pipeline.columns import with_changes
from app.pipeline.shelf import build_shelf
from app.ports import Progress as Report
from app.ports import Vectors

_KEY = "made-up-000000000000"
_ROUNDS = 9


class RandomEmbedder:
    """Unit vectors at random; the cost of a model is not what is measured here."""

    key = _KEY
    dimensions = 384

    def encode(self, texts: Sequence[str], progress: Report | None = None) -> Vectors:
        """One row per text."""
        rows = np.random.default_rng(len(texts)).standard_normal((len(texts), self.dimensions), dtype=np.float32)
        units: Vectors = rows / np.linalg.norm(rows, axis=1, keepdims=True)
        return units


def main(products: int = 100_000) -> None:
    """Measures and prints."""
    words = [f"word{i}" for i in range(4_000)]
    draw = np.random.default_rng(7)
    names = [" ".join(words[i] for i in row) for row in draw.integers(0, len(words), (products, 8))]
    shop = [
        Product(f"p{i}", name, category=f"C{i % 40} > S{i % 400}", price_minor=1_000 + i)
        for i, name in enumerate(names)
    ]
    with tempfile.TemporaryDirectory() as folder:
        data_dir = Path(folder)
        store = SqlStore.open(f"sqlite:///{data_dir}/shop.db", currency="EUR", consent_default=Consent())
        store.upsert_products(shop, at=1.0)
        sync_index(store.iter_products(), RandomEmbedder, data_dir / "data", key=_KEY)
        base, index = open_item_vectors(data_dir / "data", _KEY), Bm25Index.open(data_dir / "data")
        snapshot = store.load_snapshot()
        state = Progress()
        took: dict[str, list[float]] = {}

        def timed(name: str, work: Callable[[], object]) -> object:
            began = time.perf_counter()
            done = work()
            took.setdefault(name, []).append((time.perf_counter() - began) * 1_000)
            return done

        timed("first look of a new leader, ms", lambda: reembed_once(store, data_dir / "data", RandomEmbedder(), state))
        for turn in range(_ROUNDS):
            changed = replace(shop[turn], name=f"new name {turn}")
            timed("writing it, ms", lambda p=changed, t=turn: store.upsert_products([p], at=2.0 + t))  # type: ignore[misc]
            timed("a round of the leader, ms", lambda: reembed_once(store, data_dir / "data", RandomEmbedder(), state))
            over = read_overlay(data_dir / "data", _KEY)
            assert over is not None
            timed("reading the overlay, ms", lambda: read_overlay(data_dir / "data", _KEY))
            timed("its words over the base, ms", lambda o=over: OverlaidWords(index, o))  # type: ignore[misc]
            timed("columns with one change, ms", lambda p=changed: with_changes(snapshot, [p], 9))  # type: ignore[misc]
            both = OverlaidVectors.of(base, over)
            timed("the shelf, ms", lambda b=both: build_shelf(snapshot, None, b))  # type: ignore[misc]
            merged = OverlaidIndex(ExactIndex(base), over)
            timed("exact search over both, ms", lambda m=merged: m.search(base.matrix[5], 100))  # type: ignore[misc]
        store.close()
    for name, values in took.items():
        sys.stdout.write(f"{name:36} {statistics.median(values):9.1f}\n")


if __name__ == "__main__":
    main(*(int(argument) for argument in sys.argv[1:2]))
