"""Products beside each other: attributes of the catalogue only, "unknown" where it does not say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from app.domain.catalog import Product
from app.domain.chat import Comparison, Row
from app.pipeline.evidence_draft import money
from app.pipeline.seller_text import plain
from app.pipeline.sensitivity import attribute_values

MAX_COMPARED = 4
MAX_ROWS = 14
_VALUE_CHARS = 60


def compare(products: Sequence[Product], *, currency: str) -> Comparison:
    """Price, stock, rating, brand, category, then every attribute that one of the products states.

    Args:    products: 2 to MAX_COMPARED, in the order to show them.
    Returns: rows with at least one known value; those that more of the products state come first among attributes.
    """
    fixed = (
        Row("price", tuple(None if p.price_minor is None else money(p.price_minor, currency) for p in products)),
        Row("availability", tuple(availability(p) for p in products)),
        Row("rating", tuple(_rating(p) for p in products)),
        Row("brand", tuple(_shown(p.brand) for p in products)),
        Row("category", tuple(_shown(None if p.category is None else p.category.split(">")[-1]) for p in products)),
    )
    held = [_attributes(p) for p in products]
    names = dict.fromkeys(name for attributes in held for name in attributes)
    told = sorted(names, key=lambda name: -sum(name in attributes for attributes in held))
    rows = (*fixed, *(Row(name, tuple(attributes.get(name) for attributes in held)) for name in told))
    return Comparison(tuple(products), tuple(row for row in rows if any(row.values))[:MAX_ROWS])


def availability(product: Product) -> str | None:
    """ "in stock", "sold out", or None where the shop does not say."""
    if not product.available:
        return "not available"
    if product.stock is None:
        return None
    return "in stock" if product.stock > 0 else "sold out"


def attribute_text(product: Product, name: str) -> str | None:
    """One attribute as text, None where the catalogue does not say."""
    return _attributes(product).get(spoken(name))


def spoken(name: str) -> str:
    """An attribute's name as people write it: battery_hours → battery hours."""
    return plain(name.replace("_", " "), 40).casefold()


def _attributes(product: Product) -> Mapping[str, str]:
    found: dict[str, str] = {}
    for name, value in product.attributes.items():
        text = ", ".join(v for one in attribute_values(value) if (v := plain(one, _VALUE_CHARS)))
        if text and spoken(name):
            found.setdefault(spoken(name), plain(text, _VALUE_CHARS))
    return found


def _rating(product: Product) -> str | None:
    if product.rating_value is None:
        return None
    count = "" if product.rating_count is None else f" ({product.rating_count})"
    return f"{product.rating_value:.1f}{count}"


def _shown(text: str | None) -> str | None:
    return None if text is None else plain(text, _VALUE_CHARS) or None
