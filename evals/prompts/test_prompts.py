"""The suite as tests; see conftest.py for how it is run."""

from __future__ import annotations

import pytest

from evals.prompts.finding import Finding
from evals.prompts.results import Report
from evals.prompts.verdicts import EVERYTHING


def test_check(report: Report, check: str, segment: str) -> None:
    """What must never fail has not, and nothing is significantly worse than in the prompt it is set against."""
    told = report.check_of(check)
    tested = report.runs[0].prompt_id
    simulated = any(run.simulated for run in report.runs)
    if not report.shown(told, simulated=simulated):
        pytest.skip("a program's replies say nothing about quality")
    figures = [f for f in report.figures if (f.prompt, f.check, f.segment) == (tested, check, segment) and f.n]
    if not figures:
        pytest.skip("no scenario of this segment says anything about it")
    if told.must_be_zero and segment == EVERYTHING:
        failed = [f"{f.scenario}: {f.detail}" for f in _findings(report, tested, check)]
        assert not failed, f"{len(failed)} failures of a check that must never fail: {failed[:5]}"
    worse = [
        v
        for comparison in report.comparisons
        for v in comparison.verdicts
        if (v.check, v.segment, v.outlook) == (check, segment, "worse")
    ]
    assert not worse, f"{worse[0].old:.4g} → {worse[0].new:.4g}, {[f.scenario for f in worse[0].flips][:5]}"


def test_gate(report: Report, gate: str) -> None:
    """The gates of evals/prompts/gates.yaml."""
    found = [result for result in report.gates if result.id == gate]
    failed = [result.message for result in found if result.status == "fail"]
    assert not failed, "; ".join(failed)
    if all(result.status != "pass" for result in found):
        pytest.skip("; ".join(result.message for result in found))


def _findings(report: Report, prompt: str, check: str) -> list[Finding]:
    return [
        finding
        for run in report.runs
        if run.prompt_id == prompt
        for finding in run.findings
        if finding.check == check and finding.passed is False
    ]
