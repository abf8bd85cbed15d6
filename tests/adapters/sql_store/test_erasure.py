"""Erasing a shopper from the database: everything goes, nothing comes back, and no byte is left."""

from __future__ import annotations

import random
import sqlite3
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from app.adapters import remnants
from app.adapters.sql_store import SqlStore
from app.adapters.sql_store.schema import metadata
from app.domain.catalog import Product
from app.domain.errors import ConfigurationError, ShopperErased
from app.domain.imports import StatedShopper
from app.domain.interactions import Consent, EventKind, Interaction, Preferences
from app.domain.ranking import Query, Slate
from app.pipeline.pseudonym import Pseudonyms

KEYS = Pseudonyms.of_secrets({1: b"k" * 32})
NOW = 1_000_000.0
CANARY = "canary-5e1f77"


class _Wall:
    """A clock that stands until it is moved."""

    def __init__(self) -> None:
        self.at = NOW

    def __call__(self) -> float:
        return self.at


@pytest.fixture
def wall() -> _Wall:
    return _Wall()


Opener = Callable[..., SqlStore]


@pytest.fixture
def open_(tmp_path: Path, wall: _Wall) -> Iterator[Opener]:
    opened: list[SqlStore] = []

    def open_store(default: Consent = Consent(), keys: Pseudonyms | None = KEYS) -> SqlStore:
        store = SqlStore.open(
            f"sqlite:///{tmp_path}/shop.db", currency="EUR", consent_default=default, now=wall, pseudonyms=keys
        )
        opened.append(store)
        return store

    yield open_store
    for store in opened:
        store.close()


@pytest.fixture
def store(open_: Opener) -> SqlStore:
    return open_()


def _event(event_id: str, at: float = NOW - 10, **stated: object) -> Interaction:
    values: dict[str, object] = {"kind": EventKind.VIEW, "user_id": "ada", "product_id": "p1"} | stated
    return Interaction(event_id, timestamp=at, **values)  # type: ignore[arg-type]


def _slate(name: str, **asked: str | None) -> Slate:
    return Slate(name, Query(**asked), (), NOW)  # type: ignore[arg-type]


def _held(store: SqlStore, user: str = "ada") -> list[str]:
    return [event.event_id for event in store.privacy.holdings(user).events]


def _all(store: SqlStore, tmp_path: Path) -> set[str]:
    with sqlite3.connect(tmp_path / "shop.db") as connection:
        return {name for (name,) in connection.execute("SELECT event_id FROM events")}


def test_everything_of_a_shopper_goes_and_nothing_of_others(store: SqlStore, tmp_path: Path) -> None:
    """Events, those before the log-in too, preferences, consent and slates; what two shoppers share stays."""
    store.save_preferences("ada", Preferences(interests=("lamps",)))
    store.save_consent("ada", Consent("full", True))
    store.save_preferences("bob", Preferences(interests=("tea",)))
    store.insert_events(
        [
            _event("hers", session_id="s1", anonymous_id="a1"),
            _event("before log-in", user_id=None, session_id="s1", anonymous_id="a2"),
            _event("the week before", user_id=None, session_id="s0", anonymous_id="a1"),
            _event("on the family's tablet", session_id="s2", anonymous_id="shared"),
            _event("bob's", user_id="bob", session_id="s3", anonymous_id="shared"),
            _event("somebody's", user_id=None, session_id="s4", anonymous_id="shared"),
            _event("a stranger's", user_id=None, anonymous_id="a9", session_id="s9"),
        ]
    )
    store.save_slates(
        [
            _slate("r1", user_id="ada", session_id="s1"),
            _slate("r2", anonymous_id="a1"),
            _slate("r3", user_id="bob"),
            _slate("r4", anonymous_id="ada"),  # a visitor who happens to be called like her
        ],
        ["ada", "a1", "bob", "ada"],
    )
    done = store.privacy.erase("ada", "user", baseline_version="v1")
    assert done.receipt.stores == {"events": 4, "slates": 2, "identities": 1, "conversations": 0, "profiles": 1}
    assert (done.receipt.erased_at, done.receipt.baseline_version) == (NOW, "v1")
    assert _all(store, tmp_path) == {"bob's", "somebody's", "a stranger's"}
    assert [store.slate(name) is not None for name in ("r1", "r2", "r3", "r4")] == [False, False, True, True]
    assert not store.shopper("ada").known
    assert store.shopper("bob").preferences.interests == ("tea",)
    assert store.privacy.holdings("ada").erased_at == NOW


