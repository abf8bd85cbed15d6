"""evals/prompts/gates.yaml: which findings fail a run."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints
from pydantic.alias_generators import to_camel

from app.adapters.rule_files import parse_model, read_capped, shown_path
from app.domain.errors import RulesError
from evals.prompts.finding import Check, Group
from evals.prompts.results import GateResult, Report, Status, name_of
from evals.prompts.suite import Run
from evals.prompts.verdicts import EVERYTHING

GATES = Path(__file__).parent / "gates.yaml"

Id = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_-]{0,63}$")]
Name = Annotated[str, StringConstraints(min_length=1, max_length=80)]


class _Gate(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, alias_generator=to_camel)

    id: Id
    simulated: Literal["apply", "skip"] = "apply"
    when_unknown: Literal["pass", "fail"] = "fail"


class ZeroGate(_Gate):
    """Checks that never fail."""

    type: Literal["zero"]
    checks: tuple[Name, ...] = Field(strict=False, min_length=1)


class FloorGate(_Gate):
    """A share of passes."""

    type: Literal["floor"]
    check: Name
    min: float = Field(ge=0, le=1)


class CeilingGate(_Gate):
    """A mean."""

    type: Literal["ceiling"]
    check: Name
    max: float


class NotWorseGate(_Gate):
    """No significant loss in any segment."""

    type: Literal["not_worse"]
    groups: tuple[Group, ...] = Field(strict=False, min_length=1)


class AnsweredGate(_Gate):
    """A share of scenarios with a reply."""

    type: Literal["answered"]
    min: float = Field(ge=0, le=1)


Gate = Annotated[ZeroGate | FloorGate | CeilingGate | NotWorseGate | AnsweredGate, Field(discriminator="type")]


class GatesFile(BaseModel):
    """The whole file."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, alias_generator=to_camel)

    version: int = Field(ge=1, le=1)
    gates: tuple[Gate, ...] = Field(strict=False, min_length=1)


def load_gates(path: Path, checks: Sequence[Check]) -> GatesFile:
    """The gates of a file.

    Raises: RulesError: the file can't be read or used, or names a check that there is not; a problem a line, each
            beginning with `file:line:`.
    """
    file, _, lines = parse_model(read_capped(path), shown_path(path), GatesFile)
    known = {check.name for check in checks} | {f"{check.group}.*" for check in checks}
    problems, seen = [], set()
    for place, gate in enumerate(file.gates):
        if gate.id in seen:
            problems.append(f'{lines.at(("gates", place, "id"))}: a second gate "{gate.id}"')
        seen.add(gate.id)
        for key, name in _named(gate):
            if name not in known:
                told = ", ".join(sorted(n for n in known if n.split(".")[0] == name.split(".")[0])) or "nothing alike"
                problems.append(f'{lines.at(("gates", place, key))}: there is no check "{name}"; there is {told}')
    if problems:
        raise RulesError("\n".join(problems))
    return file


def with_gates(report: Report, gates: GatesFile, tested_prompt: str) -> Report:
    """The report with the verdict of each gate on each run of the prompt under test."""
    runs = [run for run in report.runs if run.prompt_id == tested_prompt]
    found = []
    for gate in gates.gates:
        for run in runs:
            status, message = _verdict(gate, run, report)
            found.append(GateResult(gate.id, status, f"{name_of(run)}: {message}" if len(runs) > 1 else message))
    return replace(report, gates=tuple(found))


def _named(gate: Gate) -> Iterator[tuple[str, str]]:
    if isinstance(gate, ZeroGate):
        yield from (("checks", name) for name in gate.checks)
    elif isinstance(gate, FloorGate | CeilingGate):
        yield "check", gate.check


def _verdict(gate: Gate, run: Run, report: Report) -> tuple[Status, str]:
    of_quality = any(not report.shown_whole(name, simulated=True) for key, name in _named(gate) if key == "check")
    if run.simulated and (gate.simulated == "skip" or of_quality):
        return "skipped", "says nothing about the simulated provider, which is a program"
    match gate:
        case ZeroGate():
            status, message = _zero(gate, run, report)
        case FloorGate():
            status, message = _floor(gate, run, report)
        case CeilingGate():
            status, message = _ceiling(gate, run, report)
        case NotWorseGate():
            status, message = _not_worse(gate, run, report)
        case AnsweredGate():
            status, message = _answered(gate, run)
    if status == "unknown" and gate.when_unknown == "fail":
        return "fail", f"{message}, and what is unknown does not pass"
    return status, message


def _zero(gate: ZeroGate, run: Run, report: Report) -> tuple[Status, str]:
    group_of = {check.name: check.group for check in report.checks}
    names = set(gate.checks)
    judged, failed = 0, []
    for finding in run.findings:
        if finding.passed is None or not ({finding.check, f"{group_of[finding.check]}.*"} & names):
            continue
        judged += 1
        if not finding.passed:
            failed.append(finding)
    if failed:
        first = failed[0]
        return "fail", f"{len(failed)} of {judged} failed, such as {first.check} in {first.scenario}: {first.detail}"
    return ("pass", f"0 of {judged} failed") if judged else ("unknown", "nothing to judge")


def _floor(gate: FloorGate, run: Run, report: Report) -> tuple[Status, str]:
    for figure in report.figures:
        if (figure.check, figure.segment) == (gate.check, EVERYTHING) and _of(figure.prompt, figure.model, run):
            if figure.passes is None:
                break
            told = f"{figure.passes:.1%} of {figure.n} pass {gate.check}, {gate.min:.1%} must"
            return ("pass" if figure.passes >= gate.min else "fail"), told
    return "unknown", f"nothing to judge by {gate.check}"


def _ceiling(gate: CeilingGate, run: Run, report: Report) -> tuple[Status, str]:
    for figure in report.figures:
        if (figure.check, figure.segment) == (gate.check, EVERYTHING) and _of(figure.prompt, figure.model, run):
            if figure.mean is None:
                break
            told = f"{gate.check} is {figure.mean:.6g} on average, at most {gate.max:g} is allowed"
            return ("pass" if figure.mean <= gate.max else "fail"), told
    return "unknown", f"{gate.check} is not known"


def _not_worse(gate: NotWorseGate, run: Run, report: Report) -> tuple[Status, str]:
    group_of = {check.name: check.group for check in report.checks}
    mine = [c for c in report.comparisons if c.new == name_of(run)]
    if not mine:
        return "unknown", "nothing to set it against"
    worse = [v for c in mine for v in c.verdicts if v.outlook == "worse" and group_of[v.check] in gate.groups]
    if worse:
        told = ", ".join(f"{v.check} in {v.segment} ({v.difference.value:+.3f})" for v in worse[:5])
        return "fail", f"worse: {told}"
    return "pass", "no segment is significantly worse"


def _answered(gate: AnsweredGate, run: Run) -> tuple[Status, str]:
    total = len(run.outcomes) + len(run.missing)
    if not total:
        return "unknown", "no scenario"
    share = len(run.outcomes) / total
    told = f"{len(run.outcomes)} of {total} scenarios have a reply"
    told += f" ({run.miss_reason})" if run.missing else ""
    return ("pass" if share >= gate.min else "fail"), told


def _of(prompt: str, model: str, run: Run) -> bool:
    return (prompt, model) == (run.prompt_id, run.model)
