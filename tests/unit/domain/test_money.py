"""Money is exact between the outside's decimals and the inside's minor units."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.errors import BadInput
from app.domain.money import MAX_MINOR, format_minor, parse_minor


@pytest.mark.parametrize(
    ("value", "currency", "minor"),
    [("129.90", "EUR", 12990), (0.85, "GBP", 85), (" 7 ", "USD", 700), (5.6625, "USD", 566), ("0", "EUR", 0),
     ("1250", "JPY", 1250), ("1.2345", "KWD", 1234), ("1.005", "EUR", 100), ("1e2", "EUR", 10000), (3, "EUR", 300)],
)  # fmt: skip
def test_reads_decimals_exactly(value, currency, minor) -> None:
    """A decimal becomes minor units without binary rounding; surplus decimals go half to even."""
    assert parse_minor(value, currency) == minor


@pytest.mark.parametrize(
    "value", ["", "x", "NaN", "inf", "-1", -0.01, float("nan"), float("inf"), "1" * 41, "1e20", True]
)
def test_refuses_what_is_not_an_amount(value) -> None:
    """Text, NaN, infinities, negatives and absurd sizes are bad input, never a number."""
    with pytest.raises(BadInput):
        parse_minor(value, "EUR")


@given(st.integers(0, MAX_MINOR), st.sampled_from(["EUR", "JPY", "KWD"]))
def test_format_and_parse_are_inverse(minor: int, currency: str) -> None:
    """What goes out comes back as the same amount."""
    assert parse_minor(format_minor(minor, currency), currency) == minor


@given(st.decimals(0, 10**6, places=2))
def test_two_decimals_survive(amount: Decimal) -> None:
    """Any price with the currency's decimals is kept to the cent."""
    assert Decimal(format_minor(parse_minor(amount, "EUR"), "EUR")) == amount
