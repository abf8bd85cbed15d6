"""An order that a page reports is a claim: what the shop's server says of it takes its place."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from app.adapters.sql_store import SqlStore
from app.domain.intake import Outcome
from app.domain.interactions import Consent, EventKind, Interaction

ORDER = Interaction("server-1", EventKind.PURCHASE, 20.0, "ann", product_id="p", quantity=1, price_minor=31_900)
ORDER = replace(ORDER, transaction_id="T1")
CLAIM = replace(ORDER, event_id="page-1", user_id=None, anonymous_id="v", timestamp=10.0, claimed=True)
FULL = Consent("full", llm_processing=False)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqlStore]:
    opened = SqlStore.open(f"sqlite:///{tmp_path}/s.db", currency="EUR", consent_default=FULL)
    yield opened
    opened.close()


def _record(store: SqlStore, *events: Interaction) -> list[Outcome]:
    return [outcome for one in store.record_events([[event] for event in events]) for outcome in one]


def _of(store: SqlStore, user_id: str) -> Sequence[Interaction]:
    return store.privacy.holdings(user_id).events


def test_the_servers_report_takes_the_place_of_a_pages(store: SqlStore) -> None:
    """Buyer, price, pieces and time are the server's; what led to the order stays as the page saw it."""
    forged = replace(CLAIM, price_minor=9_999_900, quantity=100, recommendation_id="r", position=2)
    assert _record(store, forged, ORDER) == ["accepted", "accepted"]
    (kept,) = _of(store, "ann")
    assert (kept.price_minor, kept.quantity, kept.timestamp) == (31_900, 1, 20.0)
    assert (kept.recommendation_id, kept.position, kept.anonymous_id) == ("r", 2, "v")


def test_a_page_changes_nothing_of_what_the_server_said(store: SqlStore) -> None:
    """A claim after the server's report is a duplicate, and so is every replay of either."""
    stolen = replace(CLAIM, user_id="eve", price_minor=1)
    assert _record(store, ORDER, stolen, ORDER, CLAIM) == ["accepted", "duplicate", "duplicate", "duplicate"]
    (kept,) = _of(store, "ann")
    assert kept.price_minor == 31_900
    assert not _of(store, "eve")


def test_a_replay_of_a_replaced_claim_is_a_duplicate(store: SqlStore) -> None:
    """Page, server, page again, server again: one order."""
    assert _record(store, CLAIM, ORDER, CLAIM, ORDER) == ["accepted", "accepted", "duplicate", "duplicate"]
    assert len(_of(store, "ann")) == 1


def test_a_report_that_names_the_buyer_completes_one_that_did_not(store: SqlStore) -> None:
    """Two reports of the server's: the first by a tool that knows the visitor only."""
    tool = replace(ORDER, event_id="tool-1", user_id=None, anonymous_id="v")
    assert _record(store, tool, ORDER) == ["accepted", "duplicate"]
    assert [event.event_id for event in _of(store, "ann")] == ["tool-1"]


def test_parts_of_an_order_are_given_back_one_by_one(store: SqlStore) -> None:
    """Two refunds of one line with ids of their own are two; one that is sent again is not."""
    first = replace(ORDER, event_id="back-1", kind=EventKind.REFUND, timestamp=30.0)
    second = replace(first, event_id="back-2", timestamp=31.0)
    assert _record(store, ORDER, first, second, second) == ["accepted", "accepted", "accepted", "duplicate"]
