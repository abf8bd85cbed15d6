"""Words as search compares them."""

import pytest

from app.pipeline.search_words import MAX_JOINED, MAX_WORD, halves, joined_pairs, search_words


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Running Shoes", ["running", "shoe"]),
        ("women's boots", ["women", "boot"]),
        ('15.6" monitor', ["15.6", "monitor"]),
        ("15,6 Zoll", ["15.6", "zoll", "15.6zoll"]),
        ("500 GB", ["500", "gb", "500gb"]),
        ("500gb", ["500gb"]),
        ("Brother TN-2110", ["brother", "tn", "2110", "tn2110"]),
        ("2 x 3", ["2", "x", "2x", "3", "x3"]),
        ("16, red", ["16", "red"]),
        ("red / 16", ["red", "16"]),
        ("Crème Brûlée", ["creme", "brulee"]),
        ("Й ё ά", ["и", "е", "α"]),
        ("한글 テレビ", ["한글", "テレビ"]),
        ("%% __ \ud800 🎁", []),
        ("", []),
    ],
)
def test_words_in_one_form(text, words):
    """Plurals, possessives, accents and decimal commas go; a number beside a word is also one word with it."""
    assert list(search_words(text)) == words


def test_what_is_typed_as_one_is_among_what_is_written_apart():
    """However a capacity or a model number is spaced, both sides share a word."""
    for written in ("500 GB", "500-GB", "500GB", "500gb"):
        assert "500gb" in list(search_words(written))


def test_runs_of_letters_have_an_end():
    """A text without spaces is one word, cut; numbers are not glued to long words."""
    assert [len(word) for word in search_words("x" * 1_000)] == [MAX_WORD]
    assert list(search_words(f"7 {'y' * MAX_JOINED}")) == ["7", "y" * MAX_JOINED]


def test_pairs_of_words_written_as_one():
    """Neighbours of letters only, in order."""
    assert list(joined_pairs(["smart", "watch", "4", "kid"])) == ["smartwatch"]
    assert list(joined_pairs(["one"])) == []


def test_halves_have_three_letters_or_more():
    """Longest first half first; short words have none."""
    assert list(halves("abcdefg")) == [("abcd", "efg"), ("abc", "defg")]
    assert list(halves("abcde")) == []
