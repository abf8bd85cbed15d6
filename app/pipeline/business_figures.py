"""Figures from tallies, one line each, as docs/metrics.md defines them; and which groups are too small to be shown."""

from __future__ import annotations

from collections.abc import Mapping

from app.domain.catalog import FloatArray
from app.domain.figures import Figures, GroupTally, ShopFigures, ShopTally, Tally
from app.pipeline.intervals import median, rate, ratio, total_over

LEAST_SHOPPERS = 5


def figures(tally: GroupTally, *, minor_per_unit: int, with_return: bool = True) -> Figures:
    """The figures of one group.

    Args: minor_per_unit: minor units in one unit of the shop's currency, for the return on US dollars;
          with_return: False where the group's cost is not what brought its revenue in.
    """
    s, orders, visits = tally.slates, tally.orders, tally.visits
    shoppers = s["shoppers"]
    back = total_over(s["revenue_minor"] / minor_per_unit, shoppers, tally.cost.charged_usd if with_return else 0.0)
    return Figures(
        slates_served=_whole(s["served"]),
        slates_shown=_whole(s["shown"]),
        shoppers=_whole(shoppers),
        impressions=_whole(s["impressions"]),
        clicks=_whole(s["clicks"]),
        carts=_whole(s["carts"]),
        purchases=_whole(s["purchases"]),
        revenue_minor=_whole(s["revenue_minor"]),
        click_through=rate(s["clicked_impressions"], s["impressions"], shoppers),
        slate_click_through=rate(s["clicked_slates"], s["shown"], shoppers),
        add_to_cart=rate(s["carted_clicks"], s["clicks"], shoppers),
        conversion=rate(s["bought_clicks"], s["clicks"], shoppers),
        slate_conversion=rate(s["bought_slates"], s["shown"], shoppers),
        revenue_per_recommendation=ratio(s["shown_revenue_minor"], s["shown"]),
        revenue_per_shopper=ratio(s["shown_revenue_minor"], s["shown_shoppers"]),
        average_order_value=ratio(orders["order_minor"], orders["orders"]),
        cart_abandonment=rate(visits["abandoned"], visits["cart_visits"], visits["visits"]),
        session_length_s=ratio(visits["seconds"], visits["timed_visits"]),
        time_to_first_purchase_s=median(tally.waits),
        cost=tally.cost,
        revenue_per_model_usd=back,
    )


def shop_figures(tally: ShopTally) -> ShopFigures:
    """The figures of the whole shop."""
    visits, orders, shoppers = tally.visits, tally.orders, tally.shoppers
    return ShopFigures(
        shoppers=_whole(shoppers["shoppers"]),
        sessions=_whole(visits["visits"]),
        orders=_whole(orders["orders"]),
        revenue_minor=_whole(shoppers["revenue_minor"]),
        session_conversion=rate(visits["buying_visits"], visits["visits"], visits["visits"]),
        revenue_per_shopper=ratio(shoppers["revenue_minor"], shoppers["shoppers"]),
        average_order_value=ratio(orders["order_minor"], orders["orders"]),
        cart_abandonment=rate(visits["abandoned"], visits["cart_visits"], visits["visits"]),
        session_length_s=ratio(visits["seconds"], visits["timed_visits"]),
        time_to_first_purchase_s=median(tally.waits),
    )


def too_small(shoppers: Mapping[str, int]) -> set[str]:
    """The groups to put together because fewer than 5 shoppers were served in each; group → shoppers.

    Were they together still so few, the next smallest group joins them: what is left of the total when the others are
    taken from it would tell their figures all the same.
    """
    small = {name for name, n in shoppers.items() if n < LEAST_SHOPPERS}
    large = sorted((name for name in shoppers if name not in small), key=lambda name: (shoppers[name], name))
    while small and large and sum(shoppers[name] for name in small) < LEAST_SHOPPERS:
        small.add(large.pop(0))
    return small


def notes(tally: Tally, *, open_until: float | None, now: float) -> list[str]:
    """What a reader must know before reading the figures.

    Args: open_until: when the last purchase that can count for the period may be made, epoch seconds; None: no end.
    """
    served, shown = _whole(tally.total.slates["served"]), _whole(tally.total.slates["shown"])
    said = []
    if served == 0:
        said.append(
            "No slates were served in this period, so no figure below is about recommendations; `shop` is about all "
            "events held, imported or invented ones included."
        )
    elif shown == 0:
        said.append(
            "Slates were served, but no impression of any has come: click-through and every figure per recommendation "
            "need `impression` events with the recommendationId."
        )
    elif open_until is None or open_until > now:
        said.append("The attribution window of the newest slates is still open: their purchases will grow.")
    if tally.total.cost.unknown_cost:
        said.append("The cost of some model calls is not known; they count with the worst case they were reserved at.")
    return said


def _whole(sums: FloatArray) -> int:
    return round(float(sums.sum()))
