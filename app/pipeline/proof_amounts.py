"""Which amount of a cited fact an amount in the sentence is: price, budget, distance, median or a price before."""

from __future__ import annotations

from collections.abc import Sequence

from app.pipeline.proof_context import DIFFERENCE, LIMITS, Stated, after_of
from app.pipeline.proof_facts import Backing
from app.pipeline.proof_limits import shopper_sets, wants_to_spend
from app.pipeline.proof_numbers import Mention, within
from app.pipeline.proof_text import Token, word_set

_SKIPPED = word_set("of the your our my a an its this that these those total whole is are was own usual")
_KEEPS = word_set("save saves saving saved leave leaves leaving left spare keep keeps keeping")
_SPENDS = word_set("use uses using take takes taking spend spends spending need needs require requires")
_REDUCED = word_set("reduced cut lowered dropped discounted down marked slashed fallen")
_AT = word_set("at for to cost costs costing price priced now only just carry carries carrying")
_BELOW = word_set("below under within than inside beneath")
_TARGETS = {
    "budget": "under",
    "limit": "under",
    "ceiling": "under",
    "maximum": "under",
    "allowance": "under",
    "amount": "under",
    "sum": "under",
    "range": "under",
    "median": "below",
    "lowest": "saved",
    "day": "saved",
    "low": "saved",
}
_BASES = frozenset({"budget", "median", "reference"})
_DISTANCES = frozenset({"under", "below", "saved"})


def amount_of(tokens: Sequence[Token], mention: Mention, backing: Backing, currency: str) -> Stated:
    """The cited amount that a mention states in its role; amounts in another currency state none."""
    if mention.shape == "money" and (mention.currencies is None or currency not in mention.currencies):
        return Stated(failure="currency")
    amount = mention.minor(currency)
    if amount is None:
        return Stated(failure="uncited_number")
    roles, bound = _money_roles(tokens, mention)
    for held in backing.quantities:
        if held.unit != "money":
            continue
        if held.role in roles and within(amount, held.value, mention.hedge):
            return Stated(held.fact_id)
        # "under 70 EUR" of an item that costs 64.90: a bound, not far off.
        if bound and held.role == "price" and held.value < amount <= held.value * 5 // 4:
            return Stated(held.fact_id)
    return Stated(failure="uncited_number")


def _money_roles(tokens: Sequence[Token], mention: Mention) -> tuple[frozenset[str], bool]:
    """Which figures of a fact an amount may be here, and whether it may bound the price from above."""
    after = after_of(tokens, mention.end, 7)
    if shopper_sets(tokens, mention.end):
        return frozenset({"budget"}), False  # "the 900 EUR you planned to spend"
    if mention.start and tokens[mention.start - 1].text == "your" and tokens[mention.start].stop == 0:
        return frozenset({"budget"}), False  # "of your 50 EUR"
    if after:
        first = after[0]
        halved = first.text == "less" and len(after) > 2 and after[2].text == "half"
        if first.stop == 0 and not halved:
            if (
                after[0].text == "down"
                or first.text in DIFFERENCE
                or (first.text == "to" and len(after) > 1 and after[1].text == "spare")
            ):
                return _difference(after), False
            if first.text in ("within", "inside"):
                told = mention.start > 0 and tokens[mention.start - 1].text in ("at", "for", "costs", "cost", "costing")
                return frozenset({"price"}) if told else frozenset(), False
            if first.word in LIMITS:
                return frozenset({"budget"}), False
            if first.text in ("median", "low") or (first.text == "or" and len(after) > 1 and after[1].text == "more"):
                return frozenset({"reference" if first.text == "low" else "median"}), False
            if first.text == "price":
                return frozenset({"price"}), False
    roles, bound = _money_roles_before(tokens, mention.start)
    if (
        after
        and after[0].text == "of"
        and after[0].stop == 0
        and any(t.word in LIMITS or t.text == "your" for t in after)
    ):
        if any(t.text in _SPENDS for t in tokens[max(mention.start - 3, 0) : mention.start]):
            return frozenset({"price"}), False  # "takes 66.90 EUR of your budget"
        return (roles if "price" in roles and not roles & _DISTANCES else frozenset({"under"})), False
    return roles or frozenset({"price"}), bound


def _of_the_rest(tokens: Sequence[Token], i: int) -> bool:
    """Whether the "than" at i sets the other products against this one: "cost more than its"."""
    if not i:
        return False
    if tokens[i - 1].text in ("more", "pricier"):
        return True
    denied = any(t.negated or t.text in ("no", "none", "nothing") for t in tokens[:i])
    return tokens[i - 1].text in ("less", "lower", "cheaper") and denied


def _compared_with(tokens: Sequence[Token]) -> frozenset[str]:
    """Which basis the sentence names: an amount alone after "versus" could be any."""
    words = {t.word for t in tokens}
    bases = {"budget"} if words & LIMITS else set()
    bases |= {"median"} if "median" in words else set()
    return frozenset(bases | ({"reference"} if words & {"low", "lowest"} else set()))


def _difference(after: Sequence[Token]) -> frozenset[str]:
    """Whose distance an amount is: the first of budget, median and lowest price that is named after it."""
    for token in after:
        role = _TARGETS.get(token.word)
        if role is not None:
            return frozenset({role})
    return _DISTANCES


def _money_roles_before(tokens: Sequence[Token], start: int) -> tuple[frozenset[str], bool]:
    steps = 0
    for i in range(start - 1, -1, -1):
        token, following = tokens[i], tokens[i + 1]
        if following.stop == 2 or (following.stop == 1 and steps) or steps >= 4:
            break
        word = token.text
        if word == "was" and i == start - 1:
            return frozenset({"reference"}), False  # "where it was 75.90"
        if word == "one" and i and tokens[i - 1].text == "this":
            continue  # "this one's 39.90"
        if word in _SKIPPED or word in ("exactly", "about", "recent"):
            continue
        steps += 1
        if token.word in LIMITS:
            return frozenset({"budget"}), False
        if word == "median":
            return frozenset({"median"}), False
        if word in _KEEPS:
            return _difference(tokens[start : start + 14]), False
        if word in ("by", "down") and not (word == "down" and following.text == "to"):
            reduced = word == "down" or tokens[i - 1].text in _REDUCED
            return frozenset({"saved"}) if reduced else _DISTANCES, False
        if word == "spend" and wants_to_spend(tokens, i):
            return frozenset({"budget"}), False
        if word == "than" and steps == 1 and _of_the_rest(tokens, i):
            return frozenset({"price"}), False  # "two thirds cost more than this one's 39.90"
        if word == "than" and i and tokens[i - 1].text == "rather":
            return frozenset({"reference"}), False
        if word in ("versus", "vs", "compared"):
            return _compared_with(tokens), False
        if word in ("from", "low", "reference", "against", "after", "instead"):
            return frozenset({"reference"}), False
        if word in _BELOW and i == start - 1:
            return _BASES, word != "within"
        if word in _BELOW:
            return _BASES, False
        if word == "price":
            near = [t.text for t in tokens[max(i - 3, 0) : i]]
            return frozenset({"reference" if "lowest" in near else "median" if "median" in near else "price"}), False
        if word in _AT:
            return frozenset({"price"}), False
        if token.figure or token.sign:
            break
    return frozenset(), False
