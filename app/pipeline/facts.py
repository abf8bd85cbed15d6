"""Fills the inputs of evidence from shelf, profile and query. Computes nothing that evidence itself decides."""

from __future__ import annotations

import datetime as dt
import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from app.domain.catalog import BoolArray, Product
from app.domain.interactions import EventKind
from app.domain.ranking import Query
from app.pipeline.evidence import lore_of
from app.pipeline.evidence_draft import ItemLore
from app.pipeline.evidence_facts import (
    ActivePromotion,
    CategoryPrice,
    ItemFacts,
    Partner,
    PartnerSource,
    RecentProduct,
    RequestFacts,
    ShopperFacts,
    TrendRank,
)
from app.pipeline.profile import Profile
from app.pipeline.reasons_schema import ReasonConfig
from app.pipeline.rules_schema import Promotion
from app.pipeline.sensitivity import Sensitivity
from app.pipeline.shelf import Shelf

TREND_WINDOW_DAYS = 7
TREND_VALID_S = 86_400.0
"""How long after the newest interaction of the training data its trend may still be called that of the last days."""
PARTNERS_ASKED = 20
_PARTNER_KINDS = frozenset({EventKind.PURCHASE, EventKind.ADD_TO_CART, EventKind.VIEW, EventKind.CLICK})
HISTORY_CITED = 25
"""The heaviest products of a history that a reason may name."""


@dataclass(frozen=True, slots=True)
class Records:
    """Products that a reason may name: records of `cited_ids`; one that is missing is not named."""

    products: Mapping[str, Product]
    sensitivity: Sensitivity
    sensitive: BoolArray | None = None  # by snapshot row, worked out once per catalogue; None = look at each record

    def is_sensitive(self, row: int, product: Product) -> bool:
        """Whether a reason must not name the product of this row."""
        if self.sensitive is not None:
            return bool(self.sensitive[row])
        return self.sensitivity.sensitive_product(product)


def shopper_facts(profile: Profile, records: Records, shelf: Shelf) -> ShopperFacts:
    """What a reason may say about the shopper."""
    recent = []
    for row in profile.rows[:HISTORY_CITED].tolist():
        product = records.products.get(shelf.snapshot.product_ids[row])
        if product is not None:
            recent.append(
                RecentProduct(
                    product_id=product.product_id,
                    name=product.name,
                    interaction=profile.strongest[row],
                    category=product.category,
                    brand=product.brand,
                    sensitive=records.is_sensitive(row, product),
                )
            )
    return ShopperFacts(
        personalised=profile.used,
        interests=profile.preferences.interests,
        style_tags=profile.preferences.style_tags,
        sizes=profile.preferences.sizes,
        segments=profile.preferences.segments,
        category_affinity=profile.categories,
        brand_affinity=profile.brands,
        recent=tuple(recent),
    )


def request_facts(
    query: Query, profile: Profile, *, now: float, currency: str, query_terms: Sequence[str]
) -> RequestFacts:
    """What the request says; its budget goes before the stored one."""
    from_request = query.budget_minor is not None
    return RequestFacts(
        now=now,
        currency=currency,
        budget_minor=query.budget_minor if from_request else profile.preferences.budget_minor,
        budget_source="request" if from_request else "preferences",
        query_terms=tuple(query_terms),
    )


_numbers = itertools.count()


@dataclass(frozen=True, slots=True)
class RowLore:
    """What is told of one row whoever asks: worked out once per record, and left with the shelf."""

    product: Product  # the record that it was worked out from
    config: ReasonConfig
    currency: str
    category_price: CategoryPrice | None
    trend: TrendRank | None  # as the model has it; too old to be told after TREND_VALID_S
    partners: tuple[tuple[int, int, float], ...]  # (row, orders in common, lift) of what it is bought with
    item: ItemLore
    number: int = field(default_factory=_numbers.__next__, compare=False)  # no two have the same

    def is_of(self, product: Product, config: ReasonConfig, currency: str) -> bool:
        """Whether it was worked out from these very things."""
        return self.product is product and self.config is config and self.currency == currency


def row_lore(row: int, product: Product, *, shelf: Shelf, config: ReasonConfig, currency: str) -> RowLore:
    """The lore of a row whose record is `product`."""
    category_price, trend = _category_price(row, shelf), _trend(row, shelf)
    facts = ItemFacts(category_price=category_price, trend=trend)
    return RowLore(
        product=product,
        config=config,
        currency=currency,
        category_price=category_price,
        trend=trend,
        partners=_bought_with(row, shelf),
        item=lore_of(product, facts, currency, config),
    )


Nearby = Mapping[int, tuple[int, PartnerSource]]
"""Row of what a reason may call a partner → its rank and where the shopper has it: page, cart, then history."""


