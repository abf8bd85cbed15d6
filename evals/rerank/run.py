"""`shelfwise eval ranking --rerank` from end to end: cases, replies, figures, and the gate where one may be written."""

from __future__ import annotations

import asyncio
import datetime as dt
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from app.adapters.gate_file import load_gate
from app.adapters.llm import LiteLlmClient
from app.bootstrap import consent_of, open_client
from app.domain.errors import BadInput
from app.domain.interactions import Consent
from app.domain.model_calls import ModelCall
from app.prompts import Prompt, load_prompt
from app.settings import Settings
from evals.ranking.experiment import Arena, Plan, Say, arena
from evals.ranking.results import machine, write_json
from evals.ranking.shop_data import ShopData
from evals.rerank import asking
from evals.rerank.cases import Cases, choose, prepare
from evals.rerank.gate_lines import LABEL, measured, refusal, write_gate
from evals.rerank.measure import Segment, Service, segments, service
from evals.rerank.orders import Answered, answered
from evals.rerank.replies import ReplyBook, names_simulated, request_hash

NO_CONSENT = "full,false"
"""Of shoppers who state none: their history is theirs, and no provider gets it."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What was asked for on the command line."""

    model: str | None
    recorded: Path | None  # replies to read instead of asking
    max_usd: float
    limit_users: int
    concurrency: int
    write_gate: bool
    consent: str | None  # of shoppers who state none; None = NO_CONSENT


@dataclass(frozen=True, slots=True)
class RerankEvaluation:
    """One run. Figures are over the cases with a reply."""

    data: str
    protocol: str
    cut: str
    model: str
    told_models: Sequence[str]
    prompt_id: str
    prompt_hash: str
    label: str  # LABEL where a reply is a program's, else ""
    simulated: int  # of the replies used
    replies_file: str  # its name
    cases: int
    used: int  # with a reply
    not_asked: Mapping[str, int]  # why no model would be asked → requests
    misses: int  # no recorded reply, or left unasked
    miss_reason: str
    searches: int
    calls: int  # made by this run
    from_book: int
    spent_usd: float  # by this run
    failed_calls: Mapping[str, int]
    segments: Sequence[Segment]
    service: Service
    seed: int
    resamples: int
    machine: Mapping[str, Any]
    gate_written: str = ""  # why not, or what
    gate_refused: bool = False


@dataclass(frozen=True, slots=True)
class Ready:
    """What is known before minutes go into training: model, prompt, replies on file, and whom to ask."""

    settings: Settings
    model: str
    prompt: Prompt
    book: ReplyBook
    replies_file: str  # its name
    client: LiteLlmClient | None  # None: nobody is asked


def run(
    shop: ShopData, plan: Plan, wish: Wish, folder: Path, say: Say, *, rules: Path | None, vectors: Path | None
) -> tuple[RerankEvaluation, Path]:
    """Measures, and writes the JSON, the replies paid for, and the gate where it may be written.

    Returns: the figures, and where their JSON is.
    Raises:  BadInput, ConfigurationError: what was asked for can't be done; nothing was paid for that is not kept.
    """
    ready = made_ready(wish, folder, shop.name, Settings())
    plan = replace(plan, peers=False, consent=_consent(wish.consent))
    with arena(shop, plan, say, rules_source=rules, vectors=vectors) as ground:
        return run_on(ground, ready, wish, folder, say)


def made_ready(wish: Wish, folder: Path, shop: str, settings: Settings) -> Ready:
    """Everything that can be found wrong at once.

    Raises: BadInput: no model, no such file, or a gate from a program. ConfigurationError: the price is not known.
    """
    model, book, replies_file = _book(wish, settings, folder, shop)
    if wish.write_gate and names_simulated(model):
        raise BadInput(
            f"--write-gate with {model}: the simulated provider is a program, and a gate made from it would say "
            "something about a model that nobody measured. Leave --write-gate away, or name a model."
        )
    prompt = load_prompt(settings.prompts_dir, "rerank", "v1")
    client = None
    if wish.recorded is None:
        chosen = settings.model_copy(update={"llm_model": model, "llm_max_concurrency": wish.concurrency})
        client = open_client(chosen)
    return Ready(settings, model, prompt, book, replies_file, client)


def run_on(ground: Arena, ready: Ready, wish: Wish, folder: Path, say: Say) -> tuple[RerankEvaluation, Path]:
    """The same on a shop that is split and trained. Arguments and errors as for `run`."""
    plan, model, prompt, book = ground.plan, ready.model, ready.prompt, ready.book
    gate = load_gate(ground.rules_source)
    wanted, searched = choose(ground, wish.limit_users, plan.seed)
    with ground.service() as application:
        cases = prepare(ground, application, wanted, prompt, model, searched=searched)
    say(f"{len(cases.cases)} requests; no model would be asked for {dict(cases.not_asked)}")
    _some(cases, wish)
    calls = [case.call for case in cases.cases]
    asked = asking.Asked(from_book=sum(book.find(request_hash(call, model)) is not None for call in calls))
    if ready.client is not None:
        asked = asyncio.run(_ask(ready.client, calls, book, prompt, wish, say))
    found = _answered(cases, book, model)
    misses = len(calls) - len(found)
    reason = _why(misses, asked, wish, book, model, prompt)
    if not found:
        raise BadInput(f"None of {len(calls)} requests has a reply: {reason}.")
    lines = segments(found, gate, model, prompt.content_hash, seed=plan.seed, resamples=plan.resamples)
    result = _result(
        ground,
        prompt,
        found,
        (lines, service(found, ready.settings.llm_deadline_ms)),
        cases,
        asked,
        (misses, reason),
        model=model,
        replies_file=ready.replies_file,
    )
    if wish.write_gate:
        result = _with_gate(result, found, ground.rules_source)
    path = folder / f"rerank-{ground.data.name}-{plan.protocol}-{_slug(model)}.json"
    write_json(result, path)
    return result, path


