"""`shelfwise report` and `shelfwise costs`, registered by app.cli."""

from __future__ import annotations

import sys
import time
from typing import Annotated

import typer


def report(
    since: Annotated[str | None, typer.Option("--from", help="A day such as 2026-09-01, or a time with zone.")] = None,
    until: Annotated[str | None, typer.Option("--to", help="The same, excluded.")] = None,
    group_by: Annotated[str | None, typer.Option(help="placement, strategy, prompt or day.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="As GET /api/metrics/business answers.")] = False,
) -> None:
    """Print what recommendations brought in: the last 30 days, or a period."""
    from typing import get_args

    import orjson

    from app.adapters.clock import AsOfClock
    from app.api.report_answers import report_answer
    from app.bootstrap import open_store
    from app.cli import out, read_settings
    from app.domain.figures import Grouping
    from app.report import business_report, period_of
    from app.report_table import heading, report_table, shop_table
    from app.reporting import Reporting

    chosen: Grouping | None = next((name for name in get_args(Grouping) if name == group_by), None)
    if group_by is not None and chosen is None:
        raise typer.BadParameter(f"one of {', '.join(get_args(Grouping))}", param_hint="--group-by")
    settings = read_settings()
    store = open_store(settings)
    reporting = Reporting.open(settings, AsOfClock(settings.as_of, store.last_event_at).now)
    try:
        made = business_report(reporting.parts, period_of(since, until, reporting.parts.now()), chosen)
    finally:
        reporting.close()
        store.close()
    if as_json:
        sys.stdout.buffer.write(
            orjson.dumps(report_answer(made, settings.currency), option=orjson.OPT_INDENT_2) + b"\n"
        )
        return
    out.print(heading(made), markup=False, highlight=False)
    for note in made.notes:
        out.print(note, style="bold", markup=False, highlight=False)
    if made.total.slates_served or made.total.cost.calls:
        out.print(report_table(made, settings.currency))
    out.print(shop_table(made, settings.currency))


def costs(
    since: Annotated[str | None, typer.Option("--from", help="A day such as 2026-09-01, or a time with zone.")] = None,
    until: Annotated[str | None, typer.Option("--to", help="The same, excluded.")] = None,
    group_by: Annotated[str, typer.Option(help="model, placement, prompt or day.")] = "model",
    as_json: Annotated[bool, typer.Option("--json", help="As GET /api/costs answers.")] = False,
    rebook_after: Annotated[
        str | None,
        typer.Option(
            metavar="DAY",
            help="First charge to this day (UTC, today's) what was charged to later ones by a clock that ran ahead.",
        ),
    ] = None,
) -> None:
    """Print what model calls cost, from the ledger: the last 30 days, or a period; and how the budgets stand today."""
    from typing import get_args

    import orjson

    from app.api.costs import costs_answer
    from app.bootstrap import open_store
    from app.cli import out, read_settings
    from app.domain.model_calls import CostGrouping
    from app.report import cost_report
    from app.report_table import budgets_table, costs_table
    from app.reporting import Reporting

    chosen: CostGrouping | None = next((name for name in get_args(CostGrouping) if name == group_by), None)
    if chosen is None:
        raise typer.BadParameter(f"one of {', '.join(get_args(CostGrouping))}", param_hint="--group-by")
    settings = read_settings()
    open_store(settings).close()  # brings the schema up to date
    if rebook_after is not None:
        _rebook(settings.sqlalchemy_url, rebook_after)
    reporting = Reporting.open(settings, time.time)
    try:
        made = cost_report(reporting.parts, since, until, chosen)
    finally:
        reporting.close()
    if as_json:
        sys.stdout.buffer.write(orjson.dumps(costs_answer(made), option=orjson.OPT_INDENT_2) + b"\n")
    else:
        out.print(costs_table(made))
        if made.budgets:
            out.print(budgets_table(made))


def _rebook(url: str, day: str) -> None:
    """Moves what is charged to days after this one to it, and says how much that was."""
    from datetime import UTC, date, datetime

    from app.adapters.sql_store.ledger import SqlLedger
    from app.cli import err
    from app.domain.errors import BadInput

    try:
        chosen = date.fromisoformat(day)
    except ValueError:
        raise BadInput(f"{day!r} is no day; write 2026-11-21.", field="--rebook-after") from None
    if chosen > datetime.now(UTC).date():
        raise BadInput(f"{day} is not here yet: its budget would be used up before it begins.", field="--rebook-after")
    ledger = SqlLedger.open(url)
    try:
        moved = ledger.rebook_after(chosen.isoformat())
    finally:
        ledger.close()
    err.print(f"Moved to {chosen}: {moved:.6f} US dollars.", highlight=False)
