"""How many of the matches each category, brand and price band has."""

from __future__ import annotations

from collections import Counter
from functools import lru_cache

import numpy as np

from app.domain.catalog import BoolArray, IntArray, Snapshot
from app.domain.ranking import Filters
from app.domain.searching import Facets, FacetValue, PriceBand
from app.pipeline.catalogue_codes import CatalogueCodes

MOST_VALUES = 50
PRICE_BANDS = 5
SAMPLED_PRICES = 2_000
"""Prices that the limits of the bands are taken from; every price is counted."""
_NICE = (1, 2, 5)


def facets_of(snapshot: Snapshot, codes: CatalogueCodes, rows: IntArray, filters: Filters) -> Facets:
    """The facets of rows that match and may be shown, before the filters on category, brand and price.

    Each facet leaves its own filter out, so that a shopper who chose one brand still sees what the others hold.
    """
    by_category, by_brand, by_price = passes(snapshot, codes, rows, filters)
    return Facets(
        categories=_categories(snapshot, rows[by_brand & by_price]),
        brands=_brands(snapshot, rows[by_category & by_price]),
        prices=_prices(snapshot, rows[by_category & by_brand]),
    )


def passes(
    snapshot: Snapshot, codes: CatalogueCodes, rows: IntArray, filters: Filters
) -> tuple[BoolArray, BoolArray, BoolArray]:
    """Where each of the three filters lets a row through; shape (k,) each."""
    everything = np.ones(len(rows), dtype=np.bool_)
    by_category = by_brand = by_price = everything
    if filters.categories:
        by_category = codes.in_categories(filters.categories)[snapshot.category[rows]]
    if filters.brands:
        by_brand = codes.named_brands(filters.brands)[snapshot.brand[rows]]
    if filters.price_min_minor is not None:
        by_price = snapshot.price_minor[rows] >= filters.price_min_minor
    if filters.price_max_minor is not None:
        by_price = by_price & (snapshot.price_minor[rows] <= filters.price_max_minor)
    return by_category, by_brand, by_price


def _categories(snapshot: Snapshot, rows: IntArray) -> tuple[FacetValue, ...]:
    counts: Counter[str] = Counter()
    codes = snapshot.category[rows]
    for code, count in zip(*_counted(codes, len(snapshot.categories)), strict=True):
        for path in _levels(snapshot.categories[code]):
            counts[path] += count
    return _most(counts)


@lru_cache(maxsize=8192)  # the paths of a catalogue recur in every request
def _levels(category: str) -> tuple[str, ...]:
    """The path of every level of a category, the top first."""
    parts = [part.strip() for part in category.split(">") if part.strip()]
    return tuple(" > ".join(parts[:depth]) for depth in range(1, len(parts) + 1))


def _brands(snapshot: Snapshot, rows: IntArray) -> tuple[FacetValue, ...]:
    codes, counts = _counted(snapshot.brand[rows], len(snapshot.brands))
    return _most(Counter({snapshot.brands[code]: count for code, count in zip(codes, counts, strict=True)}))


def _counted(codes: IntArray, n: int) -> tuple[list[int], list[int]]:
    found = np.bincount(codes[codes >= 0], minlength=n)
    at = np.flatnonzero(found)
    return at.tolist(), found[at].tolist()


def _most(counts: Counter[str]) -> tuple[FacetValue, ...]:
    ranked = sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))
    return tuple(FacetValue(value, count) for value, count in ranked[:MOST_VALUES])


def _prices(snapshot: Snapshot, rows: IntArray) -> tuple[PriceBand, ...]:
    """At most PRICE_BANDS bands with round limits near the quantiles, so that each holds about as many products."""
    prices = snapshot.price_minor[rows]
    prices = prices[~np.isnan(prices)]
    if len(prices) == 0:
        return ()
    some = prices[:: max(1, len(prices) // SAMPLED_PRICES)]  # of all prices the quantiles alone would take 3 ms
    wanted = np.quantile(some, np.arange(1, PRICE_BANDS) / PRICE_BANDS)
    limits = sorted({limit for value in wanted.tolist() if (limit := _rounded(value)) > 0})
    edges = [0, *limits]
    below = [0, *(int(np.count_nonzero(prices < limit)) for limit in limits), len(prices)]
    held = np.diff(below)
    return tuple(
        PriceBand(low, high, count)
        for low, high, count in zip(edges, [*limits, None], held.tolist(), strict=True)
        if count
    )


def _rounded(minor: float) -> int:
    """The nearest of 1, 2 and 5 times a power of ten."""
    if minor < 1:
        return 0
    scale = 10 ** int(np.log10(minor))
    return int(min((step * scale for step in (*_NICE, 10)), key=lambda nice: abs(nice - minor)))
