"""What a run came to, as figures: per check and segment, per pair of prompts, and what the gates say of it."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from evals.prompts.finding import Check, Finding, Group
from evals.prompts.providers import LABEL
from evals.prompts.scenario import Scenario
from evals.prompts.suite import Plan, Round, Run, Suite
from evals.prompts.verdicts import EVERYTHING, Verdict, Zero, verdicts, zeros
from evals.ranking.results import machine, plain
from evals.statistics import RESAMPLES, SEED

QUALITY: frozenset[Group] = frozenset({"ranking", "invariance", "metamorphic", "grounding", "faithfulness", "fairness"})
"""Groups whose figures speak of a model's quality: no simulated reply gets into a table of them."""

QUALITY_CHECKS = frozenset({"operations.quality_in_time", "operations.quality_by_deadline"})
"""Such figures of other groups."""

Status = Literal["pass", "fail", "unknown", "skipped"]


@dataclass(frozen=True, slots=True)
class Figure:
    """One check over one segment of one run. None = the check has no such figure."""

    prompt: str
    model: str
    check: str
    group: Group
    segment: str
    passes: float | None  # share of the judged scenarios that pass
    mean: float | None  # of the values
    n: int  # scenarios judged or measured
    left_out: int  # scenarios of which it could not be computed


@dataclass(frozen=True, slots=True)
class Comparison:
    """One run against another: the same scenarios, paired."""

    new: str  # "rerank/v2, openai/gpt-4o-mini"
    old: str
    simulated: bool
    verdicts: tuple[Verdict, ...]


@dataclass(frozen=True, slots=True)
class GateResult:
    """What one gate says."""

    id: str
    status: Status
    message: str


@dataclass(frozen=True, slots=True)
class Report:
    """Everything that the reports show."""

    title: str
    at: str  # ISO time, UTC
    label: str  # LABEL where any reply is a program's, else ""
    scenarios: int
    strata: Mapping[str, int]  # stratum → scenarios
    shuffles: int
    runs: tuple[Run, ...]
    rounds: tuple[Round, ...]
    figures: tuple[Figure, ...]
    whole: Mapping[str, tuple[Finding, ...]]  # run → figures that no scenario has alone
    zeros: Mapping[str, tuple[Zero, ...]]  # run → checks that must never fail
    comparisons: tuple[Comparison, ...]
    checks: tuple[Check, ...]
    gates: tuple[GateResult, ...]
    seed: int
    resamples: int
    machine: Mapping[str, Any]

    @property
    def failed(self) -> bool:
        """Whether a gate fails."""
        return any(gate.status == "fail" for gate in self.gates)

    @property
    def spent_usd(self) -> float:
        """What this run paid."""
        return sum(round_.asked.spent_usd for round_ in self.rounds)

    def check_of(self, name: str) -> Check:
        """The check of a name. Raises KeyError: none of this run."""
        return next((check for check in self.checks if check.name == name), None) or _missing(name)

    def shown_whole(self, name: str, *, simulated: bool) -> bool:
        """As `shown`, for a figure of a whole run."""
        return not (simulated and (name.partition(".")[0] in QUALITY or name.startswith(tuple(QUALITY_CHECKS))))

    def shown(self, check: Check, *, simulated: bool) -> bool:
        """Whether a check's figure may stand in a table: no program's reply in a table of quality."""
        return not (simulated and (check.group in QUALITY or check.name in QUALITY_CHECKS))


def _missing(name: str) -> Check:
    raise KeyError(name)


def name_of(run: Run) -> str:
    """ "rerank/v2, openai/gpt-4o-mini"."""
    return f"{run.prompt_id}, {run.model}"


