"""What GET /api/metrics/business takes and answers, as pydantic models (see schemas.py for how they are used)."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints
from pydantic.alias_generators import to_camel

from app.api.patterns import DAY_OR_TIME, says
from app.domain.figures import Grouping

Day = Annotated[str, StringConstraints(min_length=10, max_length=40, strict=True), says(DAY_OR_TIME)]


class _Model(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, extra="forbid", frozen=True, allow_inf_nan=False)


class ReportParams(_Model):
    """GET /api/metrics/business."""

    since: Day | None = Field(
        None, alias="from", description="A day (UTC) or a time with zone; 30 days before `to` or now when absent."
    )
    until: Day | None = Field(None, alias="to", description="The same, excluded; without end when absent.")
    group_by: Grouping | None = Field(None, description="One row per value; totals only when absent.")


class NumberEstimate(_Model):
    """A rate (0..1), a number of seconds or a return, with its 95% interval; null: too little to say."""

    value: float | None
    low: float | None
    high: float | None
    n: int


class MoneyEstimate(_Model):
    """A mean amount as a decimal string with two decimals more than the currency has, with its 95% interval."""

    value: str | None
    low: str | None
    high: str | None
    n: int


class ModelCostAnswer(_Model):
    """What the model calls cost, in US dollars. `charged` holds worst cases where a cost is not known."""

    calls: int
    cost: float
    charged: float
    unknown_cost: int
    currency: Literal["USD"]


class FiguresAnswer(_Model):
    """The figures of some slates; docs/metrics.md has a formula for each."""

    slates_served: int
    slates_shown: int
    shoppers: int
    impressions: int
    clicks: int
    carts: int
    purchases: int
    revenue: str
    click_through: NumberEstimate
    slate_click_through: NumberEstimate
    add_to_cart: NumberEstimate
    conversion: NumberEstimate
    slate_conversion: NumberEstimate
    revenue_per_recommendation: MoneyEstimate
    revenue_per_shopper: MoneyEstimate
    average_order_value: MoneyEstimate
    cart_abandonment: NumberEstimate
    session_length_seconds: NumberEstimate
    time_to_first_purchase_seconds: NumberEstimate
    model_cost: ModelCostAnswer
    revenue_per_model_usd: NumberEstimate


class GroupAnswer(FiguresAnswer):
    """One group's figures."""

    group: str


class ShopFiguresAnswer(_Model):
    """What happened in the whole shop in the period, recommended or not."""

    shoppers: int
    sessions: int
    orders: int
    revenue: str
    session_conversion: NumberEstimate
    revenue_per_shopper: MoneyEstimate
    average_order_value: MoneyEstimate
    cart_abandonment: NumberEstimate
    session_length_seconds: NumberEstimate
    time_to_first_purchase_seconds: NumberEstimate


class LeftOutAnswer(_Model):
    """Events that count for nothing, by why."""

    unknown_slate: int
    not_in_slate: int
    automatic_sessions: int
    overlong_sessions: int
    clicks_without_impression: int
    purchases_without_price: int
    purchases_without_order: int
    refunds_without_purchase: int


class AttributionAnswer(_Model):
    """How purchases were credited."""

    model: Literal["last_touch"]
    window_days: float
    clock_skew_seconds: float


class ReportAnswer(_Model):
    """What recommendations brought in."""

    since: str = Field(alias="from")
    until: str | None = Field(alias="to")
    as_of: str
    currency: str
    group_by: Grouping | None
    attribution: AttributionAnswer
    notes: list[str]
    total: FiguresAnswer
    groups: list[GroupAnswer]
    shop: ShopFiguresAnswer
    left_out: LeftOutAnswer
