"""Which percentage of a cited fact a percentage or a fraction in words states."""

from __future__ import annotations

from collections.abc import Sequence

from app.pipeline.proof_context import DIFFERENCE, LIMITS, Stated, after_of
from app.pipeline.proof_facts import Backing
from app.pipeline.proof_numbers import Mention, within
from app.pipeline.proof_text import Token, word_set, words_of

_KEEPS = word_set("leaves leave leaving keep keeps keeping left")
_UNDERCUTS = word_set("than below under undercuts undercut undercutting beats beat beating")
_REDUCTIONS = word_set("discount reduction drop saving markdown cut off decrease")
_REDUCES = word_set(
    "save saves saving saved fell fall fallen dropped drop drops reduced lowered cut discounted marked down by"
)
_LIGHT = word_set("you a an by the price now with at it is its has been to was on")
_SKIPPED = word_set("price promotion promotional s")
_ALL = word_set("all every everything any your next")
_PROMOTION_CUES = word_set("promotion promotional offer deal until code valid campaign")
_REDUCTION_CUES = word_set("low lowest recent before previous previously prior earlier from day days reduced reduction")
_PRODUCTS = word_set("product item option model choice article")
_VAGUE = word_set("discount sale weeks week days day offer the and of a in deal")


def percentage(tokens: Sequence[Token], mention: Mention, backing: Backing, covered: Sequence[int]) -> Stated:
    """The fact whose percentage the mention states. `covered[i]` > 0 where token i is part of a whole name."""
    if covered[mention.first] and covered[mention.end - 1]:
        return Stated(own=True)
    before = tokens[mention.start - 1] if mention.start and tokens[mention.start].stop < 2 else None
    after = after_of(tokens, mention.end, 12)
    first = after[0].text if after and after[0].stop == 0 else ""
    roles: tuple[str, ...] = ()
    joined = next((k for k, t in enumerate(after) if t.text in ("and", "but") or (k and t.stop)), len(after))
    budget = any(t.word in LIMITS or t.text == "your" for t in after[: min(5, joined)])
    if first in ("of", "your", "the") and budget:
        kept = any(t.text in _KEEPS for t in tokens[max(mention.start - 3, 0) : mention.start])
        roles = ("left_share",) if kept or "left" in [t.text for t in after] else ("share",)
    elif before is not None and before.text in _UNDERCUTS:
        roles = ("pricier",)
    elif first == "of":
        # "75% of the products cost more": the products are the subject.
        roles = ("pricier",) if any(t.text in ("more", "pricier") for t in after) else ()
    elif mention.shape == "fraction" and any(t.text in ("more", "pricier") for t in after):
        roles = ("pricier",)
    elif _of_everything(after):
        roles = ()
    elif first in DIFFERENCE and first != "off":
        roles = ("reduction", "promotion") if "budget" not in (t.word for t in after[:5]) else ()
        roles = _told_of(tokens, mention, backing, roles)
        if "promotion" in roles and first not in ("less", "off"):
            roles = tuple(r for r in roles if r != "promotion")
    elif _reduction_follows(tokens, mention, covered) or _reduction_precedes(tokens, mention):
        roles = _told_of(tokens, mention, backing, ("reduction", "promotion"))
    if roles == ("pricier",) and first == "of" and _of_others(after, backing, covered[mention.end :]):
        return Stated(failure="uncited_number")
    below = roles == ("share",) and _bounded(tokens, mention)
    return _share(mention, backing, roles, bounded=below)


def _bounded(tokens: Sequence[Token], mention: Mention) -> bool:
    """ "less than 5% of your budget", "under 5%": above the truth, by no more than the truth again."""
    before = [t.text for t in tokens[max(mention.start - 2, 0) : mention.start]]
    if [t.text for t in tokens[mention.start : mention.first]] == ["less", "than"]:
        return True
    return before == ["less", "than"] or before[-1:] in (["under"], ["below"])


