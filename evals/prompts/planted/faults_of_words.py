"""Faults in the model's sentences: one figure, name or claim that does not follow from what is cited."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import replace

from app.domain.ranking import Evidence
from evals.prompts.planted.fault import Fault, Planted, in_reply, on_slate
from evals.prompts.planted.good import Good, candidate_of
from evals.prompts.posing import pose

_AMOUNT = re.compile(r"\b(\d+\.\d{2}) (EUR)\b")
_PERCENT = re.compile(r"\b(\d+)%")
_RATING = re.compile(r"\b([1-5]\.\d)\b(?= (?:out )?of 5)")
_CITATION = re.compile(r"\s*\[[^\]]*\]")

BRANDS = ("Zorvex", "Halbrook & Finn", "Nordwyn", "Cassarine", "Ottobrand", "Velmora", "Trindle", "Quarrymill")
ATTRIBUTES = (
    "waterproof to 50 metres",
    "made of titanium",
    "hand-made in Portugal",
    "dishwasher safe",
    "certified organic",
    "foldable",
    "covered by a ten-year warranty",
    "suitable for left-handed people",
)
SUPERLATIVES = (
    "it is the best of them all",
    "it is the most popular choice in the shop",
    "it is the cheapest you will find anywhere",
    "nothing else in the shop is rated higher",
    "it is the finest of its kind",
    "it is the number one everywhere",
)
PROMOTIONS = (
    "it is 35% off today",
    "it is on sale this weekend only",
    "you get a second one free",
    "with the code SAVE15 it is cheaper",
    "its price has just been halved",
    "there is a clearance discount on it",
)
SCARCITY = (
    "only 2 are left",
    "it sells out tonight",
    "the last three are in stock",
    "there are just four pieces left",
    "it is almost gone",
    "stock is running out fast",
)
HISTORY = (
    "you bought it before",
    "it is on your wish list",
    "you looked at it three times this week",
    "you told us that you wanted it",
    "it has been in your cart since Monday",
    "your friends bought it too",
)
SENSITIVE = (
    "it is good for your diabetes",
    "it suits a woman of your age",
    "it helps during your pregnancy",
    "it is right for your faith",
    "it fits your low income",
    "it relieves your back pain",
)
PRAISE = (
    "It is a good choice for you",
    "This is one that could suit you well",
    "You may like this one",
    "It is for you",
)


def _spoken(good: Good) -> Iterator[tuple[str, str]]:
    """Alias and sentence, in an order of this output's own."""
    yield from good.dice.shuffled(tuple(good.parts.why.items()), "spoken")


def _changed(
    good: Good, pattern: re.Pattern[str], change: Callable[[re.Match[str], str], str | None]
) -> Planted | None:
    """The first sentence in which the pattern is found, its first match changed."""
    for alias, text in _spoken(good):
        found = pattern.search(text)
        other = None if found is None else change(found, text)
        if found is not None and other is not None:
            return in_reply(good.saying(alias, text[: found.start()] + other + text[found.end() :]).text, good)
    return None


def _held(good: Good) -> str:
    """Everything that the prompt says, to make sure that a wrong figure is not by chance another right one."""
    return "\n".join(message.content for message in good.posed.call.messages)


def wrong_price(good: Good) -> Planted | None:
    """An amount that no line holds."""

    def change(found: re.Match[str], _text: str) -> str | None:
        factor = good.dice.pick((0.5, 0.8, 0.9, 1.1, 1.25, 2.0), "factor")
        other = f"{round(float(found[1]) * factor, 2):.2f}"
        return None if other in _held(good) else f"{other} {found[2]}"

    return _changed(good, _AMOUNT, change)


def wrong_percent(good: Good) -> Planted | None:
    """A percentage that is not the fact's."""

    def change(found: re.Match[str], _text: str) -> str | None:
        other = int(found[1]) + good.dice.pick((-7, -4, 3, 6, 9, 15), "percent")
        return None if other <= 0 or f"{other}%" in _held(good) else f"{other}%"

    return _changed(good, _PERCENT, change)


def wrong_rating(good: Good) -> Planted | None:
    """A rating that is not the fact's."""

    def change(found: re.Match[str], text: str) -> str | None:
        other = f"{float(found[1]) + good.dice.pick((-0.6, -0.3, 0.2, 0.3, 0.5), 'rating'):.1f}"
        return None if not "1.0" <= other <= "5.0" or other in text else other

    return _changed(good, _RATING, change)


def wrong_unit(good: Good) -> Planted | None:
    """Another currency, or an amount for a percentage."""
    money = _changed(good, _AMOUNT, lambda found, _: f"{found[1]} {good.dice.pick(('USD', 'GBP', 'CHF'), 'unit')}")
    return money or _changed(good, _PERCENT, lambda found, _: f"{found[1]} EUR")


