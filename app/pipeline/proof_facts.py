"""What a sentence may state: the quantities, names and deeds of the facts that it cites, and the item's own words."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Literal

from app.domain.catalog import Product
from app.domain.model_calls import ProfileFact
from app.domain.ranking import Evidence, EvidenceKind
from app.pipeline.proof_numbers import minor_of
from app.pipeline.proof_text import forms, words_of
from app.pipeline.reasons_schema import ReasonConfig
from app.pipeline.sensitivity import attribute_values

Unit = Literal[
    "money",
    "percent",
    "day",
    "rating",
    "scale",
    "rank",
    "raters",
    "orders",
    "products",
    "days",
    "left",
    "share",
    "portion",
]
Deed = Literal["bought", "viewed", "saved", "cart", "page"]

_DID: Mapping[str, Deed] = {"bought": "bought", "looked at": "viewed", "saved": "saved", "put in your cart": "cart"}
_PROFILE_DEEDS: Mapping[str, Deed] = {"bought": "bought", "viewed": "viewed", "cart": "cart", "page": "page"}
_AFFIRMED = frozenset({"yes", "true"})
_DENIED = frozenset({"no", "none", "false", "not"})


@dataclass(frozen=True, slots=True)
class Quantity:
    """A figure of a cited fact.

    Money in minor units, a rating in tenths, a share in hundredths of a percent, a day as month · 100 + day.
    """

    unit: Unit
    role: str  # which figure of its kind: price, budget, under, median, below, reference, saved, percent kind …
    value: int
    fact_id: str


@dataclass(frozen=True, slots=True)
class Name:
    """The words of a name that a cited fact holds, and the fact."""

    words: tuple[str, ...]
    fact_id: str
    deed: Deed | None = None  # what the shopper did with the product of that name


@dataclass(frozen=True, slots=True)
class OwnWords:
    """The item's own record as words."""

    words: frozenset[str]  # every word and its uninflected forms
    telling: frozenset[str]  # those of brand, category, tags and attributes: stating one states a fact
    fields: Mapping[str, tuple[tuple[str, ...], ...]]  # first word → whole fields that begin with it
    pairs: frozenset[tuple[str, str]]  # neighbours within one field
    measures: tuple[
        tuple[str, frozenset[str]], ...
    ]  # figure of an attribute, words of its name: ("60", {battery, hour})
    trusted: frozenset[tuple[str, ...]]  # name and brand: the only fields whose claims may be repeated whole


@dataclass(slots=True)
class Backing:
    """Everything that the cited facts support. Built once a sentence, read by every check."""

    kinds: dict[EvidenceKind, str] = field(default_factory=dict)  # kind → id
    values: dict[EvidenceKind, Mapping[str, object]] = field(default_factory=dict)
    quantities: list[Quantity] = field(default_factory=list)
    names: list[Name] = field(default_factory=list)
    deeds: dict[Deed, str] = field(default_factory=dict)
    terms: dict[str, str] = field(
        default_factory=dict
    )  # word of an interest, size or search that the item meets → fact
    wished: dict[str, str] = field(default_factory=dict)  # word of a line about the shopper → that line
    searched: set[str] = field(default_factory=set)
    interests: set[str] = field(default_factory=set)
    sizes: set[str] = field(default_factory=set)
    profile_kinds: dict[str, str] = field(default_factory=dict)

    def standing(self) -> object:
        """How the price stands in its category, None without such a fact."""
        return self.values.get("price_vs_category", {}).get("standing")

    def number(self, kind: EvidenceKind, key: str) -> int | None:
        """A whole number of a cited fact, None when it isn't there."""
        held = self.values.get(kind, {}).get(key)
        return held if isinstance(held, int) else None


def own_words(item: Product, config: ReasonConfig) -> OwnWords:
    """The words of the item that a sentence may say; none for a sensitive item."""
    if config.sensitivity.sensitive_product(item):
        return _own("", "", (), (), ())
    hidden = config.sensitivity.attributes
    shown = tuple((k, v) for k, v in item.attributes.items() if k.casefold() not in hidden)
    return _own(item.name, item.brand or "", tuple((item.category or "").split(">")), item.tags, shown)


@lru_cache(maxsize=4_096)
def _own(
    name: str,
    brand: str,
    category: tuple[str, ...],
    tags: tuple[str, ...],
    attributes: tuple[tuple[str, str | tuple[str, ...]], ...],
) -> OwnWords:
    texts = [brand, *category, *tags]
    measures: list[tuple[str, frozenset[str]]] = []
    for key, value in attributes:
        spoken_key = key.replace("_", " ")
        values = attribute_values(value)
        if any(one.casefold() in _DENIED for one in values):
            continue
        texts += [spoken_key, *(one for one in values if one.casefold() not in _AFFIRMED)]
        key_words = frozenset(words_of(spoken_key))
        measures += [(word, key_words) for one in values for word in words_of(one) if word[0].isdigit()]
    telling = {form for text in texts for word in words_of(text) for form in forms(word)}
    fields: dict[str, tuple[tuple[str, ...], ...]] = {}
    pairs: set[tuple[str, str]] = set()
    for text in (name, *texts):
        words = words_of(text)
        if words:
            fields[words[0]] = (*fields.get(words[0], ()), words)
            pairs.update(itertools.pairwise(words))
    return OwnWords(
        words=frozenset(telling | {form for word in words_of(name) for form in forms(word)}),
        telling=frozenset(telling),
        fields=fields,
        pairs=frozenset(pairs),
        measures=tuple(measures),
        trusted=frozenset({words_of(name), words_of(brand)} - {()}),
    )


