"""Metamorphic variants: a scenario changed in one known way, so that an answer can be wrong without a grade.

Every function returns a new scenario with `relation`, `parent` and `expects`, or None where the relation says nothing
about this one. A variant keeps its parent's seed and its number of candidates, so that the lines of its prompt stand in
the same order: what is added takes the place of the last candidate that nobody wants.

Facts that the change touches are made anew by the service's own functions (scenario_facts); none is invented.
"""

from __future__ import annotations

import hashlib
import itertools
import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import cache
from typing import Any

from app.domain.catalog import Product, top_category
from app.domain.model_calls import ProfileFact
from app.domain.money import format_minor
from app.domain.ranking import Evidence
from app.pipeline.prompt_input import PROFILE_LINES_MAX
from evals.prompts.scenario import Candidate, Scenario
from evals.prompts.scenario_facts import PRICE_KINDS, budget_in_force, reasons, remade
from evals.prompts.shop_records import shop_products
from evals.prompts.variant_attacks import clean_twin
from evals.prompts.variant_words import other_gender, other_locale, other_name, other_units

Variant = Callable[[Scenario], Scenario | None]

BUDGET_CUT_PERCENT = 30
PRICE_CUT_PERCENT = 20
DEARER_PERCENT = 25


def variants(scenario: Scenario, relations: Collection[str] | None = None) -> tuple[Scenario, ...]:
    """The variants of a scenario that need nothing but it, in a fixed order.

    Args:    relations: names in RELATIONS; None = all of them.
    Raises:  KeyError: no such relation.
    """
    wanted = RELATIONS if relations is None else {name: RELATIONS[name] for name in relations}
    made = (of(scenario) for of in wanted.values())
    return tuple(one for one in made if one is not None)


def budget_cut(scenario: Scenario) -> Scenario | None:
    """30% less budget, stated in the request; what costs more now is no longer eligible."""
    before = budget_in_force(scenario)
    if before is None:
        return None
    budget = before * (100 - BUDGET_CUT_PERCENT) // 100
    text = f"{format_minor(budget, scenario.currency)} {scenario.currency}"
    profile = tuple(replace(fact, text=text) if fact.kind == "budget" else fact for fact in scenario.profile)
    changed = replace(scenario, budget_minor=budget, intent="stated", profile=profile)
    candidates = []
    for one in scenario.candidates:
        remade_one = remade(one, changed, {"price_vs_budget"}, one.product)
        price = one.product.price_minor
        if price is None or price > budget:
            remade_one = replace(remade_one, forbidden="within_budget", grade=None if one.grade is None else 0)
        candidates.append(remade_one)
    return _variant(changed, "budget_cut", {"budget_minor": budget}, candidates=candidates)


def price_cut(scenario: Scenario) -> Scenario | None:
    """One product of the middle is a fifth cheaper: it must not fall."""
    return _repriced(scenario, "price_cut", -PRICE_CUT_PERCENT)


def price_rise(scenario: Scenario) -> Scenario | None:
    """One product of the middle is a quarter dearer, within the budget: it must not rise."""
    return _repriced(scenario, "price_rise", DEARER_PERCENT)


def _repriced(scenario: Scenario, relation: str, percent: int) -> Scenario | None:
    budget = budget_in_force(scenario)
    middle = len(scenario.candidates) // 2
    for place in sorted(range(len(scenario.candidates)), key=lambda i: (abs(i - middle), i)):
        one = scenario.candidates[place]
        price = None if one.product.price_minor is None else one.product.price_minor * (100 + percent) // 100
        if price is None or price == one.product.price_minor or (budget is not None and price > budget):
            continue
        if one.forbidden or one.hostile:
            continue
        fresh = remade(one, scenario, PRICE_KINDS, replace(one.product, price_minor=price))
        # The prompt must show the price before and after: a fact that falls out of it says something else.
        shown = [fact.kind for fact in one.facts]
        if PRICE_KINDS & set(shown) and shown == [fact.kind for fact in fresh.facts]:
            expects = {"product": one.product.product_id}
            return _variant(scenario, relation, expects, candidates=_with(scenario, place, fresh))
    return None


