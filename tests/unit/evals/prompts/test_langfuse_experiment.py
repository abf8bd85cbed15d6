"""`shelfwise eval prompts --langfuse`, shown against the stand-in only."""

from __future__ import annotations

import asyncio
import copy
import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from app.adapters.langfuse_trace.access import Access
from app.cli import app
from app.domain.errors import ConfigurationError
from evals.prompts import command
from evals.prompts.finding import Check, Finding, SuiteCheck
from evals.prompts.judging import Judge
from evals.prompts.langfuse_experiment import dataset_name, experiment_id, run_name, tell
from evals.prompts.outcome import Outcome
from evals.prompts.results import GateResult, Report, report_of
from evals.prompts.suite import arun_suite
from tests.support.langfuse_stand_in import PUBLIC, SECRET, LangfuseStandIn
from tests.unit.evals.prompts.synthetic import MODEL, ROOT
from tests.unit.evals.prompts.test_suite import COST, Provider, answered_by, plan

MANIFEST = {"warm-query-000": "1:aa", "chat-size-01": "1:bb"}
KEYS = ("SHELFWISE_LANGFUSE_PUBLIC_KEY", "SHELFWISE_LANGFUSE_SECRET_KEY")


def _shares(outcomes: Sequence[Outcome]) -> Sequence[Finding]:
    """A verdict with a value, and what could not be computed."""
    name = outcomes[0].scenario.id
    return [Finding("contract.shares", name, True, 0.5, "half of it"), Finding("contract.shares", name, None, None)]


def _ndcg(outcomes: Sequence[Outcome]) -> Sequence[Finding]:
    return [Finding("ranking.test", outcomes[0].scenario.id, None, 0.25)]


def _slowest(families: Sequence[Sequence[Outcome]]) -> Sequence[Finding]:
    return [Finding("operations.slowest", "", None, max(f[0].reply.seconds for f in families))]


CHECKS = (Check("contract.shares", "contract", "higher", _shares), Check("ranking.test", "ranking", "higher", _ndcg))
SUITE = (SuiteCheck("operations.slowest", "operations", "lower", _slowest),)


@pytest.fixture(scope="module")
def report() -> Report:
    """Four scenarios with a variant and two shuffles each, answered by a model and by a program."""
    asked = plan(checks=CHECKS, suite_checks=SUITE)
    models = [answered_by(Provider()), answered_by(Provider("openai/simulated-ranker", "simulated-ranker"))]
    suite = asyncio.run(arun_suite(asked, models, Judge.of(ROOT / "rules")))
    return report_of(suite, asked, (), resamples=50)


@pytest.fixture
def langfuse() -> Iterator[LangfuseStandIn]:
    with LangfuseStandIn() as running:
        yield running
        assert running.refusals == []


def test_a_run_is_an_experiment_on_the_golden_scenarios(langfuse: LangfuseStandIn, report: Report) -> None:
    """Scenarios are items; replies are generations with model, prompt, tokens and cost; findings are scores.

    What a program replied says so in the name and in each generation, costs nothing and has no score of quality.
    """
    said: list[str] = []
    assert tell(report, Access(langfuse.url, PUBLIC, SECRET), said.append)
    held = langfuse.held
    assert len(said) == 3
    assert [one["name"] for one in held.datasets] == [said[0].split()[2]]
    assert {one["metadata"]["scenario"] for one in held.dataset_items} == {f"warm-query-00{n}" for n in range(4)}
    assert held.dataset_items[0]["input"]["budget"] == "20.00"
    real, program = report.runs
    for run, cost, name in ((real, COST, f"rerank/v1, {MODEL}"), (program, 0.0, "simulated: rerank/v1, openai/sim")):
        spans = [s for s in held.spans.values() if s.attributes["langfuse.experiment.id"] == experiment_id(run)]
        roots = [span for span in spans if span.parent_id is None]
        generations = [span for span in spans if span.kind == "generation"]
        assert (len(roots), len(generations)) == (4, 16)
        assert {span.attributes["langfuse.experiment.name"] for span in spans} == {run_name(run)}
        assert run_name(run).startswith(name)
        assert {s.attributes["langfuse.experiment.item.root_observation_id"] for s in spans} == {s.id for s in roots}
        assert {one.parent_id for one in generations} == {one.id for one in roots}
        assert {one.name for one in generations} == {"eval.rerank", "eval.rerank.variant", "eval.rerank.shuffle"}
        assert {one.cost_usd for one in generations} == {cost}
        assert {(one.usage["input"], one.usage["output"]) for one in generations} == {(500, 40)}
        assert {one.attributes["langfuse.observation.model.name"] for one in generations} == {run.model}
        prompts = {(s.attributes[f"langfuse.observation.prompt.{n}"]) for s in generations for n in ("name", "version")}
        assert prompts == {"rerank", 1}
        assert {one.metadata("source") for one in generations} == {"simulated" if run.simulated else "live"}
        about = json.loads(spans[0].attributes["langfuse.experiment.metadata"])
        assert about["simulated"] is run.simulated
        told = {s.id for s in roots}
        scores = [score for score in held.scores.values() if score.observation_id in told]
        names = sorted({(str(score.name), score.value) for score in scores})
        quality = [] if run.simulated else [("ranking.test.value", 0.25)]
        assert names == [("contract.shares", 1.0), ("contract.shares.value", 0.5), *quality]
        assert len(scores) == 4 * len(names)
        (whole,) = [score for score in held.scores.values() if score.dataset_run_id == experiment_id(run)]
        assert (whole.name, whole.value) == ("operations.slowest", 0.3)


