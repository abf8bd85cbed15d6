"""Facts for the hand-written sentences of natural.jsonl: the demo shop's records through the service's own code.

A case is a product of fixtures/shop and what was going on when it was recommended. `facts_of` and `profile_facts_of`
make the lines of evidence for it; prices, ratings, stock, discounts and promotions come from the fixtures, and what a
trained model would add (partners, trend, affinities) is stated in `CASES`.
"""

from __future__ import annotations

import csv
import json
from collections import defaultdict
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time
from functools import lru_cache
from pathlib import Path
from statistics import median
from typing import Any

import yaml
from pydantic import TypeAdapter

from app.adapters.reason_files import load_reasons
from app.adapters.sql_store.price_facts import price_facts, restocked_at
from app.domain.catalog import Product, category_key
from app.domain.interactions import EventKind
from app.domain.money import format_minor, parse_minor
from app.ingest.column_names import snake_case
from app.ingest.fields import RowContext
from app.ingest.products import PriceHistoryRow, ProductRow, StockHistoryRow
from app.pipeline.evidence import collect_evidence
from app.pipeline.evidence_catalogue import query_terms
from app.pipeline.evidence_facts import (
    ActivePromotion,
    Affinity,
    CategoryPrice,
    ItemFacts,
    Partner,
    PartnerSource,
    RecentProduct,
    RequestFacts,
    ShopperFacts,
    TrendRank,
)
from app.pipeline.reasons_schema import ReasonConfig

ROOT = Path(__file__).resolve().parents[2]
SHOP = ROOT / "fixtures" / "shop"
CURRENCY = "EUR"
NOW = datetime(2026, 9, 30, 20, 0, tzinfo=UTC).timestamp()
_AFFINITY_SHARE = 0.3
_LIFT = 12.5
_TREND_DAYS = 7
_DID = {"purchase": "bought", "add_to_cart": "cart", "wishlist": "viewed", "view": "viewed", "click": "viewed"}


@dataclass(frozen=True, slots=True)
class Case:
    """What was going on when a product was recommended."""

    shopper: str = "new"  # userId of fixtures/shop/users.jsonl
    budget: str | None = None  # of the request; None: the shopper's stored one
    query: str = ""
    partner: tuple[str, int, PartnerSource] | None = None  # product bought together, orders, where the shopper has it
    trend: int | None = None  # rank in the product's category
    brand: int = 0  # the shopper's interactions with the brand
    category: int = 0  # and with the category
    recent: tuple[tuple[str, str], ...] = ()  # (product, strongest event kind), newest first


