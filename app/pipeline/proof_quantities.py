"""Which figure of which cited fact a figure of the sentence states, from the words around it."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from app.pipeline.proof_amounts import amount_of
from app.pipeline.proof_context import Stated, after_of, found
from app.pipeline.proof_facts import Backing, OwnWords, Quantity, Unit
from app.pipeline.proof_numbers import WORD_FIGURES, Mention, month_of, ordinal
from app.pipeline.proof_percent import percentage
from app.pipeline.proof_text import Token, word_set, words_of

_RATERS = word_set("shopper customer people person reviewer review rating vote buyer user rater")
_ORDERS = word_set("order time basket occasion")
_DONE = word_set(
    "bought ordered own combine paired saved viewed love loved looked recommend purchased received receive"
)
_PRODUCTS = word_set("product item option model choice alternative article other")
_LEFT = word_set("left piece unit copy remain remains remaining stock pair available")
_WINDOW = frozenset({"day"})
_NOUNS: tuple[tuple[Unit, frozenset[str]], ...] = (
    ("left", _LEFT),
    ("raters", _RATERS),
    ("orders", _ORDERS),
    ("days", _WINDOW),
    ("products", _PRODUCTS),
)
UNIT_WORDS = {
    "m": "metre",
    "g": "gram",
    "kg": "kilogram",
    "litres": "l",
    "grams": "g",
    "metres": "m",
    "w": "watt",
    "h": "hour",
    "hr": "hour",
    "l": "litre",
    "liter": "litre",
    "lm": "lumen",
    "in": "inch",
}
_MONEY_WORDS = word_set("eur usd gbp jpy euro euros dollars pounds yen")
_GROWS = word_set("growth growing grew grow gain gains gaining trending interest rising climbing momentum")
_TOP_AT_MOST = 10
_LAST_DAY = word_set("until till through thru ending ends to before")
_CHEAPER_THAN = word_set("than below under undercuts undercut undercutting beats beat beating")
_PRICIER = word_set("pricier dearer")
_COSTS = word_set("cost costs priced are")
_HAD = (["you", "have"], ["you", "made"], ["you", "placed"])
_POINTERS = word_set("this that another the each which every any")
_RANKERS = word_set("number no nr rank ranks ranked place position spot #")
_RATING_NEAR = word_set("rating rated rate rates score scores average star stars shoppers customers reviews people")
_RATERS_SAY = word_set("rated rating rates rate average averages averaging score scores scored scoring")


def stated(
    tokens: Sequence[Token], mention: Mention, backing: Backing, own: OwnWords, covered: Sequence[int], currency: str
) -> Stated:
    """The fact whose figure the mention states. `covered[i]` > 0 where token i is part of a whole name."""
    match mention.shape:
        case "money":
            return amount_of(tokens, mention, backing, currency)
        case "percent" | "fraction":
            return percentage(tokens, mention, backing, covered)
        case "day":
            return found(mention, backing, "day", mention.n, _day_roles(tokens, mention), "uncited_number")
        case _:
            return _plain(tokens, mention, backing, own, covered, currency)


def _day_roles(tokens: Sequence[Token], mention: Mention) -> tuple[str, ...]:
    """Whether a day is the first or the last one, where a word says so."""
    before = tokens[mention.start - 1].text if mention.start and not tokens[mention.start].stop else ""
    if before == "the" and mention.start > 1:
        before = tokens[mention.start - 2].text
    if before in _LAST_DAY:
        return ("until",)
    return ("since",) if before in ("since", "from") else ("since", "until")


def _plain(
    tokens: Sequence[Token],
    mention: Mention,
    backing: Backing,
    own: OwnWords,
    covered: Sequence[int],
    currency: str,
) -> Stated:
    first, end, value = mention.first, mention.end, mention.whole()
    before = tokens[mention.start - 1] if mention.start and tokens[mention.start].stop < 2 else None
    pronoun = tokens[first].text == "one" and before is not None and before.text in _POINTERS and end == first + 1
    if pronoun or (all(covered[first:end]) and not _supply(tokens, mention, 3)):
        return Stated(own=True)
    word = tokens[first].word
    if (fact := backing.terms.get(word) or backing.wished.get(word)) and _searching(tokens, first):
        return Stated(fact)
    if mention.shape == "ordinal" or (before is not None and before.text in _RANKERS):
        if not any(t.text in _GROWS for t in tokens):
            return Stated(failure="unit")  # a rank is one by growth of interest, and says so
        return found(mention, backing, "rank", value, None, "uncited_number")
    if _is_scale(tokens, mention):
        if _dearer(after_of(tokens, end, 8)):
            return found(mention, backing, "products", value, ("products",), "unit")
        return found(mention, backing, "scale", value, None, "unit")
    other = after_of(tokens, end, 1)
    if other and (other[0].text == "of" or [t.text for t in after_of(tokens, end, 2)] == ["out", "of"]):
        undercut = before is not None and before.text in _CHEAPER_THAN
        if undercut or (_counted_of(tokens, mention) and _dearer(after_of(tokens, end, 12))):
            # "cheaper than 7 of the 11", "7 of the 11 cost more": the dearer ones, never the whole category
            return found(mention, backing, "products", value, ("pricier",), "uncited_number")
    if other and other[0].text in _COSTS and _dearer(after_of(tokens, end, 3)) and _of_a_count(tokens, mention):
        return found(mention, backing, "products", value, ("pricier",), "uncited_number")
    rated = _rating(tokens, mention, before)
    noun = None if rated else _noun(tokens, mention)
    if rated:
        if _of_an_aspect(tokens, end):
            return Stated(failure="unit")
        tenths = _tenths(mention)
        return found(mention, backing, "rating", tenths, None, "uncited_number")
    rank = backing.number("trending", "rank")
    among_top = before is not None and before.text == "top" and value is not None and value <= _TOP_AT_MOST
    if among_top and rank is not None and value is not None and rank <= value:
        return Stated(backing.kinds["trending"])
    if other and other[0].word == "other" and rank is not None and value == rank - 1:
        return Stated(backing.kinds["trending"])
    scarce = before is not None and before.text in ("only", "just")
    if noun not in ("raters", "orders") and not scarce and not _supply(tokens, mention):
        own_figure = _own_figure(tokens, mention, own)
        if own_figure is not None:
            return own_figure
    if mention.decimals == 2 and any((t.sign and t.text in "€$£¥") or t.text in _MONEY_WORDS for t in tokens):
        return amount_of(tokens, mention, backing, currency)  # "from 62.90 to 45.90 EUR"
    if (
        mention.decimals == 1
        and noun is None
        and any(t.text in _RATING_NEAR for t in tokens[max(first - 6, 0) : end + 6])
    ):
        return found(mention, backing, "rating", _tenths(mention), None, "uncited_number")
    if [t.text for t in after_of(tokens, end, 2)] in (["of", "them"], ["of", "whom"]) and "rating" in backing.kinds:
        return found(mention, backing, "raters", value, None, "unit")
    if noun == "raters" and _bought(tokens, end):
        return Stated(failure="unit")  # shoppers who rated are not shoppers who bought
    theirs = [t.text for t in after_of(tokens, end, 4)]
    whole = value is not None or noun not in ("raters", "orders", "left")
    its = noun == "products" and before is not None and before.text == "its"
    if not whole or its or "yours" in theirs[1:3] or (noun == "orders" and _rated_by(tokens, first)):
        return Stated(failure="unit")
    had = [t.text for t in tokens[max(mention.start - 2, 0) : mention.start]]
    if noun == "orders" and tokens[mention.start].stop == 0 and (had[-1:] == ["your"] or had in _HAD):
        return Stated(failure="unit")  # orders of all shoppers, not this one's
    if noun is not None and _weeks(tokens, mention) is None:
        roles = ("products",) if noun == "products" else None
        result = found(mention, backing, noun, value, roles, "uncited_number")
        if noun == "left" and result.failure and not _supply(tokens, mention):
            return _word_number(tokens, mention) or result
        return result
    if (weeks := _weeks(tokens, mention)) is not None:
        return found(mention, backing, "days", weeks, None, "uncited_number")
    counted = (
        found(mention, backing, "products", value, ("products",), "")
        if _of_category(tokens, mention, covered, backing)
        else Stated()
    )
    if counted.fact_id:
        return counted
    emptied = (
        mention.start > 1 and before is not None and before.text == "to" and tokens[mention.start - 2].text == "down"
    )
    near = any(t.text in ("left", "remain", "remaining") for t in tokens[max(first - 6, 0) : end + 4])
    if near or _supply(tokens, mention) or ((scarce or emptied) and not mention.hedge):
        left = found(mention, backing, "left", value, None, "")
        if left.fact_id:
            return left
    return _word_number(tokens, mention) or Stated(
        failure="unit" if any(q.value == value for q in backing.quantities) else "uncited_number"
    )


def _dearer(after: Sequence[Token]) -> bool:
    """Whether the products counted are said to cost more: "cost more", "are pricier", "are more expensive"."""
    if any(t.text in _PRICIER for t in after):
        return True
    words = [t.text for t in after]
    return any(b == "more" and a in _COSTS for a, b in pairwise(words))


def _of_an_aspect(tokens: Sequence[Token], end: int) -> bool:
    """ "4.9 out of 5 for fit": what is rated is the whole product."""
    for token in after_of(tokens, end, 6):
        if token.text == "for":
            return True
        if not (token.figure or token.sign or token.text in ("out", "of", "five") or token.word == "star"):
            return False
    return False


def _rated_by(tokens: Sequence[Token], first: int) -> bool:
    """ "rated 4.8 by the 4 orders"."""
    rated = any(t.text in _RATERS_SAY for t in tokens[max(first - 10, 0) : first])
    return rated and "by" in [t.text for t in tokens[max(first - 2, 0) : first]]


def _of_a_count(tokens: Sequence[Token], mention: Mention) -> bool:
    """ "Of the 11 products in Board Games, 7 cost more": the whole is counted first."""
    start = mention.start
    while start and tokens[start].stop < 2:
        start -= 1
    return tokens[start].text == "of" and any(t.figure or t.text in WORD_FIGURES for t in tokens[start : mention.start])


def _counted_of(tokens: Sequence[Token], mention: Mention) -> bool:
    """Whether a second figure follows: "six (out) of the eight"."""
    return any(t.figure or t.text in WORD_FIGURES for t in after_of(tokens, mention.end, 4))


def _word_number(tokens: Sequence[Token], mention: Mention) -> Stated | None:
    """ "one of your interests", "combine the two": words for numbers that count nothing."""
    token = tokens[mention.first]
    if token.figure or mention.hedge or mention.end - mention.first > 1:
        return None
    before = tokens[mention.first - 1].text if mention.first else ""
    if token.text == "one" or (token.text == "two" and before in ("the", "these", "those")):
        return Stated(own=True)
    return None


def _supply(tokens: Sequence[Token], mention: Mention, reach: int = 7) -> bool:
    """Whether the figure is about what is left in stock, so that a name like "Set, 2 pieces" can't stand for it."""
    before = [t.text for t in tokens[max(mention.start - 3, 0) : mention.start]]
    if before[-2:] in (["stands", "at"], ["down", "to"], ["is", "at"]) and "stock" in before:
        return True
    for token in after_of(tokens, mention.end, reach):
        if token.stop or token.figure:
            return False
        if token.text in ("left", "remain", "remains", "remaining", "stock"):
            return True
    return False


