"""What of shoppers has changed is told at once, to every process, and tells of nobody who was erased."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from app.adapters.remnants import emptied_log
from app.adapters.sql_store import SqlStore
from app.adapters.sql_store.shopper_changes import MOST_TOLD
from app.domain.catalog import Product
from app.domain.errors import StoreUnavailable
from app.domain.interactions import Consent, EventKind, Interaction, Preferences, ShoppersChanged
from app.domain.ranking import Query, Slate
from app.pipeline.pseudonym import Pseudonyms

ANYBODY = ShoppersChanged(None)
Opener = Callable[[], SqlStore]


@pytest.fixture
def open_(tmp_path: Path) -> Iterator[Opener]:
    """Opens stores on one file, as several workers do."""
    opened: list[SqlStore] = []

    def open_store() -> SqlStore:
        store = SqlStore.open(
            f"sqlite:///{tmp_path}/shop.db",
            currency="EUR",
            consent_default=Consent("full", True),
            now=lambda: 1000.0,
            pseudonyms=Pseudonyms.of_secrets({1: b"k" * 32}),
        )
        opened.append(store)
        return store

    yield open_store
    for store in opened:
        store.close()


def _event(event_id: str, **fields: object) -> Interaction:
    return Interaction(**{"event_id": event_id, "kind": EventKind.VIEW, "timestamp": 1.0, "product_id": "p"} | fields)


def _told(store: SqlStore) -> set[tuple[str, str]]:
    changed = store.shopper_changes.look()
    assert changed is not None
    assert changed.subjects is not None
    return set(changed.subjects)


def test_it_names_whom_a_write_of_any_process_concerns(open_: Opener) -> None:
    """Events, preferences, consent and links, written by this worker or another; after a look there is nothing."""
    store, other = open_(), open_()
    assert store.shopper_changes.look() == ANYBODY  # nothing was known before
    assert store.shopper_changes.look() is None
    other.insert_events([_event("1", user_id="ann"), _event("2", anonymous_id="a", session_id="s")])
    assert _told(store) == {("user", "ann"), ("anonymous", "a"), ("session", "s")}
    assert store.shopper_changes.look() is None
    store.save_preferences("ben", Preferences(budget_minor=5))
    other.save_consent("cat", Consent("none", False))
    assert _told(store) == {("user", "ben"), ("user", "cat")}
    other.save_preferences("ben", Preferences(budget_minor=6))
    assert _told(store) == {("user", "ben")}


def test_what_a_visitor_does_concerns_the_shopper_they_turned_out_to_be(open_: Opener) -> None:
    """The shopper's profile holds the visitor's events: of before the link, and of after it."""
    store, other = open_(), open_()
    store.insert_events([_event("1", anonymous_id="a")])
    store.shopper_changes.look()
    other.insert_events([_event("2", anonymous_id="a", user_id="ann")])  # signs in: the visitor is ann's now
    assert {("user", "ann"), ("anonymous", "a")} <= _told(store)
    other.insert_events([_event("3", anonymous_id="a")])
    assert _told(store) == {("anonymous", "a"), ("user", "ann")}


def test_an_event_that_is_completed_concerns_whose_it_was_and_whose_it_is(open_: Opener) -> None:
    """A purchase that a browser reported without a buyer, then the shop's server with one."""
    store, other = open_(), open_()
    line = {"kind": EventKind.PURCHASE, "transaction_id": "t"}
    other.record_events([[_event("1", session_id="s", claimed=True, **line)]])
    store.shopper_changes.look()
    other.record_events([[_event("2", user_id="ann", session_id="other", **line)]])
    assert {("session", "s"), ("session", "other"), ("user", "ann")} <= _told(store)


def test_what_is_not_about_shoppers_is_not_told(open_: Opener) -> None:
    """Served slates and products are written all the time."""
    store, other = open_(), open_()
    store.shopper_changes.look()
    other.upsert_products([Product("p", "Pan", price_minor=100)], at=1.0)
    other.save_slates([Slate("r", Query(user_id="ann"), (), 1.0)], ["ann"])
    assert store.shopper_changes.look() is None


def test_an_erasure_concerns_anybody_and_leaves_no_id_in_the_log(open_: Opener, tmp_path: Path) -> None:
    """A worker that missed entries that are gone can't say whom they named; row numbers may come again, too."""
    store, other = open_(), open_()
    other.insert_events([_event("1", user_id="ann")])
    store.shopper_changes.look()
    other.save_preferences("ann", Preferences(budget_minor=5))
    done = other.privacy.erase("ann", "user", baseline_version=None)
    other.insert_events([_event("2", user_id="ben")])
    assert store.shopper_changes.look() == ANYBODY
    with sqlite3.connect(tmp_path / "shop.db") as connection:
        held = connection.execute("SELECT user_id, anonymous_id, session_id FROM shopper_changes").fetchall()
    assert set(held) == {(None, None, None)}
    other.privacy.save_receipt(done.receipt)  # the answers of the model cache are forgotten only now
    assert store.shopper_changes.look() == ANYBODY


def test_many_changes_at_once_concern_anybody(open_: Opener) -> None:
    """An import is not followed shopper by shopper."""
    store = open_()
    store.shopper_changes.look()
    store.insert_events([_event(str(n), user_id=f"u{n}") for n in range(MOST_TOLD + 1)])
    assert store.shopper_changes.look() == ANYBODY


def test_the_log_keeps_its_newest_entries_only(open_: Opener, tmp_path: Path) -> None:
    """It is bounded whatever is written; a reader that slept through its end is told: anybody."""
    store = open_()
    store.shopper_changes.look()
    with sqlite3.connect(tmp_path / "shop.db") as connection:
        connection.execute(
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 10500) "
            "INSERT INTO shoppers (user_id, created_at) SELECT 'u' || i, 1 FROM n"
        )
        (kept,) = connection.execute("SELECT count(*) FROM shopper_changes").fetchone()
    assert kept == 10_000
    assert store.shopper_changes.look() == ANYBODY


def test_looking_keeps_no_transaction_open(open_: Opener, tmp_path: Path) -> None:
    """The write-ahead log can be emptied between two looks, as an erasure must."""
    store, other = open_(), open_()
    for number in range(3):
        other.insert_events([_event(str(number), user_id="ann")])
        store.shopper_changes.look()
    assert emptied_log(tmp_path / "shop.db")


def test_a_database_that_can_not_be_read_is_an_error_and_then_anybody(open_: Opener) -> None:
    """Never "nothing has changed" where that is not known."""
    store = open_()
    store.shopper_changes.look()
    store.shopper_changes.close()
    with pytest.raises(StoreUnavailable):
        store.shopper_changes.look()