def _book(wish: Wish, settings: Settings, folder: Path, shop: str) -> tuple[str, ReplyBook, str]:
    """The model, the replies that are there, and the name of their file."""
    if wish.recorded is not None:
        if not wish.recorded.is_file():
            raise BadInput(f"{wish.recorded} does not exist; record replies first by a run without --recorded.")
        book = ReplyBook.read(wish.recorded, add=False)
        return wish.model or book.only_model(), book, wish.recorded.name
    model = wish.model or settings.llm_model
    if not model:
        raise BadInput("Which model? Give --model with a litellm id, or --recorded with a file of replies.")
    path = folder / f"replies-{shop}-{_slug(model)}.jsonl"
    return model, ReplyBook.read(path, add=True), path.name


def _consent(text: str | None) -> Consent:
    try:
        return consent_of(NO_CONSENT if text is None else text)
    except ValueError as error:
        raise BadInput(f"--consent: {error}") from error


def _some(cases: Cases, wish: Wish) -> None:
    if cases.cases:
        return
    if cases.not_asked["opted_out"] and wish.consent is None:
        raise BadInput(
            "No shopper agreed that a model provider may process their data. Where they have, but their records don't "
            "say so, write --consent full,true (as `shelfwise import` does)."
        )
    raise BadInput(f"There is no request to measure on: {dict(cases.not_asked)}.")


async def _ask(
    client: LiteLlmClient, calls: Sequence[ModelCall], book: ReplyBook, prompt: Prompt, wish: Wish, say: Say
) -> asking.Asked:
    def told(done: int, total: int) -> None:
        if done % 20 == 0 or done == total:
            say(f"{done} of {total} calls")

    try:
        await client.warm({"rerank": prompt.schema or {}})
        return await asking.ask_all(
            client, calls, book, max_usd=wish.max_usd, pace=asking.Pace(wish.concurrency), say=told
        )
    finally:
        await client.close()


def _answered(cases: Cases, book: ReplyBook, model: str) -> list[Answered]:
    pairs = [(case, book.find(request_hash(case.call, model))) for case in cases.cases]
    return [answered(case, reply) for case, reply in pairs if reply is not None]


def _why(misses: int, asked: asking.Asked, wish: Wish, book: ReplyBook, model: str, prompt: Prompt) -> str:
    if misses == 0:
        return ""
    if wish.recorded is not None:
        return book.why_missed(model, prompt.content_hash)
    parts = [f"{n} calls ended as {outcome}" for outcome, n in asking.failures(asked).items()]
    if asked.unasked:
        parts.append(f"{asked.unasked} were not made: {asked.stopped}")
    return "; ".join(parts)


def _result(
    ground: Arena,
    prompt: Prompt,
    found: Sequence[Answered],
    figures: tuple[Sequence[Segment], Service],
    cases: Cases,
    asked: asking.Asked,
    missed: tuple[int, str],
    *,
    model: str,
    replies_file: str,
) -> RerankEvaluation:
    simulated = sum(one.reply.simulated for one in found)
    return RerankEvaluation(
        data=ground.data.name,
        protocol=ground.split.protocol,
        cut=dt.datetime.fromtimestamp(ground.split.as_of, dt.UTC).isoformat(timespec="seconds"),
        model=model,
        told_models=sorted({one.reply.told_model for one in found}),
        prompt_id=prompt.id,
        prompt_hash=prompt.content_hash,
        label=LABEL if simulated else "",
        simulated=simulated,
        replies_file=replies_file,
        cases=len(cases.cases),
        used=len(found),
        not_asked=dict(cases.not_asked),
        misses=missed[0],
        miss_reason=missed[1],
        searches=cases.searches,
        calls=asked.made,
        from_book=asked.from_book,
        spent_usd=asked.spent_usd,
        failed_calls=asking.failures(asked),
        segments=figures[0],
        service=figures[1],
        seed=ground.plan.seed,
        resamples=ground.plan.resamples,
        machine=machine(),
    )


def _with_gate(result: RerankEvaluation, found: Sequence[Answered], folder: Path) -> RerankEvaluation:
    chosen = measured(result.segments)
    problem = refusal([one.reply for one in found], result.service, chosen)
    if problem is not None:
        return replace(result, gate_refused=True, gate_written=f"Refused to write gate.yaml: {problem}")
    path = write_gate(folder, chosen, result.model, result.prompt_hash)
    names = ", ".join(segment.name for segment in chosen)
    return replace(result, gate_written=f"Written to {path.name}: measured lines for {names}")


def _slug(model: str) -> str:
    """A model's id as part of a file name."""
    return re.sub(r"[^A-Za-z0-9.-]+", "-", model).strip("-.") or "model"
