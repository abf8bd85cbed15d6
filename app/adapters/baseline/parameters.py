"""What training may choose, and the order of the sources."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

PERSONAL_SOURCES = ("ease", "item_item", "als")
"""Sources that need a history."""

SOURCES = (*PERSONAL_SOURCES, "popularity", "trend")
"""Every source that is blended, in the order of every weight vector."""

NeighbourKind = Literal["tfidf", "bm25", "cosine"]


@dataclass(frozen=True, slots=True)
class Parameters:
    """One choice of every parameter. Relative to the shop's own scale, so that one default serves many shops."""

    half_life_scale: float = 0.5  # factor on the half-lives of the signals
    saturation: float = 1.0  # confidence at which a history entry begins to saturate, in strongest signals
    max_products_per_actor: int = 1000  # the strongest ones are kept: a bound on one wholesaler, bot or attacker
    ease_regularisation: float = 20.0  # in means of the Gram matrix's diagonal
    neighbour_kind: NeighbourKind = "tfidf"
    neighbours: int = 50  # per product
    als_factors: int = 64
    als_regularisation: float = 0.4  # in mean entries per row of the interaction matrix
    als_alpha: float = 10.0  # confidence per unit of saturated weight
    als_iterations: int = 12
    popularity_half_life_days: float = 7.0
