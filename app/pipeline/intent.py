"""What a shopper's message asks for, read by code: the kind of request, limits, brands, categories, products meant.

Rules on words, no model. What is not understood stays search text: a search that finds little says so, while a
misread request would answer something else.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Literal, TypeVar

from app.pipeline import chat_words as words
from app.pipeline.money_words import price_limits
from app.pipeline.proof_text import tokens_of
from app.pipeline.seller_text import folded_words, plain

_T = TypeVar("_T")

Kind = Literal[
    "search",
    "recommend",
    "compare",
    "similar",
    "cheaper",
    "detail",
    "why",
    "why_not",
    "buy",
    "known",
    "greeting",
    "thanks",
    "who",
    "hand_off",
    "danger",
    "unsafe",
    "off_topic",
]

MAX_SEARCH_CHARS = 200
_MAX_NAMED = 4


_ADDRESS = re.compile(
    r"\S*(?:https?:|www\.)\S*|\S*@\S*|\b[\w.-]+\.(?:com|net|org|info|io|shop|ru|cn|xyz)\b\S*", re.IGNORECASE
)
_FIXED: tuple[tuple[Kind, re.Pattern[str]], ...] = (
    ("danger", words.DANGER),
    ("unsafe", words.UNSAFE),
    ("hand_off", words.HAND_OFF),
    ("off_topic", words.LEAK),
    ("who", words.WHO),
    ("known", words.KNOWN),
)


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """The shop's own words: brands and last parts of category paths by their folded words."""

    brands: Mapping[tuple[str, ...], str]
    categories: Mapping[tuple[str, ...], tuple[str, ...]]  # words of the last part → full paths

    @classmethod
    def of(cls, brands: Iterable[str], categories: Iterable[str]) -> Vocabulary:
        """From the catalogue's labels."""
        paths: dict[tuple[str, ...], tuple[str, ...]] = {}
        for path in categories:
            for part in path.split(">"):
                key = folded_words(part)
                if key:
                    paths[key] = (*paths.get(key, ()), path)
        return cls({folded_words(b): b for b in brands if folded_words(b)}, paths)


@dataclass(frozen=True, slots=True)
class Intent:
    """One message, understood."""

    kind: Kind
    search: str = ""  # what to look for, limits and filler taken out
    least_minor: int | None = None
    most_minor: int | None = None
    brands: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    avoided: tuple[str, ...] = ()  # words that the shopper does not want
    named: tuple[str, ...] = ()  # products meant, as written: "the Apex 80", or "#1" for the second card shown
    gift: bool = False
    refines: bool = False  # goes on with the search before
    states: bool = False  # asks to keep what it states
    unlimited: bool = False  # takes the price limit back


def read_intent(text: str, vocabulary: Vocabulary, *, currency: str) -> Intent:
    """What the message asks for. Never fails: what has no other meaning is a search.

    Args: text: the message, at most MAX_MESSAGE_CHARS, contacts already taken out.
    """
    limits, rest = price_limits(words.NO_LIMIT.sub(" ", " ".join(text.split())), currency)
    kind, named, rest = _request(rest)
    avoided, rest = _avoided(rest)
    brands = _labels(rest, vocabulary.brands)
    paths = tuple(dict.fromkeys(p for label in _labels(rest, vocabulary.categories) for p in label))
    search = content(rest)
    intent = Intent(
        kind=kind,
        search=search,
        least_minor=limits.least_minor,
        most_minor=limits.most_minor,
        brands=brands,
        categories=paths,
        avoided=avoided,
        named=named,
        gift=words.GIFT.search(text) is not None,
        refines=words.REFINE.match(text) is not None,
        states=words.STATE.search(text) is not None,
        unlimited=words.NO_LIMIT.search(text) is not None,
    )
    limited = limits.least_minor is not None or limits.most_minor is not None
    if kind == "search" and not search and not intent.gift and (limited or words.RECOMMEND.search(text)):
        return replace(intent, kind="search" if limited else "recommend", refines=limited or intent.refines)
    return intent


def without_links(text: str) -> str:
    """The text without web addresses: a field that holds one would be dropped whole (seller_text.plain)."""
    return " ".join(_ADDRESS.sub(" ", text).split())


def content(text: str) -> str:
    """The telling words of a message in their order, at most 200 characters."""
    bare = (word.strip(".,;:!?\"'()*") for word in plain(text, 500).split())
    kept = [word for word in bare if any(form not in words.FILLER for form in _forms(word))]
    return plain(" ".join(kept), MAX_SEARCH_CHARS).rstrip("…")


