"""Facts of a scenario's candidates after something of it was changed, by the service's own evidence functions.

Only facts that follow from the record, the request and what was stated can be made anew here. What behaviour tells
(bought together, trends, affinities, promotions) stays as it was frozen.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from functools import cache
from pathlib import Path

from app.adapters.reason_files import load_reasons
from app.domain.catalog import Product
from app.domain.money import parse_minor
from app.domain.ranking import Evidence, EvidenceKind
from app.pipeline.evidence import collect_evidence
from app.pipeline.evidence_catalogue import query_terms
from app.pipeline.evidence_facts import ItemFacts, RequestFacts, ShopperFacts
from app.pipeline.reason_slots import variant_of
from app.pipeline.reasons_schema import KINDS, ReasonConfig
from evals.prompts.golden_lines import IN_PROMPT
from evals.prompts.scenario import Candidate, Scenario
from evals.prompts.shop_records import category_price

CLOCK = 1_790_795_928.0
"""The demo shop's newest event, epoch seconds: the clock that golden scenarios were frozen at."""

PRICE_KINDS: frozenset[EvidenceKind] = frozenset({"price_vs_budget", "price_vs_category", "discount"})
RULES = Path(__file__).resolve().parents[2] / "rules"


@cache
def reasons() -> ReasonConfig:
    """Thresholds, strengths and word lists of rules/reasons.yaml."""
    return load_reasons(RULES)


def budget_in_force(scenario: Scenario) -> int | None:
    """The request's budget, else the one that the shopper stated; minor units."""
    if scenario.budget_minor is not None:
        return scenario.budget_minor
    told = next((fact.text for fact in scenario.profile if fact.kind == "budget"), None)
    return None if told is None else parse_minor(told.split()[0].replace(",", ""), scenario.currency)


def remade(candidate: Candidate, scenario: Scenario, kinds: Collection[EvidenceKind], product: Product) -> Candidate:
    """The candidate as this product, with its facts of these kinds made anew in this scenario; the others as before.

    Facts stand by strength again, and their ids begin as they did, so that no two of a slate are the same.
    """
    prefix = next((fact.id.split("_")[0] for fact in (*candidate.facts, *candidate.more)), f"e{product.product_id}")
    kept = [fact for fact in (*candidate.facts, *candidate.more) if fact.kind not in kinds]
    fresh = [fact for fact in true_facts(product, scenario) if fact.kind in kinds]
    ordered = sorted([*kept, *fresh], key=_place)
    facts = tuple(replace(fact, id=f"{prefix}_{i}") for i, fact in enumerate(ordered, start=1))
    return replace(candidate, product=product, facts=facts[:IN_PROMPT], more=facts[IN_PROMPT:])


def true_facts(product: Product, scenario: Scenario) -> tuple[Evidence, ...]:
    """What record, request and stated preferences say about a product, strongest first."""
    stated = {kind: tuple(f.text for f in scenario.profile if f.kind == kind) for kind in ("interest", "style", "size")}
    shopper = ShopperFacts(
        personalised=bool(scenario.profile),
        interests=stated["interest"],
        style_tags=stated["style"],
        sizes=stated["size"],
    )
    request = RequestFacts(
        now=CLOCK,
        currency=scenario.currency,
        budget_minor=budget_in_force(scenario),
        budget_source="preferences" if scenario.budget_minor is None else "request",
        query_terms=() if scenario.query is None else query_terms(scenario.query),
    )
    facts = ItemFacts(category_price=category_price(product))
    return collect_evidence(product, 0, facts, shopper, request, reasons())


def _place(fact: Evidence) -> tuple[int, int]:
    return -reasons().strength[fact.kind, variant_of(fact.kind, fact.value)], KINDS.index(fact.kind)
