"""A run as one HTML page that loads nothing: matrix, differences, plots, and every scenario down to prompt and reply.

Sellers' texts and models' replies are in it, some of them hostile on purpose. Everything is escaped, and the page's
policy lets only the one script run whose hash it names.
"""

from __future__ import annotations

import base64
import hashlib
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from app.domain.model_calls import Message
from evals.prompts.finding import Check, Finding
from evals.prompts.outcome import Outcome
from evals.prompts.reports import wording
from evals.prompts.results import Comparison, Report, name_of
from evals.prompts.suite import Run

_TEMPLATE = Path(__file__).parent / "report.html.j2"
HEADLINES = (
    "contract.usable",
    "contract.complete_order",
    "ranking.ndcg",
    "ranking.slate_ndcg",
    "grounding.precision",
    "operations.to_order",
    "operations.usd",
)
"""Checks of the matrix of prompt, model and segment; those that a run has."""

SCRIPT = """
const field = document.getElementById("filter");
const wrong = document.getElementById("wrong");
function sift() {
  const wanted = field.value.toLowerCase();
  for (const one of document.querySelectorAll("details.scenario")) {
    const hit = one.dataset.told.toLowerCase().includes(wanted) && (!wrong.checked || one.dataset.wrong !== "0");
    one.hidden = !hit;
  }
}
field.addEventListener("input", sift);
wrong.addEventListener("change", sift);
"""


@dataclass(frozen=True, slots=True)
class Drill:
    """One scenario of one run, ready to be shown."""

    outcome: Outcome
    findings: tuple[Finding, ...]
    wrong: int  # findings that fail
    further: int  # outcomes of its shuffles and variants
    asked: str  # the user's message
    baseline: Mapping[str, int]  # product id → its place before the model
    names: Mapping[str, str]

    @property
    def told(self) -> str:
        """What the filter looks in."""
        scenario = self.outcome.scenario
        return " ".join((scenario.id, scenario.segment, *sorted(scenario.strata), scenario.query or ""))


def write_html(report: Report, path: Path, deadline_s: float | None = None) -> Path:
    """Writes the page; without matplotlib it has no plots. Returns the path."""
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters |= {
        "share": wording.share,
        "number": wording.number,
        "difference": wording.difference,
        "chance": wording.chance,
        "figure": wording.figure,
    }
    page = environment.from_string(_TEMPLATE.read_text(encoding="utf-8")).render(
        r=report,
        runs=[(run, name_of(run), wording.figures_of(report, run)) for run in report.runs],
        headlines=_headlines(report),
        segments=wording.segments_of(report),
        checks_shown=lambda run: list(wording.checks_shown(report, run)),
        shares=lambda check: any(f.check == check.name and f.passes is not None for f in report.figures),
        told=lambda c: list(wording.told(report, c.verdicts, simulated=c.simulated)),
        differences=[(c, _plot(report, c)) for c in report.comparisons],
        times=_times(report, deadline_s),
        drills={name_of(run): _drills(report, run) for run in report.runs},
        systems=_systems(report),
        asked_line=lambda model: wording.asked_line(report, model),
        no_quality=wording.NO_QUALITY,
        script=Markup(SCRIPT),  # noqa: S704 - our own, above
        script_hash=base64.b64encode(hashlib.sha256(SCRIPT.encode()).digest()).decode(),
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(page, encoding="utf-8", errors="replace")
    return path


def _headlines(report: Report) -> list[Check]:
    by_name = {check.name: check for check in report.checks}
    shown = {check.name for run in report.runs for check in wording.checks_shown(report, run)}
    return [by_name[name] for name in HEADLINES if name in shown]


def _drills(report: Report, run: Run) -> list[Drill]:
    """Scenarios with a failure first, then in the golden set's order."""
    by_scenario: dict[str, list[Finding]] = defaultdict(list)
    check_of = {check.name: check for check in report.checks}
    for finding in run.findings:
        if report.shown(check_of[finding.check], simulated=run.simulated):
            by_scenario[finding.scenario].append(finding)
    found = []
    for name, family in run.outcomes.items():
        findings = tuple(by_scenario[name])
        candidates = family[0].scenario.candidates
        found.append(
            Drill(
                outcome=family[0],
                findings=findings,
                wrong=sum(finding.passed is False for finding in findings),
                further=len(family) - 1,
                asked=_of_role(family[0].posed.call.messages, "user"),
                baseline={c.product.product_id: place for place, c in enumerate(candidates, start=1)},
                names={c.product.product_id: c.product.name for c in candidates},
            )
        )
    return sorted(found, key=lambda drill: drill.wrong == 0)


def _systems(report: Report) -> dict[str, str]:
    """Prompt → its instructions: told once, for they are the same in every call."""
    found: dict[str, str] = {}
    for run in report.runs:
        for outcome in run.plain[:1]:
            found[run.prompt_id] = _of_role(outcome.posed.call.messages, "system")
    return found


def _of_role(messages: Sequence[Message], role: str) -> str:
    return "\n".join(message.content for message in messages if message.role == role)


def _plot(report: Report, comparison: Comparison) -> Markup:
    try:
        from evals.prompts.reports.plots import difference_plot
    except ImportError:
        return Markup()
    return Markup(difference_plot(report, comparison))  # noqa: S704 - matplotlib escapes its texts


def _times(report: Report, deadline_s: float | None) -> Markup:
    try:
        from evals.prompts.reports.plots import time_plot
    except ImportError:
        return Markup()
    return Markup(time_plot(report, deadline_s))  # noqa: S704
