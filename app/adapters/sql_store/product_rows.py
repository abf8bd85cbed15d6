"""Products as database rows, and back."""

from __future__ import annotations

from typing import Any

import orjson

from app.domain.catalog import Product

STATED = (
    "product_id",
    "name",
    "description",
    "brand",
    "category",
    "price_minor",
    "list_price_minor",
    "cost_minor",
    "stock",
    "available",
    "image_url",
    "url",
    "tags",
    "attributes",
    "rating_value",
    "rating_count",
    "created_at",
    "seasons",
)
"""Columns that the shop states, in the order of `stated_values`."""

DERIVED = ("price_since", "reference_price_minor", "restocked_at")
PRICE, STOCK = STATED.index("price_minor"), STATED.index("stock")

COLUMNS = ", ".join(STATED + DERIVED)
"""What `product_from` reads, in its order."""


def stated_values(product: Product) -> tuple[Any, ...]:
    """The row of a product, without what the store derives; the same product always gives the same row."""
    return (
        product.product_id,
        product.name,
        product.description,
        product.brand,
        product.category,
        product.price_minor,
        product.list_price_minor,
        product.cost_minor,
        product.stock,
        int(product.available),
        product.image_url,
        product.url,
        orjson.dumps(product.tags).decode() if product.tags else "[]",
        orjson.dumps(dict(product.attributes)).decode() if product.attributes else "{}",
        product.rating_value,
        product.rating_count,
        product.created_at,
        orjson.dumps(product.seasons).decode() if product.seasons else "[]",
    )


def product_from(row: tuple[Any, ...], *, deleted: bool = False) -> Product:
    """The product of a row of COLUMNS; a deleted one is not available."""
    return Product(
        product_id=row[0],
        name=row[1],
        description=row[2],
        brand=row[3],
        category=row[4],
        price_minor=row[5],
        list_price_minor=row[6],
        cost_minor=row[7],
        stock=row[8],
        available=bool(row[9]) and not deleted,
        image_url=row[10],
        url=row[11],
        tags=strings_from(row[12]),
        attributes=_attributes_from(row[13]),
        rating_value=row[14],
        rating_count=row[15],
        created_at=row[16],
        seasons=strings_from(row[17]),
        price_since=row[18],
        reference_price_minor=row[19],
        restocked_at=row[20],
    )


def strings_from(text: str) -> tuple[str, ...]:
    """The texts of a JSON list."""
    return () if text == "[]" else tuple(orjson.loads(text))


def _attributes_from(text: str) -> dict[str, str | tuple[str, ...]]:
    if text == "{}":
        return {}
    return {key: tuple(value) if isinstance(value, list) else value for key, value in orjson.loads(text).items()}