def test_a_visitor_can_be_erased_alone(store: SqlStore, tmp_path: Path) -> None:
    """What a visitor did without an account goes; what the same person did with one stays, without the visitor's id."""
    store.insert_events(
        [
            _event("visit", user_id=None, anonymous_id="a1", session_id="s1"),
            _event("logged in", anonymous_id="a1", session_id="s2"),
        ]
    )
    done = store.privacy.erase("a1", "anonymous", baseline_version=None)
    assert done.receipt.stores["events"] == 1
    assert [(e.event_id, e.anonymous_id) for e in store.privacy.holdings("ada").events] == [("logged in", None)]
    assert store.insert_events([_event("late", user_id=None, anonymous_id="a1")]) == (0, 0)


def test_erasing_again_gives_the_same_receipt(store: SqlStore, wall: _Wall) -> None:
    """Where nothing came since; a new profile gets a receipt of its own."""
    store.insert_events([_event("1")])
    first = store.privacy.erase("ada", "user", baseline_version="v1")
    wall.at += 100
    second = store.privacy.erase("ada", "user", baseline_version="v2")
    assert second.receipt == first.receipt
    assert second.again
    assert store.insert_events([_event("between", at=NOW + 50)]) == (0, 0)  # the second erasure is about that too
    store.insert_events([_event("new life", at=NOW + 101)])
    wall.at += 100
    third = store.privacy.erase("ada", "user", baseline_version="v2")
    assert third.receipt.receipt_id != first.receipt.receipt_id
    assert third.receipt.stores["events"] == 1


def test_somebody_never_seen_can_be_erased(store: SqlStore) -> None:
    """Events may still be on their way: the tombstone is what matters."""
    done = store.privacy.erase("nobody", "user", baseline_version="v1")
    assert not any(done.receipt.stores.values())
    assert done.receipt.baseline_version is None
    assert store.insert_events([_event("late", user_id="nobody")]) == (0, 0)


def test_events_stamped_before_the_erasure_are_refused(store: SqlStore) -> None:
    """By any of her ids; later ones begin a new profile; other shoppers' go in from the same batch."""
    store.insert_events([_event("1", anonymous_id="a1", session_id="s1")])
    store.privacy.erase("ada", "user", baseline_version=None)
    batch = [
        _event("hers", at=NOW),
        _event("the tablet's", at=NOW - 1, user_id=None, anonymous_id="a1"),
        _event("the session's", at=NOW - 1, user_id=None, session_id="s1", anonymous_id="fresh"),
        _event("bob's", at=NOW - 1, user_id="bob"),
        _event("later", at=NOW + 1),
    ]
    with store.transaction() as transaction:
        written = transaction.insert_events(batch)
    assert (written.inserted, written.erased) == (2, 3)
    assert _held(store) == ["later"]
    assert _held(store, "bob") == ["bob's"]


def test_a_clock_that_runs_ahead_does_not_outlive_the_erasure(store: SqlStore) -> None:
    """Events stamped a little later than our clock count as done before; one from another century does not."""
    store.insert_events([_event("ahead", at=NOW + 200), _event("far ahead", at=NOW + 1e9)])
    store.privacy.erase("ada", "user", baseline_version=None)
    assert store.insert_events([_event("ahead too", at=NOW + 150)])[0] == 1  # the newest was too far to be believed
    store.privacy.erase("ada", "user", baseline_version=None)
    assert store.insert_events([_event("ahead three", at=NOW + 150)])[0] == 0


