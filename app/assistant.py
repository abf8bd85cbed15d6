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
from app.chat.plain_answer import Conversation, PlainAnswer
from app.chat.shop import Shop
from app.domain.chat import ChatPart, ChatTurn, Disclosure, Remembered
from app.domain.errors import StoreUnavailable
from app.pipeline.intent import read_intent
from app.pipeline.redaction import without_contacts
from app.ports import ChatMemory

log = structlog.get_logger(__name__)

SAID_KEPT = 6
SAID_CHARS = 200
"""Of each of the shopper's newest messages that a conversation keeps."""


class ShoppingAssistant:
    """Answers messages. Safe for concurrent conversations on one event loop."""

    def __init__(
        self, *, shop: Shop, memory: ChatMemory, hand_off: str | None = None, wall: Callable[[], float] = time.time
    ) -> None:
        self._wall = wall
        self._shop = shop
        self._memory = memory
        self._hand_off = hand_off
        self._plain = PlainAnswer(shop, hand_off)

    async def answer(self, turn: ChatTurn) -> AsyncIterator[ChatPart]:
        """The parts of the answer to one message, in the order to show them; begins with who is answering.

        Raises: StoreUnavailable, before the first part: the shop can't be read.
        """
        begun_at = self._wall()
        memory = await self._recall(turn)
        text = without_contacts(turn.text)
        intent = read_intent(text, self._shop.vocabulary(), currency=self._shop.currency)
        talk = Conversation(replace(turn, text=text), intent, memory)
        try:
            fixed = self._plain.fixed(intent)
            yield Disclosure(False, f"{phrases.MACHINE} {phrases.NO_MODEL}", self._hand_off)
            if fixed is not None:
                for part in fixed:
                    yield part
                return
            async for part in self._plain.answer(talk):
                yield part
        finally:
            await self._keep(talk, begun_at)

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
