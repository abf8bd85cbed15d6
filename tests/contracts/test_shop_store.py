"""What every ShopStore must do."""

import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from app.adapters.sql_store import SqlStore
from app.domain.catalog import Product, Snapshot
from app.domain.imports import PriceChange
from app.domain.interactions import KINDS, Consent, EventKind, Interaction, PastInteraction, Preferences
from app.domain.ranking import Evidence, Filters, Query, RankedItem, Slate
from app.import_ports import ImportStore
from app.pipeline.columns import snapshot_of
from app.ports import ShopStore

DAY = 86_400.0
FULL = Product(
    "p1",
    "Lamp",
    description="Warm \u201clight\u201d\nfor two",
    brand="Acme",
    category="Home > Lamps",
    price_minor=12_990,
    list_price_minor=15_000,
    cost_minor=8_000,
    stock=3,
    available=True,
    image_url="/img/1.svg",
    url="https://shop.example/1",
    tags=("warm", "Brass"),
    attributes={"colour": "brass", "sizes": ("S", "M")},
    rating_value=4.5,
    rating_count=12,
    created_at=1_600_000_000.0,
    seasons=("winter",),
)


@pytest.fixture(params=["sql"])
def store(tmp_path: Path) -> Iterator[SqlStore]:
    opened = SqlStore.open(
        f"sqlite:///{tmp_path}/shop.db", currency="EUR", consent_default=Consent(), now=lambda: 1000.0
    )
    yield opened
    opened.close()


def _event(event_id: str, at: float, **stated: object) -> Interaction:
    values: dict[str, object] = {"kind": EventKind.VIEW, "user_id": "u", "product_id": "p1"} | stated
    return Interaction(event_id, timestamp=at, **values)  # type: ignore[arg-type]


def _same(left: Snapshot, right: Snapshot) -> None:
    for name in Snapshot.__slots__:
        one, other = getattr(left, name), getattr(right, name)
        if isinstance(one, np.ndarray):
            assert one.dtype == other.dtype, name
            np.testing.assert_array_equal(one, other, err_msg=name)
        elif name == "tag_rows":
            assert {k: v.tolist() for k, v in one.items()} == {k: v.tolist() for k, v in other.items()}
        else:
            assert one == other, name


def test_it_is_a_shop_store_and_an_import_store(store: SqlStore) -> None:
    """The adapter fits both ports (checked by the type checker; here it is at least used as one)."""
    shop: ShopStore = store
    imports: ImportStore = store
    assert shop.sequence() == imports.sequence() == 0


def test_a_product_comes_back_as_it_was_stored(store: SqlStore) -> None:
    """Every field survives, and the store adds since when the price holds."""
    store.upsert_products([FULL], 500.0)
    assert store.products(["p1", "unknown"]) == {"p1": replace(FULL, price_since=500.0)}


def test_an_unchanged_product_writes_nothing(store: SqlStore) -> None:
    """Storing the same again leaves sequence and histories alone."""
    store.upsert_products([FULL], 500.0)
    before = (store.sequence(), store.counts())
    assert store.upsert_products([FULL], 900.0).unchanged == 1
    assert (store.sequence(), store.counts()) == before


def test_changes_are_numbered_and_told_oldest_first(store: SqlStore) -> None:
    """A follower learns each changed product once, in the order of change."""
    other = Product("p2", "Vase")
    store.upsert_products([FULL, other], 1.0)
    seen, ids = store.changed_product_ids(0)
    assert list(ids) == ["p1", "p2"]
    store.upsert_products([replace(other, stock=1)], 2.0)
    store.upsert_products([replace(FULL, stock=9), replace(other, stock=2)], 3.0)
    newest, ids = store.changed_product_ids(seen)
    assert (newest, list(ids)) == (store.sequence(), ["p2", "p1"])
    assert store.changed_product_ids(newest) == (newest, [])


def test_the_snapshot_is_that_of_the_products(store: SqlStore) -> None:
    """The fast path gives column for column what building from products gives, deleted ones included."""
    products = [replace(FULL, product_id=f"q{i}", stock=i % 3, brand=[None, "B"][i % 2]) for i in range(20)]
    store.upsert_products([FULL, Product("bare", "Bare"), *products], 5.0)
    store.delete_products(["q3", "bare"], 6.0)
    store.append_price_history([PriceChange("q5", 1.0, 20_000)])
    loaded = store.load_snapshot()
    _same(loaded, snapshot_of(store.iter_products(with_deleted=True), store.sequence()))
    assert not loaded.available[loaded.row_of["q3"]]


