"""What `shelfwise langfuse provision` keeps in a project: score configs, widgets and one dashboard. Plain data.

A widget has no ratio (Langfuse has no such measure), so rates are shown as their two parts beside each other, and
`shelfwise langfuse report` divides them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from app.adapters.langfuse_trace.reading import CALLS, ORDERING, SCORED

DASHBOARD = "Shelfwise recommendations"

SCORE_TEXTS: Mapping[str, str] = {
    "click": "A shopper clicked on something of this slate.",
    "add_to_cart": "A shopper put something of this slate into the cart.",
    "purchase": "A shopper bought something of this slate.",
}
assert tuple(SCORE_TEXTS) == SCORED

Filter = Mapping[str, object]

SLATES: Filter = {"column": "name", "operator": "starts with", "type": "string", "value": "recommend."}
ROOTS: Filter = {"column": "isRootObservation", "operator": "=", "type": "boolean", "value": True}
MODEL_CALLS: Filter = {"column": "name", "operator": "any of", "type": "stringOptions", "value": list(CALLS)}
ORDERED: Filter = {"column": "name", "operator": "any of", "type": "stringOptions", "value": list(ORDERING)}
CLICKS: Filter = {"column": "name", "operator": "=", "type": "string", "value": "click"}
WARNINGS: Filter = {"column": "level", "operator": "=", "type": "string", "value": "WARNING"}


@dataclass(frozen=True, slots=True)
class Widget:
    """One tile; width in twelfths of the dashboard."""

    name: str  # unique in the project: what it is found by
    description: str
    view: str
    chart: str
    metrics: Sequence[tuple[str, str]]  # (measure, aggregation)
    dimensions: Sequence[str] = ()  # more than one only in a pivot table
    filters: Sequence[Filter] = ()
    width: int = 6


def widgets(daily_budget_usd: float | None) -> tuple[Widget, ...]:
    """The tiles, in the order of the dashboard."""
    budget = "no cap is set" if daily_budget_usd is None else f"the cap is {daily_budget_usd:g} US dollars a day"
    return (
        Widget(
            "Shelfwise: spend per day",
            f"Cost of model calls in US dollars; {budget} (SHELFWISE_LLM_DAILY_BUDGET_USD, per UTC day).",
            "observations",
            "BAR_TIME_SERIES",
            [("totalCost", "sum")],
            filters=[MODEL_CALLS],
        ),
        Widget(
            "Shelfwise: recommendations per day",
            "Slates that were served. Spend above, times 1,000, by this is the cost per 1,000 recommendations.",
            "observations",
            "BAR_TIME_SERIES",
            [("count", "count")],
            filters=[SLATES, ROOTS],
        ),
        Widget(
            "Shelfwise: cost of an ordered recommendation",
            "Mean cost in US dollars of a slate with a model's order, cached and shared ones included; times 1,000 "
            "it is the cost per 1,000 of them. Over all slates: `shelfwise langfuse report`.",
            "observations",
            "NUMBER",
            [("totalCost", "avg")],
            filters=[ORDERED],
            width=4,
        ),
        Widget(
            "Shelfwise: cost by model",
            "US dollars.",
            "observations",
            "HORIZONTAL_BAR",
            [("totalCost", "sum")],
            ["providedModelName"],
            [MODEL_CALLS],
            width=4,
        ),
        Widget(
            "Shelfwise: cost by prompt version",
            "US dollars and calls.",
            "observations",
            "PIVOT_TABLE",
            [("totalCost", "sum"), ("count", "count")],
            ["promptName", "promptVersion"],
            [MODEL_CALLS],
            width=4,
        ),
        Widget(
            "Shelfwise: who ordered the slates",
            "Where the order came from: model (llm, partial), cache (cache, stale) or baseline. Their shares are the "
            "cache's and, with the next tile, the fallbacks'.",
            "observations",
            "PIE",
            [("count", "count")],
            ["name"],
            [SLATES, ROOTS],
        ),
        Widget(
            "Shelfwise: fallbacks per day",
            "Slates for which a model's answer was wanted and missing or incomplete.",
            "observations",
            "BAR_TIME_SERIES",
            [("count", "count")],
            filters=[SLATES, ROOTS, WARNINGS],
        ),
        Widget(
            "Shelfwise: p95 latency of a recommendation",
            "Milliseconds, by where the order came from.",
            "observations",
            "LINE_TIME_SERIES",
            [("latency", "p95")],
            ["name"],
            [SLATES, ROOTS],
        ),
        Widget(
            "Shelfwise: p95 latency of a model call",
            "Milliseconds, by model; no shopper waits longer than the deadline.",
            "observations",
            "LINE_TIME_SERIES",
            [("latency", "p95")],
            ["providedModelName"],
            [MODEL_CALLS],
        ),
        Widget(
            "Shelfwise: clicked slates by prompt version",
            "By the next tile it is the click-through of a prompt's version.",
            "scores-boolean",
            "PIVOT_TABLE",
            [("count", "count")],
            ["observationPromptName", "observationPromptVersion"],
            [CLICKS],
        ),
        Widget(
            "Shelfwise: ordered slates by prompt version",
            "Slates with the order of a prompt's version, cached and shared ones included.",
            "observations",
            "PIVOT_TABLE",
            [("count", "count")],
            ["promptName", "promptVersion"],
            [ORDERED],
        ),
    )


def dashboard_description(sample_rate: float | None) -> str:
    """What stands above the tiles."""
    text = "Kept by `shelfwise langfuse provision`; changes made here are put back by its next run."
    if sample_rate is None:
        return text
    return (
        f"{text} SAMPLED: {sample_rate:g} of the cached and baseline requests and at most 10 fallbacks a second are "
        "traced, every model call is. Counts and shares of slates come from the service's own figures: `shelfwise "
        "report`, `shelfwise costs`."
    )
