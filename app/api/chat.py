"""The shopping assistant, as the AI SDK's UI message stream."""

from __future__ import annotations

import uuid
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from dataclasses import replace
from typing import Annotated, Any, cast

import structlog
from fastapi import APIRouter, Body
from starlette.responses import StreamingResponse

from app.api.chat_schemas import ChatBody
from app.api.chat_stream import UiMessageStream
from app.api.context import Context, CurrentCaller
from app.api.errors import Code
from app.api.openapi import body_codes, stream_answers
from app.domain.chat import ChatPart
from app.domain.errors import ShelfwiseError

router = APIRouter(prefix="/api/chat", tags=["chat"])

HEADERS = {
    "x-vercel-ai-ui-message-stream": "v1",
    "Cache-Control": "private, no-store",
    "X-Accel-Buffering": "no",  # a proxy that collects the answer would show it all at once, at its end
}


def _described() -> dict[int | str, dict[str, Any]]:
    described = stream_answers(Code.SHOPPER_TOKEN_REQUIRED, *body_codes())
    described[200]["description"] = (
        "The AI SDK's UI message stream, version 1: `start`, `text-*`, `tool-*`, `data-products`, `data-comparison`, "
        "`data-clarify`, `data-disclosure`, `error`, `finish`, `[DONE]`."
    )
    return described


@router.post("", operation_id="postChat", responses=_described(), response_class=StreamingResponse)
async def post_chat(context: Context, caller: CurrentCaller, body: Annotated[ChatBody, Body()]) -> StreamingResponse:
    """Answers the shopper's newest message. Who is talking follows from the session, never from what is said."""
    if body.user_id is not None:
        caller.require_shopper(body.user_id)
    turn = replace(body.turn(), payer=caller.payer(body.user_id, body.anonymous_id, body.session_id))
    parts = cast("AsyncGenerator[ChatPart, None]", context.assistant.answer(turn))
    # The first part is made before the answer begins, so that a shop that can't be read is a problem and no stream.
    first = await anext(parts)
    stream = UiMessageStream(uuid.uuid4().hex, context.currency)
    return StreamingResponse(_events(stream, first, parts), media_type="text/event-stream", headers=HEADERS)


async def _events(
    stream: UiMessageStream, first: ChatPart, rest: AsyncGenerator[ChatPart, None]
) -> AsyncIterator[bytes]:
    async def parts() -> AsyncIterator[ChatPart]:
        yield first
        async for part in rest:
            yield part

    async with aclosing(rest):  # also when the client leaves: what was said so far is remembered
        try:
            async for event in stream.events(parts()):
                yield event
        except ShelfwiseError as error:
            structlog.get_logger(__name__).error("chat_broken_off", error=type(error).__name__, reason=str(error))
            for event in stream.broken("The answer can't be finished; please try again."):
                yield event
