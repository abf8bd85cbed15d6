"""A written reason cut into words and figures, and the ways in which a word may be inflected.

Everything here is linear in the text: no pattern can backtrack, and callers cap the length first.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from app.domain.model_calls import ProfileFact
from app.domain.ranking import Evidence
from app.pipeline.seller_text import folded_words

_CITATION = re.compile(r"\s*\[([^\[\]]{1,80})\]")
_CITED_ID = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,30}\Z")
_SPACE_BEFORE = re.compile(r" +([,.;:!?])")
_TOKEN = re.compile(r"[0-9]+(?:[.,'’\u00a0\u202f][0-9]+)*|[^\W\d_]+(?:['’][^\W\d_]+)*|[%€$£¥/#&+×°]|[^\s]")


def word_list(text: str) -> tuple[str, ...]:
    """The words of a list that is written as one string."""
    return tuple(text.split())


def word_set(text: str) -> frozenset[str]:
    """As `word_list`, without order."""
    return frozenset(text.split())


_SIGNS = frozenset("%€$£¥/#&+×°")
_PLAIN = frozenset(" .,;:!?'’‘\"“”()%€$£¥&+×°/#…–—-\u00a0\u202f0123456789")
_IRREGULAR = {
    "shelve": "shelf",
    "grown": "grow",
    "grew": "grow",
    "drawn": "draw",
    "drew": "draw",
    "shown": "show",
    "found": "find",
    "met": "meet",
    "took": "take",
    "taken": "take",
    "became": "become",
    "held": "hold",
    "kept": "keep",
    "got": "get",
    "brought": "bring",
    "sat": "sit",
    "stood": "stand",
    "stuck": "stick",
    "sought": "seek",
    "known": "know",
    "seen": "see",
    "paid": "pay",
    "meant": "mean",
    "thought": "think",
    "worn": "wear",
    "knew": "know",
    "drove": "drive",
    "driven": "drive",
    "risen": "rise",
}
_HARD_STOPS = frozenset(".;!?…")


class CitedAt(NamedTuple):
    """One citation: how many words and figures of the sentence stand before it (`tokens_of`), and the facts' ids."""

    at: int
    fact_ids: tuple[str, ...]


class Resolved(NamedTuple):
    """A sentence without its citations, and what they stand for."""

    sentence: str
    evidence: tuple[Evidence, ...]  # in the order in which they are first cited
    profile_facts: tuple[ProfileFact, ...]
    unknown: tuple[str, ...]  # citations of nothing that this item may cite: a sentence with one is not shown
    citations: tuple[CitedAt, ...] = ()  # where each stood, in order


@dataclass(frozen=True, slots=True)
class Token:
    """A word, a figure or a sign that means something (%, €). Punctuation is kept as the break before a token."""

    text: str  # as written, case folded, without 's
    word: str  # folded: regular plurals reduced
    figure: bool
    sign: bool
    stop: int  # punctuation before it: 0 none, 1 a comma, colon or dash, 2 the end of a sentence or half-sentence
    glued: bool  # no space before it
    negated: bool = False  # "isn't", "doesn't"


def resolve_citations(text: str, facts_by_citation: Mapping[str, Evidence | ProfileFact]) -> Resolved:
    """The sentence without its citations ("[u2]", "[C1][C2]", "[u2, C1]"), spaces mended, and what it cites."""
    found: dict[str, Evidence | ProfileFact] = {}
    unknown: dict[str, None] = {}

    places: list[tuple[int, tuple[str, ...]]] = []  # words before the citation, names
    read = [0, 0]  # characters and words so far

    def drop(match: re.Match[str]) -> str:
        names = _cited_names(match)
        if not names:
            return match[0]  # not a citation: markup, which the prover refuses
        for name in names:
            if name in facts_by_citation:
                found[name] = facts_by_citation[name]
            else:
                unknown[name] = None
        read[:] = match.end(), read[1] + len(tokens_of(text[read[0] : match.start()]))
        places.append((read[1], tuple(names)))
        return ""

    sentence = mended(_CITATION.sub(drop, text))
    evidence = tuple(dict.fromkeys(f.id for f in found.values() if isinstance(f, Evidence)))
    by_id = {f.id: f for f in found.values() if isinstance(f, Evidence)}
    profile = {f.id: f for f in found.values() if isinstance(f, ProfileFact)}
    citations = tuple(CitedAt(at, tuple(found[name].id for name in names if name in found)) for at, names in places)
    return Resolved(sentence, tuple(by_id[i] for i in evidence), tuple(profile.values()), tuple(unknown), citations)