def attribute_swap(scenario: Scenario) -> Scenario | None:
    """A stated interest or style gives way to another that other candidates have: they gain on those with the old."""
    for wish in scenario.profile:
        if wish.kind not in ("interest", "style"):
            continue
        fitting = [c for c in scenario.candidates if _matched(c) == wish.text]
        told = {fact.text for fact in scenario.profile if fact.kind in ("interest", "style")}
        for other, tag in ((c, tag) for c in scenario.candidates for tag in c.product.tags if _matched(c) is None):
            lacking = next((c for c in fitting if tag not in c.product.tags), None)
            if tag in told or lacking is None or not reasons().sensitivity.speakable(tag):
                continue
            profile = tuple(replace(fact, text=tag) if fact == wish else fact for fact in scenario.profile)
            changed = replace(scenario, profile=profile)
            candidates = [remade(c, changed, {"attribute_match"}, c.product) for c in scenario.candidates]
            now = {c.product.product_id: _matched(c) for c in candidates}
            pair = {"product": other.product.product_id, "other": lacking.product.product_id}
            if now[pair["product"]] == tag and now[pair["other"]] is None:
                expects = {**pair, "old": wish.text, "new": tag}
                return _variant(changed, "attribute_swap", expects, candidates=_ungraded(candidates))
    return None


def _matched(candidate: Candidate) -> str | None:
    """The stated wish that a fact in the prompt says the product fulfils."""
    return next((str(fact.value["value"]) for fact in candidate.facts if fact.kind == "attribute_match"), None)


def brand_anonymised(scenario: Scenario) -> Scenario | None:
    """Every brand of the shop under a neutral name, wherever it is written; not where the query asks for a brand."""
    names, pattern = _brand_names()
    if scenario.query is not None and pattern.search(scenario.query.title()):
        return None

    def hidden(text: str) -> str:
        return pattern.sub(lambda found: names[found[0]], text)

    candidates = [
        replace(
            one,
            product=replace(
                one.product,
                name=hidden(one.product.name),
                brand=None if one.product.brand is None else hidden(one.product.brand),
                description=hidden(one.product.description),
            ),
            facts=tuple(_reworded(fact, hidden) for fact in one.facts),
            more=tuple(_reworded(fact, hidden) for fact in one.more),
        )
        for one in scenario.candidates
    ]
    profile = tuple(replace(fact, text=hidden(fact.text)) for fact in scenario.profile)
    return _variant(replace(scenario, profile=profile), "brand_anonymised", {}, candidates=candidates)


@cache
def _brand_names() -> tuple[Mapping[str, str], re.Pattern[str]]:
    """Brand → a name of two syllables that says nothing, and a pattern that finds brands as whole words."""
    brands = sorted({product.brand for product in shop_products().values() if product.brand is not None})
    syllables = [f"{c}{v}" for c, v in itertools.product("bdfgklmnprst", "aeo")]
    made = (f"{first}{second}".capitalize() for first, second in itertools.product(syllables, syllables[::-1]))
    names = dict(zip(brands, made, strict=False))
    longest_first = sorted(brands, key=lambda brand: (-len(brand), brand))
    return names, re.compile(r"(?<!\w)(?:" + "|".join(re.escape(brand) for brand in longest_first) + r")(?!\w)")


def _reworded(fact: Evidence, change: Callable[[str], str]) -> Evidence:
    return replace(fact, text=change(fact.text), value=_each(fact.value, change))


def _each(value: Any, change: Callable[[str], str]) -> Any:
    if isinstance(value, str):
        return change(value)
    if isinstance(value, Mapping):
        return {key: _each(inner, change) for key, inner in value.items()}
    return tuple(_each(inner, change) for inner in value) if isinstance(value, (tuple, list)) else value


def irrelevant_history(scenario: Scenario) -> Scenario | None:
    """The shopper also looked at something of a department that nothing here belongs to."""
    if scenario.history == "0" or not scenario.profile or len(scenario.profile) >= PROFILE_LINES_MAX:
        return None
    here = {top_category(c.product.category or "") for c in scenario.candidates}
    told = {fact.text for fact in scenario.profile}
    strange = [
        product.name
        for product in shop_products().values()
        if top_category(product.category or "") not in here
        and product.name not in told
        and not reasons().sensitivity.sensitive_product(product)
    ]
    if not strange:
        return None
    drawn = int.from_bytes(hashlib.sha256(scenario.id.encode()).digest()[:4])
    line = ProfileFact(f"u{len(scenario.profile) + 1}", "viewed", strange[drawn % len(strange)])
    return _variant(replace(scenario, profile=(*scenario.profile, line)), "irrelevant_history", {"added": line.text})


