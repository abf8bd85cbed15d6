"""A shop whose products are its categories: for catalogues so wide that hardly a product is bought twice."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal, InvalidOperation
from statistics import median
from typing import Any

import numpy as np
import pyarrow as pa

from app.domain.errors import BadInput
from app.ingest.fields import identifier
from evals.ranking.shop_data import NOBODY, ShopData


def by_category(data: ShopData) -> ShopData:
    """The same events, each about the category of its product, at the finest level that the catalogue has.

    A category's name is its last part, its own category what stands above it, its price the median of its products'.
    Products without a category, and what was done with them, stay away; histories of price and stock do too.

    Raises: BadInput: no product has a category.
    """
    path_of = {identifier(row["product_id"]): _path(row) for row in data.products}
    paths = tuple(sorted({path for path in path_of.values() if path}))
    if not paths:
        raise BadInput(f"No product of {data.name} has a category to put it under.")
    code_of = {path: code for code, path in enumerate(paths)}
    code = np.asarray([code_of.get(path_of[product], NOBODY) for product in data.product_ids], dtype=np.int32)
    product = np.where(data.product == NOBODY, NOBODY, code[data.product]).astype(np.int32)
    place = data.events.column_names.index("product_id")
    ids = pa.array([None if c == NOBODY else paths[c] for c in product.tolist()], pa.large_string())
    # What names a product without a category is left out; what names none (a search) stays.
    kept = (product != NOBODY) | (data.product == NOBODY)
    return replace(
        data,
        name=f"{data.name}-by-category",
        products=_products(data, paths, path_of),
        price_history=(),
        stock_history=(),
        events=data.events.set_column(place, "product_id", ids).filter(pa.array(kept)),
        product_ids=paths,
        created_at=np.full(len(paths), np.nan),
        user=data.user[kept],
        product=product[kept],
        kind=data.kind[kept],
        timestamp=data.timestamp[kept],
    )


def _path(row: Mapping[str, Any]) -> str:
    return " > ".join(part.strip() for part in str(row.get("category") or "").split(">") if part.strip())


def _products(data: ShopData, paths: tuple[str, ...], path_of: Mapping[str, str]) -> tuple[Mapping[str, Any], ...]:
    prices: dict[str, list[Decimal]] = {}
    for row in data.products:
        price = _price(row.get("price"))
        if price is not None:
            prices.setdefault(path_of[identifier(row["product_id"])], []).append(price)
    rows = []
    for path in paths:
        above, _, last = path.rpartition(" > ")
        made: dict[str, Any] = {"product_id": path, "name": last, "category": above or last}
        if path in prices:
            made["price"] = str(median(prices[path]).quantize(Decimal("0.01")))
        rows.append(made)
    return tuple(rows)


def _price(value: object) -> Decimal | None:
    try:
        price = Decimal(str(value))
    except InvalidOperation:
        return None
    return price if price.is_finite() else None