@pytest.mark.parametrize(
    ("default", "left"),
    [
        (Consent("full", True), Consent("session", False)),
        (Consent("session", True), Consent("session", False)),
        (Consent("session", False), Consent("session", False)),
        (Consent("none", True), Consent("none", False)),
    ],
)
def test_a_new_profile_begins_without_the_consent_of_the_old(open_: Opener, default: Consent, left: Consent) -> None:
    """Not even a shop's default gives more than the session until the shopper chooses again."""
    store = open_(default)
    store.save_consent("ada", Consent("full", True))
    store.privacy.erase("ada", "user", baseline_version=None)
    assert store.shopper("ada").consent == left
    store.save_preferences("ada", Preferences(interests=("tea",)))
    assert store.shopper("ada").consent == left
    assert store.shopper("bob").consent == default
    store.save_consent("ada", Consent("full", True))
    assert store.shopper("ada").consent == Consent("full", True)


def test_training_ties_an_erased_shopper_to_sessions_only(open_: Opener) -> None:
    """Where the shop's default is `full`, too: the new profile has agreed to nothing."""
    store = open_(Consent("full", True))
    store.upsert_products([Product("p1", "P")], 1.0)
    store.privacy.erase("ada", "user", baseline_version=None)
    store.insert_events([_event(f"{s}", at=NOW + 5, session_id=s) for s in ("s1", "s2")])
    store.insert_events([_event(f"b{s}", at=NOW + 5, session_id=s, user_id="bob") for s in ("s3", "s4")])
    assert store.interaction_log().n_actors == 3


def test_an_old_export_does_not_bring_a_shopper_back(store: SqlStore) -> None:
    """Imports write by the same rules: rows without a stamp or an earlier one, and the shop's consent, stay out."""
    store.privacy.erase("ada", "user", baseline_version=None)
    old, new = Preferences(interests=("old",), updated_at=NOW - 1), Preferences(interests=("new",), updated_at=NOW + 1)
    with store.transaction() as transaction:
        for stated in (StatedShopper("ada"), StatedShopper("ada", old, Consent("full", True))):
            assert transaction.upsert_shoppers([stated], NOW).erased == 1
        assert transaction.add_missing_shoppers(["ada", "bob"], Consent("full", True), NOW) == 1
    assert not store.shopper("ada").known
    with store.transaction() as transaction:
        assert transaction.upsert_shoppers([StatedShopper("ada", new)], NOW).inserted == 1
    assert store.shopper("ada").preferences.interests == ("new",)


def test_writes_that_were_under_way_are_refused(store: SqlStore, wall: _Wall) -> None:
    """Preferences, consent and slates of requests that began before the erasure; those after it are stored."""
    began = wall.at
    wall.at += 1
    store.privacy.erase("ada", "user", baseline_version=None)
    with pytest.raises(ShopperErased):
        store.save_preferences("ada", Preferences(interests=("x",)), asked_at=began)
    with pytest.raises(ShopperErased):
        store.save_consent("ada", Consent("full"), asked_at=began)
    store.save_slates([_slate("early", user_id="ada"), _slate("late", user_id="ada")], ["ada", "ada"], [began, NOW + 2])
    assert not store.shopper("ada").known
    assert store.slate("early") is None
    assert store.slate("late") is not None
    store.save_consent("ada", Consent("full"), asked_at=NOW + 2)
    assert store.shopper("ada").consent.personalization == "full"


