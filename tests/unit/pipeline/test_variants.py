"""Which products are variants of one another."""

from __future__ import annotations

import pytest

from app.domain.catalog import Product
from app.pipeline.variants import variant_group


def shirt(product_id: str, name: str = "Trail Shirt", brand: str | None = "Fell", **attributes: str) -> Product:
    """A product with attributes."""
    return Product(product_id, name, brand=brand, attributes=attributes)


@pytest.mark.parametrize("name", ["item_group_id", "Item_Group_ID", "itemGroupId", "item group id"])
def test_the_shops_own_group_decides(name: str) -> None:
    """Whatever the names say, and however the attribute is written."""
    one = Product("1", "Shirt", attributes={name: "g7"})
    other = Product("2", "Quite another name", brand="X", attributes={"item_group_id": " g7 "})
    assert variant_group(one) == variant_group(other)


def test_another_group_is_another_thing() -> None:
    """The same name in two groups stays two things, also next to a product without a group."""
    groups = {variant_group(p) for p in (shirt("1", item_group_id="a"), shirt("2", item_group_id="b"), shirt("3"))}
    assert len(groups) == 3


def test_colour_and_size_are_left_out_of_the_name() -> None:
    """As far as the product itself says that they are its colour and size."""
    red = shirt("1", "Trail Shirt Red, M", colour="red", size="M")
    blue = shirt("2", "Trail shirts - Navy Blue (L)", color="navy blue", size="L")
    assert variant_group(red) == variant_group(blue) == variant_group(shirt("3"))


@pytest.mark.parametrize(
    "other",
    [
        shirt("2", brand="Tor"),
        shirt("2", brand=None),
        shirt("2", "Trail Shirt 2"),
        shirt("2", "Trail Shirt Red"),  # nothing says that red is a colour of it
        shirt("2", "Shirt Trail"),
    ],
)
def test_what_else_differs_is_another_thing(other: Product) -> None:
    """Brand, a number, a word more, another order of words."""
    assert variant_group(other) != variant_group(shirt("1"))


def test_names_that_say_nothing_group_nothing() -> None:
    """Without a word in the name a product stands alone; one that is named by its colour is told by that."""
    assert variant_group(Product("1", "…")) != variant_group(Product("2", "…"))
    red = Product("1", "Red", attributes={"colour": "red"})
    assert variant_group(red) == variant_group(Product("2", "red", attributes={"colour": "red"}))
    assert variant_group(red) != variant_group(Product("3", "Blue", attributes={"colour": "blue"}))
