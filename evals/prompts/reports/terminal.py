"""A run for a terminal: label, gates, what got better or worse, and the figures."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table
from rich.text import Text

from evals.prompts.reports import wording
from evals.prompts.results import Report, Status, name_of
from evals.prompts.verdicts import EVERYTHING

_STYLE: dict[Status, str] = {"pass": "green", "fail": "bold red", "unknown": "yellow", "skipped": "dim"}
_FLIPS = 5


def print_report(report: Report, console: Console) -> None:
    """Everything a person needs to decide, the label first and last where a program gave the replies."""

    def say(line: str, style: str | None = None) -> None:
        console.print(line, style=style, highlight=False, markup=False)

    if report.label:
        say(f"*** {report.label} ***", "bold red")
    say(f"{report.title}: {report.scenarios} scenarios, {report.shuffles} further orders each", "bold")
    for run in report.runs:
        say(f"{name_of(run)} ({run.prompt_hash}): {len(run.outcomes)} of {report.scenarios} scenarios with a reply")
        if run.missing:
            say(f"  {len(run.missing)} have none and are left out: {run.miss_reason}", "yellow")
    for round_ in report.rounds:
        say(f"{round_.model}: {wording.asked_line(report, round_.model)}", "dim")
    console.print(_figures(report))
    for run in report.runs:
        if run.simulated:
            say(f"{name_of(run)}: {wording.NO_QUALITY}", "yellow")
    for comparison in report.comparisons:
        _compare(report, comparison.new, console)
    console.print(_gates(report))
    if report.label:
        say(f"*** {report.label} ***", "bold red")


def _figures(report: Report) -> Table:
    table = Table(title="All scenarios: share that passes, or mean", title_justify="left")
    table.add_column("check", no_wrap=True)
    for run in report.runs:
        table.add_column(Text(name_of(run)), justify="right")
    of = [wording.figures_of(report, run) for run in report.runs]
    shown = [{check.name for check in wording.checks_shown(report, run)} for run in report.runs]
    for check in report.checks:
        if any(check.name in names for names in shown):
            cells = [
                wording.figure(found.get((check.name, EVERYTHING))) if check.name in names else "–"
                for found, names in zip(of, shown, strict=True)
            ]
            table.add_row(check.name, *cells)
    return table


def _compare(report: Report, new: str, console: Console) -> None:
    for comparison in (c for c in report.comparisons if c.new == new):
        found = list(wording.told(report, comparison.verdicts, simulated=comparison.simulated))
        title = f"{comparison.new} against {comparison.old}"
        if not found:
            told = f"{title}: no evidence of a difference in {len(comparison.verdicts)} checks and segments"
            console.print(told, highlight=False, markup=False)
            continue
        table = Table(title=Text(f"{title}: better or worse, Holm-corrected"), title_justify="left")
        for column in ("check", "segment", "verdict", "old", "new", "difference, 95%", "p", "cases"):
            table.add_column(column)
        for v in found:
            style = "green" if v.outlook == "better" else "bold red"
            cells = (wording.number(v.old), wording.number(v.new), wording.difference(v), wording.chance(v.p_holm))
            table.add_row(v.check, v.segment, Text(v.outlook, style), *cells, str(v.cases))
        console.print(table)
        for v in (v for v in found if v.outlook == "worse" and v.segment == EVERYTHING):
            for flip in [f for f in v.flips if f.now == "fails"][:_FLIPS]:
                told = f"  {v.check}: {flip.scenario} fails now: {flip.detail}"
                console.print(told, style="dim", highlight=False, markup=False)


def _gates(report: Report) -> Table:
    table = Table(title="Gates", title_justify="left")
    for column in ("gate", "verdict", "why"):
        table.add_column(column)
    for gate in report.gates:
        table.add_row(gate.id, Text(gate.status, _STYLE[gate.status]), Text(gate.message))
    return table
