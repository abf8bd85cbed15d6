"""Bodies of events: the contract's, GA4's and Segment's become interactions; what can't be used is refused alone."""

from __future__ import annotations

import pytest

from app.domain.errors import BadInput
from app.domain.interactions import EventKind
from app.ingest.event_bodies import BEHIND_S, MOST_EVENTS, Arrival, ReadBody, TooManyEvents, read_body
from app.ingest.event_formats import GA4, SEGMENT

WALL = 1_790_000_000.0
SHOP_TIME = WALL - 40 * 86_400.0
VIEW = {"type": "view", "userId": "u", "productId": "p"}


def _read(body: object, currency: str = "EUR") -> ReadBody:
    return read_body(body, Arrival(currency, wall=WALL, shop_time=SHOP_TIME))


def _one(**changes: object) -> ReadBody:
    return _read({"events": [VIEW | changes]})


def _codes(read: ReadBody) -> list[str]:
    return [rejection.code for rejection in read.rejected]


def test_every_field_of_the_contract_is_kept() -> None:
    """A full event comes out as it was stated, money in minor units."""
    read = _read(
        {
            "events": [
                {
                    "eventId": "e1",
                    "type": "purchase",
                    "userId": "u",
                    "anonymousId": "a",
                    "sessionId": "s",
                    "productId": "p",
                    "quantity": 2,
                    "price": "12.90",
                    "currency": "eur",
                    "transactionId": "t",
                    "dwellMs": 1200,
                    "timestamp": "2026-09-20T10:00:00Z",
                    "recommendationId": "r",
                    "position": 3,
                    "shopsOwn": {"anything": 1},
                }
            ]
        }
    )
    (event,) = read.events
    assert (event.event_id, event.kind, event.user_id, event.anonymous_id) == ("e1", EventKind.PURCHASE, "u", "a")
    assert (event.session_id, event.product_id, event.quantity, event.price_minor) == ("s", "p", 2.0, 1290)
    assert (event.transaction_id, event.dwell_ms, event.timestamp) == ("t", 1200, 1_789_898_400.0)
    assert (event.recommendation_id, event.position, event.note) == ("r", 3, None)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"type": "teleport"}, "unknown_type"),
        ({"type": None}, "unknown_type"),
        ({"userId": None}, "missing_identity"),
        ({"productId": None}, "missing_product"),
        ({"type": "search"}, "missing_query"),
        ({"type": "search", "query": " \u0000 "}, "invalid_field"),
        ({"type": "rating"}, "missing_value"),
        ({"type": "rating", "value": 0}, "invalid_value"),
        ({"type": "review", "value": 5.5}, "invalid_value"),
        ({"type": "rating", "value": True}, "invalid_value"),
        ({"quantity": -1}, "invalid_quantity"),
        ({"quantity": 0}, "invalid_quantity"),
        ({"quantity": True}, "invalid_quantity"),
        ({"quantity": 1e30}, "invalid_quantity"),
        ({"price": -3}, "invalid_price"),
        ({"price": "12 EUR"}, "invalid_price"),
        ({"price": {"amount": 3}}, "invalid_price"),
        ({"price": "1e999999999"}, "invalid_price"),
        ({"currency": "USD"}, "wrong_currency"),
        ({"currency": 978}, "wrong_currency"),
        ({"timestamp": WALL + 301}, "timestamp_in_future"),
        ({"timestamp": "2096-01-01T00:00:00Z"}, "timestamp_in_future"),
        ({"timestamp": WALL - BEHIND_S - 1}, "timestamp_too_old"),
        ({"timestamp": "0001-01-01T00:00:00+14:00"}, "invalid_timestamp"),
        ({"timestamp": "yesterday"}, "invalid_timestamp"),
        ({"timestamp": 1e300}, "invalid_timestamp"),
        ({"productId": "x" * 1_000_000}, "invalid_field"),
        ({"productId": "a\u202eb"}, "invalid_field"),
        ({"productId": ["p"]}, "invalid_field"),
        ({"userId": ""}, "invalid_field"),
        ({"query": "x" * 1_000_000}, "invalid_field"),
        ({"position": 0}, "invalid_field"),
        ({"dwellMs": -1}, "invalid_field"),
    ],
)
def test_what_is_wrong_is_refused_with_a_code(changes: dict[str, object], code: str) -> None:
    """One wrong event is rejected under its index, in a short sentence; the ones around it are taken."""
    read = _read({"events": [VIEW, VIEW | changes, VIEW | {"productId": "q"}]})
    assert _codes(read) == [code]
    assert read.rejected[0].index == 1
    assert len(read.rejected[0].detail) <= 220
    assert read.indexes == (0, 2)


@pytest.mark.parametrize("event", [None, 3, "view", [VIEW]])
def test_what_is_no_object_is_refused(event: object) -> None:
    """Not an event at all."""
    assert _codes(_read({"events": [event]})) == ["malformed_event"]