def _is_scale(tokens: Sequence[Token], mention: Mention) -> bool:
    i = mention.start
    if i >= 2 and tokens[i - 1].text == "of" and tokens[i - 2].text in ("out", "scale"):
        return True
    if i >= 2 and tokens[i - 1].text == "of" and tokens[i - 2].figure and len(tokens[i - 2].text) == 3:
        return True
    return i >= 2 and tokens[i - 1].text == "/" and tokens[i - 2].figure


def _rating(tokens: Sequence[Token], mention: Mention, before: Token | None) -> bool:
    after = after_of(tokens, mention.end, 3)
    words = [t.text for t in after if t.stop < 2]
    if words[:2] == ["out", "of"] or (words and after[0].word == "star") or words[:1] == ["/"]:
        return True
    if words[:1] in (["of"], ["rating"], ["ratings"], ["average"], ["rated"], ["score"]) and mention.decimals == 1:
        return True
    if before is None:
        return False
    if before.text in ("a", "at", "of", "is", "with", "an") and mention.start >= 2:
        return mention.decimals == 1 and tokens[mention.start - 2].text in _RATERS_SAY
    return before.text in _RATERS_SAY and (mention.decimals == 1 or before.text in ("rated", "averages", "scores"))


def _tenths(mention: Mention) -> int | None:
    if mention.decimals == 0:
        return mention.n * 10
    return mention.n if mention.decimals == 1 else None


