"""What recommendations brought in: sums as the store adds them up, and the figures made of them (docs/metrics.md)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from app.domain.catalog import FloatArray

Grouping = Literal["placement", "strategy", "prompt", "day"]

NO_PROMPT = "none"
"""Name of the group of slates that no prompt had a part in."""

OTHER = "other"
"""The group that takes in those of too few shoppers."""

NO_SLATE = "without a slate"
"""Under `strategy`: model calls that were made for no slate, such as those that renew a cached answer."""


@dataclass(frozen=True, slots=True)
class Period:
    """Slates served in [since, until), epoch seconds; None: without end."""

    since: float
    until: float | None = None


@dataclass(frozen=True, slots=True)
class AttributionRule:
    """When a purchase is credited to a slate (docs/metrics.md)."""

    window_s: float  # from the last touch to the purchase
    skew_s: float = 300.0  # how far the clocks of two senders may be apart
    longest_visit_s: float = 86_400.0  # a session that lasts longer is no visit of a person
    most_events: int = 1000  # a session with more events is a program's


@dataclass(frozen=True, slots=True)
class Estimate:
    """A figure over n units with its 95% interval; None: nothing to compute it from, or too few for an interval."""

    value: float | None
    low: float | None
    high: float | None
    n: int


Sums = Mapping[str, FloatArray]
"""Column → its sum per bucket of shoppers, shape (n_buckets,): the units that intervals are resampled by."""


@dataclass(frozen=True, slots=True)
class Waits:
    """Seconds until a purchase, one per slate or shopper that led to one, and the bucket each belongs to."""

    seconds: FloatArray  # (n,)
    bucket: FloatArray  # (n,) whole numbers


@dataclass(frozen=True, slots=True)
class ModelCost:
    """What model calls came to, from the ledger. An unknown cost is counted and charged with its worst case."""

    calls: int = 0
    cost_usd: float = 0.0  # of the calls whose cost is known
    charged_usd: float = 0.0  # with worst cases where it is not known, or not yet
    unknown_cost: int = 0

    def __add__(self, other: ModelCost) -> ModelCost:
        """Both together."""
        return ModelCost(
            self.calls + other.calls,
            self.cost_usd + other.cost_usd,
            self.charged_usd + other.charged_usd,
            self.unknown_cost + other.unknown_cost,
        )


@dataclass(frozen=True, slots=True)
class GroupTally:
    """What the slates of one group came to, added up per bucket of shoppers."""

    slates: Sums  # see SLATE_COLUMNS
    orders: Sums  # orders, order_minor
    visits: Sums  # see VISIT_COLUMNS; sessions that were shown one of the slates
    waits: Waits
    cost: ModelCost = ModelCost()


SLATE_COLUMNS = (
    "shoppers",
    "shown_shoppers",
    "served",
    "shown",
    "impressions",
    "clicked_impressions",
    "clicks",
    "clicked_slates",
    "carts",
    "carted_clicks",
    "purchases",
    "bought_clicks",
    "bought_slates",
    "revenue_minor",
    "shown_revenue_minor",
)
ORDER_COLUMNS = ("orders", "order_minor")
VISIT_COLUMNS = ("visits", "timed_visits", "seconds", "cart_visits", "abandoned", "buying_visits")
SHOPPER_COLUMNS = ("shoppers", "revenue_minor")


@dataclass(frozen=True, slots=True)
class ShopTally:
    """What all shoppers did in the period, whether a slate had a part in it or not."""

    shoppers: Sums  # see SHOPPER_COLUMNS
    orders: Sums
    visits: Sums
    waits: Waits


@dataclass(frozen=True, slots=True)
class LeftOut:
    """Events that count for nothing, by why."""

    unknown_slate: int = 0  # the slate is not held: never served here, or deleted
    not_in_slate: int = 0  # the slate did not hold the product
    automatic_sessions: int = 0  # more events than a person makes
    overlong_sessions: int = 0  # no length is computed
    clicks_without_impression: int = 0  # they count as touches, not in the click-through
    purchases_without_price: int = 0  # their amount is unknown, not 0
    purchases_without_order: int = 0  # no transaction id: no part of the order value
    refunds_without_purchase: int = 0  # they take nothing back


@dataclass(frozen=True, slots=True)
class Tally:
    """Everything that one reading of the store found."""

    total: GroupTally
    groups: Mapping[str, GroupTally]  # in the order of the names
    shop: ShopTally
    left_out: LeftOut


@dataclass(frozen=True, slots=True)
class Figures:
    """The figures of one group of slates. Money is in minor units."""

    slates_served: int
    slates_shown: int
    shoppers: int
    impressions: int
    clicks: int
    carts: int
    purchases: int
    revenue_minor: int
    click_through: Estimate
    slate_click_through: Estimate
    add_to_cart: Estimate
    conversion: Estimate
    slate_conversion: Estimate
    revenue_per_recommendation: Estimate
    revenue_per_shopper: Estimate
    average_order_value: Estimate
    cart_abandonment: Estimate
    session_length_s: Estimate
    time_to_first_purchase_s: Estimate
    cost: ModelCost
    revenue_per_model_usd: Estimate


@dataclass(frozen=True, slots=True)
class ShopFigures:
    """The same of the whole shop, recommended or not. Money is in minor units."""

    shoppers: int
    sessions: int
    orders: int
    revenue_minor: int
    session_conversion: Estimate
    revenue_per_shopper: Estimate
    average_order_value: Estimate
    cart_abandonment: Estimate
    session_length_s: Estimate
    time_to_first_purchase_s: Estimate


@dataclass(frozen=True, slots=True)
class BusinessReport:
    """What recommendations brought in during a period."""

    period: Period
    as_of: float  # epoch seconds of the service's clock
    rule: AttributionRule
    grouping: Grouping | None
    total: Figures
    groups: Sequence[tuple[str, Figures]]
    shop: ShopFigures
    left_out: LeftOut
    notes: Sequence[str] = field(default_factory=tuple)
