"""Whether a first place or a lowest price is claimed of more than the cited category."""

from __future__ import annotations

from collections.abc import Sequence

from app.pipeline.proof_facts import Backing
from app.pipeline.proof_text import Token, word_set, words_of

_FIRSTS = word_set(
    "lowest cheapest least fastest faster quicker top first second third fourth fifth most none nothing no number "
    "ranks ranked tops leads"
)
_PLACES = word_set("shop store range catalogue catalog assortment selection collection site")
_MEASURES = word_set("rating score review sale popularity quality demand sound")
_SELLERS = word_set("sell sells carry carries offer offers have stock")
_OTHER = word_set("other another any every most all")


def too_wide(tokens: Sequence[Token], backing: Backing) -> str:
    """The words that claim too much: "the lowest price in the shop" of a category's, "cheaper than other shops"."""
    for i, token in enumerate(tokens[1:], start=1):
        if token.word in ("shop", "store", "retailer") and tokens[i - 1].text in _OTHER:
            return tokens[i - 1].text + " " + token.text
        at_it = i > 1 and tokens[i - 2].text == "at" and tokens[i - 1].text in ("this", "that")
        if token.text == "price" and at_it and "low_stock" in backing.kinds:
            return "at this price"  # how many are left is known, not for how long they cost that
    labels = _labels(backing)
    if labels is None or not any(t.text in _FIRSTS for t in tokens):
        return ""
    if "trending" in backing.kinds and (measure := _other_measure(tokens)):
        return measure
    words = {t.word for t in tokens} | {t.text for t in tokens}
    wide = _wide(tokens)
    if not wide or wide == "whole":
        return wide
    return "" if words & labels or "category" in words else wide


def _other_measure(tokens: Sequence[Token]) -> str:
    """ "first by rating": a rank is one by growth of interest."""
    for i, token in enumerate(tokens[1:], start=1):
        before = tokens[i - 1]
        if (before.text in ("by", "in", "for") and token.word in _MEASURES) or (
            before.word in _MEASURES and token.text == "growth"
        ):
            return before.text + " " + token.text
    return ""


def _labels(backing: Backing) -> frozenset[str] | None:
    """Words of the categories that first places are cited of; None where none is, or where it is the shop's."""
    facts = [backing.values[kind] for kind in ("price_vs_category", "trending") if kind in backing.kinds]
    facts = [fact for fact in facts if fact.get("standing") == "lowest" or "rank" in fact]
    if not facts or any(fact.get("scope") == "shop" for fact in facts):
        return None
    return frozenset(word for fact in facts for word in words_of(str(fact.get("category") or "")))


def _wide(tokens: Sequence[Token]) -> str:
    for i, token in enumerate(tokens[1:], start=1):
        before = tokens[i - 1].text
        if token.word in _PLACES and before in ("the", "our", "this", "whole", "entire"):
            if before in ("whole", "entire"):
                return "whole"
            return token.text
        if token.text in _SELLERS and before == "we":
            return "we " + token.text
    return ""
