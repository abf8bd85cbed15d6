"""The items of a slate with their reasons, from the ranking and the records of the products."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from app.domain.catalog import Product
from app.domain.ranking import Query, RankedItem
from app.pipeline.evidence import collect_evidence
from app.pipeline.evidence_catalogue import query_terms
from app.pipeline.facts import Records, item_facts, request_facts, shopper_facts
from app.pipeline.ranker import Ranking
from app.pipeline.reasons import ItemEvidence, compile_reasons
from app.pipeline.reasons_schema import ReasonConfig
from app.pipeline.rules import CompiledRules
from app.pipeline.shelf import Shelf


def slate_items(
    shelf: Shelf,
    rules: CompiledRules,
    ranking: Ranking,
    query: Query,
    *,
    products: Mapping[str, Product],
    config: ReasonConfig,
    now: float,
    currency: str,
) -> tuple[RankedItem, ...]:
    """The slate in order, each item with a sentence compiled from its evidence unless no reasons are wanted.

    Args:    products: records of `facts.cited_ids`. An item without a record was deleted a moment ago and is left
             out; the positions close up.
    Returns: positions from 1; `evidence` holds the facts that the sentence states.
    """
    composition, profile = ranking.composition, ranking.profile
    ids = shelf.snapshot.product_ids
    placed = [
        (row, RankedItem(ids[row], position=0, relevance=relevance, promoted=promoted))
        for row, relevance, promoted in zip(
            composition.rows.tolist(), composition.relevance.tolist(), composition.promoted.tolist(), strict=True
        )
        if ids[row] in products
    ]
    items = [replace(item, position=position) for position, (_, item) in enumerate(placed, start=1)]
    if query.reasons == "none" or not items:
        return tuple(items)
    records = Records(products, config.sensitivity)
    shopper = shopper_facts(profile, records, shelf)
    terms = () if query.text is None else query_terms(query.text)
    request = request_facts(query, profile, now=now, currency=currency, query_terms=terms)
    found: list[ItemEvidence] = []
    for (row, _), item in zip(placed, items, strict=True):
        product = products[item.product_id]
        facts = item_facts(
            row,
            shelf=shelf,
            query=query,
            profile=profile,
            records=records,
            promotions=rules.promotions(row, now, profile.preferences.segments),
        )
        found.append(
            ItemEvidence(
                product_id=product.product_id,
                name=product.name,
                evidence=collect_evidence(product, item.position, facts, shopper, request, config),
                currency=currency,
                brand=product.brand,
                category=product.category,
                price_minor=product.price_minor,
                promoted=item.promoted,
            )
        )
    seed = query.user_id or query.anonymous_id or query.session_id or ""
    return tuple(
        replace(
            item,
            reason=reason.text,
            reason_source="template",
            evidence=tuple(e for e in facts.evidence if e.id in reason.evidence_ids),
        )
        for item, reason, facts in zip(items, compile_reasons(found, seed=seed, config=config), found, strict=True)
    )
