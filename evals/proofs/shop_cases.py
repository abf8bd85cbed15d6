"""Real items of the demo shop with facts about them: what the grammar of truths and lies speaks about.

Names, prices, attributes, ratings, stock and dates are the shop's own, and every fact is made by `collect_evidence`.
What only behaviour and history would tell (who was bought with what, trends, a price before, the shopper) is drawn with
a seed: a sentence is true or false against the facts, wherever those come from.
"""

from __future__ import annotations

import json
import random
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from statistics import median
from typing import Any

from app.domain.catalog import Product
from app.domain.interactions import EventKind
from app.domain.model_calls import ProfileFact
from app.domain.money import format_minor, parse_minor
from app.domain.ranking import Evidence
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

SHOP = Path(__file__).resolve().parents[2] / "fixtures" / "shop"
NOW = datetime.fromisoformat("2026-09-30T12:00:00+00:00").timestamp()
DAY_S = 86_400.0
CURRENCIES = ("EUR",) * 14 + ("USD", "USD", "GBP", "GBP", "JPY")
_TITLES = ("Autumn knitwear weeks", "Newsletter coffee offer", "Student discount", "Season start", "Studio days")
_DID = (EventKind.PURCHASE, EventKind.VIEW, EventKind.WISHLIST, EventKind.ADD_TO_CART)
Fact = Evidence | ProfileFact


@dataclass(frozen=True, slots=True)
class Subject:
    """An item, everything true about it in one request, and what the prompt says of the shopper."""

    item: Product
    evidence: tuple[Evidence, ...]
    profile: tuple[ProfileFact, ...]
    currency: str


def load_products(folder: Path = SHOP) -> list[Product]:
    """The products of a shop export in JSON lines, prices in minor units of their own currency."""
    rows = [json.loads(line) for line in (folder / "products.jsonl").read_text(encoding="utf-8").splitlines()]
    return [_product(row) for row in rows]


def _product(row: Mapping[str, Any]) -> Product:
    rated = row["rating"]
    return Product(
        product_id=row["productId"],
        name=row["name"],
        brand=row["brand"],
        category=row["category"],
        price_minor=parse_minor(row["price"], row["currency"]),
        stock=row["stock"],
        available=row["available"],
        tags=tuple(row["tags"]),
        attributes={key: value if isinstance(value, str) else tuple(value) for key, value in row["attributes"].items()},
        rating_value=rated["value"] if rated else None,
        rating_count=rated["count"] if rated else None,
        created_at=datetime.fromisoformat(row["createdAt"]).timestamp(),
    )


def subjects(n: int, seed: int, config: ReasonConfig) -> list[Subject]:
    """`n` subjects about items that may be named and that have at least two facts, the same for the same arguments."""
    rng = random.Random(seed)  # noqa: S311 - repeatable, not secret
    products = load_products()
    priced: dict[str, list[int]] = defaultdict(list)
    for product in products:
        if product.category is not None and product.price_minor is not None:
            priced[product.category].append(product.price_minor)
    speakable = [p for p in products if _may_be_named(p, config)]
    found: list[Subject] = []
    while len(found) < n:
        subject = _subject(rng.choice(speakable), speakable, priced, rng, config)
        if len(subject.evidence) >= 2:
            found.append(subject)
    return found


def _may_be_named(product: Product, config: ReasonConfig) -> bool:
    sensitivity = config.sensitivity
    texts = [product.name, product.brand or "", product.category or ""]
    return not sensitivity.sensitive_product(product) and all(sensitivity.speakable(text) for text in texts)


