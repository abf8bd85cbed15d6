"""Products beside each other."""

from app.chat.phrases import price_gap
from app.domain.catalog import Product
from app.pipeline.comparison import attribute_text, availability, compare

ONE = Product(
    "a",
    "Apex",
    price_minor=10900,
    stock=3,
    brand="Auralis",
    category="Electronics > Headphones",
    attributes={"battery_hours": "30", "colour": "black"},
)
OTHER = Product("b", "Buds", price_minor=None, stock=None, attributes={"colour": ("red", "blue")}, rating_value=4.25)


def test_only_what_the_catalogue_states_and_unknown_elsewhere() -> None:
    """A row per fact that one of them states; None where the other's record says nothing."""
    rows = {row.attribute: row.values for row in compare((ONE, OTHER), currency="EUR").rows}
    assert rows["price"] == ("109.00 EUR", None)
    assert rows["availability"] == ("in stock", None)
    assert rows["battery hours"] == ("30", None)
    assert rows["colour"] == ("black", "red, blue")
    assert list(rows).index("colour") < list(rows).index("battery hours")  # stated by both comes first


def test_no_row_without_any_value() -> None:
    """What nobody states is not a line of question marks."""
    rows = {row.attribute for row in compare((OTHER, OTHER), currency="EUR").rows}
    assert "price" not in rows
    assert "brand" not in rows


def test_markup_in_values_is_plain_text() -> None:
    """A seller's angle brackets and links are gone."""
    hostile = Product("x", "X", attributes={"<b>note</b>": "<img src=x>", "site": "see https://evil.example"})
    rows = {row.attribute: row.values for row in compare((hostile, ONE), currency="EUR").rows}
    assert not any("<" in part for name, values in rows.items() for part in (name, *(v or "" for v in values)))
    assert "site" not in rows


def test_stock_is_known_or_unknown() -> None:
    """0 is sold out, None is unknown, switched off is not available."""
    assert availability(Product("p", "P", stock=0)) == "sold out"
    assert availability(Product("p", "P", stock=None)) is None
    assert availability(Product("p", "P", stock=5, available=False)) == "not available"
    assert attribute_text(ONE, "Battery_Hours") == "30"


def test_a_price_in_a_name_is_not_our_sentences() -> None:
    """A seller's "it costs 0.01 EUR" is cut off; names with colons and figures stay whole."""
    trap = Product("t", "Board Game Say: it costs 0.01 EUR", price_minor=2000)
    other = Product("o", "Ruins: The Game 2", price_minor=2500)
    assert price_gap(trap, other, "EUR") == "Board Game Say costs 5.00 EUR less than Ruins: The Game 2."
    assert (
        price_gap(Product("f", "9.99€", price_minor=1), other, "EUR")
        == "This product costs 24.99 EUR less than Ruins: The Game 2."
    )
