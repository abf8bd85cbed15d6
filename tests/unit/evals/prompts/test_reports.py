"""Reports of a run with a hostile seller's text in it, and the gates that decide the exit code."""

import asyncio
import io
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pytest
from rich.console import Console

from app.domain.errors import BadInput, RulesError
from evals.prompts import checks
from evals.prompts.command import chosen, prompt_named
from evals.prompts.finding import Check, Finding
from evals.prompts.gates import GATES, GatesFile, load_gates, with_gates
from evals.prompts.judging import Judge
from evals.prompts.outcome import Outcome
from evals.prompts.reports.html import write_html
from evals.prompts.reports.junit import write_junit
from evals.prompts.reports.markdown import as_markdown, text
from evals.prompts.reports.terminal import print_report
from evals.prompts.results import Report, as_json, report_of
from evals.prompts.suite import Plan, arun_suite
from evals.rerank.asking import Pace
from tests.unit.evals.prompts.synthetic import MODEL, ROOT, a_candidate, a_product, a_scenario, the_prompt
from tests.unit.evals.prompts.test_suite import Provider, answered_by

HOSTILE = "<script>alert(1)</script> | [x](http://evil.example) @everyone \x00\x1b[31m"


def _measure(outcomes: Sequence[Outcome]) -> Sequence[Finding]:
    o = outcomes[0]
    return [Finding("ranking.test", o.scenario.id, None, float(o.posed.call.prompt_id == "rerank/v9"), HOSTILE)]


def _hold(outcomes: Sequence[Outcome]) -> Sequence[Finding]:
    wrong = outcomes[0].posed.call.prompt_id == "rerank/v9"
    return [Finding("rules.test", outcomes[0].scenario.id, not wrong, None, HOSTILE)]


CHECKS = (
    Check("ranking.test", "ranking", "lower", _measure, explains="higher under v9, which is worse"),
    Check("rules.test", "rules", "lower", _hold, must_be_zero=True),
)
GATE_LINES = """version: 1
gates:
  - {id: answered, type: answered, min: 0.98}
  - {id: rules, type: zero, checks: ["rules.*"]}
  - {id: worse, type: not_worse, groups: [ranking], simulated: skip, whenUnknown: pass}
  - {id: top, type: ceiling, check: ranking.test, max: 0.5}
"""


def reported(prompts: Sequence[str], gates: GatesFile, told: str = "gpt-4o-mini-2024-07-18") -> Report:
    """A run of twelve scenarios, in which one product is named as a hostile seller would."""
    hostile = a_candidate(3, product=a_product(3, name=HOSTILE, brand=HOSTILE))
    scenarios = []
    for n in range(12):
        made = a_scenario(f"warm-query-{n:03}", query=HOSTILE)
        scenarios.append(replace(made, candidates=(*made.candidates[:2], hostile, *made.candidates[3:]), note=HOSTILE))
    made_of = {name: replace(the_prompt(), id=name, content_hash=name[-1] * 16) for name in prompts}
    plan = Plan(tuple(made_of.values()), tuple(scenarios), CHECKS, pace=Pace(3), deadline_s=0.5)
    suite = asyncio.run(arun_suite(plan, [answered_by(Provider(told=told))], Judge.of(ROOT / "rules")))
    return with_gates(report_of(suite, plan, CHECKS, resamples=50), gates, prompts[0])


@pytest.fixture(scope="module")
def gates(tmp_path_factory: pytest.TempPathFactory) -> GatesFile:
    """The gates above."""
    path = tmp_path_factory.mktemp("gates") / "gates.yaml"
    path.write_text(GATE_LINES)
    return load_gates(path, CHECKS)


@pytest.fixture(scope="module")
def worse(gates: GatesFile) -> Report:
    """A prompt that breaks a rule and is worse, against one that is and does not."""
    return reported(("rerank/v9", "rerank/v1"), gates)


@pytest.fixture(scope="module")
def simulated(gates: GatesFile) -> Report:
    """The same prompt alone, answered by a program."""
    return reported(("rerank/v1",), gates, told="simulated-ranker")


def test_each_gate_says_what_it_found(worse: Report, simulated: Report) -> None:
    """A broken rule, a significant loss and a mean above its ceiling fail; a program is not judged on quality."""
    assert {g.id: g.status for g in worse.gates} == {
        "answered": "pass",
        "rules": "fail",
        "worse": "fail",
        "top": "fail",
    }
    assert worse.failed
    told = {g.id: g.message for g in worse.gates}
    assert "12 of 12 failed" in told["rules"]
    assert "ranking.test in all (+1.000)" in told["worse"]
    assert {g.id for g in simulated.gates if g.status == "skipped"} == {"worse", "top"}
    assert not simulated.failed


