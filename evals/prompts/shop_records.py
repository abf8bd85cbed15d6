"""The demo shop's products as the service stores them, read from fixtures/shop without a database."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from statistics import median
from types import MappingProxyType
from typing import Any, TypeVar

from app.adapters.shop_files.comma_separated import CsvFile
from app.adapters.shop_files.json_lines import JsonLinesFile
from app.adapters.sql_store.price_facts import price_facts, restocked_at
from app.domain.catalog import Product
from app.domain.imports import FileKind, PriceChange, StockChange, Unreadable
from app.ingest.column_names import column_names
from app.ingest.fields import RowContext
from app.ingest.loaders import Loader, PriceHistoryLoader, ProductLoader, StockHistoryLoader
from app.pipeline.evidence_facts import CategoryPrice

SHOP = Path(__file__).resolve().parents[2] / "fixtures" / "shop"
CURRENCY = "EUR"
_CHUNK = 5_000

_Item = TypeVar("_Item")


@cache
def shop_products(folder: Path = SHOP) -> Mapping[str, Product]:
    """Product id → record, in the file's order, with what the histories say of its price and stock.

    Raises: ImportRejected: a file is missing or can't be read. ValueError: a row is wrong.
    """
    context = RowContext(CURRENCY)
    products = _items(JsonLinesFile(folder / "products.jsonl", "products"), "products", ProductLoader(context, 0.0))
    known = frozenset(product.product_id for product in products)
    prices: dict[str, list[tuple[float, int]]] = defaultdict(list)
    levels: dict[str, list[tuple[float, int]]] = defaultdict(list)
    past: Sequence[PriceChange] = _items(
        CsvFile(folder / "price_history.csv", "price_history"), "price_history", PriceHistoryLoader(context, known)
    )
    for change in past:
        prices[change.product_id].append((change.valid_from, change.price_minor))
    counted: Sequence[StockChange] = _items(
        CsvFile(folder / "stock_history.csv", "stock_history"), "stock_history", StockHistoryLoader(context, known)
    )
    for level in counted:
        levels[level.product_id].append((level.at, level.stock))
    found = {}
    for product in products:
        since, reference = price_facts(sorted(prices[product.product_id]), product.price_minor)
        found[product.product_id] = replace(
            product,
            price_since=since,
            reference_price_minor=reference,
            restocked_at=restocked_at(sorted(levels[product.product_id])),
        )
    return MappingProxyType(found)


@cache
def category_prices(folder: Path = SHOP) -> Mapping[str, tuple[int, ...]]:
    """Category → prices of its available products in minor units, ascending."""
    prices: dict[str, list[int]] = defaultdict(list)
    for product in shop_products(folder).values():
        if product.available and product.category is not None and product.price_minor is not None:
            prices[product.category].append(product.price_minor)
    return {category: tuple(sorted(found)) for category, found in prices.items()}


def category_price(product: Product) -> CategoryPrice | None:
    """Where a price stands among those of its category in the demo shop; None without a price or a known category.

    The product counts with the price that it has here, also where the shop's record has another.
    """
    prices = list(category_prices().get(product.category or "", ()))
    if not prices or product.price_minor is None or product.category is None:
        return None
    record = shop_products().get(product.product_id)
    if record is not None and record.category == product.category and record.price_minor in prices:
        prices.remove(record.price_minor)
    prices.append(product.price_minor)
    pricier = sum(price > product.price_minor for price in prices)
    return CategoryPrice(product.category, len(prices), float(median(prices)), pricier)


def _items(file: JsonLinesFile | CsvFile, kind: FileKind, loader: Loader[Any, _Item]) -> list[_Item]:
    names = column_names(file.name, kind, file.check().columns)
    refuse = _refuse(file.name)
    found: list[_Item] = []
    for batch in file.batches(_CHUNK):
        rows = []
        for number, row in batch:
            if isinstance(row, Unreadable):
                refuse(number, row.reason)
            else:
                rows.append((number, names.values(row)))
        found += loader.items(rows, refuse)
    return found


def _refuse(name: str) -> Callable[[int, str], None]:
    def refuse(number: int, reason: str) -> None:
        raise ValueError(f"{name}:{number}: {reason}")

    return refuse
