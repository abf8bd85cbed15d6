"""Events as Google Analytics 4 and Segment send them, in the words of the contract. What is known of them is in tables.

GA4: `{"name", "params": {"items": […]}}`, alone or in the envelope of the Measurement Protocol; names of its e-commerce
events. Segment: `track` calls with the event names of its e-commerce specification (v2), alone, or as `batch`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from app.domain.interactions import EventKind
from app.ingest.fields import MAX_ID

MOST_ITEMS = 200
"""Products that one event may name, as many as GA4 itself takes."""

_Fields = Mapping[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class EventFormat:
    """Where a foreign event says what. A path is dotted; `^` stands for the envelope; the first that is there counts.

    Names that are not in `kinds` are rejected: an event whose meaning is guessed would change a shopper's profile.
    """

    label: str  # goes into derived ids: the ids of two formats never meet
    name: str  # path of the event's name
    kinds: Mapping[str, EventKind]
    of_event: _Fields  # field of the contract → paths
    items: str  # path of the list of products
    of_item: _Fields  # field of the contract → keys of one product
    bare: str  # path of an object that may itself be the only product


GA4 = EventFormat(
    label="ga4",
    name="name",
    kinds={
        "view_item": EventKind.VIEW,
        "select_item": EventKind.CLICK,
        "view_item_list": EventKind.IMPRESSION,
        "add_to_cart": EventKind.ADD_TO_CART,
        "remove_from_cart": EventKind.REMOVE_FROM_CART,
        "add_to_wishlist": EventKind.WISHLIST,
        "purchase": EventKind.PURCHASE,
        "refund": EventKind.REFUND,
        "search": EventKind.SEARCH,
        "view_search_results": EventKind.SEARCH,
    },
    of_event={
        "eventId": ("event_id", "params.event_id"),
        "userId": ("user_id", "params.user_id", "^.user_id"),
        "anonymousId": ("client_id", "params.client_id", "^.client_id"),
        "sessionId": ("params.session_id", "params.ga_session_id"),
        "timestamp": ("timestamp_micros", "^.timestamp_micros"),
        "transactionId": ("params.transaction_id",),
        "currency": ("params.currency",),
        "query": ("params.search_term",),
        "dwellMs": ("params.engagement_time_msec",),
        "recommendationId": ("params.recommendation_id",),
    },
    items="params.items",
    of_item={
        "productId": ("item_id",),
        "quantity": ("quantity",),
        "price": ("price",),
        "currency": ("currency",),
        # Not GA4's `index`: shops count it from 0 or from 1.
        "position": ("position",),
        "recommendationId": ("recommendation_id",),
    },
    bare="",
)

SEGMENT = EventFormat(
    label="segment",
    name="event",
    kinds={
        "product viewed": EventKind.VIEW,
        "product clicked": EventKind.CLICK,
        "product list viewed": EventKind.IMPRESSION,
        "product added": EventKind.ADD_TO_CART,
        "product removed": EventKind.REMOVE_FROM_CART,
        "product added to wishlist": EventKind.WISHLIST,
        "order completed": EventKind.PURCHASE,
        "order refunded": EventKind.REFUND,
        "products searched": EventKind.SEARCH,
        "product reviewed": EventKind.REVIEW,
    },
    of_event={
        "eventId": ("messageId",),
        "userId": ("userId", "^.userId"),
        "anonymousId": ("anonymousId", "^.anonymousId"),
        "sessionId": ("properties.session_id", "context.sessionId"),
        "timestamp": ("timestamp", "originalTimestamp", "^.timestamp"),
        "transactionId": ("properties.order_id",),
        "currency": ("properties.currency",),
        "query": ("properties.query",),
        "value": ("properties.rating",),
        "recommendationId": ("properties.recommendation_id",),
    },
    items="properties.products",
    of_item={
        "productId": ("product_id", "productId"),
        "quantity": ("quantity",),
        "price": ("price",),
        "currency": ("currency",),
        "position": ("position",),
        "recommendationId": ("recommendation_id",),
    },
    bare="properties",
)

_SEGMENT_CALLS = frozenset({"track", "identify", "page", "screen", "group", "alias"})
_ORDERS = frozenset({EventKind.PURCHASE, EventKind.REFUND})
_WITH_DWELL = frozenset({EventKind.VIEW, EventKind.CLICK})
_WITH_VALUE = frozenset({EventKind.RATING, EventKind.REVIEW})


class NotMapped(ValueError):
    """An event that has no counterpart in the contract. `code` says why, the message says it to a person."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


def format_of(event: Mapping[str, object]) -> EventFormat | None:
    """The foreign format that an event is written in; None where it speaks the contract's own.

    Raises: NotMapped: a Segment call that reports no event (identify, page, …).
    """
    call = event.get("type")
    if isinstance(call, str) and call in _SEGMENT_CALLS:
        if call != "track":
            raise NotMapped("unmapped_event", f"A Segment `{call}` call is no event of a shop; send `track` calls.")
        return SEGMENT
    return GA4 if call is None and "name" in event else None


