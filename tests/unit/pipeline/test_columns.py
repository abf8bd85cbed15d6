"""A snapshot brought up to date says the same as one built anew."""

from dataclasses import replace

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from app.domain.catalog import Product, Snapshot
from app.pipeline.columns import snapshot_of, with_changes

_NUMBER = st.none() | st.integers(0, 10_000)
_PRODUCTS = st.builds(
    Product,
    product_id=st.sampled_from([f"p{i}" for i in range(8)]),
    name=st.text(max_size=5),
    brand=st.none() | st.sampled_from(["Acme", "Bolt", "Cray"]),
    category=st.none() | st.sampled_from(["A", "A > B", "C"]),
    price_minor=_NUMBER,
    cost_minor=_NUMBER,
    stock=_NUMBER,
    available=st.booleans(),
    tags=st.lists(st.sampled_from(["Red", "red", "blue", "new"]), max_size=4).map(tuple),
    rating_value=st.none() | st.floats(0, 5),
    rating_count=_NUMBER,
    created_at=st.none() | st.floats(0, 1e9),
    seasons=st.lists(st.sampled_from(["spring", "summer", "autumn", "winter"]), unique=True).map(tuple),
    price_since=st.none() | st.floats(0, 1e9),
    reference_price_minor=_NUMBER,
    restocked_at=st.none() | st.floats(0, 1e9),
)


def _said(snapshot: Snapshot) -> dict[str, object]:
    """What a snapshot says, with codes replaced by what they stand for and NaN by None."""
    arrays = ("price_minor", "margin", "stock", "available", "created_at", "rating_value", "rating_count")
    arrays += ("season_mask", "price_since", "reference_price_minor", "restocked_at")
    said: dict[str, object] = {
        name: [None if value != value else value for value in getattr(snapshot, name).tolist()] for name in arrays
    }
    said["category"] = [None if c < 0 else snapshot.categories[c] for c in snapshot.category]
    said["brand"] = [None if b < 0 else snapshot.brands[b] for b in snapshot.brand]
    said["tags"] = {tag: rows.tolist() for tag, rows in snapshot.tag_rows.items()}
    return said | {
        "ids": snapshot.product_ids,
        "rows": dict(snapshot.row_of),
        "names": snapshot.names,
        "sequence": snapshot.sequence,
    }


@given(st.lists(_PRODUCTS), st.lists(_PRODUCTS), st.sets(st.sampled_from([f"p{i}" for i in range(10)])))
@settings(max_examples=200, deadline=None)
def test_changes_give_what_a_rebuild_gives(before: list[Product], changed: list[Product], removed: set[str]) -> None:
    """Any products, any changes, any removals: the updated snapshot equals the rebuilt one, the old one stays."""
    held = {p.product_id: p for p in before}
    old = snapshot_of(held.values(), 1)
    said_before = _said(old)

    updated = with_changes(old, changed, 2, removed=removed)

    held |= {p.product_id: p for p in changed}
    now = [replace(p, available=p.available and p.product_id not in removed) for p in held.values()]
    assert _said(updated) == _said(snapshot_of(now, 2))
    assert _said(old) == said_before


def test_unknown_numbers_are_nan_and_unknown_codes_are_minus_one() -> None:
    """A product of which only the name is known takes part in no arithmetic."""
    snapshot = snapshot_of([Product("p", "Bare")], 0)
    assert np.isnan(snapshot.price_minor[0])
    assert np.isnan(snapshot.margin[0])
    assert (snapshot.category[0], snapshot.brand[0]) == (-1, -1)


def test_margin_is_the_share_of_the_price_and_unknown_for_a_price_of_zero() -> None:
    """(price - cost) / price; nothing can be said of what is free."""
    products = [Product("a", "A", price_minor=1000, cost_minor=750), Product("b", "B", price_minor=0, cost_minor=5)]
    margin = snapshot_of(products, 0).margin
    assert margin[0] == 0.25
    assert np.isnan(margin[1])


def test_tags_are_found_in_lower_case_and_once_per_product() -> None:
    """Red and red are one tag."""
    snapshot = snapshot_of([Product("a", "A", tags=("Red", "red")), Product("b", "B", tags=("RED",))], 0)
    assert snapshot.tag_rows["red"].tolist() == [0, 1]


def test_an_empty_catalogue_has_a_snapshot() -> None:
    """No products: empty columns, and products can be added."""
    empty = snapshot_of([], 0)
    assert len(empty) == 0
    assert with_changes(empty, [Product("a", "A")], 1).product_ids == ("a",)
