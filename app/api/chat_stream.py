"""Parts of the assistant's answer → the AI SDK's UI message stream, version 1: one JSON object per server-sent event.

The chunk types are those of the npm package `ai` (uiMessageChunkSchema); a test reads the stream with its own client.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import orjson

from app.api.answers import Json, card_answer
from app.domain.chat import (
    BrokenOff,
    Cards,
    ChatPart,
    Clarify,
    Comparison,
    Disclosure,
    Said,
    ToolAnswered,
    ToolAsked,
    ToolRefused,
)

DONE = b"data: [DONE]\n\n"


class UiMessageStream:
    """One message on the wire. Sentences that follow each other share one text block."""

    def __init__(self, message_id: str, currency: str) -> None:
        self._message_id = message_id
        self._currency = currency
        self._texts = 0
        self._open = False
        self._numbers: dict[str, int] = {}

    async def events(self, parts: AsyncIterator[ChatPart]) -> AsyncIterator[bytes]:
        """The whole stream, from `start` to `[DONE]`. What `parts` raises is raised; `broken` ends the stream then."""
        yield event({"type": "start", "messageId": self._message_id})
        reason = "stop"
        async for part in parts:
            reason = "error" if isinstance(part, BrokenOff) else reason
            for chunk in self.chunks(part):
                yield event(chunk)
        for chunk in self._closed():
            yield event(chunk)
        yield event({"type": "finish", "finishReason": reason})
        yield DONE

    def broken(self, text: str) -> Iterator[bytes]:
        """The end of a stream that can't go on: an `error` part, then the usual end."""
        for chunk in self._closed():
            yield event(chunk)
        yield event({"type": "error", "errorText": text})
        yield event({"type": "finish", "finishReason": "error"})
        yield DONE

    def chunks(self, part: ChatPart) -> Iterator[Json]:
        """The chunks of one part."""
        if isinstance(part, Said):
            yield from self._said(part.text)
            return
        yield from self._closed()
        match part:
            case Cards():
                yield self._data("products", products_answer(part, self._currency))
            case Comparison():
                yield self._data("comparison", comparison_answer(part, self._currency))
            case Clarify():
                yield self._data("clarify", {"question": part.question, "options": list(part.options)})
            case Disclosure():
                yield self._data("disclosure", disclosure_answer(part))
            case ToolAsked():
                asked: Json = {
                    "type": "tool-input-available",
                    "toolCallId": part.call_id,
                    "toolName": part.tool,
                    "input": dict(part.arguments),
                }
                # Without this the client takes the call for its own: so it does with a proposal, on purpose.
                yield asked | ({"providerExecuted": True} if part.by_server else {})
            case ToolAnswered():
                yield {
                    "type": "tool-output-available",
                    "toolCallId": part.call_id,
                    "output": dict(part.output),
                    "providerExecuted": True,
                }
            case ToolRefused():
                yield {
                    "type": "tool-input-error",
                    "toolCallId": part.call_id,
                    "toolName": part.tool,
                    "input": {},
                    "errorText": part.error,
                    "providerExecuted": True,
                }
            case BrokenOff():
                yield {"type": "error", "errorText": part.text}

    def _said(self, text: str) -> Iterator[Json]:
        first = not self._open
        if first:
            self._texts += 1
            self._open = True
            yield {"type": "text-start", "id": f"text-{self._texts}"}
        yield {"type": "text-delta", "id": f"text-{self._texts}", "delta": text if first else f" {text}"}

    def _closed(self) -> Iterator[Json]:
        if self._open:
            self._open = False
            yield {"type": "text-end", "id": f"text-{self._texts}"}

    def _data(self, name: str, data: Json) -> Json:
        """A data part with an id of its own: one with the id of an earlier part would replace it."""
        number = self._numbers[name] = self._numbers.get(name, 0) + 1
        return {"type": f"data-{name}", "id": f"{name}-{number}", "data": data}


def event(chunk: Json) -> bytes:
    """One server-sent event."""
    return b"data: " + orjson.dumps(chunk) + b"\n\n"


def products_answer(part: Cards, currency: str) -> Json:
    """`data` of data-products."""
    cards = [card_answer(c.product, c.reason or None, c.evidence, currency=currency) for c in part.cards]
    return {"recommendationId": part.recommendation_id, "products": cards}


def comparison_answer(part: Comparison, currency: str) -> Json:
    """`data` of data-comparison; a value is null where the catalogue does not say."""
    return {
        "products": [card_answer(product, None, (), currency=currency) for product in part.products],
        "rows": [{"attribute": row.attribute, "values": list(row.values)} for row in part.rows],
    }


def disclosure_answer(part: Disclosure) -> Json:
    """`data` of data-disclosure. `model` says whether one is in use, never which."""
    return {"machine": True, "model": part.model_in_use, "text": part.text, "handOff": part.hand_off}