def _forms(word: str) -> list[str]:
    return [token.text for token in tokens_of(word) if not token.sign]


def _request(text: str) -> tuple[Kind, tuple[str, ...], str]:
    """The kind of request, the products that it names, and the text without the words that told it."""
    for kind, pattern in _FIXED:
        if pattern.search(text):
            return kind, (), ""
    if found := words.WHY_NOT.search(text):
        return "why_not", _named(found["what"]), ""
    if found := words.WHY.search(text):
        return "why", _named(found["what"]), ""
    if words.COMPARE.search(text):
        return "compare", _compared(text), ""
    if words.BUY.search(text):
        return "buy", _named(text), ""
    if words.CHEAPER.search(text):
        return "cheaper", _pointed(text), words.CHEAPER.sub(" ", text)
    if found := words.SIMILAR.search(text):
        what = found["what"]
        if _is_similar(found[0]) and (_pointed(what) or words.POINTING.search(what) or content(what)):
            return "similar", _named(what), what
    if words.DETAIL.search(text) and (_pointed(text) or words.POINTING.search(text) or _has_name(text)):
        return "detail", _named(text), text
    if words.ADVICE.search(text):
        return "off_topic", (), ""
    told = content(text)
    if not told and words.THANKS.match(text):
        return "thanks", (), ""
    if words.GREETING.match(text) and not content(words.GREETING.sub(" ", text)):
        return "greeting", (), ""
    return "search", (), text


def _is_similar(found: str) -> bool:
    """ "similar to X", "something like X": not "I would like X"."""
    lead = found.casefold().lstrip()
    return not lead.startswith("like") or any(w in lead for w in ("similar", "alternative"))


def _has_name(text: str) -> bool:
    """Whether a capital or a figure inside the sentence may begin a product's name."""
    inner = text.split()[1:]
    return any(w[0].isupper() and w not in ("I", "EUR", "I'm", "I'd") for w in inner if w[0].isalpha())


def _pointed(text: str) -> tuple[str, ...]:
    """Cards meant by their place: "the second one" → "#1"."""
    said = [word.strip(".,;:!?'\"()").casefold() for word in text.split()]
    places = [words.ORDINALS[word] for word in said if word in words.ORDINALS]
    if places == [0] and any(pair in (("first", "two"), ("first", "three")) for pair in itertools.pairwise(said)):
        places = list(range(3 if "three" in said else 2))
    return tuple(dict.fromkeys(f"#{place}" for place in places))


def _named(text: str) -> tuple[str, ...]:
    """The product that a text means: a place among the cards, else its words as a name, else "" for the one shown."""
    pointed = _pointed(text)
    if pointed:
        return pointed
    name = content(text)
    return (name,) if name else ()


def _compared(text: str) -> tuple[str, ...]:
    """The products of a comparison, in order; none for "compare them"."""
    pointed = _pointed(text)
    if len(pointed) >= 2:
        return pointed[:_MAX_NAMED]
    rest = words.COMPARE_LEAD.sub("", text).rstrip(" ?.!")
    parts = [part.strip() for part in words.COMPARE_SPLIT.split(rest)]
    found: list[str] = []
    for part in parts:
        place = _pointed(part)
        name = content(part)
        if place:
            found += place
        elif name:
            found.append(name)
    return tuple(dict.fromkeys(found))[:_MAX_NAMED]


def _avoided(text: str) -> tuple[tuple[str, ...], str]:
    """What the shopper does not want, up to the next comma or "and", and the text without it."""
    found: list[str] = []

    def drop(match: re.Match[str]) -> str:
        what = match["what"]
        unwanted = content(" ".join(what.split()[:3]))
        if unwanted:
            found.append(unwanted)
            return " "
        return match[0]

    rest = words.AVOID.sub(drop, text)
    return tuple(dict.fromkeys(found))[:5], rest


def _labels(text: str, labels: Mapping[tuple[str, ...], _T]) -> tuple[_T, ...]:
    """The labels whose whole words stand together in the text, longest first at each place."""
    told = folded_words(text)
    longest = max((len(key) for key in labels), default=0)
    found: dict[tuple[str, ...], _T] = {}
    i = 0
    while i < len(told):
        for n in range(min(longest, len(told) - i), 0, -1):
            key = told[i : i + n]
            if key in labels:
                found[key] = labels[key]
                i += n - 1
                break
        i += 1
    return tuple(found.values())
