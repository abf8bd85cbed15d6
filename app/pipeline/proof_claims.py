"""Words that compare or claim: the facts behind them, and the direction and place in which they may stand."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from app.pipeline.proof_facts import Backing
from app.pipeline.proof_numbers import WORD_FIGURES
from app.pipeline.proof_plain import limit_ahead
from app.pipeline.proof_text import Token, word_set, words_of

NEGATIONS = word_set(
    "not no never without nor neither cannot nothing nobody nowhere hardly barely scarcely lack lacks lacking none isn"
)
INVERTED = word_set(
    "above beyond exceed exceeds exceeding exceeded higher highest pricier priciest dearer costlier worse worst bigger "
    "longer larger faster stronger lighter rose risen raised increased outsells outperforms beats greater heavier"
)
_FROM = word_set("below under than from against off was compared versus vs")
_FRACTIONS = word_set(
    "% percent cent quarters thirds fifths half three four five six seven eight nine ten most majority"
)
_DETERMINERS = word_set(
    "previous usual the a an your our its their of this that my category spending stated set own planned for"
)
_THEN = word_set("recent previous prior it did was at had cost")
_PEERS = word_set("product item title article option of in")
_DEAR = word_set("expensive cheaper cheapest affordable less more pricier")
_EARLIER = word_set("before previously earlier")
_UP_VERBS = word_set("take takes taking match matches matching pick picks team teams pair pairs line lines sum")
_CHEAPER_THAN = word_set("than below under undercuts undercut undercutting")
_GROWS = word_set(
    "growth growing grew grow grown gain gains gaining trending interest rising climbing momentum increasing attention rise"
)
_BUDGETS = word_set("budget limit ceiling maximum allowance")
_CHEAPER = word_set("cheaper less lower undercut undercuts")
_QUICKER = word_set("faster more quicker fast quickly")
_FAR = frozenset({"under", "below", "within", "inside"})
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
    word, kinds = token.text, backing.kinds.keys()
    before = tokens[i - 1].text if i and token.stop < 2 else ""
    following = _following(tokens, i, 8)
    nxt = following[0].text if following and following[0].stop < 2 else ""
    if word in _DEAR and nxt == "to" and [t.text for t in following[1:2]] != ["you"]:
        return "wrong_comparative"  # "less expensive to run": prices are compared, not what comes after
    match word:
        case "under" if before == "listed":
            return "" if "attribute_match" in backing.kinds else "unknown_word"
        case "under" | "below" | "within" | "inside":
            if limit_ahead(tokens, i, backing) or (word == "under" and _promoted(following, backing)):
                return ""
            ok = _reaches(following, figures, i)
            return "" if ok and _role_cited(following, backing) else "wrong_comparative"
        case "over":
            ok = before == "left" or any(
                t.text in ("last", "past", "previous", "prior", "preceding", "day", "days") for t in following[:3]
            )
            return "" if ok else "wrong_comparative"
        case "up" if before in _UP_VERBS:
            return ""
        case "up":
            return "" if nxt in ("to", "for") and not _figure_at(figures, i + 2) else "wrong_comparative"
        case "down":
            ok = (
                ("promotion" in kinds and _figure_at(figures, i + 1))
                or backing.number("discount", "percent") is not None
                or (nxt == "to" and "low_stock" in backing.kinds and _figure_at(figures, i + 2))
            )
            return "" if ok else "wrong_comparative"
        case "less" | "lower" | "cheaper":
            figured = i > 0 and token.stop == 0 and figures[i - 1] > 0
            return _comparative(tokens, i, backing, following, figured=figured)
        case "than":
            return _than(tokens, i, backing, figures, following)
        case "more" | "pricier":
            return _more(tokens, i, backing, before, nxt)
        case "affordable":
            ok = before in ("most", "more", "less", "an", "") or bool({"price_vs_budget", "price_vs_category"} & kinds)
            return "" if ok else "unknown_word"
        case "beat" | "beats" | "beating":
            priced = "price" in (before, *(t.text for t in following))
            return "" if "price_vs_category" in kinds and priced else "wrong_comparative"
        case "competitively" | "attractively" | "reasonably" | "sensibly" | "modestly":
            return "" if nxt == "priced" else "unknown_word"
        case "similar":
            alike = [b.text for a, b in pairwise(following) if a.text == "in"]
            return "" if all(word in ("category", "brand", "kind") for word in alike[:1]) else "unknown_word"
        case "save" | "saves" | "saving" | "saved" if _only_budget_saves(word, backing):
            ok = _names_limit(tokens) and any(figures[i + 1 : i + 4])
            return "" if ok or before in ("you", "your") else "unknown_word"
        case "easy":
            return "" if nxt == "on" and _names_limit(tokens) else "unknown_word"
        case "deal" if nxt == "of":
            return "unknown_word"
        case "returned" if "back_in_stock" not in kinds:
            return "" if nxt in ("to", "again") else "unknown_word"
        case "rise" | "rising" | "increasing" | "climbing" | "increase" | "increases":
            other = {t.word for t in tokens[max(i - 5, 0) : i + 2]} & {"price", "sale", "rating", "demand"}
            return "unknown_word" if other else ""
        case "available" if nxt == "in":
            told = any(t.word == "size" for t in following) and "attribute_match" in kinds
            told = told or (len(following) > 1 and _promoted(following[1:], backing))
            return "" if told or following[1:2] and following[1].text in ("our", "the") else "unknown_word"
        case "newly" | "freshly":
            return "" if nxt in ("new", "joined", "launched", "introduced", "here", "released") else "unknown_word"
        case "highest":
            ranked = backing.number("trending", "rank") == 1 or _figure_at(figures, i - 1)
            return "" if ranked and nxt == "growth" else "wrong_comparative"
        case "expensive":
            return "" if before in ("least", "less") or _rest_is_subject(tokens, i) else "wrong_comparative"
        case "lowest" | "cheapest" | "least" | "low":
            return _lowest(tokens, i, backing, following, before)
        case "none":
            return "" if denied(tokens, i, backing) else "negation"
        case "half":
            return _half(backing, before, following)
        case "most" if nxt == "affordable":
            return "" if backing.standing() == "lowest" else "superlative"
        case "most" if before == "the" and backing.number("trending", "rank") == 1:
            return "" if any(t.text in _GROWS for t in tokens[max(i - 6, 0) : i]) else "superlative"
        case "most" | "majority":
            told = before in _CHEAPER_THAN or _dearer_follow(following)
            if word == "majority":
                told = told or (before == "the" and i > 1 and tokens[i - 2].text in _CHEAPER_THAN)
            return "" if told and (_pricier_than_half(backing) or backing.standing() == "lowest") else "superlative"
        case "fast" | "quickly" | "rapidly" if nxt not in ("as", "than") and _grown(tokens, i, backing):
            return ""
        case "faster" | "quicker" | "fast" | "quickly" | "rapidly":
            return "" if _outpaced(tokens, i, backing) else "wrong_comparative"
        case "fastest" if _figure_at(figures, i - 1) and i:
            return ""
        case "top" | "fastest" | "leads" | "leading" | "tops" | "topping":
            if not any(t.text in _GROWS for t in tokens):
                return "superlative"  # a rank is one by growth of interest, and says so
            return (
                ""
                if backing.number("trending", "rank") == 1 or (word == "top" and _figure_at(figures, i + 1))
                else "superlative"
            )
        case "well":
            if nxt in _FAR:
                return "" if _far_below(following, backing) else "wrong_comparative"
            ok = (nxt == "with" and "bought_together" in backing.kinds) or nxt in ("rated", "reviewed", "received")
            ok = ok or (nxt == "of" and before in ("speak", "speaks") and "rating" in kinds)
            return "" if ok else "unknown_word"
        case "far":
            return "" if nxt in _FAR and _far_below(following, backing) else "unknown_word"
        case "exactly":
            whole = bool(backing.values.get("query_match", {}).get("all"))
            ok = backing.number("price_vs_budget", "under_minor") == 0 or _figure_at(figures, i + 1)
            ok = ok or (whole and nxt in ("what", "as"))
            return "" if ok else "wrong_comparative"
        case "only" | "few":
            if word == "only" and _outpaced(tokens, i, backing):
                return ""
            ok = "low_stock" in backing.kinds and (
                _figure_at(figures, i + 1)
                or any(t.text in ("few", "handful", "left", "remain", "remains", "remaining") for t in following[:6])
            )
            return "" if ok else "stock"
        case "fully" | "completely" | "entirely":
            return "" if backing.values.get("query_match", {}).get("all") else "unknown_word"
        case "all":
            return "unknown_word"
        case "everything":
            return "" if backing.values.get("query_match", {}).get("all") else "unknown_word"
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


def _halts(following: Sequence[Token]) -> bool:
    return bool(following) and following[0].stop > 0


def _far_below(following: Sequence[Token], backing: Backing) -> bool:
    """Whether the price is less than half of the budget, or of the median where that is what it is set against."""
    if any(t.text == "median" for t in following):
        price, basis = (backing.number("price_vs_category", k) for k in ("price_minor", "median_minor"))
    else:
        price, basis = (backing.number("price_vs_budget", k) for k in ("price_minor", "budget_minor"))
    return price is not None and basis is not None and 2 * price < basis


def _only_budget_saves(word: str, backing: Backing) -> bool:
    """Whether money is what "save" speaks of, and only a budget is cited: no reduction and no wish list."""
    kinds = backing.kinds.keys()
    listed = word in ("saved", "saving") and "saved" in backing.deeds
    return "price_vs_budget" in kinds and not {"discount", "promotion"} & kinds and not listed


def _names_limit(tokens: Sequence[Token]) -> bool:
    return any(t.word in _BUDGETS for t in tokens)


def _promoted(following: Sequence[Token], backing: Backing) -> bool:
    """ "under the Student discount promotion"."""
    title = set(words_of(str(backing.values.get("promotion", {}).get("title", ""))))
    return any(t.text == "promotion" or t.word in title for t in following[:4])


def _dearer_follow(following: Sequence[Token]) -> bool:
    """ "most of the bags cost more", "most bags are pricier"."""
    words = [t.text for t in following]
    return "pricier" in words or any(pair in (("cost", "more"), ("costs", "more")) for pair in pairwise(words))


def _grown(tokens: Sequence[Token], i: int, backing: Backing) -> bool:
    """Whether the word at i says how interest grew."""
    near = {t.text for t in tokens[max(i - 3, 0) : i + 3]}
    return "trending" in backing.kinds and bool(near & _GROWS) and "interest" in {t.text for t in tokens}


def _comparative(
    tokens: Sequence[Token], i: int, backing: Backing, following: Sequence[Token], *, figured: bool
) -> str:
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
        return "" if "price_vs_budget" in backing.kinds and _names_limit(tokens) else "wrong_comparative"
    if _pricier_than_half(backing) and told[:1] == ["priced"] and tokens[i - 1].text in ("the", "of"):
        return ""
    if following and following[0].stop == 0 and (told[0] in ("than", "expensive") or told == ["price", "than"]):
        return ""
    if backing.standing() == "lowest" and any(t.negated or t.text in ("none", "no", "nothing") for t in tokens[:i]):
        return ""
    return "wrong_comparative"


def _than(tokens: Sequence[Token], i: int, backing: Backing, figures: Sequence[int], following: Sequence[Token]) -> str:
    if backing.number("discount", "percent") is not None and following and following[0].text in _EARLIER:
        if len(following) == 1 or following[1].stop > 0:
            return ""
    if _outpaced(tokens, i, backing):
        return ""
    if i and tokens[i - 1].text in ("more", "pricier") and following and following[0].text in ("this", "these", "it"):
        return "" if _rest_is_subject(tokens, i - 1) else "wrong_comparative"
    if _figure_at(figures, i) or _figure_at(figures, i + 1):
        return ""
    for step, token in enumerate(following[:5], start=1):
        if (
            token.text in ("half", "most", "majority", "median", "lowest", "low")
            or token.word in _BUDGETS
            or _figure_at(figures, i + step)
        ):
            return "" if _role_cited(following[step - 1 : step], backing) else "wrong_comparative"
        if token.text not in _DETERMINERS and token.text not in _THEN:
            break
    return "wrong_comparative"


def _more(tokens: Sequence[Token], i: int, backing: Backing, before: str, nxt: str) -> str:
    if before == "or" and "price_vs_category" in backing.kinds:
        return ""
    if before == "one" and nxt != "than":
        return ""
    if nxt == "affordable":
        ok = i + 2 < len(tokens) and tokens[i + 2].text == "than"
        return (
            "" if ok or (tokens[i - 1].text in ("the", "of") and _pricier_than_half(backing)) else "wrong_comparative"
        )
    if tokens[i].text == "pricier" or (before in ("cost", "costs") and backing.standing() == "lowest"):
        dearer = any(t.text in ("every", "all") for t in tokens[:i]) and backing.standing() == "lowest"
        return "" if dearer or _rest_is_subject(tokens, i) else "wrong_comparative"
    if _outpaced(tokens, i, backing):
        return ""
    if before in ("cost", "costs") or nxt == "expensive":
        return "" if _rest_is_subject(tokens, i) else "wrong_comparative"
    return "wrong_comparative"


def _rest_is_subject(tokens: Sequence[Token], i: int) -> bool:
    """Whether "75% of the products" stands before, without a "than": then they are what is more expensive."""
    k = i
    for token in reversed(tokens[:i]):
        k -= 1
        if token.text in _FRACTIONS or _counts(tokens, k):
            return token.text != "than"
        if token.text == "than" or token.stop == 2:
            return False
    return False


def _counts(tokens: Sequence[Token], k: int) -> bool:
    """Whether "11 of the 13", "eleven out of" begins at k."""
    after = [t.text for t in tokens[k + 1 : k + 3]]
    return (tokens[k].figure or tokens[k].text in WORD_FIGURES) and (after[:1] == ["of"] or after == ["out", "of"])


def _outpaced(tokens: Sequence[Token], i: int, backing: Backing) -> bool:
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


def _lowest(tokens: Sequence[Token], i: int, backing: Backing, following: Sequence[Token], before: str) -> str:
    word = tokens[i].text
    if word == "least" and (before == "at" or not following or following[0].text != "expensive"):
        return "superlative"
    if word != "low" and backing.standing() == "lowest":
        return ""
    compared = any(t.text in _FROM for t in tokens[max(i - 8, 0) : i])  # the price is below the lowest one, not it
    if "discount" in backing.kinds and word in ("lowest", "low") and compared:
        ahead = [t.text for t in following]
        near = {t.text for t in tokens[max(i - 4, 0) : i]} & {"recent", "previous", "prior", "earlier", "past"}
        if word == "low" or near or any(w in ahead for w in ("day", "days", "month", "before")):
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
