"""Faults of form in the reply, and of rules on the slate."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace

from app.domain.ranking import RankedItem
from evals.prompts.outcome import Outcome
from evals.prompts.planted.fault import Fault, Planted, in_reply, on_slate
from evals.prompts.planted.good import Good, Parts
from evals.prompts.scenario import Candidate

_PROSE = (
    "Sure! Here is the ranking:\n{}",
    "```json\n{}\n```",
    "{}\nLet me know if you need anything else.",
    "<think>The shopper likes these.</think>{}",
    "Based on the profile, I suggest:\n\n{}",
)
_REFUSALS = (
    "I'm sorry, I can't help with that.",
    "As a language model I have no opinion about products.",
    "",
    "The list is too long to rank.",
    '{"error":"unable to comply"}',
    "null",
)
_FILLER = (
    "and that makes it a choice that you can think about for as long as you like before you decide",
    "which is something that many people would keep in mind when they look at a range as wide as this one",
    "so you may well find that it is worth a longer look at some quiet moment when you have the time for it",
)
_MARKUP = ("<b>{}</b>", "**{}**", "{} https://deals.example", "[{}](link)", "{} <script>x()</script>", "`{}`")


def _invented(good: Good) -> str:
    dealt = set(good.parts.order) | set(good.posed.given.product_of)
    letters = [c for c in "ZYXWVU" if c not in dealt]
    made_up = ["P-1042", "a", "AA", "item 3", f"{good.parts.order[0]}1"]
    return good.dice.pick([*letters, *made_up], "invented")


def _inserted(good: Good, alias: str) -> str:
    place = 1 + good.dice.below(len(good.parts.order) - 1, "place") if len(good.parts.order) > 1 else 0
    order = (*good.parts.order[:place], alias, *good.parts.order[place:])
    return replace(good.parts, order=order[:10] if good.dice.share("full") < 0.5 else order).text


def prose_around(good: Good) -> Planted | None:
    """Words, a fence or thoughts around the object."""
    return in_reply(good.dice.pick(_PROSE, "prose").format(good.parts.text), good)


def extra_key(good: Good) -> Planted | None:
    """A key that was not asked for."""
    whole = json.loads(good.parts.text)
    key = good.dice.pick(("confidence", "notes", "explanation", "products"), "key")
    if good.dice.share("inner") < 0.5:
        whole["why"][0][key] = "high"
    else:
        whole[key] = 0.9
    return in_reply(json.dumps(whole, ensure_ascii=False), good)


def refusal(good: Good) -> Planted | None:
    """No answer at all."""
    return in_reply(good.dice.pick(_REFUSALS, "refusal"), good)


def unknown_alias(good: Good) -> Planted | None:
    """An alias that was not dealt."""
    return in_reply(_inserted(good, _invented(good)), good)


def duplicated_id(good: Good) -> Planted | None:
    """A product named twice."""
    again = good.dice.pick(good.parts.order[:4], "again")
    at = good.parts.order.index(again) + 1
    place = at + good.dice.below(max(1, len(good.parts.order) - at), "where")
    order = (*good.parts.order[:place], again, *good.parts.order[place:])
    return in_reply(replace(good.parts, order=order[:10] if again in order[:place] else order).text, good)


def truncated_order(good: Good) -> Planted | None:
    """Fewer places than were asked for."""
    if len(good.parts.order) < 4:
        return None
    keep = 1 + good.dice.below(len(good.parts.order) - 1, "keep")
    order = good.parts.order[:keep]
    return in_reply(Parts(order, {a: t for a, t in good.parts.why.items() if a in order}).text, good)


def cut_off(good: Good) -> Planted | None:
    """A reply that ends in the middle."""
    text = good.parts.text
    return in_reply(text[: 12 + good.dice.below(len(text) - 13, "cut")], good)


def missing_why(good: Good) -> Planted | None:
    """A place without its reason."""
    gone = good.dice.pick(tuple(good.parts.why), "gone")
    return in_reply(replace(good.parts, why={a: t for a, t in good.parts.why.items() if a != gone}).text, good)


def markup(good: Good) -> Planted | None:
    """Markup or a link in a reason."""
    alias = good.dice.pick(tuple(good.parts.why), "alias")
    said = good.dice.pick(_MARKUP, "markup").format(good.parts.why[alias])
    return in_reply(good.saying(alias, said).text, good)


def wordy(good: Good) -> Planted | None:
    """A sentence far over the limit of words."""
    alias = good.dice.pick(tuple(good.parts.why), "alias")
    said = good.parts.why[alias].rstrip(".")
    if len(said) > 120:
        return None  # it would be cut for its length, which is another fault
    return in_reply(good.saying(alias, f"{said}, {good.dice.pick(_FILLER, 'filler')}.").text, good)


def _reshown(good: Good, change: Callable[[list[RankedItem]], list[RankedItem] | None]) -> Planted | None:
    items = change(list(good.outcome.slate))
    if items is None:
        return None
    return on_slate(replace(good.outcome, slate=tuple(replace(i, position=n) for n, i in enumerate(items, 1))), good)


def _world(good: Good, wanted: Callable[[Candidate], Candidate | None]) -> Outcome | None:
    """The good outcome in a world where one shown product's record is another: the service did not notice."""
    shown = [item.product_id for item in good.outcome.slate]
    chosen = good.dice.pick(shown, "chosen")
    candidates = []
    for one in good.scenario.candidates:
        other = wanted(one) if one.product.product_id == chosen else one
        if other is None:
            return None
        candidates.append(other)
    scenario = replace(good.scenario, candidates=tuple(candidates))
    return replace(good.outcome, posed=replace(good.posed, scenario=scenario))


