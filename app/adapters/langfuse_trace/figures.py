"""The dashboard's figures from Langfuse's Metrics API v2, and those that it can't compute: rates."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from langfuse.api import LangfuseAPI

from app.adapters.langfuse_trace.dashboard import CLICKS, MODEL_CALLS, ORDERED, ROOTS, SLATES, WARNINGS, Filter

ROWS_MOST = 1_000


@dataclass(frozen=True, slots=True)
class VersionFigures:
    """One version of a prompt."""

    prompt: str  # "rerank/v1", as files and ledger call it
    calls: int
    cost_usd: float
    ordered: int  # slates with its order, cached and shared ones included
    clicked: int  # of these

    @property
    def click_through(self) -> float | None:
        """Share of its slates that were clicked; None without any."""
        return self.clicked / self.ordered if self.ordered else None


@dataclass(frozen=True, slots=True)
class LangfuseFigures:
    """What a period came to, in Langfuse's books. Costs in US dollars."""

    since: datetime
    until: datetime
    recommendations: int
    cost_usd: float  # of every model call, the assistant's included
    recommendations_cost_usd: float
    input_tokens: int
    output_tokens: int
    by_placement: Mapping[str, tuple[int, float]]  # → (slates, cost)
    by_model: Mapping[str, tuple[int, float, float | None]]  # → (calls, cost, p95 latency in ms)
    by_version: Sequence[VersionFigures]
    by_order: Mapping[str, tuple[int, float | None]]  # llm, partial, cache … → (slates, p95 latency in ms)
    fallbacks: int
    by_day: Mapping[str, float]  # UTC day → cost

    @property
    def cost_per_1000_usd(self) -> float | None:
        """Cost of 1,000 recommendations; None without any."""
        return 1000 * self.recommendations_cost_usd / self.recommendations if self.recommendations else None

    @property
    def cache_share(self) -> float | None:
        """Share of slates whose order was a stored one; None without any."""
        cached = sum(n for name, (n, _) in self.by_order.items() if name in ("cache", "stale"))
        return cached / self.recommendations if self.recommendations else None

    @property
    def fallback_share(self) -> float | None:
        """Share of slates for which a model's answer was wanted and missing or incomplete; None without any."""
        return self.fallbacks / self.recommendations if self.recommendations else None


def read_figures(api: LangfuseAPI, since: datetime, until: datetime) -> LangfuseFigures:
    """The figures of [since, until). Raises ApiError, httpx.HTTPError: inside `opened` these become our own."""
    asked = _Metrics(api, since, until)
    slates = asked.rows("observations", [("count", "count")], ["traceName", "name"], [SLATES, ROOTS])
    latency = asked.rows("observations", [("latency", "p95")], ["name"], [SLATES, ROOTS])
    fallbacks = asked.rows("observations", [("count", "count")], [], [SLATES, ROOTS, WARNINGS])
    cost = [("totalCost", "sum"), ("count", "count")]
    spent = asked.rows("observations", cost, ["traceName"], [MODEL_CALLS])
    tokens = asked.rows("observations", [("inputTokens", "sum"), ("outputTokens", "sum")], [], [MODEL_CALLS])
    models = asked.rows("observations", [*cost, ("latency", "p95")], ["providedModelName"], [MODEL_CALLS])
    days = asked.rows("observations", [("totalCost", "sum")], [], [MODEL_CALLS], by_day=True)
    by_order: dict[str, tuple[int, float | None]] = {}
    p95 = {str(row["name"]): row.get("p95_latency") for row in latency}
    for row in slates:
        name = str(row["name"])
        n = by_order.get(name.removeprefix("recommend."), (0, None))[0] + _count(row)
        by_order[name.removeprefix("recommend.")] = (n, _number(p95.get(name)))
    placements: dict[str, tuple[int, float]] = {}
    for row in slates:
        name = str(row["traceName"])
        placements[name] = (placements.get(name, (0, 0.0))[0] + _count(row), 0.0)
    for row in spent:
        name = str(row["traceName"])
        placements[name] = (placements.get(name, (0, 0.0))[0], _cost(row))
    return LangfuseFigures(
        since=since,
        until=until,
        recommendations=sum(n for n, _ in by_order.values()),
        cost_usd=sum(_cost(row) for row in spent),
        recommendations_cost_usd=sum(c for name, (_, c) in placements.items() if name.startswith("reco.")),
        input_tokens=int(sum(_number(row.get("sum_inputTokens")) or 0.0 for row in tokens)),
        output_tokens=int(sum(_number(row.get("sum_outputTokens")) or 0.0 for row in tokens)),
        by_placement=placements,
        by_model={
            str(row["providedModelName"]): (_count(row), _cost(row), _number(row.get("p95_latency"))) for row in models
        },
        by_version=_versions(asked),
        by_order=by_order,
        fallbacks=sum(_count(row) for row in fallbacks),
        by_day={str(row["time_dimension"])[:10]: _cost(row) for row in days},
    )


def _versions(asked: _Metrics) -> list[VersionFigures]:
    paid = asked.rows(
        "observations", [("totalCost", "sum"), ("count", "count")], ["promptName", "promptVersion"], [MODEL_CALLS]
    )
    ordered = asked.rows("observations", [("count", "count")], ["promptName", "promptVersion"], [ORDERED])
    clicks = asked.rows(
        "scores-boolean", [("count", "count")], ["observationPromptName", "observationPromptVersion"], [CLICKS]
    )
    calls = {_version(row, "prompt"): (_count(row), _cost(row)) for row in paid}
    slates = {_version(row, "prompt"): _count(row) for row in ordered}
    clicked = {_version(row, "observationPrompt"): _count(row) for row in clicks}
    return [
        VersionFigures(name, *calls.get(name, (0, 0.0)), slates.get(name, 0), clicked.get(name, 0))
        for name in sorted(calls.keys() | slates.keys())
    ]


def _version(row: Mapping[str, Any], prefix: str) -> str:
    return f"{row[f'{prefix}Name']}/v{row[f'{prefix}Version']}"


class _Metrics:
    """Questions about one period."""

    def __init__(self, api: LangfuseAPI, since: datetime, until: datetime) -> None:
        self._api, self._since, self._until = api, since, until

    def rows(
        self,
        view: str,
        metrics: Sequence[tuple[str, str]],
        dimensions: Sequence[str],
        filters: Sequence[Filter],
        *,
        by_day: bool = False,
    ) -> list[dict[str, Any]]:
        query: dict[str, Any] = {
            "view": view,
            "metrics": [{"measure": measure, "aggregation": aggregation} for measure, aggregation in metrics],
            "dimensions": [{"field": field} for field in dimensions],
            "filters": list(filters),
            "fromTimestamp": self._since.astimezone(UTC).isoformat(),
            "toTimestamp": self._until.astimezone(UTC).isoformat(),
            "config": {"row_limit": ROWS_MOST},
        }
        if by_day:
            query["timeDimension"] = {"granularity": "day"}
        answer = self._api.metrics.metrics(query=json.dumps(query), request_options={"max_retries": 0})
        return list(answer.data)


def _count(row: Mapping[str, Any]) -> int:
    return int(_number(row.get("count_count")) or 0.0)


def _cost(row: Mapping[str, Any]) -> float:
    return _number(row.get("sum_totalCost")) or 0.0


def _number(value: Any) -> float | None:
    """A figure of an answer: 64-bit integers come as text; None where there is none."""
    return None if value is None else float(value)
