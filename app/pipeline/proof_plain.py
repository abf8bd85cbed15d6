"""Words that would claim something elsewhere, in a place where they claim nothing or only what a cited fact says."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from app.pipeline.proof_facts import Backing, OwnWords
from app.pipeline.proof_limits import own_limit, shopper_sets
from app.pipeline.proof_text import Token, word_set

_AFTER = frozenset(
    {
        ("offer", "on"),
        ("offer", "we"),
        ("stock", "we"),
        ("well", "as"),
        ("more", "one"),
        ("more", "once"),
        ("far", "so"),
        ("order", "to"),
        ("order", "can"),
        ("interest", "may"),
        ("interest", "might"),
        ("interest", "could"),
        ("friendly", "budget"),
        ("news", "good"),
        ("good", "a"),
    }
)
_BEFORE = frozenset(
    {
        ("offered", "in"),
        ("offered", "at"),
        ("ordered", "again"),
        ("good", "news"),
        ("only", "recently"),
        ("only", "just"),
    }
)
_VERBS_OF_OFFERING = word_set("offers offering")
_FALLS = word_set("fall falls falling")
_FALLS_WHERE = word_set("within inside under below into in comfortably well neatly easily")
_NEWLY = word_set("newly freshly")
_NEWLY_WHAT = word_set("back restocked available returned in listed added arrived")
_STOCK_NOUNS = word_set("stock availability supply quantity number")
_SUITED = word_set("suited matched aligned")
_WELL_PRICED = word_set("priced")
_PRAISE = word_set("strong solid good positive high great nice favourable favorable")
_HIGH_PRAISE = word_set("excellent impressive outstanding stellar superb remarkable exceptional")
_HIGH_PRAISE_FROM_TENTHS = 45
_OPINIONS = word_set("rating score review average mark feedback star")
_BETWEEN_OPINIONS = word_set("shopper customer overall user reviewer average star mean")
_CROWDS = {"dozens": 24, "hundreds": 200, "thousands": 2000}
_CROWD_OVER = 10  # "hundreds" of fewer than 2,000
_SOFT = word_set("good nice solid sensible great natural handy close simple fine direct strong")
_SOFT_NOUNS = word_set("match fit choice option pick find addition companion way item product candidate")
_POINTS = word_set("this these a an the")
_MODIFIERS = word_set(
    "hand head eye room gear display model cover time day class money work file figure reader open side spot step turn "
    "round short unit point run stand mid middle close early late little full able straight personal proper near next "
    "entire welcome main class department fellow ready separate"
)
_OWN_REASONS = word_set("you your")


@dataclass(frozen=True, slots=True)
class Place:
    """A word in its sentence, with what is known of it."""

    tokens: Sequence[Token]
    i: int
    covered: Sequence[int]
    figures: Sequence[int]
    backing: Backing
    own: OwnWords

    @property
    def word(self) -> str:
        """The word as written."""
        return self.tokens[self.i].text

    def at(self, step: int) -> str:
        """The word some steps on (or back), "" outside the sentence or past its end."""
        k = self.i + step
        if not 0 <= k < len(self.tokens) or (step > 0 and any(t.stop == 2 for t in self.tokens[self.i + 1 : k + 1])):
            return ""
        return self.tokens[k].text

    def figure_at(self, step: int) -> bool:
        """Whether a proved figure stands there."""
        return 0 <= self.i + step < len(self.figures) and self.figures[self.i + step] > 0


def as_property(place: Place) -> bool:
    """Whether a word that is neutral elsewhere describes the item here: "this hand cream", "these short boots"."""
    k = place.i + 1
    known = place.covered[place.i] or place.tokens[place.i].word in place.own.words
    if place.word not in _MODIFIERS or known or k >= len(place.tokens) or place.tokens[k].stop:
        return False
    following = place.tokens[k]
    led = place.at(-1) in _POINTS or (place.i > 0 and place.tokens[place.i - 1].word in place.own.words)
    return led and following.word in place.own.words and not following.figure


def plain_use(place: Place) -> bool:
    """Whether the word claims nothing here: "costs 39.90 EUR" (no margin), "a pair of", "falls within", "we offer"."""
    word, before, after, kinds = place.word, place.at(-1), place.at(1), place.backing.kinds
    if (word, before) in _AFTER or (word, after) in _BEFORE:
        return word != "only" or bool({"new_arrival", "back_in_stock"} & kinds.keys())
    match word:
        case "offers" | "offering" | "offered" if after not in ("until", "end", "ends"):
            return True
        case "under" if before in ("fall", "falls", "falling", "comes", "filed"):
            k = place.i + 1
            return k < len(place.tokens) and place.tokens[k].word in place.own.places["category"]
        case "shelf" | "shelves":
            return before in ("our", "your") or [place.at(-3), place.at(-2), before] == ["back", "on", "the"]
        case "pack":
            return before == "piece"
        case "very":
            return before in ("that", "this", "the") and place.tokens[place.i].stop == 0
        case "bear" | "bears" | "bearing":
            return any(t.word in ("tag", "word", "name", "label") for t in place.tokens[place.i + 1 : place.i + 3])
        case "fall" | "falls" | "falling":
            return after in _FALLS_WHERE or (place.figure_at(1) and "price_vs_budget" in kinds)
        case "newly" | "freshly":
            return after in _NEWLY_WHAT
        case "limited" | "low":
            return "low_stock" in kinds and _of_stock(place)
        case "pair" if after not in ("with", "well") and [place.at(-2), before] != ["as", "a"]:
            return True
        case "down" if after == "to" and any(place.figures[place.i + 2 : place.i + 4]):
            return "discount" not in kinds
        case "free":
            return bool(place.covered[place.i]) and place.tokens[place.i].glued  # "fragrance-free" of its own record
        case "more":
            return _more(place)
        case "well" if after in _SUITED and place.at(2) in ("to", "for", "with"):
            return True
        case "well" if after in _WELL_PRICED:
            return "price_vs_category" in kinds
        case "life" if before == "battery":
            return bool(place.covered[place.i - 1]) or "battery" in place.own.words
        case "well" if before in ("work", "works", "suit", "suits", "fit", "fits") and after in ("for", "with", "to"):
            return place.at(2) in ("you", "your")
        case "good" if after == "for" and place.at(2) == "your":
            return "attribute_match" in kinds and _wish_ahead(place)
        case "gone" | "went" | "come":
            return after == "down" and "discount" in kinds
        case "tops":
            return place.tokens[place.i].word in place.own.telling
        case "backed":
            return after == "by" and "rating" in kinds
        case "go":
            return before == "the" and place.at(-2) == "on"
        case "every" | "all":
            return _every(place)
        case "because":
            return (after in _OWN_REASONS or after in place.backing.terms) and not {
                "discount",
                "promotion",
            } & kinds.keys()
        case "latest" | "newest":
            one_of = [place.at(-3), place.at(-2)] == ["one", "of"] and before in ("our", "the")
            return one_of and after in ("additions", "arrivals") and "new_arrival" in kinds
        case "combine" | "combines" | "combining":
            return "bought_together" not in kinds and after in ("a", "an", "its", "the") and _figure_ahead(place)
        case "only" | "not":
            return _not_only(place)
        case "complements" | "complement" | "complementing":
            return after == "your" and "attribute_match" in kinds and _wish_ahead(place)
        case "puts" | "put":
            return after in ("it", "this", "these", "them") and "trending" in kinds
        case "added":
            people = {place.at(-k) for k in (1, 2, 3)}
            return bool(
                {"bought_together"} & kinds.keys() and people & {"shoppers", "customers", "people", "orders", "buyers"}
            )
        case _:
            pass
    if word in place.own.telling and any(t.figure for t in place.tokens[max(place.i - 2, 0) : place.i + 3]):
        return True  # "4 mm drop": an attribute's own word beside its figure
    if word not in ("cost", "costs", "costing"):
        return False
    if before in ("it", "they") and place.at(-2) == "than":
        return True
    following = place.tokens[place.i + 1 : place.i + 4]
    if any(place.figures[place.i + 1 : place.i + 3]):
        return True
    if not following and any(t.text == "than" for t in place.tokens[: place.i]):
        return True
    return bool(following) and following[0].text in ("less", "more", "exactly", "only", "just", "about", "a")


def _more(place: Place) -> bool:
    before, after = place.at(-1), place.at(1)
    if before in ("is", "some") and after in place.own.telling:
        return True
    label = str(place.backing.values.get("category_affinity", {}).get("category", "")).casefold().split()
    if after in label and place.tokens[place.i].stop == 2:
        return True  # "More fiction for you"
    return after == "interest" and "trending" in place.backing.kinds and place.at(2) != "than"


def _of_stock(place: Place) -> bool:
    """ "limited stock", "stock is low", "running low": of the number left, never a limited edition or a low price."""
    before, after = place.at(-1), place.at(1)
    if place.i + 1 < len(place.tokens) and place.tokens[place.i + 1].word in _STOCK_NOUNS:
        return True
    if before in ("running", "run", "runs") and after in ("", "with", "on", "at"):
        return after != "on" or place.at(2) == "stock"
    return before in ("is", "are", "s") and any(
        t.word in _STOCK_NOUNS for t in place.tokens[max(place.i - 3, 0) : place.i]
    )


def _every(place: Place) -> bool:
    """ "every word of your search", "every other product costs more": where a cited fact covers them all."""
    kinds, word = place.backing.kinds, place.word
    whole = bool(place.backing.values.get("query_match", {}).get("all"))
    ahead = [place.at(k) for k in range(1, 8)]
    if whole and any(w in ("search", "query", "words", "word", "terms", "term") for w in ahead[:4]):
        return True
    if place.at(-1) == "above":
        return True
    if place.backing.standing() == "lowest" and ahead[0] in ("other", "others"):
        return "more" in ahead or place.at(-1) == "than"
    ranked = "price_vs_category" in kinds or "trending" in kinds
    return word == "all" and ranked and place.at(-1) in ("of", "among", "from") and place.figure_at(1)


def _figure_ahead(place: Place) -> bool:
    return any(place.figures[place.i + 1 : place.i + 5])


def _wish_ahead(place: Place) -> bool:
    return any(place.at(k) in ("style", "interest", "interests", "styles", "taste", "tastes") for k in range(2, 6))


def _not_only(place: Place) -> bool:
    """ "not only rated 4.6 but also": an addition, no denial."""
    start = place.i if place.word == "not" else place.i - 1
    if start < 0 or place.tokens[start].text != "not" or place.tokens[start + 1 : start + 2] == []:
        return False
    if place.tokens[start + 1].text not in ("only", "just"):
        return False
    rest = [t.text for t in place.tokens[start + 2 :]]
    return "but" in rest and rest[rest.index("but") + 1 : rest.index("but") + 2] == ["also"]


def praises(place: Place) -> bool:
    """Whether a word of praise is about the opinions of a cited rating: "strong reviews", "an excellent 4.8"."""
    word = place.word
    tenths = next((q.value for q in place.backing.quantities if q.unit == "rating"), None)
    if tenths is None:
        return False
    if word == "very":
        return place.at(1) in ("well", "highly", "positive", "positively") and "rating" in place.backing.kinds
    if word not in _PRAISE and (word not in _HIGH_PRAISE or tenths < _HIGH_PRAISE_FROM_TENTHS):
        return False
    if place.figure_at(1) and place.tokens[place.i + 1].figure:
        return True
    for token in place.tokens[place.i + 1 : place.i + 4]:
        if token.stop:
            return False
        if token.word in _OPINIONS:
            return True
        if token.word not in _BETWEEN_OPINIONS:
            return False
    return False


def crowd(place: Place) -> str:
    """The fact behind "hundreds of shoppers", "dozens of orders"; "" when its count is not of that size."""
    least = _CROWDS.get(place.word)
    noun = place.tokens[place.i + 2].word if place.at(1) == "of" and place.i + 2 < len(place.tokens) else ""
    unit = {"shopper": "raters", "rating": "raters", "review": "raters", "customer": "raters", "people": "raters"}.get(
        noun, "orders" if noun == "order" else ""
    )
    for held in place.backing.quantities:
        if least is not None and held.unit == unit and least <= held.value < least * _CROWD_OVER:
            return held.fact_id
    return ""


def soft(place: Place) -> bool:
    """ "a good match", "a natural pick": praise of the choice, not of the product."""
    k = place.i + 1
    return place.word in _SOFT and k < len(place.tokens) and place.tokens[k].word in _SOFT_NOUNS


def limit_ahead(tokens: Sequence[Token], i: int, backing: Backing) -> bool:
    """Whether a limit in other words follows "within" or "under": "what you plan to spend", "below it"."""
    if "price_vs_budget" not in backing.kinds:
        return False
    if own_limit(tokens, i + 1):
        return True
    following = [t for t in tokens[i + 1 : i + 4] if t.stop < 2]
    if following and following[0].text == "the" and len(following) > 1 and shopper_sets(tokens, i + 3):
        return following[1].text in ("amount", "sum", "figure", "range", "price", "maximum")
    alone = len(tokens) == i + 2 or tokens[min(i + 2, len(tokens) - 1)].stop > 0
    named = any(t.word in ("budget", "limit") for t in tokens[:i])
    return bool(following) and following[0].text == "it" and alone and named
