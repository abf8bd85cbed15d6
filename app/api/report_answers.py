"""A business report as the JSON of the contract; the command line prints the same."""

from __future__ import annotations

from dataclasses import asdict
from decimal import ROUND_HALF_EVEN, Decimal

from app.api.answers import Json, moment
from app.domain.figures import BusinessReport, Estimate, Figures, ModelCost, ShopFigures
from app.domain.money import exponent, format_minor

_MORE_DECIMALS = 2  # of a mean: revenue per recommendation is often less than a cent


def report_answer(report: BusinessReport, currency: str) -> Json:
    """The report; holds no id of anybody."""
    return {
        "from": moment(report.period.since),
        "to": None if report.period.until is None else moment(report.period.until),
        "asOf": moment(report.as_of),
        "currency": currency,
        "groupBy": report.grouping,
        "attribution": {
            "model": "last_touch",
            "windowDays": report.rule.window_s / 86_400.0,
            "clockSkewSeconds": report.rule.skew_s,
        },
        "notes": list(report.notes),
        "total": _figures(report.total, currency),
        "groups": [{"group": name, **_figures(figures, currency)} for name, figures in report.groups],
        "shop": _shop(report.shop, currency),
        "leftOut": {_camel(name): n for name, n in asdict(report.left_out).items()},
    }


def amount(minor: float | None, currency: str) -> str | None:
    """A mean amount of minor units as a decimal string: 1234.56 EUR cents → "12.3456"."""
    if minor is None:
        return None
    digits = exponent(currency)
    value = Decimal(repr(minor)).scaleb(-digits)
    return f"{value.quantize(Decimal(1).scaleb(-digits - _MORE_DECIMALS), rounding=ROUND_HALF_EVEN):f}"


def _figures(figures: Figures, currency: str) -> Json:
    return {
        "slatesServed": figures.slates_served,
        "slatesShown": figures.slates_shown,
        "shoppers": figures.shoppers,
        "impressions": figures.impressions,
        "clicks": figures.clicks,
        "carts": figures.carts,
        "purchases": figures.purchases,
        "revenue": format_minor(figures.revenue_minor, currency),
        "clickThrough": _rate(figures.click_through),
        "slateClickThrough": _rate(figures.slate_click_through),
        "addToCart": _rate(figures.add_to_cart),
        "conversion": _rate(figures.conversion),
        "slateConversion": _rate(figures.slate_conversion),
        "revenuePerRecommendation": _money(figures.revenue_per_recommendation, currency),
        "revenuePerShopper": _money(figures.revenue_per_shopper, currency),
        "averageOrderValue": _money(figures.average_order_value, currency),
        "cartAbandonment": _rate(figures.cart_abandonment),
        "sessionLengthSeconds": _number(figures.session_length_s, 1),
        "timeToFirstPurchaseSeconds": _number(figures.time_to_first_purchase_s, 1),
        "modelCost": _cost(figures.cost),
        "revenuePerModelUsd": _number(figures.revenue_per_model_usd, 2),
    }


def _shop(figures: ShopFigures, currency: str) -> Json:
    return {
        "shoppers": figures.shoppers,
        "sessions": figures.sessions,
        "orders": figures.orders,
        "revenue": format_minor(figures.revenue_minor, currency),
        "sessionConversion": _rate(figures.session_conversion),
        "revenuePerShopper": _money(figures.revenue_per_shopper, currency),
        "averageOrderValue": _money(figures.average_order_value, currency),
        "cartAbandonment": _rate(figures.cart_abandonment),
        "sessionLengthSeconds": _number(figures.session_length_s, 1),
        "timeToFirstPurchaseSeconds": _number(figures.time_to_first_purchase_s, 1),
    }


def _rate(estimate: Estimate) -> Json:
    return _number(estimate, 5)


def _number(estimate: Estimate, digits: int) -> Json:
    values = (None if v is None else round(v, digits) for v in (estimate.value, estimate.low, estimate.high))
    return {**dict(zip(("value", "low", "high"), values, strict=True)), "n": estimate.n}


def _money(estimate: Estimate, currency: str) -> Json:
    values = (amount(v, currency) for v in (estimate.value, estimate.low, estimate.high))
    return {**dict(zip(("value", "low", "high"), values, strict=True)), "n": estimate.n}


def _cost(cost: ModelCost) -> Json:
    return {
        "calls": cost.calls,
        "cost": round(cost.cost_usd, 9),
        "charged": round(cost.charged_usd, 9),
        "unknownCost": cost.unknown_cost,
        "currency": "USD",
    }


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(part.capitalize() for part in rest)