def _noun(tokens: Sequence[Token], mention: Mention) -> Unit | None:
    """The unit that the next few words name."""
    for k, token in enumerate(after_of(tokens, mention.end, 4), start=mention.end + 1):
        if (
            token.stop == 2
            or (token.stop and token.text != "left")
            or token.figure
            or token.text in ("in", "by", "from")
        ):
            return None
        for unit, words in _NOUNS:
            if token.word in words or token.text in words:
                orders = k < len(tokens) and tokens[k].word == "order"
                return "orders" if unit == "raters" and orders else unit
        if token.text in ("of", "and", "with", "for", "over", "is", "has"):
            return None
    return None


def _own_figure(tokens: Sequence[Token], mention: Mention, own: OwnWords) -> Stated | None:
    """A figure of the item's attributes with the attribute's words beside it, or of its name with a neighbour."""
    if mention.hedge:
        return None
    i, j = mention.first, mention.end
    written = tokens[i].word if tokens[i].figure else str(mention.n)
    if written in own.counts and _counts_pieces(tokens, j, own):
        return Stated(own=True)
    near = [UNIT_WORDS.get(t.text, t.word) for t in after_of(tokens, j, 3)]
    near += [t.word for t in after_of(tokens, j, 3)]
    near += [t.word for t in tokens[max(i - 3, 0) : i]]
    for figure, names in own.measures:
        if figure == written and any(word in names for word in near):
            return Stated(own=True)
    neighbours = []
    if i and not tokens[i - 1].sign:
        neighbours.append((tokens[i - 1].word, written))
    if j < len(tokens) and not tokens[j].sign:
        neighbours += [(written, tokens[j].word), (written, UNIT_WORDS.get(tokens[j].text, ""))]
    return Stated(own=True) if any(pair in own.pairs for pair in neighbours) else None


