"""Shoppers' interactions as a request would read them, and what they add up to."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from app.adapters.baseline.matrix import Signals
from app.domain.catalog import IntArray
from app.domain.interactions import KINDS, EventKind, History, InteractionLog
from app.pipeline.decay import DAY_S, decayed_weights

NEWEST = 1000
"""Interactions of one shopper that are looked at: as many as the finder reads for a request."""


class Pasts:
    """The histories of all actors of a log, found by actor."""

    def __init__(self, log: InteractionLog) -> None:
        self._log = log
        self._by_actor = np.argsort(log.actor, kind="stable")  # a stable sort keeps the order of time
        self._ends = np.searchsorted(log.actor[self._by_actor], np.arange(-1, log.n_actors), side="right")

    def of(self, actor: int, newest: int = NEWEST) -> History:
        """The newest interactions of one actor, ordered by time; `product` holds the log's columns."""
        start, end = int(self._ends[actor]), int(self._ends[actor + 1])
        rows = self._by_actor[max(start, end - newest) : end]
        log = self._log
        value = None if log.value is None else log.value[rows]
        return History(log.product[rows], log.kind[rows], log.timestamp[rows], log.order[rows], value)


def folded(
    history: History, now: float, signals: Signals, half_life_scale: float
) -> tuple[IntArray, NDArray[np.float32], int]:
    """Decayed confidence per product, as `confidence_matrix` has it for all actors.

    Returns: unique ascending columns, shape (h,); their weights, positive, shape (h,); and the number of interactions
             that speak for one of these products.
    """
    weight = decayed_weights(history.kind, history.timestamp, now, signals, half_life_scale, history.value)
    columns, inverse = np.unique(history.product, return_inverse=True)
    total = np.bincount(inverse, weights=weight, minlength=len(columns))
    positive = total > 0
    speaking = int(np.count_nonzero((weight > 0) & positive[inverse]))
    return columns[positive].astype(np.int32), total[positive].astype(np.float32), speaking


def strong_kinds(signals: Signals) -> NDArray[np.bool_]:
    """Which of KINDS say that a product was taken: add_to_cart or stronger; any positive one where no cart weighs."""
    cart = signals.get(EventKind.ADD_TO_CART)
    threshold = cart.weight if cart is not None and cart.weight > 0 else 0.0
    weight = np.array([signals[kind].weight if kind in signals else 0.0 for kind in KINDS])
    return (weight > 0) & (weight >= threshold)


def occasions(order: NDArray[np.int32], timestamp: NDArray[np.float64]) -> NDArray[np.int64]:
    """One number per order, or per UTC day where the order is unknown: days are negative, orders are not."""
    return np.where(order >= 0, order.astype(np.int64), -1 - (timestamp // DAY_S).astype(np.int64))
