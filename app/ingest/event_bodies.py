"""The body of `POST /api/events`, read event by event: what can't be used is rejected alone, with its reason."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

from app.domain.errors import BadInput
from app.domain.intake import Rejection
from app.domain.interactions import EventKind, Interaction
from app.ingest.event_formats import NotMapped, format_of, in_our_words
from app.ingest.events import Query
from app.ingest.fields import Count, Identifier, Moment, Money, Number, RowContext

MOST_EVENTS = 1_000
"""Events that one body may hold, counted before and after those that name several products were taken apart."""
MAX_QUANTITY = 1_000_000.0
AHEAD_S = 300.0
"""How far a device's clock may be ahead of ours. What it stamps up to there happened when it arrived."""
BEHIND_S = 730 * 86_400.0
"""Older events say next to nothing (the longest half-life is 180 days); a shop's past is imported."""
LOWEST_STARS, HIGHEST_STARS = 1.0, 5.0

_ORDERS = frozenset({EventKind.PURCHASE, EventKind.REFUND})
_STARS = frozenset({EventKind.RATING, EventKind.REVIEW})


def _number(value: object) -> object:
    if isinstance(value, bool):
        raise ValueError(f"{value} is not a number")  # noqa: TRY004
    return value


class LiveEvent(BaseModel):
    """One event of a body, in the words of the contract. Unknown fields are ignored: shops add their own."""

    model_config = ConfigDict(alias_generator=to_camel, extra="ignore")

    event_id: Identifier | None = None
    type: EventKind
    user_id: Identifier | None = None
    anonymous_id: Identifier | None = None
    session_id: Identifier | None = None
    product_id: Identifier | None = None
    quantity: Annotated[float, Field(gt=0, le=MAX_QUANTITY, allow_inf_nan=False), BeforeValidator(_number)] | None = (
        None
    )
    price: Money | None = Field(None, json_schema_extra={"type": "string"}, description="Of one piece.")
    currency: str | None = Field(None, description="Where it is stated it must be the shop's.")
    transaction_id: Identifier | None = None
    query: Query | None = None
    dwell_ms: Count | None = None
    value: Number | None = Field(None, description="Stars from 1 to 5, of a rating or a review.")
    timestamp: Moment | None = Field(None, description="ISO 8601, or epoch seconds; absent: now.")
    recommendation_id: Identifier | None = None
    position: Annotated[int, Field(ge=1, le=10_000), BeforeValidator(_number)] | None = None


@dataclass(frozen=True, slots=True)
class Arrival:
    """When a body came, and what holds for all of its events."""

    currency: str
    wall: float  # epoch seconds of the real time: what is ahead of it can't have happened
    shop_time: float  # of the shop's clock (AS_OF): when an event without a time happened


@dataclass(frozen=True, slots=True)
class ReadBody:
    """A body's events: those that can be stored, with the index each came under, and those that can't."""

    events: tuple[Interaction, ...]
    indexes: tuple[int, ...]
    rejected: tuple[Rejection, ...]

    def from_browser(self) -> ReadBody:
        """The same, said by a page that anybody can open: its purchases are claims, and refunds are not its to say."""
        kept = [(i, e) for i, e in zip(self.indexes, self.events, strict=True) if e.kind is not EventKind.REFUND]
        refunds = [i for i, e in zip(self.indexes, self.events, strict=True) if e.kind is EventKind.REFUND]
        refused = [Rejection(i, "secret_key_required", "Refunds come from the shop's server.") for i in refunds]
        return ReadBody(
            events=tuple(replace(e, claimed=True) if e.kind is EventKind.PURCHASE else e for _, e in kept),
            indexes=tuple(i for i, _ in kept),
            rejected=tuple(sorted((*self.rejected, *refused), key=lambda rejection: rejection.index)),
        )


class _Refused(ValueError):
    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


def read_body(body: object, arrival: Arrival) -> ReadBody:
    """Every event of a body, in its order.

    Raises: BadInput: the body is none of the known shapes. TooManyEvents: more than MOST_EVENTS.
    """
    given, envelope = _listed(body)
    if len(given) > MOST_EVENTS:
        raise TooManyEvents(len(given))
    events: list[Interaction] = []
    indexes: list[int] = []
    rejected: list[Rejection] = []
    context = RowContext(arrival.currency)
    for index, event in enumerate(given):
        for read in _read(event, envelope, arrival, context):
            if isinstance(read, Interaction):
                events.append(read)
                indexes.append(index)
            else:
                rejected.append(Rejection(index, read.code, str(read)))
        if len(events) + len(rejected) > MOST_EVENTS:
            raise TooManyEvents(len(events) + len(rejected))
    return ReadBody(tuple(events), tuple(indexes), tuple(rejected))


class TooManyEvents(BadInput):
    """A body with more events than are taken at once; nothing of it was written."""

    def __init__(self, count: int) -> None:
        super().__init__(
            f"The body holds {count} events or more; at most {MOST_EVENTS} are taken at once. Nothing was written: "
            "send them in parts.",
            field="events",
        )