def nearby(shelf: Shelf, query: Query, profile: Profile) -> Nearby:
    """What is on the page, in the cart, and what the shopper took up or looked at."""
    found: dict[int, tuple[int, PartnerSource]] = {
        row: (2, "history") for row, kind in profile.strongest.items() if kind in _PARTNER_KINDS
    }
    row_of = shelf.snapshot.row_of
    found.update({row_of[product_id]: (1, "cart") for product_id in query.cart if product_id in row_of})
    if query.product_id is not None and query.product_id in row_of:
        found[row_of[query.product_id]] = (0, "page")
    return found


def trend_is_told(shelf: Shelf, now: float) -> bool:
    """Whether the model's trend is still that of the last days at `now` (epoch seconds)."""
    until = None if shelf.model is None else shelf.model.trained_until
    return until is not None and now - until <= TREND_VALID_S


def item_facts(
    lore: RowLore,
    near: Nearby,
    *,
    trending: bool,
    shelf: Shelf,
    profile: Profile,
    records: Records,
    promotions: Sequence[Promotion],
) -> ItemFacts:
    """What is known about one item beyond its record. Args: trending: `trend_is_told`."""
    return ItemFacts(
        category_price=lore.category_price,
        trend=lore.trend if trending else None,
        partners=_partners(lore, near, shelf, profile, records),
        promotions=tuple(_active(promotion) for promotion in promotions),
    )


def cited_ids(rows: Sequence[int], shelf: Shelf, query: Query, profile: Profile) -> list[str]:
    """Ids of every product whose record a reason for these rows may need."""
    ids = [shelf.snapshot.product_ids[row] for row in rows]
    ids += [query.product_id] if query.product_id is not None else []
    ids += list(query.cart)
    ids += [shelf.snapshot.product_ids[row] for row in profile.rows[:HISTORY_CITED].tolist()]
    return list(dict.fromkeys(ids))


def _active(promotion: Promotion) -> ActivePromotion:
    last_moment = dt.datetime.combine(promotion.ends, dt.time.max, dt.UTC)
    return ActivePromotion(
        promotion_id=promotion.id,
        title=promotion.title,
        percent_off=promotion.percent_off,
        ends_at=last_moment.timestamp(),
        audience=promotion.audience.segments,
    )


def _category_price(row: int, shelf: Shelf) -> CategoryPrice | None:
    code = int(shelf.snapshot.category[row])
    price = float(shelf.snapshot.price_minor[row])
    group = shelf.prices.get(code)
    if group is None or np.isnan(price):
        return None
    pricier = group.n - int(np.searchsorted(group.ascending, price, side="right"))
    return CategoryPrice(
        category=shelf.snapshot.categories[code], n=group.n, median_minor=group.median, pricier=pricier
    )


def _trend(row: int, shelf: Shelf) -> TrendRank | None:
    rank = int(shelf.trend_rank[row])
    if rank == 0:
        return None
    if not shelf.snapshot.categories:
        return TrendRank(category=None, rank=rank, n=shelf.counted, window_days=TREND_WINDOW_DAYS)
    code = int(shelf.snapshot.category[row])
    group = shelf.prices.get(code)
    if group is None:
        return None
    return TrendRank(category=shelf.snapshot.categories[code], rank=rank, n=group.n, window_days=TREND_WINDOW_DAYS)


def _bought_with(row: int, shelf: Shelf) -> tuple[tuple[int, int, float], ...]:
    column = int(shelf.column_of_row[row])
    if shelf.model is None or column < 0:
        return ()
    found = (
        (int(shelf.row_of_column[partner]), orders, lift)
        for partner, orders, lift in shelf.model.bought_with(column, PARTNERS_ASKED)
    )
    return tuple(partner for partner in found if partner[0] >= 0)


def _partners(lore: RowLore, near: Nearby, shelf: Shelf, profile: Profile, records: Records) -> tuple[Partner, ...]:
    """Products of page, cart or purchases that the item was bought together with, in that order, then by lift."""
    found: list[tuple[int, float, Partner]] = []
    for row, orders, lift in lore.partners:
        if row not in near:
            continue
        product = records.products.get(shelf.snapshot.product_ids[row])
        if product is None:
            continue
        rank, source = near[row]
        partner = Partner(
            product_id=product.product_id,
            name=product.name,
            orders=orders,
            lift=lift,
            source=source,
            category=product.category,
            interaction=profile.strongest.get(row) if source == "history" else None,
            sensitive=records.is_sensitive(row, product),
        )
        found.append((rank, -lift, partner))
    return tuple(partner for _, _, partner in sorted(found, key=lambda entry: entry[:2]))
