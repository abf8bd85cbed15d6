"""Google Merchant product data: one item of a feed, to the fields of a product row.

Names and values as the product data specification has them (support.google.com/merchants/answer/7052112). Whether a
sale price holds and an item has expired is decided at the time of the import.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from app.domain.imports import Unreadable
from app.ingest.html_text import plain_text

Values = Mapping[str, Sequence[str]]
"""Attribute name (lower case, underscores) → its values in order; more than one where it is repeated."""

_DIRECT = {"id": "product_id", "title": "name", "link": "url", "image_link": "image_url", "brand": "brand"}
_KEPT = ("item_group_id", "gtin", "mpn", "condition", "pattern", "gender", "age_group", "size_type", "size_system")
_SPLIT = ("color", "size", "material")  # several values with "/" between them
_ELSEWHERE = (
    "description", "additional_image_link", "availability", "price", "sale_price", "sale_price_effective_date",
    "cost_of_goods_sold", "product_type", "google_product_category", "expiration_date", "quantity", "product_detail",
)  # fmt: skip
READ = frozenset([*_DIRECT, *_KEPT, *_SPLIT, *_ELSEWHERE])
"""Attributes that are read; campaign labels, shipping and tax say nothing about a product and are not."""

_STOCK_FIELDS = ("quantity", "sell_on_google_quantity", "quantity_to_sell_on_facebook", "inventory")
_AVAILABILITY = {
    "in_stock": None, "out_of_stock": "0", "preorder": None, "backorder": None, "limited_availability": None,
    "available_for_order": None, "discontinued": "0",
}  # fmt: skip
_PRICE = re.compile(r"(?:([A-Za-z]{3})\s*)?([+-]?[0-9][0-9.,]*)\s*([A-Za-z]{3})?")
_MOST_IMAGES = 20


class Faulty(ValueError):
    """An item that can't be a product; the message names the attribute."""


@dataclass(frozen=True, slots=True)
class Amount:
    """A price as text with a decimal point, and its currency where it names one."""

    text: str
    currency: str | None


def attribute_name(header: str) -> str:
    """The name of a column or element: "g:Image Link" → "image_link"."""
    return re.sub(r"[\s_]+", "_", header.strip().removeprefix("g:").strip().lower())


def merchant_row(values: Values, now: float) -> Mapping[str, object] | Unreadable:
    """The fields of a product row, as ingest.products reads them; what is wrong with them is found there.

    Args:    now: epoch seconds at which sales and expiry are looked at.
    Returns: Unreadable, naming the attribute, where a value has no reading at all.
    """
    try:
        return _row(values, now)
    except Faulty as fault:
        return Unreadable(str(fault))


def sale_in_effect(values: Values, now: float) -> bool:
    """Whether an item's sale price holds; False where it has none. Raises: Faulty."""
    if _first(values, "sale_price") is None:
        return False
    period = _first(values, "sale_price_effective_date")
    if period is None:
        return True
    begin, slash, end = period.partition("/")
    if not slash:
        raise Faulty(f"sale_price_effective_date: {period[:60]!r} is no period; write begin/end")
    return _moment("sale_price_effective_date", begin) <= now <= _moment("sale_price_effective_date", end, end=True)


def _row(values: Values, now: float) -> Mapping[str, object]:
    row: dict[str, object] = {
        field: value for name, field in _DIRECT.items() if (value := _first(values, name)) is not None
    }
    if "name" in row:
        row["name"] = plain_text(str(row["name"]))
    if (description := _first(values, "description")) is not None:
        row["description"] = plain_text(description)
    row |= _prices(values, now)
    row |= _availability(values, now)
    category = _first(values, "product_type") or _path(_first(values, "google_product_category"))
    if category:
        row["category"] = " > ".join(part.strip() for part in category.split(">") if part.strip())
    attributes: dict[str, object] = {name: v for name in _KEPT if (v := _first(values, name)) is not None}
    for name in _SPLIT:
        parts = [part.strip() for value in values.get(name, ()) for part in value.split("/") if part.strip()]
        if parts:
            attributes[name] = parts[0] if len(parts) == 1 else parts
    for detail in values.get("product_detail", ()):
        _, name, value = ([part.strip() for part in detail.split(":", 2)] + ["", "", ""])[:3]
        if name and value:
            attributes.setdefault(name, value)
    if images := [image for image in values.get("additional_image_link", ()) if image][:_MOST_IMAGES]:
        attributes["additional_image_link"] = images
    if attributes:
        row["attributes"] = attributes
    return row