def _listed(body: object) -> tuple[Sequence[object], Mapping[str, object]]:
    """The events of a body, and the object around them."""
    if isinstance(body, Mapping):
        for name in ("events", "batch"):
            listed = body.get(name)
            if isinstance(listed, list):
                return listed, body
            if listed is not None:
                raise BadInput(f"{name} must be a list of events", field=name)
        if "name" in body or body.get("type") == "track":  # one event of GA4 or Segment, as it comes
            return [body], {}
    raise BadInput('Send {"events": [...]}, or a GA4 or Segment body; docs/events.md shows each.', field="events")


def _read(
    event: object, envelope: Mapping[str, object], arrival: Arrival, context: RowContext
) -> Iterator[Interaction | _Refused]:
    if not isinstance(event, Mapping):
        yield _Refused("malformed_event", "An event is a JSON object.")
        return
    try:
        written = format_of(event)
        parts = [event] if written is None else in_our_words(event, written, envelope)
    except NotMapped as error:
        yield _Refused(error.code, str(error))
        return
    for number, part in enumerate(parts):
        try:
            live = LiveEvent.model_validate(part, context=context)
            yield _interaction(live, arrival, None if written is None else written.label)
        except ValidationError as error:
            refused = _from_pydantic(error)
        except _Refused as error:
            refused = error
        else:
            continue
        yield refused if len(parts) == 1 else _Refused(refused.code, f"Product {number + 1} of the event: {refused}")


_CODES = {
    "type": "unknown_type",
    "quantity": "invalid_quantity",
    "price": "invalid_price",
    "currency": "wrong_currency",
    "timestamp": "invalid_timestamp",
    "value": "invalid_value",
}


def _from_pydantic(error: ValidationError) -> _Refused:
    """The first thing that is wrong, in a short sentence: what was sent may be long."""
    first = error.errors(include_url=False, include_input=False, include_context=False)[0]
    field = str(first["loc"][0]) if first["loc"] else "event"
    message = first["msg"].removeprefix("Value error, ")
    return _Refused(_CODES.get(field, "invalid_field"), f"{field}: {message}"[:200])


def _interaction(live: LiveEvent, arrival: Arrival, label: str | None) -> Interaction:
    """The event to store. Raises: _Refused."""
    if live.user_id is None and live.anonymous_id is None and live.session_id is None:
        raise _Refused("missing_identity", "None of userId, anonymousId and sessionId is stated.")
    if live.type is EventKind.SEARCH:
        if not live.query:
            raise _Refused("missing_query", "A search needs its `query`.")
    elif live.product_id is None:
        raise _Refused("missing_product", f"A {live.type.value} needs a `productId`.")
    if live.currency is not None and live.currency.strip().upper() != arrival.currency:
        raise _Refused("wrong_currency", f"Amounts here are in {arrival.currency}; they are never converted.")
    if live.type is EventKind.RATING and live.value is None:
        raise _Refused("missing_value", "A rating needs its `value`, 1 to 5.")
    if live.type in _STARS and live.value is not None and not LOWEST_STARS <= live.value <= HIGHEST_STARS:
        raise _Refused("invalid_value", "value: stars are from 1 to 5.")
    at = _moment(live.timestamp, arrival)
    return Interaction(
        _event_id(live, label),
        live.type,
        at,
        live.user_id,
        live.anonymous_id,
        live.session_id,
        live.product_id,
        live.quantity,
        live.price,
        live.transaction_id,
        live.query,
        live.dwell_ms,
        live.value,
        live.recommendation_id,
        live.position,
    )


def _moment(stated: float | None, arrival: Arrival) -> float:
    if stated is None:
        return arrival.shop_time
    if stated > arrival.wall + AHEAD_S:
        raise _Refused(
            "timestamp_in_future", f"timestamp: more than {AHEAD_S / 60:.0f} minutes ahead of the clock here."
        )
    if stated < arrival.wall - BEHIND_S:
        raise _Refused("timestamp_too_old", "timestamp: more than two years ago; import a shop's past from a file.")
    return min(stated, arrival.wall)


def _event_id(live: LiveEvent, label: str | None) -> str:
    """The sender's own id; else one that the same event gets again when it is sent again (docs/events.md).

    A foreign id counts for each product that its event names. Without any id: an order's line is known by transaction
    and product, anything else by all that it states where it states its time. What states no time can't be told from
    the same deed a second later, and gets an id of its own.
    """
    if live.event_id is not None:
        if label is None:
            return live.event_id
        return _digest(label, live.type.value, live.event_id, live.product_id or "")
    if live.type in _ORDERS and live.transaction_id is not None and live.product_id is not None:
        return _digest("order", live.type.value, live.transaction_id, live.product_id)
    if live.timestamp is None:
        return uuid.uuid4().hex
    stated = sorted((name, str(value)) for name, value in live.__dict__.items() if value is not None)
    return _digest("stated", *(part for pair in stated for part in pair))


def _digest(*parts: str) -> str:
    return parts[0] + "-" + hashlib.blake2b("\x1f".join(parts).encode(), digest_size=16).hexdigest()
