"""Figures as all reports write them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from app.domain.ranking import HISTORY_BUCKETS
from evals.prompts.finding import Check
from evals.prompts.results import Figure, Report, name_of
from evals.prompts.suite import Run
from evals.prompts.verdicts import EVERYTHING, Verdict

NO_QUALITY = "ranking quality: no evidence, needs a live model"
"""What stands in place of a table of quality where a program gave the replies."""


def share(value: float | None) -> str:
    """97.3%, and – for what is unknown."""
    return "–" if value is None else f"{value:.1%}"


def number(value: float | None) -> str:
    """Four significant digits, and – for what is unknown."""
    return "–" if value is None or math.isnan(value) else f"{value:.4g}"


def difference(verdict: Verdict) -> str:
    """+0.021 [+0.003, +0.040], and – without a case."""
    e = verdict.difference
    return "–" if e.n == 0 else f"{e.value:+.3f} [{e.low:+.3f}, {e.high:+.3f}]"


def chance(p: float) -> str:
    """A p value; – where nothing was tested."""
    return "–" if math.isnan(p) else "<0.001" if p < 0.001 else f"{p:.3f}"


def figure(found: Figure | None) -> str:
    """What a table cell says of a check: the share that passes, else the mean."""
    if found is None or found.n == 0:
        return "–"
    return number(found.mean) if found.passes is None else share(found.passes)


def told(report: Report, verdicts: Sequence[Verdict], *, simulated: bool) -> Iterator[Verdict]:
    """The verdicts that are more than "no evidence"; those about quality only where a model gave the replies."""
    check_of = {check.name: check for check in report.checks}
    for verdict in verdicts:
        if verdict.outlook != "no evidence" and report.shown(check_of[verdict.check], simulated=simulated):
            yield verdict


def checks_shown(report: Report, run: Run) -> Iterator[Check]:
    """The checks whose figures may stand in a table of this run and that found anything."""
    found = {figure.check for figure in report.figures if (figure.prompt, figure.model) == (run.prompt_id, run.model)}
    for check in report.checks:
        if check.name in found and report.shown(check, simulated=run.simulated):
            yield check


def figures_of(report: Report, run: Run) -> dict[tuple[str, str], Figure]:
    """(check, segment) → figure of one run."""
    return {(f.check, f.segment): f for f in report.figures if (f.prompt, f.model) == (run.prompt_id, run.model)}


def segments_of(report: Report) -> list[str]:
    """Every segment, "all" first, then from short histories to long ones."""
    places = {bucket: place for place, bucket in enumerate(HISTORY_BUCKETS)}

    def place(name: str) -> tuple[bool, int, str]:
        return (name != EVERYTHING, places.get(name.partition("/")[0], len(places)), name)

    return sorted({f.segment for f in report.figures}, key=place)


def asked_line(report: Report, model: str) -> str:
    """How one model was asked, in a sentence."""
    for round_ in report.rounds:
        if round_.model == model:
            a = round_.asked
            failed = "".join(f", {n} {outcome}" for outcome, n in a.failed.items())
            stopped = f"; stopped: {a.stopped}" if a.stopped else ""
            return (
                f"{round_.questions} questions: {a.from_book} on file or asked already, {a.answered} answered now in "
                f"{round_.wall_s:.1f} s for ${a.spent_usd:.4f}{failed}, {a.unasked} not asked{stopped}"
            )
    return ""


__all__ = [
    "NO_QUALITY",
    "asked_line",
    "chance",
    "checks_shown",
    "difference",
    "figure",
    "figures_of",
    "name_of",
    "number",
    "segments_of",
    "share",
    "told",
]
