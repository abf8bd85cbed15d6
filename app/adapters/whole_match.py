"""Which products hold all words of a query, and how the query was read."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence

import bm25s
import numpy as np

from app.domain.catalog import BoolArray
from app.pipeline.search_words import FILLER, MAX_JOINED, search_words

MeantBy = Callable[[str], Sequence[str]]
"""A typed word → the known words that it means: itself, its correction, or two halves; empty where unknown."""

_MAX_SPELT = 8  # unknown words that are looked up, as in the scores
_RAW_WORD = re.compile(r"[^\W\d_]+")


def every_word(
    parts: Sequence[bm25s.BM25], typed: Sequence[str], n: int, meant_by: MeantBy
) -> tuple[BoolArray, Mapping[str, str]]:
    """Products that hold every word that says something, in any part of the index.

    A number and its unit, or two words that some product writes as one, count as held by a product that holds them
    joined. Filler ("for", "with") need not be held unless there is nothing else. A word that means nothing here is
    held by nobody.

    Args:    typed: the words of `search_words`, joined ones included, repeats too; n: products of the index.
    Returns: the mask, shape (n,), and typed word → the one word that it was corrected to.
    """
    single = [word for at, word in enumerate(typed) if not _is_joined(typed, at)]
    telling = [at for at, word in enumerate(single) if not _is_filler(single, at)] or list(range(len(single)))
    held = np.ones(n, dtype=np.bool_)
    corrected: dict[str, str] = {}
    unknown = 0
    if not telling:
        return np.zeros(n, dtype=np.bool_), corrected
    for at in telling:
        word = single[at]
        meant = meant_by(word) if unknown < _MAX_SPELT else ()
        unknown += meant != (word,)
        if len(meant) == 1 and meant[0] != word:
            corrected[word] = meant[0]
        mask = _holds_all(parts, meant, n)
        for left, right in ((at - 1, at), (at, at + 1)):
            if left >= 0 and right < len(single):
                pair = single[left] + single[right]
                if len(pair) <= MAX_JOINED:
                    mask |= _holds(parts, pair, n)
        held &= mask
        if not held.any():
            break
    return held, corrected


def read_as(text: str, corrected: Mapping[str, str]) -> str | None:
    """The text with its corrected words replaced, None where there are none."""
    if not corrected:
        return None

    def right(found: re.Match[str]) -> str:
        word = next(search_words(found[0]), "")
        return corrected.get(word, found[0])

    return " ".join(_RAW_WORD.sub(right, text).split())


def _is_filler(words: Sequence[str], at: int) -> bool:
    """Words that say nothing about a product, and a number that follows one: "under 100", "for 2"."""
    return words[at] in FILLER or (at > 0 and words[at - 1] in FILLER and words[at].replace(".", "").isdigit())


def _is_joined(typed: Sequence[str], at: int) -> bool:
    return at >= 2 and typed[at] == typed[at - 2] + typed[at - 1]


def _holds_all(parts: Sequence[bm25s.BM25], words: Sequence[str], n: int) -> BoolArray:
    if not words:
        return np.zeros(n, dtype=np.bool_)
    mask = np.ones(n, dtype=np.bool_)
    for word in words:
        mask &= _holds(parts, word, n)
    return mask


def _holds(parts: Sequence[bm25s.BM25], word: str, n: int) -> BoolArray:
    mask = np.zeros(n, dtype=np.bool_)
    for part in parts:
        token = part.vocab_dict.get(word)
        if token is not None:
            # The scores are kept word by word: a word's products stand between two places.
            start, end = int(part.scores["indptr"][token]), int(part.scores["indptr"][token + 1])
            mask[part.scores["indices"][start:end]] = True
    return mask
