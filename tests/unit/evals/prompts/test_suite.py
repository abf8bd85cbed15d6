"""A run from scenarios to findings: in which order is asked, what is missing and why, and what is told apart."""

import asyncio
import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal

import pytest

from app.domain.deadline import Deadline
from app.domain.errors import BadInput
from app.domain.model_calls import CallOutcome, ModelCall, ModelReply, ProfileFact, Usage
from app.settings import Settings
from evals.prompts.finding import Check, Finding
from evals.prompts.judging import Judge
from evals.prompts.outcome import Outcome
from evals.prompts.providers import Answers, answers, knobs
from evals.prompts.scenario import Scenario
from evals.prompts.suite import Plan, arun_suite
from evals.rerank.asking import Pace
from evals.rerank.replies import ReplyBook
from tests.unit.evals.prompts.synthetic import MODEL, ROOT, a_scenario, the_prompt

COST = 0.01


class _Run:
    def text(self) -> str:
        return ""

    async def wait(self, timeout_s: float) -> ModelReply | None:
        await asyncio.sleep(0)
        return None


class Provider:
    """Ranks the lines as they stand, at once; notes what it was asked."""

    def __init__(self, model: str = MODEL, told: str = "gpt-4o-mini-2024-07-18", outcome: CallOutcome = "complete"):
        self.model = model
        self._told = told
        self._outcome = outcome
        self.asked: list[str] = []

    async def warm(self, schemas: object = None) -> None:
        """Nothing to make ready."""

    def refusal(self) -> Literal["circuit_open", "overloaded"] | None:
        return None

    def worst_case_usd(self, call: ModelCall) -> float:
        return COST

    def start(self, call: ModelCall, deadline: Deadline, on_end: Callable[[ModelReply], None]) -> _Run:
        self.asked.append(call.call_id)
        lines = [line for line in call.messages[-1].content.splitlines() if "|" in line]
        text = json.dumps({"order": [line[0] for line in lines], "why": []})
        reply = ModelReply(self._outcome, text, Usage(500, 40, cost_usd=COST), self._told, 0.3, 0.1)
        asyncio.get_running_loop().call_soon(on_end, reply)
        return _Run()

    async def close(self) -> None:
        """Nothing to end."""


def answered_by(provider: Provider, book: ReplyBook | None = None) -> Answers:
    return Answers(provider.model, ReplyBook() if book is None else book, "replies.jsonl", provider)  # type: ignore[arg-type]


def sizes(outcomes: Sequence[Outcome]) -> Sequence[Finding]:
    """How many outcomes a scenario's family has."""
    return [Finding("test.family", outcomes[0].scenario.id, True, float(len(outcomes)))]


CHECKS = (Check("test.family", "contract", "higher", sizes),)
SCENARIOS = tuple(a_scenario(f"warm-query-{n:03}") for n in range(4))


def cut(scenario: Scenario) -> Sequence[Scenario]:
    """One variant with less money."""
    told = {"id": f"{scenario.id}~cut", "parent": scenario.id, "relation": "cut", "shuffle": scenario.seed}
    profile = (scenario.profile[0], ProfileFact("u2", "budget", "up to 13.00 EUR"))
    return [replace(scenario, budget_minor=1300, profile=profile, **told)]  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def judge() -> Judge:
    """The shipped rules."""
    return Judge.of(ROOT / "rules")


def plan(**changes: object) -> Plan:
    made = Plan((the_prompt(),), SCENARIOS, CHECKS, variants=cut, shuffles=2, max_usd=1.0, pace=Pace(3))
    return replace(made, **changes)  # type: ignore[arg-type]


async def test_every_scenario_is_asked_with_its_variants_and_shuffles(judge: Judge) -> None:
    """A family is the plain outcome first, then variants and shuffles; a check sees all of it."""
    found = await arun_suite(plan(), [answered_by(Provider())], judge)
    run = found.runs[0]
    assert [f.value for f in run.findings] == [4.0] * 4
    family = run.outcomes["warm-query-000"]
    assert [(o.slot, o.scenario.relation) for o in family] == [(0, ""), (0, "cut"), (1, ""), (2, "")]
    assert {o.source for o in family} == {"live"}
    assert (run.missing, run.simulated) == ((), False)