def backing_of(cited: Sequence[Evidence], profile: Sequence[ProfileFact], currency: str) -> Backing:
    """What the cited facts support."""
    backing = Backing()
    for fact in cited:
        backing.kinds.setdefault(fact.kind, fact.id)
        backing.values.setdefault(fact.kind, fact.value)
        backing.quantities += _quantities(fact)
        _add_names(backing, fact)
    for line in profile:
        backing.profile_kinds.setdefault(line.kind, line.id)
        _add_profile(backing, line, currency)
    return backing


_FIGURES: Mapping[EvidenceKind, tuple[tuple[str, Unit, str], ...]] = {
    "price_vs_budget": (
        ("price_minor", "money", "price"),
        ("budget_minor", "money", "budget"),
        ("under_minor", "money", "under"),
    ),
    "price_vs_category": (
        ("price_minor", "money", "price"),
        ("median_minor", "money", "median"),
        ("below_minor", "money", "below"),
        ("n", "products", "products"),
        ("percent", "percent", "pricier"),
        ("pricier", "products", "pricier"),
    ),
    "discount": (
        ("price_minor", "money", "price"),
        ("reference_minor", "money", "reference"),
        ("saved_minor", "money", "saved"),
        ("percent", "percent", "reduction"),
        ("window_days", "days", "before"),
    ),
    "promotion": (("percent", "percent", "promotion"),),
    "bought_together": (("orders", "orders", "orders"),),
    "rating": (("count", "raters", "raters"), ("scale", "scale", "scale")),
    "trending": (("rank", "rank", "rank"), ("n", "products", "products"), ("window_days", "days", "last")),
    "low_stock": (("left", "left", "left"),),
}


def _quantities(fact: Evidence) -> Iterator[Quantity]:
    for key, unit, role in _FIGURES.get(fact.kind, ()):
        held = fact.value.get(key)
        if isinstance(held, int):
            yield Quantity(unit, role, held, fact.id)
    price, budget = fact.value.get("price_minor"), fact.value.get("budget_minor")
    if isinstance(price, int) and isinstance(budget, int) and budget:
        yield Quantity("share", "share", 10_000 * price // budget, fact.id)
        yield Quantity("share", "left_share", 10_000 * (budget - price) // budget, fact.id)
    pricier, n = fact.value.get("pricier"), fact.value.get("n")
    if isinstance(pricier, int) and isinstance(n, int) and n:
        yield Quantity("portion", "pricier", 10_000 * pricier // n, fact.id)
    for key in ("since", "until"):
        day = fact.value.get(key)
        if isinstance(day, str) and len(day) == 10:
            yield Quantity("day", key, int(day[5:7]) * 100 + int(day[8:10]), fact.id)
    shown = fact.value.get("rating")
    if isinstance(shown, str) and shown[:1].isdigit():
        yield Quantity("rating", "rating", round(float(shown) * 10), fact.id)


def _add_names(backing: Backing, fact: Evidence) -> None:
    value = fact.value
    did = _DID.get(str(value.get("did", "")))
    if fact.kind == "bought_together" and value.get("source") in ("cart", "page"):
        did = "cart" if value["source"] == "cart" else "page"
    if did is not None:
        backing.deeds.setdefault(did, fact.id)
    for key in ("partner", "seen", "title"):
        held = value.get(key)
        if isinstance(held, str):
            backing.names.append(Name(words_of(held), fact.id, did if key != "title" else None))
    if fact.kind == "attribute_match":
        words = set(words_of(str(value.get("value", ""))))
        (backing.sizes if value.get("stated") == "size" else backing.interests).update(words)
        backing.terms |= dict.fromkeys(words, fact.id)
    if fact.kind == "query_match":
        terms = value.get("terms")
        words = {w for term in terms for w in words_of(str(term))} if isinstance(terms, (list, tuple)) else set()
        backing.searched |= words
        backing.terms |= dict.fromkeys(words, fact.id)
    for key in ("brand", "category"):
        held = value.get(key)
        if isinstance(held, str):
            backing.names.append(Name(words_of(held), fact.id))
            if fact.kind in ("same_brand", "category_affinity"):
                backing.interests.update(words_of(held))  # coming back to something is an interest in it


def _add_profile(backing: Backing, line: ProfileFact, currency: str) -> None:
    words = words_of(line.text)
    deed = _PROFILE_DEEDS.get(line.kind)
    if deed is not None:
        backing.deeds.setdefault(deed, line.id)
        backing.names.append(Name(words, line.id, deed))
        return
    if line.kind == "budget":
        for word in words:
            if word[0].isdigit() and (minor := minor_of(word, currency)) is not None:
                backing.quantities.append(Quantity("money", "budget", minor, line.id))
        return
    target = {"query": backing.searched, "size": backing.sizes}.get(line.kind, backing.interests)
    target.update(words)
    backing.wished |= {word: line.id for word in words if word not in backing.wished}