def test_events_of_who_agreed_to_nothing_are_nobodys(open_: Opener, tmp_path: Path) -> None:
    """Kept for the shop's figures, without ids, contacts in a search, or a slate that is somebody's."""
    store = open_()
    store.save_slates([_slate("hers", user_id="ada"), _slate("nobody's")], ["ada", None])
    store.save_consent("ada", Consent("none"))
    store.insert_events(
        [
            _event("1", anonymous_id="a", session_id="s", recommendation_id="hers"),
            _event("2", recommendation_id="nobody's", kind=EventKind.SEARCH, query="lamp for ada@example.org"),
            _event("3", user_id=None, anonymous_id="a"),  # a visitor: the default, session
        ]
    )
    with sqlite3.connect(tmp_path / "shop.db") as connection:
        rows = connection.execute(
            "SELECT event_id, user_id, anonymous_id, session_id, recommendation_id, query FROM events ORDER BY event_id"
        ).fetchall()
    assert rows == [
        ("1", None, None, None, None, None),
        ("2", None, None, None, "nobody's", "lamp for"),
        ("3", None, "a", None, None, None),
    ]


def test_slates_of_who_agreed_to_nothing_are_nobodys(open_: Opener) -> None:
    """Kept for `why` and the figures, under no id; with a default of `none` visitors' too."""
    store = open_(Consent("none"))
    store.save_consent("bob", Consent("session"))
    store.save_slates(
        [
            _slate("r1", user_id="ada", session_id="s", text="call +49 170 1234567"),
            _slate("r2", anonymous_id="a"),
            _slate("r3", user_id="bob"),
        ],
        ["ada", "a", "bob"],
    )
    kept = [store.slate(name) for name in ("r1", "r2", "r3")]
    assert [None if slate is None else slate.query for slate in kept] == [
        Query(text="call"),
        Query(),
        Query(user_id="bob"),
    ]
    assert store.privacy.holdings("ada").slates == ()
    assert [slate.recommendation_id for slate in store.privacy.holdings("bob").slates] == ["r3"]


def test_a_new_key_still_knows_those_erased_under_the_old(open_: Opener) -> None:
    """Keys rotate; tombstones hold. Without any key the store refuses to be written rather than to forget."""
    open_().privacy.erase("ada", "user", baseline_version=None)
    both = open_(keys=Pseudonyms.of_secrets({1: b"k" * 32, 2: b"n" * 32}))
    assert both.insert_events([_event("late")]) == (0, 0)
    assert both.privacy.erase("bob", "user", baseline_version=None).pseudonyms[0].startswith("p2:")
    assert both.privacy.key_problem() is None
    assert "p1" in str(open_(keys=Pseudonyms.of_secrets({2: b"n" * 32})).privacy.key_problem())
    assert "p1" in str(open_(keys=Pseudonyms.of_secrets({1: b"x" * 32, 2: b"n" * 32})).privacy.key_problem())
    with pytest.raises(ConfigurationError):
        open_(keys=None).insert_events([_event("late")])


def test_a_model_that_saw_the_events_is_known(store: SqlStore, wall: _Wall) -> None:
    """Until one is in use that read the events after the erasure; erasures without events don't count."""
    store.privacy.erase("ada", "user", baseline_version="v1")
    assert store.privacy.oldest_untrained("v1") is None
    store.insert_events([_event("1", user_id="bob")])
    store.privacy.remember_training("v1", NOW - 5)
    store.privacy.erase("bob", "user", baseline_version="v1")
    assert store.privacy.oldest_untrained("v1") == NOW
    assert store.privacy.oldest_untrained("of unknown age") == NOW
    store.privacy.remember_training("v2", NOW + 5)
    assert store.privacy.oldest_untrained("v2") is None


def test_no_byte_of_a_shopper_is_left(store: SqlStore, tmp_path: Path) -> None:
    """Among 4,000 events in random order, with pages that split and merge: database and log hold no trace.

    Long ids make many pages; deletions of others in between make SQLite move rows and leave copies behind.
    """
    rng = random.Random(7)
    for batch in range(40):
        events = []
        for _ in range(100):
            user = CANARY if rng.random() < 0.05 else f"user-{rng.randrange(60)}"
            name = f"{rng.getrandbits(64):016x}-{user}"
            events.append(_event(name, user_id=user, session_id=f"{user}-s{rng.randrange(9)}", transaction_id=name))
        store.insert_events(events)
        if batch % 5 == 4:
            store.privacy.erase(f"user-{rng.randrange(60)}", "user", baseline_version=None)
    store.save_preferences(CANARY, Preferences(interests=(CANARY,), extra={"note": CANARY}))
    store.save_slates([_slate("r", user_id=CANARY, text=CANARY)], [CANARY])
    done = store.privacy.erase(CANARY, "user", baseline_version=None)
    assert store.privacy.clean_files(done.traces)
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert tmp_path / "shop.db" in files
    assert [path.name for path in files if CANARY.encode() in path.read_bytes()] == []
    assert store.counts().events > 3_000


