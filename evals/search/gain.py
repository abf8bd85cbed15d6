"""NDCG of graded answers, in the two ways of counting what nobody judged."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from app.domain.catalog import BoolArray, FloatArray, IntArray

K = 10


@dataclass(frozen=True, slots=True)
class Targets:
    """What a ranking of one query is compared with. Rows are those of the catalogue."""

    gains: FloatArray  # 2^grade - 1 per row of the catalogue, 0 where nobody judged; shape (n,)
    judged: BoolArray  # shape (n,)

    @classmethod
    def of(cls, rows: IntArray, grades: IntArray, n: int) -> Targets:
        """From the judged rows and their grades; n: products of the catalogue."""
        gains, judged = np.zeros(n), np.zeros(n, dtype=np.bool_)
        gains[rows] = np.exp2(grades) - 1.0
        judged[rows] = True
        return cls(gains, judged)

    @property
    def ideal(self) -> float:
        """DCG@K of the best order there is."""
        return _dcg(-np.sort(-self.gains[self.judged]))


def ndcg_both_ways(scores: NDArray[np.floating], targets: Targets) -> tuple[float, float]:
    """NDCG@10 of the order of these scores: among judged products only, and over the catalogue with unjudged = 0.

    Gain 2^grade - 1, discount 1 / log2(position + 1) (Burges et al. 2005), ideal over all judged products of the
    query. The pools were filled by word matching: the first count forgives whatever nobody looked at, the second
    punishes it, and the truth lies between.

    Args:    scores: of every product, shape (n,); ties go to the earlier row, as they do when serving.
    Returns: (judged only, unjudged = 0). ZeroDivisionError without a positive grade: leave such queries out.
    """
    order = np.lexsort((np.arange(len(scores)), -np.asarray(scores, dtype=np.float64)))
    among_judged = order[targets.judged[order]]
    return (
        _dcg(targets.gains[among_judged[:K]]) / targets.ideal,
        _dcg(targets.gains[order[:K]]) / targets.ideal,
    )


def _dcg(gains: FloatArray) -> float:
    top = gains[:K]
    return float((top / np.log2(np.arange(2, len(top) + 2))).sum())
