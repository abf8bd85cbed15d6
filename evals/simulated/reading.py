"""Reads a rerank prompt the way a model would: shopper lines and candidate lines of the last user message."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache

_SHOPPER_LINE = re.compile(r"^(u\d+)\s+(\S+)\s*(.*)$")
_CANDIDATE_LINE = re.compile(r"^([A-Z]{1,2})\|(.*)$")
_FACT = re.compile(r"^([A-Z]{1,2}\d+)\s+(\S+)\s+(.*)$")
_WORD = re.compile(r"[^\W_]+", re.UNICODE)
_NUMBERS = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
_NUMBER_WORDS = {word: n for n, word in enumerate(_NUMBERS, start=1)}
_ASKED = re.compile(
    r"\b(?:why|reasons?|sentences?)\b\W[^\n]{0,80}?\b(?:first|top|best)\s+(\d{1,2}|" + "|".join(_NUMBER_WORDS) + r")\b"
    r"|\breasons?\s*[:=]\s*(\d{1,2})\b",
    re.IGNORECASE,
)
_WORD_LIMIT = re.compile(r"\bat most (\d{1,3}) words\b", re.IGNORECASE)
_FILLER = "a an and as at by for from in is it its of on or out the this to under which with you your"
_STOP = frozenset(_FILLER.split())


@dataclass(frozen=True, slots=True)
class Turn:
    """One message, its content flattened to text."""

    role: str
    text: str


@dataclass(frozen=True, slots=True)
class ShopperLine:
    """A line about the shopper: `u1 bought Iron Pan`."""

    id: str
    kind: str
    text: str


@dataclass(frozen=True, slots=True)
class Fact:
    """A fact of a candidate: `A1 rating rated 4.6 out of 5 by 212 shoppers`."""

    id: str
    kind: str
    text: str


@dataclass(frozen=True, slots=True)
class Candidate:
    """A candidate line: `A|name|brand|category|A1 <kind> <text>|…`."""

    alias: str
    name: str
    brand: str
    category: str
    facts: tuple[Fact, ...]

    @property
    def text(self) -> str:
        """Everything that the line says, its alias left out."""
        return " | ".join((self.name, self.brand, self.category, *(fact.text for fact in self.facts)))


@dataclass(frozen=True)
class RerankPrompt:
    """What a rerank prompt holds."""

    shopper: tuple[ShopperLine, ...]
    candidates: tuple[Candidate, ...]  # in the order of the prompt; aliases are unique
    reasons_asked: int | None  # how many sentences the instructions ask for, None when they don't say
    word_limit: int | None = None  # words that a sentence may have at most, None when they don't say

    @cached_property
    def shopper_key(self) -> str:
        """The shopper lines as one text."""
        return "\n".join(f"{line.kind} {line.text}" for line in self.shopper)


def read_rerank(turns: Sequence[Turn]) -> RerankPrompt | None:
    """The rerank prompt of a conversation; None when its last user message holds no candidate line.

    A candidate whose alias was seen before is ignored, as is every line of another form.
    """
    last = next((turn for turn in reversed(turns) if turn.role == "user"), None)
    if last is None:
        return None
    shopper: list[ShopperLine] = []
    candidates: dict[str, Candidate] = {}
    for line in last.text.splitlines():
        cleaned = line.strip()
        if found := _CANDIDATE_LINE.match(cleaned):
            candidate = _candidate(found.group(1), found.group(2))
            candidates.setdefault(candidate.alias, candidate)
        elif found := _SHOPPER_LINE.match(cleaned):
            shopper.append(ShopperLine(found.group(1), found.group(2), found.group(3)))
    if not candidates:
        return None
    return RerankPrompt(tuple(shopper), tuple(candidates.values()), *_asked(turns))


def _candidate(alias: str, rest: str) -> Candidate:
    fields = [field.strip() for field in rest.split("|")]
    name, brand, category = (*fields, "", "", "")[:3]
    facts = [Fact(*found.groups()) for field in fields[3:] if (found := _FACT.match(field))]
    return Candidate(alias, name, brand, category, tuple(facts))


def _asked(turns: Sequence[Turn]) -> tuple[int | None, int | None]:
    """(sentences, words in each) as the instructions name them last; lines of data are not instructions."""
    sentences: int | None = None
    length: int | None = None
    for turn in turns:
        text = "\n".join(
            line for line in turn.text.splitlines() if not _CANDIDATE_LINE.match(line) and not _SHOPPER_LINE.match(line)
        )
        for found in _ASKED.finditer(text):
            said = (found.group(1) or found.group(2)).lower()
            sentences = _NUMBER_WORDS[said] if said in _NUMBER_WORDS else int(said)
        for found in _WORD_LIMIT.finditer(text):
            length = int(found.group(1))
    return sentences, length


@lru_cache(maxsize=8192)
def words(text: str) -> frozenset[str]:
    """The telling words of a text: folded, plural s dropped, without filler and single letters."""
    found = _WORD.findall(folded(text))
    return frozenset(_singular(word) for word in found if len(word) > 1 and word not in _STOP)


def folded(text: str) -> str:
    """Compatibility characters replaced, lower case, white space collapsed."""
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


def _singular(word: str) -> str:
    return word[:-1] if len(word) > 3 and word.endswith("s") and not word.endswith("ss") else word
