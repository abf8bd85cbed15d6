"""A run as JUnit XML: a suite of gates, and per prompt and model a suite of checks by segment.

Only gates and checks that must be zero can fail: what every other check found stands in its output, for the figure
alone is no failure.
"""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree.ElementTree import Element, ElementTree, SubElement, indent  # writing only

from evals.prompts.finding import Check
from evals.prompts.reports import wording
from evals.prompts.results import Figure, Report, name_of
from evals.prompts.suite import Run

_NO_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_FAILED_SHOWN = 20


def write_junit(report: Report, path: Path) -> None:
    """Writes the file."""
    root = Element("testsuites", name=_fit(f"shelfwise eval prompts: {report.title}"))
    gates = SubElement(root, "testsuite", name="gates")
    for gate in report.gates:
        case = SubElement(gates, "testcase", classname="gates", name=_fit(f"{gate.id}: {gate.message}"[:160]))
        if gate.status == "fail":
            SubElement(case, "failure", message=_fit(gate.message))
        elif gate.status != "pass":
            SubElement(case, "skipped", message=_fit(gate.message))
    for run in report.runs:
        _run(report, run, root)
    for suite in root:
        cases = suite.findall("testcase")
        suite.set("tests", str(len(cases)))
        suite.set("failures", str(sum(case.find("failure") is not None for case in cases)))
        suite.set("skipped", str(sum(case.find("skipped") is not None for case in cases)))
    indent(root)
    path.parent.mkdir(parents=True, exist_ok=True)
    ElementTree(root).write(path, encoding="utf-8", xml_declaration=True)


def _run(report: Report, run: Run, root: Element) -> None:
    suite = SubElement(root, "testsuite", name=_fit(name_of(run)))
    properties = SubElement(suite, "properties")
    told = {"promptHash": run.prompt_hash, "model": run.model, "simulated": str(run.simulated).lower()}
    for name, value in (told | ({"label": report.label} if run.simulated else {})).items():
        SubElement(properties, "property", name=name, value=_fit(value))
    checks = {check.name: check for check in wording.checks_shown(report, run)}
    for (name, _), figure in wording.figures_of(report, run).items():
        if name in checks:
            _case(suite, run, checks[name], figure)


def _case(suite: Element, run: Run, check: Check, figure: Figure) -> None:
    case = SubElement(suite, "testcase", classname=_fit(f"{run.prompt_id}.{check.group}"))
    case.set("name", _fit(f"{check.name} [{figure.segment}]"))
    if figure.n == 0:
        SubElement(case, "skipped", message=f"not computed for {figure.left_out} scenarios")
        return
    passes = "" if figure.passes is None else f"{wording.share(figure.passes)} pass, "
    out = f"{passes}mean {wording.number(figure.mean)}, {figure.n} scenarios, {figure.left_out} not computed"
    wrong = [f for f in run.findings if f.check == check.name and f.passed is False]
    if figure.segment == "all":
        out += "".join(f"\n{f.scenario}: {f.detail}" for f in wrong[:_FAILED_SHOWN])
    if check.must_be_zero and figure.passes is not None and figure.passes < 1.0:
        SubElement(case, "failure", message=_fit(f"must never fail: {out}"))
    SubElement(case, "system-out").text = _fit(out)


def _fit(text: str) -> str:
    """The text without characters that XML can't hold: a seller's name or a reply may have any."""
    return _NO_XML.sub("\N{REPLACEMENT CHARACTER}", text)