def _prices(values: Values, now: float) -> dict[str, object]:
    price, sale = _amount(values, "price"), _amount(values, "sale_price")
    cost = _amount(values, "cost_of_goods_sold")
    given = {amount.currency for amount in (price, sale, cost) if amount is not None and amount.currency is not None}
    if len(given) > 1:
        raise Faulty(f"price: amounts are in {' and '.join(sorted(given))}; one item has one currency")
    row: dict[str, object] = {}
    if given:
        row["currency"] = given.pop()
    if sale is not None and sale_in_effect(values, now):
        row["price"] = sale.text
        if price is not None and price.text != sale.text:
            row["list_price"] = price.text
    elif price is not None:
        row["price"] = price.text
    if cost is not None:
        row["cost"] = cost.text
    return row


def _availability(values: Values, now: float) -> dict[str, object]:
    row: dict[str, object] = {}
    stock = next((v for name in _STOCK_FIELDS if (v := _first(values, name)) is not None), None)
    stated = _first(values, "availability")
    if stated is not None:
        name = attribute_name(stated.rsplit("/", 1)[-1])  # also schema.org's addresses
        name = {"instock": "in_stock", "outofstock": "out_of_stock"}.get(name, name)
        if name not in _AVAILABILITY:
            raise Faulty(f"availability: {stated[:60]!r} is none of {', '.join(_AVAILABILITY)}")
        stock = _AVAILABILITY[name] if _AVAILABILITY[name] is not None else stock
        row["available"] = name != "discontinued"
    if stock is not None:
        row["stock"] = stock
    expires = _first(values, "expiration_date")
    if expires is not None and _moment("expiration_date", expires, end=True) < now:
        row["available"] = False
    return row


def _amount(values: Values, name: str) -> Amount | None:
    """ "12.99 EUR", "EUR 12.99", "1,299.00" or "12,99"; a comma before exactly two last digits is a decimal comma."""
    text = _first(values, name)
    if text is None:
        return None
    found = _PRICE.fullmatch(text.strip())
    if found is None or (found.group(1) and found.group(3)):
        raise Faulty(f"{name}: {text[:60]!r} is no price; write 12.99 EUR")
    number, currency = found.group(2), found.group(1) or found.group(3)
    if re.fullmatch(r"[+-]?[0-9]+,[0-9]{2}", number) or re.fullmatch(r"[+-]?[0-9]{1,3}(\.[0-9]{3})+,[0-9]{2}", number):
        number = number.replace(".", "").replace(",", ".")
    elif re.fullmatch(r"[+-]?[0-9]{1,3}(,[0-9]{3})+(\.[0-9]+)?", number):
        number = number.replace(",", "")
    elif "," in number or number.count(".") > 1:
        raise Faulty(f"{name}: {text[:60]!r} can be read in two ways; write 12.99 EUR")
    return Amount(number, None if currency is None else currency.upper())


def _moment(name: str, text: str, *, end: bool = False) -> float:
    """Epoch seconds; a date without a time begins at 0:00, or ends at 24:00. UTC where no zone is given."""
    text = text.strip()
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise Faulty(f"{name}: {text[:60]!r} is no time; write 2026-11-27T00:00+0100") from error
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    whole_day = end and re.fullmatch(r"\d{4}-?\d{2}-?\d{2}", text) is not None
    return moment.timestamp() + (86_399.0 if whole_day else 0.0)


def _path(text: str | None) -> str | None:
    """A category as words; a number of Google's taxonomy says nothing to a shopper."""
    return None if text is None or text.strip().isdigit() else text


def _first(values: Values, name: str) -> str | None:
    return next((value.strip() for value in values.get(name, ()) if value.strip()), None)