def _subject(
    product: Product,
    products: Sequence[Product],
    priced: Mapping[str, list[int]],
    rng: random.Random,
    config: ReasonConfig,
) -> Subject:
    price, category, brand = product.price_minor or 0, product.category or "", product.brand or ""
    item = replace(
        product,
        stock=rng.choice([product.stock, rng.randint(1, 5)]),
        created_at=NOW - rng.randint(1, 25) * DAY_S if rng.random() < 0.15 else product.created_at,
        restocked_at=NOW - rng.randint(1, 12) * DAY_S if rng.random() < 0.2 else None,
        reference_price_minor=round(price * rng.uniform(1.06, 1.7)) if rng.random() < 0.35 else None,
        price_since=NOW - rng.randint(1, 50) * DAY_S,
    )
    partner, seen_brand, seen_category = rng.choice(products), _other(product, products, rng, brand=brand), None
    seen_category = _other(product, products, rng, category=category)
    source: PartnerSource = rng.choice(("page", "cart", "history"))
    prices = priced[category]
    facts = ItemFacts(
        category_price=CategoryPrice(category, len(prices), median(prices), sum(p > price for p in prices)),
        trend=TrendRank(category, rng.randint(1, 5), len(prices), rng.choice([7, 7, 14]))
        if rng.random() < 0.4
        else None,
        partners=(
            Partner(
                partner.product_id,
                partner.name,
                rng.randint(3, 60),
                2.0,
                source,
                partner.category,
                rng.choice(_DID[:3]),
            ),
        )
        if partner.product_id != product.product_id and rng.random() < 0.5
        else (),
        promotions=(
            ActivePromotion("p", rng.choice(_TITLES), rng.choice([10, 12, 15, 20]), NOW + rng.randint(3, 40) * DAY_S),
        )
        if rng.random() < 0.3
        else (),
    )
    recent = [
        RecentProduct(p.product_id, p.name, rng.choice(_DID), p.category, p.brand)
        for p in (seen_brand, seen_category)
        if p is not None and rng.random() < 0.7
    ]
    words = list(item.tags) + [v for v in item.attributes.values() if isinstance(v, str) and v.isalpha()]
    sizes = item.attributes.get("size", ())
    shopper = ShopperFacts(
        personalised=True,
        interests=(rng.choice(words),) if words and rng.random() < 0.4 else (),
        style_tags=(rng.choice(words),) if words and rng.random() < 0.2 else (),
        sizes=(rng.choice(sizes),) if isinstance(sizes, tuple) and sizes and rng.random() < 0.5 else (),
        category_affinity={category: Affinity(0.4, 5)} if rng.random() < 0.3 else {},
        brand_affinity={brand: Affinity(0.4, 5)} if rng.random() < 0.3 else {},
        recent=tuple(recent),
    )
    query = " ".join(rng.sample(item.name.split(), min(2, len(item.name.split())))) if rng.random() < 0.35 else ""
    request = RequestFacts(
        now=NOW,
        currency=rng.choice(CURRENCIES),
        budget_minor=_budget(price, rng) if rng.random() < 0.6 else None,
        query_terms=query_terms(query + rng.choice(["", "", " marvellous"])) if query else (),
    )
    evidence = collect_evidence(item, rng.randint(1, 24), facts, shopper, request, config)
    return Subject(item, evidence, _profile(shopper, request, recent, query, rng), request.currency)


def _budget(price: int, rng: random.Random) -> int:
    return rng.choice(
        [price, -(-price * rng.randint(105, 190) // 10_000) * 100, -(-price * rng.randint(210, 400) // 10_000) * 100]
    )


def _other(
    product: Product, products: Sequence[Product], rng: random.Random, *, brand: str = "", category: str = ""
) -> Product | None:
    like = [
        p
        for p in products
        if p.product_id != product.product_id and (p.brand == brand if brand else p.category == category)
    ]
    return rng.choice(like) if like else None


def _profile(
    shopper: ShopperFacts, request: RequestFacts, recent: Sequence[RecentProduct], query: str, rng: random.Random
) -> tuple[ProfileFact, ...]:
    lines: list[tuple[Any, str]] = []
    if request.budget_minor is not None:
        lines.append(("budget", f"{format_minor(request.budget_minor, request.currency)} {request.currency}"))
    lines += [("interest", text) for text in shopper.interests]
    lines += [("style", text) for text in shopper.style_tags]
    lines += [("size", text) for text in shopper.sizes]
    kinds = {EventKind.PURCHASE: "bought", EventKind.VIEW: "viewed", EventKind.ADD_TO_CART: "cart"}
    lines += [(kinds[seen.interaction], seen.name) for seen in recent if seen.interaction in kinds]
    if request.query_terms:
        lines.append(("query", query))
    rng.shuffle(lines)
    return tuple(ProfileFact(f"u{i}", kind, text) for i, (kind, text) in enumerate(lines, start=1))
