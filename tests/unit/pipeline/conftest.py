"""A small catalogue whose answers can be worked out by hand."""

from collections.abc import Sequence

import numpy as np
import pytest

from app.domain.catalog import Product, Snapshot
from app.pipeline.columns import snapshot_of

CATALOGUE = [
    Product("pan", "Iron Pan", brand="Forge", category="Home > Kitchen", price_minor=4000, cost_minor=2000, stock=5,
            tags=("cooking",), created_at=0.0),
    Product("pot", "Stock Pot", brand="Forge", category="Home > Kitchen", price_minor=6000, cost_minor=3000, stock=5,
            tags=("cooking",), created_at=0.0),
    Product("knife", "Chef Knife", brand="Edge", category="Home > Kitchen", price_minor=8000, stock=5, created_at=0.0),
    Product("lamp", "Desk Lamp", brand="Lumen", category="Home > Lighting", price_minor=3000, stock=5, created_at=0.0),
    Product("ball", "Match Ball", brand="Kick", category="Sports > Football", price_minor=2500, stock=5,
            created_at=50.0),
    Product("novel", "A Novel", category=None, price_minor=None, created_at=100.0),
]  # fmt: skip


class HandModel:
    """A baseline whose scores are written down: product i likes product i + 1."""

    version = "hand"
    half_life_scale = 1.0
    trained_until = 0.0

    def __init__(self, product_ids: Sequence[str]) -> None:
        self.product_ids = tuple(product_ids)
        n = len(self.product_ids)
        self.popularity = np.linspace(1.0, 0.1, n, dtype=np.float32)
        self.trend = np.zeros(n, dtype=np.float32)
        self.trend[-1] = 1.0
        self.blend = {
            "0": {"popularity": 0.8, "trend": 0.2},
            "1-3": {"ease": 1.0, "popularity": 0.01},
            "4-10": {"ease": 1.0},
            "11+": {"ease": 1.0},
        }

    def scores(self, columns, weights):
        """The next product in the list gets the weight of the one before."""
        if len(columns) == 0:
            return {}
        n = len(self.product_ids)
        scores = np.zeros(n, dtype=np.float32)
        np.add.at(scores, (columns + 1) % n, weights)
        return {"ease": scores / scores.max()}

    learned_buckets: frozenset[str] = frozenset()

    def ranked(self, history, now):
        """Later products are better."""
        return np.linspace(0.0, 1.0, len(self.product_ids), dtype=np.float32)

    def bought_with(self, column, k):
        """The next two products, the nearer one with the higher lift."""
        n = len(self.product_ids)
        return [((column + d) % n, 10 - d, 3.0 / d) for d in (1, 2)][:k]

    def alike(self, column, k):
        """The next product is the nearest, the one after it half as near."""
        n = len(self.product_ids)
        return [((column + d) % n, 1.0 / d) for d in (1, 2)][:k]


class HandVectors:
    """Vectors in three dimensions: kitchen, lighting, other."""

    def __init__(self, product_ids: Sequence[str], matrix: np.ndarray) -> None:
        self.product_ids = tuple(product_ids)
        self.matrix = matrix.astype(np.float32)


@pytest.fixture
def snapshot() -> Snapshot:
    return snapshot_of(CATALOGUE, 1)


@pytest.fixture
def model() -> HandModel:
    return HandModel(["pan", "pot", "knife", "lamp", "gone"])


@pytest.fixture
def vectors() -> HandVectors:
    rows = np.asarray([[1, 0, 0], [0.9, 0.1, 0], [0.8, 0, 0.2], [0, 1, 0]], dtype=np.float64)
    return HandVectors(["pan", "pot", "knife", "lamp"], rows / np.linalg.norm(rows, axis=1, keepdims=True))