def alias_relabelled(scenario: Scenario) -> Scenario:
    """The same lines in another order, and so under other aliases."""
    return _variant(replace(scenario, shuffle=f"{scenario.seed}~relabelled"), "alias_relabelled", {})


def duplicate_item(scenario: Scenario) -> Scenario | None:
    """A copy of the most wanted product, under another id, in place of one that nobody wants."""
    place = _best(scenario)
    spare = _spare(scenario, place)
    if spare is None:
        return None
    one = scenario.candidates[place]
    copied = replace(one.product, product_id=f"{one.product.product_id}-copy")
    expects = {"product": one.product.product_id, "other": copied.product_id}
    twin = _numbered(replace(one, product=copied, grade=None), spare)
    return _variant(scenario, "duplicate_item", expects, candidates=_with(scenario, spare, twin))


def dominated_distractor(scenario: Scenario) -> Scenario | None:
    """A product beside the most wanted one that is like it and beaten in everything: dearer, and rated worse."""
    budget = budget_in_force(scenario)
    for place in sorted(range(len(scenario.candidates)), key=lambda i: (-(scenario.candidates[i].grade or 0), i)):
        one = scenario.candidates[place]
        spare = _spare(scenario, place)
        price = one.product.price_minor
        if spare is None or price is None or one.forbidden or one.hostile:
            continue
        dearer = -(-price * (100 + DEARER_PERCENT) // 100)
        if budget is not None and dearer > budget:
            continue
        product = _beaten(one.product, dearer)
        bare = replace(one, product=product, facts=_own(one.facts), more=(), percentile=0.0)
        worse = remade(bare, scenario, {*PRICE_KINDS, "rating"}, product)
        worse = replace(worse, grade=None if one.grade is None else max(0, one.grade - 1))
        expects = {"product": one.product.product_id, "other": product.product_id}
        changed = _variant(
            scenario, "dominated_distractor", expects, candidates=_with(scenario, spare, _numbered(worse, spare))
        )
        return replace(changed, must_not_lead=changed.must_not_lead | {product.product_id})
    return None


def _beaten(product: Product, price_minor: int) -> Product:
    rating = None if product.rating_value is None else max(1.0, round(product.rating_value - 0.9, 1))
    return replace(
        product,
        product_id=f"{product.product_id}-worse",
        price_minor=price_minor,
        list_price_minor=None,
        reference_price_minor=None,
        restocked_at=None,
        rating_value=rating,
        stock=None,
    )


def _own(facts: Sequence[Evidence]) -> tuple[Evidence, ...]:
    """What holds for a product that is like this one: what it is, not how it sells."""
    return tuple(fact for fact in facts if fact.kind in ("query_match", "attribute_match"))


def units(scenario: Scenario) -> Scenario | None:
    """The query with lengths, weights and volumes in other units."""
    return _asked(scenario, "units", other_units)


def locale(scenario: Scenario) -> Scenario | None:
    """The query with its numbers as another country writes them."""
    return _asked(scenario, "locale", other_locale)


def name_swap(scenario: Scenario) -> Scenario | None:
    """A present for somebody of another name."""
    return _asked(scenario, "name_swap", other_name) if "gift" in scenario.strata else None


def gender_swap(scenario: Scenario) -> Scenario | None:
    """A present for somebody of another gender."""
    return _asked(scenario, "gender_swap", other_gender) if "gift" in scenario.strata else None


def _asked(scenario: Scenario, relation: str, change: Callable[[str], str | None]) -> Scenario | None:
    query = None if scenario.query is None else change(scenario.query)
    if query is None:
        return None
    profile = tuple(replace(fact, text=query) if fact.kind == "query" else fact for fact in scenario.profile)
    changed = replace(scenario, query=query, profile=profile)
    if scenario.language != "en":  # facts were frozen without words of the query
        return _variant(changed, relation, {"query": query})
    candidates = [remade(c, changed, {"query_match"}, c.product) for c in scenario.candidates]
    return _variant(changed, relation, {"query": query}, candidates=candidates)


def drop_cited_fact(scenario: Scenario, product_id: str, fact_ids: Collection[str]) -> Scenario | None:
    """A product without the facts that a reply cited for it; none takes their place.

    Args: fact_ids: of `Evidence`; None where the product has none of them.
    """
    place = next((i for i, c in enumerate(scenario.candidates) if c.product.product_id == product_id), None)
    if place is None:
        return None
    one = scenario.candidates[place]
    left = tuple(fact for fact in one.facts if fact.id not in fact_ids)
    if len(left) == len(one.facts):
        return None
    candidates = _with(scenario, place, replace(one, facts=left))
    return _variant(scenario, "drop_cited_fact", {"product": product_id}, candidates=candidates, suffix=product_id)


def only_cited_facts(scenario: Scenario, cited: Mapping[str, Collection[str]]) -> Scenario | None:
    """Of the products that a reply gave reasons for, only the facts that it cited; the other products as they were.

    Args: cited: product id → ids of the facts cited for it. None where nothing would be left out.
    """
    candidates = [
        replace(one, facts=tuple(f for f in one.facts if f.id in cited[one.product.product_id]))
        if cited.get(one.product.product_id)
        else one
        for one in scenario.candidates
    ]
    if candidates == list(scenario.candidates):
        return None
    return _variant(scenario, "only_cited_facts", {"products": tuple(sorted(cited))}, candidates=candidates)


RELATIONS: Mapping[str, Variant] = {
    "budget_cut": budget_cut,
    "price_cut": price_cut,
    "price_rise": price_rise,
    "attribute_swap": attribute_swap,
    "brand_anonymised": brand_anonymised,
    "irrelevant_history": irrelevant_history,
    "alias_relabelled": alias_relabelled,
    "duplicate_item": duplicate_item,
    "dominated_distractor": dominated_distractor,
    "units": units,
    "locale": locale,
    "name_swap": name_swap,
    "gender_swap": gender_swap,
    "clean_twin": clean_twin,
}


def _variant(
    scenario: Scenario,
    relation: str,
    expects: Mapping[str, object],
    *,
    candidates: Iterable[Candidate] | None = None,
    suffix: str = "",
) -> Scenario:
    made = scenario.candidates if candidates is None else tuple(candidates)
    name = f"{scenario.id}--{relation.replace('_', '-')}" + (f"-{suffix}" if suffix else "")
    return replace(
        scenario,
        id=name,
        parent=scenario.id,
        relation=relation,
        expects=dict(expects),
        shuffle=scenario.seed,
        strata=scenario.strata | {"metamorphic"},
        candidates=made,
        must_not_lead=scenario.must_not_lead & {c.product.product_id for c in made},
    )


def _with(scenario: Scenario, place: int, candidate: Candidate) -> tuple[Candidate, ...]:
    return (*scenario.candidates[:place], candidate, *scenario.candidates[place + 1 :])


def _numbered(candidate: Candidate, place: int) -> Candidate:
    """With fact ids of the place that it takes."""
    facts = [replace(f, id=f"e{place + 1}_{i}") for i, f in enumerate((*candidate.facts, *candidate.more), start=1)]
    held = len(candidate.facts)
    return replace(candidate, facts=tuple(facts[:held]), more=tuple(facts[held:]))


def _ungraded(candidates: Iterable[Candidate]) -> list[Candidate]:
    """Without grades: the shopper wants something else now."""
    return [replace(one, grade=None) for one in candidates]


def _best(scenario: Scenario) -> int:
    """Place of the most wanted candidate, the first of several; without grades the baseline's first."""
    return max(range(len(scenario.candidates)), key=lambda i: (scenario.candidates[i].grade or 0, -i))


def _spare(scenario: Scenario, kept: int) -> int | None:
    """The last place whose candidate nobody wants, or None."""
    return next(
        (
            i
            for i in range(len(scenario.candidates) - 1, -1, -1)
            if i != kept
            and (scenario.candidates[i].grade or 0) <= 1
            and not scenario.candidates[i].hostile
            and not scenario.candidates[i].forbidden
        ),
        None,
    )
