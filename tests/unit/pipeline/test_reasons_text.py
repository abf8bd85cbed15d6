"""Seller text made fit for a sentence, and the terms that are looked for in it."""

from __future__ import annotations

import pytest

from app.pipeline.seller_text import folded_words, plain
from app.pipeline.sensitivity import Terms


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Flux Kettle 1.7 l", "Flux Kettle 1.7 l"),
        ("  Flux\n\tKettle ", "Flux Kettle"),
        ("Ｆｌｕｘ", "Flux"),
        ("Fl\u200bux\u202e \U000e0041Kettle\ufe0f", "Flux Kettle"),
        ("Flux\ud800", "Flux"),
        ("<b>Flux</b> [C1] {x} “y”", "b Flux /b C1 x y"),
        ("visit https://evil.example", ""),
        ("mail me@evil.example", ""),
        ("\u200b", ""),
        ("Crème brûlée torch", "Crème brûlée torch"),
        ("Phone 6.1“ , black", "Phone 6.1, black"),
        ("Phone (6.1”)", "Phone (6.1)"),
        ('Phone 6.1 "', 'Phone 6.1"'),
        ("Phone 6.1 ´´", "Phone 6.1′′"),
        ('Phone "Max" 6', 'Phone "Max" 6'),
        ("Phone, ", "Phone"),
        ("\u2800\u3164", ""),
    ],
)
def test_plain(text: str, expected: str) -> None:
    """One line, no format or markup characters, no links; everything else stays."""
    assert plain(text) == expected


def test_plain_cuts_at_a_word() -> None:
    """A long text ends at a word boundary where there is one, within the limit."""
    assert plain("Flux Kettle with thermometer", 20) == "Flux Kettle with…"
    assert plain("x" * 80, 20) == "x" * 19 + "…"
    assert plain("Flux Kettle", 11) == "Flux Kettle"


@pytest.mark.parametrize(
    ("left", "right"),
    [("Running Shoes", "running shoe"), ("women's", "Women"), ("Batteries", "battery"), ("a-b", "A b")],
)
def test_folded_words_are_equal_for_the_same_thing(left: str, right: str) -> None:
    """Case, plural, possessive and hyphen don't matter."""
    assert folded_words(left) == folded_words(right)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Pregnancy Test", True),
        ("credit-repair guide", True),
        ("repair your credit", False),
        ("Essex chair", False),
        ("DEBTS", True),
        ("", False),
    ],
)
def test_terms_are_whole_words(text: str, found: bool) -> None:
    """Words inside longer words don't count; phrases need their order."""
    assert Terms.of(["pregnancy", "sex", "debt", "credit repair"]).found_in(text) is found
