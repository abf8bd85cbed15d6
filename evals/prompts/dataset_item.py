"""A golden scenario as an item of a dataset: plain values for JSON, amounts as decimal strings."""

from __future__ import annotations

from typing import Any

from app.domain.money import format_minor
from evals.prompts.scenario import Scenario


def asked_of(scenario: Scenario) -> dict[str, Any]:
    """What is asked, candidates in baseline order, without what a model never sees: cost and stock."""
    return {
        "placement": scenario.placement,
        "limit": scenario.limit,
        "language": scenario.language,
        "query": scenario.query,
        "budget": _money(scenario.budget_minor, scenario.currency),
        "currency": scenario.currency,
        "profile": [{"kind": fact.kind, "text": fact.text} for fact in scenario.profile],
        "candidates": [
            {
                "productId": one.product.product_id,
                "name": one.product.name,
                "brand": one.product.brand,
                "category": one.product.category,
                "price": _money(one.product.price_minor, scenario.currency),
                "facts": [{"kind": fact.kind, "text": fact.text} for fact in one.facts],
            }
            for one in scenario.candidates
        ],
    }


def expected_of(scenario: Scenario) -> dict[str, Any] | None:
    """What is known of a right answer; None where nothing is."""
    if not scenario.grades and not scenario.must_not_lead:
        return None
    return {"grades": dict(scenario.grades), "mustNotLead": sorted(scenario.must_not_lead)}


def about_of(scenario: Scenario) -> dict[str, Any]:
    """What it is filed under."""
    return {
        "scenario": scenario.id,
        "version": scenario.version,
        "strata": sorted(scenario.strata),
        "segment": scenario.segment,
        "madeBy": scenario.source,
        "note": scenario.note,
    }


def _money(minor: int | None, currency: str) -> str | None:
    return None if minor is None else format_minor(minor, currency)
