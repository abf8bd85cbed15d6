"""Queries as hurried people type them."""

from __future__ import annotations

import random
from string import ascii_lowercase

SHORTEST = 5
"""Letters of the shortest word that gets an error; one letter of "tv" wrong is another word."""


def mistyped(text: str, dice: random.Random) -> str | None:
    """The text with one error in one of its longer words: a letter missing, doubled, wrong, or two swapped.

    The four kinds of Damerau (1964). The first letter stays right. None where no word is long enough.
    """
    words = text.split()
    long = [at for at, word in enumerate(words) if len(word) >= SHORTEST and word.isascii() and word.isalpha()]
    if not long:
        return None
    at = dice.choice(long)
    word = words[at]
    while words[at] == word:  # a swap of equal letters is no error
        words[at] = _with_error(word, dice)
    return " ".join(words)


def _with_error(word: str, dice: random.Random) -> str:
    i = dice.randrange(1, len(word))
    kind = dice.randrange(4)
    if kind == 0:
        return word[:i] + word[i + 1 :]
    if kind == 1:
        return word[:i] + word[i] + word[i:]
    if kind == 2:
        return word[:i] + dice.choice(ascii_lowercase) + word[i + 1 :]
    j = min(i, len(word) - 2)
    return word[:j] + word[j + 1] + word[j] + word[j + 2 :] if j >= 1 else word[:i] + word[i + 1 :]
