"""What is true about some products for one request, each with its record."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from app.domain.catalog import Product
from app.domain.ranking import Evidence, Query
from app.pipeline.evidence import collect_evidence
from app.pipeline.evidence_catalogue import query_terms
from app.pipeline.facts import Records, item_facts, request_facts, shopper_facts
from app.pipeline.profile import Profile
from app.pipeline.reasons_schema import ReasonConfig
from app.pipeline.rules import CompiledRules
from app.pipeline.shelf import Shelf


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

    @property
    def records(self) -> Records:
        """Products that a sentence may name."""
        return Records(self.products, self.config.sensitivity, self.rules.sensitive)


RowEvidence = tuple[Product, tuple[Evidence, ...]]
"""A record and the facts about it, strongest first."""


def evidence_of_rows(scene: Scene, rows: Sequence[int]) -> list[RowEvidence]:
    """Record and facts of each row, strongest first; every row must have a record. Ids tell the rows apart: e1_1, …"""
    records, profile, query = scene.records, scene.profile, scene.query
    shopper = shopper_facts(profile, records, scene.shelf)
    terms = () if query.text is None else query_terms(query.text)
    request = request_facts(query, profile, now=scene.now, currency=scene.currency, query_terms=terms)
    found = []
    for number, row in enumerate(rows, start=1):
        product = scene.products[scene.shelf.snapshot.product_ids[row]]
        facts = item_facts(
            row,
            shelf=scene.shelf,
            query=query,
            profile=profile,
            records=records,
            promotions=scene.rules.promotions(row, scene.now, profile.preferences.segments),
            now=scene.now,
        )
        found.append((product, collect_evidence(product, number, facts, shopper, request, scene.config)))
    return found
