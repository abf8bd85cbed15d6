"""A run of load scenarios, written down: JSON, Markdown, and one HTML page that loads nothing."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import orjson
from jinja2 import Environment, StrictUndefined
from markupsafe import Markup
from pydantic import TypeAdapter, ValidationError

from app.domain.errors import BadInput
from evals.load.latency import PATIENCE_MS, KindFigures, Spread
from evals.load.legs import main_leg, steps_of
from evals.load.measured import LABEL, Leg, Result, Run
from evals.load.scenarios import SCENARIOS, figure
from evals.ranking.results import write_json

_TEMPLATE = Path(__file__).parent / "load.html.j2"
NAME = "load"


def read_run(folder: Path) -> Run:
    """What earlier runs left in a folder. Raises BadInput: the file there is no such run."""
    path = folder / f"{NAME}.json"
    if not path.exists():
        return Run(LABEL, ())
    try:
        return TypeAdapter(Run).validate_python(orjson.loads(path.read_bytes()))
    except (orjson.JSONDecodeError, ValidationError) as error:
        raise BadInput(f"{path} is no result of `shelfwise eval load`; choose another --out.") from error


def write_reports(run: Run, folder: Path) -> list[Path]:
    """Writes all three; without matplotlib the page has no plots. Returns their paths."""
    paths = [folder / f"{NAME}.{ending}" for ending in ("json", "md", "html")]
    write_json(_without_spare_bins(run), paths[0])
    paths[1].write_text("\n".join(_markdown(run)) + "\n", encoding="utf-8")
    paths[2].write_text(_html(run), encoding="utf-8")
    return paths


def _without_spare_bins(run: Run) -> Run:
    """The run without slices of time that nothing draws: of a ramp's steps and of an outage's single ways."""
    results = []
    for result in run.results:
        drawn = main_leg(result)
        legs = [leg if leg is drawn else replace(leg, figures=replace(leg.figures, bins=())) for leg in result.legs]
        results.append(replace(result, legs=legs))
    return replace(run, results=results)


def _markdown(run: Run) -> Iterator[str]:
    yield "# Load"
    yield ""
    yield "Written by `shelfwise eval load`; do not edit by hand. The scenarios and how to read this: docs/load.md."
    yield ""
    yield run.label
    for result in run.results:
        yield ""
        yield f"## {result.name}"
        yield ""
        yield result.says
        yield ""
        yield circumstances(result)
        yield ""
        yield from _table(("", *COLUMNS), [(leg.name, *row(leg)) for leg in result.legs])
        others = [(leg, kind) for leg in result.legs for kind in leg.figures.kinds if kind != "slate"]
        if others and len(result.legs) == 1:
            yield ""
            yield from _table(
                ("beside it", *OTHER_COLUMNS),
                [(kind, *other_row(leg.figures.kinds[kind])) for leg, kind in others],
            )
        yield ""
        for line in told(result):
            yield f"- {line}"


COLUMNS = (
    "slates",
    "asked, /s",
    "in time, /s",
    "available",
    "p50 ms",
    "p95 ms",
    "p99 ms",
    "p99.9 ms",
    "most ms",
    "refused",
)
OTHER_COLUMNS = ("requests", "good", "p50 ms", "p95 ms", "p99 ms", "most ms", "otherwise")


def row(leg: Leg) -> tuple[str, ...]:
    """A leg's figures under COLUMNS."""
    found = leg.figures
    slates = found.slates
    refused = slates.worth.get("refused", 0)
    return (
        f"{slates.planned:,}",
        f"{leg.rate:.1f}",
        f"{found.goodput:.1f}",
        figure(found.availability),
        *_ms(slates.answered, ("50", "95", "99", "99.9")),
        f"{refused:,}"
        if not refused
        else f"{refused:,} (p50 {_one(slates.refused, '50')}, p99 {_one(slates.refused, '99')})",
    )


def other_row(found: KindFigures) -> tuple[str, ...]:
    """The figures of another kind of request under OTHER_COLUMNS."""
    otherwise = [f"{count} {what}" for what, count in found.details.items()]
    otherwise += [f"{found.worth['refused']} refused"] if found.worth.get("refused") else []
    good = f"{found.worth.get('good', 0):,}"
    return f"{found.planned:,}", good, *_ms(found.answered, ("50", "95", "99")), "; ".join(otherwise) or "none"


