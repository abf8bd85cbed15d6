"""A catalogue column by column: built from products, and brought up to date when some of them change. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from app.domain.catalog import SEASONS, WORDLESS_ATTRIBUTES, FloatArray, IntArray, Product, Snapshot

_FLOATS = (
    "price_minor",
    "stock",
    "created_at",
    "rating_value",
    "rating_count",
    "price_since",
    "reference_price_minor",
    "restocked_at",
)
LABEL_MAX = 40

Scalar = TypeVar("Scalar", bound=np.generic)
_SEASON_BIT = {name: 1 << bit for bit, name in enumerate(SEASONS)}


def snapshot_of(products: Iterable[Product], sequence: int) -> Snapshot:
    """The snapshot of these products, rows in their order; ids are unique, a deleted product is not available."""
    given = list(products)
    return assemble(
        sequence,
        product_ids=[p.product_id for p in given],
        names=[p.name for p in given],
        cost_minor=[p.cost_minor for p in given],
        available=[p.available for p in given],
        category=[p.category for p in given],
        brand=[p.brand for p in given],
        seasons=[p.seasons for p in given],
        labels=[labels_of(p.tags, p.attributes) for p in given],
        **{name: [getattr(p, name) for p in given] for name in _FLOATS},
    )


def assemble(
    sequence: int,
    *,
    product_ids: Sequence[str],
    names: Sequence[str],
    price_minor: Sequence[float | None],
    cost_minor: Sequence[float | None],
    stock: Sequence[float | None],
    available: Sequence[bool],
    category: Sequence[str | None],
    brand: Sequence[str | None],
    created_at: Sequence[float | None],
    rating_value: Sequence[float | None],
    rating_count: Sequence[float | None],
    seasons: Sequence[Sequence[str]],
    price_since: Sequence[float | None],
    reference_price_minor: Sequence[float | None],
    restocked_at: Sequence[float | None],
    labels: Sequence[Sequence[str]],
) -> Snapshot:
    """A snapshot from one sequence per column, all of the same length; None stands for unknown.

    Returns: codes of categories and brands are numbered in order of first appearance.
    """
    price = _floats(price_minor)
    category_codes, categories = _codes(category, {})
    brand_codes, brands = _codes(brand, {})
    return Snapshot(
        sequence=sequence,
        product_ids=tuple(product_ids),
        row_of={product_id: row for row, product_id in enumerate(product_ids)},
        names=tuple(names),
        price_minor=price,
        margin=_margin(price, _floats(cost_minor)),
        stock=_floats(stock),
        available=np.asarray(available, dtype=np.bool_),
        category=category_codes,
        categories=categories,
        brand=brand_codes,
        brands=brands,
        created_at=_floats(created_at),
        rating_value=_floats(rating_value),
        rating_count=_floats(rating_count),
        season_mask=np.asarray([_season_mask(s) for s in seasons], dtype=np.uint8),
        price_since=_floats(price_since),
        reference_price_minor=_floats(reference_price_minor),
        restocked_at=_floats(restocked_at),
        tag_rows=_tag_rows(labels),
    )


def with_changes(
    snapshot: Snapshot, changed: Iterable[Product], sequence: int, *, removed: Collection[str] = ()
) -> Snapshot:
    """A new snapshot in which these products are as given; the old one stays as it was.

    Known products keep their row, new ones are appended in the order given; of several with one id the last
    counts. Says the same as a rebuild, though category and brand codes may be numbered differently and a category
    or brand that no product carries any more stays listed.

    Args:    removed: ids of deleted products: they stay in their row, not available; unknown ones are ignored.
    """
    latest = {product.product_id: product for product in changed}
    new = [product_id for product_id in latest if product_id not in snapshot.row_of]
    row_of: Mapping[str, int] = snapshot.row_of
    if new:
        row_of = {**row_of, **{product_id: len(snapshot) + i for i, product_id in enumerate(new)}}
    products = list(latest.values())
    rows = np.asarray([row_of[p] for p in latest], dtype=np.int32)
    total = len(snapshot) + len(new)

    categories = {name: code for code, name in enumerate(snapshot.categories)}
    brands = {name: code for code, name in enumerate(snapshot.brands)}
    category_codes, category_names = _codes([p.category for p in products], categories)
    brand_codes, brand_names = _codes([p.brand for p in products], brands)
    floats = {name: _floats([getattr(p, name) for p in products]) for name in _FLOATS}
    gone = np.asarray([row_of[p] for p in removed if p in row_of], dtype=np.int32)
    available = _scatter(snapshot.available, total, rows, np.asarray([p.available for p in products], dtype=np.bool_))
    available[gone] = False
    names = snapshot.names
    if any(row >= len(names) or names[row] != p.name for row, p in zip(rows, products, strict=True)):
        listed = [*names, *("" for _ in new)]
        for row, product in zip(rows, products, strict=True):
            listed[row] = product.name
        names = tuple(listed)
    margin = _margin(floats["price_minor"], _floats([p.cost_minor for p in products]))
    masks = np.asarray([_season_mask(p.seasons) for p in products], dtype=np.uint8)
    return replace(
        snapshot,
        sequence=sequence,
        product_ids=(*snapshot.product_ids, *new) if new else snapshot.product_ids,
        row_of=row_of,
        names=names,
        margin=_scatter(snapshot.margin, total, rows, margin),
        available=available,
        category=_scatter(snapshot.category, total, rows, category_codes),
        categories=category_names,
        brand=_scatter(snapshot.brand, total, rows, brand_codes),
        brands=brand_names,
        season_mask=_scatter(snapshot.season_mask, total, rows, masks),
        tag_rows=_retagged(snapshot.tag_rows, rows, [labels_of(p.tags, p.attributes) for p in products], total),
        **{name: _scatter(getattr(snapshot, name), total, rows, values) for name, values in floats.items()},
    )


def _scatter(column: NDArray[Scalar], total: int, rows: IntArray, values: NDArray[Scalar]) -> NDArray[Scalar]:
    """A copy of the column, lengthened to `total`, with `values` at `rows`."""
    copy = np.empty(total, dtype=column.dtype)
    copy[: len(column)] = column
    copy[rows] = values
    return copy


def _floats(values: Sequence[float | None]) -> FloatArray:
    return np.asarray(values, dtype=np.float64)  # numpy reads None as NaN


def _margin(price: FloatArray, cost: FloatArray) -> FloatArray:
    known = np.where(price > 0, price, np.nan)
    margin: FloatArray = (known - cost) / known
    return margin


def _season_mask(seasons: Sequence[str]) -> int:
    mask = 0
    for name in seasons:
        mask |= _SEASON_BIT.get(name, 0)
    return mask


def _codes(values: Sequence[str | None], known: Mapping[str, int]) -> tuple[IntArray, tuple[str, ...]]:
    """Codes of the values (-1 for None), and the names by code: the known ones, then new ones as they appear."""
    numbers = dict(known)
    codes = [-1 if value is None else numbers.setdefault(value, len(numbers)) for value in values]
    return np.asarray(codes, dtype=np.int32), tuple(numbers)


def labels_of(tags: Iterable[str], attributes: Mapping[str, str | Sequence[str]]) -> tuple[str, ...]:
    """What a shopper may name a product by: its tags and the values of its attributes, figures and long texts not."""
    said = (value for name, value in attributes.items() if name not in WORDLESS_ATTRIBUTES)
    values = [v for value in said for v in ((value,) if isinstance(value, str) else value)]
    words = (v for v in values if len(v) <= LABEL_MAX and not any(c.isdigit() for c in v) and v.strip())
    return tuple(dict.fromkeys([*tags, *words]))


def _tag_rows(tags: Sequence[Sequence[str]]) -> dict[str, IntArray]:
    rows: defaultdict[str, list[int]] = defaultdict(list)
    for row, names in enumerate(tags):
        for name in {tag.lower(): None for tag in names}:
            rows[name].append(row)
    return {name: np.asarray(found, dtype=np.int32) for name, found in rows.items()}


def _retagged(
    tag_rows: Mapping[str, IntArray], rows: IntArray, tags: Sequence[Sequence[str]], total: int
) -> Mapping[str, IntArray]:
    if not len(rows):
        return tag_rows
    touched = np.zeros(total, dtype=np.bool_)
    touched[rows] = True
    kept = {name: found[~touched[found]] for name, found in tag_rows.items()}
    for name, found in _tag_rows(tags).items():
        merged = np.concatenate([kept.get(name, np.empty(0, np.int32)), rows[found]])
        kept[name] = np.sort(merged)
    return {name: found for name, found in kept.items() if len(found)}
