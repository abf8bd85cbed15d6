"""What a search finds beside its slate: how words were read, how many products match, and what they have in common."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from app.domain.catalog import BoolArray


@dataclass(frozen=True, slots=True)
class WordMatches:
    """What the words of a text find, column-wise over the word index's own products; arrays have the shape (n,)."""

    product_ids: tuple[str, ...]  # the index's products, in the order of the arrays
    scores: NDArray[np.float32]  # BM25; 0 = no word in common
    every: BoolArray  # holds every word of the text that says something, as it was understood
    read_as: str | None = None  # the text with its typing errors put right; None: nothing was

    @property
    def best(self) -> float:
        """The best score of any product, 0 where no word is known."""
        return float(self.scores.max(initial=0.0))


@dataclass(frozen=True, slots=True)
class FacetValue:
    """One value of a facet, and how many matches have it."""

    value: str
    count: int


@dataclass(frozen=True, slots=True)
class PriceBand:
    """Prices from `min_minor` to below `max_minor` (None: no end), and how many matches lie there."""

    min_minor: int
    max_minor: int | None
    count: int


@dataclass(frozen=True, slots=True)
class Facets:
    """Counts over all eligible matches; each facet is counted as if its own filter were not set."""

    categories: tuple[FacetValue, ...] = ()  # every level of the path is counted, most products first
    brands: tuple[FacetValue, ...] = ()
    prices: tuple[PriceBand, ...] = ()  # ascending


NO_FACETS = Facets()


@dataclass(frozen=True, slots=True)
class SearchFacts:
    """What a search answer says beside its slate."""

    total: int  # eligible products that match, filters included
    facets: Facets = field(default=NO_FACETS)
    read_as: str | None = None  # as in WordMatches
    relaxed: bool = False  # nothing holds everything that was asked for: these hold a part, or mean something near