@pytest.mark.parametrize("body", [None, [], "x", {}, {"events": {}}, {"events": 5}, {"batch": "x"}, {"type": "view"}])
def test_a_body_of_no_known_shape_is_an_error(body: object) -> None:
    """There is nothing to take or refuse one by one."""
    with pytest.raises(BadInput):
        _read(body)


def test_a_body_has_at_most_so_many_events() -> None:
    """Counted as sent, and again after events of several products were taken apart."""
    assert len(_read({"events": [VIEW] * MOST_EVENTS}).events) == MOST_EVENTS
    with pytest.raises(TooManyEvents):
        _read({"events": [{}] * (MOST_EVENTS + 1)})
    many = {"name": "purchase", "params": {"items": [{"item_id": str(i)} for i in range(200)]}, "client_id": "c"}
    with pytest.raises(TooManyEvents):
        _read({"events": [many] * 6})


def test_the_time_of_an_event() -> None:
    """Its own; none means now by the shop's clock; slightly ahead means that it has just arrived."""
    assert _one(timestamp=WALL - 60).events[0].timestamp == WALL - 60
    assert _one().events[0].timestamp == SHOP_TIME
    assert _one(timestamp=WALL + 299).events[0].timestamp == WALL


def test_without_an_id_the_same_event_gets_the_same_one() -> None:
    """A stated time makes an event recognisable, an order line is by itself; a view without a time is always new."""
    stamped = _one(timestamp=WALL).events[0].event_id
    assert _one(timestamp=WALL).events[0].event_id == stamped
    assert _one(timestamp=WALL - 1).events[0].event_id != stamped
    assert _one().events[0].event_id != _one().events[0].event_id
    order = {"type": "purchase", "transactionId": "t"}
    assert _one(**order).events[0].event_id == _one(**order, quantity=2).events[0].event_id
    assert _one(**order).events[0].event_id != _one(**order | {"type": "refund"}).events[0].event_id


def test_ga4_in_the_envelope_of_the_measurement_protocol() -> None:
    """One interaction per product, with the envelope's ids and time; order lines of one product are added up."""
    read = _read(
        {
            "client_id": "c.1",
            "user_id": "u",
            "timestamp_micros": "1789900000000000",
            "events": [
                {
                    "name": "purchase",
                    "params": {
                        "currency": "EUR",
                        "transaction_id": "t1",
                        "value": 99,
                        "ga_session_id": 17,
                        "items": [
                            {"item_id": "a", "quantity": 2, "price": 10},
                            {"item_id": "b", "price": 5},
                            {"item_id": "a", "quantity": 1, "price": 10},
                        ],
                    },
                },
                {"name": "page_view", "params": {}},
            ],
        }
    )
    assert [(e.product_id, e.quantity, e.price_minor) for e in read.events] == [("a", 3, 1000), ("b", None, 500)]
    assert {(e.kind, e.user_id, e.anonymous_id, e.session_id) for e in read.events} == {
        (EventKind.PURCHASE, "u", "c.1", "c.1.17")
    }
    assert {(e.transaction_id, e.timestamp) for e in read.events} == {("t1", 1_789_900_000.0)}
    assert read.indexes == (0, 0)
    assert [(r.index, r.code) for r in read.rejected] == [(1, "unmapped_event")]


@pytest.mark.parametrize(
    ("ids", "session", "kept"),
    [
        ({"client_id": "c.1"}, 1_790_000_000, "c.1.1790000000"),
        ({"client_id": "c.1"}, "1790000000", "c.1.1790000000"),
        ({"user_id": "u"}, "1790000000", "u.1790000000"),
        ({}, "1790000000", "1790000000"),
        ({"client_id": "c.1"}, "s-7f0c", "s-7f0c"),
        ({"client_id": "c" * 195}, "1790000000", "1790000000"),
    ],
)
def test_googles_session_is_one_clients(ids: dict[str, str], session: object, kept: str) -> None:
    """The second at which a visit began tells strangers' visits apart only with the client; a shop's own id stands."""
    event = {"name": "view_item", **ids, "params": {"ga_session_id": session, "items": [{"item_id": "a"}]}}
    assert [e.session_id for e in _read(event).events] == [kept]


def test_a_single_ga4_event_and_a_product_of_it_that_is_wrong() -> None:
    """As `gtag` states it: no envelope; the products that are right are taken."""
    read = _read(
        {
            "name": "add_to_cart",
            "client_id": "c",
            "params": {"currency": "EUR", "items": [{"item_id": "a"}, {"item_id": "b", "quantity": -2}]},
        }
    )
    assert [(e.product_id, e.kind) for e in read.events] == [("a", EventKind.ADD_TO_CART)]
    assert [(r.index, r.code) for r in read.rejected] == [(0, "invalid_quantity")]
    assert read.rejected[0].detail.startswith("Product 2 of the event")


