"""True sentences about a candidate, in varied words, each claim followed by the lines that support it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from evals.simulated.dice import Dice
from evals.simulated.reading import Candidate, Fact, RerankPrompt, ShopperLine, folded, words

_MONEY = r"\S+ [A-Z]{3}"


@dataclass(frozen=True, slots=True)
class Phrasing:
    """How one form of fact is read, and the ways to say it; `{name}` fields are groups of the pattern."""

    kind: str
    pattern: re.Pattern[str]
    clauses: tuple[str, ...]  # each goes on from "it" or stands alone, in lower case


def _phrasing(kind: str, pattern: str, *clauses: str) -> Phrasing:
    return Phrasing(kind, re.compile(pattern), clauses)


_PHRASINGS = (
    _phrasing(
        "price_vs_budget",
        rf"price (?P<price>{_MONEY}), (?P<under>{_MONEY}) under the budget of (?P<budget>{_MONEY})",
        "at {price} it stays within your budget of {budget}",
        "it costs {price}, which is {under} under your budget of {budget}",
        "its price of {price} leaves {under} of your {budget} budget",
        "you would spend {price}, {under} less than your budget",
    ),
    _phrasing(
        "price_vs_budget",
        rf"price (?P<price>{_MONEY}), exactly the budget of",
        "at {price} it meets your budget exactly",
        "it costs {price}, exactly your budget",
    ),
    _phrasing(
        "price_vs_category",
        rf"price (?P<price>{_MONEY}), the lowest of (?P<n>\d+ \w+) (?P<where>in .+)$",
        "at {price} it has the lowest price of {n} {where}",
        "none of the {n} {where} costs less than its {price}",
    ),
    _phrasing(
        "price_vs_category",
        rf"price (?P<price>{_MONEY}), cheaper than (?P<percent>\d+%) of (?P<n>\d+ \w+) (?P<where>in .+)$",
        "at {price} it is cheaper than {percent} of the {n} {where}",
        "its {price} undercuts {percent} of {n} {where}",
    ),
    _phrasing(
        "price_vs_category",
        rf"price (?P<price>{_MONEY}), cheaper than (?P<pricier>\d+) of (?P<n>\d+ \w+) (?P<where>in .+)$",
        "at {price} it is cheaper than {pricier} of the {n} {where}",
    ),
    _phrasing(
        "price_vs_category",
        rf"price (?P<price>{_MONEY}), (?P<below>{_MONEY}) below the median of (?P<median>{_MONEY}) of "
        r"(?P<n>\d+ \w+) (?P<where>in .+)$",
        "at {price} it is {below} below the median price {where}",
        "it costs {price}, where the median {where} is {median}",
    ),
    _phrasing(
        "discount",
        rf"price (?P<price>{_MONEY}), (?P<percent>\d+%) below (?P<was>{_MONEY}), the lowest price of the "
        r"(?P<days>\d+ days) before",
        "it is now {price}, {percent} below its lowest price of the previous {days}",
        "the price is down {percent} to {price} from {was}, the lowest of the {days} before",
        "you pay {price} instead of {was}, its lowest price in the {days} before",
    ),
    _phrasing(
        "promotion",
        r"(?P<percent>\d+%) off in the promotion [“\"](?P<title>.+?)[”\"]",
        "it is {percent} off in the promotion {title}",
        "{title} takes {percent} off",
    ),
    _phrasing("promotion", r"promotion [“\"](?P<title>.+?)[”\"]", "it is part of the promotion {title}"),
    _phrasing(
        "bought_together",
        r"bought together with [“\"](?P<partner>.+?)[”\"], (?P<where>which you .+?|in your cart), "
        r"in (?P<orders>\d+ orders?)",
        "it was bought together with {partner}, {where}, in {orders}",
        "shoppers combined it with {partner}, {where}, in {orders}",
        "it goes along with {partner}, {where}: {orders} hold both",
    ),
    _phrasing(
        "bought_together",
        r"bought together with [“\"](?P<partner>.+?)[”\"],.* in (?P<orders>\d+ orders?)",
        "it was bought together with {partner} in {orders}",
        "{orders} combine it with {partner}",
    ),
    _phrasing(
        "same_brand",
        r"brand (?P<brand>.+), also of [“\"](?P<seen>.+?)[”\"], which you (?P<did>.+)$",
        "it is by {brand}, like {seen}, which you {did}",
        "{brand} also makes {seen}, which you {did}",
    ),
    _phrasing(
        "same_brand",
        r"brand (?P<brand>.+), which you come back to",
        "it is by {brand}, a brand that you come back to",
        "you keep returning to {brand}",
    ),
    _phrasing(
        "category_affinity",
        r"category (?P<label>.+), also of [“\"](?P<seen>.+?)[”\"], which you (?P<did>.+)$",
        "it is from {label}, like {seen}, which you {did}",
        "you {did} {seen}, and this is in {label} too",
    ),
    _phrasing(
        "category_affinity",
        r"category (?P<label>.+), which you come back to",
        "it is from {label}, a category that you come back to",
        "{label} is where you look often",
    ),
    _phrasing(
        "attribute_match",
        r"[“\"](?P<label>.+?)[”\"], (?P<stated>one of your \w+|your size)",
        "{label} is {stated}",
        "it matches {label}, {stated}",
    ),
    _phrasing(
        "rating",
        r"rated (?P<rating>[\d.]+) out of (?P<scale>\d+) by (?P<count>\d+) shoppers?",
        "it is rated {rating} out of {scale} by {count} shoppers",
        "{count} shoppers rate it {rating} out of {scale}",
        "shoppers give it {rating} of {scale} over {count} ratings",
    ),
    _phrasing(
        "trending",
        r"number (?P<rank>\d+) of (?P<n>\d+ \w+) (?P<where>in .+?) by growth in interest over the last "
        r"(?P<days>\d+ days?)",
        "by growth in interest over the last {days} it is number {rank} of {n} {where}",
        "it is number {rank} of {n} {where} by growth in interest over {days}",
        "it is trending {where}, number {rank} over the last {days}",
    ),
    _phrasing("new_arrival", r"since (?P<day>.+)$", "it is new in the range since {day}", "it arrived on {day}"),
    _phrasing(
        "back_in_stock", r"since (?P<day>.+)$", "it is back in stock since {day}", "it has been back since {day}"
    ),
    _phrasing("low_stock", r"(?P<left>\d+) left", "{left} are left in stock", "there are {left} left"),
    _phrasing(
        "query_match",
        r"holds all of your search: (?P<terms>.+)$",
        "it matches all of your search, {terms}",
        "it has everything that you searched for: {terms}",
    ),
    _phrasing(
        "query_match",
        r"holds (?P<terms>.+) of your search in its (?P<where>.+)$",
        "it has {terms} from your search in its {where}",
        "{terms} from your search is in its {where}",
    ),
)
_LINE_KINDS: Mapping[str, tuple[str, ...]] = {
    "price_vs_budget": ("budget",),
    "bought_together": ("bought", "viewed", "cart", "page"),
    "same_brand": ("brand", "bought", "viewed"),
    "category_affinity": ("category", "bought", "viewed"),
    "attribute_match": ("interest", "style", "size"),
    "query_match": ("query",),
}
_CONNECTORS = (", and ", "; ", ", while ", ", plus ")
_OPENINGS = ("", "", "", "{name}: ", "Worth a look: ", "A good fit: ")
_SMALL_TALK = (" It could suit you well.", " That makes it a sensible choice.", " Take your time to compare.")


@dataclass(frozen=True, slots=True)
class Claim:
    """One clause, with the citations that support it: ids of its fact and of shopper lines."""

    text: str
    cites: tuple[str, ...]

    @property
    def cited(self) -> str:
        """The clause as written, citations behind it."""
        return " ".join((self.text, *(f"[{cite}]" for cite in self.cites)))


@dataclass(frozen=True, slots=True)
class Sentence:
    """A reason before it is written out."""

    opening: str
    claims: tuple[Claim, ...]
    connectors: tuple[str, ...]
    closing: str

    @property
    def text(self) -> str:
        """The reason as the model writes it."""
        body = self.claims[0].cited
        for connector, claim in zip(self.connectors, self.claims[1:], strict=False):
            body += connector + claim.cited
        whole = f"{self.opening}{body}.{self.closing}"
        return whole[:1].upper() + whole[1:]

    @property
    def cites(self) -> tuple[str, ...]:
        """Every cited id, in order, without repeats."""
        return tuple(dict.fromkeys(cite for claim in self.claims for cite in claim.cites))


def write_sentence(prompt: RerankPrompt, candidate: Candidate, verbosity: int, dice: Dice) -> Sentence:
    """A sentence that claims only what the candidate's line says.

    Args: verbosity: at most so many facts; 3 adds small talk and ignores the prompt's word limit, which else costs
          all facts but the first that don't fit. A candidate without facts is described by its name.
    """
    facts = candidate.facts[:verbosity]
    claims = _within([_claim(prompt, fact, dice) for fact in facts], None if verbosity >= 3 else prompt.word_limit)
    if not claims:
        kind = candidate.category.rsplit(">", 1)[-1].strip()
        maker = f" by {candidate.brand}" if candidate.brand else ""
        claims = [Claim(f"{candidate.name}{maker}" + (f" is in {kind}" if kind else " is on offer"), ())]
    opening = dice.pick(_OPENINGS, "opening").format(name=candidate.name) if facts else ""
    connectors = tuple(dice.pick(_CONNECTORS, "connector", i) for i in range(len(claims) - 1))
    closing = dice.pick(_SMALL_TALK, "closing") if verbosity >= 3 else ""
    return Sentence(opening, tuple(claims), connectors, closing)


def _within(claims: Sequence[Claim], word_limit: int | None) -> list[Claim]:
    """The first claim, and the next ones as long as all of them together keep the limit."""
    kept: list[Claim] = []
    count = 0
    for claim in claims:
        count += len(claim.text.split()) + 1  # one for the word that joins it
        if kept and word_limit is not None and count > word_limit:
            break
        kept.append(claim)
    return kept


def _claim(prompt: RerankPrompt, fact: Fact, dice: Dice) -> Claim:
    cites = (*(line.id for line in _supporting(prompt.shopper, fact)), fact.id)
    for phrasing in _PHRASINGS:
        if phrasing.kind == fact.kind and (found := phrasing.pattern.search(fact.text)):
            clause = dice.pick(phrasing.clauses, "clause", fact.id)
            return Claim(_filled(clause, found.groupdict()), cites)
    return Claim(f"on record for it is: {fact.text}", cites)


def _filled(clause: str, groups: Mapping[str, str]) -> str:
    """The clause with its fields filled; a value is text and never a template."""
    return re.sub(r"\{(\w+)\}", lambda field: groups[field.group(1)].replace("“", "").replace("”", ""), clause)


def _supporting(shopper: Sequence[ShopperLine], fact: Fact) -> list[ShopperLine]:
    """At most one shopper line of a fitting kind that says part of what the fact says."""
    kinds = _LINE_KINDS.get(fact.kind, ())
    fact_words = words(fact.text)
    for kind in kinds:
        for line in shopper:
            if line.kind != kind:
                continue
            if kind == "budget" or folded(line.text) in folded(fact.text) or words(line.text) & fact_words:
                return [line]
    return []