def without_citations(text: str) -> str:
    """The sentence of `resolve_citations`, whatever it cites."""
    return mended(_CITATION.sub(lambda match: "" if _cited_names(match) else match[0], text))


def _cited_names(match: re.Match[str]) -> list[str]:
    """What a bracket cites; nothing where it is no citation."""
    names = match[1].replace(",", " ").replace(";", " ").split()
    return names if all(_CITED_ID.match(name) for name in names) else []


def mended(text: str) -> str:
    """The text in one line with single spaces and none before punctuation."""
    return _SPACE_BEFORE.sub(r"\1", " ".join(part for part in text.split(" ") if part)).strip()


def markup_in(text: str) -> str | None:
    """The first thing that a plain sentence doesn't hold: a sign of markup, an address, a control character."""
    for place, char in enumerate(text):
        if char not in _PLAIN and not char.isalpha():
            return char
        inside = 0 < place < len(text) - 1
        if char == "." and inside and text[place - 1].isalpha() and text[place + 1].isalpha():
            return text[place - 1 : place + 2]
        if char == "#" and not text[place + 1 : place + 2].isdecimal():
            return char
        if char == "/" and text[place + 1 : place + 2] == "/":
            return "//"
    return None


def tokens_of(text: str) -> list[Token]:
    """The words, figures and signs of a text, in order."""
    found: list[Token] = []
    stop, end = 2, 0
    for match in _TOKEN.finditer(text):
        raw = match[0]
        first = raw[0]
        if first.isdigit():
            found.append(Token(raw, raw, True, False, stop, match.start() == end))
        elif first in _SIGNS:
            found.append(Token(raw, raw, False, True, stop, match.start() == end))
        elif first.isalpha():
            text_form, word, negated = _folded(raw)
            found.append(Token(text_form, word, False, False, stop, match.start() == end, negated))
        else:
            if first in _HARD_STOPS:
                stop = 2
            elif first in ",:–—(" or (first == "-" and match.start() != end):
                stop = max(stop, 1)
            if first == "-":
                end = match.end()
            continue
        stop, end = 0, match.end()
    return found


def half_sentences(tokens: Sequence[Token]) -> list[range]:
    """The indices of the tokens between full stops, semicolons and the like, in order; none of no tokens."""
    starts = [i for i, token in enumerate(tokens) if i == 0 or token.stop == 2]
    return [range(a, b) for a, b in zip(starts, [*starts[1:], len(tokens)], strict=False)]


@lru_cache(maxsize=65_536)
def _folded(raw: str) -> tuple[str, str, bool]:
    """(case folded without a suffix after an apostrophe, plural reduced, whether the suffix is n't)."""
    folded = raw.casefold().replace("’", "'")
    if folded.endswith("n't") or folded == "cannot":
        return folded, folded, True
    base = folded.split("'", 1)[0] if folded.count("'") == 1 and len(folded.split("'")[1]) <= 2 else folded
    words = folded_words(base)
    return base, words[0] if words else base, False


@lru_cache(maxsize=65_536)
def forms(word: str) -> tuple[str, ...]:
    """The word and what it may be an inflection of: regular -ed and -ing, and common irregular verbs."""
    found = [word, word[:-1]] if word.endswith("oe") else [word]
    if word in _IRREGULAR:
        found.append(_IRREGULAR[word])
    if word.endswith("ied") and len(word) > 5:
        found.append(word[:-3] + "y")
    for ending in ("ing", "ed"):
        base = word.removesuffix(ending)
        if base != word and len(base) >= 3:
            found += [base, base + "e"]
            if base[-1] == base[-2] and base[-1] not in "aeiouls":
                found.append(base[:-1])
    return tuple(found)


@lru_cache(maxsize=65_536)
def words_of(text: str) -> tuple[str, ...]:
    """The folded words, figures and signs of a name or an attribute, comparable with `Token.word`."""
    return tuple(token.word for token in tokens_of(text))
