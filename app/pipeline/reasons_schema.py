"""The shape of rules/reasons.yaml, what must hold beyond the shape, and the config that the pipeline reads.

Every wording is checked when it is loaded: its slots must exist for its kind, it may hold no number of its own, and
every word of it must be a neutral word or a claim that its kind of evidence backs. So a compiled sentence states
nothing but its evidence, and a prover that reads the same word lists accepts it.
"""

from __future__ import annotations

import difflib
import re
import string
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Annotated, get_args

from pydantic import BaseModel, ConfigDict, Field, StringConstraints
from pydantic.alias_generators import to_camel

from app.domain.catalog import category_key
from app.domain.ranking import EvidenceKind
from app.pipeline.seller_text import folded_words
from app.pipeline.sensitivity import Sensitivity, Terms

KINDS: tuple[EvidenceKind, ...] = get_args(EvidenceKind)
MIN_LEADS = 4

SLOTS: Mapping[EvidenceKind, Mapping[str, frozenset[str]]] = MappingProxyType(
    {
        "price_vs_budget": {
            "under": frozenset({"price", "budget", "under"}),
            "far": frozenset({"price", "budget", "under"}),
            "equal": frozenset({"price", "budget"}),
        },
        "price_vs_category": {
            "below": frozenset({"price", "median", "below", "products", "category"}),
            "cheaper": frozenset({"price", "median", "below", "percent", "products", "category"}),
            "count": frozenset({"price", "median", "below", "pricier", "products", "category"}),
            "lowest": frozenset({"price", "products", "category"}),
        },
        "discount": {"plain": frozenset({"price", "reference", "saved", "percent", "window"})},
        "promotion": {
            "percent_until": frozenset({"title", "percent", "until"}),
            "percent": frozenset({"title", "percent"}),
            "until": frozenset({"title", "until"}),
            "plain": frozenset({"title"}),
        },
        "bought_together": {
            "page": frozenset({"partner", "orders"}),
            "cart": frozenset({"partner", "orders"}),
            "history": frozenset({"partner", "orders", "did"}),
        },
        "same_brand": {"plain": frozenset({"brand"}), "recent": frozenset({"brand", "seen", "did"})},
        "category_affinity": {"plain": frozenset({"category"}), "recent": frozenset({"category", "seen", "did"})},
        "attribute_match": {
            "interest": frozenset({"value"}),
            "style": frozenset({"value"}),
            "size": frozenset({"value"}),
        },
        "rating": {"plain": frozenset({"rating", "scale", "shoppers"})},
        "trending": {
            "first": frozenset({"category", "products", "window"}),
            "ranked": frozenset({"rank", "category", "products", "window"}),
        },
        "new_arrival": {"plain": frozenset({"since"})},
        "back_in_stock": {"plain": frozenset({"since"})},
        "low_stock": {"plain": frozenset({"left", "pieces"})},
        "query_match": {"full": frozenset({"terms"}), "part": frozenset({"terms", "where"})},
    }
)
"""Kind → variant → slots that its wordings may use."""

FALLBACK_SLOTS = frozenset({"name", "brand", "category", "price"})

Word = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=60)]
Wording = Annotated[str, StringConstraints(min_length=3, max_length=140)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, alias_generator=to_camel)


class Thresholds(_Strict):
    """When a figure is worth saying. The bounds let a shop be stricter than shipped, never laxer."""

    min_budget_share_percent: int = Field(default=25, ge=10, le=100)  # price_vs_budget: of the budget
    min_category_products: int = Field(default=8, ge=8)
    min_percent_products: int = Field(default=20, ge=20)  # price_vs_category: below it a count is said
    min_discount_percent: int = Field(default=5, ge=5, le=95)
    discount_max_age_days: int = Field(default=60, ge=1, le=365)
    min_together_orders: int = Field(default=3, ge=3)
    min_together_lift: float = Field(default=1.0, ge=1.0)  # exclusive
    min_affinity_share: float = Field(default=0.15, ge=0.05, le=1.0)
    min_affinity_count: int = Field(default=3, ge=3)
    min_rating: float = Field(default=4.0, ge=4.0, le=5.0)
    min_rating_count: int = Field(default=10, ge=10)
    trending_top_rank: int = Field(default=5, ge=1, le=10)
    min_trending_products: int = Field(default=8, ge=8)
    min_trending_shoppers: int = Field(default=5, ge=5)
    new_days: int = Field(default=30, ge=1, le=30)
    restocked_days: int = Field(default=14, ge=1, le=14)
    low_stock_max: int = Field(default=5, ge=1, le=5)
    name_length: int = Field(default=60, ge=20, le=60)


class WordingsSpec(_Strict):
    """Ways to say one variant: `lead` begins a sentence, `tail` goes on after a lead of another theme."""

    strength: int | None = Field(default=None, ge=0, le=100)  # None = that of the kind
    lead: tuple[Wording, ...] = Field(min_length=MIN_LEADS, strict=False)
    tail: tuple[Wording, ...] = Field(default=(), strict=False)


