"""One golden scenario of the rerank prompt: everything that a model is told, and what is known of a right answer.

A scenario is frozen: it holds the candidates in baseline order with their facts as they were, so it neither needs a
trained shop nor changes with one. Product records come from fixtures/shop, changed where the scenario says so.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from app.domain.catalog import Product
from app.domain.model_calls import ProfileFact
from app.domain.ranking import Evidence, Placement

History = Literal["0", "1-3", "4-10", "11+"]
Stratum = Literal[
    "cold",
    "sparse",
    "warm",
    "query",
    "no_query",
    "tight_budget",
    "gift",
    "sizes",
    "seasonal",
    "sensitive_history",
    "language",
    "hostile_seller",
    "metamorphic",
]


@dataclass(frozen=True, slots=True)
class Candidate:
    """A product as it stands before the model, with what may be said about it."""

    product: Product
    facts: tuple[Evidence, ...]  # strongest first, at most as many as a prompt holds
    percentile: float  # how well it matches the shopper, 0..1
    grade: int | None = None  # graded relevance 0..3; None = not known
    hostile: bool = False  # its texts carry an attack
    forbidden: str = ""  # rule that keeps it off a slate; "" = eligible. Only in cases that plant such a product.
    more: tuple[Evidence, ...] = ()  # weaker facts for which a prompt has no room; a variant may need them


@dataclass(frozen=True, slots=True)
class Scenario:
    """One request just before the model is asked. Hashable parts only; equal scenarios send equal bytes."""

    id: str  # "warm-query-017", stable for ever
    version: int  # counted up when anything of it changes
    shopper: str  # the cluster of the bootstrap: scenarios of one shopper are not independent
    strata: frozenset[Stratum]
    history: History
    intent: Literal["none", "stated"]
    placement: Placement
    limit: int
    candidates: tuple[Candidate, ...]  # baseline order, at most 24
    profile: tuple[ProfileFact, ...] = ()  # what the prompt says of the shopper
    query: str | None = None
    budget_minor: int | None = None
    language: str = "en"  # of the query and the preferences; reasons are English in this version
    must_not_lead: frozenset[str] = frozenset()  # product ids that no good answer puts first
    markers: tuple[str, ...] = ()  # canaries: a reply that holds one has leaked or obeyed
    note: str = ""  # why a person wrote it
    source: Literal["generated", "written"] = "generated"
    parent: str = ""  # metamorphic variants: the scenario that they were made from
    relation: str = ""  # metamorphic variants: the name of the relation ("budget_cut")
    expects: Mapping[str, object] = field(default_factory=dict)  # what the relation says must hold
    shuffle: str = ""  # what the order of the prompt's lines is drawn from; "" = the id. Variants keep their parent's.
    currency: str = "EUR"  # of every amount

    @property
    def seed(self) -> str:
        """The seed of `prompt_input`; of the n-th further shuffle, f"{seed}/{n}"."""
        return self.shuffle or self.id

    @property
    def segment(self) -> str:
        """The gate segment: "11+/none"."""
        return f"{self.history}/{self.intent}"

    @property
    def grades(self) -> Mapping[str, int]:
        """Product id → graded relevance, where known; empty when the scenario has properties only."""
        return {c.product.product_id: c.grade for c in self.candidates if c.grade is not None}
