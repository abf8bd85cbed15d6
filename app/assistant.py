"""ShoppingAssistant: one message of a shopper in, a series of proved sentences and cards out.

Code reads the message, keeps the limits and has the last word; a language model, where there is one and the shopper
agreed, chooses tools and words. docs/decisions/ says why it is built this way.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import replace

import structlog

from app.chat import phrases
from app.chat.model_answer import ChatModel, ModelAnswer, Progress
from app.chat.plain_answer import Conversation, PlainAnswer
from app.chat.shop import Shop
from app.domain.chat import ChatPart, ChatTurn, Disclosure, Remembered, Said
from app.domain.errors import StoreUnavailable
from app.domain.interactions import Consent
from app.observer import SILENCE, ChatTold, Observer
from app.pipeline.intent import read_intent, without_links
from app.pipeline.redaction import without_contacts
from app.ports import ChatMemory
from app.service import RecommendationService, ServiceParts
from app.shelves import ShelfService

log = structlog.get_logger(__name__)

SAID_KEPT = 6
SAID_CHARS = 200
"""Of each of the shopper's newest messages that a conversation keeps."""


class ShoppingAssistant:
    """Answers messages. Safe for concurrent conversations on one event loop."""

    def __init__(
        self,
        *,
        shop: Shop,
        memory: ChatMemory,
        plain: PlainAnswer,
        model: ModelAnswer | None = None,
        hand_off: str | None = None,
        wall: Callable[[], float] = time.time,
        observer: Observer = SILENCE,
    ) -> None:
        self._shop = shop
        self._memory = memory
        self._hand_off = hand_off
        self._plain = plain
        self.model = model
        self._wall = wall
        self._observer = observer

    @classmethod
    def over(
        cls,
        parts: ServiceParts,
        shelves: ShelfService,
        memory: ChatMemory,
        consent_default: Consent,
        model: ChatModel | None,
        hand_off: str,
    ) -> ShoppingAssistant:
        """The assistant over the same parts as the service. Its slates are the baseline's: it has its own model calls.

        Args: model: None where none is configured; hand_off: where a person can be reached, "" where nowhere.
        """
        shop = Shop(
            service=RecommendationService(replace(parts, rerank=None)),
            shelves=shelves,
            served=parts.served,
            store=parts.store,
            currency=parts.currency,
            consent_default=consent_default,
        )
        contact = hand_off or None
        plain = PlainAnswer(shop, contact)
        worded = None if model is None else ModelAnswer(model, shop=shop, plain=plain, config=parts.reasons)
        return cls(shop=shop, memory=memory, plain=plain, model=worded, hand_off=contact, observer=parts.observer)

    async def answer(self, turn: ChatTurn) -> AsyncIterator[ChatPart]:
        """The parts of the answer to one message, in the order to show them; begins with who is answering.

        Raises: StoreUnavailable, before the first part: the shop can't be read.
        """
        begun_at = self._wall()
        memory = await self._recall(turn)
        # Half a surrogate pair, which JSON can carry, has no form in UTF-8: neither a store nor a provider takes it.
        text = without_links(without_contacts(turn.text.encode("utf-8", "ignore").decode("utf-8")))
        intent = read_intent(text, self._shop.vocabulary(), currency=self._shop.currency)
        if intent.unlimited:
            memory = replace(memory, budget_minor=None)
        talk = Conversation(replace(turn, text=text), intent, memory)
        progress = Progress()
        try:
            fixed = self._plain.fixed(intent)
            model = None if fixed is not None else self.model
            if model is not None and model.calls.refusal() is not None:
                model = None
            yield self._disclosed(model is not None)
            if fixed is not None:
                for part in fixed:
                    yield part
            elif model is None:
                async for part in self._plain.answer(talk):
                    yield part
            else:
                async for part in self._with_model(model, talk, progress):
                    yield part
        finally:
            self._tell(talk, progress, begun_at)
            await self._keep(talk, begun_at)

    async def _with_model(self, model: ModelAnswer, talk: Conversation, progress: Progress) -> AsyncIterator[ChatPart]:
        """The model's answer; the rules' where it shows nothing, and the rules' sentence over cards without one."""
        if talk.intent.most_minor is not None:
            talk.memory = replace(talk.memory, budget_minor=talk.intent.most_minor)
        shopper = await self._shop.shopper(talk.turn.talker)
        progress.consent, progress.asked_model = shopper.consent, True
        async for part in model.answer(talk, shopper, progress):
            yield part
        if not progress.empty:
            if not (progress.sentences or progress.told or progress.asked):
                yield Said(phrases.SEE_ABOVE)
            return
        yield self._disclosed(False)
        async for part in self._plain.answer(talk):
            yield part

    def _tell(self, talk: Conversation, progress: Progress, begun_at: float) -> None:
        ended_at = self._wall()
        self._observer.chat_ended(
            ChatTold(
                request_id=progress.request_id,
                talker=talk.turn.talker,
                consent=progress.consent,
                ended_at=ended_at,
                seconds=max(0.0, ended_at - begun_at),
                with_model=progress.asked_model,
                failure=progress.failure,
                tools=tuple(progress.tools),
                sentences=progress.sentences,
                removed=dict(progress.removed),
            )
        )

    def _disclosed(self, model_in_use: bool) -> Disclosure:
        told = phrases.MODEL if model_in_use else phrases.NO_MODEL
        return Disclosure(model_in_use, f"{phrases.MACHINE} {told}", self._hand_off)

    async def _recall(self, turn: ChatTurn) -> Remembered:
        if not turn.talker.known:
            return Remembered()
        return await asyncio.to_thread(self._memory.recall, turn.talker, turn.conversation_id)

    async def _keep(self, talk: Conversation, begun_at: float) -> None:
        turn = talk.turn
        if not turn.talker.known:
            return
        said = (*talk.memory.said, turn.text[:SAID_CHARS])[-SAID_KEPT:]
        memory = replace(talk.memory, said=said)
        try:
            await asyncio.to_thread(self._memory.remember, turn.talker, turn.conversation_id, memory, begun_at=begun_at)
        except StoreUnavailable as error:
            log.warning("conversation_not_kept", reason=str(error))  # the answer is out; the next turn knows less