def test_a_product_keeps_its_row(store: SqlStore) -> None:
    """Deleting, reviving and changing products moves none of them."""
    store.upsert_products([Product(f"p{i}", "x") for i in range(5)], 1.0)
    rows = store.load_snapshot().row_of
    store.delete_products(["p1"], 2.0)
    store.upsert_products([Product("new", "x"), Product("p1", "back"), Product("p0", "changed")], 3.0)
    after = store.load_snapshot()
    assert {p: after.row_of[p] for p in rows} == rows
    assert after.row_of["new"] == 5
    assert after.available.all()


def test_a_deleted_product_is_unknown_but_told_as_changed(store: SqlStore) -> None:
    """Followers hear of it; nobody can read it; deleting twice is one change."""
    store.upsert_products([FULL], 1.0)
    before = store.sequence()
    assert store.delete_products(["p1", "unknown"], 2.0) == 1
    assert store.delete_products(["p1"], 3.0) == 0
    assert store.products(["p1"]) == {}
    assert list(store.iter_products()) == []
    assert store.changed_product_ids(before) == (before + 1, ["p1"])


def test_an_unknown_shopper_is_new_with_the_default_consent(store: SqlStore) -> None:
    """Nothing held: not known. One who only has events is known, and has still chosen nothing."""
    assert not store.shopper("u").known
    assert store.shopper("u").consent == Consent()
    store.insert_events([_event("e", 1.0)])
    assert store.shopper("u").known
    assert store.shopper("u").consent == Consent()


def test_preferences_and_consent_are_replaced_whole_and_apart(store: SqlStore) -> None:
    """Saving one does not touch the other."""
    first = Preferences(5_000, ("lamps",), ("brass",), ("M",), ("Bolt",), ("student",), "DE", "18-24", {"pet": "cat"})
    store.save_preferences("u", first)
    store.save_consent("u", Consent("full", True))
    assert store.shopper("u").preferences == replace(first, updated_at=1000.0)
    store.save_preferences("u", Preferences(budget_minor=0, updated_at=7.0))
    assert store.shopper("u").preferences == Preferences(budget_minor=0, updated_at=7.0)
    assert store.shopper("u").consent == Consent("full", True)


def test_events_are_stored_once_per_id(store: SqlStore) -> None:
    """A replay counts as duplicates, within one call too, and the first content stays."""
    assert store.insert_events([_event("a", 1.0), _event("b", 2.0), _event("a", 3.0)]) == (2, 1)
    assert store.insert_events([_event("b", 9.0)]) == (0, 1)
    assert store.insert_events([]) == (0, 0)
    assert store.last_event_at() == 2.0


def test_interactions_of_any_of_the_ids_newest_first(store: SqlStore) -> None:
    """Each id is looked up, an event that carries two of them comes once, and the limit keeps the newest."""
    store.insert_events(
        [
            _event("1", 1.0),
            _event("2", 2.0, user_id=None, anonymous_id="a"),
            _event("3", 3.0, session_id="s"),
            _event("4", 4.0, user_id="other"),
            _event(
                "5",
                5.0,
                user_id=None,
                anonymous_id="z",
                session_id="s",
                kind=EventKind.SEARCH,
                product_id=None,
                query="q",
            ),
            _event("6", 6.0, product_id=None, query=None, kind=EventKind.SEARCH),
        ]
    )

    def ids(limit: int = 9, **who: str | None) -> list[str]:
        wanted = {"user_id": None, "anonymous_id": None, "session_id": None} | who
        return [e.event_id for e in store.interactions(**wanted, limit=limit)]

    assert ids(user_id="u") == ["3", "1"]
    assert ids(user_id="u", anonymous_id="a", session_id="s") == ["5", "3", "2", "1"]
    assert ids(user_id="u", session_id="s", limit=2) == ["5", "3"]
    assert ids(user_id="u", limit=0) == []
    assert ids() == []


