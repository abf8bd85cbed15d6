"""The lines of golden files, checked as they are read: scenarios, and the facts that they share.

A product is its id in fixtures/shop and the fields that differ from there. A fact is a key into facts.jsonl, made from
its content, so that the same fact in a hundred scenarios is written once and can't be changed for one of them only.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from functools import cache
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from app.domain.catalog import Product
from app.domain.model_calls import ProfileFact
from app.domain.ranking import Evidence, EvidenceKind, Placement
from evals.prompts.scenario import Candidate, History, Scenario, Stratum
from evals.prompts.shop_records import shop_products

ProfileKind = Literal[
    "budget", "interest", "style", "size", "category", "brand", "bought", "viewed", "query", "page", "cart"
]

IN_PROMPT = 3
"""Facts of a candidate for which a prompt has room; the others are `more`."""


class _Line(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class FactLine(_Line):
    """One fact, without the id that it has in a scenario."""

    key: str = Field(pattern=r"^[0-9a-f]{10}$")
    kind: EvidenceKind
    text: str
    value: dict[str, Any]


class Changes(_Line):
    """Fields of a product that differ from the demo shop's record."""

    name: str | None = None
    brand: str | None = None
    category: str | None = None
    price_minor: int | None = None
    stock: int | None = None
    available: bool | None = None
    tags: tuple[str, ...] | None = None
    attributes: dict[str, str | tuple[str, ...]] | None = None


_UNCHANGED = Changes()


class CandidateLine(_Line):
    """One candidate."""

    p: str  # product id
    match: float = Field(ge=0, le=1)
    grade: int | None = Field(default=None, ge=0, le=3)
    facts: tuple[str, ...] = ()  # keys, strongest first; the first three are the prompt's
    hostile: bool = False
    forbidden: str = ""
    changes: Changes = _UNCHANGED


class ScenarioLine(_Line):
    """One scenario."""

    id: str = Field(pattern=r"^[a-z][a-z0-9-]{2,60}$")
    version: int = Field(ge=1)
    shopper: str
    strata: tuple[Stratum, ...] = Field(min_length=2)
    history: History
    intent: Literal["none", "stated"]
    placement: Placement
    limit: int = Field(ge=1, le=50)
    profile: tuple[tuple[ProfileKind, str], ...] = ()
    query: str | None = None
    budget_minor: int | None = Field(default=None, ge=0)
    language: str = Field(default="en", pattern=r"^[a-z]{2}$")
    must_not_lead: tuple[str, ...] = ()
    markers: tuple[str, ...] = ()
    note: str = ""
    source: Literal["generated", "written"] = "generated"
    candidates: tuple[CandidateLine, ...] = Field(min_length=2, max_length=24)


