"""Categories in place of products."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from app.domain.errors import BadInput
from evals.ranking.by_category import by_category
from evals.ranking.shop_data import NOBODY, ShopData, read_shop
from tests.unit.evals.ranking.toy_shop import write_shop


@pytest.fixture
def shop(tmp_path: Path) -> ShopData:
    return read_shop(write_shop(tmp_path / "toy"), "EUR")


def test_every_event_is_about_the_category_of_its_product(shop: ShopData) -> None:
    """Even products are chairs and odd ones lamps; nothing is lost, and codes and table agree."""
    found = by_category(shop)
    assert found.product_ids == ("Home > Chairs", "Home > Lamps")
    assert found.name == "toy-by-category"
    odd = np.asarray([int(product_id[1:]) % 2 for product_id in shop.product_ids])
    assert (found.product == odd[shop.product]).all()
    assert found.events["product_id"].to_pylist() == [found.product_ids[c] for c in found.product]
    assert (found.timestamp == shop.timestamp).all()
    assert found.products[0] == {
        "product_id": "Home > Chairs",
        "name": "Chairs",
        "category": "Home",
        "price": "20.00",
    }


def test_what_has_no_category_stays_away(shop: ShopData) -> None:
    """A product without one and its events are left out, an event without a product is not."""
    products = tuple({**row, "category": None} if row["product_id"] == "p0" else row for row in shop.products)
    searched = shop.product.copy()
    searched[0] = NOBODY
    without = replace(shop, products=products, product=searched)
    found = by_category(without)
    lost = int((searched == shop.product_ids.index("p0")).sum())
    assert lost > 0
    assert len(found.product) == len(shop.product) - lost == found.events.num_rows
    assert found.events["product_id"].to_pylist()[0] is None


def test_a_shop_without_categories_is_refused(shop: ShopData) -> None:
    """There is nothing to put its products under."""
    products = tuple({"product_id": row["product_id"], "name": row["name"]} for row in shop.products)
    with pytest.raises(BadInput, match="has a category"):
        by_category(replace(shop, products=products))