def test_an_interaction_comes_back_as_it_was_stored(store: SqlStore) -> None:
    """Every field survives; a request reads those that shape a profile."""
    event = Interaction("e", EventKind.PURCHASE, 1.5, "u", "a", "s", "p1", 2.0, 999, "t", "query", 1200, 4.0, "rec", 3)
    store.insert_events([event])
    assert store.privacy.holdings("u").events == (event,)
    past = PastInteraction("e", EventKind.PURCHASE, 1.5, "s", "p1", "t", 4.0)
    assert store.interactions(user_id="u", anonymous_id=None, session_id=None, limit=1) == [past]


def test_of_one_instant_the_later_arrived_comes_first(store: SqlStore) -> None:
    """However many of the ids an event carries, and whichever of them it was found by."""
    store.insert_events(
        [
            _event("1", 5.0, session_id="s"),
            _event("2", 5.0, user_id=None, session_id="s"),
            _event("3", 5.0, anonymous_id="a"),
            _event("4", 5.0, user_id=None, anonymous_id="a", session_id="s"),
        ]
    )
    found = store.interactions(user_id="u", anonymous_id="a", session_id="s", limit=9)
    assert [past.event_id for past in found] == ["4", "3", "2", "1"]
    assert store.interactions(user_id="u", anonymous_id="a", session_id="s", limit=3) == found[:3]


def test_the_log_ties_together_what_consent_allows(store: SqlStore) -> None:
    """full: the shopper; session: the session, else the anonymous id; none: nothing."""
    store.upsert_products([Product(p, p) for p in ("p1", "p2", "unseen")], 1.0)
    store.save_consent("full", Consent("full"))
    store.save_consent("none", Consent("none"))
    store.insert_events(
        [
            _event("1", 1.0, user_id="full", session_id="s1"),
            _event("2", 2.0, user_id="full", session_id="s2", product_id="p2"),
            _event("3", 3.0, user_id="none", session_id="s3"),
            _event("4", 4.0, user_id="default", session_id="s4"),
            _event("5", 5.0, user_id="default", anonymous_id="a"),
            _event("6", 6.0, user_id=None, anonymous_id="a"),
            _event("7", 7.0, user_id=None, anonymous_id="a", session_id="s4"),
            _event("8", 8.0, user_id="default"),
            _event("9", 9.0, product_id="not in the catalogue", user_id="gone"),
            _event("10", 10.0, kind=EventKind.SEARCH, query="q"),
        ]
    )
    log = store.interaction_log()
    full, session, anonymous = log.actor[0], log.actor[3], log.actor[4]
    assert log.actor.tolist() == [full, full, -1, session, anonymous, anonymous, session, -1]
    assert sorted([full, session, anonymous]) == [0, 1, 2]
    assert log.n_actors == 3
    assert log.product_ids == ("p1", "p2")


def test_the_log_is_in_order_of_time_with_known_products_only(store: SqlStore) -> None:
    """Columns hold what the events say; unknown quantities are 1, unknown orders -1."""
    store.upsert_products([FULL, Product("p2", "x")], 1.0)
    store.insert_events(
        [
            _event("late", 9.0, product_id="p2", kind=EventKind.PURCHASE, quantity=3.0, transaction_id="t1"),
            _event("lost", 5.0, product_id="gone", transaction_id="t0"),
            _event("early", 2.0),
        ]
    )
    log = store.interaction_log()
    assert log.timestamp.tolist() == [2.0, 9.0]
    assert [log.product_ids[p] for p in log.product] == ["p1", "p2"]
    assert [KINDS[k] for k in log.kind] == [EventKind.VIEW, EventKind.PURCHASE]
    assert log.quantity.tolist() == [1.0, 3.0]
    assert log.order.tolist() == [-1, 0]


def test_an_empty_store_answers_everything(store: SqlStore) -> None:
    """No products, events or shoppers is a state, not an error."""
    store.ping()
    assert len(store.load_snapshot()) == 0
    assert len(store.interaction_log()) == 0
    assert store.interaction_log().n_actors == 0
    assert store.last_event_at() is None
    assert store.slate("none") is None
    assert store.products([]) == {}