def report_of(
    suite: Suite, plan: Plan, tested: Sequence[Check], *, seed: int = SEED, resamples: int = RESAMPLES
) -> Report:
    """The figures of a run, without the gates (see evals.prompts.gates).

    The first prompt is set against the others with the same model; with one prompt only, each further model against
    the first.

    Args: tested: the checks that verdicts are about.
    """
    scenarios = {scenario.id: scenario for scenario in plan.scenarios}
    strata: dict[str, int] = defaultdict(int)
    for scenario in plan.scenarios:
        for stratum in sorted(scenario.strata):
            strata[stratum] += 1
    pairs = _pairs(suite.runs, [prompt.id for prompt in plan.prompts])
    simulated = any(run.simulated for run in suite.runs)
    whole = {
        name_of(run): tuple(f for check in plan.suite_checks for f in check.of(tuple(run.outcomes.values())))
        for run in suite.runs
    }
    return Report(
        title=" against ".join(prompt.id for prompt in plan.prompts),
        at=dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
        label=LABEL if simulated else "",
        scenarios=len(scenarios),
        strata=dict(sorted(strata.items())),
        shuffles=plan.shuffles,
        runs=suite.runs,
        rounds=suite.rounds,
        figures=tuple(f for run in suite.runs for f in _figures(run, plan.checks, scenarios)),
        whole=whole,
        zeros={name_of(run): zeros(run.findings, plan.checks) for run in suite.runs},
        comparisons=tuple(
            Comparison(
                name_of(new),
                name_of(old),
                new.simulated or old.simulated,
                verdicts(new.findings, old.findings, scenarios, tested, seed=seed, resamples=resamples),
            )
            for new, old in pairs
        ),
        checks=plan.checks,
        gates=(),
        seed=seed,
        resamples=resamples,
        machine=machine(),
    )


def as_json(report: Report) -> Any:
    """Everything but the outcomes, as plain values: what a later run or a person's own script reads."""
    runs = [
        {
            "prompt": run.prompt_id,
            "promptHash": run.prompt_hash,
            "model": run.model,
            "simulated": run.simulated,
            "toldModels": run.told_models,
            "recordedAt": run.recorded_at,
            "answered": len(run.outcomes),
            "missing": run.missing,
            "missReason": run.miss_reason,
            "findings": run.findings,
        }
        for run in report.runs
    ]
    return plain(
        {
            "title": report.title,
            "at": report.at,
            "label": report.label,
            "scenarios": report.scenarios,
            "strata": report.strata,
            "shuffles": report.shuffles,
            "runs": runs,
            "rounds": report.rounds,
            "figures": report.figures,
            "whole": report.whole,
            "zeros": report.zeros,
            "comparisons": report.comparisons,
            "gates": report.gates,
            "spentUsd": report.spent_usd,
            "seed": report.seed,
            "resamples": report.resamples,
            "machine": report.machine,
        }
    )


def _pairs(runs: Sequence[Run], prompts: Sequence[str]) -> list[tuple[Run, Run]]:
    of = {(run.prompt_id, run.model): run for run in runs}
    models = list(dict.fromkeys(run.model for run in runs))
    if len(prompts) > 1:
        return [(of[prompts[0], model], of[other, model]) for model in models for other in prompts[1:]]
    return [(of[prompts[0], model], of[prompts[0], models[0]]) for model in models[1:]]


def _figures(run: Run, checks: Sequence[Check], scenarios: Mapping[str, Scenario]) -> list[Figure]:
    by_check: dict[str, list[Finding]] = defaultdict(list)
    for finding in run.findings:
        by_check[finding.check].append(finding)
    segments: dict[str, set[str]] = {EVERYTHING: set(scenarios)}
    for name, scenario in sorted(scenarios.items(), key=lambda item: item[1].segment):
        segments.setdefault(scenario.segment, set()).add(name)
    found = []
    for check in checks:
        for segment, members in segments.items():
            mine = [finding for finding in by_check[check.name] if finding.scenario in members]
            if mine:
                found.append(_figure(run, check, segment, mine))
    return found


def _figure(run: Run, check: Check, segment: str, findings: Sequence[Finding]) -> Figure:
    judged = [finding.passed for finding in findings if finding.passed is not None]
    values = [finding.value for finding in findings if finding.value is not None]
    unknown = sum(finding.passed is None and finding.value is None for finding in findings)
    return Figure(
        prompt=run.prompt_id,
        model=run.model,
        check=check.name,
        group=check.group,
        segment=segment,
        passes=sum(judged) / len(judged) if judged else None,
        mean=sum(values) / len(values) if values else None,
        n=len(findings) - unknown,
        left_out=unknown,
    )
