"""The temporal validation slice, and how well a ranking foresees it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from app.adapters.baseline.matrix import Histories, Signals, rows_between
from app.adapters.baseline.ndcg import K, ndcg_of_top, top_columns
from app.adapters.baseline.pasts import Pasts
from app.domain.catalog import FloatArray, IntArray
from app.domain.interactions import KINDS, EventKind, History, InteractionLog
from app.pipeline.decay import DAY_S, undecayed_weights
from app.ports import Progress

SHARES = (1 / 7, 0.2, 0.3, 0.4)
"""Shares of the time window tried as the slice, until it holds ENOUGH_ACTORS."""
MAX_DAYS = 92.0
ENOUGH_ACTORS = 200
FEWEST_ACTORS = 20
"""Below this many actors nothing is measured: the figures would be noise."""
MOST_ACTORS = 3000
"""More are sampled down with the seed: the interval is narrow enough and the time bounded."""

Scorer = Callable[[IntArray, NDArray[np.float32], int], NDArray[np.float32]]
"""scorer(columns, weights, interactions) → scores, shape (n_products,), from a history (may be empty)."""


@dataclass(frozen=True, slots=True)
class Slice:
    """What happened from `start` to `end` (exclusive), to be foreseen from what came before `start`.

    A product is relevant for an actor when a strong signal hit it in the slice and it was known before. `novel`
    leaves out what the actor had bought before (such products are excluded from ranking too), `anything` does not.
    """

    start: float
    end: float
    before: InteractionLog
    actors: IntArray  # (n,) with at least one relevant product, novel or not
    novel: sp.csr_matrix  # (n, n_products) bool
    anything: sp.csr_matrix  # (n, n_products) bool
    owned: sp.csr_matrix  # (n, n_products) bool
    strong: bool  # False when any positive signal had to count, because strong ones were too few

    def __len__(self) -> int:
        return len(self.actors)

    @property
    def n_novel(self) -> int:
        """Actors with at least one novel relevant product: the number that NDCG is averaged over."""
        return int((np.diff(self.novel.indptr) > 0).sum())


def make_slice(
    log: InteractionLog, start: float, end: float, signals: Signals, seed: int, *, most: int = MOST_ACTORS
) -> Slice:
    """The slice from start to end; strong signals are add_to_cart or stronger, or any positive one when too few."""
    before, after = rows_between(log, -np.inf, start).as_known_at(start), rows_between(log, start, end)
    cart = signals.get(EventKind.ADD_TO_CART)
    weight = undecayed_weights(after.kind, after.value, signals)
    known = np.zeros(len(log.product_ids), dtype=np.bool_)
    known[before.product[undecayed_weights(before.kind, before.value, signals) > 0]] = True
    owned = _pairs(before, before.kind == KINDS.index(EventKind.PURCHASE))
    usable = (after.actor >= 0) & known[after.product]
    threshold = cart.weight if cart is not None and cart.weight > 0 else 0.0
    strong = True
    anything = _pairs(after, usable & (weight > 0) & (weight >= threshold))
    if threshold > 0 and (np.diff(anything.indptr) > 0).sum() < ENOUGH_ACTORS // 2:
        strong = False
        anything = _pairs(after, usable & (weight > 0))
    novel = (anything > anything.multiply(owned)).tocsr()
    actors = np.flatnonzero(np.diff(anything.indptr))
    # One of the visits of an account or browser whose visits may not be tied together: shoppers are asked once.
    actors = np.sort(actors[np.unique(log.holder_of_actor()[actors], return_index=True)[1]])
    if len(actors) > most:
        actors = np.sort(np.random.default_rng(seed).choice(actors, most, replace=False))
    return Slice(start, end, before, actors.astype(np.int32), novel[actors], anything[actors], owned[actors], strong)


def _pairs(log: InteractionLog, chosen: NDArray[np.bool_]) -> sp.csr_matrix:
    chosen = chosen & (log.actor >= 0)
    shape = (log.n_actors, len(log.product_ids))
    ones = np.ones(int(chosen.sum()), dtype=np.bool_)
    matrix = sp.csr_matrix((ones, (log.actor[chosen], log.product[chosen])), shape=shape, dtype=np.bool_)
    matrix.sum_duplicates()
    return matrix


def choose_slice(log: InteractionLog, signals: Signals, seed: int, start: float | None = None) -> Slice | None:
    """The last part of the log that holds enough actors, or None when even the longest has fewer than FEWEST_ACTORS.

    Args:    start: where to cut, when the caller fixes it.
    """
    if len(log) == 0:
        return None
    first, last = float(log.timestamp[0]), float(log.timestamp[-1])
    end = np.nextafter(last, np.inf)
    if start is not None:
        return make_slice(log, start, end, signals, seed)
    found = None
    for share in SHARES:
        days = min((last - first) / DAY_S * share, MAX_DAYS)
        found = make_slice(log, last - days * DAY_S, end, signals, seed)
        if found.n_novel >= ENOUGH_ACTORS:
            return found
    return found if found is not None and found.n_novel >= FEWEST_ACTORS else None


def ndcg_by_actor(
    scorer: Scorer, part: Slice, history: Histories, label: str, progress: Progress, *, novel: bool = True
) -> FloatArray:
    """NDCG@10 of each actor of the slice; NaN for actors without a relevant product. Shape (len(part),).

    Args:    history: as at the slice's start; novel: exclude what was bought.
    """
    result = np.full(len(part), np.nan)
    target = part.novel if novel else part.anything
    for i, actor in enumerate(part.actors):
        if i % 50 == 0:
            progress(label, i, len(part))
        relevant = row(target, i)
        if len(relevant) == 0:
            continue
        scores = scorer(*history.of(int(actor)))
        if novel:
            scores = scores.copy()
            scores[row(part.owned, i)] = -np.inf
        result[i] = ndcg_of_top(top_columns(scores, K), relevant)
    return result


def ndcg_of_ranker(
    score: Callable[[History, float], NDArray[np.float32]], part: Slice, label: str, progress: Progress
) -> FloatArray:
    """NDCG@10 (novel) of each actor, as `ndcg_by_actor`, for what scores a whole history at a time: part.start."""
    pasts = Pasts(part.before)
    result = np.full(len(part), np.nan)
    for i, actor in enumerate(part.actors.tolist()):
        if i % 50 == 0:
            progress(label, i, len(part))
        relevant = row(part.novel, i)
        if len(relevant) == 0:
            continue
        scores = score(pasts.of(actor), part.start).copy()
        scores[row(part.owned, i)] = -np.inf
        result[i] = ndcg_of_top(top_columns(scores, K), relevant)
    return result


def row(matrix: sp.csr_matrix, i: int) -> IntArray:
    """Column indices stored in row i."""
    found: IntArray = matrix.indices[matrix.indptr[i] : matrix.indptr[i + 1]]
    return found


def mean(values: FloatArray) -> float:
    """Mean over actors that could be scored; NaN when none could (kept apart from a 0)."""
    scored = values[~np.isnan(values)]
    return float(scored.mean()) if len(scored) else float("nan")
