"""Amounts of money in what shoppers write."""

import pytest

from app.pipeline.money_words import PriceLimits, price_limits


@pytest.mark.parametrize(
    ("text", "least", "most", "rest"),
    [
        ("headphones under 50 euros", None, 5000, "headphones"),
        ("between 20 and 40 eur mugs", 2000, 4000, "mugs"),
        ("between 40 and 20 eur mugs", 2000, 4000, "mugs"),
        ("20-40 € toys", 2000, 4000, "toys"),
        ("a laptop, not more than €1,200.50", None, 120050, "a laptop,"),
        ("1.299,99 EUR laptop", None, 129999, "laptop"),
        ("max 1.5k laptop", None, 150000, "laptop"),
        ("a pack of 3 max 10 euros", None, 1000, "a pack of 3"),
        ("something for 25€", None, 2500, "something"),
        ("sofa 300 or less", None, 30000, "sofa"),
        ("my budget is 80", None, 8000, "my"),
        ("at least 30 euros", 3000, None, ""),
        ("free only: under 0 EUR", None, 0, "free only:"),
    ],
)
def test_limits_are_read_and_taken_out(text: str, least: int | None, most: int | None, rest: str) -> None:
    """The most and the least in minor units, and the other words as they were."""
    assert price_limits(text, "EUR") == (PriceLimits(least, most), rest)


@pytest.mark.parametrize(
    "text",
    ["tent under 2 kg", "over 30 hours battery", "at least 4 stars", "shoes size 42", "iphone 13", "a 15 inch one"],
)
def test_a_measure_is_no_price(text: str) -> None:
    """Weights, hours, stars, sizes and model numbers set no limit and stay in the text."""
    assert price_limits(text, "EUR") == (PriceLimits(), text)


def test_minor_units_are_those_of_the_currency() -> None:
    """Yen have none, dinars have three decimals."""
    assert price_limits("under 5000", "JPY")[0].most_minor == 5000
    assert price_limits("under 5", "KWD")[0].most_minor == 5000


def test_long_digits_do_no_harm() -> None:
    """A thousand digits are no amount and take no time."""
    assert price_limits("under " + "9" * 1000, "EUR")[0].most_minor is None
