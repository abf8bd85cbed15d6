"""`shelfwise langfuse provision` and `shelfwise langfuse report`, registered by app.cli."""

from __future__ import annotations

import sys
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table

from app.adapters.langfuse_trace.access import Access, access_of
from app.domain.errors import BadInput, ConfigurationError
from app.settings import Settings

if TYPE_CHECKING:
    from app.adapters.langfuse_trace.figures import LangfuseFigures
    from app.adapters.langfuse_trace.provisioning import PromptFile

langfuse = typer.Typer(name="langfuse", help="The Langfuse project that traces go to.", no_args_is_help=True)

PERIOD_DAYS = 30


@langfuse.command()
def provision() -> None:
    """Create or update score configs, prompts, widgets and the dashboard; a second run changes nothing."""
    from app.adapters.langfuse_trace.provisioning import opened
    from app.adapters.langfuse_trace.provisioning import provision as bring_up_to_date
    from app.cli import out, read_settings

    settings = read_settings()
    access = _access(settings)
    prompts = prompt_files(settings.prompts_dir)
    with opened(access) as api:
        changes = bring_up_to_date(
            api,
            prompts,
            daily_budget_usd=settings.llm_daily_budget_usd,
            sample_rate=settings.langfuse_sample_rate,
        )
    for change in changes:
        out.print(change, markup=False, highlight=False)
    out.print(f"{len(changes)} changes in {access.host}", style="dim", markup=False, highlight=False)


@langfuse.command()
def report(
    since: Annotated[str | None, typer.Option("--from", help="A day such as 2026-09-01, or a time with zone.")] = None,
    until: Annotated[str | None, typer.Option("--to", help="The same, excluded.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """Print the dashboard's figures, and the rates that it can't compute: the last 30 days, or a period."""
    import orjson

    from app.adapters.langfuse_trace.figures import read_figures
    from app.adapters.langfuse_trace.provisioning import opened
    from app.cli import out, read_settings

    settings = read_settings()
    access = _access(settings)
    end = _moment(until, "--to") or datetime.now(UTC)
    begin = _moment(since, "--from") or end - timedelta(days=PERIOD_DAYS)
    if begin >= end:
        raise BadInput("--from must be before --to", field="--from")
    with opened(access) as api:
        figures = read_figures(api, begin, end)
    if as_json:
        sys.stdout.buffer.write(orjson.dumps(as_document(figures, settings), option=orjson.OPT_INDENT_2) + b"\n")
        return
    out.print(f"Langfuse, {begin:%Y-%m-%d %H:%M} to {end:%Y-%m-%d %H:%M} UTC", style="bold", highlight=False)
    for table in tables(figures, settings):
        out.print(table)
    for note in notes(settings):
        out.print(note, style="yellow", markup=False, highlight=False)


def prompt_files(folder: Path) -> list[PromptFile]:
    """Every prompt in the folder, by name and number. Raises ConfigurationError: one is wrong."""
    from app.adapters.langfuse_trace.observation import prompt_of
    from app.adapters.langfuse_trace.provisioning import PromptFile
    from app.prompts import load_prompt

    found = [PromptFile(load_prompt(folder, path.parent.name, path.stem), path) for path in folder.glob("*/v*.md")]
    return sorted(found, key=lambda file: (prompt_of(file.prompt.id)[0], prompt_of(file.prompt.id)[1] or 0))


def as_document(figures: LangfuseFigures, settings: Settings) -> dict[str, Any]:
    """The figures as one object, rates included."""
    return {
        **asdict(figures),
        "by_version": [{**asdict(one), "click_through": one.click_through} for one in figures.by_version],
        "cost_per_1000_usd": figures.cost_per_1000_usd,
        "cache_share": figures.cache_share,
        "fallback_share": figures.fallback_share,
        "daily_budget_usd": settings.llm_daily_budget_usd,
        "notes": notes(settings),
    }


def notes(settings: Settings) -> list[str]:
    """What a reader has to know about these figures."""
    if settings.langfuse_sample_rate is None:
        return []
    return [
        f"Traces are sampled ({settings.langfuse_sample_rate:g} of cached and baseline requests): counts and shares of "
        "slates, and cost per 1,000, come from `shelfwise report` and `shelfwise costs` instead. Costs are complete."
    ]


def tables(figures: LangfuseFigures, settings: Settings) -> list[Table]:
    """The figures for a person."""
    budget = settings.llm_daily_budget_usd
    dearest = max(figures.by_day.values(), default=0.0)
    summary = _table("", "value")
    for name, value in {
        "recommendations": f"{figures.recommendations:,}",
        "cost of model calls, USD": _usd(figures.cost_usd),
        "of them for recommendations": _usd(figures.recommendations_cost_usd),
        "cost per 1,000 recommendations": _usd(figures.cost_per_1000_usd),
        "tokens in / out": f"{figures.input_tokens:,} / {figures.output_tokens:,}",
        "share from cache": _share(figures.cache_share),
        "share of fallbacks": _share(figures.fallback_share),
        "dearest day / daily budget": f"{_usd(dearest)} / {'none' if budget is None else _usd(budget)}",
    }.items():
        summary.add_row(name, value)
    placement = _table("trace", "slates", "USD", "USD per 1,000")
    for name, (slates, cost) in sorted(figures.by_placement.items()):
        placement.add_row(name, f"{slates:,}", _usd(cost), _usd(1000 * cost / slates if slates else None))
    model = _table("model", "calls", "USD", "p95 ms")
    for name, (calls, cost, p95) in sorted(figures.by_model.items()):
        model.add_row(name, f"{calls:,}", _usd(cost), _ms(p95))
    version = _table("prompt", "calls", "USD", "slates ordered", "clicked", "click-through")
    for one in figures.by_version:
        version.add_row(
            one.prompt,
            f"{one.calls:,}",
            _usd(one.cost_usd),
            f"{one.ordered:,}",
            f"{one.clicked:,}",
            _share(one.click_through),
        )
    order = _table("ordered by", "slates", "p95 ms")
    for name, (slates, p95) in sorted(figures.by_order.items()):
        order.add_row(name, f"{slates:,}", _ms(p95))
    day = _table("day (UTC)", "USD", "of the budget")
    for name, cost in sorted(figures.by_day.items()):
        day.add_row(name, _usd(cost), _share(cost / budget if budget else None))
    return [summary, placement, model, version, order, day]


def _access(settings: Settings) -> Access:
    access = access_of(settings)
    if access is None:
        raise ConfigurationError(
            "No Langfuse project is configured. Set SHELFWISE_LANGFUSE_PUBLIC_KEY and SHELFWISE_LANGFUSE_SECRET_KEY."
        )
    return access


def _moment(text: str | None, field: str) -> datetime | None:
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise BadInput(f"{text!r} is no day such as 2026-09-01 and no time with a zone", field=field) from error
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _table(first: str, *others: str) -> Table:
    table = Table(box=None, pad_edge=False)
    table.add_column(first)
    for name in others:
        table.add_column(name, justify="right")
    return table


def _usd(value: float | None) -> str:
    return "–" if value is None else f"{value:.6f}" if abs(value) < 0.01 else f"{value:.4f}"


def _share(value: float | None) -> str:
    return "–" if value is None else f"{100 * value:.1f}%"


def _ms(value: float | None) -> str:
    return "–" if value is None else f"{value:.0f}"
