"""The answer with a model: at most four rounds of tools in one deadline, each sentence proved before it is shown."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import Literal

import structlog

from app.chat import phrases
from app.chat.plain_answer import Conversation, PlainAnswer, preference_lines
from app.chat.shop import Shop
from app.chat.tool_arguments import read_call, tool_specs
from app.chat.tool_box import ToolBox, ToolResult
from app.chat.transcript import Transcript
from app.domain.budgets import Payer
from app.domain.chat import BrokenOff, Cards, ChatPart, Clarify, Comparison, Said, ToolAnswered, ToolAsked, ToolRefused
from app.domain.deadline import Deadline
from app.domain.errors import BadInput
from app.domain.interactions import Consent, Shopper
from app.domain.model_calls import Message, ModelCall, ModelReply, ToolCall
from app.metered import MeteredCalls
from app.observer import NO_CONSENT, ToolTold
from app.pipeline.chat_proof import ChatProver
from app.pipeline.evidence_draft import money
from app.pipeline.prompt_input import field_text
from app.pipeline.reasons_schema import ReasonConfig
from app.pipeline.sentences import SentenceReader
from app.prompts import Prompt

log = structlog.get_logger(__name__)

ROUNDS_MAX = 4
CALLS_PER_ROUND = 6
SENTENCES_MAX = 8
MAX_OUTPUT_TOKENS = 500
LOOK_EVERY_S = 0.02
"""How often the growing reply is looked at: a sentence is shown at most so much later than it could be."""

SAID_TOLD = 3
"""The shopper's earlier messages that the model is told."""

Failure = Literal["none", "late", "broken", "refused"]


@dataclass(frozen=True, slots=True)
class ChatModel:
    """How the assistant's model is called."""

    calls: MeteredCalls
    prompt: Prompt
    deadline_ms: int  # of one answer, in all


@dataclass(slots=True)
class Progress:
    """What one answer has shown so far, and how it ended."""

    sentences: int = 0  # proved sentences of the model, small talk included
    about_products: int = 0  # of these
    removed: Counter[str] = field(default_factory=Counter)  # first failure → sentences that were not shown
    shown: int = 0  # cards, tables and sentences of code
    told: int = 0  # sentences of code
    asked: bool = False  # a question was put
    refused_calls: int = 0
    failure: Failure = "none"
    request_id: str = field(default_factory=lambda: uuid.uuid4().hex)  # of every model call of the answer
    consent: Consent = NO_CONSENT
    asked_model: bool = False
    tools: list[ToolTold] = field(default_factory=list)

    @property
    def empty(self) -> bool:
        """Whether the shopper has seen no answer yet: small talk is one only where nothing went wrong after it."""
        if self.about_products or self.shown or self.asked:
            return False
        return not self.sentences or self.refused_calls > 0 or self.failure != "none"


