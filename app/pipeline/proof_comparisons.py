"""Prices and places that a sentence compares: in the direction, and with what, a cited fact compares them."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from app.pipeline.proof_facts import Backing
from app.pipeline.proof_numbers import WORD_FIGURES
from app.pipeline.proof_text import Token, word_set, words_of

_FROM = word_set("below under than from against off was compared versus vs")
_FRACTIONS = word_set(
    "% percent cent quarters thirds fifths half three four five six seven eight nine ten most majority"
)
_DETERMINERS = word_set(
    "previous usual the a an your our its their of this that my category spending stated set own planned for"
)
_THEN = word_set("recent previous prior it did was at had cost")
_PEERS = word_set("product item title article option of in")
_EARLIER = word_set("before previously earlier")
_BUDGETS = word_set("budget limit ceiling maximum allowance")
_CHEAPER = word_set("cheaper less lower undercut undercuts")
_QUICKER = word_set("faster more quicker fast quickly")


def figure_at(figures: Sequence[int], i: int) -> bool:
    """Whether a proved figure stands at i."""
    return i < len(figures) and figures[i] > 0


def reaches(following: Sequence[Token], figures: Sequence[int], i: int, label: frozenset[str] = frozenset()) -> bool:
    """Whether what is compared with comes next: a budget, a median, the lowest price, or an amount.

    Args: label: words of the category whose median it may be: "under the Tableware median".
    """
    stated = False
    for step, token in enumerate(following, start=1):
        if token.word in _BUDGETS or token.text in ("median", "lowest", "low"):
            return True
        if figures[i + step] > 0 or token.sign:
            if step >= 6:
                return False
            stated = True
            continue
        if token.word in label and any(t.text == "median" for t in following[step : step + 3]):
            continue
        if token.text not in _DETERMINERS and token.text != "recent" and token.text not in ("half", "price"):
            return stated
    return stated


def role_cited(following: Sequence[Token], backing: Backing) -> bool:
    """Whether the fact is cited that holds what is compared with: a budget, a median, a lowest price."""
    for token in following:
        if token.word in _BUDGETS:
            return "price_vs_budget" in backing.kinds
        if token.text == "median":
            return "price_vs_category" in backing.kinds
        if token.text in ("lowest", "low"):
            return "discount" in backing.kinds
    return True


def _halts(following: Sequence[Token]) -> bool:
    return bool(following) and following[0].stop > 0


def far_below(following: Sequence[Token], backing: Backing) -> bool:
    """Whether the price is less than half of the budget, or of the median where that is what it is set against."""
    if any(t.text == "median" for t in following):
        price, basis = (backing.number("price_vs_category", k) for k in ("price_minor", "median_minor"))
    else:
        price, basis = (backing.number("price_vs_budget", k) for k in ("price_minor", "budget_minor"))
    return price is not None and basis is not None and 2 * price < basis


def names_limit(tokens: Sequence[Token]) -> bool:
    """Whether the sentence names a budget."""
    return any(t.word in _BUDGETS for t in tokens)


def dearer_follow(following: Sequence[Token]) -> bool:
    """ "most of the bags cost more", "most bags are pricier"."""
    words = [t.text for t in following]
    return "pricier" in words or any(pair in (("cost", "more"), ("costs", "more")) for pair in pairwise(words))


def cheaper(tokens: Sequence[Token], i: int, backing: Backing, following: Sequence[Token], *, figured: bool) -> str:
    """less, lower, cheaper: of this item, so what it is compared with follows; or "none … costs less"."""
    told = [t.text for t in following[:2]]
    ahead = [t.text for t in following[:4]]
    if told[:2] == ["in", "price"]:
        ahead = ahead[2:]
        if ahead[:1] == ["than"]:
            return ""
    if told[:1] in (["priced"], ["price"]) and tokens[i].text == "lower" and ahead[1:2] == ["than"]:
        return ""
    if figured and (
        not following or ahead[:1] in ([], ["and"], ["now"], ["at"], ["until"], ["with"]) or _halts(following)
    ):
        if {"discount", "promotion"} & backing.kinds.keys():
            return ""
        return "" if "price_vs_budget" in backing.kinds and names_limit(tokens) else "wrong_comparative"
    if pricier_than_half(backing) and told[:1] == ["priced"] and tokens[i - 1].text in ("the", "of"):
        return ""
    if following and following[0].stop == 0 and (told[0] in ("than", "expensive") or told == ["price", "than"]):
        return ""
    if backing.standing() == "lowest" and any(t.negated or t.text in ("none", "no", "nothing") for t in tokens[:i]):
        return ""
    return "wrong_comparative"


def compared_with(
    tokens: Sequence[Token], i: int, backing: Backing, figures: Sequence[int], following: Sequence[Token]
) -> str:
    """What is wrong with the "than" at i, "" when a cited fact compares so."""
    ends = following and following[0].text in _EARLIER and (len(following) == 1 or following[1].stop > 0)
    if ends and backing.number("discount", "percent") is not None:
        return ""
    if outpaced(tokens, i, backing):
        return ""
    told = following[0].text if following else ""
    then = len(following) > 1 and following[1].text in _THEN
    if told in ("this", "these", "it") and not then and tokens[i - 1].text in ("less", "lower", "cheaper"):
        first = next((k for k in range(i) if denied(tokens, k, backing)), None)
        return "" if first is not None and backing.standing() == "lowest" else "wrong_comparative"
    if i and tokens[i - 1].text in ("more", "pricier") and following and following[0].text in ("this", "these", "it"):
        return "" if rest_is_subject(tokens, i - 1) else "wrong_comparative"
    if figure_at(figures, i) or figure_at(figures, i + 1):
        return ""
    for step, token in enumerate(following[:5], start=1):
        if (
            token.text in ("half", "most", "majority", "median", "lowest", "low")
            or token.word in _BUDGETS
            or figure_at(figures, i + step)
        ):
            return "" if role_cited(following[step - 1 : step], backing) else "wrong_comparative"
        if token.text not in _DETERMINERS and token.text not in _THEN:
            break
    return "wrong_comparative"


def dearer(tokens: Sequence[Token], i: int, backing: Backing, before: str, nxt: str) -> str:
    """What is wrong with the "more" or "pricier" at i, "" when a cited fact says so."""
    if before == "or" and "price_vs_category" in backing.kinds:
        return ""
    if before == "one" and nxt != "than":
        return ""
    if nxt == "affordable":
        ok = i + 2 < len(tokens) and tokens[i + 2].text == "than"
        return "" if ok or (tokens[i - 1].text in ("the", "of") and pricier_than_half(backing)) else "wrong_comparative"
    if tokens[i].text == "pricier" or (before in ("cost", "costs") and backing.standing() == "lowest"):
        dearer = any(t.text in ("every", "all") for t in tokens[:i]) and backing.standing() == "lowest"
        return "" if dearer or rest_is_subject(tokens, i) else "wrong_comparative"
    if outpaced(tokens, i, backing):
        return ""
    if before in ("cost", "costs") or nxt == "expensive":
        return "" if rest_is_subject(tokens, i) else "wrong_comparative"
    return "wrong_comparative"


def rest_is_subject(tokens: Sequence[Token], i: int) -> bool:
    """Whether "75% of the products" stands before, without a "than": then they are what is more expensive."""
    k = i
    for token in reversed(tokens[:i]):
        k -= 1
        if token.text in _FRACTIONS or _counts(tokens, k) or (k + 1 == i - 1 and _counts_alone(tokens, k)):
            return token.text != "than"
        if token.text == "than" or token.stop == 2:
            return False
    return False


def _counts(tokens: Sequence[Token], k: int) -> bool:
    """Whether "11 of the 13", "eleven out of" begins at k."""
    after = [t.text for t in tokens[k + 1 : k + 3]]
    return (tokens[k].figure or tokens[k].text in WORD_FIGURES) and (after[:1] == ["of"] or after == ["out", "of"])


def _counts_alone(tokens: Sequence[Token], k: int) -> bool:
    """ "of 11 products, 7 cost more": the figure at k, after a whole that opens the sentence."""
    return (tokens[k].figure or tokens[k].text in WORD_FIGURES) and any(
        t.text == "of" and t.stop == 2 for t in tokens[:k]
    )


def outpaced(tokens: Sequence[Token], i: int, backing: Backing) -> bool:
    """ "only one other product grew more", "nothing else grew as fast": what a cited rank says."""
    rank = backing.number("trending", "rank")
    words = {t.text for t in tokens[max(i - 12, 0) : i + 13]}
    if rank is None or words.isdisjoint(_QUICKER):
        return False
    if rank > 1:
        return (
            bool(words & {"other", "others"})
            and bool(words & {"only", "just", "one", "two", "three", "four"})
            and not (words & {"any", "every", "all"})
        )
    return bool(words & {"nothing", "no", "none"}) or _any_other(tokens, backing)


def _any_other(tokens: Sequence[Token], backing: Backing) -> bool:
    """ "any other product", "any other tent": what a rank within a category is among."""
    label = words_of(str(backing.values.get("trending", {}).get("category") or ""))
    for i, token in enumerate(tokens[:-2]):
        if token.text == "any" and tokens[i + 1].text == "other":
            return tokens[i + 2].word in label or tokens[i + 2].word in _PEERS
    return False


def denied(tokens: Sequence[Token], i: int, backing: Backing) -> bool:
    """Whether the negation at i says a cited superlative: "nothing in Tents costs less", "no product grew faster"."""
    looked = tokens[i].negated and any(t.text in ("find", "see", "get") for t in tokens[i + 1 : i + 3])
    if tokens[i].text not in ("no", "nothing", "none") and not looked:
        return False
    words = {t.text for t in tokens[i + 1 : i + 14]}
    if backing.standing() == "lowest" and words & _CHEAPER:
        return True
    return backing.number("trending", "rank") == 1 and not words.isdisjoint(_QUICKER)


def lowest(tokens: Sequence[Token], i: int, backing: Backing, following: Sequence[Token], before: str) -> str:
    """What is wrong with the superlative of price at i, "" when a cited fact says so."""
    word = tokens[i].text
    if word == "least" and before == "the" and following and following[0].text == "of":
        return "" if backing.standing() == "lowest" else "superlative"
    if word == "least" and (before == "at" or not following or following[0].text != "expensive"):
        return "superlative"
    if word != "low" and backing.standing() == "lowest":
        return ""
    # The price is below the lowest one, or paid in its place; it is not the lowest.
    compared = any(t.text in _FROM or t.text == "instead" for t in tokens[max(i - 8, 0) : i])
    if "discount" in backing.kinds and word in ("lowest", "low") and compared:
        ahead = [t.text for t in following]
        near = {t.text for t in tokens[max(i - 4, 0) : i]} & {"recent", "previous", "prior", "earlier", "past"}
        if word == "low" or near or any(w in ahead for w in ("day", "days", "month", "before")):
            return "" if word != "low" or before in ("day", "days", "month", "recent", "previous") else "unknown_word"
    return "superlative"


def pricier_than_half(backing: Backing) -> bool:
    """Whether more than half of the category costs more: by percentage, or by count where the category is small."""
    percent, pricier, n = (backing.number("price_vs_category", key) for key in ("percent", "pricier", "n"))
    if percent is not None:
        return percent > 50
    return pricier is not None and n is not None and 2 * pricier > n


def half(backing: Backing, before: str, following: Sequence[Token]) -> str:
    """What is wrong with the "half" that follows `before`, "" when a cited fact says so."""
    if any(t.word in _BUDGETS for t in following):
        price, budget = (backing.number("price_vs_budget", k) for k in ("price_minor", "budget_minor"))
        far = price is not None and budget is not None and 2 * price < budget
        return "" if far and before in ("than", "under", "below") else "wrong_comparative"
    of_products = bool(following) and following[0].text in ("of", "the")
    ok = "price_vs_category" in backing.kinds and of_products
    if before != "than":
        ok = ok and any(t.text == "more" for t in following)
    return "" if ok else "wrong_comparative"
