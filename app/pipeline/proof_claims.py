"""Words that compare or claim: the facts behind them, and the direction and place in which they may stand."""

from __future__ import annotations

from collections.abc import Sequence

from app.pipeline.proof_facts import Backing, Deed
from app.pipeline.proof_text import Token, word_set

NEGATIONS = word_set(
    "not no never without nor neither cannot nothing nobody nowhere hardly barely scarcely lack lacks lacking none isn"
)
INVERTED = word_set(
    "above beyond exceed exceeds exceeding exceeded higher highest pricier priciest dearer costlier worse worst bigger "
    "longer larger faster stronger lighter rose risen raised increased outsells outperforms beats greater heavier"
)
_FROM = word_set("below under than from against off was")
_FRACTIONS = word_set("% percent cent quarters thirds fifths half three four five six seven eight nine ten")
_DETERMINERS = word_set("previous usual the a an your our its their of this that my")
_BUDGETS = word_set("budget limit ceiling maximum allowance")
_CHEAPER = word_set("cheaper less lower undercut undercuts")
_QUICKER = word_set("faster more quicker fast quickly")
_FAR = frozenset({"under", "below", "within", "inside"})
_RELATIONS = word_set("pairs paired complement complements accompanies combine combines combined goes go")
_DEEDS: dict[str, Deed] = {
    "bought": "bought",
    "purchased": "bought",
    "own": "bought",
    "ordered": "bought",
    "purchase": "bought",
    "looked": "viewed",
    "viewed": "viewed",
    "saw": "viewed",
    "browsed": "viewed",
    "visited": "viewed",
    "checked": "viewed",
    "saved": "saved",
    "wishlisted": "saved",
    "put": "cart",
    "added": "cart",
}
_BETWEEN = word_set("have had recently already also just once previously lately often last earlier before ve")
_PROFILE_WORDS: dict[str, frozenset[str]] = {
    "budget": frozenset({"budget"}),
    "interest": frozenset({"interest", "interested", "like"}),
    "style": frozenset({"style"}),
    "size": frozenset({"size"}),
    "category": frozenset({"often", "back", "return", "interest", "interested"}),
    "brand": frozenset({"often", "back", "return", "interest", "interested"}),
    "bought": frozenset({"bought", "purchase", "purchased", "own", "ordered", "order"}),
    "viewed": frozenset({"viewed", "view", "saw", "browsed", "checked", "visited"}),
    "query": frozenset({"search", "searched", "query", "asked", "wanted"}),
    "page": frozenset({"page", "viewed"}),
    "cart": frozenset({"cart", "basket", "put", "added"}),
}


def profile_backing(token: Token, backing: Backing) -> str:
    """The profile fact that backs a word about the shopper, "" without one."""
    for kind, fact_id in backing.profile_kinds.items():
        words = _PROFILE_WORDS[kind]
        if token.text in words or token.word in words:
            return fact_id
    return ""


