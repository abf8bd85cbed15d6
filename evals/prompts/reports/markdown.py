"""A run as Markdown for a pull request. What a seller or a model wrote is text in it: no markup, link or mention."""

from __future__ import annotations

import re
from pathlib import Path

from evals.prompts.reports import wording
from evals.prompts.results import Comparison, Report, name_of
from evals.prompts.verdicts import EVERYTHING

_SIGN = {"pass": "✅", "fail": "❌", "unknown": "➖", "skipped": "➖"}
_SPECIAL = re.compile(r"[&<>|`*_\[\]{}()#!~@\\:]")
_FLIPS = 20


def write_markdown(report: Report, path: Path) -> None:
    """Writes the file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(as_markdown(report), encoding="utf-8")


def as_markdown(report: Report) -> str:
    """The whole comment."""
    verdict = "a gate fails" if report.failed else "no gate fails"
    lines = [f"## Prompt suite: {text(report.title)}: {verdict}", ""]
    if report.label:
        lines += [f"> **{text(report.label)}**", ""]
    for run in report.runs:
        left_out = f"; {len(run.missing)} left out: {text(run.miss_reason)}" if run.missing else ""
        lines.append(f"- {text(name_of(run))} `{run.prompt_hash}`: {len(run.outcomes)} of {report.scenarios}{left_out}")
    lines += [f"- {text(r.model)}: {text(wording.asked_line(report, r.model))}" for r in report.rounds]
    lines += ["", "| gate | | why |", "|---|---|---|"]
    lines += [f"| {text(g.id)} | {_SIGN[g.status]} {g.status} | {text(g.message)} |" for g in report.gates]
    for comparison in report.comparisons:
        lines += ["", *_comparison(report, comparison)]
    lines += ["", *_figures(report)]
    lines += [f"\n{text(name_of(run))}: {wording.NO_QUALITY}" for run in report.runs if run.simulated]
    return "\n".join(lines) + "\n"


def text(told: str) -> str:
    """Any text on one line that Markdown and HTML show as it is, and that mentions and links nobody."""
    flat = " ".join("".join(c if c.isprintable() else " " for c in told).split())
    return _SPECIAL.sub(lambda found: f"&#{ord(found[0])};", flat)


def _comparison(report: Report, comparison: Comparison) -> list[str]:
    found = list(wording.told(report, comparison.verdicts, simulated=comparison.simulated))
    title = f"### {text(comparison.new)} against {text(comparison.old)}"
    if not found:
        tested = sum(v.p == v.p for v in comparison.verdicts)
        return [title, "", f"No evidence of a difference ({tested} checks and segments tested)."]
    lines = [title, "", "| | check | segment | old | new | difference, 95% | p (Holm) | cases |", "|---|" + "---|" * 7]
    for v in found:
        sign = "🟢 better" if v.outlook == "better" else "🔴 worse"
        cells = (wording.number(v.old), wording.number(v.new), wording.difference(v), wording.chance(v.p_holm))
        lines.append(f"| {sign} | {text(v.check)} | {text(v.segment)} | {' | '.join(map(text, cells))} | {v.cases} |")
    flips = [(v.check, flip) for v in found if v.segment == EVERYTHING for flip in v.flips]
    if flips:
        lines += ["", f"<details><summary>{len(flips)} scenarios changed sides</summary>", ""]
        lines += [f"- {text(c)}: {text(f.scenario)} {f.now} now: {text(f.detail)}" for c, f in flips[:_FLIPS]]
        lines += ["", "</details>"]
    return lines


def _figures(report: Report) -> list[str]:
    head = [text(name_of(run)) for run in report.runs]
    lines = ["<details><summary>All figures</summary>", "", f"| check | {' | '.join(head)} |"]
    lines.append("|---|" + "---|" * len(head))
    of = [wording.figures_of(report, run) for run in report.runs]
    shown = [{check.name for check in wording.checks_shown(report, run)} for run in report.runs]
    for check in report.checks:
        if any(check.name in names for names in shown):
            cells = [
                wording.figure(found.get((check.name, EVERYTHING))) if check.name in names else "–"
                for found, names in zip(of, shown, strict=True)
            ]
            lines.append(f"| {text(check.name)} | {' | '.join(cells)} |")
    return [*lines, "", "</details>"]
