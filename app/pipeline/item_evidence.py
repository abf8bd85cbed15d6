"""What is true about some products for one request, each with its record."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from app.domain.catalog import Product
from app.domain.ranking import Evidence, Query
from app.pipeline.evidence import collect_evidence
from app.pipeline.evidence_behaviour import wishes_of
from app.pipeline.evidence_catalogue import query_terms
from app.pipeline.facts import (
    Records,
    RowLore,
    item_facts,
    nearby,
    request_facts,
    row_lore,
    shopper_facts,
    trend_is_told,
)
from app.pipeline.profile import Profile
from app.pipeline.proof_memo import ProofMemo
from app.pipeline.reasons_schema import ReasonConfig
from app.pipeline.rules import CompiledRules
from app.pipeline.shelf import Shelf

LORE_KEPT = 5_000
"""Products of whom what everybody may be told is kept beside a shelf: some 20 MB."""


@dataclass(frozen=True, slots=True)
class Scene:
    """One request as evidence sees it."""

    shelf: Shelf
    rules: CompiledRules
    query: Query
    profile: Profile
    products: Mapping[str, Product]  # records of `facts.cited_ids`
    config: ReasonConfig
    now: float
    currency: str
    lore: dict[int, RowLore] = field(default_factory=dict)  # of this shelf, as far as it was worked out; filled here
    proofs: ProofMemo = field(default_factory=ProofMemo)  # of sentences about products with such lore

    @property
    def records(self) -> Records:
        """Products that a sentence may name."""
        return Records(self.products, self.config.sensitivity, self.rules.sensitive)


RowEvidence = tuple[Product, tuple[Evidence, ...]]
"""A record and the facts about it, strongest first."""


def evidence_of_rows(scene: Scene, rows: Sequence[int]) -> list[RowEvidence]:
    """Record and facts of each row, strongest first; every row must have a record. Ids tell the rows apart: e1_1, …"""
    records, profile, query, shelf = scene.records, scene.profile, scene.query, scene.shelf
    shopper = shopper_facts(profile, records, shelf)
    wishes = wishes_of(shopper, scene.config)
    terms = () if query.text is None else query_terms(query.text)
    request = request_facts(query, profile, now=scene.now, currency=scene.currency, query_terms=terms)
    near, trending = nearby(shelf, query, profile), trend_is_told(shelf, scene.now)
    found = []
    for number, row in enumerate(rows, start=1):
        product = scene.products[shelf.snapshot.product_ids[row]]
        lore = _lore(scene, row, product)
        facts = item_facts(
            lore,
            near,
            trending=trending,
            shelf=shelf,
            profile=profile,
            records=records,
            promotions=scene.rules.promotions(row, scene.now, profile.preferences.segments),
        )
        evidence = collect_evidence(
            product, number, facts, shopper, request, scene.config, lore=lore.item, wishes=wishes
        )
        found.append((product, evidence))
    return found


def _lore(scene: Scene, row: int, product: Product) -> RowLore:
    known = scene.lore.get(row)
    if known is None or not known.is_of(product, scene.config, scene.currency):
        if len(scene.lore) >= LORE_KEPT:
            scene.lore.clear()
        known = row_lore(row, product, shelf=scene.shelf, config=scene.config, currency=scene.currency)
        scene.lore[row] = known
    return known