def misplaced(tokens: Sequence[Token], i: int, backing: Backing, figures: Sequence[int]) -> str:
    """What is wrong with the way in which the comparing word at i stands, "" when nothing is.

    `figures[i]` > 0 marks tokens of figures that were proved, hedges included.
    """
    token = tokens[i]
    word = token.text
    before = tokens[i - 1].text if i and token.stop < 2 else ""
    following = _following(tokens, i, 8)
    nxt = following[0].text if following and following[0].stop < 2 else ""
    match word:
        case "under" if before == "listed":
            return "" if "attribute_match" in backing.kinds else "unknown_word"
        case "under" | "below" | "within" | "inside":
            ok = _reaches(following, figures, i)
            return "" if ok and _role_cited(following, backing) else "wrong_comparative"
        case "over":
            ok = before == "left" or any(t.text in ("last", "past", "previous", "day", "days") for t in following[:3])
            return "" if ok else "wrong_comparative"
        case "up" if before in ("take", "takes", "taking"):
            return ""
        case "up":
            return "" if nxt in ("to", "for") and not _figure_at(figures, i + 2) else "wrong_comparative"
        case "down":
            ok = backing.number("discount", "percent") is not None or (
                nxt == "to" and "low_stock" in backing.kinds and _figure_at(figures, i + 2)
            )
            return "" if ok else "wrong_comparative"
        case "less" | "lower" | "cheaper":
            return _comparative(tokens, i, backing, following)
        case "than":
            return _than(tokens, i, backing, figures, following)
        case "more" | "pricier":
            return _more(tokens, i, backing, before, nxt)
        case "expensive":
            return "" if before in ("least", "less") or _rest_is_subject(tokens, i) else "wrong_comparative"
        case "lowest" | "cheapest" | "least" | "low":
            return _lowest(tokens, i, backing, following, before)
        case "none":
            return "" if denied(tokens, i, backing) else "negation"
        case "half":
            return _half(backing, before, following)
        case "most":
            ok = before == "than" and (_pricier_than_half(backing) or backing.standing() == "lowest")
            return "" if ok else "superlative"
        case "faster" | "quicker" | "fast" | "quickly":
            return "" if _outpaced(tokens, i, backing) else "wrong_comparative"
        case "fastest" if _figure_at(figures, i - 1) and i:
            return ""
        case "top" | "fastest" | "leads" | "leading" | "tops" | "topping":
            return "" if backing.number("trending", "rank") == 1 else "superlative"
        case "well":
            if nxt in _FAR or nxt == "under":
                price, budget = (backing.number("price_vs_budget", k) for k in ("price_minor", "budget_minor"))
                return "" if price is not None and budget is not None and 2 * price < budget else "wrong_comparative"
            ok = (nxt == "with" and "bought_together" in backing.kinds) or nxt == "rated"
            return "" if ok else "unknown_word"
        case "exactly":
            ok = backing.number("price_vs_budget", "under_minor") == 0 or _figure_at(figures, i + 1)
            return "" if ok else "wrong_comparative"
        case "only" | "few":
            if word == "only" and _outpaced(tokens, i, backing):
                return ""
            ok = "low_stock" in backing.kinds and (
                _figure_at(figures, i + 1)
                or any(t.text in ("few", "handful", "left", "remain", "remains", "remaining") for t in following[:6])
            )
            return "" if ok else "stock"
        case "everything" | "all":
            return "" if word == "all" or backing.values.get("query_match", {}).get("all") else "unknown_word"
        case "last":
            single = backing.number("low_stock", "left") == 1 and nxt in ("one", "piece", "item")
            ok = single or _figure_at(figures, i + 1) or nxt in ("week", "month") or before in ("you", "your")
            return "" if ok else "stock"
        case "week" | "month":
            return "" if _figure_at(figures, i) or _window(word, before, backing) else "uncited_number"
        case _:
            return ""


def _following(tokens: Sequence[Token], i: int, count: int) -> list[Token]:
    found: list[Token] = []
    for token in tokens[i + 1 : i + 1 + count]:
        if token.stop == 2:
            break
        found.append(token)
    return found


def _figure_at(figures: Sequence[int], i: int) -> bool:
    return i < len(figures) and figures[i] > 0


def _reaches(following: Sequence[Token], figures: Sequence[int], i: int) -> bool:
    """Whether what is compared with comes next: a budget, a median, the lowest price, or an amount."""
    stated = False
    for step, token in enumerate(following, start=1):
        if token.word in _BUDGETS or token.text in ("median", "lowest", "low"):
            return True
        if figures[i + step] > 0 or token.sign:
            if step >= 6:
                return False
            stated = True
            continue
        if token.text not in _DETERMINERS and token.text != "recent" and token.text not in ("half", "price"):
            return stated
    return stated


def _role_cited(following: Sequence[Token], backing: Backing) -> bool:
    for token in following:
        if token.word in _BUDGETS:
            return "price_vs_budget" in backing.kinds
        if token.text == "median":
            return "price_vs_category" in backing.kinds
        if token.text in ("lowest", "low"):
            return "discount" in backing.kinds
    return True


def _comparative(tokens: Sequence[Token], i: int, backing: Backing, following: Sequence[Token]) -> str:
    """less, lower, cheaper: of this item, so what it is compared with follows; or "none … costs less"."""
    told = [t.text for t in following[:2]]
    if following and following[0].stop == 0 and (told[0] in ("than", "expensive") or told == ["price", "than"]):
        return ""
    if backing.standing() == "lowest" and any(t.text in ("none", "no", "nothing") for t in tokens[:i]):
        return ""
    return "wrong_comparative"