class KindSpec(_Strict):
    """One kind of evidence: how strong it is next to the others, and how it is said."""

    strength: int = Field(ge=0, le=100)
    variants: dict[str, WordingsSpec]


class SensitiveSpec(_Strict):
    """Subjects that a reason never touches, and words that it never says."""

    terms: tuple[Word, ...] = Field(strict=False)
    unspoken: tuple[Word, ...] = Field(strict=False)
    categories: tuple[Word, ...] = Field(default=(), strict=False)
    tags: tuple[Word, ...] = Field(default=(), strict=False)
    attributes: tuple[Word, ...] = Field(default=(), strict=False)


class ReasonsSpec(_Strict):
    """The whole file."""

    version: int = Field(ge=1, le=1)
    thresholds: Thresholds = Thresholds()
    disclosure: Annotated[str, StringConstraints(pattern=r"^[A-Z][A-Za-z ]{2,30}: $")]
    size_attributes: tuple[Word, ...] = Field(strict=False)
    kinds: dict[str, KindSpec]
    fallback: tuple[Wording, ...] = Field(min_length=MIN_LEADS, strict=False)
    sensitive: SensitiveSpec
    neutral_words: tuple[Word, ...] = Field(strict=False)
    claim_words: dict[Word, tuple[EvidenceKind, ...]]


@dataclass(frozen=True, slots=True)
class Template:
    """A parsed wording: literal text and slots in turn."""

    source: str
    parts: tuple[tuple[str, str | None], ...]  # (literal, slot after it)
    slots: frozenset[str]

    def render(self, values: Mapping[str, str]) -> str:
        """The wording with its slots filled. Raises KeyError when `values` lacks one: loading excludes that."""
        return "".join([literal if slot is None else literal + values[slot] for literal, slot in self.parts])


@dataclass(frozen=True, slots=True)
class Wordings:
    """Parsed wordings of one variant."""

    leads: tuple[Template, ...]
    tails: tuple[Template, ...]


@dataclass(frozen=True, slots=True)
class ReasonConfig:
    """Everything of rules/reasons.yaml in the form that the pipeline reads."""

    thresholds: Thresholds
    sensitivity: Sensitivity
    strength: Mapping[tuple[EvidenceKind, str], int]  # by kind and variant, 0..100
    wordings: Mapping[tuple[EvidenceKind, str], Wordings]
    fallback: tuple[Template, ...]
    disclosure: str
    size_attributes: frozenset[str]
    neutral_words: frozenset[str]  # folded, see seller_text.folded_words
    claim_words: Mapping[str, frozenset[EvidenceKind]]  # folded word → kinds that back it; empty = none does


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong in the file: where (keys and indexes from the root) and what to do."""

    path: tuple[str | int, ...]
    message: str


def parse_template(source: str) -> Template:
    """A wording cut into literals and slots. Raises ValueError for anything but plain {slot} fields."""
    parts: list[tuple[str, str | None]] = []
    for literal, name, spec, conversion in string.Formatter().parse(source):
        if name is not None and (spec or conversion or not name.isidentifier()):
            raise ValueError(f"only plain slots such as {{price}} are allowed, found {{{name}}}")
        parts.append((literal, name))
    return Template(source, tuple(parts), frozenset(name for _, name in parts if name is not None))


def build_config(spec: ReasonsSpec) -> ReasonConfig:
    """The config of a file without problems. Raises ValueError with the first problem otherwise."""
    for problem in problems(spec):
        raise ValueError(f"{'.'.join(map(str, problem.path))}: {problem.message}")
    wordings: dict[tuple[EvidenceKind, str], Wordings] = {}
    strength: dict[tuple[EvidenceKind, str], int] = {}
    for kind in KINDS:
        for variant, said in spec.kinds[kind].variants.items():
            strength[kind, variant] = spec.kinds[kind].strength if said.strength is None else said.strength
            wordings[kind, variant] = Wordings(
                leads=tuple(parse_template(w) for w in said.lead), tails=tuple(parse_template(w) for w in said.tail)
            )
    return ReasonConfig(
        thresholds=spec.thresholds,
        sensitivity=_sensitivity(spec),
        strength=strength,
        wordings=wordings,
        fallback=tuple(parse_template(w) for w in spec.fallback),
        disclosure=spec.disclosure,
        size_attributes=frozenset(name.casefold() for name in spec.size_attributes),
        neutral_words=_neutral(spec),
        claim_words=_claims(spec),
    )


def _sensitivity(spec: ReasonsSpec) -> Sensitivity:
    listed = spec.sensitive
    return Sensitivity(
        terms=Terms.of(listed.terms),
        unspoken=Terms.of(listed.unspoken),
        categories=tuple(category_key(path) for path in listed.categories),
        tags=frozenset(tag.casefold() for tag in listed.tags),
        attributes=frozenset(name.casefold() for name in listed.attributes),
    )


def _claims(spec: ReasonsSpec) -> dict[str, frozenset[EvidenceKind]]:
    return {word: frozenset(kinds) for entry, kinds in spec.claim_words.items() for word in folded_words(entry)}


@dataclass(frozen=True, slots=True)
class _Lexicon:
    """The word lists that every wording is checked against."""

    neutral: frozenset[str]
    claims: Mapping[str, frozenset[EvidenceKind]]
    sensitivity: Sensitivity

    @classmethod
    def of(cls, spec: ReasonsSpec) -> _Lexicon:
        return cls(_neutral(spec), _claims(spec), _sensitivity(spec))


def _neutral(spec: ReasonsSpec) -> frozenset[str]:
    return frozenset(word for entry in spec.neutral_words for word in folded_words(entry))


def problems(spec: ReasonsSpec) -> list[Problem]:
    """What is wrong beyond the shape, in the order of the file's sections; empty for a file that can be used."""
    found = [Problem(("kinds",), f"the kind {kind!r} is missing") for kind in KINDS if kind not in spec.kinds]
    lexicon = _Lexicon.of(spec)
    for name, kind_spec in spec.kinds.items():
        kind = next((k for k in KINDS if k == name), None)
        if kind is None:
            found.append(Problem(("kinds", name), f"no evidence has the kind {name!r}{_meant(name, KINDS)}"))
            continue
        variants = SLOTS[kind]
        found += [
            Problem(("kinds", name, "variants"), f"the variant {variant!r} is missing")
            for variant in variants
            if variant not in kind_spec.variants
        ]
        for variant, said in kind_spec.variants.items():
            path = ("kinds", name, "variants", variant)
            if variant not in variants:
                found.append(Problem(path, f"{name} has no variant {variant!r}{_meant(variant, variants)}"))
                continue
            for i, wording in enumerate(said.lead):
                found += _wording_problems(lexicon, (*path, "lead", i), wording, variants[variant], kind)
            for i, wording in enumerate(said.tail):
                found += _wording_problems(lexicon, (*path, "tail", i), wording, variants[variant], kind)
                if not wording.startswith((", ", "; ")):
                    found.append(Problem((*path, "tail", i), "a tail begins with ', ' or '; '"))
    for i, wording in enumerate(spec.fallback):
        found += _wording_problems(lexicon, ("fallback", i), wording, FALLBACK_SLOTS, None)
    found += _list_problems(spec)
    return found