CASES: dict[str, Case] = {
    "el-0003": Case("student", budget="150.00", trend=2),
    "el-0013": Case(query="wireless over-ear headphones"),
    "el-0031": Case(partner=("el-0003", 4, "cart"), budget="200.00"),
    "el-0044": Case("gamer", category=6, recent=(("el-0060", "purchase"),)),
    "el-0072": Case("gamer", partner=("el-0040", 3, "cart"), trend=4),
    "el-0071": Case("gamer", brand=4, trend=1, recent=(("el-0081", "wishlist"),)),
    "el-0092": Case(query="wide 24 mm lens", budget="500.00"),
    "el-0101": Case(partner=("el-0082", 5, "page")),
    "el-0125": Case("gamer"),
    "el-0162": Case(
        "runner", budget="250.00", trend=3, partner=("sh-0030", 3, "history"), recent=(("sh-0030", "view"),)
    ),
    "el-0133": Case(budget="300.00"),
    "co-0003": Case("student", budget="900.00"),
    "co-0020": Case("gamer"),
    "co-0049": Case("gamer", partner=("co-0059", 7, "cart")),
    "co-0083": Case("gamer", query="internal ssd 1000 gb"),
    "co-0101": Case(query="laser printer", trend=2),
    "fw-0008": Case("eco", partner=("sh-0008", 4, "page"), brand=5),
    "fw-0065": Case("eco", partner=("fw-0056", 3, "cart")),
    "fw-0006": Case(budget="50.00", trend=5),
    "fw-0082": Case("eco", category=4, recent=(("fw-0077", "wishlist"),)),
    "fw-0037": Case("123", category=3),
    "fm-0021": Case("cook", brand=3, recent=(("fm-0001", "purchase"),)),
    "fm-0019": Case("cook"),
    "fm-0013": Case("cook", budget="40.00"),
    "sh-0033": Case("runner", category=7, recent=(("sh-0026", "view"),)),
    "sh-0019": Case("gamer", budget="60.00"),
    "sh-0050": Case("runner", trend=1),
    "ho-0042": Case("cook", partner=("gr-0045", 4, "history"), recent=(("gr-0045", "purchase"),)),
    "ho-0023": Case("cook", category=5, recent=(("ho-0013", "view"),)),
    "ho-0052": Case("cook", budget="450.00"),
    "ho-0090": Case("123", partner=("ho-0094", 7, "page")),
    "ho-0106": Case("123", brand=6, recent=(("ho-0117", "purchase"),)),
    "ho-0139": Case("123", trend=2),
    "ho-0055": Case(query="small kettle", budget="20.00"),
    "fu-0046": Case(trend=3),
    "fu-0050": Case("123"),
    "to-0006": Case("parent", category=4, recent=(("to-0001", "purchase"),)),
    "to-0020": Case("parent", trend=1),
    "to-0059": Case("parent"),
    "bo-0014": Case("reader", category=9, recent=(("bo-0007", "purchase"),)),
    "bo-0042": Case("gardener", query="bulbs book"),
    "bo-0029": Case(trend=1),
    "sp-0027": Case(partner=("sp-0009", 3, "cart")),
    "sp-0072": Case("runner", budget="50.00"),
    "sp-0044": Case("runner", partner=("sh-0027", 3, "cart"), brand=5),
    "ga-0009": Case("gardener", partner=("ga-0067", 5, "cart"), category=8),
    "ga-0070": Case("gardener", partner=("ga-0008", 5, "page"), brand=3, recent=(("ga-0045", "add_to_cart"),)),
    "be-0005": Case(partner=("be-0024", 4, "cart"), query="sun cream spf 50"),
    "be-0034": Case(trend=4),
    "gr-0001": Case("cook", partner=("gr-0022", 28, "cart")),
    "gr-0050": Case("u0004", category=6, recent=(("gr-0039", "purchase"),)),
    "pe-0011": Case(partner=("pe-0022", 20, "cart"), trend=1),
    "st-0002": Case("student", partner=("st-0020", 6, "page")),
    "st-0018": Case("student", partner=("st-0002", 4, "cart"), brand=4),
}


def product_of(product_id: str) -> Product:
    """The record of a demo product, with its reference price and last restock. Raises: KeyError when there is none."""
    return _products()[product_id]


def facts_of(product_id: str) -> list[dict[str, Any]]:
    """The evidence of a case as lines of natural.jsonl hold it: C1, C2, … by descending strength."""
    case, item = CASES[product_id], _products()[product_id]
    request = RequestFacts(
        now=NOW,
        currency=CURRENCY,
        budget_minor=_budget(case),
        budget_source="preferences" if case.budget is None else "request",
        query_terms=query_terms(case.query),
    )
    found = collect_evidence(item, 1, _item_facts(item, case), _shopper(item, case), request, _config())
    return [
        {"id": f"C{i}", "kind": e.kind, "text": e.text, "value": json.loads(json.dumps(dict(e.value)))}
        for i, e in enumerate(found, start=1)
    ]


def profile_facts_of(product_id: str) -> list[dict[str, str]]:
    """What is known of the shopper of a case as lines of natural.jsonl hold it: u1, u2, …"""
    case, item, stated = CASES[product_id], _products()[product_id], _shoppers()[CASES[product_id].shopper]
    lines: list[tuple[str, str]] = []
    budget = _budget(case)
    if budget is not None:
        lines.append(("budget", f"{format_minor(budget, CURRENCY)} {CURRENCY}"))
    lines += [("interest", text) for text in stated["interests"]]
    lines += [("style", text) for text in stated["styleTags"]]
    lines += [("size", text) for text in stated["sizes"]]
    if case.category and item.category is not None:
        lines.append(("category", item.category))
    if case.brand and item.brand is not None:
        lines.append(("brand", item.brand))
    lines += [(_DID[kind], _products()[product].name) for product, kind in case.recent]
    if case.query:
        lines.append(("query", case.query))
    if case.partner is not None and case.partner[2] != "history":
        lines.append((case.partner[2], _products()[case.partner[0]].name))
    return [{"id": f"u{i}", "kind": kind, "text": text} for i, (kind, text) in enumerate(lines, start=1)]


