"""What sells, and what sells faster than before: scores without a person."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from app.adapters.baseline.matrix import QUIET, Signals, rows_between, strongest
from app.domain.catalog import BoolArray, FloatArray, IntArray
from app.domain.interactions import InteractionLog
from app.pipeline.decay import DAY_S, undecayed_weights

TREND_DAYS = 7.0
TREND_BEFORE_WEEKS = 4
TREND_PRIOR = 3.0
"""Imagined shoppers in the denominator of trend: three real ones in a week are not yet news."""
TREND_MIN_ACTORS = 5
"""Shoppers of the last week under which a product has no trend: a reason may say that it is one."""


ENOUGH_KNOWN = 30
"""Products with known shoppers under which nothing is known of how many unknown ones are usual."""


def robust(known: NDArray[np.float64], unknown: NDArray[np.float64]) -> NDArray[np.float64]:
    """Known shoppers of each product and, beside them, the unknown: at most as many per known one as is usual.

    Events that nobody can be tied to may be many people or one who clicks all night. What is usual is the median over
    products with known shoppers, which an attack on a few products does not move; with fewer than ENOUGH_KNOWN such
    products all count (docs/decisions/033). Arguments and result: shape (n_products,).
    """
    there = known > 0
    if int(there.sum()) < ENOUGH_KNOWN:
        return known + unknown
    return known + np.minimum(unknown, float(np.median(unknown[there] / known[there])) * known)


def loudness(log: InteractionLog) -> tuple[BoolArray, BoolArray, BoolArray]:
    """Which rows are of whom the shop vouches for, of others who are somebody, and of nobody; shape (n,) each."""
    vouched, alone = log.vouched(), log.nobodys()
    return vouched & ~alone, ~vouched & ~alone, alone


def heard(vouched: FloatArray, others: FloatArray, nobodys: FloatArray) -> FloatArray:
    """The shoppers of each product that are counted, from those of `loudness`; shape (n_products,)."""
    return robust(vouched + QUIET * others, nobodys)


def _counted(
    log: InteractionLog, fade: NDArray[np.float64], signals: Signals
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Per product: the sum of strengths and the number of shoppers with any, both `heard`; shape (n_products,).

    Whom the shop doesn't vouch for is believed a quarter of the strongest signal at most (docs/decisions/034).
    """
    _, holder = np.unique(log.holders(), return_inverse=True)
    strengths = undecayed_weights(log.kind, log.value, signals) / strongest(signals) * fade
    sums, counts = [], []
    for part, most in zip(loudness(log), (1.0, QUIET, 1.0), strict=True):
        strength = _strength(holder[part], log.product[part], strengths[part], len(log.product_ids), most)
        sums.append(np.asarray(strength.sum(axis=0), dtype=np.float64).ravel())
        counts.append(np.asarray((strength > 0).sum(axis=0), dtype=np.float64).ravel())
    return heard(*sums), heard(*counts)


def _strength(
    holder: NDArray[np.int64], product: IntArray, strength: NDArray[np.float64], n_products: int, most: float
) -> sp.csc_matrix:
    """Strength in 0..most of each shopper's interest in each product, from that of each interaction; shape (n,) each.

    One buyer of a thousand pieces in fifty orders counts as one strong interaction at most.
    """
    matrix = sp.csc_matrix((strength, (holder, product)), shape=(int(holder.max(initial=-1)) + 1, n_products))
    matrix.sum_duplicates()
    # Rounded, so that what was taken and given back is nothing, in whatever order it is summed.
    np.clip(matrix.data.round(9), 0.0, most, out=matrix.data)
    return matrix


def _scaled(score: NDArray[np.float64]) -> NDArray[np.float32]:
    best = float(score.max()) if len(score) else 0.0
    return (score / best if best > 0 else np.zeros_like(score)).astype(np.float32)


def popularity(log: InteractionLog, now: float, signals: Signals, half_life_days: float) -> NDArray[np.float32]:
    """Decayed distinct actors per product, each counted by its strongest evidence; shape (n_products,), maximum 1."""
    fade = np.exp2(-np.maximum(0.0, now - log.timestamp) / DAY_S / half_life_days)
    return _scaled(_counted(log, fade, signals)[0])


def bestsellers(log: InteractionLog, signals: Signals) -> NDArray[np.float32]:
    """Distinct actors per product, ever, each as one; shape (n_products,), maximum 1. Nothing is forgotten."""
    return _scaled(_counted(log, np.ones(len(log)), signals)[1])


def _week(
    log: InteractionLog, start: float, end: float, signals: Signals
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    part = rows_between(log, start, end)
    return _counted(part, np.ones(len(part)), signals)


def trend(log: InteractionLog, now: float, signals: Signals) -> NDArray[np.float32]:
    """How much faster a product is taken up in the last 7 days than in the 28 before; shape (n_products,), maximum 1.

    (recent - expected) / sqrt(recent + expected + prior), where both count the distinct actors of a week and expected
    is the mean of the four weeks before: roughly standard deviations of a Poisson difference, so small counts can't
    lead. Who comes every week counts in each, or flat sales to regulars would trend. Falling is 0, and so is what fewer
    than TREND_MIN_ACTORS took up this week.
    """
    week = TREND_DAYS * DAY_S
    turn = now - week
    recent, actors = _week(log, turn, np.inf, signals)
    before = [_week(log, turn - i * week, turn - (i - 1) * week, signals)[0] for i in range(1, TREND_BEFORE_WEEKS + 1)]
    expected = np.mean(before, axis=0)
    growth = ((recent - expected) / np.sqrt(recent + expected + TREND_PRIOR)).round(6)  # sums in another order: 1e-16
    return _scaled(np.where(actors >= TREND_MIN_ACTORS, np.maximum(0.0, growth), 0.0))