def _wording_problems(
    lexicon: _Lexicon, path: tuple[str | int, ...], wording: str, allowed: frozenset[str], kind: EvidenceKind | None
) -> Iterator[Problem]:
    try:
        template = parse_template(wording)
    except ValueError as error:
        yield Problem(path, f"{wording!r}: {error}")
        return
    for slot in sorted(template.slots - allowed):
        yield Problem(path, f"unknown slot {{{slot}}}{_meant(slot, allowed)}; this wording may use {_listed(allowed)}")
    literal = " ".join(text for text, _ in template.parts)
    if re.search(r"[\d%]", literal):
        yield Problem(path, f"{wording!r} holds a figure of its own; figures come from slots")
    if wording.endswith((".", "!", "?")) or "!" in wording:
        yield Problem(path, f"{wording!r}: the full stop is added later, and nothing is exclaimed")
    if "lead" in path and not re.match(r"[A-Z{]", wording):
        yield Problem(path, f"{wording!r} begins a sentence: start with a capital letter or a slot")
    if not lexicon.sensitivity.speakable(literal):
        yield Problem(path, f"{wording!r} holds a word listed under sensitive")
    for word in folded_words(literal):
        if word in lexicon.claims:
            if kind is None or kind not in lexicon.claims[word]:
                yield Problem(path, f"the claim {word!r} is not backed by {kind or 'anything'}; see claimWords")
        elif word not in lexicon.neutral:
            yield Problem(path, f"the word {word!r} is neither in neutralWords nor in claimWords")


def _list_problems(spec: ReasonsSpec) -> Iterator[Problem]:
    claims = _claims(spec)
    for i, entry in enumerate(spec.neutral_words):
        if any(word in claims for word in folded_words(entry)):
            yield Problem(("neutralWords", i), f"{entry!r} is also in claimWords; a word is one or the other")
    for section, entries in (("terms", spec.sensitive.terms), ("unspoken", spec.sensitive.unspoken)):
        for i, entry in enumerate(entries):
            if not folded_words(entry):
                yield Problem(("sensitive", section, i), f"{entry!r} holds no letter or digit to look for")


def _listed(names: frozenset[str]) -> str:
    return ", ".join(f"{{{name}}}" for name in sorted(names))


def _meant(word: str, known: Iterator[str] | tuple[str, ...] | frozenset[str] | Mapping[str, object]) -> str:
    near = difflib.get_close_matches(word, list(known), n=1, cutoff=0.6)
    return f"; did you mean {near[0]!r}?" if near else ""
