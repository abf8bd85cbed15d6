"""Scenarios made by hand: eight products of two brands, of which some are known to be right."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from app.domain.catalog import Product
from app.domain.model_calls import CallOutcome, ModelReply, ProfileFact, Usage
from app.domain.ranking import Evidence
from app.prompts import Prompt, load_prompt
from evals.prompts.outcome import Posed
from evals.prompts.scenario import Candidate, Scenario

ROOT = Path(__file__).resolve().parents[4]
MODEL = "openai/gpt-4o-mini"


def the_prompt(version: str = "v1") -> Prompt:
    """A shipped rerank prompt."""
    return load_prompt(ROOT / "prompts", "rerank", version)


def a_product(number: int, **changes: object) -> Product:
    """A kettle of 10 € and more, one of many brands and categories, so that no cap moves it."""
    made = Product(
        product_id=f"P{number}",
        name=f"Kettle {chr(64 + number)}",
        brand=f"Brand {chr(64 + number)}",
        category=f"Kitchen {number} > Kettles",
        price_minor=1000 + 100 * number,
        cost_minor=500,
        stock=10,
        rating_value=4.0 + number / 10,
        rating_count=100 + number,
    )
    return replace(made, **changes)  # type: ignore[arg-type]


def a_candidate(number: int, **changes: object) -> Candidate:
    """The product with its rating as a fact, graded by nobody."""
    product = a_product(number)
    rated = Evidence(
        id=f"e{number}_1",
        kind="rating",
        text=f"rated {product.rating_value:.1f} out of 5 by {product.rating_count} shoppers",
        value={
            "rating": f"{product.rating_value:.1f}",
            "scale": 5,
            "count": product.rating_count,
            "source": "catalogue",
        },
    )
    return replace(Candidate(product, (rated,), 1.0 - number / 10), **changes)  # type: ignore[arg-type]


def a_scenario(name: str = "warm-query-001", *, n: int = 8, **changes: object) -> Scenario:
    """One request for a kettle of up to 20 €."""
    made = Scenario(
        id=name,
        version=1,
        shopper=f"shopper of {name}",
        strata=frozenset({"warm", "query"}),
        history="11+",
        intent="stated",
        placement="home",
        limit=5,
        candidates=tuple(a_candidate(number) for number in range(1, n + 1)),
        profile=(ProfileFact("u1", "query", "kettle"), ProfileFact("u2", "budget", "up to 20.00 EUR")),
        query="kettle",
        budget_minor=2000,
    )
    return replace(made, **changes)  # type: ignore[arg-type]


def a_reply(
    posed: Posed,
    product_ids: Sequence[str],
    why: Mapping[str, str] | None = None,
    *,
    outcome: CallOutcome = "complete",
    model: str = "gpt-4o-mini-2024-07-18",
) -> ModelReply:
    """The reply that ranks so; in a sentence `{X}` is the candidate's alias."""
    alias = {product_id: alias for alias, product_id in posed.given.product_of.items()}
    told = {
        "order": [alias.get(p, p) for p in product_ids],
        "why": [{"id": alias[p], "text": text.replace("{X}", alias[p])} for p, text in (why or {}).items()],
    }
    return ModelReply(outcome, json.dumps(told), Usage(800, 60, cost_usd=0.0002), model, 0.9, 0.2)
