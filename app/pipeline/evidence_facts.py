"""Everything that evidence is computed from, as plain data. The service fills it; nothing here reads a store."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from app.domain.interactions import EventKind

PartnerSource = Literal["page", "cart", "history"]


@dataclass(frozen=True, slots=True)
class CategoryPrice:
    """Where a product's price stands among the available, priced products of its category, itself included."""

    category: str  # path that the figures are about
    n: int  # products counted
    median_minor: float
    pricier: int  # products among the n that cost strictly more


@dataclass(frozen=True, slots=True)
class TrendRank:
    """Where a product stands in its category, or in the shop, by how much shoppers' interest has grown of late."""

    category: str | None  # path of the category that was ranked; None = the whole shop was
    rank: int  # 1 = fastest growth among the n
    n: int  # available products of the category, or of the whole shop, that were ranked
    window_days: int  # the recent period whose interest is compared with the time before
    shoppers: int | None = None  # distinct shoppers behind the rank; None = the caller made sure there are enough


@dataclass(frozen=True, slots=True)
class Partner:
    """A product of the shopper's page, cart or history that was ordered together with the item."""

    product_id: str
    name: str
    orders: int  # orders that hold both
    lift: float  # > 1: more often than chance
    source: PartnerSource
    category: str | None = None
    interaction: EventKind | None = None  # strongest interaction of the shopper with it, for source "history"
    sensitive: bool = False  # Sensitivity.sensitive_product of the partner, where the caller has the whole product


@dataclass(frozen=True, slots=True)
class ActivePromotion:
    """A promotion that the rules found to apply to the item now."""

    promotion_id: str
    title: str
    percent_off: float | None = None
    ends_at: float | None = None  # epoch seconds; None = open
    audience: tuple[str, ...] = ()  # segments; empty = everybody


@dataclass(frozen=True, slots=True)
class ItemFacts:
    """What is known about one item beyond its own record."""

    category_price: CategoryPrice | None = None
    trend: TrendRank | None = None
    partners: tuple[Partner, ...] = ()
    promotions: tuple[ActivePromotion, ...] = ()


@dataclass(frozen=True, slots=True)
class Affinity:
    """How much of a shopper's interest goes to one category or brand."""

    share: float  # of the decayed positive weight, 0..1
    count: int  # interactions


@dataclass(frozen=True, slots=True)
class RecentProduct:
    """A product that the shopper did something with and that a reason may name."""

    product_id: str
    name: str
    interaction: EventKind  # the strongest one
    category: str | None = None
    brand: str | None = None
    sensitive: bool = False  # as in Partner


@dataclass(frozen=True, slots=True)
class ShopperFacts:
    """What may be used about the shopper under the consent given. Holds no country and no age band, on purpose."""

    personalised: bool = False  # False: nothing below but `segments` is used
    interests: tuple[str, ...] = ()
    style_tags: tuple[str, ...] = ()
    sizes: tuple[str, ...] = ()
    segments: tuple[str, ...] = ()
    category_affinity: Mapping[str, Affinity] = field(default_factory=dict)  # by category path, as in the catalogue
    brand_affinity: Mapping[str, Affinity] = field(default_factory=dict)  # by brand, as in the catalogue
    recent: tuple[RecentProduct, ...] = ()  # newest first


@dataclass(frozen=True, slots=True)
class RequestFacts:
    """What the request itself says."""

    now: float  # epoch seconds of the service's clock
    currency: str
    budget_minor: int | None = None  # per item, the one in force
    budget_source: Literal["request", "preferences"] = "request"
    query_terms: tuple[str, ...] = ()  # content words of the query, in order: evidence_catalogue.query_terms