def _budget(case: Case) -> int | None:
    stated = _shoppers()[case.shopper]["budget"] if case.budget is None else case.budget
    return None if stated is None else parse_minor(stated, CURRENCY)


def _item_facts(item: Product, case: Case) -> ItemFacts:
    rivals = [p for p in _products().values() if p.category == item.category and p.available and p.price_minor]
    prices = [p.price_minor for p in rivals if p.price_minor is not None]
    price, category = item.price_minor or 0, item.category or ""
    return ItemFacts(
        category_price=CategoryPrice(category, len(prices), float(median(prices)), sum(p > price for p in prices)),
        trend=None if case.trend is None else TrendRank(category, case.trend, len(prices), _TREND_DAYS),
        partners=_partners(case),
        promotions=tuple(_promotions(item)),
    )


def _partners(case: Case) -> tuple[Partner, ...]:
    if case.partner is None:
        return ()
    product_id, orders, source = case.partner
    product = _products()[product_id]
    did = dict(case.recent).get(product_id) if source == "history" else None
    interaction = None if did is None else EventKind(did)
    return (Partner(product_id, product.name, orders, _LIFT, source, product.category, interaction),)


def _promotions(item: Product) -> list[ActivePromotion]:
    today = datetime.fromtimestamp(NOW, UTC).date()
    key = category_key(item.category or "")
    found = []
    for offer in yaml.safe_load((SHOP / "promotions.yaml").read_text(encoding="utf-8")):
        first, last = date.fromisoformat(offer["from"]), date.fromisoformat(offer["to"])
        inside = [category_key(path) for path in offer.get("categories", [item.category or ""])]
        if first <= today <= last and any(key == path or key.startswith(path + " > ") for path in inside):
            ends_at = datetime.combine(last, time.max, UTC).timestamp()
            segments = tuple(offer["audience"].get("segments", ()))
            found.append(ActivePromotion(offer["id"], offer["title"], float(offer["percentOff"]), ends_at, segments))
    return found


def _shopper(item: Product, case: Case) -> ShopperFacts:
    stated = _shoppers()[case.shopper]
    recent = []
    for product_id, did in case.recent:
        product = _products()[product_id]
        recent.append(RecentProduct(product_id, product.name, EventKind(did), product.category, product.brand))
    return ShopperFacts(
        personalised=True,
        interests=tuple(stated["interests"]),
        style_tags=tuple(stated["styleTags"]),
        sizes=tuple(stated["sizes"]),
        segments=tuple(stated["segments"]),
        category_affinity={item.category or "": Affinity(_AFFINITY_SHARE, case.category)},
        brand_affinity={item.brand or "": Affinity(_AFFINITY_SHARE, case.brand)},
        recent=tuple(recent),
    )


@lru_cache(maxsize=1)
def _config() -> ReasonConfig:
    return load_reasons(ROOT / "rules")


@lru_cache(maxsize=1)
def _shoppers() -> dict[str, dict[str, Any]]:
    rows = [json.loads(line) for line in (SHOP / "users.jsonl").read_text(encoding="utf-8").splitlines()]
    return {row["userId"]: row["preferences"] for row in rows}


@lru_cache(maxsize=1)
def _products() -> dict[str, Product]:
    context = RowContext(CURRENCY)
    lines = (SHOP / "products.jsonl").read_text(encoding="utf-8").splitlines()
    records = [{snake_case(name): value for name, value in json.loads(line).items()} for line in lines]
    rows = TypeAdapter(list[ProductRow]).validate_python(records, context=context)
    prices: dict[str, list[tuple[float, int]]] = defaultdict(list)
    for price in TypeAdapter(list[PriceHistoryRow]).validate_python(_csv("price_history.csv"), context=context):
        change = price.change()
        prices[change.product_id].append((change.valid_from, change.price_minor))
    stocks: dict[str, list[tuple[float, int]]] = defaultdict(list)
    for stock in TypeAdapter(list[StockHistoryRow]).validate_python(_csv("stock_history.csv"), context=context):
        level = stock.change()
        stocks[level.product_id].append((level.at, level.stock))
    products = {}
    for row in rows:
        product = row.product()
        since, reference = price_facts(sorted(prices[product.product_id]), product.price_minor)
        restocked = restocked_at(sorted(stocks[product.product_id]))
        products[product.product_id] = replace(
            product, price_since=since, reference_price_minor=reference, restocked_at=restocked
        )
    return products


def _csv(name: str) -> list[dict[str, str]]:
    with (SHOP / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))
