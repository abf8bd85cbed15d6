"""Queries as hurried people type them."""

import random

import pytest
from rapidfuzz.distance import OSA

from evals.search.typing_errors import mistyped


@pytest.mark.parametrize("seed", range(200))
def test_one_error_in_one_long_word(seed):
    """One edit or swap away, the first letters right, short words untouched."""
    typed = mistyped("usb headphones for school", random.Random(seed))
    assert typed is not None
    assert OSA.distance(typed, "usb headphones for school") == 1
    assert [word[0] for word in typed.split()] == ["u", "h", "f", "s"]
    assert [typed.split()[0], typed.split()[2]] == ["usb", "for"]


@pytest.mark.parametrize("text", ["", "tv", "ps4 pro", "rtx2060", "наушники"])
def test_no_word_is_long_enough(text):
    """Short words, model numbers and other scripts are left alone."""
    assert mistyped(text, random.Random(0)) is None


def test_all_four_kinds_of_error_occur():
    """A letter fewer, one more, as many with one wrong, and two swapped."""
    typed = {mistyped("laptop", random.Random(seed)) for seed in range(300)}
    assert {"laptp", "lapttop", "latpop"} <= typed
    assert any(sorted(t) != sorted("laptop") and len(t) == 6 for t in typed)