class ModelAnswer:
    """Answers with a model's choice of tools and words. The facts, limits and cards are the code's."""

    def __init__(
        self,
        model: ChatModel,
        *,
        shop: Shop,
        plain: PlainAnswer,
        config: ReasonConfig,
    ) -> None:
        self.calls = model.calls
        self._prompt = model.prompt
        self._deadline_ms = model.deadline_ms
        self._shop = shop
        self._plain = plain
        self._config = config
        self._tools = tool_specs()
        self.removed: Counter[str] = Counter()  # over all answers

    async def answer(self, talk: Conversation, shopper: Shopper, progress: Progress) -> AsyncIterator[ChatPart]:
        """The parts of the answer; `progress` says afterwards whether a model could be had and what was shown."""
        deadline = Deadline.after_ms(self._deadline_ms)
        transcript = Transcript(
            config=self._config, currency=self._shop.currency, personal=shopper.consent.llm_processing
        )
        messages = list(await self._opening(talk, shopper, transcript))
        answer = _Answer(self, talk, transcript, ToolBox(self._shop, self._plain, talk, transcript, shopper), progress)
        for round_ in range(1, ROUNDS_MAX + 1):
            call = self._call(messages, progress.request_id, talk.turn.payer, with_tools=round_ < ROUNDS_MAX)
            reply: ModelReply | None = None
            async for step in answer.listen(call, deadline):
                if isinstance(step, ModelReply):
                    reply = step
                else:
                    yield step
            if reply is None or progress.failure != "none":
                break
            if not reply.tool_calls or round_ == ROUNDS_MAX:
                break
            messages.append(Message("assistant", "", tool_calls=answer.known_calls(reply.tool_calls)))
            async for part in answer.use(reply.tool_calls, messages, deadline):
                yield part
            if answer.stuck or deadline.remaining_s() <= 0:
                break
        self.removed.update(progress.removed)
        if progress.failure in ("late", "broken") and progress.about_products:
            yield BrokenOff(phrases.LATE if progress.failure == "late" else phrases.BROKEN)

    def prover(self, talk: Conversation) -> ChatProver:
        """The judge of one answer's sentences."""
        limit = talk.intent.most_minor if talk.intent.most_minor is not None else talk.memory.budget_minor
        return ChatProver(
            config=self._config,
            currency=self._shop.currency,
            budget_minor=limit,
            asked=talk.turn.text,
            budget_text=None if limit is None else money(limit, self._shop.currency),
        )

    def _call(self, messages: Sequence[Message], request_id: str, payer: Payer, *, with_tools: bool) -> ModelCall:
        return ModelCall(
            call_id=uuid.uuid4().hex,
            request_id=request_id,
            purpose="chat",
            placement="search",
            prompt_id=self._prompt.id,
            prompt_hash=self._prompt.content_hash,
            messages=tuple(messages),
            max_output_tokens=MAX_OUTPUT_TOKENS,
            tools=self._tools if with_tools else (),
            payer=payer,
        )

    async def _opening(self, talk: Conversation, shopper: Shopper, transcript: Transcript) -> tuple[Message, ...]:
        memory, currency = talk.memory, self._shop.currency
        limit = talk.intent.most_minor if talk.intent.most_minor is not None else memory.budget_minor
        told: list[str] = []
        if shopper.consent.llm_processing and shopper.consent.personalization != "none":
            told = [f"u{n} {field_text(line, 100)}" for n, line in enumerate(
                preference_lines(shopper.preferences, currency), start=1
            )]  # fmt: skip
        shown = [transcript.line(product) for product in await self._shop.products(memory.shown)]
        said = [f"Shopper, before: {field_text(text, 160)}" for text in memory.said[-SAID_TOLD:]]
        return self._prompt.render(
            currency=currency,
            limit_lines=[] if limit is None else [f"Price limit: {money(limit, currency)}"],
            shopper_lines=told,
            shown_lines=[f"Card: {line}" for line in shown if line],
            said_lines=said,
            message=field_text(talk.turn.text, 1000),
        )


