"""A shopper's own data: everything that is held, and its erasure (docs/privacy.md)."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path
from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel
from starlette.responses import Response

from app.api.answer_schemas import EvidenceAnswer, PreferencesAnswer
from app.api.answers import Json, consent_answer, evidence_answer, moment, preferences_answer, respond
from app.api.context import Context, CurrentCaller
from app.api.encoded_ids import EncodedIdRoute
from app.api.errors import Code
from app.api.openapi import answers
from app.api.schemas import ConsentBody, Identifier
from app.domain.chat import Remembered
from app.domain.interactions import Interaction
from app.domain.money import format_minor
from app.domain.privacy import Holdings, Receipt
from app.domain.ranking import Slate

router = APIRouter(prefix="/api/users/{userId}", tags=["shoppers"], route_class=EncodedIdRoute)

UserId = Annotated[Identifier, Path(alias="userId")]


class _Model(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, extra="forbid", frozen=True)


class HeldConsent(ConsentBody):
    """What holds, and whether the shopper chose it."""

    stated: bool


class HeldPreferences(PreferencesAnswer):
    """What the shopper stated, with what an import brought that this version has no field for."""

    extra: dict[str, str]
    updated_at: str | None


class HeldEvent(_Model):
    """One event as it is stored."""

    event_id: str
    type: str
    timestamp: str
    user_id: str | None
    anonymous_id: str | None
    session_id: str | None
    product_id: str | None
    quantity: float | None
    price: str | None
    transaction_id: str | None
    query: str | None
    dwell_ms: int | None
    value: float | None
    recommendation_id: str | None
    position: int | None
    note: str | None


class HeldItem(_Model):
    """One position of a served slate."""

    product_id: str
    position: int
    relevance_score: float
    reason: str | None
    reason_source: Literal["llm", "template"] | None
    ranked_by: Literal["llm", "baseline"]
    promoted: bool
    evidence: list[EvidenceAnswer]


class HeldSlate(_Model):
    """A slate as it was served; `model` is there with a secret key only."""

    recommendation_id: str
    served_at: str
    query: dict[str, Any] = Field(description="What was asked for; absent fields were not given.")
    strategy: str
    profiling_used: bool
    model: str | None = None
    items: list[HeldItem]


class HeldConversation(_Model):
    """What the assistant remembers of one conversation."""

    budget: str | None
    search: str
    categories: list[str]
    brands: list[str]
    avoided: list[str]
    shown: list[str] = Field(description="Products on the cards shown last.")
    recommendation_id: str | None
    focus: str | None
    said: list[str] = Field(description="The shopper's newest messages, oldest first.")


class ExportAnswer(_Model):
    """Everything held about a shopper."""

    user_id: str
    known: bool
    created_at: str | None
    preferences: HeldPreferences
    consent: HeldConsent
    anonymous_ids: list[str] = Field(description="Of visits that belong to this shopper.")
    events: list[HeldEvent] = Field(description="Oldest first.")
    slates: list[HeldSlate] = Field(description="Of the last 30 days, oldest first.")
    conversations: list[HeldConversation] = Field(description="With the assistant, oldest first.")
    erased_at: str | None = Field(description="Of an earlier erasure; what is listed here came after it.")


class ReceiptAnswer(_Model):
    """What an erasure did; holds nothing about the shopper, so that it can be kept."""

    receipt_id: str
    erased_at: str
    stores: dict[str, int] = Field(description="Store → entries deleted.")
    baseline_version: str | None = Field(
        description="The model in use that had learned from the events; null where none had. It holds no shopper, only "
        "how products go together; the shopper's share in that leaves with the next `train`."
    )
    pending: list[str] = Field(description="What could not be done at once; it is tried again, also by asking again.")


@router.get("", operation_id="getUser", responses=answers(ExportAnswer, Code.SHOPPER_TOKEN_REQUIRED))
async def get_user(context: Context, caller: CurrentCaller, user_id: UserId) -> Response:
    """Everything held about a shopper, machine-readable; nothing for one who is not known."""
    caller.require_shopper(user_id)
    held = await asyncio.to_thread(context.privacy.export, user_id)
    return respond(await asyncio.to_thread(export_answer, held, context.currency, with_model=caller.is_secret))


@router.delete("", operation_id="deleteUser", responses=answers(ReceiptAnswer, Code.SHOPPER_TOKEN_REQUIRED))
async def delete_user(context: Context, caller: CurrentCaller, user_id: UserId) -> Response:
    """Erases a shopper everywhere, with a receipt. Asking again gives the same one while nothing new was stored."""
    caller.require_shopper(user_id)
    return respond(receipt_answer(await asyncio.to_thread(context.privacy.erase, user_id)))


def export_answer(held: Holdings, currency: str, *, with_model: bool) -> Json:
    """The export as JSON; `with_model` adds which model ranked (a publishable key never sees that)."""
    preferences = held.shopper.preferences
    return {
        "userId": held.shopper.user_id,
        "known": held.shopper.known,
        "createdAt": _moment(held.created_at),
        "preferences": preferences_answer(preferences, currency=currency)
        | {"extra": dict(preferences.extra), "updatedAt": _moment(preferences.updated_at)},
        "consent": consent_answer(held.shopper.consent) | {"stated": held.stated_consent},
        "anonymousIds": list(held.anonymous_ids),
        "events": [_event(event, currency) for event in held.events],
        "slates": [_slate(slate, currency, with_model) for slate in held.slates],
        "conversations": [_conversation(memory, currency) for memory in held.conversations],
        "erasedAt": _moment(held.erased_at),
    }


def receipt_answer(receipt: Receipt) -> Json:
    """A receipt as JSON."""
    return {
        "receiptId": receipt.receipt_id,
        "erasedAt": moment(receipt.erased_at),
        "stores": dict(receipt.stores),
        "baselineVersion": receipt.baseline_version,
        "pending": list(receipt.pending),
    }


def _event(event: Interaction, currency: str) -> Json:
    return {
        "eventId": event.event_id,
        "type": event.kind.value,
        "timestamp": moment(event.timestamp),
        "userId": event.user_id,
        "anonymousId": event.anonymous_id,
        "sessionId": event.session_id,
        "productId": event.product_id,
        "quantity": event.quantity,
        "price": None if event.price_minor is None else format_minor(event.price_minor, currency),
        "transactionId": event.transaction_id,
        "query": event.query,
        "dwellMs": event.dwell_ms,
        "value": event.value,
        "recommendationId": event.recommendation_id,
        "position": event.position,
        "note": event.note,
    }


def _conversation(memory: Remembered, currency: str) -> Json:
    return {
        "budget": None if memory.budget_minor is None else format_minor(memory.budget_minor, currency),
        "search": memory.search,
        "categories": list(memory.categories),
        "brands": list(memory.brands),
        "avoided": list(memory.avoided),
        "shown": list(memory.shown),
        "recommendationId": memory.recommendation_id,
        "focus": memory.focus,
        "said": list(memory.said),
    }


def _slate(slate: Slate, currency: str, with_model: bool) -> Json:
    asked = slate.query
    query: Json = {
        "userId": asked.user_id,
        "anonymousId": asked.anonymous_id,
        "sessionId": asked.session_id,
        "placement": asked.placement,
        "productId": asked.product_id,
        "cart": list(asked.cart),
        "excludeIds": list(asked.exclude_ids),
        "budget": None if asked.budget_minor is None else format_minor(asked.budget_minor, currency),
        "query": asked.text,
        "categories": list(asked.filters.categories),
        "brands": list(asked.filters.brands),
    }
    answer: Json = {
        "recommendationId": slate.recommendation_id,
        "servedAt": moment(slate.served_at),
        "query": {name: value for name, value in query.items() if value not in (None, [])},
        "strategy": slate.strategy,
        "profilingUsed": slate.profiling_used,
        "items": [
            {
                "productId": item.product_id,
                "position": item.position,
                "relevanceScore": round(item.relevance, 4),
                "reason": item.reason,
                "reasonSource": item.reason_source,
                "rankedBy": item.ranked_by,
                "promoted": item.promoted,
                "evidence": [evidence_answer(fact, currency) for fact in item.evidence],
            }
            for item in slate.items
        ],
    }
    if with_model:
        answer["model"] = slate.model
    return answer


def _moment(at: float | None) -> str | None:
    return None if at is None else moment(at)