def in_our_words(
    event: Mapping[str, object], written: EventFormat, envelope: Mapping[str, object]
) -> Sequence[Mapping[str, object]]:
    """One event per product that a foreign event names, with the fields of the contract; unchecked.

    Lines of one order with the same product become one, their quantities added: an order and a product are counted
    once.

    Returns: in the order of the products; one without a product where none is named.
    Raises:  NotMapped: the name has no counterpart, or there are too many products.
    """
    kind = _kind(event, written)
    shared = dict(_stated(event, written.of_event, envelope))
    if kind not in _WITH_DWELL:
        shared.pop("dwellMs", None)
    if kind not in _WITH_VALUE:
        shared.pop("value", None)
    if written is GA4:
        if isinstance(shared.get("timestamp"), (int, float, str)):
            shared["timestamp"] = _from_micros(shared["timestamp"])
        shared |= _own_visit(shared)
    base = {**shared, "type": kind.value}
    if kind is EventKind.SEARCH:
        return [base]
    base.pop("query", None)
    lines = [{**base, **dict(_stated(item, written.of_item, {}))} for item in _items(event, written)]
    if not lines:
        return [base]
    return _one_per_product(lines) if kind in _ORDERS else lines


def _kind(event: Mapping[str, object], written: EventFormat) -> EventKind:
    name = event.get(written.name)
    if not isinstance(name, str):
        raise NotMapped("malformed_event", f"`{written.name}` must be the name of an event.")
    kind = written.kinds.get(" ".join(name.split()).lower())
    if kind is None:
        raise NotMapped("unmapped_event", f"{name[:60]!r} is not mapped; docs/events.md lists the names that are.")
    return kind


def _items(event: Mapping[str, object], written: EventFormat) -> Sequence[Mapping[str, object]]:
    listed = _at(event, written.items, {})
    if listed is None:
        alone = _at(event, written.bare, {}) if written.bare else None
        return [alone] if isinstance(alone, Mapping) else []
    if not isinstance(listed, list) or not all(isinstance(item, Mapping) for item in listed):
        raise NotMapped("malformed_event", f"`{written.items}` must be a list of objects.")
    if len(listed) > MOST_ITEMS:
        raise NotMapped("too_many_items", f"{len(listed)} products in one event; at most {MOST_ITEMS} are taken.")
    return listed


def _stated(
    source: Mapping[str, object], fields: _Fields, envelope: Mapping[str, object]
) -> Iterator[tuple[str, object]]:
    for field, paths in fields.items():
        for path in paths:
            value = _at(source, path, envelope)
            if value is not None:
                yield field, value
                break


def _at(source: Mapping[str, object], path: str, envelope: Mapping[str, object]) -> object:
    value: object = source
    for step in path.split("."):
        if step == "^":
            value = envelope
        elif isinstance(value, Mapping):
            value = value.get(step)
        else:
            return None
    return value


def _from_micros(stamp: object) -> object:
    """Seconds of a count of microseconds, which JSON clients also send as text; anything else is left to be refused."""
    if isinstance(stamp, str) and stamp.strip().isdecimal() and len(stamp) < 25:
        stamp = int(stamp)
    if isinstance(stamp, (int, float)) and not isinstance(stamp, bool):
        return stamp / 1e6
    return str(stamp)


def _own_visit(shared: Mapping[str, object]) -> Mapping[str, object]:
    """The session id of a GA4 event where it has to be another than the one that is stated.

    Google's own is the second at which the visit began, and tells visits of one client apart only. Taken as it comes,
    strangers of the same second would be one visit, and who guesses a second would read another's.
    """
    session = str(shared.get("sessionId", ""))
    whose = shared.get("anonymousId", shared.get("userId"))
    whole = f"{whose}.{session}"
    return {"sessionId": whole} if session.isdecimal() and whose is not None and len(whole) <= MAX_ID else {}


def _one_per_product(lines: Sequence[Mapping[str, object]]) -> list[Mapping[str, object]]:
    merged: dict[object, dict[str, object]] = {}
    kept: list[Mapping[str, object]] = []
    for line in lines:
        product = line.get("productId")
        first = merged.get(product) if isinstance(product, (str, int)) else None
        if first is None:
            copy = dict(line)
            kept.append(copy)
            if isinstance(product, (str, int)):
                merged[product] = copy
            continue
        counts = [part.get("quantity", 1) for part in (first, line)]
        if all(isinstance(n, (int, float)) and not isinstance(n, bool) and n > 0 for n in counts):
            first["quantity"] = sum(n for n in counts if isinstance(n, (int, float)))
        else:
            kept.append(line)  # a quantity that can't be added is refused with its own line
    return kept