def test_copies_that_sqlite_leaves_in_a_page_are_found_and_removed(store: SqlStore, tmp_path: Path) -> None:
    """A remnant in a page's unused space is seen by the check and gone after the file is written anew."""
    store.insert_events([_event(f"e{i}-{CANARY}", user_id=CANARY) for i in range(3)])
    done = store.privacy.erase(CANARY, "user", baseline_version=None)
    assert remnants.emptied_log(tmp_path / "shop.db")
    with (tmp_path / "shop.db").open("r+b") as file:  # page 3's gap: between its cell pointers and its cells
        page = 4096
        file.seek(2 * page)
        head = file.read(page)
        cells, content = int.from_bytes(head[3:5], "big"), int.from_bytes(head[5:7], "big")
        assert content - (12 + 2 * cells) > 100, "not a page with room"
        file.seek(2 * page + content - 60)
        file.write(f"e1-{CANARY}".encode())
    assert remnants.remains([tmp_path / "shop.db"], done.traces)
    assert store.privacy.clean_files(done.traces)
    assert not remnants.remains([tmp_path / "shop.db"], done.traces)
    assert store.privacy.clean_files(None)


def test_every_column_that_can_name_a_shopper_is_erased() -> None:
    """A table that a later version adds is seen here: name it in erasure.py, its test and this list."""
    telling = {
        "user_id",
        "anonymous_id",
        "session_id",
        "user_key",
        "shopper",
        "query",
        "transaction_id",
        "note",
        "memory",
    }
    found = {f"{table.name}.{c.name}" for table in metadata.tables.values() for c in table.columns if c.name in telling}
    assert found == {
        "events.user_id",
        "events.anonymous_id",
        "events.session_id",
        "events.query",
        "events.transaction_id",
        "events.note",
        "identities.anonymous_id",
        "identities.user_id",
        "shoppers.user_id",
        "slates.user_key",
        "slates.query",
        "conversations.user_id",
        "conversations.anonymous_id",
        "conversations.session_id",
        "conversations.memory",
        "shopper_changes.user_id",
        "shopper_changes.anonymous_id",
        "shopper_changes.session_id",
    }


def test_no_event_outlives_an_erasure_that_it_races(open_: Opener, tmp_path: Path) -> None:
    """1,000 races of three writers and an eraser, on two stores of one file (two locks, as two workers have)."""
    stores = (open_(), open_())
    for number in range(1_000):
        name = f"user-{number}"
        stores[0].insert_events([_event(f"{number}-before", user_id=name, anonymous_id=f"a{number}")])
        start = threading.Barrier(4)

        def write(part: int, name: str = name, number: int = number, start: threading.Barrier = start) -> None:
            start.wait()
            user = name if part else None
            stores[part % 2].insert_events(
                [_event(f"{number}-{part}-{i}", user_id=user, anonymous_id=f"a{number}") for i in range(3)]
            )

        with ThreadPoolExecutor(3) as pool:
            running = [pool.submit(write, part) for part in range(3)]
            start.wait()
            stores[number % 2].privacy.erase(name, "user", baseline_version=None)
            for one in running:
                one.result()
    assert _all(stores[0], tmp_path) == set()
    stores[0].insert_events([_event("new", at=NOW + 1, user_id="user-0")])
    assert _all(stores[1], tmp_path) == {"new"}
