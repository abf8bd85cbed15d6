"""Events as they happen: the contract's own body, GA4's and Segment's (docs/events.md)."""

from __future__ import annotations

import json
from typing import Any

import orjson
from fastapi import APIRouter, Request
from starlette.responses import Response

from app.api.answer_schemas import TakenAnswer
from app.api.context import Caller, Context, CurrentCaller
from app.api.errors import ApiError, Code
from app.api.openapi import answers, body_codes
from app.domain.intake import Taken
from app.domain.interactions import Interaction
from app.ingest.event_bodies import MOST_EVENTS, LiveEvent, TooManyEvents

router = APIRouter(prefix="/api/events", tags=["events"])


def _body_schema() -> dict[str, Any]:
    event = {**LiveEvent.model_json_schema(), "title": "Event"}
    kinds = event.pop("$defs")["EventKind"]
    event["properties"] = {**event["properties"], "type": kinds}
    return {
        "type": "object",
        "required": ["events"],
        # What is no such event is refused alone, with its index, and costs the others nothing.
        "properties": {"events": {"type": "array", "maxItems": MOST_EVENTS, "items": {"anyOf": [event, {}]}}},
        "description": "Bodies of GA4 and Segment are taken as they come, too.",
        "examples": [
            {
                "events": [
                    {"eventId": "e-1", "type": "view", "anonymousId": "v-1", "productId": "sku-1", "dwellMs": 4200}
                ]
            }
        ],
    }


@router.post(
    "",
    operation_id="postEvents",
    status_code=202,
    responses=answers(
        TakenAnswer,
        Code.SHOPPER_TOKEN_REQUIRED,
        Code.TOO_MANY_EVENTS,
        Code.OVERLOADED,
        Code.UNAVAILABLE,
        *body_codes(),
        status=202,
    ),
    openapi_extra={"requestBody": {"required": True, "content": {"application/json": {"schema": _body_schema()}}}},
)
async def post_events(request: Request, context: Context, caller: CurrentCaller) -> Response:
    """Writes what shoppers did; what is accepted is on the disk before the answer. Each is taken or refused alone."""
    body = _decoded(await request.body())
    try:
        read = await context.intake.read(body)
    except TooManyEvents as error:
        raise ApiError(Code.TOO_MANY_EVENTS, str(error)) from error
    require_shoppers(caller, read.events)
    if not caller.is_secret:
        read = read.from_browser()
    return taken_answer(await context.intake.record(read))


def _decoded(body: bytes) -> object:
    """The JSON value of a body. Raises ApiError (400 malformed_json)."""
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        # Half of an emoji, escaped, is legal JSON that orjson refuses whole. One event's must not cost the others.
        try:
            return json.loads(body, parse_constant=_no_constant)
        except (ValueError, RecursionError) as error:
            raise ApiError(Code.MALFORMED_JSON, "The body can't be read as JSON.") from error


def _no_constant(name: str) -> object:
    raise ValueError(f"{name} is no JSON")


def require_shoppers(caller: Caller, events: tuple[Interaction, ...]) -> None:
    """Raises ApiError (403 shopper_token_required) where an event names a shopper whom the caller may not speak for."""
    for user_id in {event.user_id for event in events if event.user_id is not None}:
        caller.require_shopper(user_id)


def taken_answer(taken: Taken) -> Response:
    """A 202 with what became of the events."""
    body = {
        "accepted": taken.accepted,
        "duplicates": taken.duplicates,
        "rejected": [{"index": r.index, "code": r.code, "detail": r.detail} for r in taken.rejected],
    }
    return Response(orjson.dumps(body), status_code=202, media_type="application/json")