def test_what_is_unknown_passes_only_where_the_file_says_so(worse: Report, tmp_path: Path) -> None:
    """Nothing to set a prompt against is no loss, but a price that nobody knows is no low price."""
    path = tmp_path / "gates.yaml"
    path.write_text(
        "version: 1\ngates:\n"
        "  - {id: a, type: floor, check: ranking.test, min: 0.5}\n"
        "  - {id: b, type: floor, check: ranking.test, min: 0.5, whenUnknown: pass}\n"
    )
    found = with_gates(worse, load_gates(path, CHECKS), "rerank/v1").gates
    assert [g.status for g in found] == ["fail", "unknown"]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("  - {id: a, type: zero, checks: [rules.nothing]}", r"gates\.yaml:3: there is no check \"rules.nothing\""),
        ("  - {id: a, type: floor, check: rules.test, min: 2}", r"gates\.yaml:3: .*min"),
        ("  - {id: a, type: flor, check: rules.test, min: 1}", r"gates\.yaml:3: .*flor"),
        ("  - {id: a, type: answered, min: 1, mx: 2}", r'gates\.yaml:3: unknown key "mx"'),
        (
            "  - {id: a, type: answered, min: 1}\n  - {id: a, type: answered, min: 1}",
            r'gates\.yaml:4: a second gate "a"',
        ),
    ],
)
def test_a_wrong_gates_file_is_told_with_its_line(tmp_path: Path, line: str, message: str) -> None:
    """File and line, and what there is instead."""
    path = tmp_path / "gates.yaml"
    path.write_text(f"version: 1\ngates:\n{line}\n")
    with pytest.raises(RulesError, match=message):
        load_gates(path, CHECKS)


def test_the_shipped_gates_fit_the_shipped_checks() -> None:
    """Every check that they name is there."""
    assert len(load_gates(GATES, checks.ALL).gates) >= 6


def test_the_page_runs_nothing_that_a_seller_wrote(worse: Report, tmp_path: Path) -> None:
    """A script in a product's name, a finding, a query and a reply is text; the only script is the page's own."""
    page = write_html(worse, tmp_path / "report.html", 0.5).read_text()
    assert page.count("<script") == 1
    assert "alert(1)" in page
    assert "&lt;script&gt;alert(1)" in page
    assert re.search(r"script-src 'sha256-[A-Za-z0-9+/=]{44}'", page)
    assert "default-src 'none'" in page
    assert not re.search(r"(?:src|href)=\"[^#]", page)
    assert "ranking.test" in page


def test_markdown_shows_a_seller_s_text_and_obeys_none_of_it(worse: Report) -> None:
    """No markup, no link, no mention; one line each."""
    comment = as_markdown(worse)
    assert "<script" not in comment
    assert "](http" not in comment
    assert "@everyone" not in comment
    assert "🔴 worse" in comment
    assert text("a|b\n<i>") == "a&#124;b &#60;i&#62;"


def test_junit_is_valid_and_fails_where_a_gate_does(worse: Report, simulated: Report, tmp_path: Path) -> None:
    """Characters that XML can't hold are replaced; counts are those of the cases."""
    for report, failing in ((worse, True), (simulated, False)):
        write_junit(report, tmp_path / "junit.xml")
        root = ElementTree.parse(tmp_path / "junit.xml").getroot()
        gates_suite = root.find("testsuite[@name='gates']")
        assert gates_suite is not None
        assert (int(gates_suite.attrib["failures"]) > 0) is failing
        for suite in root:
            assert int(suite.attrib["tests"]) == len(suite.findall("testcase"))
    assert "simulated" in (tmp_path / "junit.xml").read_text()


def test_no_figure_of_a_program_stands_in_a_table_of_quality(simulated: Report, tmp_path: Path) -> None:
    """The label is on every report, and the line that says what is missing stands in place of the figures."""
    console = Console(width=180, record=True, file=io.StringIO())
    print_report(simulated, console)
    shown = console.export_text()
    write_junit(simulated, tmp_path / "junit.xml")
    for told in (
        shown,
        as_markdown(simulated),
        write_html(simulated, tmp_path / "report.html").read_text(),
        (tmp_path / "junit.xml").read_text(),
    ):
        assert "SIMULATED provider" in told
        assert "ranking.test [" not in told
    for told in (shown, as_markdown(simulated)):
        assert "no evidence, needs a live model" in told
        assert not re.search(r"ranking.test.*\d\.\d", told)


def test_json_holds_what_the_tables_are_made_from(worse: Report) -> None:
    """Findings, verdicts, gates and how the asking went, as plain values."""
    told = as_json(worse)
    assert told["label"] == ""
    assert len(told["runs"][0]["findings"]) == 24
    assert told["comparisons"][0]["verdicts"][0]["outlook"] == "worse"
    assert told["rounds"][0]["asked"]["spent_usd"] > 0


def test_scenarios_are_chosen_by_name_and_stratum_and_spread() -> None:
    """A name that nobody has is refused with what there is."""
    given = [a_scenario(f"warm-query-{n:03}") for n in range(10)]
    assert [s.id for s in chosen(given, ("warm-query-00",), ("query",), 2)] == ["warm-query-000", "warm-query-005"]
    with pytest.raises(BadInput, match="there is query, warm"):
        chosen(given, (), ("wram",))
    with pytest.raises(BadInput, match="look like warm-query-000"):
        chosen(given, ("cold",), ())


def test_an_unknown_prompt_is_told_with_those_that_there_are() -> None:
    """Also a path that leaves the folder."""
    for name in ("rerank/v99", "../rules/shop", "rerank", MODEL):
        with pytest.raises(BadInput, match="rerank/v1"):
            prompt_named(name, ROOT / "prompts")