def test_telling_a_run_again_adds_nothing(langfuse: LangfuseStandIn, report: Report) -> None:
    """Items, spans and scores have the ids of what they stand for; another reply is another experiment."""
    access = Access(langfuse.url, PUBLIC, SECRET)
    first, second = list[str](), list[str]()
    assert tell(report, access, first.append)
    before = copy.deepcopy((langfuse.held.spans, langfuse.held.scores, langfuse.held.datasets))
    items = copy.deepcopy(langfuse.held.dataset_items)
    assert tell(report, access, second.append)
    assert (langfuse.held.spans, langfuse.held.scores, langfuse.held.datasets) == before
    assert langfuse.held.dataset_items == items
    assert "4 of them new" in first[0]
    assert "0 of them new" in second[0]
    assert first[1:] == second[1:]
    run = report.runs[0]
    assert experiment_id(replace(run, findings=run.findings[1:])) != experiment_id(run)
    assert dataset_name(MANIFEST) == dataset_name({**MANIFEST, "chat-size-01": "2:cc"})
    assert dataset_name(MANIFEST) != dataset_name({"warm-query-000": "2:cc"})


@pytest.mark.parametrize("status", ["pass", "fail"])
@pytest.mark.parametrize("mode", ["dead", "hung", "500", "401"])
def test_a_langfuse_that_fails_is_one_line_and_the_gates_decide(
    report: Report, mode: str, status: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody there, nobody answering, an error, refused keys: a line says so, and the exit code is the gates'."""
    monkeypatch.chdir(tmp_path)
    gated = replace(report, gates=(GateResult("rules", status, ""),))  # type: ignore[arg-type]
    monkeypatch.setattr(command, "run", lambda *_: gated)
    monkeypatch.setattr(command, "write_reports", lambda *_: None)
    monkeypatch.setattr("evals.prompts.langfuse_experiment.LIMIT_S", 0.3)
    with LangfuseStandIn() as langfuse:
        langfuse.mode = mode if mode != "dead" else "well"  # type: ignore[assignment]
        if mode == "dead":
            langfuse.stop()
        keys = dict(zip(KEYS, (PUBLIC, SECRET), strict=True))
        runner = CliRunner(env={**keys, "SHELFWISE_LANGFUSE_HOST": langfuse.url})
        ended = runner.invoke(app, ["eval", "prompts", "--prompt", "rerank/v1", "--langfuse"])
    assert ended.exit_code == (0 if status == "pass" else 1)
    lines = [line for line in ended.output.splitlines() if "Langfuse" in line]
    assert len(lines) == 1
    assert "Langfuse was not told everything" in lines[0]


def test_without_keys_nobody_is_asked_and_the_settings_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The command ends before a model is asked, with what to set; `main` makes exit code 2 of it."""
    monkeypatch.chdir(tmp_path)
    asked = ["eval", "prompts", "--prompt", "rerank/v1", "--model", "openai/gpt-4o-mini", "--langfuse"]
    ended = CliRunner(env=dict.fromkeys(KEYS)).invoke(app, asked)
    assert isinstance(ended.exception, ConfigurationError)
    assert "SHELFWISE_LANGFUSE_PUBLIC_KEY and SHELFWISE_LANGFUSE_SECRET_KEY" in str(ended.exception)
    assert list(tmp_path.iterdir()) == []
