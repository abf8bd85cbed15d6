"""Figures of a sentence, however they are written."""

from __future__ import annotations

import pytest

from app.pipeline.proof_numbers import Mention, mentions, minor_of, within
from app.pipeline.proof_text import tokens_of


def first(text: str) -> Mention:
    """The first figure of a text."""
    mention = next(iter(mentions(tokens_of(text), "EUR")))
    assert isinstance(mention, Mention)
    return mention


@pytest.mark.parametrize("written", ["1.299,00 €", "€1,299.00", "1 299,00 €", "1299 EUR"])
def test_amounts_of_any_locale_are_read(written: str) -> None:
    """The same amount in four ways of writing."""
    assert first(written).minor("EUR") == 129900


def test_words_are_numbers() -> None:
    """One hundred and eighteen is 118."""
    assert first("one hundred and eighteen shoppers").whole() == 118


def test_what_no_locale_writes_is_no_figure() -> None:
    """The place of the token comes back instead of a figure."""
    assert list(mentions(tokens_of("1,2,3.4.5"), "EUR")) == [0]
    assert minor_of("1,2,3.4.5", "EUR") is None


@pytest.mark.parametrize(
    ("hedge", "stated", "true", "ok"),
    [
        ("", 100, 100, True),
        ("", 100, 101, False),
        ("about", 100, 95, True),
        ("nearly", 100, 95, True),
        ("nearly", 100, 101, False),
        ("above", 50, 52, True),
        ("above", 50, 90, False),
        ("over", 50, 90, True),
        ("over", 50, 50, False),
        ("most", 50, 49, False),
    ],
)
def test_a_hedge_rounds_in_its_direction(hedge: str, stated: int, true: int, ok: bool) -> None:
    """Rounded figures are accepted on the side that the word says, and only near the truth."""
    assert within(stated, true, hedge) is ok  # type: ignore[arg-type]


def test_no_more_than_is_a_bound_and_no_lower_one() -> None:
    """ "no more than 200" has its own hedge: "more than" would let 150 stand for 179."""
    assert first("no more than €200").hedge == "most"
