"""Live events in the database: order lines, whose an anonymous history is, and what a request reads."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from app.adapters.sql_store import SqlStore
from app.domain.catalog import Product
from app.domain.interactions import Consent, EventKind, Interaction

FULL = Consent("full", False)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqlStore]:
    opened = SqlStore.open(f"sqlite:///{tmp_path}/s.db", currency="EUR", consent_default=Consent())
    opened.upsert_products([Product("p", "Pan"), Product("q", "Pot")], 1.0)
    for user in ("ann", "bob"):
        opened.save_consent(user, FULL)
    yield opened
    opened.close()


def _did(event_id: str, at: float, user: str | None, visitor: str | None = "v", **stated: object) -> Interaction:
    event = Interaction(event_id, EventKind.VIEW, at, user, visitor, product_id="p")
    return replace(event, **stated)  # type: ignore[arg-type]


def _read(store: SqlStore, user: str | None, visitor: str | None = None) -> list[str]:
    found = store.interactions(user_id=user, anonymous_id=visitor, session_id=None, limit=100)
    return [event.event_id for event in found]


def test_an_order_line_is_written_once_whatever_its_event_id(store: SqlStore) -> None:
    """Known by transaction and product; another product or no transaction is something else; refunds go by ids."""
    line = _did("e1", 1.0, "ann", kind=EventKind.PURCHASE, transaction_id="t")
    outcomes = store.record_events(
        [
            [line, replace(line, event_id="e2"), replace(line, event_id="e3", product_id="q")],
            [replace(line, event_id="e4", kind=EventKind.REFUND), replace(line, event_id="e5", kind=EventKind.REFUND)],
            [replace(line, event_id="e6", transaction_id=None), replace(line, event_id="e7", transaction_id=None)],
            [_did("e8", 1.0, "ann", transaction_id="t"), _did("e9", 1.0, "ann", transaction_id="t"), line],
        ]
    )
    assert outcomes == [
        ["accepted", "duplicate", "accepted"],
        ["accepted", "accepted"],
        ["accepted", "accepted"],
        ["accepted", "accepted", "duplicate"],
    ]
    assert store.counts().events == 8


def test_the_past_of_a_visitor_becomes_the_shoppers(store: SqlStore) -> None:
    """From the first event with both ids on, also on another device that never sends the visitor's id."""
    store.record_events([[_did("before", 1.0, None)]])
    assert _read(store, "ann") == []
    store.record_events([[_did("login", 2.0, "ann"), _did("after", 3.0, None)]])
    assert _read(store, "ann") == ["after", "login", "before"]
    log = store.interaction_log()
    assert log.n_actors == 1
    assert log.actor.tolist() == [0, 0, 0]


def test_a_second_shopper_of_the_same_browser_gets_nothing_of_it(store: SqlStore) -> None:
    """Neither the joined past nor the first shopper's own events; what follows anonymously belongs to nobody."""
    store.record_events([[_did("before", 1.0, None), _did("ann", 2.0, "ann")]])
    store.record_events([[_did("bob", 5.0, "bob"), _did("whose", 6.0, None), _did("late", 4.0, None)]])
    assert _read(store, "bob", "v") == ["bob"]
    assert _read(store, "ann", "v") == ["late", "ann", "before"]
    assert store.interaction_log().n_actors == 3  # ann, bob, and a visitor who is nobody's


def test_a_made_up_time_takes_nothing_away(store: SqlStore) -> None:
    """A second shopper's event that says to be from before the first one's login moves nothing before that login."""
    store.record_events([[_did("before", 1.0, None), _did("ann", 2.0, "ann")], [_did("bob", 0.5, "bob")]])
    assert _read(store, "ann") == ["ann", "before"]


def test_a_browser_that_somebody_else_had_is_not_joined(store: SqlStore) -> None:
    """Where a shopper without full consent was signed in before, whose the anonymous past is can't be told."""
    store.save_consent("cid", Consent("session", False))
    store.record_events([[_did("before", 1.0, None), _did("cid", 2.0, "cid")], [_did("ann", 3.0, "ann")]])
    assert _read(store, "ann") == ["ann"]


def test_nothing_is_joined_without_full_consent(store: SqlStore) -> None:
    """The default is `session`; under `full` the next event with both ids joins them, its withdrawal parts them."""
    store.record_events([[_did("before", 1.0, None), _did("dora", 2.0, "dora")]])
    assert _read(store, "dora") == ["dora"]
    store.save_consent("dora", FULL)
    store.record_events([[_did("again", 3.0, "dora")]])
    assert _read(store, "dora") == ["again", "dora", "before"]
    assert store.interaction_log().n_actors == 1
    store.save_consent("dora", Consent("none", False))
    assert store.interaction_log().actor.tolist() == [0, -1, -1]  # the visitor's own again; dora's tied to nobody


def test_imported_events_join_as_live_ones_do(store: SqlStore) -> None:
    """A file that names both ids says the same."""
    store.insert_events([_did("before", 1.0, None), _did("login", 2.0, "ann")])
    assert _read(store, "ann") == ["login", "before"]


def test_a_visitor_never_reads_what_a_shopper_did_there(store: SqlStore) -> None:
    """Signed out, the browser's own anonymous events count, not those under a shopper's id."""
    store.record_events([[_did("before", 1.0, None), _did("ann", 2.0, "ann")]])
    assert _read(store, None, "v") == ["before"]


def test_impressions_take_no_place_in_what_a_request_reads(store: SqlStore) -> None:
    """A thousand products that were only shown don't push out the one that was bought."""
    shown = [_did(f"i{i}", 10.0 + i, "ann", kind=EventKind.IMPRESSION) for i in range(1000)]
    store.record_events([[_did("bought", 1.0, "ann", kind=EventKind.PURCHASE)], shown])
    assert _read(store, "ann") == ["bought"]


def test_training_sees_the_stars(store: SqlStore) -> None:
    """Values of ratings in the order of the log, NaN where none was stated."""
    rating = _did("r", 2.0, "ann", kind=EventKind.RATING, value=1.0)
    store.record_events([[rating, _did("view", 1.0, "ann")]])
    value = store.interaction_log().value
    assert value is not None
    np.testing.assert_array_equal(value, np.asarray([np.nan, 1.0], dtype=np.float32))
