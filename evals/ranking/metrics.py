"""What a set of slates is worth, per shopper, and what it does to the catalogue.

Accuracy: NDCG@k with binary gain, discount 1 / log2(position + 1) and an ideal of min(k, relevant) ones (Järvelin &
Kekäläinen 2002); precision divides by k also where a slate is shorter. Beyond accuracy (Kaminskas & Bridge 2016):
novelty is the mean self-information of what was shown, diversity one minus the mean cosine within the slate.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from app.domain.catalog import BoolArray, FloatArray, IntArray
from evals.statistics import RESAMPLES, SEED, Bootstrap, Estimate, shifted_interval

K = 10
EMPTY = -1
"""Stands in a slate's place that was left empty."""


def hits(top: IntArray, relevant: sp.csr_matrix) -> BoolArray:
    """Whether what stands at each place is relevant.

    Args:    top: shape (n_users, depth), item columns, best first, EMPTY where nothing stands; relevant: (n_users,
             n_items), every stored value counts.
    Returns: shape (n_users, depth).
    """
    n_items = relevant.shape[1]
    row_of = np.repeat(np.arange(relevant.shape[0], dtype=np.int64), np.diff(relevant.indptr))
    wanted = np.sort(row_of * n_items + relevant.indices)
    shown = np.arange(len(top), dtype=np.int64)[:, None] * n_items + top
    at = np.minimum(np.searchsorted(wanted, shown), max(0, len(wanted) - 1))
    if len(wanted) == 0:
        return np.zeros(top.shape, dtype=np.bool_)
    found: BoolArray = (wanted[at] == shown) & (top != EMPTY)
    return found


def accuracy(top: IntArray, relevant: sp.csr_matrix, k: int = K) -> Mapping[str, FloatArray]:
    """Per shopper "ndcg", "precision", "recall" and "hit" at k, shape (n_users,); NaN where nothing is relevant."""
    n_relevant = np.diff(relevant.indptr).astype(np.float64)
    n_relevant[n_relevant == 0] = np.nan
    hit = hits(top[:, :k], relevant).astype(np.float64)
    discount = 1.0 / np.log2(np.arange(2, k + 2))
    ideal = np.concatenate([[np.nan], np.cumsum(discount)])
    known = ~np.isnan(n_relevant)
    best = ideal[np.where(known, np.minimum(n_relevant, k), 0).astype(np.int64)]
    blank = np.where(known, 0.0, np.nan)
    return {
        "ndcg": hit @ discount[: hit.shape[1]] / best,
        "precision": hit.sum(axis=1) / k + blank,
        "recall": hit.sum(axis=1) / n_relevant,
        "hit": hit.any(axis=1) + blank,
    }


def recall_at(top: IntArray, relevant: sp.csr_matrix, k: int) -> FloatArray:
    """Share of each shopper's relevant items among the first k, shape (n_users,); NaN without any."""
    n_relevant = np.diff(relevant.indptr).astype(np.float64)
    n_relevant[n_relevant == 0] = np.nan
    recalled: FloatArray = hits(top[:, :k], relevant).sum(axis=1) / n_relevant
    return recalled


@dataclass(frozen=True, slots=True)
class Shelf:
    """What the items are, for figures that are not about being right. Arrays are by item column."""

    buyers: FloatArray  # distinct shoppers of each item in train
    shoppers: int  # in train
    vectors: NDArray[np.float32] | None  # unit rows (n_items, d), zeros where an item has none; None: no embedder

    @property
    def popularity_percentile(self) -> FloatArray:
        """Share of items with fewer buyers plus half of those with as many, 0 to 1."""
        _, inverse, count = np.unique(self.buyers, return_inverse=True, return_counts=True)
        percentile: FloatArray = ((np.cumsum(count) - count + 0.5 * count) / len(self.buyers))[inverse]
        return percentile

    @property
    def self_information(self) -> FloatArray:
        """-log2 of the share of shoppers who bought the item, in bits; an item without buyers counts half a one."""
        return -np.log2(np.maximum(self.buyers, 0.5) / max(1, self.shoppers))


def beyond_accuracy(top: IntArray, shelf: Shelf, k: int = K) -> Mapping[str, FloatArray]:
    """Per slate "novelty" (bits), "diversity" (0 to 2) and "popularity" (mean percentile, 0 to 1); NaN if empty."""
    top = top[:, :k]
    filled = top != EMPTY
    return {
        "novelty": _mean_of(shelf.self_information, top, filled),
        "diversity": _diversity(top, filled, shelf.vectors),
        "popularity": _mean_of(shelf.popularity_percentile, top, filled),
    }


def _mean_of(by_item: FloatArray, top: IntArray, filled: BoolArray) -> FloatArray:
    with np.errstate(invalid="ignore"):
        mean: FloatArray = np.where(filled, by_item[top], 0.0).sum(axis=1) / filled.sum(axis=1)
    return mean


def _diversity(top: IntArray, filled: BoolArray, vectors: NDArray[np.float32] | None) -> FloatArray:
    """1 - mean cosine of all pairs: from the length of the slate's summed vectors, without going through the pairs."""
    if vectors is None:
        return np.full(len(top), np.nan)
    known = filled & (np.abs(vectors).max(axis=1) > 0)[top]
    n = known.sum(axis=1)
    summed = np.zeros((len(top), vectors.shape[1]), dtype=np.float32)
    for place in range(top.shape[1]):
        summed += vectors[top[:, place]] * known[:, place, None]
    with np.errstate(invalid="ignore", divide="ignore"):
        cosine = ((summed.astype(np.float64) ** 2).sum(axis=1) - n) / (n * (n - 1))
    return np.where(n > 1, 1.0 - cosine, np.nan)


def exposure(
    top: IntArray, n_items: int, k: int = K, *, seed: int = SEED, resamples: int = RESAMPLES
) -> Mapping[str, Estimate]:
    """ "coverage", the share of the catalogue in at least one slate, and "gini", how unequal the exposure is (0 to 1).

    Gini over all items of the catalogue, those never shown included; intervals by `shifted_interval`.
    """
    top = top[:, :k]
    rows, places = np.nonzero(top != EMPTY)
    ones = np.ones(len(rows), dtype=np.float32)
    shown = sp.csr_matrix((ones, (rows, top[rows, places])), shape=(len(top), n_items))
    used = np.flatnonzero(np.diff(shown.tocsc().indptr))
    shown = shown[:, used]
    counts = np.asarray(shown.sum(axis=0)).ravel()
    resampled = [np.asarray((shown.T @ block.T).T) for block in Bootstrap(len(top), seed, resamples).counts()]
    drawn = np.concatenate(resampled) if resampled else np.zeros((0, len(used)))
    coverage = (drawn > 0).sum(axis=1) / n_items
    return {
        "coverage": shifted_interval(len(used) / n_items, coverage, len(top)),
        "gini": shifted_interval(float(gini(counts[None, :], n_items)[0]), gini(drawn, n_items), len(top)),
    }


def gini(counts: NDArray[np.floating], n_items: int) -> FloatArray:
    """Gini coefficient of each row of counts, shape (m, used); the n_items - used items not given have 0."""
    ordered = np.sort(counts, axis=1)
    used = ordered.shape[1]
    place = np.arange(n_items - used + 1, n_items + 1)
    total = ordered.sum(axis=1, dtype=np.float64)
    with np.errstate(invalid="ignore", divide="ignore"):
        result: FloatArray = 2.0 * (ordered @ place.astype(np.float64)) / (n_items * total) - (n_items + 1) / n_items
    return np.where(total > 0, result, np.nan)
