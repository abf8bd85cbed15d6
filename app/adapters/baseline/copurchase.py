"""Products bought together: pairs within one order, supported by different shoppers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from app.domain.catalog import IntArray
from app.domain.interactions import KINDS, EventKind, InteractionLog
from app.pipeline.decay import DAY_S
from app.ports import Progress

COPURCHASE_KEPT = 20
MIN_SUPPORT_ACTORS = 3
MAX_BASKET = 100
"""Larger baskets choose no pairs: a wholesaler's order of 500 lines says nothing about them, and costs n² of them. The
orders in common that a reason states count them all the same."""

_CHUNK_PAIRS = 4_000_000
_CHUNK_ROWS = 20_000  # chosen pairs whose large baskets are compared at a time


@dataclass(frozen=True, slots=True)
class Copurchase:
    """The top pairs of each product, best first; column -1 marks an unused place."""

    columns: IntArray  # (n_products, COPURCHASE_KEPT)
    orders: IntArray  # the same shape: orders in common, of any size
    lift: NDArray[np.float32]  # the same shape

    def bought_with(self, column: int, k: int) -> Sequence[tuple[int, int, float]]:
        """(column, orders in common, lift) of at most k products, best first; empty for one that is never in pairs."""
        row = self.columns[column]
        n = min(k, int((row >= 0).sum()))
        return [(int(row[i]), int(self.orders[column, i]), float(self.lift[column, i])) for i in range(n)]


def fit_copurchase(log: InteractionLog, progress: Progress) -> Copurchase:
    """Counts pairs over all purchases.

    A basket is an order, or, where orders have no id, what one actor bought on one UTC day. A pair needs
    MIN_SUPPORT_ACTORS different shoppers (`InteractionLog.holders`; an order of nobody counts as its own).
    lift = P(a, b) / (P(a) P(b)) over baskets and must be above 1; pairs are ranked by n_ab / (expected + 1), lift
    shrunk for small expectations.
    Support, lift and rank leave baskets of more than MAX_BASKET products out; the orders in common are all there are.
    """
    n = len(log.product_ids)
    basket, product, actor = _baskets(log)
    n_baskets = len(actor)
    per_product = np.bincount(product, minlength=n).astype(np.float64)
    key, orders, distinct = _pairs(basket, product, actor, n, progress)
    supported = distinct >= MIN_SUPPORT_ACTORS
    key, orders = key[supported], orders[supported]
    left, right = key // max(n, 1), key % max(n, 1)
    expected = per_product[left] * per_product[right] / max(n_baskets, 1)
    lifts = orders / np.maximum(expected, 1e-12)
    above = lifts > 1.0
    left, right, orders, expected, lifts = left[above], right[above], orders[above], expected[above], lifts[above]
    top = _top(n, left, right, orders=orders, lifts=lifts, rank=orders / (expected + 1.0))
    _add_large_baskets(top, basket, product, n_baskets)
    return top


def _add_large_baskets(top: Copurchase, basket: NDArray[np.int64], product: NDArray[np.int64], n_baskets: int) -> None:
    """Adds the baskets above MAX_BASKET to the orders in common of the pairs that were chosen, and to no others."""
    large = np.flatnonzero(np.bincount(basket, minlength=n_baskets) > MAX_BASKET)
    source, place = np.nonzero(top.columns >= 0)
    if not len(large) or not len(source):
        return
    lines = np.isin(basket, large)
    ones = np.ones(int(lines.sum()), dtype=np.int32)
    held = sparse.csr_matrix(  # (n_products, large baskets), 0 or 1: lines are unique
        (ones, (product[lines], np.searchsorted(large, basket[lines]))), shape=(len(top.columns), len(large))
    )
    for begin in range(0, len(source), _CHUNK_ROWS):
        some = slice(begin, begin + _CHUNK_ROWS)
        left, right = held[source[some]], held[top.columns[source[some], place[some]]]
        top.orders[source[some], place[some]] += np.asarray(left.multiply(right).sum(axis=1)).ravel()


def _baskets(log: InteractionLog) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """(basket, product) lines, unique and sorted by basket, and the actor of each basket; baskets sorted by actor."""
    bought = log.kind == KINDS.index(EventKind.PURCHASE)
    bought &= (log.order >= 0) | (log.actor >= 0)
    actor, product = log.actor[bought].astype(np.int64), log.product[bought].astype(np.int64)
    order = log.order[bought].astype(np.int64)
    day = (log.timestamp[bought] // DAY_S).astype(np.int64)
    # One number per basket: orders by their code, days as negative numbers that no order has.
    first_day = int(day.min()) if len(day) else 0
    days = int(day.max()) - first_day + 1 if len(day) else 1
    name = np.where(order >= 0, order, -1 - (actor * days + day - first_day))
    names, basket = np.unique(name, return_inverse=True)
    owner = np.full(len(names), -1, dtype=np.int64)
    np.maximum.at(owner, basket, log.holders()[bought])
    rank = np.empty(len(names), dtype=np.int64)
    by_owner = np.argsort(owner, kind="stable")
    rank[by_owner] = np.arange(len(names))
    n = max(len(log.product_ids), 1)
    lines = np.unique(rank[basket] * n + product)
    return lines // n, lines % n, owner[by_owner]


def _pairs(
    basket: NDArray[np.int64], product: NDArray[np.int64], actor: NDArray[np.int64], n: int, progress: Progress
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Pair keys (a · n + b, a < b), baskets and distinct actors of each, over baskets of 2 to MAX_BASKET products."""
    size = np.bincount(basket, minlength=len(actor))
    start = np.concatenate(([0], np.cumsum(size)))
    usable = np.flatnonzero((size >= 2) & (size <= MAX_BASKET))
    cost = np.cumsum(size[usable] * (size[usable] - 1) // 2)
    keys, orders, actors = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)], [np.zeros(0, np.int64)]
    done = 0
    while done < len(usable):
        paid = cost[done - 1] if done else 0
        end = int(np.searchsorted(cost, paid + _CHUNK_PAIRS, side="right"))
        end = max(end, done + 1)
        # An actor is never split over two chunks, so that distinct actors can be added up.
        while end < len(usable) and actor[usable[end]] == actor[usable[end - 1]]:
            end += 1
        key, owner = _chunk_pairs(usable[done:end], size=size, start=start, product=product, actor=actor, n=n)
        by_pair = np.lexsort((owner, key))
        key, owner = key[by_pair], owner[by_pair]
        first = np.flatnonzero(np.diff(key, prepend=-1))
        new_actor = np.ones(len(key), dtype=np.int64)
        new_actor[1:] = (key[1:] != key[:-1]) | (owner[1:] != owner[:-1])
        keys.append(key[first])
        orders.append(np.diff(first, append=len(key)))
        actors.append(np.add.reduceat(new_actor, first))
        done = end
        progress("bought together", done, len(usable))
    unique, inverse = np.unique(np.concatenate(keys), return_inverse=True)
    total = np.bincount(inverse, weights=np.concatenate(orders), minlength=len(unique)).astype(np.int64)
    distinct = np.bincount(inverse, weights=np.concatenate(actors), minlength=len(unique)).astype(np.int64)
    return unique, total, distinct


