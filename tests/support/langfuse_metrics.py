"""The Metrics API v2 over what the stand-in holds, as far as the report asks: refuses what the API would."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.support.langfuse_stand_in import Held, Seen

_DIMENSIONS = {
    "observations": {
        "environment", "type", "name", "level", "version", "tags", "release", "traceName", "providedModelName",
        "promptName", "promptVersion", "isRootObservation", "startTimeMonth",
    },
    "scores-boolean": {
        "environment", "name", "source", "dataType", "configId", "timestampMonth", "timestampDay", "traceName", "tags",
        "observationName", "observationModelName", "observationPromptName", "observationPromptVersion", "booleanValue",
    },
}  # fmt: skip
_MEASURES = {
    "observations": {"count", "latency", "inputTokens", "outputTokens", "totalTokens", "totalCost"},
    "scores-boolean": {"count", "value"},
}


def measured(query: Mapping[str, Any], held: Held) -> list[dict[str, Any]]:
    """The rows of a query. Raises ValueError, KeyError: the API has no such query."""
    known = {"view", "dimensions", "metrics", "filters", "timeDimension", "fromTimestamp", "toTimestamp", "orderBy",
             "config"}  # fmt: skip
    if set(query) - known:
        raise ValueError(f"unknown keys {set(query) - known}")
    view = query["view"]
    since, until = (datetime.fromisoformat(query[name]) for name in ("fromTimestamp", "toTimestamp"))
    rows = [row for row in (_rows(view, held)) if since <= row["at"] < until]
    for one in query.get("filters", ()):
        if one["column"] not in _DIMENSIONS[view]:
            raise ValueError(f"no column {one['column']}")
        rows = [row for row in rows if _holds(one, row[one["column"]])]
    fields = [dimension["field"] for dimension in query.get("dimensions", ())]
    if not set(fields) <= _DIMENSIONS[view]:
        raise ValueError(f"no dimensions {set(fields) - _DIMENSIONS[view]}")
    time = query.get("timeDimension")
    groups: dict[tuple[Any, ...], list[dict[str, Any]]] = {}
    for row in rows:
        key = tuple(json.dumps(row[f]) if isinstance(row[f], list) else row[f] for f in fields)
        if time is not None:
            if time["granularity"] != "day":
                raise ValueError("the stand-in knows days")
            key = (*key, row["at"].strftime("%Y-%m-%d"))
        groups.setdefault(key, []).append(row)
    if not fields and time is None and not groups:
        groups[()] = []
    names = [*fields, *(["time_dimension"] if time is not None else [])]
    found = []
    for key, members in sorted(groups.items(), key=str):
        out = dict(zip(names, key, strict=True))
        for metric in query["metrics"]:
            measure, aggregation = metric["measure"], metric["aggregation"]
            if measure not in _MEASURES[view]:
                raise ValueError(f"no measure {measure}")
            out[f"{aggregation}_{measure}"] = _aggregate(measure, aggregation, members)
        found.append(out)
    return found[: query.get("config", {}).get("row_limit", 100)]


def _aggregate(measure: str, aggregation: str, rows: list[dict[str, Any]]) -> float | int | str | None:
    if measure == "count":
        return str(len(rows))  # as ClickHouse sends 64-bit integers
    values = sorted(float(row[measure]) for row in rows if row[measure] is not None)
    if aggregation == "sum":
        return sum(values)
    if not values:
        return None
    share = int(aggregation.removeprefix("p")) / 100
    return values[max(0, math.ceil(share * len(values)) - 1)]


def _rows(view: str, held: Held) -> list[dict[str, Any]]:
    if view == "observations":
        return [_observation(span) for span in held.spans.values()]
    rows = []
    for score in held.scores.values():
        at = score.timestamp or datetime.fromtimestamp(0, UTC)
        behind = held.spans.get((score.trace_id or "", score.observation_id or ""))
        of = _observation(behind) if behind is not None else {}
        rows.append(
            {
                "at": at,
                "name": score.name,
                "value": score.value,
                "environment": score.environment,
                "timestampDay": at.strftime("%Y-%m-%d"),
                "traceName": of.get("traceName"),
                "tags": of.get("tags"),
                "observationName": of.get("name"),
                "observationModelName": of.get("providedModelName"),
                "observationPromptName": of.get("promptName"),
                "observationPromptVersion": of.get("promptVersion"),
            }
        )
    return rows


def _observation(span: Seen) -> dict[str, Any]:
    attributes = span.attributes
    usage = span.usage
    version = attributes.get("langfuse.observation.prompt.version")
    return {
        "at": datetime.fromtimestamp(span.start_ns / 1e9, UTC),
        "environment": span.resource.get("langfuse.environment"),
        "type": span.kind.upper(),
        "name": span.name,
        "level": attributes.get("langfuse.observation.level"),
        "tags": list(attributes.get("langfuse.trace.tags", ())),
        "traceName": attributes.get("langfuse.trace.name"),
        "providedModelName": attributes.get("langfuse.observation.model.name"),
        "promptName": attributes.get("langfuse.observation.prompt.name"),
        "promptVersion": None if version is None else str(version),
        "isRootObservation": span.parent_id is None,
        "count": 1,
        "latency": (span.end_ns - span.start_ns) / 1e6,
        "inputTokens": usage.get("input", 0) + usage.get("input_cached_tokens", 0),
        "outputTokens": usage.get("output", 0),
        "totalTokens": usage.get("total", 0),
        "totalCost": span.cost_usd,
    }


def _holds(given: Mapping[str, Any], value: Any) -> bool:
    wanted, kind, operator = given["value"], given["type"], given["operator"]
    match kind, operator:
        case "string", "=":
            return bool(value == wanted)
        case "string", "starts with":
            return value is not None and str(value).startswith(wanted)
        case "stringOptions", "any of":
            return value in wanted
        case "boolean", "=":
            return bool(value) is wanted
        case "null", "is not null":
            return value is not None
        case _:
            raise ValueError(f"no filter {kind} {operator}")