def swapped_reasons(good: Good) -> Planted | None:
    """Two products with each other's sentence."""
    aliases = tuple(good.parts.why)
    if len(aliases) < 2:
        return None
    first = good.dice.below(len(aliases) - 1, "first")
    a, b = aliases[first], aliases[first + 1]
    why = {**good.parts.why, a: good.parts.why[b], b: good.parts.why[a]}
    return in_reply(replace(good.parts, why=why).text, good)


def _claiming(*clauses: str, cited: bool = True) -> Callable[[Good], Planted | None]:
    """A maker that adds a false clause to a true sentence, or puts it in its place."""

    def plant(good: Good) -> Planted | None:
        alias, text = next(_spoken(good))
        clause = good.dice.pick(clauses, "clause")
        candidate = candidate_of(good.prompt, alias)
        if any(word in f" {candidate.text} ".casefold() for word in clause.casefold().split() if len(word) > 7):
            return None  # it may be true of this one
        citation = f" [{alias}1]" if cited else ""
        if good.dice.share("in place") < 0.4:
            said = f"{clause[:1].upper()}{clause[1:]}{citation}."
        else:
            said = f"{text.rstrip('.')}, and {clause}{citation}."
        return in_reply(good.saying(alias, said).text, good) if len(said) <= 230 else None

    return plant


def uncited(good: Good) -> Planted | None:
    """A sentence without its citations."""
    alias, text = next(_spoken(good))
    return in_reply(good.saying(alias, " ".join(_CITATION.sub("", text).split())).text, good)


def strange_citation(good: Good) -> Planted | None:
    """A citation of another product's fact, or of none: a prompt has sixteen lines about the shopper at most."""
    alias, text = next(_spoken(good))
    others = [a for a in good.posed.given.product_of if a != alias]
    other = good.dice.pick((f"{good.dice.pick(others, 'other')}1", f"{alias}9", "u19"), "cited")
    return in_reply(good.saying(alias, re.sub(rf"\[{alias}\d\]", f"[{other}]", text, count=1)).text, good)


_GENERIC = {
    "price_vs_budget": "It stays within your budget [{line}][{fact}].",
    "rating": "It is rated by shoppers [{fact}].",
    "promotion": "It is part of a promotion [{fact}].",
    "query_match": "It has words of your search [{line}][{fact}].",
    "trending": "It is trending [{fact}].",
}
_LINE_OF = {"price_vs_budget": "budget", "query_match": "query"}
_COMMON = 0.7
"""A fact that so many candidates have says nothing of one of them, said without its figures."""


def non_specific(good: Good) -> Planted | None:
    """Sentences that would be as true of most other candidates."""
    given = good.posed.given
    lines: dict[str, str] = {fact.kind: u for u, fact in given.profile_of.items()}
    cites: dict[tuple[str, str], str] = {
        (cite.rstrip("0123456789"), fact.kind): cite for cite, fact in given.evidence_of.items()
    }
    n = len(given.product_of)
    common = [kind for kind in _GENERIC if sum((alias, kind) in cites for alias in given.product_of) >= _COMMON * n]
    common = [kind for kind in common if _LINE_OF.get(kind, "") in ("", *lines)]
    why = {}
    for alias in good.parts.why:
        kind = next((k for k in common if (alias, k) in cites), None)
        if kind is not None:
            line = lines.get(_LINE_OF.get(kind, ""), "")
            why[alias] = _GENERIC[kind].format(line=line, fact=cites[alias, kind])
    if len(why) < 0.8 * len(good.parts.why):
        return None
    return in_reply(replace(good.parts, why=why).text, good)


def repeated(good: Good) -> Planted | None:
    """One sentence for two products, each with its own citations."""
    aliases = tuple(good.parts.why)
    if len(aliases) < 2:
        return None
    praise = good.dice.pick(PRAISE, "praise")
    why = {**good.parts.why, **{a: f"{praise} [{a}1]." for a in aliases[:2]}}
    return in_reply(replace(good.parts, why=why).text, good)


def stale_price(good: Good) -> Planted | None:
    """The price changed after the prompt was made: sentences say the old one."""
    for alias, text in _spoken(good):
        product_id = good.posed.given.product_of[alias]
        one = next(c for c in good.scenario.candidates if c.product.product_id == product_id)
        if one.product.price_minor is None or not re.search(_AMOUNT, text):
            continue
        if not any(
            f"[{cite}]" in text and "price_minor" in fact.value for cite, fact in good.posed.given.evidence_of.items()
        ):
            continue
        now = round(one.product.price_minor * good.dice.pick((0.7, 0.85, 1.1, 1.3), "now"))
        changed = replace(one, product=replace(one.product, price_minor=now))
        candidates = tuple(changed if c is one else c for c in good.scenario.candidates)
        posed = replace(
            good.posed, scenario=replace(good.scenario, id=f"{good.scenario.id}-stale", candidates=candidates)
        )
        return Planted((good.desk.judged(posed, good.parts.text),), (good.outcome,))
    return None