def _counts_pieces(tokens: Sequence[Token], j: int, own: OwnWords) -> bool:
    """ "25 allium bulbs", "25-piece": what follows is what the item is, and nothing is said of it."""
    following = after_of(tokens, j, 3)
    return bool(following) and (following[0].word == "piece" or following[0].word in own.places["name"])


def _searching(tokens: Sequence[Token], first: int) -> bool:
    """Whether a figure is one of the words of a search: "your search for headphones 20"."""
    return any(t.text in ("search", "searched", "looking", "query") for t in tokens[max(first - 8, 0) : first + 8])


def _bought(tokens: Sequence[Token], end: int) -> bool:
    """Whether the people counted did something else than rate: "118 shoppers bought it"."""
    after = after_of(tokens, end, 4)
    for k, token in enumerate(after[:-1]):
        if token.word in _RATERS:
            following = after[k + 1] if after[k + 1].text not in ("who", "have", "also") else after[-1]
            return following.text in _DONE and not following.stop
    return False


def _weeks(tokens: Sequence[Token], mention: Mention) -> int | None:
    after = after_of(tokens, mention.end, 1)
    value = mention.whole()
    return value * 7 if after and after[0].word == "week" and value is not None else None


def _of_category(tokens: Sequence[Token], mention: Mention, covered: Sequence[int], backing: Backing) -> bool:
    """ "number 3 of 24 in Tents", "cheapest of 24 tents": a count whose noun is the category, or left out."""
    i, j = mention.start, mention.end
    before = [t.text for t in tokens[max(i - 3, 0) : i]]
    label = {
        word
        for kind, fact in backing.values.items()
        if kind in ("price_vs_category", "trending")
        for word in words_of(str(fact.get("category") or ""))
    }
    if "of" not in before and "than" not in before and "among" not in before:
        return False
    return (
        j >= len(tokens)
        or tokens[j].stop > 0
        or tokens[j].text in ("in", "by", "for", "on")
        or (tokens[j].word in label if label else covered[j] > 0)
    )


def places(tokens: Sequence[Token]) -> list[tuple[int, int]]:
    """(index, place) of the ordinal words: "third"."""
    return [(i, n) for i, token in enumerate(tokens) if (n := ordinal(token)) is not None]


def rank_of(backing: Backing, place: int) -> Quantity | None:
    """The cited place in a category, when it is this one."""
    return next((q for q in backing.quantities if q.unit == "rank" and q.value == place), None)


def wrong_month(tokens: Sequence[Token], i: int, backing: Backing) -> bool | None:
    """Whether the month at i, written without a day, is not that of a cited day; None when it isn't a month.

    Only "the end of October", "mid-October" and the like say when; a bare month is not precise enough.
    """
    month = month_of(tokens[i])
    if month is None:
        return None
    before = {t.text for t in tokens[max(i - 3, 0) : i]}
    first, last = (24, 31) if before & {"end", "late"} else (11, 20) if before & {"mid", "middle"} else (1, 10)
    if first == 1 and not before & {"early", "start", "beginning"}:
        return True
    days = [q.value for q in backing.quantities if q.unit == "day"]
    return not any(day // 100 == month and first <= day % 100 <= last for day in days)