def _of_others(after: Sequence[Token], backing: Backing, covered: Sequence[int]) -> bool:
    """ "80% of the paperbacks", where the fact counts a whole category: another field of the item is named."""
    label = words_of(str(backing.values.get("price_vs_category", {}).get("category") or ""))
    for token, mark in zip(after[1:], covered[1:], strict=False):
        if token.text in ("the", "our", "all", "other") or token.figure:
            continue
        return bool(mark) and token.word not in label and token.word not in _PRODUCTS
    return False


def _of_everything(after: Sequence[Token]) -> bool:
    """ "15% off everything", "save 15% on your next order": more than this item."""
    words = [t.text for t in after[:3]]
    if words[:1] in (["off"], ["on"]):
        return words[1:2] != [] and words[1] in _ALL
    return False


def _reduction_follows(tokens: Sequence[Token], mention: Mention, covered: Sequence[int]) -> bool:
    """ "37% discount", "37% price drop", "the 15% Autumn weeks discount"."""
    for k in range(mention.end, min(mention.end + 6, len(tokens))):
        token = tokens[k]
        if token.stop:
            return False
        if token.word in _REDUCTIONS:
            return True
        if not covered[k] and token.text not in _SKIPPED:
            return False
    return False


def _reduction_precedes(tokens: Sequence[Token], mention: Mention) -> bool:
    """ "a cut of 22%", "save 15%", "fell 37%", "reduced in price by 20%"."""
    for k in range(mention.start - 1, max(mention.start - 5, -1), -1):
        token = tokens[k]
        if token.text in _REDUCES or token.word in _REDUCTIONS:
            return True
        if (token.text not in _LIGHT and token.text != "of") or token.stop == 2 or tokens[k + 1].stop == 2:
            return False
    return False


def _told_of(tokens: Sequence[Token], mention: Mention, backing: Backing, roles: tuple[str, ...]) -> tuple[str, ...]:
    """Of a reduction and a promotion that are both cited, the one that the words around the figure speak of."""
    if not ("discount" in backing.kinds and "promotion" in backing.kinds):
        return roles
    left, right = mention.start, mention.end
    while left and tokens[left].stop == 0 and tokens[left - 1].text not in ("and", "but"):
        left -= 1
    while right < len(tokens) and tokens[right].stop == 0 and tokens[right].text not in ("and", "but"):
        right += 1
    words = {t.text for t in tokens[left:right]} | {t.word for t in tokens[left:right]}
    title = set(words_of(str(backing.values["promotion"].get("title", "")))) - _VAGUE
    promoted, reduced = bool(words & (_PROMOTION_CUES | title)), bool(words & _REDUCTION_CUES)
    if promoted == reduced:
        return roles
    wanted = "promotion" if promoted else "reduction"
    return tuple(role for role in roles if role == wanted)


def _share(mention: Mention, backing: Backing, roles: Sequence[str], *, bounded: bool = False) -> Stated:
    """A percentage is the fact's, or of a budget within one point; a fraction in words within one and a half.

    Of a count ("12 of the 15") a percentage is the rounded one.
    """
    whole = mention.whole()
    if mention.shape == "percent" and whole is None:
        return Stated(failure="uncited_number")
    value = mention.n if mention.shape == "fraction" else 100 * (whole or 0)
    for held in backing.quantities:
        if held.role not in roles or held.unit not in ("percent", "share", "portion"):
            continue
        true = 100 * held.value if held.unit == "percent" else held.value
        if bounded:
            if true < value <= 2 * true:
                return Stated(held.fact_id)
            continue
        slack = {"share": 100, "portion": 50}.get(held.unit, 0) if mention.shape != "fraction" else 150
        if mention.hedge == "above" and 10 * (true - value) > true:
            continue  # "just over half" of 90%
        if within(value, true, mention.hedge) or (not mention.hedge and abs(value - true) <= slack):
            return Stated(held.fact_id)
    return Stated(failure="uncited_number")
