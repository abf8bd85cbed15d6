"""The threshold of similarity, on judgements whose figures can be worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from app.adapters.item_vectors import ItemVectors
from evals.search.judgements import JudgedQuery
from evals.search.likeness import Pairs, at_threshold, neighbours_above, pairs_of


def vectors(**by_id: tuple[float, float]) -> ItemVectors:
    """Unit vectors in the plane."""
    matrix = np.asarray(list(by_id.values()), dtype=np.float32)
    matrix /= np.linalg.norm(matrix, axis=1, keepdims=True)
    ids = tuple(by_id)
    return ItemVectors("k", "g", "d", ids, matrix, {p: row for row, p in enumerate(ids)}, b"")


PLANE = vectors(a=(1, 0), b=(1, 0), c=(0, 1), d=(1, 1))


def test_good_answers_to_one_query_are_alike() -> None:
    """a and b are; either with c is not; d, so so, is in no pair, and an unknown product neither."""
    pairs = pairs_of(JudgedQuery("1", "q", {"a": 3, "b": 2, "c": 0, "d": 1, "x": 3}), PLANE)
    assert pairs is not None
    assert sorted(zip(pairs.cosine.tolist(), pairs.alike.tolist(), strict=True)) == [
        (0.0, False), (0.0, False), (1.0, True),
    ]  # fmt: skip


@pytest.mark.parametrize("grades", [{"a": 3, "c": 0}, {"a": 3, "b": 3}, {"c": 0}])
def test_a_query_needs_both_kinds(grades: dict[str, int]) -> None:
    """With one good product, or none that is bad, there is nothing to tell apart."""
    assert pairs_of(JudgedQuery("1", "q", grades), PLANE) is None


def test_kinds_weigh_alike_whatever_their_number() -> None:
    """One alike pair above against one of ten others: 1 / (1 + 0.1)."""
    pairs = Pairs(np.asarray([0.9, 0.8] + [0.1] * 9, dtype=np.float32), np.asarray([True, False] + [False] * 9))
    precision, recall = at_threshold([pairs], 0.5)
    assert (precision, recall) == (pytest.approx(1 / 1.1), 1.0)
    assert at_threshold([pairs], 0.85) == (1.0, 1.0)
    precision, recall = at_threshold([pairs], 0.95)
    assert np.isnan(precision)
    assert recall == 0.0


def test_a_product_is_no_neighbour_of_itself() -> None:
    """Six equal products have five others each, five have four."""
    for n, share in ((6, 1.0), (5, 0.0)):
        equal = vectors(**{f"p{i}": (1.0, 0.0) for i in range(n)}, far=(-1.0, 0.0))
        assert neighbours_above(equal, [0.9]) == [pytest.approx(n / (n + 1) * share)]