class _Answer:
    """One answer under way."""

    def __init__(
        self, owner: ModelAnswer, talk: Conversation, transcript: Transcript, tools: ToolBox, progress: Progress
    ) -> None:
        self._owner = owner
        self._talk = talk
        self._transcript = transcript
        self._tools = tools
        self._progress = progress
        self._prover = owner.prover(talk)
        self._done: set[tuple[str, str]] = set()  # calls carried out
        self._ids = 0
        self._useless = 0  # rounds in a row without a call that could be carried out

    async def listen(self, call: ModelCall, deadline: Deadline) -> AsyncIterator[ChatPart | ModelReply]:
        """Proved sentences of one reply as they arrive, and at its end the reply."""
        run = await self._owner.calls.start(call, deadline)
        if isinstance(run, str):
            self._progress.failure = "refused"
            log.info("chat_without_model", reason=run)
            return
        reader = SentenceReader()
        while True:
            reply = await run.wait(min(LOOK_EVERY_S, deadline.remaining_s()))
            unusable = reply is not None and reply.outcome in ("refused", "malformed")
            if not unusable:
                for sentence in reader.complete(run.text(), ended=reply is not None and reply.outcome == "complete"):
                    for part in self._said(sentence):
                        yield part
            if reply is not None:
                if reply.outcome != "complete":
                    self._progress.failure = "refused" if reply.outcome == "refused" else "broken"
                yield reply
                return
            if deadline.remaining_s() <= 0:
                self._progress.failure = "late"
                return

    @property
    def stuck(self) -> bool:
        """Whether the model asks for nothing but what it has or what there is not, after one chance to mend it."""
        return self._useless >= 2

    def known_calls(self, asked: Sequence[ToolCall]) -> tuple[ToolCall, ...]:
        """The calls as the next message repeats them: each with an id, at most as many as are answered."""
        return tuple(
            ToolCall(call.id[:64] or f"call-{n}", call.name[:64] or "unnamed", _json_object(call.arguments))
            for n, call in enumerate(asked[:CALLS_PER_ROUND])
        )

    async def use(
        self, asked: Sequence[ToolCall], messages: list[Message], deadline: Deadline
    ) -> AsyncIterator[ChatPart]:
        """Carries out the calls of one reply and adds their results to the messages."""
        progress, useful = self._progress, 0
        progress.refused_calls += max(0, len(asked) - CALLS_PER_ROUND)
        for named, call in zip(self.known_calls(asked), asked, strict=False):
            self._ids += 1
            call_id, begun_s = f"t{self._ids}", time.perf_counter()
            try:
                result = await self._carried_out(call, call_id, deadline)
            except BadInput as error:
                progress.refused_calls += 1
                progress.tools.append(_tool_told(call, "refused", begun_s))
                yield ToolRefused(call_id, _tool_name(call.name), str(error))
                messages.append(Message("tool", str(error), tool_call_id=named.id))
                continue
            except TimeoutError:
                progress.failure = "late"
                progress.tools.append(_tool_told(call, "late", begun_s))
                return
            progress.tools.append(_tool_told(call, "done", begun_s))
            useful += 1
            if result.output is not None:
                yield ToolAsked(call_id, call.name, {})
                yield ToolAnswered(call_id, result.output)
            for part in result.parts:
                progress.shown += isinstance(part, Cards | Comparison | Said | ToolAsked)
                progress.told += isinstance(part, Said)
                yield part
            messages.append(Message("tool", "\n".join(result.lines), tool_call_id=named.id))
        self._useless = 0 if useful else self._useless + 1

    async def _carried_out(self, call: ToolCall, call_id: str, deadline: Deadline) -> ToolResult:
        name, arguments = read_call(call)
        key = (name, arguments.model_dump_json())
        if key in self._done:
            raise BadInput("This was asked before; use the result above.")
        self._done.add(key)
        async with asyncio.timeout(deadline.remaining_s()):
            return await self._tools.run(name, arguments, call_id)

    def _said(self, sentence: str) -> Sequence[ChatPart]:
        progress = self._progress
        judged = self._prover.judge(sentence, self._transcript.subjects)
        if judged.kind == "removed":
            progress.removed[judged.failures[0].split(":")[0]] += 1
            return ()
        if progress.sentences >= SENTENCES_MAX:
            return ()
        if judged.kind == "question":
            if progress.asked:
                return ()
            progress.asked = True
            return (Clarify(judged.text),)
        progress.sentences += 1
        progress.about_products += judged.kind == "product"
        return (Said(judged.text),)


def _json_object(text: str) -> str:
    """Arguments that a provider takes back: what was no JSON object is sent as an empty one."""
    stripped = text.strip()
    return stripped[:4000] if stripped.startswith("{") and stripped.endswith("}") and len(stripped) <= 4000 else "{}"


def _tool_name(name: str) -> str:
    """The name of a tool for the stream; a model's own invention is not repeated."""
    return name if name in {tool.name for tool in tool_specs()} else "unknown"


def _tool_told(call: ToolCall, outcome: Literal["done", "refused", "late"], begun_s: float) -> ToolTold:
    return ToolTold(_tool_name(call.name), outcome, time.time(), time.perf_counter() - begun_s)
