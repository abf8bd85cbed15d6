"""An assistant that says what a test wants it to."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

from app.domain.chat import ChatPart, ChatTurn, Disclosure, Said


class FakeAssistant:
    """Answers every message with the parts given, and notes what it was asked."""

    def __init__(self) -> None:
        self.turns: list[ChatTurn] = []
        self.parts: Sequence[ChatPart] = (Disclosure(False, "A machine."), Said("Hello."))
        self.fails_at_first: Exception | None = None
        self.fails_at_end: Exception | None = None

    async def answer(self, turn: ChatTurn) -> AsyncIterator[ChatPart]:
        self.turns.append(turn)
        if self.fails_at_first is not None:
            raise self.fails_at_first
        for part in self.parts:
            yield part
        if self.fails_at_end is not None:
            raise self.fails_at_end