def over_budget(good: Good) -> Planted | None:
    """A product on the slate that costs more than the budget."""
    budget = good.scenario.budget_minor
    if budget is None:
        return None
    price = budget + 1 + good.dice.below(max(2, budget // 2), "over")
    return on_slate(_world(good, lambda c: replace(c, product=replace(c.product, price_minor=price))), good)


def stale_stock(good: Good) -> Planted | None:
    """A product on the slate that is sold out or switched off by now."""
    gone: dict[str, object] = {"stock": 0} if good.dice.share("how") < 0.6 else {"available": False}
    return on_slate(_world(good, lambda c: replace(c, product=replace(c.product, **gone))), good)  # type: ignore[arg-type]


def forbidden_item(good: Good) -> Planted | None:
    """A product on the slate that a rule keeps off."""
    rule = good.dice.pick(("owned", "dismissed", "margin_floor", "within_budget"), "rule")
    return on_slate(_world(good, lambda c: replace(c, forbidden=rule)), good)


def stranger_shown(good: Good) -> Planted | None:
    """A product on the slate that was no candidate."""
    place = good.dice.below(len(good.outcome.slate), "place")

    def change(items: list[RankedItem]) -> list[RankedItem]:
        items[place] = replace(items[place], product_id=f"xx-{good.dice.below(9999, 'id'):04d}")
        return items

    return _reshown(good, change)


def shown_twice(good: Good) -> Planted | None:
    """A product on the slate twice."""

    def change(items: list[RankedItem]) -> list[RankedItem] | None:
        if len(items) < 2:
            return None
        first = good.dice.below(len(items) - 1, "first")
        items[-1] = replace(items[first], relevance=items[-1].relevance)
        return items

    return _reshown(good, change)


def rising_relevance(good: Good) -> Planted | None:
    """A relevance score higher than the one before it."""

    def change(items: list[RankedItem]) -> list[RankedItem] | None:
        place = 1 + good.dice.below(len(items) - 1, "place") if len(items) > 1 else 0
        if place == 0 or items[place - 1].relevance > 0.99:
            return None
        items[place] = replace(items[place], relevance=items[place - 1].relevance + 0.01)
        return items

    return _reshown(good, change)


FAULTS: tuple[Fault, ...] = (
    Fault("prose_around", ("contract.schema",), prose_around, "words or a fence around the object"),
    Fault("extra_key", ("contract.schema",), extra_key, "a key that was not asked for"),
    Fault("refusal", ("contract.usable", "contract.schema"), refusal, "a refusal, or nothing"),
    Fault("unknown_alias", ("contract.unknown_alias",), unknown_alias, "an alias that was not dealt"),
    Fault("duplicated_id", ("contract.duplicate_alias",), duplicated_id, "a product named twice"),
    Fault("truncated_order", ("contract.complete_order",), truncated_order, "fewer places than asked for"),
    Fault("cut_off", ("contract.truncated",), cut_off, "the reply ends in the middle"),
    Fault("missing_why", ("contract.reasons_given",), missing_why, "a place without its reason"),
    Fault("markup", ("contract.reason_form",), markup, "markup or a link in a reason"),
    Fault("wordy", ("contract.word_limit",), wordy, "a sentence far over the limit of words"),
    Fault("over_budget_item", ("rules.over_budget",), over_budget, "an item over the budget on the slate", "slate"),
    Fault("stale_stock", ("rules.out_of_stock",), stale_stock, "a sold-out item on the slate", "slate"),
    Fault("forbidden_item", ("rules.forbidden",), forbidden_item, "an item that a rule keeps off", "slate"),
    Fault("stranger_shown", ("rules.not_a_candidate",), stranger_shown, "an item that was no candidate", "slate"),
    Fault("shown_twice", ("rules.shown_twice",), shown_twice, "an item twice on the slate", "slate"),
    Fault("rising_relevance", ("rules.relevance_falls",), rising_relevance, "a score above the one before", "slate"),
)
