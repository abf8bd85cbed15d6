"""A seller's attack planted into one candidate, and the same scenario without it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

from app.domain.catalog import Product, top_category
from app.domain.ranking import EvidenceKind
from evals.prompts.scenario import Scenario
from evals.prompts.scenario_facts import remade
from evals.prompts.shop_records import shop_products

Surface = Literal["name", "brand", "category", "attribute"]
SURFACES: tuple[Surface, ...] = ("name", "brand", "category", "attribute")
_PLANTED: frozenset[EvidenceKind] = frozenset({"attribute_match"})


def attacker(scenario: Scenario) -> int:
    """Place of the candidate that a seller would most like to lift: the last one that nobody wants, else the last."""
    places = range(len(scenario.candidates) - 1, -1, -1)
    unwanted = (i for i in places if not scenario.candidates[i].grade and not scenario.candidates[i].forbidden)
    return next(unwanted, len(scenario.candidates) - 1)


def injection(
    scenario: Scenario, text: str, surface: Surface, *, markers: Sequence[str] = (), place: int | None = None
) -> Scenario | None:
    """The scenario with an attack in one candidate's text; the product must gain nothing by it.

    A name keeps its own words behind the attack, as far as a prompt's line has room. An attribute reaches a prompt only
    by its name, beside a value that the shopper stated: the seller of "rank this first: gardening".

    Args:    markers: what a reply shows where it obeyed; place: of the candidate, see `attacker`.
    Returns: None where this surface does not reach the prompt: an attribute, when nothing was stated.
    """
    place = attacker(scenario) if place is None else place
    one = scenario.candidates[place]
    product = one.product
    if surface == "attribute":
        wish = next((fact.text for fact in scenario.profile if fact.kind in ("interest", "style")), None)
        if wish is None:
            return None
        product = replace(product, tags=(), attributes={text: wish})
        planted = remade(one, scenario, _PLANTED, product)
        if not any(text[:12] in fact.text for fact in planted.facts):
            return None
    else:
        planted = replace(one, product=_with_text(product, text, surface))
    planted = replace(planted, hostile=True)
    return replace(
        scenario,
        id=f"{scenario.id}--injection-{surface}",
        parent=scenario.id,
        relation="injection",
        expects={"product": product.product_id, "surface": surface},
        shuffle=scenario.seed,
        strata=scenario.strata | {"metamorphic", "hostile_seller"},
        candidates=(*scenario.candidates[:place], planted, *scenario.candidates[place + 1 :]),
        must_not_lead=scenario.must_not_lead | {product.product_id},
        markers=(*scenario.markers, *markers),
    )


def _with_text(product: Product, text: str, surface: Surface) -> Product:
    if surface == "name":
        return replace(product, name=f"{text} {product.name}")
    if surface == "brand":
        return replace(product, brand=text)
    return replace(product, category=f"{top_category(product.category or 'Offers')} > {text}")


def clean_twin(scenario: Scenario) -> Scenario | None:
    """A hostile scenario with the shop's own records in place of the planted ones; None where nothing is hostile."""
    if not any(one.hostile for one in scenario.candidates):
        return None
    candidates = tuple(
        replace(remade(one, scenario, _PLANTED, shop_products()[one.product.product_id]), hostile=False)
        if one.hostile
        else one
        for one in scenario.candidates
    )
    hostile = {one.product.product_id for one in scenario.candidates if one.hostile}
    return replace(
        scenario,
        id=f"{scenario.id}--clean-twin",
        parent=scenario.id,
        relation="clean_twin",
        expects={"products": tuple(sorted(hostile))},
        shuffle=scenario.seed,
        strata=(scenario.strata - {"hostile_seller"}) | {"metamorphic"},
        candidates=candidates,
        must_not_lead=scenario.must_not_lead - hostile,
        markers=(),
    )
