"""Facets: counts over all matches, each without its own filter."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.catalog import Product, Snapshot
from app.domain.ranking import Filters
from app.domain.searching import Facets, PriceBand
from app.pipeline.catalogue_codes import CatalogueCodes
from app.pipeline.columns import snapshot_of
from app.pipeline.facets import MOST_VALUES, PRICE_BANDS, facets_of

SHOP = [
    Product("a", "A", brand="Forge", category="Home > Kitchen", price_minor=1000),
    Product("b", "B", brand="Forge", category="Home > Lighting", price_minor=3000),
    Product("c", "C", brand="Edge", category="Home > Kitchen", price_minor=9000),
    Product("d", "D", category="Sports", price_minor=None),
    Product("e", "E", brand="Edge", category=None, price_minor=500),
]


def counted(snapshot: Snapshot, filters: Filters = Filters()) -> Facets:
    """Facets of the whole snapshot."""
    return facets_of(snapshot, CatalogueCodes(snapshot), np.arange(len(snapshot), dtype=np.int32), filters)


def as_dict(values) -> dict[str, int]:
    return {value.value: value.count for value in values}


def test_every_level_of_a_category_is_counted() -> None:
    """Parents hold what their children hold; products without a category, brand or price are not counted there."""
    found = counted(snapshot_of(SHOP, 1))
    assert as_dict(found.categories) == {"Home": 3, "Home > Kitchen": 2, "Home > Lighting": 1, "Sports": 1}
    assert as_dict(found.brands) == {"Edge": 2, "Forge": 2}
    assert sum(band.count for band in found.prices) == 4
    assert [value.value for value in found.categories][:2] == ["Home", "Home > Kitchen"]


def test_a_facet_leaves_its_own_filter_out() -> None:
    """With one brand chosen the other brands still show, and categories are those of the chosen one."""
    found = counted(snapshot_of(SHOP, 1), Filters(brands=("forge",)))
    assert as_dict(found.brands) == {"Edge": 2, "Forge": 2}
    assert as_dict(found.categories) == {"Home": 2, "Home > Kitchen": 1, "Home > Lighting": 1}
    priced = counted(snapshot_of(SHOP, 1), Filters(price_min_minor=600, price_max_minor=3000))
    assert as_dict(priced.brands) == {"Forge": 2}
    assert sum(band.count for band in priced.prices) == 4
    within = counted(snapshot_of(SHOP, 1), Filters(categories=("home",)))
    assert as_dict(within.brands) == {"Edge": 1, "Forge": 2}
    assert as_dict(within.categories)["Sports"] == 1


def test_bands_have_round_limits_and_hold_their_lower_one() -> None:
    """A price on a limit belongs to the band that begins there."""
    prices = [100, 200, 500, 1000, 2000, 5000, 10_000, 20_000]
    snapshot = snapshot_of([Product(f"p{i}", "P", price_minor=p) for i, p in enumerate(prices)], 1)
    bands = counted(snapshot).prices
    assert bands[0].min_minor == 0
    assert bands[-1].max_minor is None
    for band in bands:
        held = [p for p in prices if band.min_minor <= p and (band.max_minor is None or p < band.max_minor)]
        assert band.count == len(held)


@pytest.mark.parametrize("prices", [[], [0, 0, 0], [7], [999] * 50])
def test_few_or_equal_prices_make_few_bands(prices: list[int]) -> None:
    """Nothing, one price, or free things: no empty band and no error."""
    bands = counted(snapshot_of([Product(f"p{i}", "P", price_minor=p) for i, p in enumerate(prices)], 1)).prices
    assert sum(band.count for band in bands) == len(prices)
    assert all(band.count > 0 for band in bands)


@given(st.lists(st.integers(0, 10**12), max_size=40))
def test_every_price_is_in_exactly_one_band(prices: list[int]) -> None:
    """At most PRICE_BANDS of them, ascending, without a gap that holds a price."""
    bands = counted(snapshot_of([Product(f"p{i}", "P", price_minor=p) for i, p in enumerate(prices)], 1)).prices
    assert len(bands) <= PRICE_BANDS
    assert sum(band.count for band in bands) == len(prices)
    assert [band.min_minor for band in bands] == sorted({band.min_minor for band in bands})
    assert all(isinstance(band, PriceBand) for band in bands)


def test_a_facet_has_an_end() -> None:
    """The most frequent values, by name where counts are equal."""
    many = snapshot_of([Product(f"p{i}", "P", brand=f"B{i:03d}") for i in range(MOST_VALUES + 20)], 1)
    brands = counted(many).brands
    assert [value.value for value in brands] == [f"B{i:03d}" for i in range(MOST_VALUES)]