def _than(tokens: Sequence[Token], i: int, backing: Backing, figures: Sequence[int], following: Sequence[Token]) -> str:
    if i and tokens[i - 1].text == "more" and following and following[0].text in ("this", "these", "it"):
        return "" if _rest_is_subject(tokens, i - 1) else "wrong_comparative"
    if _figure_at(figures, i) or _figure_at(figures, i + 1):
        return ""
    for step, token in enumerate(following[:5], start=1):
        if (
            token.text in ("half", "most", "median", "lowest", "low")
            or token.word in _BUDGETS
            or _figure_at(figures, i + step)
        ):
            return "" if _role_cited(following[step - 1 : step], backing) else "wrong_comparative"
        if token.text not in _DETERMINERS and token.text not in ("recent", "previous"):
            break
    return "wrong_comparative"


def _more(tokens: Sequence[Token], i: int, backing: Backing, before: str, nxt: str) -> str:
    if before == "or" and "price_vs_category" in backing.kinds:
        return ""
    if before == "one" and nxt != "than":
        return ""
    if _outpaced(tokens, i, backing):
        return ""
    if before in ("cost", "costs") or nxt == "expensive":
        return "" if _rest_is_subject(tokens, i) else "wrong_comparative"
    return "wrong_comparative"


def _rest_is_subject(tokens: Sequence[Token], i: int) -> bool:
    """Whether "75% of the products" stands before, without a "than": then they are what is more expensive."""
    for token in reversed(tokens[:i]):
        if token.text == "than" or token.stop == 2:
            return False
        if token.text in _FRACTIONS:
            return True
    return False


def _outpaced(tokens: Sequence[Token], i: int, backing: Backing) -> bool:
    """ "only one other product grew more", "nothing else grew as fast": what a cited rank says."""
    rank = backing.number("trending", "rank")
    words = {t.text for t in tokens[max(i - 12, 0) : i + 13]}
    if rank is None or words.isdisjoint(_QUICKER):
        return False
    return bool(words & {"other", "others"}) if rank > 1 else bool(words & {"nothing", "no", "none"})


def denied(tokens: Sequence[Token], i: int, backing: Backing) -> bool:
    """Whether the negation at i says a cited superlative: "nothing in Tents costs less", "no product grew faster"."""
    if tokens[i].text not in ("no", "nothing", "none"):
        return False
    words = {t.text for t in tokens[i + 1 : i + 14]}
    if backing.standing() == "lowest" and words & _CHEAPER:
        return True
    return backing.number("trending", "rank") == 1 and not words.isdisjoint(_QUICKER)


def wrong_kinship(
    tokens: Sequence[Token], backing: Backing, named: Sequence[int], own_names: frozenset[tuple[str, ...]]
) -> str:
    """ "same brand" said of a named product that is of another brand; "" when it is right or not said."""
    for i, token in enumerate(tokens[:-1]):
        if token.text != "same" or tokens[i + 1].text not in ("brand", "maker", "label"):
            continue
        kin = {n.words for n in backing.names if n.fact_id == backing.kinds.get("same_brand")}
        near = (k for k in (*range(i + 2, min(i + 10, len(tokens))), *range(i - 1, -1, -1)) if named[k])
        name = next((n for k in near if (n := backing.names[named[k] - 1]).deed is not None), None)
        if name is not None and name.words not in kin and not any(name.words[: len(o)] == o for o in own_names):
            return "same brand"
    return ""


def _lowest(tokens: Sequence[Token], i: int, backing: Backing, following: Sequence[Token], before: str) -> str:
    word = tokens[i].text
    if word == "least" and (before == "at" or not following or following[0].text != "expensive"):
        return "superlative"
    if word != "low" and backing.standing() == "lowest":
        return ""
    compared = any(t.text in _FROM for t in tokens[max(i - 8, 0) : i])  # the price is below the lowest one, not it
    if "discount" in backing.kinds and word in ("lowest", "low") and compared:
        ahead = [t.text for t in following]
        if word == "low" or any(w in ahead for w in ("day", "days", "month", "before")):
            return "" if word != "low" or before in ("day", "days", "month", "recent", "previous") else "unknown_word"
    return "superlative"


def _pricier_than_half(backing: Backing) -> bool:
    """Whether more than half of the category costs more: by percentage, or by count where the category is small."""
    percent, pricier, n = (backing.number("price_vs_category", key) for key in ("percent", "pricier", "n"))
    if percent is not None:
        return percent > 50
    return pricier is not None and n is not None and 2 * pricier > n