def test_ga4_search_and_lists() -> None:
    """A search holds its words only; a list that was seen is one impression per product."""
    read = _read(
        {
            "client_id": "c",
            "events": [
                {"name": "view_search_results", "params": {"search_term": "lamp", "items": [{"item_id": "a"}]}},
                {"name": "view_item_list", "params": {"items": [{"item_id": "a", "index": 0}, {"item_id": "b"}]}},
            ],
        }
    )
    assert [(e.kind, e.query, e.product_id, e.position) for e in read.events] == [
        (EventKind.SEARCH, "lamp", None, None),
        (EventKind.IMPRESSION, None, "a", None),
        (EventKind.IMPRESSION, None, "b", None),
    ]


def test_segment_track_calls() -> None:
    """A product in the properties or a list of them; the message's id makes the events' ids, the same every time."""
    viewed = {
        "type": "track",
        "event": "Product Viewed",
        "messageId": "m1",
        "anonymousId": "a",
        "userId": None,
        "timestamp": "2026-09-20T10:00:00.000Z",
        "properties": {"product_id": "p", "price": 19.99, "currency": "EUR", "position": 2},
    }
    ordered = {
        "type": "track",
        "event": "Order Completed",
        "messageId": "m2",
        "userId": "u",
        "properties": {"order_id": "o", "products": [{"product_id": "p", "quantity": 1}, {"product_id": "q"}]},
    }
    first, second = _read(viewed), _read({"batch": [ordered, {"type": "identify", "userId": "u"}]})
    (event,) = first.events
    assert (event.kind, event.product_id, event.price_minor, event.position) == (EventKind.VIEW, "p", 1999, 2)
    assert [(e.product_id, e.transaction_id, e.user_id) for e in second.events] == [("p", "o", "u"), ("q", "o", "u")]
    assert len({e.event_id for e in second.events}) == 2
    assert _codes(second) == ["unmapped_event"]
    assert _read(viewed).events == first.events


def test_segment_reviews_and_a_refund_without_products() -> None:
    """Stars come through; what was given back must be named."""
    review = {"event": "Product Reviewed", "properties": {"product_id": "p", "rating": "4"}}
    refund = {"event": "Order Refunded", "properties": {"order_id": "o"}}
    read = _read({"events": [{"type": "track", "userId": "u"} | e for e in (review, refund)]})
    assert [(e.kind, e.value) for e in read.events] == [(EventKind.REVIEW, 4.0)]
    assert _codes(read) == ["missing_product"]


@pytest.mark.parametrize(
    "event",
    [
        {"name": 3, "params": {}},
        {"name": "view_item", "params": {"items": "all"}},
        {"name": "view_item", "params": {"items": [1]}},
        {"type": "track", "userId": "u", "properties": {}},
        {"type": "track", "event": "Product Viewed", "properties": []},
        {"name": "view_item", "params": [], "client_id": {"a": 1}},
        {"name": "view_item", "timestamp_micros": {}, "client_id": "c", "params": {"items": [{"item_id": "a"}]}},
        {"name": "view_item", "timestamp_micros": "9" * 24, "client_id": "c", "params": {"items": [{"item_id": "a"}]}},
        {"name": "purchase", "client_id": "c", "params": {"items": [{"item_id": "a", "quantity": "x"}] * 2}},
        {"name": "view_item", "client_id": "c", "params": {"items": [{"item_id": "a"}] * 201}},
    ],
)
def test_foreign_events_of_the_wrong_shape_are_refused(event: dict[str, object]) -> None:
    """Each with a code, none with an exception."""
    read = _read({"events": [event]})
    assert read.events == ()
    assert read.rejected


def test_names_are_written_in_any_case() -> None:
    """Segment's names come in title case, others write them otherwise; every mapped name is one of ours."""
    shouted = {"type": "track", "event": "PRODUCT  viewed", "userId": "u", "properties": {"product_id": "p"}}
    assert _read(shouted).events[0].kind is EventKind.VIEW
    for written in (GA4, SEGMENT):
        assert all(name == name.lower() for name in written.kinds)


def test_what_a_page_says_of_orders_is_a_claim() -> None:
    """Its purchases are marked, its refunds refused under their index, everything else is left as it is."""
    sold = {"eventId": "1", "type": "purchase", "userId": "u", "productId": "p", "transactionId": "t"}
    body = {"events": [sold, {**sold, "eventId": "2", "type": "refund"}, {**sold, "eventId": "3", "type": "view"}, 7]}
    read = read_body(body, Arrival("EUR", wall=WALL, shop_time=SHOP_TIME)).from_browser()
    assert [(event.event_id, event.claimed) for event in read.events] == [("1", True), ("3", False)]
    assert read.indexes == (0, 2)
    assert [(r.index, r.code) for r in read.rejected] == [(1, "secret_key_required"), (3, "malformed_event")]
