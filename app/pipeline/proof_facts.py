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
Field = Literal["name", "brand", "category", "tag", "details", "size"]

_DID: Mapping[str, Deed] = {"bought": "bought", "looked at": "viewed", "saved": "saved", "put in your cart": "cart"}
_PROFILE_DEEDS: Mapping[str, Deed] = {"bought": "bought", "viewed": "viewed", "cart": "cart", "page": "page"}
_PIECES = frozenset({"piece", "bag", "pc", "pcs", "pack", "tablet", "capsule", "sheet"})
_PACKED = frozenset({("set", "of"), ("pack", "of"), ("box", "of")})
_COUNTING = frozenset({"count", "pieces", "piece_count", "quantity", "pack_size"})
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
    places: Mapping[Field, frozenset[str]]  # words by the field that holds them
    named: tuple[str, ...] = ()  # words of the name, in order
    brand: tuple[str, ...] = ()  # words of the brand, in order
    vague: frozenset[str] = frozenset()  # words of a category for several things ("Coffee & Tea") and of nothing else
    other_things: frozenset[str] = frozenset()  # of these, what the item isn't: "coffee" where its name says "tea"
    counts: frozenset[str] = frozenset()  # figures that say how many pieces the item is


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
    """The words of the item that a sentence may say; of a sensitive item only a name and brand that may be spoken."""
    if config.sensitivity.sensitive_product(item):
        texts = (item.name, item.brand or "")
        return _own(*(text if config.sensitivity.speakable(text) else "" for text in texts), (), (), ())
    hidden = config.sensitivity.attributes
    shown = tuple((k, v) for k, v in item.attributes.items() if k.casefold() not in hidden)
    return _own(
        item.name, item.brand or "", tuple((item.category or "").split(">")), item.tags, shown, config.size_attributes
    )


@lru_cache(maxsize=4_096)
def _own(
    name: str,
    brand: str,
    category: tuple[str, ...],
    tags: tuple[str, ...],
    attributes: tuple[tuple[str, str | tuple[str, ...]], ...],
    size_attributes: frozenset[str] = frozenset(),
) -> OwnWords:
    texts = [brand, *category, *tags]
    measures: list[tuple[str, frozenset[str]]] = []
    details, sizes = set(_all_words(tags)), set[str]()
    for key, value in attributes:
        spoken_key = key.replace("_", " ")
        values = attribute_values(value)
        if any(one.casefold() in _DENIED for one in values):
            continue
        texts += [spoken_key, *(one for one in values if one.casefold() not in _AFFIRMED)]
        key_words = frozenset(words_of(spoken_key))
        details.update(_all_words(values))
        sizes.update(_all_words(values) if key.casefold() in size_attributes else ())
        measures += [(word, key_words) for one in values for word in words_of(one) if word[0].isdigit()]
    telling = {form for text in texts for word in words_of(text) for form in forms(word)}
    fields: dict[str, tuple[tuple[str, ...], ...]] = {}
    pairs: set[tuple[str, str]] = set()
    for text in (name, *texts):
        words = words_of(text)
        if words:
            fields[words[0]] = (*fields.get(words[0], ()), words)
            pairs.update(itertools.pairwise(words))
    held = details | set(words_of(name)) | set(words_of(brand))
    return OwnWords(
        words=frozenset(telling | {form for word in words_of(name) for form in forms(word)}),
        telling=frozenset(telling),
        fields=fields,
        pairs=frozenset(pairs),
        measures=tuple(measures),
        trusted=frozenset({words_of(name), words_of(brand)} - {()}),
        places={
            "name": frozenset(words_of(name)),
            "brand": frozenset(words_of(brand)),
            "category": _all_words(category),
            "tag": _all_words(tags),
            "details": frozenset(details),
            "size": frozenset(sizes),
        },
        named=words_of(name),
        brand=words_of(brand),
        vague=_vague(category) - held,
        other_things=frozenset(w for part in category if _vague((part,)) & held for w in _vague((part,)) - held),
        counts=_counts(words_of(name), attributes),
    )


def _all_words(texts: Sequence[str]) -> frozenset[str]:
    return frozenset(word for text in texts for word in words_of(text))


def _vague(category: Sequence[str]) -> frozenset[str]:
    """Words of labels that stand for several things: what is in "Coffee & Tea" need not be coffee."""
    joined = [words_of(part) for part in category]
    several = {word for words in joined if {"&", "and"} & set(words) for word in words} - {"&", "and"}
    return frozenset(several - {word for words in joined if not {"&", "and"} & set(words) for word in words})


def _counts(name: Sequence[str], attributes: Sequence[tuple[str, str | tuple[str, ...]]]) -> frozenset[str]:
    """The figures of "25 Pieces", "Set of 6", "50 bags" and of an attribute that counts."""
    found = {word for word, after in itertools.pairwise(name) if after in _PIECES and word.isdigit()}
    found |= {c for a, b, c in zip(name, name[1:], name[2:], strict=False) if (a, b) in _PACKED and c.isdigit()}
    for key, value in attributes:
        if key.casefold() in _COUNTING and isinstance(value, str) and value.isdigit():
            found.add(value)
    return frozenset(found)


def backing_of(
    cited: Sequence[Evidence], profile: Sequence[ProfileFact], currency: str, also: Sequence[Quantity] = ()
) -> Backing:
    """What the cited facts support, and further figures of the item's record."""
    backing = Backing(quantities=list(also))
    for fact in cited:
        backing.kinds.setdefault(fact.kind, fact.id)
        backing.values.setdefault(fact.kind, fact.value)
        backing.quantities += _quantities(fact)
        _add_names(backing, fact)
    for line in profile:
        backing.profile_kinds.setdefault(line.kind, line.id)
        _add_profile(backing, line, currency)
    _set_against_budget(backing)
    return backing


def _set_against_budget(backing: Backing) -> None:
    """What follows from a cited price and a cited line of the shopper's budget, where no cited fact says it."""
    if "price_vs_budget" in backing.kinds:
        return
    price = next((q for q in backing.quantities if q.unit == "money" and q.role == "price"), None)
    budget = next((q for q in backing.quantities if q.unit == "money" and q.role == "budget"), None)
    if price is None or budget is None or not 0 < price.value <= budget.value:
        return
    value = {"price_minor": price.value, "budget_minor": budget.value, "under_minor": budget.value - price.value}
    backing.kinds["price_vs_budget"] = price.fact_id
    backing.values["price_vs_budget"] = value
    backing.quantities += _quantities(Evidence(price.fact_id, "price_vs_budget", "", value))


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