def _half(backing: Backing, before: str, following: Sequence[Token]) -> str:
    if any(t.word in _BUDGETS for t in following):
        price, budget = (backing.number("price_vs_budget", k) for k in ("price_minor", "budget_minor"))
        far = price is not None and budget is not None and 2 * price < budget
        return "" if far and before in ("than", "under", "below") else "wrong_comparative"
    of_products = bool(following) and following[0].text in ("of", "the")
    ok = "price_vs_category" in backing.kinds and of_products
    if before != "than":
        ok = ok and any(t.text == "more" for t in following)
    return "" if ok else "wrong_comparative"


def _window(word: str, before: str, backing: Backing) -> bool:
    days = 7 if word == "week" else 30
    return before in ("last", "past", "this", "a", "previous") and any(
        q.unit == "days" and q.value == days for q in backing.quantities
    )


def wrong_deeds(tokens: Sequence[Token], backing: Backing, named: Sequence[int]) -> str:
    """What the sentence says that the shopper did and no cited fact says; "" when it is right.

    `named[i]`: one more than the index of the name in backing.names that token i belongs to, 0 for none.
    """
    for i, token in enumerate(tokens):
        if token.text == "cart" and "cart" not in backing.deeds:
            return "cart"
        if token.text == "page" and tokens[i - 1].text in ("this", "the", "your") and "page" not in backing.deeds:
            return "page"
        if token.text not in ("you", "your"):
            continue
        j = i + 1
        while j < len(tokens) and tokens[j].text in _BETWEEN and not tokens[j].stop:
            j += 1
        if j >= len(tokens) or tokens[j].stop:
            continue
        deed = _DEEDS.get(tokens[j].text)
        if deed is None or (tokens[j].text == "looked" and j + 1 < len(tokens) and tokens[j + 1].text == "for"):
            continue
        if token.text == "your" and tokens[j].text != "purchase":
            continue
        if tokens[j].text == "looked" and j + 1 < len(tokens) and tokens[j + 1].text == "around":
            continue
        name = _object(i, j, tokens, [n if n and backing.names[n - 1].deed else 0 for n in named])
        if name and deed not in {n.deed for n in backing.names if n.words == backing.names[name - 1].words}:
            return token.text + " " + tokens[j].text
        if deed not in backing.deeds:
            return token.text + " " + tokens[j].text
    return ""


def _object(i: int, j: int, tokens: Sequence[Token], named: Sequence[int]) -> int:
    """The name that the deed is about: after the verb, or just before "which you"."""
    before = next((named[k] for k in range(i - 1, max(i - 4, -1), -1) if named[k]), 0)
    if before and (i == 0 or tokens[i - 1].text in ("which", "that") or named[i - 1]):
        return before
    for k in range(j + 1, min(j + 6, len(tokens))):
        if tokens[k].stop == 2:
            break
        if named[k]:
            return named[k]
    return before


def wrong_relation(tokens: Sequence[Token], backing: Backing, covered: Sequence[object]) -> str:
    """A word that says this goes with something when no cited orders say so; "" when there is none."""
    if "bought_together" in backing.kinds:
        return ""
    return next((t.text for t, name in zip(tokens, covered, strict=True) if t.text in _RELATIONS and not name), "")


_FRAMES: tuple[tuple[tuple[str, ...], tuple[str, ...], str], ...] = (
    (("search", "searched", "searching", "looking", "query"), ("for",), "searched"),
    (("interest", "interested"), ("in",), "interests"),
    (("size",), (), "sizes"),
)
_FRAME_STEPS = 3


def wrong_wish(tokens: Sequence[Token], backing: Backing, neutral: frozenset[str]) -> str:
    """What the sentence says the shopper searched, likes or wears and no cited fact says; "" when it is right."""
    for i, token in enumerate(tokens):
        for heads, links, target in _FRAMES:
            if token.text not in heads:
                continue
            wishes: set[str] = getattr(backing, target)
            j = i + 1
            if links and (j >= len(tokens) or tokens[j].text not in links or tokens[j].stop):
                continue
            if target == "interests" and "trending" in backing.kinds and not wishes:
                continue  # "growth in interest in Tents": all shoppers' interest
            j += len(links)
            for step in range(j, min(j + _FRAME_STEPS, len(tokens))):
                word = tokens[step]
                if word.stop or word.text in neutral or (target == "sizes" and len(word.text) > 3):
                    break
                if word.word not in wishes:
                    return word.text
    return ""
