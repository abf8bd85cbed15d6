"""What shoppers take up faster than before, counted by shopper and not by piece (docs/shelves.md).

A shopper counts for a product once a day, by the strongest thing done to it, and once a week at most; pieces are not
counted. So an order of a thousand pieces is one shopper's, and so are fifty orders of one.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from app.domain.catalog import FloatArray, IntArray
from app.pipeline.decay import DAY_S
from app.pipeline.shelf import top_rows

RECENT_DAYS = 7
BEFORE_DAYS = 28
WINDOW_DAYS = RECENT_DAYS + BEFORE_DAYS
HALF_LIFE_DAYS = 2.0
PRIOR = 3.0
"""Imagined shoppers in the denominator: three real ones are not yet news."""
MIN_SHOPPERS = 5
"""Shoppers of the week under which nothing is said to grow."""
COHORT_MIN_SHOPPERS = 20
"""Shoppers under which a group of them is not told apart from everybody."""

NOBODY = 0
"""The actor of an event that consent lets nobody tie to another one."""


@dataclass(frozen=True, slots=True)
class RecentEvents:
    """Events with a product, column-wise, in any order; every array has the shape (n,)."""

    actor: NDArray[np.int64]  # a number per shopper, session or visitor, as consent allows; NOBODY where it does not
    row: IntArray  # snapshot row
    at: FloatArray  # epoch seconds, UTC
    strength: NDArray[np.float32]  # of the kind of event, 0..1
    country: IntArray  # a code, -1 where unknown or not to be used
    age_band: IntArray  # likewise

    def __len__(self) -> int:
        return len(self.row)

    def taken(self, at: NDArray[np.bool_] | NDArray[np.intp]) -> RecentEvents:
        """Some of the events, by mask or position."""
        return RecentEvents(
            self.actor[at], self.row[at], self.at[at], self.strength[at], self.country[at], self.age_band[at]
        )

    def with_more(self, more: RecentEvents) -> RecentEvents:
        """These and those."""
        return RecentEvents(
            np.concatenate([self.actor, more.actor]),
            np.concatenate([self.row, more.row]),
            np.concatenate([self.at, more.at]),
            np.concatenate([self.strength, more.strength]),
            np.concatenate([self.country, more.country]),
            np.concatenate([self.age_band, more.age_band]),
        )


NO_EVENTS = RecentEvents(
    np.empty(0, dtype=np.int64),
    np.empty(0, dtype=np.int32),
    np.empty(0, dtype=np.float64),
    np.empty(0, dtype=np.float32),
    np.empty(0, dtype=np.int32),
    np.empty(0, dtype=np.int32),
)


@dataclass(frozen=True, slots=True)
class Trend:
    """Products by how much they trend, best first; both arrays have the shape (k,)."""

    rows: IntArray
    scores: NDArray[np.float32]  # above 1: grows; 0..1: is taken up, and does not grow for sure


NO_TREND = Trend(np.empty(0, dtype=np.int32), np.empty(0, dtype=np.float32))


def trend_of(events: RecentEvents, n_rows: int, now: float) -> Trend:
    """What trends at `now` (epoch seconds) among rows below `n_rows`.

    heat = shoppers of the last 7 days, each by what they did and how long ago it was (half-life 2 days); expected =
    what the 28 days before would have made of such a week. Products of MIN_SHOPPERS and more whose growth
    (heat - expected) / sqrt(heat + expected + PRIOR), roughly standard deviations of a difference of Poisson counts, is
    above 0 come first, by it; the others follow by heat.
    """
    age_days = (now - events.at) / DAY_S
    usable = (age_days >= 0) & (age_days < WINDOW_DAYS) & (events.strength > 0) & (events.row < n_rows)
    if not usable.any():
        return NO_TREND
    actor, row, day, strength = _once_a_day(events.taken(usable), age_days[usable])
    fade = np.exp2(-day / HALF_LIFE_DAYS)
    recent = day < RECENT_DAYS
    heat, shoppers = _once_a_week(actor[recent], row[recent], (strength * fade)[recent], n_rows)
    a_week = float(np.exp2(-np.arange(RECENT_DAYS) / HALF_LIFE_DAYS).sum())
    before = np.bincount(row[~recent], weights=strength[~recent], minlength=n_rows)
    expected = before * (a_week / BEFORE_DAYS)
    growth = np.where(shoppers >= MIN_SHOPPERS, (heat - expected) / np.sqrt(heat + expected + PRIOR), 0.0)
    hottest = float(heat.max(initial=0.0))
    if hottest <= 0:
        return NO_TREND
    scores = np.where(growth > 0, 1.0 + growth, heat / hottest)
    scores = scores.round(6).astype(np.float32)  # equal counts are equal, however their sums were ordered
    rows = top_rows(scores, n_rows)
    return Trend(rows, scores[rows])


def shoppers_of(events: RecentEvents) -> int:
    """How many different shoppers are behind the events; those that nobody can be tied to are not counted."""
    return len(np.unique(events.actor[events.actor != NOBODY]))


def _once_a_day(
    events: RecentEvents, age_days: FloatArray
) -> tuple[NDArray[np.int64], IntArray, NDArray[np.int64], FloatArray]:
    """(actor, row, whole days ago, strength) of each shopper's strongest event per product and day.

    Events that nobody can be tied to are one shopper a product and day, by the logarithm of how many there were: they
    may be many people or one.
    """
    day = age_days.astype(np.int64)
    order = np.lexsort((-events.strength, day, events.row, events.actor))
    actor, row, day = events.actor[order], events.row[order], day[order]
    strength = events.strength[order].astype(np.float64)
    new = np.ones(len(row), dtype=np.bool_)
    new[1:] = (actor[1:] != actor[:-1]) | (row[1:] != row[:-1]) | (day[1:] != day[:-1])
    first = np.flatnonzero(new)
    count = np.diff(first, append=len(row))
    loudness = np.where(actor[first] == NOBODY, np.log2(1.0 + count), 1.0)
    return actor[first], row[first], day[first], strength[first] * loudness


def _once_a_week(
    actor: NDArray[np.int64], row: IntArray, strength: FloatArray, n_rows: int
) -> tuple[FloatArray, NDArray[np.int64]]:
    """(heat, shoppers) per row, shape (n_rows,): one shopper adds at most 1. The input is sorted by actor and row."""
    if len(row) == 0:
        return np.zeros(n_rows), np.zeros(n_rows, dtype=np.int64)
    new = np.ones(len(row), dtype=np.bool_)
    new[1:] = (actor[1:] != actor[:-1]) | (row[1:] != row[:-1])
    first = np.flatnonzero(new)
    total = np.add.reduceat(strength, first)
    total = np.where(actor[first] == NOBODY, total, np.minimum(total, 1.0))
    heat = np.bincount(row[first], weights=total, minlength=n_rows)
    return heat.astype(np.float64), np.bincount(row[first], minlength=n_rows).astype(np.int64)
