"""Baseline scores of candidates from six factors, and the relevance that an answer shows.

A factor is an array with one value per candidate, NaN where nothing is known; only its order among the candidates
matters, because each factor is turned into its percentile before it is weighed. So no factor needs a unit.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from app.domain.catalog import SEASONS, BoolArray, FloatArray
from app.pipeline.decay import DAY_S
from app.pipeline.rules_schema import Mode

FACTORS = ("userMatch", "trend", "inventory", "margin", "freshness", "season")
USER_MATCH = "userMatch"

NEUTRAL = 0.5
"""Score of a candidate about which no weighed factor knows anything: the middle of the candidates."""

ENOUGH_STOCK = 100.0
FRESH_DAYS = 180.0
_YEAR_DAYS = 365.25
_SEASON_DAYS = _YEAR_DAYS / len(SEASONS)
_SEASON_MIDDLE = (106.0, 197.0, 289.0, 15.0)  # day of the year; seasons begin on 1 March, June, September, December
_ALL_YEAR = (1 << len(SEASONS)) - 1


def percentile(values: FloatArray) -> FloatArray:
    """Mid-rank percentile of each value among the known ones: (smaller + half of equal, itself included) / known.

    Args:    values: shape (n,); NaN = unknown; infinities are ordered as usual.
    Returns: shape (n,), NaN where the input is, else strictly between 0 and 1; equal values share one percentile, a
             single known value and a constant array give 0.5. Monotone in the input.
    """
    result = np.full(len(values), np.nan)
    known = ~np.isnan(values)
    if not known.any():
        return result
    _, inverse, count = np.unique(values[known], return_inverse=True, return_counts=True)
    smaller = np.cumsum(count) - count
    share = (smaller + 0.5 * count) / count.sum()
    result[known] = share[inverse]
    return result


def score(mode: Mode, weights: Mapping[str, float], factors: Mapping[str, FloatArray]) -> FloatArray:
    """One score per candidate, higher is better; comparable within this call only.

    `relevance` is the percentile of the user match alone. `shop` is the weighted mean of the percentiles of all
    factors, taken per candidate over the factors known for it (weights renormalised), so an unknown cost neither
    helps nor harms.

    Args:    weights: factor → weight ≥ 0; factors: factor → values, shape (n,), NaN = unknown. Factors without a
             weight are ignored; "userMatch" must be there.
    Returns: shape (n,), in [0, 1], no NaN. Unknown user match scores 0 in `relevance`, below every known one; a
             candidate without any known weighed factor scores 0.5 in `shop`.
    Raises:  ValueError: a factor that does not exist, no user match, or arrays of different lengths.
    """
    named = set(factors) | set(weights)
    if not named <= set(FACTORS) or USER_MATCH not in factors:
        raise ValueError(f"factors must be among {FACTORS} and hold userMatch; got {sorted(named)}")
    n = len(factors[USER_MATCH])
    if any(len(values) != n for values in factors.values()):
        raise ValueError("factors differ in length")
    if mode == "relevance":
        return by_relevance(percentile(factors[USER_MATCH]))
    total = np.zeros(n)
    known_weight = np.zeros(n)
    for name, values in factors.items():
        weight = weights.get(name, 0.0)
        if weight > 0:
            share = percentile(values)
            known = ~np.isnan(share)
            total[known] += weight * share[known]
            known_weight[known] += weight
    result = np.full(n, NEUTRAL)
    np.divide(total, known_weight, out=result, where=known_weight > 0)
    return result


def by_relevance(percentiles: FloatArray) -> FloatArray:
    """The scores of mode `relevance` from the percentiles of the user match; unknown scores 0, below every known."""
    return np.nan_to_num(percentiles, nan=0.0)


def season_factor(season_mask: NDArray[np.uint8], now: float) -> FloatArray:
    """How much in season each product is at `now` (epoch seconds), for the northern hemisphere.

    1 within the product's season, falling in a straight line to 0 one season's length (91 days) outside it, so a coat
    rises through autumn and does not jump on 1 December. Several seasons: the nearest counts. 0.5 for all year
    (no season named, or all four).

    Returns: shape (n,), in [0, 1].
    """
    day = dt.datetime.fromtimestamp(now, dt.UTC).timetuple().tm_yday
    nearest = np.zeros(len(season_mask))
    for bit, middle in enumerate(_SEASON_MIDDLE):
        apart = abs(day - middle)
        outside = min(apart, _YEAR_DAYS - apart) - _SEASON_DAYS / 2
        closeness = float(np.clip(1.0 - outside / _SEASON_DAYS, 0.0, 1.0))
        carries = (season_mask & np.uint8(1 << bit)) != 0
        nearest[carries] = np.maximum(nearest[carries], closeness)
    all_year = (season_mask == 0) | (season_mask == _ALL_YEAR)
    return np.where(all_year, NEUTRAL, nearest)


def freshness_factor(created_at: FloatArray, now: float) -> FloatArray:
    """How new each product is: 1 today, 0 from 180 days on, straight between; NaN where the age is unknown.

    Beyond 180 days all are equally old, so that a three-year-old product does not lose to a two-year-old one.
    A date in the future counts as today.
    """
    age_days = (now - created_at) / DAY_S
    fresh: FloatArray = np.clip(1.0 - age_days / FRESH_DAYS, 0.0, 1.0)
    return fresh


def inventory_factor(stock: FloatArray) -> FloatArray:
    """How easily each product can be delivered: log(1 + stock), 1 from 100 pieces on, 0 at none; NaN where unknown.

    Logarithmic, since the step from 1 to 5 pieces matters and that from 500 to 1,000 does not.
    """
    ready: FloatArray = np.minimum(np.log1p(np.maximum(stock, 0.0)) / np.log1p(ENOUGH_STOCK), 1.0)
    return ready


def relevance_scores(percentiles: FloatArray, promoted: BoolArray | None = None) -> FloatArray:
    """The `relevanceScore` of each position: the running minimum of the user-match percentiles in slate order.

    A promoted item was placed by the shop, so its percentile says nothing about its neighbours and is left out of the
    minimum; it shows the score of the next item that was ranked (at the end of the slate: of the last one).

    Args:    percentiles: shape (k,), in slate order, NaN = unknown (counts as 0); promoted: shape (k,).
    Returns: shape (k,), in [0, 1], non-increasing.
    """
    values = np.clip(np.nan_to_num(percentiles, nan=0.0), 0.0, 1.0)
    if promoted is None or not promoted.any() or promoted.all():
        return np.minimum.accumulate(values)
    ranked = np.flatnonzero(~promoted)
    floor = np.minimum.accumulate(values[ranked])
    following = np.searchsorted(ranked, np.arange(len(values)))
    shown: FloatArray = floor[np.minimum(following, len(ranked) - 1)]
    return shown