def told(result: Result) -> list[str]:
    """What else is to be said of a scenario, a line each: must-holds first."""
    holds = SCENARIOS[result.name].holds
    lines = [f"**Missed.** {sentence}" for sentence in result.missed]
    if not result.missed:
        lines.append(
            "Held: " + "; ".join(_bound(hold.says, hold.at_most, hold.at_least, hold.unit) for hold in holds) + "."
        )
    lines += result.notes
    for name in (
        "goodput_of_peak",
        "goodput_in_turns",
        "with_events_goodput_of_peak",
        "p99_to_no_model",
        "p50_to_no_model",
        "available_after",
    ):
        if name in result.measures:
            lines.append(f"{_NAMES[name]}: {figure(result.measures[name])}.")
    main = main_leg(result).figures
    if main.strategies:
        lines.append(f"Order from: {_counts(main.strategies)}.")
    if main.fallbacks:
        lines.append(f"`fallbackReason`: {_counts(main.fallbacks)}.")
    lines.append(f"Answered from a worker's memory (`latencyMs.memo`): {_share(main.memo_share)} of the slates.")
    if main.slates.details:
        lines.append(f"Slates that were not whole and in order: {_counts(main.slates.details)}.")
    return lines


_NAMES = {
    "goodput_of_peak": "Goodput under overload as a share of the peak",
    "goodput_in_turns": "The same of the best step of the ramp that was asked for in turns with it",
    "with_events_goodput_of_peak": "As a share of the peak with three times the events as well",
    "p99_to_no_model": "p99 with the provider down to p99 without a model",
    "p50_to_no_model": "The same of p50",
    "available_after": "Available afterwards, at half of the peak",
}


def circumstances(result: Result) -> str:
    """Under what, and how the generator did."""
    g = result.generator
    who = "a service that ran already" if result.workers is None else f"{result.workers} worker(s)"
    cpu = (
        ""
        if math.isnan(result.service_cpu_ms)
        else f" The service used {result.service_cores:.2f} cores, {result.service_cpu_ms:.1f} CPU ms for each request "
        f"that it did not refuse, {result.service_mb:,.0f} MiB at the end."
    )
    return (
        f"{result.measured_on}, {who}, provider: {result.provider}, seed {result.seed}, {result.machine.get('cores')} "
        f"cores, load average {result.load_before:.1f} before and {result.load_after:.1f} after. In time is within "
        f"{PATIENCE_MS:.0f} ms of when it was due.{cpu} Generator: {g.requests:,} requests on at most {g.most_open:,} "
        f"connections, its own lag p50 {g.lag_p50_ms:.1f}, p99 {g.lag_p99_ms:.1f}, most {g.lag_most_ms:.1f} ms, "
        f"{g.cpu_share:.2f} of a core."
    )


def _html(run: Run) -> str:
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    return environment.from_string(_TEMPLATE.read_text(encoding="utf-8")).render(
        run=run,
        scenarios=[(result, _plots(result)) for result in run.results],
        columns=COLUMNS,
        other_columns=OTHER_COLUMNS,
        row=row,
        other_row=other_row,
        told=told,
        circumstances=circumstances,
        main=main_leg,
    )


def _plots(result: Result) -> list[tuple[str, Markup]]:
    """Title and picture of each plot of a scenario."""
    try:
        from evals.load.load_plots import latency_plot, ramp_plot, time_plot
    except ImportError:
        return []
    drawn = [
        ("In time against asked for", ramp_plot(steps_of(result))),
        ("Latency by percentile", latency_plot(result)),
        (f"Over time: {main_leg(result).name}", time_plot(main_leg(result))),
    ]
    return [(title, Markup(picture)) for title, picture in drawn if picture]  # noqa: S704 - matplotlib escapes its texts


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    yield f"| {' | '.join(head)} |"
    yield "|---" * len(head) + "|"
    for cells in rows:
        yield f"| {' | '.join(cell.replace('|', '&#124;') for cell in cells)} |"


def _ms(found: Spread, which: Sequence[str]) -> tuple[str, ...]:
    return *(_one(found, q) for q in which), "–" if math.isnan(found.most) else f"{found.most:,.0f}"


def _one(found: Spread, q: str) -> str:
    return f"{found.p[q]:,.1f}" if q in found.p else "–"


def _share(value: float) -> str:
    return "–" if math.isnan(value) else f"{100.0 * value:.1f}%"


def _counts(counted: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {count:,}" for name, count in counted.items())


def _bound(says: str, at_most: float | None, at_least: float | None, unit: str) -> str:
    said = f"at most {figure(at_most)}" if at_most is not None else f"at least {figure(at_least)}"
    return f"{says[0].lower() if not says.startswith('p9') else says[0]}{says[1:].rstrip(',')} {said}{unit}"
