"""Makes a Langfuse project show what it should: score configs, prompts, widgets and a dashboard, found by their names.

Idempotent: what is there and right is left alone, so that a second run changes nothing. Nothing is ever deleted.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from langfuse.api import LangfuseAPI
from langfuse.api.commons.types import ScoreConfigDataType
from langfuse.api.core.api_error import ApiError
from langfuse.api.core.request_options import RequestOptions
from langfuse.api.prompts.types import CreateTextPromptRequest, CreateTextPromptType
from langfuse.api.unstable.dashboard_widgets.types import (
    DashboardWidgetChartConfigInput,
    DashboardWidgetChartType,
    DashboardWidgetDimension,
    DashboardWidgetFilter,
    DashboardWidgetMetric,
    DashboardWidgetMetricAggregation,
    DashboardWidgetView,
)
from langfuse.api.unstable.dashboards.types import CreateDashboardPlacementRequest_Widget
from pydantic import ValidationError

from app.adapters.langfuse_trace.access import Access
from app.adapters.langfuse_trace.dashboard import DASHBOARD, SCORE_TEXTS, Widget, dashboard_description, widgets
from app.adapters.langfuse_trace.observation import prompt_of
from app.adapters.langfuse_trace.wire import api_of
from app.domain.errors import ConfigurationError, StoreUnavailable
from app.prompts import Prompt

OLDEST = (4, 59)
"""The oldest server that SDK 5 works with."""

TIMEOUT_S = 10.0
PAGE = 100
ONCE: RequestOptions = {"max_retries": 0}


@dataclass(frozen=True, slots=True)
class PromptFile:
    """A prompt as its file has it."""

    prompt: Prompt
    path: Path


@contextmanager
def opened(access: Access) -> Iterator[LangfuseAPI]:
    """The project's REST API, after a look at the server's version.

    Raises: ConfigurationError: the server is too old, or refuses the keys. StoreUnavailable: it can't be reached.
    """
    with httpx.Client(timeout=TIMEOUT_S, trust_env=False) as http:
        api = api_of(access, http)
        try:
            version = api.health.health(request_options=ONCE).version
            found = re.match(r"v?(\d+)\.(\d+)", version)
            if found is not None and (int(found[1]), int(found[2])) < OLDEST:
                raise ConfigurationError(
                    f"{access.host} is Langfuse {version}; this needs {OLDEST[0]}.{OLDEST[1]} or newer, or Langfuse "
                    "Cloud. Older servers are not supported (docs/operations/langfuse.md)."
                )
            yield api
        except ApiError as error:
            if error.status_code in (401, 403):
                raise ConfigurationError(
                    f"{access.host} refuses the keys ({error.status_code}). Check SHELFWISE_LANGFUSE_PUBLIC_KEY and "
                    "SHELFWISE_LANGFUSE_SECRET_KEY: they are a project's."
                ) from error
            raise StoreUnavailable(f"{access.host} answers {error.status_code}: {str(error.body)[:300]}") from error
        except ValidationError as error:
            raise StoreUnavailable(f"{access.host} answers in another form than Langfuse does. Is it one?") from error
        except httpx.HTTPError as error:
            raise StoreUnavailable(f"{access.host} can't be reached: {type(error).__name__}.") from error


def provision(
    api: LangfuseAPI,
    prompts: Sequence[PromptFile],
    *,
    daily_budget_usd: float | None,
    sample_rate: float | None,
) -> list[str]:
    """Brings the project up to date; what was changed, one line each, empty when nothing.

    Raises: ApiError, httpx.HTTPError: inside `opened` these become our own.
    """
    return [
        *_score_configs(api),
        *_prompts(api, prompts),
        *_dashboard(api, widgets(daily_budget_usd), dashboard_description(sample_rate)),
    ]


def _score_configs(api: LangfuseAPI) -> Iterator[str]:
    held = {one.name: one for one in _all(api.score_configs.get)}
    for name, text in SCORE_TEXTS.items():
        one = held.get(name)
        if one is None:
            api.score_configs.create(
                name=name, data_type=ScoreConfigDataType.BOOLEAN, description=text, request_options=ONCE
            )
            yield f"score config {name}: created"
        elif one.data_type != ScoreConfigDataType.BOOLEAN:
            yield f"score config {name}: is {one.data_type.value} and not ours; rename it and run this again"


def _prompts(api: LangfuseAPI, files: Sequence[PromptFile]) -> Iterator[str]:
    """Mirrors the files, oldest version first, so that Langfuse counts as they do. The files stay the truth."""
    held = {one.name: one for one in _all(api.prompts.list)}
    for file in files:
        name, number = prompt_of(file.prompt.id)
        versions = held[name].versions if name in held else []
        if file.prompt.content_hash not in {_hash(api, name, version) for version in versions}:
            there = api.prompts.create(
                request=CreateTextPromptRequest(
                    name=name,
                    type=CreateTextPromptType.TEXT,
                    prompt=file.path.read_text(encoding="utf-8-sig"),
                    config={"hash": file.prompt.content_hash, "file": file.prompt.id},
                    labels=[f"v{number}"],
                    tags=["shelfwise"],
                    commit_message=f"{file.prompt.id}@{file.prompt.content_hash}",
                ),
                request_options=ONCE,
            ).version
            yield f"prompt {file.prompt.id}: mirrored as version {there}"
            if there != number:
                yield f"prompt {file.prompt.id}: traces name version {number}, which is another text in this project"


def _hash(api: LangfuseAPI, name: str, version: int) -> object:
    """The hash of the file that a version was mirrored from; None for one that a person made."""
    config = api.prompts.get(name, version=version, resolve=False, request_options=ONCE).config
    return config.get("hash") if isinstance(config, dict) else None


def _dashboard(api: LangfuseAPI, wanted: Sequence[Widget], description: str) -> Iterator[str]:
    held = {one.name: one for one in _all(api.unstable.dashboard_widgets.list)}
    ids: dict[str, str] = {}
    for widget in wanted:
        fields = _fields(widget)
        one = held.get(widget.name)
        if one is None:
            ids[widget.name] = api.unstable.dashboard_widgets.create(
                name=widget.name, **fields, request_options=ONCE
            ).id
            yield f"widget {widget.name}: created"
            continue
        ids[widget.name] = one.id
        if any(_plain(getattr(one, name)) != _plain(value) for name, value in fields.items() if name != "chart_config"):
            api.unstable.dashboard_widgets.update(one.id, **fields, request_options=ONCE)
            yield f"widget {widget.name}: changed"
    boards = [one for one in _all(api.unstable.dashboards.list) if one.name == DASHBOARD]
    if boards:
        board = api.unstable.dashboards.get(boards[0].id, request_options=ONCE)
        if board.description != description:
            api.unstable.dashboards.update(board.id, description=description, request_options=ONCE)
            yield f"dashboard {DASHBOARD}: changed"
    else:
        board = api.unstable.dashboards.create(name=DASHBOARD, description=description, request_options=ONCE)
        yield f"dashboard {DASHBOARD}: created"
    placed = {getattr(tile, "widget_id", None) for tile in board.definition.widgets}
    for widget, (x, y) in zip(wanted, _places(wanted), strict=True):
        if ids[widget.name] not in placed:
            tile = CreateDashboardPlacementRequest_Widget(
                widget_id=ids[widget.name], x=x, y=y, width=widget.width, height=HEIGHT
            )
            api.unstable.dashboards.add_placement(board.id, request=tile, request_options=ONCE)
            yield f"dashboard {DASHBOARD}: {widget.name} placed"


HEIGHT = 6
_COLUMNS = 12


def _places(wanted: Sequence[Widget]) -> Iterator[tuple[int, int]]:
    """Column and row of each tile, left to right, then the next row."""
    x = y = 0
    for widget in wanted:
        if x + widget.width > _COLUMNS:
            x, y = 0, y + HEIGHT
        yield x, y
        x += widget.width


def _fields(widget: Widget) -> dict[str, Any]:
    chart = DashboardWidgetChartType(widget.chart)
    return {
        "description": widget.description,
        "view": DashboardWidgetView(widget.view),
        "dimensions": [DashboardWidgetDimension(field=field) for field in widget.dimensions],
        "metrics": [
            DashboardWidgetMetric(measure=measure, agg=DashboardWidgetMetricAggregation(aggregation))
            for measure, aggregation in widget.metrics
        ],
        "filters": [DashboardWidgetFilter(**given) for given in widget.filters],
        "chart_type": chart,
        "chart_config": DashboardWidgetChartConfigInput(type=chart),
    }


def _plain(value: Any) -> Any:
    """For comparison: what the server adds to a part (a null, a default) makes no difference."""
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    if hasattr(value, "model_dump"):
        return {name: one for name, one in value.model_dump(mode="json").items() if one is not None}
    return getattr(value, "value", value)


def _all(listed: Callable[..., Any]) -> Iterator[Any]:
    """Every element of a paged list."""
    page = 1
    while True:
        found = listed(page=page, limit=PAGE, request_options=ONCE)
        yield from found.data
        if page >= found.meta.total_pages:
            return
        page += 1
