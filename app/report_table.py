"""A business report as a table for a terminal: the same figures as GET /api/metrics/business."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime

from rich.markup import escape
from rich.table import Table

from app.api.report_answers import amount
from app.domain.figures import BusinessReport, Estimate, Figures
from app.domain.money import format_minor
from app.report import CostReport


def report_table(report: BusinessReport, currency: str) -> Table:
    """One column per group, the total first; each figure with its interval and n."""
    table = Table(box=None, pad_edge=False)
    table.add_column("recommendations")
    columns = [("total", report.total), *report.groups]
    for name, _ in columns:
        table.add_column(escape(name), justify="right")
    lines = [list(_lines(figures, currency)) for _, figures in columns]
    for row in zip(*lines, strict=True):
        table.add_row(row[0][0], *(cell for _, cell in row))
    return table


def shop_table(report: BusinessReport, currency: str) -> Table:
    """The whole shop in the period, recommended or not."""
    shop = report.shop
    table = Table(box=None, pad_edge=False)
    table.add_column("whole shop, recommended or not")
    table.add_column("", justify="right")
    for name, cell in (
        ("shoppers", f"{shop.shoppers:,}"),
        ("sessions", f"{shop.sessions:,}"),
        ("orders", f"{shop.orders:,}"),
        (f"revenue, {currency}", format_minor(shop.revenue_minor, currency)),
        ("sessions with a purchase", _rate(shop.session_conversion)),
        (f"revenue per shopper, {currency}", _money(shop.revenue_per_shopper, currency)),
        (f"average order value, {currency}", _money(shop.average_order_value, currency)),
        ("cart abandonment", _rate(shop.cart_abandonment)),
        ("session length, s", _number(shop.session_length_s)),
        ("time to first purchase, s (median)", _number(shop.time_to_first_purchase_s)),
    ):
        table.add_row(name, cell)
    return table


def heading(report: BusinessReport) -> str:
    """Which period, and how purchases were credited."""
    end = "the newest" if report.period.until is None else _day(report.period.until)
    return (
        f"Slates served from {_day(report.period.since)} to {end}; a purchase counts for the last slate touched within "
        f"{report.rule.window_s / 86_400.0:g} days before it. 95% intervals; n in brackets."
    )


def costs_table(report: CostReport) -> Table:
    """One row per group of model calls, the total last; US dollars."""
    table = Table(box=None, pad_edge=False)
    # A name is what tells the rows apart: where there is little room it takes several lines and is never cut.
    headings = ("calls", "input", "output", "cached", "cost, USD", "charged, USD", "unknown cost", "background")
    table.add_column(report.grouping, overflow="fold", min_width=16)
    for heading in headings:
        table.add_column(heading, justify="right")
    for group in (*report.groups, report.total):
        counts = (group.calls, group.input_tokens, group.output_tokens, group.cached_tokens)
        table.add_row(
            escape(group.name),
            *(f"{n:,}" for n in counts),
            f"{group.cost_usd:.6f}",
            f"{group.charged_usd:.6f}",
            f"{group.unknown_cost:,}",
            f"{group.background:,}",
        )
    return table


def budgets_table(report: CostReport) -> Table:
    """One row per budget: what it allows, what is charged to it today, and whether it is passed."""
    table = Table(box=None, pad_edge=False)
    table.add_column("budget, USD a day")
    for heading in ("charged", "soft", "hard", ""):
        table.add_column(heading, justify="right" if heading else "left")
    for standing in report.budgets:
        limits = (standing.budget.soft_usd, standing.budget.hard_usd)
        state = "exhausted" if standing.exhausted else "soft budget exceeded" if standing.soft_exceeded else ""
        table.add_row(
            escape(standing.budget.scope),
            f"{standing.charged_usd:.6f}",
            *("-" if limit is None else f"{limit:g}" for limit in limits),
            state,
        )
    return table


def _lines(figures: Figures, currency: str) -> Iterator[tuple[str, str]]:
    yield "slates served", f"{figures.slates_served:,}"
    yield "slates shown", f"{figures.slates_shown:,}"
    yield "shoppers", f"{figures.shoppers:,}"
    yield "impressions", f"{figures.impressions:,}"
    yield "clicks", f"{figures.clicks:,}"
    yield "carts", f"{figures.carts:,}"
    yield "purchases", f"{figures.purchases:,}"
    yield f"revenue, {currency}", format_minor(figures.revenue_minor, currency)
    yield "click-through", _rate(figures.click_through)
    yield "slates with a click", _rate(figures.slate_click_through)
    yield "clicks put into a cart", _rate(figures.add_to_cart)
    yield "conversion of clicks", _rate(figures.conversion)
    yield "slates with a purchase", _rate(figures.slate_conversion)
    yield f"revenue per recommendation, {currency}", _money(figures.revenue_per_recommendation, currency)
    yield f"revenue per shopper, {currency}", _money(figures.revenue_per_shopper, currency)
    yield f"average order value, {currency}", _money(figures.average_order_value, currency)
    yield "cart abandonment", _rate(figures.cart_abandonment)
    yield "session length, s", _number(figures.session_length_s)
    yield "time to first purchase, s (median)", _number(figures.time_to_first_purchase_s)
    yield "model calls", f"{figures.cost.calls:,}"
    yield "model cost, USD", f"{figures.cost.charged_usd:.4f}"
    yield f"revenue per USD of model cost, {currency}", _number(figures.revenue_per_model_usd)


def _rate(estimate: Estimate) -> str:
    return _cell(estimate, lambda v: f"{100 * v:.2f}%")


def _number(estimate: Estimate) -> str:
    return _cell(estimate, lambda v: f"{v:,.1f}")


def _money(estimate: Estimate, currency: str) -> str:
    return _cell(estimate, lambda v: str(amount(v, currency)))


def _cell(estimate: Estimate, written: Callable[[float], str]) -> str:
    if estimate.value is None:
        return "-"
    if estimate.low is None or estimate.high is None:
        return f"{written(estimate.value)} ({estimate.n:,})"
    return f"{written(estimate.value)} {written(estimate.low)}..{written(estimate.high)} ({estimate.n:,})"


def _day(epoch_s: float) -> str:
    return datetime.fromtimestamp(epoch_s, UTC).strftime("%Y-%m-%d %H:%M")
