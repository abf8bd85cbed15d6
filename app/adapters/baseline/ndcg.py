"""NDCG@10 as the data's protocol defines it: binary gain, discount 1 / log2(position + 1), ideal min(10, relevant)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from app.domain.catalog import BoolArray, FloatArray, IntArray

K = 10
DISCOUNT = 1.0 / np.log2(np.arange(2, K + 2))
IDEAL = np.cumsum(DISCOUNT)


def top_columns(scores: NDArray[np.float32], k: int) -> NDArray[np.int64]:
    """Columns of the k highest scores > -inf, best first, equal scores by column; fewer where there are fewer."""
    k = min(k, len(scores))
    if k == 0:
        return np.zeros(0, dtype=np.int64)
    threshold = np.partition(scores, len(scores) - k)[len(scores) - k]
    above = np.flatnonzero(scores > threshold)
    level = np.flatnonzero(scores == threshold)[: k - len(above)]
    found = np.concatenate([above, level])
    found = found[scores[found] > -np.inf]
    ordered: NDArray[np.int64] = found[np.lexsort((found, -scores[found]))]
    return ordered


def ndcg_of_top(top: NDArray[np.int64], relevant: IntArray) -> float:
    """NDCG@10 of one ranking, best first. `relevant` holds at least one column."""
    hit = np.isin(top[:K], relevant)
    return float(hit @ DISCOUNT[: len(hit)] / IDEAL[min(K, len(relevant)) - 1])


def ndcg_of_pools(scores: NDArray[np.float32], relevant: BoolArray, n_relevant: NDArray[np.int64]) -> FloatArray:
    """NDCG@10 of many users at once.

    Args:    scores: (n_users, pool), places without a candidate negative; relevant: the same shape; n_relevant:
             (n_users,) relevant products of each user, also those outside of the pool, at least 1.
    Returns: shape (n_users,). Equal scores may come in any fixed order.
    """
    k = min(K, scores.shape[1])
    rows = np.arange(len(scores))[:, None]
    top = np.argpartition(-scores, k - 1, axis=1)[:, :k]
    top = top[rows, np.argsort(-scores[rows, top], axis=1, kind="stable")]
    gained: FloatArray = relevant[rows, top] @ DISCOUNT[:k]
    gained /= IDEAL[np.minimum(n_relevant, K) - 1]
    return gained


def interval(values: FloatArray, seed: int, resamples: int = 1000) -> tuple[float, float]:
    """95% bootstrap interval of the mean over users; (nan, nan) without users."""
    if len(values) == 0:
        return (float("nan"), float("nan"))
    generator = np.random.default_rng(seed)
    means = np.array([values[generator.integers(0, len(values), len(values))].mean() for _ in range(resamples)])
    low, high = np.percentile(means, [2.5, 97.5])
    return (float(low), float(high))
