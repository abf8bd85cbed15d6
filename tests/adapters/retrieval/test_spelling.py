"""The word that a mistyped one was meant to be."""

import pytest

from app.adapters.spelling import Spelling

KNOWN = Spelling({"laptop": 9, "headphone": 5, "camera": 3, "camels": 7, "tent": 4, "tn2110": 8, "наушник": 2})


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("latpop", "laptop"),
        ("lapto", "laptop"),
        ("lapttop", "laptop"),
        ("laqtop", "laptop"),
        ("headphnes", "headphone"),
        ("камера", None),
        ("наушнк", "наушник"),
    ],
)
def test_one_error_and_in_long_words_two(typed, meant):
    """A letter missing, added, wrong or swapped; any script."""
    assert KNOWN.nearest(typed) == meant


@pytest.mark.parametrize("typed", ["laqtpo", "tend", "tn2111", "aptop", "", "zzzzzz"])
def test_what_is_too_far_too_short_or_a_model_is_left_alone(typed):
    """Two errors in a short word, four letters, digits, and a wrong first letter."""
    assert KNOWN.nearest(typed) is None


def test_the_more_frequent_of_two_equally_near_words():
    """Among equals the word of more products, whatever the order they were given in."""
    for order in (("camera", "camert"), ("camert", "camera")):
        assert Spelling({word: {"camera": 2, "camert": 9}[word] for word in order}).nearest("camerz") == "camert"
    assert Spelling({}).nearest("camera") is None