def _slate(name: str, at: float = 50.0) -> Slate:
    fact = Evidence("e1", "price_vs_budget", "under your budget", {"price_minor": 100, "names": ["a"], "share": 0.5})
    return Slate(
        name,
        Query(user_id="u", cart=("p9",), filters=Filters(categories=("A",), price_max_minor=5), exclude_ids=("x",)),
        (
            RankedItem("p1", 1, 0.9, reason="Because.", reason_source="template", evidence=(fact,)),
            RankedItem("p2", 2, 0.1),
        ),
        at,
        excluded={"in_stock": 2},
        latency_ms={"total": 1.25},
        candidates=24,
        profiling_used=True,
    )


def test_a_served_slate_comes_back_as_it_was(store: SqlStore) -> None:
    """Query, items, evidence and meta survive; writing it again changes nothing."""
    store.save_slates([_slate("r1"), _slate("r2")], ["key", None])
    store.save_slates([replace(_slate("r1"), served_at=99.0)], ["other"])
    assert store.slate("r1") == _slate("r1")
    assert store.slate("r3") is None


def test_old_slates_are_purged(store: SqlStore) -> None:
    """Those served before the given time go, the others stay."""
    store.save_slates([_slate("old", 10.0), _slate("new", 20.0)], [None, None])
    assert store.purge_slates(20.0) == 1
    assert store.slate("old") is None
    assert store.slate("new") is not None


def test_any_thread_may_read_and_write(store: SqlStore) -> None:
    """Eight threads at once lose nothing and fail in nothing."""
    failures: list[BaseException] = []

    def work(number: int) -> None:
        try:
            for i in range(20):
                store.insert_events([_event(f"{number}-{i}", float(i), user_id=f"u{number}")])
                store.shopper(f"u{number}")
                store.upsert_products([Product(f"p{number}-{i}", "x")], float(i))
        except BaseException as error:  # noqa: BLE001 - a thread's failure must reach the test
            failures.append(error)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert (store.counts().events, store.counts().products) == (160, 160)


def test_the_interests_of_most_shoppers_come_first(store: ShopStore) -> None:
    """Interests and styles count alike; ties are in alphabetical order; the limit holds."""
    store.save_preferences("a", Preferences(interests=("running", "wool")))
    store.save_preferences("b", Preferences(interests=("tea",), style_tags=("wool",)))
    assert store.frequent_interests(10) == ["wool", "running", "tea"]
    assert store.frequent_interests(1) == ["wool"]


def test_the_log_says_since_when_the_shop_vouches_for_whom(store: SqlStore) -> None:
    """Since its first report of an order, of whatever product; what only a browser says of one vouches for nobody."""
    store.upsert_products([Product("p1", "p1")], 1.0)
    store.record_events(
        [
            [
                _event("1", 1.0, user_id="customer"),
                _event("2", 2.0, user_id="customer", kind=EventKind.PURCHASE, product_id="gone"),
                _event("3", 3.0, user_id="customer", kind=EventKind.PURCHASE),
                _event("4", 4.0, user_id="fake", kind=EventKind.PURCHASE, claimed=True),
                _event("5", 5.0, user_id=None, kind=EventKind.PURCHASE),
                _event("6", 6.0, user_id=None),
            ]
        ]
    )
    log = store.interaction_log()
    assert log.vouched_at is not None
    assert log.vouched_at.tolist() == [2.0, 2.0, np.inf, 5.0, np.inf]


def test_the_log_says_which_account_or_browser_events_came_from(store: SqlStore) -> None:
    """Whatever consent lets be tied: visits of an account are different actors of one holder; nobody's have none."""
    store.upsert_products([Product("p1", "p1")], 1.0)
    store.save_consent("full", Consent("full"))
    store.insert_events(
        [
            _event("1", 1.0, user_id="default", session_id="s1"),
            _event("2", 2.0, user_id="default", session_id="s2"),
            _event("3", 3.0, user_id="full", session_id="s3"),
            _event("4", 4.0, user_id=None, anonymous_id="a", session_id="s4"),
            _event("5", 5.0, user_id=None, anonymous_id="a", session_id="s5"),
            _event("6", 6.0, user_id=None, session_id="s6"),
        ]
    )
    log = store.interaction_log()
    assert log.holder is not None
    assert log.actor.tolist() == [0, 1, 2, 3, 4, 5]
    default, full, browser = log.holder[0], log.holder[2], log.holder[3]
    assert log.holder.tolist() == [default, default, full, browser, browser, -1]
    assert len({default, full, browser}) == 3
