"""A model's sentence taken apart: what it cites, its clauses, its figures. What the grounding checks read.

Deliberately not the prover's own reading: figures are found and compared here by a second, plainer method, so that a
mistake of the prover does not hide itself.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

from app.domain.money import format_minor
from app.domain.ranking import Evidence
from evals.prompts.outcome import Outcome
from evals.prompts.scenario import Candidate

_CITATIONS = re.compile(r"(?:\s*\[[^\[\]]{1,80}\])+")
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,30}")
_FIGURE = re.compile(
    r"(?P<before>[€$£¥]\s?)?(?<![\w.,])(?P<number>\d+(?:[.,]\d+)*)(?P<after>\s?(?:%|percent\b|€|EUR\b|USD\b|GBP\b|CHF\b|"
    r"JPY\b|euros?\b|dollars?\b|pounds?\b))?",
    re.IGNORECASE,
)
_WORD = re.compile(r"[^\W\d_]{3,}")


@dataclass(frozen=True, slots=True)
class Clause:
    """A stretch of a sentence up to its citations."""

    text: str
    cites: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Figure:
    """A number as it is written, with its unit: "%", a currency, or ""."""

    number: Decimal
    unit: str


@dataclass(frozen=True, slots=True)
class Said:
    """One sentence of the model about one product."""

    alias: str
    candidate: Candidate
    text: str  # with citations as the model wrote them

    @property
    def clauses(self) -> tuple[Clause, ...]:
        """The stretches between citations; a tail without one counts when it has words."""
        found: list[Clause] = []
        start = 0
        for match in _CITATIONS.finditer(self.text):
            found.append(Clause(self.text[start : match.start()], tuple(_NAME.findall(match[0]))))
            start = match.end()
        rest = self.text[start:]
        if _WORD.search(rest) or not found:
            found.append(Clause(rest, ()))
        return tuple(found)

    @property
    def cites(self) -> tuple[str, ...]:
        """Everything cited, in order, once."""
        return tuple(dict.fromkeys(cite for clause in self.clauses for cite in clause.cites))

    @property
    def bare(self) -> str:
        """Without citations."""
        return " ".join(_CITATIONS.sub("", self.text).split())


def sentences(outcome: Outcome) -> tuple[Said, ...]:
    """The model's sentences that repair kept, in the order of the reply."""
    by_id = {c.product.product_id: c for c in outcome.scenario.candidates}
    given = outcome.posed.given
    return tuple(
        Said(alias, by_id[given.product_of[alias]], text)
        for alias, text in outcome.read.why.items()
        if alias in given.product_of and given.product_of[alias] in by_id
    )


def own_facts(outcome: Outcome, said: Said) -> dict[str, Evidence]:
    """Citation → fact, of the sentence's own product."""
    return {
        cite: fact for cite, fact in outcome.posed.given.evidence_of.items() if cite.rstrip("0123456789") == said.alias
    }


def strange_citations(outcome: Outcome, said: Said) -> tuple[str, ...]:
    """Citations of another product's facts, or of nothing."""
    own, profile = own_facts(outcome, said), outcome.posed.given.profile_of
    return tuple(cite for cite in said.cites if cite not in own and cite not in profile)


def figures(text: str) -> list[Figure]:
    """Every number of a text that is written in digits."""
    found = []
    for match in _FIGURE.finditer(text):
        number = _decimal(match["number"])
        if number is not None:
            found.append(Figure(number, _unit((match["before"] or match["after"] or "").strip())))
    return found


def backed_figures(texts: Iterable[str], facts: Sequence[Evidence], currency: str) -> set[Figure]:
    """The figures that texts and facts hold; amounts of a fact's value are in its own currency, else in this one."""
    held = {figure for text in (*texts, *(fact.text for fact in facts)) for figure in figures(text)}
    for fact in facts:
        own = str(fact.value.get("currency", currency))
        for key, value in fact.value.items():
            if isinstance(value, bool) or not isinstance(value, int | str):
                continue
            if key.endswith("_minor") and isinstance(value, int):
                held.add(Figure(Decimal(format_minor(value, own)).normalize(), own))
            elif isinstance(value, int):
                held.add(Figure(Decimal(value).normalize(), "%" if key == "percent" else ""))
            elif (number := _decimal(value)) is not None:
                held.add(Figure(number, ""))
    return held


def record_texts(candidate: Candidate) -> list[str]:
    """What a product's own record says in words: its name, brand, category, tags and attributes."""
    product = candidate.product
    values: list[str] = [product.name, product.brand or "", product.category or "", *product.tags]
    for value in product.attributes.values():
        values += [value] if isinstance(value, str) else list(value)
    return values


def record_mismatches(candidate: Candidate, fact: Evidence, budget_minor: int | None) -> list[str]:
    """What a fact states that the record of its product, or the budget in force, says otherwise."""
    product, value = candidate.product, fact.value
    expected: Mapping[str, object] = {
        "price_minor": product.price_minor,
        "reference_minor": product.reference_price_minor,
        "budget_minor": budget_minor,
        "left": product.stock,
        "count": product.rating_count if fact.kind == "rating" else None,
        "rating": None if product.rating_value is None else f"{product.rating_value:.1f}",
    }
    wrong = []
    for key, now in expected.items():
        told = value.get(key)
        if told is not None and now is not None and told != now:
            wrong.append(f"{fact.kind} {key} {told}, now {now}")
    if fact.kind == "back_in_stock" and (product.stock == 0 or not product.available):
        wrong.append("back_in_stock, now sold out")
    return wrong


def _decimal(text: str) -> Decimal | None:
    """The number of a text, whichever of point and comma groups thousands; None where it is none."""
    plain = text.strip().rstrip(".,")
    grouped = re.fullmatch(r"\d{1,3}(?:[.,]\d{3})+", plain)
    if grouped and not re.fullmatch(r"\d\.\d{3}", plain):
        plain = re.sub(r"[.,]", "", plain)
    elif "," in plain and "." in plain:
        last = max(plain.rfind(","), plain.rfind("."))
        plain = re.sub(r"[.,]", "", plain[:last]) + "." + plain[last + 1 :]
    else:
        plain = plain.replace(",", ".")
    try:
        return Decimal(plain).normalize()
    except InvalidOperation:
        return None


def _unit(text: str) -> str:
    folded = text.casefold()
    if folded in ("%", "percent"):
        return "%"
    named = {"€": "EUR", "euro": "EUR", "euros": "EUR", "$": "USD", "dollar": "USD", "dollars": "USD"}
    named |= {"£": "GBP", "pound": "GBP", "pounds": "GBP", "¥": "JPY"}
    return named.get(folded, text.upper())
