"""Words that compare or claim: the facts behind them, and the direction and place in which they may stand."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from app.pipeline.proof_comparisons import (
    cheaper,
    compared_with,
    dearer,
    dearer_follow,
    denied,
    far_below,
    figure_at,
    half,
    lowest,
    names_limit,
    outpaced,
    pricier_than_half,
    reaches,
    rest_is_subject,
    role_cited,
)
from app.pipeline.proof_facts import Backing
from app.pipeline.proof_plain import limit_ahead
from app.pipeline.proof_text import Token, word_set, words_of

NEGATIONS = word_set(
    "not no never without nor neither cannot nothing nobody nowhere hardly barely scarcely lack lacks lacking none isn"
)
INVERTED = word_set(
    "above beyond exceed exceeds exceeding exceeded higher highest pricier priciest dearer costlier worse worst bigger "
    "longer larger faster stronger lighter rose risen raised increased outsells outperforms beats greater heavier"
)
_DEAR = word_set("expensive cheaper cheapest affordable less more pricier")
_UP_VERBS = word_set("take takes taking match matches matching pick picks team teams pair pairs line lines sum")
_CHEAPER_THAN = word_set("than below under undercuts undercut undercutting")
_GROWS = word_set(
    "growth growing grew grow grown gain gains gaining trending interest rising climbing momentum increasing "
    "attention rise"
)
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
    "page": frozenset({"page", "viewed", "viewing", "view", "browse", "browsing"}),
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
    before, following, nxt = _around(tokens, i)
    if word in _DEAR and nxt == "to" and [t.text for t in following[1:2]] != ["you"]:
        return "wrong_comparative"  # "less expensive to run": prices are compared, not what comes after
    match word:
        case "under" if before == "listed":
            return "" if "attribute_match" in backing.kinds else "unknown_word"
        case "under" | "below" | "within" | "inside":
            if limit_ahead(tokens, i, backing) or (word == "under" and _promoted(following, backing)):
                return ""
            label = frozenset(words_of(str(backing.values.get("price_vs_category", {}).get("category") or "")))
            ok = reaches(following, figures, i, label)
            return "" if ok and role_cited(following, backing) else "wrong_comparative"
        case "over":
            ok = before == "left" or any(
                t.text in ("last", "past", "previous", "prior", "preceding", "day", "days") for t in following[:3]
            )
            return "" if ok else "wrong_comparative"
        case "up" if before in _UP_VERBS:
            return ""
        case "up":
            return "" if nxt in ("to", "for") and not figure_at(figures, i + 2) else "wrong_comparative"
        case "down":
            ok = (
                ("promotion" in kinds and figure_at(figures, i + 1))
                or backing.number("discount", "percent") is not None
                or (nxt == "to" and "low_stock" in backing.kinds and figure_at(figures, i + 2))
            )
            return "" if ok else "wrong_comparative"
        case "less" | "lower" | "cheaper":
            figured = i > 0 and token.stop == 0 and figures[i - 1] > 0
            return cheaper(tokens, i, backing, following, figured=figured)
        case "than":
            return compared_with(tokens, i, backing, figures, following)
        case "more" | "pricier":
            return dearer(tokens, i, backing, before, nxt)
        case "affordable":
            ok = before in ("most", "more", "less", "an", "") or bool({"price_vs_budget", "price_vs_category"} & kinds)
            return "" if ok else "unknown_word"
        case "beat" | "beats" | "beating":
            priced = "price" in (before, *(t.text for t in following))
            return "" if "price_vs_category" in kinds and priced else "wrong_comparative"
        case "competitively" | "attractively" | "reasonably" | "sensibly" | "modestly":
            return "" if nxt == "priced" else "unknown_word"
        case _:
            return _not_of_price(tokens, i, backing, figures)


def _around(tokens: Sequence[Token], i: int) -> tuple[str, Sequence[Token], str]:
    """The word before token i, up to 8 tokens after it, and the word after it; "" across the end of a clause."""
    before = tokens[i - 1].text if i and tokens[i].stop < 2 else ""
    following = _following(tokens, i, 8)
    return before, following, following[0].text if following and following[0].stop < 2 else ""


def _not_of_price(tokens: Sequence[Token], i: int, backing: Backing, figures: Sequence[int]) -> str:
    """`misplaced` for words that compare no prices: of trend, opinion, supply and degree."""
    token = tokens[i]
    word, kinds = token.text, backing.kinds.keys()
    before, following, nxt = _around(tokens, i)
    match word:
        case "similar":
            alike = [b.text for a, b in pairwise(following) if a.text == "in"]
            return "" if all(word in ("category", "brand", "kind") for word in alike[:1]) else "unknown_word"
        case "save" | "saves" | "saving" | "saved" if _only_budget_saves(word, backing):
            ok = names_limit(tokens) and any(figures[i + 1 : i + 4])
            return "" if ok or before in ("you", "your") else "unknown_word"
        case "easy":
            return "" if nxt == "on" and names_limit(tokens) else "unknown_word"
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
            return "" if told or (following[1:2] and following[1].text in ("our", "the")) else "unknown_word"
        case "newly" | "freshly":
            return "" if nxt in ("new", "joined", "launched", "introduced", "here", "released") else "unknown_word"
        case "highest":
            ranked = backing.number("trending", "rank") == 1 or figure_at(figures, i - 1)
            return "" if ranked and nxt == "growth" else "wrong_comparative"
        case "expensive":
            return "" if before in ("least", "less") or rest_is_subject(tokens, i) else "wrong_comparative"
        case "lowest" | "cheapest" | "least" | "low":
            return lowest(tokens, i, backing, following, before)
        case "none":
            return "" if denied(tokens, i, backing) else "negation"
        case "half":
            return half(backing, before, following)
        case "most" if nxt == "affordable":
            return "" if backing.standing() == "lowest" else "superlative"
        case "most" if before == "the" and backing.number("trending", "rank") == 1:
            return "" if any(t.text in _GROWS for t in tokens[max(i - 6, 0) : i]) else "superlative"
        case "most" | "majority":
            told = before in _CHEAPER_THAN or dearer_follow(following)
            if word == "majority":
                told = told or (before == "the" and i > 1 and tokens[i - 2].text in _CHEAPER_THAN)
            return "" if told and (pricier_than_half(backing) or backing.standing() == "lowest") else "superlative"
        case "fast" | "quickly" | "rapidly" if nxt not in ("as", "than") and _grown(tokens, i, backing):
            return ""
        case "faster" | "quicker" | "fast" | "quickly" | "rapidly":
            return "" if outpaced(tokens, i, backing) else "wrong_comparative"
        case "fastest" if figure_at(figures, i - 1) and i:
            return ""
        case "top" | "fastest" | "leads" | "leading" | "tops" | "topping":
            if not any(t.text in _GROWS for t in tokens):
                return "superlative"  # a rank is one by growth of interest, and says so
            return (
                ""
                if backing.number("trending", "rank") == 1 or (word == "top" and figure_at(figures, i + 1))
                else "superlative"
            )
        case _:
            return _of_supply(tokens, i, backing, figures)


def _of_supply(tokens: Sequence[Token], i: int, backing: Backing, figures: Sequence[int]) -> str:
    """`misplaced` for words of opinion, degree and supply."""
    token = tokens[i]
    word, kinds = token.text, backing.kinds.keys()
    before, following, nxt = _around(tokens, i)
    match word:
        case "well":
            if nxt in _FAR:
                return "" if far_below(following, backing) else "wrong_comparative"
            ok = (nxt == "with" and "bought_together" in backing.kinds) or nxt in ("rated", "reviewed", "received")
            ok = ok or (nxt == "of" and before in ("speak", "speaks") and "rating" in kinds)
            return "" if ok else "unknown_word"
        case "far":
            return "" if nxt in _FAR and far_below(following, backing) else "unknown_word"
        case "exactly":
            whole = bool(backing.values.get("query_match", {}).get("all"))
            ok = backing.number("price_vs_budget", "under_minor") == 0 or figure_at(figures, i + 1)
            ok = ok or (whole and nxt in ("what", "as"))
            tagged = any(t.word == "tag" for t in following[1:3])
            ok = ok or ("attribute_match" in kinds and nxt in ("that", "this", "the") and tagged)
            return "" if ok else "wrong_comparative"
        case "only" | "few":
            if word == "only" and outpaced(tokens, i, backing):
                return ""
            ok = "low_stock" in backing.kinds and (
                figure_at(figures, i + 1)
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
            ok = single or figure_at(figures, i + 1) or nxt in ("week", "month") or before in ("you", "your")
            return "" if ok else "stock"
        case "week" | "month":
            return "" if figure_at(figures, i) or _window(word, before, backing) else "uncited_number"
        case _:
            return ""


def _following(tokens: Sequence[Token], i: int, count: int) -> list[Token]:
    found: list[Token] = []
    for token in tokens[i + 1 : i + 1 + count]:
        if token.stop == 2:
            break
        found.append(token)
    return found


def _only_budget_saves(word: str, backing: Backing) -> bool:
    """Whether money is what "save" speaks of, and only a budget is cited: no reduction and no wish list."""
    kinds = backing.kinds.keys()
    listed = word in ("saved", "saving") and "saved" in backing.deeds
    return "price_vs_budget" in kinds and not {"discount", "promotion"} & kinds and not listed


def _promoted(following: Sequence[Token], backing: Backing) -> bool:
    """ "under the Student discount promotion"."""
    title = set(words_of(str(backing.values.get("promotion", {}).get("title", ""))))
    return any(t.text == "promotion" or t.word in title for t in following[:4])


def _grown(tokens: Sequence[Token], i: int, backing: Backing) -> bool:
    """Whether the word at i says how interest grew."""
    near = {t.text for t in tokens[max(i - 3, 0) : i + 3]}
    return "trending" in backing.kinds and bool(near & _GROWS) and "interest" in {t.text for t in tokens}


def _window(word: str, before: str, backing: Backing) -> bool:
    days = 7 if word == "week" else 30
    return before in ("last", "past", "this", "a", "previous") and any(
        q.unit == "days" and q.value == days for q in backing.quantities
    )