def _chunk_pairs(
    baskets: NDArray[np.int64],
    *,
    size: NDArray[np.int64],
    start: NDArray[np.int64],
    product: NDArray[np.int64],
    actor: NDArray[np.int64],
    n: int,
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    keys, owners = [], []
    for m in np.unique(size[baskets]):
        same = baskets[size[baskets] == m]
        lines = product[start[same][:, None] + np.arange(m)]  # (baskets of size m, m), ascending products
        a, b = np.triu_indices(int(m), 1)
        keys.append((lines[:, a] * n + lines[:, b]).ravel())
        owners.append(np.repeat(actor[same], len(a)))
    return np.concatenate(keys), np.concatenate(owners)


def _top(
    n: int,
    left: NDArray[np.int64],
    right: NDArray[np.int64],
    *,
    orders: NDArray[np.int64],
    lifts: NDArray[np.float64],
    rank: NDArray[np.float64],
) -> Copurchase:
    source, target = np.concatenate([left, right]), np.concatenate([right, left])
    both = np.tile(np.arange(len(left)), 2)
    order = np.lexsort((target, -rank[both], source))
    source, target, both = source[order], target[order], both[order]
    place = np.arange(len(source)) - np.searchsorted(source, source, side="left")
    kept = place < COPURCHASE_KEPT
    columns = np.full((n, COPURCHASE_KEPT), -1, dtype=np.int32)
    counts = np.zeros((n, COPURCHASE_KEPT), dtype=np.int32)
    lift = np.zeros((n, COPURCHASE_KEPT), dtype=np.float32)
    where = (source[kept], place[kept])
    columns[where], counts[where], lift[where] = target[kept], orders[both[kept]], lifts[both[kept]]
    return Copurchase(columns, counts, lift)