async def test_plain_scenarios_are_asked_before_variants_and_shuffles(judge: Judge) -> None:
    """Where the money ends, every prompt has its plain scenarios, and it says what was not asked and why."""
    provider = Provider()
    found = await arun_suite(plan(max_usd=4.5 * COST, pace=Pace(1)), [answered_by(provider)], judge)
    assert [name.split(" ")[0] for name in provider.asked] == [f"{s.id}#0" for s in SCENARIOS]
    asked = found.rounds[0].asked
    assert (asked.answered, asked.unasked) == (4, 12)
    assert "--max-usd" in asked.stopped
    assert found.runs[0].missing == ()


async def test_nothing_is_paid_for_twice(judge: Judge) -> None:
    """A second run over the same book asks nobody, and its outcomes are recorded ones."""
    book = ReplyBook()
    await arun_suite(plan(), [answered_by(Provider(), book)], judge)
    again = Provider()
    found = await arun_suite(plan(), [answered_by(again, book)], judge)
    assert again.asked == []
    assert found.rounds[0].asked.spent_usd == 0.0
    assert {o.source for family in found.runs[0].outcomes.values() for o in family} == {"recorded"}


async def test_a_changed_request_is_a_miss_that_says_why(judge: Judge) -> None:
    """Recorded replies answer exactly what was asked; anything else is missing, with a reason."""
    book = ReplyBook()
    await arun_suite(plan(scenarios=SCENARIOS[:2]), [answered_by(Provider(), book)], judge)
    other = replace(the_prompt(), content_hash="f" * 16)
    recorded = Answers(MODEL, book, "replies.jsonl", None)
    found = await arun_suite(plan(prompts=(the_prompt(),)), [recorded], judge)
    assert found.runs[0].missing == ("warm-query-002", "warm-query-003")
    assert "data" in found.runs[0].miss_reason
    changed = await arun_suite(plan(prompts=(other,), scenarios=SCENARIOS[2:]), [recorded], judge)
    assert "the prompt has changed" in changed.runs[0].miss_reason


async def test_a_program_s_replies_are_simulated_wherever_they_come_from(judge: Judge) -> None:
    """By the name that is asked or the name that answers, fresh or recorded."""
    book = ReplyBook()
    simulated = Provider(told="simulated-ranker")
    for model in (answered_by(simulated, book), Answers(MODEL, book, "replies.jsonl", None)):
        found = await arun_suite(plan(), [model], judge)
        assert found.runs[0].simulated
        assert {o.source for family in found.runs[0].outcomes.values() for o in family} == {"simulated"}


async def test_two_prompts_are_asked_about_the_same_lines(judge: Judge) -> None:
    """Aliases stand for the same products, so a difference is the prompt's."""
    other = replace(the_prompt(), id="rerank/v9", content_hash="e" * 16)
    found = await arun_suite(plan(prompts=(the_prompt(), other)), [answered_by(Provider())], judge)
    first, second = (run.outcomes["warm-query-000"][0] for run in found.runs)
    assert first.posed.given == second.posed.given
    assert [run.prompt_id for run in found.runs] == ["rerank/v1", "rerank/v9"]


@pytest.mark.parametrize(
    ("recorded", "simulated", "message"),
    [
        (None, None, "--model"),
        (Path("nothing-here.jsonl"), None, "does not exist"),
        (Path("nothing-here.jsonl"), {}, "give one of them"),
    ],
)
def test_asking_for_nobody_says_what_to_do(
    tmp_path: Path, recorded: Path | None, simulated: dict[str, object] | None, message: str
) -> None:
    """No model, no file, or two sources at once: one sentence that helps."""
    settings = Settings(_env_file=None, llm_model="")  # type: ignore[call-arg]
    opening = answers((), recorded, simulated, folder=tmp_path, concurrency=4, settings=settings)
    with pytest.raises(BadInput, match=message), opening:
        pass


def test_knobs_are_read_and_a_wrong_one_is_told() -> None:
    """The names that there are stand in the message."""
    assert knobs("quality=0.5, ttft_ms=0,obey=true") == {"quality": 0.5, "ttft_ms": 0.0, "obey": True}
    with pytest.raises(BadInput, match="tokens_per_s"):
        knobs("qualty=1")
