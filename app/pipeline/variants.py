"""Which products are the same thing in another colour or size."""

from __future__ import annotations

from app.domain.catalog import Product
from app.pipeline.seller_text import folded_words

GROUP_ATTRIBUTES = ("item_group_id", "itemgroupid", "item group id")
_VARYING = ("color", "colour", "size", "material", "pattern")  # as Google Merchant's product data names them

Group = tuple[str, ...]


def variant_group(product: Product) -> Group:
    """What all variants of a product share: its `item_group_id` where the shop states one, else brand and name.

    Of the name only what is left without the product's own colour, size, material and pattern; case, punctuation and
    plurals don't count. A product without any name is a group of its own.
    """
    attributes = {name.strip().casefold(): value for name, value in product.attributes.items()}
    for name in GROUP_ATTRIBUTES:
        value = attributes.get(name)
        if isinstance(value, str) and value.strip():
            return ("group", value.strip())
    own = {
        word
        for name in _VARYING
        if name in attributes
        for text in _texts(attributes[name])
        for word in folded_words(text)
    }
    words = folded_words(product.name)
    left = tuple(word for word in words if word not in own)
    if not left:
        return ("name", product.product_id) if not words else ("name", (product.brand or "").casefold(), *words)
    return ("name", (product.brand or "").casefold(), *left)


def _texts(value: str | tuple[str, ...]) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else tuple(value)
