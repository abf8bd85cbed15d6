"""The words that search compares: the same for a product's text and for what a shopper types."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from itertools import pairwise

from app.pipeline.seller_text import folded_words

MAX_WORD = 64
"""Longer runs of letters are no words; only their start is kept."""
MAX_JOINED = 20

_FILLER_WORDS = """
a an and any are as at be but by can do for from get give good great have i in is it like likes looking me my need nice
of on or our please really show some something that the their them these they this those to under up want we what
which who with would you your
"""
FILLER = frozenset(_FILLER_WORDS.split())
"""Words of a request that no product needs to hold."""

# A decimal number is one word ("15.6"), else a run of letters and digits of any script.
_WORD = re.compile(r"\d+(?:[.,]\d+)+|[^\W_]+")
_POSSESSIVE = re.compile(r"['’]s\b")
_ACCENTS = re.compile("[\u0300-\u036f]+")


def search_words(text: str) -> Iterator[str]:
    """The words of a text in one comparable form, in order.

    NFKC, case folded, without Latin, Greek and Cyrillic accents; regular English plurals reduced as `folded_words`
    reduces them. A number beside a word is also given as one word, after both: "500 GB", "500-GB" and "500gb" share
    "500gb", "TN-2110" and "tn2110" share "tn2110".
    """
    folded = _folded(text)
    before, end = "", -2
    for found in _WORD.finditer(folded):
        raw = found.group()[:MAX_WORD]
        word = _singular(raw) if raw.isalpha() else raw.replace(",", ".")
        yield word
        if found.start() == end + 1 and folded[end] in " -" and _joins(before, word):
            yield before + word
        before, end = word, found.end()


def joined_pairs(words: Sequence[str]) -> Iterator[str]:
    """Neighbouring words written as one ("head", "set" → "headset"), in order: shoppers split compounds."""
    return (a + b for a, b in pairwise(words) if a.isalpha() and b.isalpha() and len(a) + len(b) <= MAX_JOINED)


def halves(word: str, shortest: int = 3) -> Iterator[tuple[str, str]]:
    """Every way to write one word as two of at least `shortest` letters, the longest first half first."""
    return ((word[:cut], word[cut:]) for cut in range(len(word) - shortest, shortest - 1, -1))


def _folded(text: str) -> str:
    folded = unicodedata.normalize("NFKC", text).casefold()
    if not folded.isascii():
        folded = unicodedata.normalize("NFC", _ACCENTS.sub("", unicodedata.normalize("NFD", folded)))
    return _POSSESSIVE.sub("", folded)


def _singular(word: str) -> str:
    reduced = folded_words(word)
    return reduced[0] if len(reduced) == 1 else word


def _joins(before: str, word: str) -> bool:
    """Whether a number and a word stand side by side, either first."""
    return len(before) + len(word) <= MAX_JOINED and (
        (_is_number(before) and word.isalpha()) or (before.isalpha() and _is_number(word))
    )


def _is_number(word: str) -> bool:
    return word.replace(".", "").isdigit()
