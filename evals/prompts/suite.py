"""One run of the suite: scenarios posed with each prompt, each model asked, replies judged as they come, checks run."""

from __future__ import annotations

import asyncio
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Protocol

from app.domain.model_calls import ModelCall
from app.pipeline.repair import read_reply
from app.prompts import Prompt
from evals.prompts.finding import Check, Finding, SuiteCheck
from evals.prompts.judging import Judge, Told
from evals.prompts.outcome import Outcome, Posed
from evals.prompts.posing import pose
from evals.prompts.providers import Answers
from evals.prompts.scenario import Scenario
from evals.rerank import asking
from evals.rerank.replies import RecordedReply, request_hash

Variants = Callable[[Scenario], Sequence[Scenario]]
"""The metamorphic variants of a scenario; none for most relations."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What is asked of every model."""

    prompts: tuple[Prompt, ...]  # the one under test first, then the one that it is set against
    scenarios: tuple[Scenario, ...]
    checks: tuple[Check, ...]
    suite_checks: tuple[SuiteCheck, ...] = ()  # over a whole run
    variants: Variants = lambda _scenario: ()
    shuffles: int = 0  # further orders of each scenario's lines
    max_usd: float = 1.0  # of this run, over all models
    pace: asking.Pace = field(default_factory=asking.Pace)
    deadline_s: float | None = None  # how long the service would wait for an order


@dataclass(frozen=True, slots=True)
class Run:
    """One prompt with one model: what came of every scenario that has a reply, and what the checks say of it."""

    prompt_id: str
    prompt_hash: str
    model: str
    simulated: bool
    told_models: tuple[str, ...]  # as the provider names itself
    recorded_at: tuple[str, str] | None  # ISO times of the oldest and newest reply
    outcomes: Mapping[str, tuple[Outcome, ...]]  # scenario id → the plain one, its shuffles, its variants
    findings: tuple[Finding, ...]
    missing: tuple[str, ...]  # scenarios without a reply
    miss_reason: str = ""

    @property
    def plain(self) -> tuple[Outcome, ...]:
        """The plain outcome of every scenario."""
        return tuple(family[0] for family in self.outcomes.values())


@dataclass(frozen=True, slots=True)
class Round:
    """What asking one model came to."""

    model: str
    file: str  # the replies are in
    asked: asking.Asked
    wall_s: float
    questions: int


@dataclass(frozen=True, slots=True)
class Suite:
    """Everything that was found, model by model, prompts in the order of the plan."""

    runs: tuple[Run, ...]
    rounds: tuple[Round, ...]


class Progress(Protocol):
    """Who is told how far a run is."""

    def __call__(self, model: str, done: int, total: int, spent_usd: float) -> None:
        """`done` of `total` questions of this model are answered; `spent_usd` by the whole run."""
        ...


def run_suite(plan: Plan, models: Sequence[Answers], judge: Judge, progress: Progress | None = None) -> Suite:
    """Asks what the books don't hold, judges everything, and runs the checks.

    Raises: ConfigurationError: a provider refuses our requests. BadInput: a reply can't be written down.
    """
    return asyncio.run(arun_suite(plan, models, judge, progress))


async def arun_suite(plan: Plan, models: Sequence[Answers], judge: Judge, progress: Progress | None = None) -> Suite:
    """As `run_suite`, on a running event loop."""
    by_prompt = {prompt.id: _questions(plan, prompt) for prompt in plan.prompts}
    runs: list[Run] = []
    rounds: list[Round] = []
    spent = 0.0
    for model in models:
        # What matters most is asked first, for every prompt: where money ends, it ends with the further shuffles.
        everything = sorted((q for found in by_prompt.values() for q in found), key=lambda q: q.rank)
        desk = _Desk(plan, model, everything, judge)
        started = time.perf_counter()
        asked = await _asked(plan, model, everything, desk, spent, progress)
        spent += asked.spent_usd
        desk.finish()
        rounds.append(Round(model.model, model.file, asked, time.perf_counter() - started, len(everything)))
        runs += [_run(plan, prompt, model, by_prompt[prompt.id], desk, asked) for prompt in plan.prompts]
    return Suite(tuple(runs), tuple(rounds))


@dataclass(frozen=True, slots=True)
class _Question:
    """One call to be made, and which scenario's family its outcome belongs to."""

    posed: Posed
    family: tuple[str, str]  # prompt and scenario
    rank: tuple[int, int]  # plain before variants before shuffles, then as the golden set has them


def _questions(plan: Plan, prompt: Prompt) -> tuple[_Question, ...]:
    found = []
    for place, scenario in enumerate(plan.scenarios):
        name = (prompt.id, scenario.id)
        found.append(_Question(pose(scenario, prompt), name, (0, place)))
        found += [_Question(pose(v, prompt), name, (1, place)) for v in plan.variants(scenario)]
        found += [_Question(pose(scenario, prompt, n), name, (1 + n, place)) for n in range(1, plan.shuffles + 1)]
    return tuple(found)