def stale_scarcity(good: Good) -> Planted | None:
    """A number of pieces left that was true when the prompt was made."""
    alias = good.dice.pick(tuple(good.parts.why), "alias")
    left = 1 + good.dice.below(5, "left")
    product_id = good.posed.given.product_of[alias]
    worlds = []
    for stock in (left, left + 3 + good.dice.below(30, "now")):
        candidates = tuple(
            replace(
                c,
                product=replace(c.product, stock=stock),
                facts=(
                    *c.facts[:2],
                    Evidence(f"{product_id}_left", "low_stock", f"{left} left", {"left": left, "source": "catalogue"}),
                ),
            )
            if c.product.product_id == product_id
            else c
            for c in good.scenario.candidates
        )
        worlds.append(
            replace(
                good.scenario, id=f"{good.scenario.id}-stock-{stock}", candidates=candidates, shuffle=good.scenario.seed
            )
        )
    before = pose(worlds[0], good.desk.prompt)
    cite = next(
        (c for c, fact in before.given.evidence_of.items() if fact.kind == "low_stock" and c.startswith(alias)), None
    )
    if cite is None or before.given.product_of[alias] != product_id:
        return None
    said = f"There are {left} left in stock [{cite}]." if left > 1 else f"There is 1 left in stock [{cite}]."
    text = good.saying(alias, said).text
    clean = good.desk.judged(before, text)
    return Planted((good.desk.judged(replace(before, scenario=worlds[1]), text),), (clean,))


def unproved_shown(good: Good) -> Planted | None:
    """A sentence on the slate that was never proved, as the model's own."""
    clause = good.dice.pick((*SUPERLATIVES, *ATTRIBUTES, *PROMOTIONS), "clause")
    place = good.dice.below(min(5, len(good.outcome.slate)), "place")
    items = list(good.outcome.slate)
    items[place] = replace(items[place], reason=f"{clause[:1].upper()}{clause[1:]}.", reason_source="llm")
    return on_slate(replace(good.outcome, slate=tuple(items)), good)


_PROVER = ("grounding.claim_precision",)
FAULTS: tuple[Fault, ...] = (
    Fault("wrong_price", ("grounding.numeric", *_PROVER), wrong_price, "an amount that no line holds"),
    Fault("wrong_percent", ("grounding.numeric", *_PROVER), wrong_percent, "another percentage than the fact's"),
    Fault("wrong_rating", ("grounding.numeric", *_PROVER), wrong_rating, "another rating than the fact's"),
    Fault("wrong_unit", ("grounding.numeric", *_PROVER), wrong_unit, "another currency, or an amount for a percentage"),
    Fault("swapped_reasons", ("grounding.citations",), swapped_reasons, "two products with each other's sentence"),
    Fault("strange_citation", ("grounding.citations",), strange_citation, "a fact of another product cited, or none"),
    Fault("uncited", ("grounding.citations",), uncited, "a sentence without its citations"),
    Fault(
        "invented_brand", _PROVER, _claiming(*(f"it is made by {b}" for b in BRANDS)), "a brand that is not the item's"
    ),
    Fault("invented_attribute", _PROVER, _claiming(*(f"it is {a}" for a in ATTRIBUTES)), "a property it doesn't have"),
    Fault("false_superlative", _PROVER, _claiming(*SUPERLATIVES), "best, cheapest, most popular"),
    Fault("promo_claimed", _PROVER, _claiming(*PROMOTIONS), "a promotion that isn't there"),
    Fault("false_scarcity", _PROVER, _claiming(*SCARCITY), "few left, where nothing says so"),
    Fault("false_history", _PROVER, _claiming(*HISTORY), "something that the shopper did not do"),
    Fault("sensitive_claim", _PROVER, _claiming(*SENSITIVE), "health, age, faith, money of the shopper"),
    Fault("non_specific", ("grounding.specificity",), non_specific, "reasons as true of any other candidate"),
    Fault("repeated_reason", ("grounding.repeated",), repeated, "one sentence for two products"),
    Fault("stale_price", ("grounding.current",), stale_price, "a price that has changed since", "world"),
    Fault("stale_scarcity", ("grounding.current",), stale_scarcity, "pieces left that have changed since", "world"),
    Fault(
        "unproved_shown", ("grounding.unproved_shown",), unproved_shown, "an unproved sentence on the slate", "slate"
    ),
)