def fact_key(fact: Evidence) -> str:
    """The key of a fact: ten hex digits of what it says."""
    said = json.dumps([fact.kind, fact.text, _plain(fact.value)], sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(said.encode()).hexdigest()[:10]


def fact_line(fact: Evidence) -> FactLine:
    """A fact as a line."""
    return FactLine(key=fact_key(fact), kind=fact.kind, text=fact.text, value=_plain(fact.value))


def scenario_of(line: ScenarioLine, products: Mapping[str, Product], facts: Mapping[str, FactLine]) -> Scenario:
    """The scenario that a line states.

    Raises: ValueError: it names a product or a fact that is not there, or one twice, or contradicts itself.
    """
    ids = [candidate.p for candidate in line.candidates]
    if twice := sorted({p for p in ids if ids.count(p) > 1}):
        raise ValueError(f"{line.id}: product {twice[0]} is there twice")
    if strangers := sorted(set(line.must_not_lead) - set(ids)):
        raise ValueError(f"{line.id}: mustNotLead names {strangers[0]}, which is no candidate")
    if (line.query is not None) != ("query" in line.strata) or (line.query is None) != ("no_query" in line.strata):
        raise ValueError(f"{line.id}: the strata query and no_query must say whether there is a query")
    stated = line.query is not None or line.budget_minor is not None
    if stated != (line.intent == "stated"):
        raise ValueError(
            f"{line.id}: intent {line.intent}, but a query or a budget {'is' if stated else 'is not'} stated"
        )
    return Scenario(
        id=line.id,
        version=line.version,
        shopper=line.shopper,
        strata=frozenset(line.strata),
        history=line.history,
        intent=line.intent,
        placement=line.placement,
        limit=line.limit,
        candidates=tuple(
            _candidate(one, line.id, number, products, facts) for number, one in enumerate(line.candidates, start=1)
        ),
        profile=tuple(ProfileFact(f"u{i}", kind, text) for i, (kind, text) in enumerate(line.profile, start=1)),
        query=line.query,
        budget_minor=line.budget_minor,
        language=line.language,
        must_not_lead=frozenset(line.must_not_lead),
        markers=line.markers,
        note=line.note,
        source=line.source,
    )


def _candidate(
    line: CandidateLine, scenario: str, number: int, products: Mapping[str, Product], facts: Mapping[str, FactLine]
) -> Candidate:
    product = products.get(line.p)
    if product is None:
        raise ValueError(f"{scenario}: the demo shop has no product {line.p!r}")
    if missing := [key for key in line.facts if key not in facts]:
        raise ValueError(f"{scenario}: facts.jsonl has no fact {missing[0]!r}, which {line.p} cites")
    evidence = tuple(
        Evidence(f"e{number}_{i}", facts[key].kind, facts[key].text, _frozen(facts[key].value))
        for i, key in enumerate(line.facts, start=1)
    )
    return Candidate(
        product=product if line.changes == _UNCHANGED else _changed(product, line.changes),
        facts=evidence[:IN_PROMPT],
        percentile=line.match,
        grade=line.grade,
        hostile=line.hostile,
        forbidden=line.forbidden,
        more=evidence[IN_PROMPT:],
    )


def _changed(product: Product, changes: Changes) -> Product:
    return dataclasses.replace(product, **changes.model_dump(exclude_none=True))


def line_of(scenario: Scenario, products: Mapping[str, Product]) -> tuple[ScenarioLine, tuple[FactLine, ...]]:
    """A scenario as a line, and the facts that it cites."""
    cited = [fact for one in scenario.candidates for fact in (*one.facts, *one.more)]
    line = ScenarioLine(
        id=scenario.id,
        version=scenario.version,
        shopper=scenario.shopper,
        strata=tuple(sorted(scenario.strata)),
        history=scenario.history,
        intent=scenario.intent,
        placement=scenario.placement,
        limit=scenario.limit,
        profile=tuple((fact.kind, fact.text) for fact in scenario.profile),
        query=scenario.query,
        budget_minor=scenario.budget_minor,
        language=scenario.language,
        must_not_lead=tuple(sorted(scenario.must_not_lead)),
        markers=scenario.markers,
        note=scenario.note,
        source=scenario.source,
        candidates=tuple(_candidate_line(one, products) for one in scenario.candidates),
    )
    return line, tuple(fact_line(fact) for fact in cited)


def _candidate_line(candidate: Candidate, products: Mapping[str, Product]) -> CandidateLine:
    product = candidate.product
    base = products[product.product_id]
    changed = {
        name: getattr(product, name) for name in Changes.model_fields if getattr(product, name) != getattr(base, name)
    }
    if dataclasses.replace(base, **changed) != product:
        raise ValueError(f"{product.product_id}: a field is changed that golden files have no place for")
    if empty := [name for name, value in changed.items() if value is None]:
        raise ValueError(f"{product.product_id}: {empty[0]} can't be taken away, only changed")
    return CandidateLine(
        p=product.product_id,
        match=round(candidate.percentile, 4),
        grade=candidate.grade,
        facts=tuple(fact_key(fact) for fact in (*candidate.facts, *candidate.more)),
        hostile=candidate.hostile,
        forbidden=candidate.forbidden,
        changes=Changes(**changed),
    )


def scenario_hash(scenario: Scenario) -> str:
    """Sixteen hex digits of everything in a scenario but its version; products count with every field of theirs."""
    told = {field.name: getattr(scenario, field.name) for field in dataclasses.fields(scenario)}
    told |= {"version": 0, "profile": [[fact.kind, fact.text] for fact in scenario.profile]}
    told["candidates"] = [
        [
            _product_hash(one.product),
            [fact_key(fact) for fact in one.facts],
            [fact_key(fact) for fact in one.more],
            [one.percentile, one.grade, one.hostile, one.forbidden],
        ]
        for one in scenario.candidates
    ]
    return hashlib.sha256(json.dumps(_plain(told), sort_keys=True, ensure_ascii=False).encode()).hexdigest()[:16]


def _product_hash(product: Product) -> str:
    if product is shop_products().get(product.product_id):
        return _record_hash(product.product_id)
    return hashlib.sha256(json.dumps(_plain(dataclasses.asdict(product)), sort_keys=True).encode()).hexdigest()[:16]


@cache
def _record_hash(product_id: str) -> str:
    """The same of the shop's own record."""
    record = dataclasses.asdict(shop_products()[product_id])
    return hashlib.sha256(json.dumps(_plain(record), sort_keys=True).encode()).hexdigest()[:16]


def _plain(value: Any) -> Any:
    """The same in JSON's types, sets in order."""
    if isinstance(value, Mapping):
        return {str(key): _plain(inner) for key, inner in value.items()}
    if isinstance(value, (set, frozenset)):
        return sorted(_plain(inner) for inner in value)
    if isinstance(value, (list, tuple)):
        return [_plain(inner) for inner in value]
    return value


def _frozen(value: Any) -> Any:
    """The same with tuples in place of lists, as evidence has them."""
    if isinstance(value, dict):
        return {key: _frozen(inner) for key, inner in value.items()}
    return tuple(_frozen(inner) for inner in value) if isinstance(value, list) else value