class _Desk:
    """Judges replies and runs the checks of a scenario as soon as all its replies are there, while others are still
    under way: in a thread, so that streams are read in time."""

    def __init__(self, plan: Plan, model: Answers, questions: Sequence[_Question], judge: Judge) -> None:
        self._plan = plan
        self._model = model
        self._judge = judge
        self._of_request: dict[str, list[_Question]] = defaultdict(list)
        self._aliases: dict[str, tuple[int, frozenset[str]]] = {}  # call → sentences asked for, aliases
        self._open: Counter[tuple[str, str]] = Counter()  # family → replies that it waits for
        self._outcomes: dict[str, Outcome] = {}  # by call
        self._families: dict[tuple[str, str], list[_Question]] = defaultdict(list)
        self.findings: dict[tuple[str, str], tuple[Finding, ...]] = {}
        self.follow: Callable[[asking.Asked], None] = lambda _asked: None
        for question in questions:
            posed = question.posed
            self._of_request[request_hash(posed.call, model.model)].append(question)
            self._aliases[posed.call.call_id] = (posed.scenario.limit, frozenset(posed.given.product_of))
            self._open[question.family] += 1
            self._families[question.family].append(question)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="judge")
        self._futures: list[Future[None]] = []
        for request in self._of_request:
            held = model.book.find(request)
            if held is not None:
                self._submit(held, fresh=False)

    def ordered(self, call: ModelCall, text: str) -> bool:
        """See asking.Watcher."""
        limit, aliases = self._aliases[call.call_id]
        return "]" in text and read_reply(text, aliases, complete=False, limit=limit).complete_order

    def landed(self, reply: RecordedReply, asked: asking.Asked) -> None:
        """See asking.Watcher."""
        self._submit(reply, fresh=True)
        self.follow(asked)

    def finish(self) -> None:
        """Waits until everything is judged, and checks the families that miss a reply."""
        try:
            for future in self._futures:
                future.result()
            for family in self._families:
                if family not in self.findings:
                    self._check(family)
        finally:
            self._thread.shutdown()

    def family(self, name: tuple[str, str]) -> tuple[Outcome, ...]:
        """The outcomes of a scenario with a prompt: the plain one first; empty without it."""
        found = [self._outcomes.get(question.posed.call.call_id) for question in self._families[name]]
        # A family without its plain outcome has nothing to be set against.
        return tuple(outcome for outcome in found if outcome is not None) if found and found[0] is not None else ()

    def _submit(self, reply: RecordedReply, *, fresh: bool) -> None:
        self._futures.append(self._thread.submit(self._judged, reply, fresh=fresh))

    def _judged(self, reply: RecordedReply, *, fresh: bool) -> None:
        source = self._model.source_of(reply, fresh=fresh)
        told = Told(self._model.model, source, reply.seconds_to_order, self._plan.deadline_s)
        for question in self._of_request[reply.hash]:
            self._outcomes[question.posed.call.call_id] = self._judge.judge(question.posed, reply.as_reply(), told)
            self._open[question.family] -= 1
            if self._open[question.family] == 0:
                self._check(question.family)

    def _check(self, name: tuple[str, str]) -> None:
        family = self.family(name)
        self.findings[name] = tuple(f for check in self._plan.checks for f in check.of(family)) if family else ()


async def _asked(
    plan: Plan,
    model: Answers,
    questions: Sequence[_Question],
    desk: _Desk,
    spent_usd: float,
    progress: Progress | None,
) -> asking.Asked:
    calls = [question.posed.call for question in questions]
    if model.client is None:
        held = sum(model.book.find(request_hash(call, model.model)) is not None for call in calls)
        return asking.Asked(from_book=held, unasked=len(calls) - held)
    cost = [0.0]

    def follow(asked: asking.Asked) -> None:
        cost[0] = asked.spent_usd

    def say(done: int, total: int) -> None:
        if progress is not None:
            progress(model.model, len(calls) - total + done, len(calls), spent_usd + cost[0])

    desk.follow = follow
    try:
        for prompt in plan.prompts:
            await model.client.warm({} if prompt.schema is None else {"rerank": prompt.schema})
        return await asking.ask_all(
            model.client, calls, model.book, max_usd=plan.max_usd - spent_usd, pace=plan.pace, say=say, watcher=desk
        )
    finally:
        await model.client.close()


def _run(
    plan: Plan,
    prompt: Prompt,
    model: Answers,
    questions: Sequence[_Question],
    desk: _Desk,
    asked: asking.Asked,
) -> Run:
    families = {scenario.id: desk.family((prompt.id, scenario.id)) for scenario in plan.scenarios}
    kept = {name: family for name, family in families.items() if family}
    missing = tuple(name for name, family in families.items() if not family)
    findings = tuple(f for name in kept for f in desk.findings[prompt.id, name])
    hashes = [request_hash(question.posed.call, model.model) for question in questions]
    replies = [reply for reply in map(model.book.find, hashes) if reply is not None]
    at = sorted(reply.at for reply in replies)
    return Run(
        prompt_id=prompt.id,
        prompt_hash=prompt.content_hash,
        model=model.model,
        simulated=model.simulated or any(reply.simulated for reply in replies),
        told_models=tuple(sorted({reply.told_model for reply in replies})),
        recorded_at=(at[0].isoformat(timespec="seconds"), at[-1].isoformat(timespec="seconds")) if at else None,
        outcomes=kept,
        findings=findings,
        missing=missing,
        miss_reason=_why(model, prompt, asked) if missing else "",
    )


def _why(model: Answers, prompt: Prompt, asked: asking.Asked) -> str:
    """Why scenarios have no reply."""
    if model.client is None:
        return model.book.why_missed(model.model, prompt.content_hash)
    parts = [f"{n} calls ended as {outcome}" for outcome, n in asking.failures(asked).items()]
    if asked.unasked:
        parts.append(f"{asked.unasked} were not made: {asked.stopped or 'nobody was asked'}")
    return "; ".join(parts)
