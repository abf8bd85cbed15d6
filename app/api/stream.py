"""Recommendations as server-sent events: the baseline at once, then the model's order, then its reasons."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Annotated

import anyio
import orjson
from fastapi import APIRouter, Query, Request
from sse_starlette import EventSourceResponse, ServerSentEvent
from starlette.types import Scope

from app.api.answers import note, reason_event, slate_answer
from app.api.context import ApiContext, Caller, Context, CurrentCaller
from app.api.errors import Code
from app.api.openapi import stream_answers
from app.api.parameters import SingleValues
from app.api.queries import query_from
from app.api.quick_route import QuickRoute
from app.api.schemas import RecommendationParams
from app.domain import ranking
from app.domain.deadline import Deadline
from app.work import Streamed

router = APIRouter(prefix="/api/recommendations", tags=["recommendations"], route_class=QuickRoute)

REASONS_UNTIL_MS = 8000
"""How long a stream stays open for reasons: as long as a model call may take."""


@router.get(
    "/stream",
    operation_id="streamRecommendations",
    responses=stream_answers(Code.SHOPPER_TOKEN_REQUIRED, Code.UNKNOWN_PRODUCT),
    response_class=EventSourceResponse,
    dependencies=[SingleValues],
)
async def stream_recommendations(
    request: Request, context: Context, caller: CurrentCaller, params: Annotated[RecommendationParams, Query()]
) -> EventSourceResponse:
    """Events `baseline`, `slate`, `reason`… and `done`. A client that leaves ends the stream, never the model call."""
    query = query_from(params, context.currency)
    if query.user_id is not None:
        caller.require_shopper(query.user_id)
    wait_ms = context.stream_deadline_ms if query.deadline_ms is None else query.deadline_ms
    payer = caller.payer(query.user_id, query.anonymous_id, query.session_id)
    streamed = context.service.stream(query, Deadline.after_ms(wait_ms), Deadline.after_ms(REASONS_UNTIL_MS), payer)
    # The first event is made before the answer begins, so that an unknown product is a 404 and not a broken stream.
    first = await anext(streamed)
    return EventSourceResponse(
        _events(request.scope, context, caller, first, streamed),
        headers={"Cache-Control": "private, no-store"},
        ping=15,
        # Without these a stream is cut off when the service is told to end; each is over after 8 s anyway.
        shutdown_event=anyio.Event(),
        shutdown_grace_period=REASONS_UNTIL_MS / 1000.0 + 1.0,
    )


async def _events(
    scope: Scope, context: ApiContext, caller: Caller, first: Streamed, rest: AsyncIterator[Streamed]
) -> AsyncIterator[ServerSentEvent]:
    note(scope, first.slate)
    yield await _event(context, caller, first)
    async for streamed in rest:
        note(scope, streamed.slate)
        yield await _event(context, caller, streamed)
    yield ServerSentEvent(event="done", data="{}")


async def _event(context: ApiContext, caller: Caller, streamed: Streamed) -> ServerSentEvent:
    if streamed.item is not None:
        body = reason_event(streamed.slate.recommendation_id, streamed.item, context.currency)
    else:
        slate: ranking.Slate = streamed.slate
        products = await asyncio.to_thread(context.service.products, [item.product_id for item in slate.items])
        public_reasons = None if caller.is_secret else context.public_reasons
        body = slate_answer(slate, products, currency=context.currency, public_reasons=public_reasons)
    return ServerSentEvent(event=streamed.event, data=orjson.dumps(body).decode())
