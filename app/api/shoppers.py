"""What a shopper prefers and agreed to, and the token that proves who the shopper is."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable
from dataclasses import replace
from typing import Annotated

from fastapi import APIRouter, Body, Path
from starlette.responses import Response

from app.api.answer_schemas import PreferencesAnswer, TokenAnswer
from app.api.answers import consent_answer, moment, preferences_answer, respond
from app.api.context import ApiContext, Context, CurrentCaller
from app.api.encoded_ids import EncodedIdRoute
from app.api.errors import ApiError, Code
from app.api.openapi import answers, body_codes
from app.api.schemas import ConsentBody, Identifier, PreferencesBody, to_minor
from app.domain.errors import BadInput
from app.domain.interactions import Consent, Preferences

router = APIRouter(prefix="/api/users/{userId}", tags=["shoppers"], route_class=EncodedIdRoute)

UserId = Annotated[Identifier, Path(alias="userId")]


@router.get(
    "/preferences",
    operation_id="getPreferences",
    responses=answers(PreferencesAnswer, Code.SHOPPER_TOKEN_REQUIRED),
)
async def get_preferences(context: Context, caller: CurrentCaller, user_id: UserId) -> Response:
    """What is stored; nothing for a shopper who is not known."""
    caller.require_shopper(user_id)
    shopper = await asyncio.to_thread(context.store.shopper, user_id)
    return respond(preferences_answer(shopper.preferences, currency=context.currency))


@router.put(
    "/preferences",
    operation_id="putPreferences",
    responses=answers(PreferencesAnswer, Code.SHOPPER_TOKEN_REQUIRED, Code.SHOPPER_ERASED, *body_codes()),
)
async def put_preferences(
    context: Context, caller: CurrentCaller, user_id: UserId, body: Annotated[PreferencesBody, Body()]
) -> Response:
    """Replaces what the shopper stated, and answers with what is stored now."""
    caller.require_shopper(user_id)
    stated = _stated(body, context)
    keep_segments = body.segments is None or not caller.is_secret
    asked_at = time.time()
    stored = await asyncio.to_thread(_save_preferences, context, user_id, stated, keep_segments, asked_at)
    return respond(preferences_answer(stored, currency=context.currency))


def _stated(body: PreferencesBody, context: ApiContext) -> Preferences:
    if body.currency not in (None, context.currency):
        raise BadInput(f"prices here are in {context.currency}", field="currency")
    return Preferences(
        budget_minor=to_minor(body.budget, context.currency, "budget"),
        interests=_unique(body.interests),
        style_tags=_unique(body.style_tags),
        sizes=_unique(body.sizes),
        avoid=_unique(body.avoid),
        segments=_unique(body.segments or ()),
        country=body.country,
        age_band=body.age_band,
        updated_at=context.now(),
    )


def _save_preferences(
    context: ApiContext, user_id: str, stated: Preferences, keep_segments: bool, asked_at: float
) -> Preferences:
    before = context.store.shopper(user_id).preferences
    kept = replace(stated, extra=before.extra, segments=before.segments if keep_segments else stated.segments)
    context.store.save_preferences(user_id, kept, asked_at=asked_at)
    return context.store.shopper(user_id).preferences


def _unique(labels: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(labels))


@router.get("/consent", operation_id="getConsent", responses=answers(ConsentBody, Code.SHOPPER_TOKEN_REQUIRED))
async def get_consent(context: Context, caller: CurrentCaller, user_id: UserId) -> Response:
    """What the shopper agreed to; the default for one who never chose."""
    caller.require_shopper(user_id)
    shopper = await asyncio.to_thread(context.store.shopper, user_id)
    return respond(consent_answer(shopper.consent))


@router.put(
    "/consent",
    operation_id="putConsent",
    responses=answers(ConsentBody, Code.SHOPPER_TOKEN_REQUIRED, Code.SHOPPER_ERASED, *body_codes()),
)
async def put_consent(
    context: Context, caller: CurrentCaller, user_id: UserId, body: Annotated[ConsentBody, Body()]
) -> Response:
    """Replaces what the shopper agreed to, from the next request on, and answers with what is stored now."""
    caller.require_shopper(user_id)
    chosen = Consent(personalization=body.personalization, llm_processing=body.llm_processing)
    stored = await asyncio.to_thread(_save_consent, context, user_id, chosen, time.time())
    return respond(consent_answer(stored))


def _save_consent(context: ApiContext, user_id: str, chosen: Consent, asked_at: float) -> Consent:
    context.store.save_consent(user_id, chosen, asked_at=asked_at)
    return context.store.shopper(user_id).consent


@router.post(
    "/token",
    operation_id="postToken",
    responses=answers(TokenAnswer, Code.SECRET_KEY_REQUIRED, Code.TOKENS_NOT_CONFIGURED),
)
async def post_token(context: Context, caller: CurrentCaller, user_id: UserId) -> Response:
    """A token that opens one shopper's own data to a browser for 15 minutes."""
    caller.require_secret()
    if context.tokens is None:
        detail = "Set SHELFWISE_TOKEN_SECRET to 32 random characters or more and restart; then tokens can be made."
        raise ApiError(Code.TOKENS_NOT_CONFIGURED, detail)
    token = context.tokens.mint(user_id)
    return respond({"userId": user_id, "token": token.text, "expiresAt": moment(token.expires_at)})
