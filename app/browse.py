"""Browsing: the categories of the shop, and what is in one of them, sorted and filtered. Nothing personal, no model."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from app.domain.catalog import IntArray, category_key
from app.domain.ranking import Filters
from app.domain.searching import NO_FACETS, Facets
from app.finder import Served
from app.pipeline.facets import facets_of, passes
from app.pipeline.shelf import Shelf

Order = Literal["popular", "price-up", "price-down", "rating", "new"]
ORDERS: tuple[Order, ...] = get_args(Order)

_PRIOR_VOTES = 20.0
"""Votes of the average product that a rating is mixed with, so that one vote of 5.0 does not lead the page."""


@dataclass(frozen=True, slots=True)
class Department:
    """A category and how many available products are in it or below it."""

    path: str
    count: int
    children: tuple[Department, ...] = ()


@dataclass(frozen=True, slots=True)
class Listing:
    """One page of a category."""

    product_ids: tuple[str, ...]  # of this page, in order
    total: int  # of all pages
    facets: Facets


class Browsing:
    """Synchronous and fast enough for an event loop: masks over the snapshot's columns."""

    def __init__(self, served: Callable[[], Served]) -> None:
        self._served = served

    def departments(self) -> tuple[Department, ...]:
        """The two upper levels of the category tree, in the catalogue's order of first mention, empty ones left out."""
        snapshot = self._served().shelf.snapshot
        here = np.flatnonzero(snapshot.available & (snapshot.category >= 0))
        counts = np.bincount(snapshot.category[here], minlength=len(snapshot.categories))
        tree: dict[str, dict[str, int]] = {}
        for path, count in zip(snapshot.categories, counts.tolist(), strict=True):
            if count:
                top, _, rest = (part.strip() for part in path.partition(">"))
                below = tree.setdefault(top, {})
                child = rest.split(">", 1)[0].strip()
                below[child] = below.get(child, 0) + count
        return tuple(
            Department(
                top,
                sum(below.values()),
                tuple(Department(f"{top} > {name}", count) for name, count in sorted(below.items()) if name),
            )
            for top, below in sorted(tree.items())
        )

    def listing(self, category: str, filters: Filters, order: Order, *, offset: int, limit: int) -> Listing | None:
        """What the category holds and the filters let through; None for a category that the shop does not have.

        Args: filters: those on brand, price and stock are read; what is sold out stays listed unless they say so.
        """
        served = self._served()
        shelf, codes = served.shelf, served.rules.codes
        snapshot = shelf.snapshot
        if not any(_holds(path, category) for path in snapshot.categories):
            return None
        rows = np.flatnonzero(snapshot.available & snapshot.rows_in_category(category)).astype(np.int32)
        if filters.in_stock:
            rows = rows[snapshot.stock[rows] > 0]
        inside = rows[np.logical_and.reduce(passes(snapshot, codes, rows, filters))]
        found = inside[np.lexsort((inside, -_keys(shelf, inside, order)))]
        facets = facets_of(snapshot, codes, rows, filters) if len(rows) else NO_FACETS
        ids = tuple(snapshot.product_ids[row] for row in found[offset : offset + limit].tolist())
        return Listing(ids, len(found), facets)


def _holds(path: str, category: str) -> bool:
    wanted, held = category_key(category), category_key(path)
    return held == wanted or held.startswith(wanted + " > ")


def _keys(shelf: Shelf, rows: IntArray, order: Order) -> NDArray[np.float64]:
    """What rows are sorted by, largest first; what is unknown comes last."""
    snapshot = shelf.snapshot
    match order:
        case "price-up":
            keys = -snapshot.price_minor[rows]
        case "price-down":
            keys = snapshot.price_minor[rows]
        case "new":
            keys = snapshot.created_at[rows]
        case "rating":
            votes = np.nan_to_num(snapshot.rating_count[rows], nan=0.0)
            mean = np.nan_to_num(np.nanmean(snapshot.rating_value) if len(rows) else 0.0, nan=0.0)
            value = np.nan_to_num(snapshot.rating_value[rows], nan=float(mean))
            keys = (value * votes + mean * _PRIOR_VOTES) / (votes + _PRIOR_VOTES)
        case _:
            keys = shelf.popularity[rows].astype(np.float64)
    return np.nan_to_num(np.asarray(keys, dtype=np.float64), nan=-np.inf)
