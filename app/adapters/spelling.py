"""rapidfuzz: the catalogue's word that a mistyped one was meant to be."""

from __future__ import annotations

from collections.abc import Mapping

from rapidfuzz import process
from rapidfuzz.distance import OSA

SHORTEST = 5
"""Shorter words have too many neighbours one letter away (docs/decisions/008)."""
TWO_ERRORS_FROM = 9
"""Letters from which on two errors are forgiven."""


class Spelling:
    """Nearest known words by optimal string alignment: a letter missing, added, wrong, or two swapped is one error."""

    def __init__(self, frequency: Mapping[str, int]) -> None:
        """Args: frequency: word → products that hold it. Words that hold more than letters are left out."""
        buckets: dict[str, list[str]] = {}
        for word in sorted(frequency, key=lambda known: (-frequency[known], known)):
            if len(word) >= SHORTEST - 1 and word.isalpha():
                buckets.setdefault(word[0], []).append(word)
        self._by_initial = buckets

    def nearest(self, word: str) -> str | None:
        """The word with the fewest errors between, the more frequent first; None where none is near enough.

        The first letter has to be right: errors there are rare, and looking at one letter's words only is ten times
        as fast. A word with a digit is a model or a number, and near it is another one: never corrected.
        """
        if len(word) < SHORTEST or not word.isalpha():
            return None
        found = process.extractOne(
            word,
            self._by_initial.get(word[0], ()),
            scorer=OSA.distance,
            processor=None,
            score_cutoff=2 if len(word) >= TWO_ERRORS_FROM else 1,
        )
        return None if found is None else str(found[0])
