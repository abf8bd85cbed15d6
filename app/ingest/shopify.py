"""Shopify's product CSV: the lines of one handle, to one product row per variant.

Both generations of headers: "Handle, Title, Body (HTML), … Variant Price" and "URL handle, Description, … Price".
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from app.domain.imports import RawRow, Unreadable
from app.ingest.html_text import plain_text

Line = tuple[int, Mapping[str, str]]
"""Line number, and values by field of `field_of_header`."""

_HEADERS = {
    "handle": "handle", "url handle": "handle", "title": "title", "body (html)": "description",
    "description": "description", "vendor": "vendor", "product category": "category", "type": "type", "tags": "tags",
    "published": "published", "published on online store": "published", "status": "status",
    "variant sku": "sku", "sku": "sku", "variant barcode": "barcode", "barcode": "barcode",
    "variant price": "price", "price": "price", "variant compare at price": "compare_at",
    "variant compare-at price": "compare_at", "compare-at price": "compare_at", "compare at price": "compare_at",
    "cost per item": "cost", "variant inventory tracker": "tracker", "inventory tracker": "tracker",
    "variant inventory qty": "quantity", "inventory quantity": "quantity", "variant inventory policy": "policy",
    "continue selling when out of stock": "policy", "image src": "image", "product image url": "image",
    "variant image": "variant_image", "variant image url": "variant_image",
    **{f"option{n} {part}": f"option{n}_{part}" for n in (1, 2, 3) for part in ("name", "value")},
}  # fmt: skip
_METAFIELD = re.compile(r"(.{1,200}?) \((?:product|variant)\.metafields\..{1,200}\)", re.IGNORECASE)
MOST_LINES = 5_000
"""Lines of one handle; Shopify allows 2,048 variants and 250 images."""
_MOST_IMAGES = 20


def field_of_header(header: str) -> str | None:
    """What a column holds: a field, "attribute:Name" for a metafield, None for what is not read."""
    name = " ".join(header.split())
    if (found := _METAFIELD.fullmatch(name)) is not None:
        return f"attribute:{found.group(1).strip()}"
    return _HEADERS.get(name.casefold())


def is_shopify(headers: Iterable[str]) -> bool:
    """Whether a CSV's columns are those of a Shopify product export."""
    names = {" ".join(header.split()).casefold() for header in headers}
    old = {"handle", "title"} <= names and any(name.startswith(("variant ", "option1 ")) for name in names)
    return old or {"url handle", "title"} <= names


@dataclass(frozen=True, slots=True)
class _Group:
    """What holds for every variant of a handle; taken from its first line, as Shopify writes it."""

    handle: str
    first: Mapping[str, str]
    variants: Sequence[Line]
    images: Sequence[str]


def rows_of_handle(handle: str, lines: Sequence[Line]) -> list[RawRow]:
    """One row per variant, in the fields of ingest.products, each under the number of its line.

    A variant's id is its SKU, without one the handle, with the option values where there are several. All variants
    carry the handle as attribute `item_group_id`. Lines with nothing but an image add it to all of them.
    """
    if len(lines) > MOST_LINES:
        return [(lines[0][0], Unreadable(f"{handle[:60]!r} has more than {MOST_LINES:,} lines"))]
    number, first = lines[0]
    if not first.get("title"):
        reason = f"Title: {handle[:60]!r} has none on its first line; lines of one handle stand together"
        return [(number, Unreadable(reason))]
    variants = [line for i, line in enumerate(lines) if i == 0 or _is_variant(line[1])]
    images = list(dict.fromkeys(values["image"] for _, values in lines if values.get("image")))
    group = _Group(handle, first, variants, images)
    return [(line, _row(group, values)) for line, values in variants]


def _is_variant(values: Mapping[str, str]) -> bool:
    return any(values.get(name) for name in ("price", "sku", "option1_value", "option2_value", "option3_value"))


def _row(group: _Group, values: Mapping[str, str]) -> Mapping[str, object] | Unreadable:
    first = group.first
    options = _options(group, values)
    shown = " / ".join(options.values())
    row: dict[str, object] = {
        "product_id": values.get("sku") or _id_without_sku(group.handle, tuple(options.values()), len(group.variants)),
        "name": f"{first['title']} - {shown}" if shown else first["title"],
        "description": plain_text(first.get("description", "")),
        "url": f"/products/{group.handle}",
        "available": _yes(first.get("published"), default=True) and first.get("status", "active").lower() == "active",
    }
    category = first.get("category") or first.get("type")
    tags = [tag.strip() for tag in first.get("tags", "").split(",") if tag.strip()]
    if first.get("category") and first.get("type"):
        tags.append(first["type"])
    image = values.get("variant_image") or (group.images[0] if group.images else None)
    others = [other for other in group.images if other != image][:_MOST_IMAGES]
    optional: dict[str, object | None] = {
        "brand": first.get("vendor"),
        "category": None if not category else " > ".join(p.strip() for p in category.split(">") if p.strip()),
        "price": values.get("price"),
        "cost": values.get("cost"),
        "image_url": image,
        "tags": tags,
    }
    row |= {name: value for name, value in optional.items() if value}
    if (list_price := values.get("compare_at")) and _number(list_price) > _number(values.get("price", "0")):
        row["list_price"] = list_price
    row |= _stock(values)
    attributes: dict[str, object] = {"item_group_id": group.handle, **options}
    for name, text in {**first, **values}.items():
        if name.startswith("attribute:") and text:
            parts = [part.strip() for part in text.split(";") if part.strip()]
            attributes.setdefault(name.removeprefix("attribute:"), parts[0] if len(parts) == 1 else parts)
    if values.get("barcode"):
        attributes["gtin"] = values["barcode"].lstrip("'")  # spreadsheets mark texts with one
    if others:
        attributes["additional_image_link"] = others
    row["attributes"] = attributes
    return row


def _options(group: _Group, values: Mapping[str, str]) -> dict[str, str]:
    """Option name → this variant's value; the one option of a product without variants is left out."""
    options = {}
    for n in (1, 2, 3):
        name = values.get(f"option{n}_name") or group.first.get(f"option{n}_name")
        value = values.get(f"option{n}_value")
        if name and value and not (name.lower() == "title" and value.lower() == "default title"):
            options[name] = value
    return options


def _id_without_sku(handle: str, options: Sequence[str], variants: int) -> str:
    if variants == 1 or not options:
        return handle
    return (
        f"{handle}:{'-'.join(re.sub(r'[^0-9a-z]+', '-', option.casefold()).strip('-') or option for option in options)}"
    )


def _stock(values: Mapping[str, str]) -> dict[str, object]:
    """The stock where Shopify tracks it; one that may be sold past zero counts as not limited."""
    quantity = values.get("quantity")
    if not quantity or ("tracker" in values and not values["tracker"]):
        return {}
    if _number(quantity) <= 0:
        return {} if _sells_past_zero(values.get("policy")) else {"stock": 0}
    return {"stock": quantity}


def _sells_past_zero(policy: str | None) -> bool:
    return policy is not None and (policy.lower() == "continue" or _yes(policy, default=False))


def _yes(text: str | None, *, default: bool) -> bool:
    return default if not text else text.strip().lower() in {"true", "yes", "1"}


def _number(text: str) -> float:
    """The number for a comparison; one that can't be read is refused with the row itself."""
    try:
        return float(text)
    except ValueError:
        return 0.0
