"""What a shopper says about a recommendation, as an event: nothing else stores votes."""

from __future__ import annotations

import asyncio
import hashlib
from typing import Annotated

from fastapi import APIRouter, Body
from starlette.responses import Response

from app.api.answer_schemas import TakenAnswer
from app.api.context import Context, CurrentCaller
from app.api.errors import Code
from app.api.events import taken_answer
from app.api.openapi import answers, body_codes
from app.api.schemas import FeedbackBody
from app.domain.errors import BadInput, UnknownRecommendation
from app.domain.interactions import EventKind, Interaction
from app.domain.ranking import Slate
from app.ingest.event_bodies import ReadBody

router = APIRouter(prefix="/api/feedback", tags=["events"])

_SAYS = {
    "up": (EventKind.RATING, 5.0),
    "down": (EventKind.RATING, 1.0),
    "dismiss": (EventKind.DISMISS, None),
}
_AGAIN_S = 60.0
"""The same vote within a minute is the same click, sent again."""


@router.post(
    "",
    operation_id="postFeedback",
    status_code=202,
    responses=answers(
        TakenAnswer,
        Code.SHOPPER_TOKEN_REQUIRED,
        Code.UNKNOWN_RECOMMENDATION,
        Code.OVERLOADED,
        Code.UNAVAILABLE,
        *body_codes(),
        status=202,
    ),
)
async def post_feedback(context: Context, caller: CurrentCaller, body: Annotated[FeedbackBody, Body()]) -> Response:
    """Writes the vote as an event of whom the recommendation was made for: a rating of 5 or 1, or a dismissal."""
    shopper = None if caller.is_secret else caller.shopper()  # first: what is wrong with a token tells of no slate
    slate = await asyncio.to_thread(context.slates.get, body.recommendation_id)
    if slate is None or not (caller.is_secret or slate.query.user_id in (None, shopper)):
        # Somebody else's looks like none: an answer of its own would tell that it exists.
        raise UnknownRecommendation(body.recommendation_id)
    event = _event(slate, body, context.intake.arrived_at())
    return taken_answer(await context.intake.record(ReadBody((event,), (0,), ())))


def _event(slate: Slate, body: FeedbackBody, at: float) -> Interaction:
    """The vote as an event. Raises BadInput: the product is not in the recommendation."""
    position = next((item.position for item in slate.items if item.product_id == body.product_id), None)
    if position is None:
        raise BadInput(f"{body.product_id!r} is not in this recommendation", field="productId")
    kind, value = _SAYS[body.vote]
    known_by = "\x1f".join((slate.recommendation_id, body.product_id, body.vote, str(int(at // _AGAIN_S))))
    query = slate.query
    return Interaction(
        event_id="feedback-" + hashlib.blake2b(known_by.encode(), digest_size=16).hexdigest(),
        kind=kind,
        timestamp=at,
        user_id=query.user_id,
        anonymous_id=query.anonymous_id,
        session_id=query.session_id,
        product_id=body.product_id,
        value=value,
        recommendation_id=slate.recommendation_id,
        position=position,
        note=body.note,
    )
