"""What trends follows the events, and keeps groups of shoppers large enough not to show anybody."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from app.adapters.sql_store.store import SqlStore
from app.adapters.trend_keeper import TrendKeeper, Trends
from app.domain.catalog import Product
from app.domain.errors import StoreUnavailable
from app.domain.interactions import Consent, EventKind, Interaction, Preferences, Signal
from app.pipeline.trending import COHORT_MIN_SHOPPERS, MIN_SHOPPERS, WINDOW_DAYS

NOW = 1_790_000_000.0
DAY = 86_400.0
SIGNALS = {
    EventKind.VIEW: Signal(1.0, 14.0),
    EventKind.PURCHASE: Signal(10.0, 120.0),
    EventKind.REFUND: Signal(-10.0, 120.0),
}
PRODUCTS = ("pan", "pot", "lamp")


class SetClock:
    """A clock that stands where it is put."""

    def __init__(self) -> None:
        self.at = NOW

    def now(self) -> float:
        return self.at


@pytest.fixture
def store(tmp_path: Path):
    """An empty shop with three products; consent is full unless somebody says otherwise."""
    store = SqlStore.open(
        f"sqlite:///{tmp_path / 'shop.db'}", currency="EUR", consent_default=Consent("full", False), now=lambda: NOW
    )
    store.upsert_products([Product(p, p.title(), price_minor=1000) for p in PRODUCTS], at=NOW - 90 * DAY)
    yield store
    store.close()


@pytest.fixture
def clock() -> SetClock:
    return SetClock()


@pytest.fixture
def keeper(store: SqlStore, clock: SetClock) -> TrendKeeper:
    """Not started: tests look themselves."""
    return TrendKeeper(source=store, snapshot=store.load_snapshot, clock=clock, signals=SIGNALS)


_count = iter(range(10**9))


def did(
    product: str, users: Sequence[str], *, days_ago: float = 0.5, kind: EventKind = EventKind.PURCHASE
) -> list[Interaction]:
    """One event of each shopper."""
    return [
        Interaction(f"e{next(_count)}", kind, NOW - days_ago * DAY, user_id=u, session_id=f"s-{u}", product_id=product)
        for u in users
    ]


def people(n: int, prefix: str = "u") -> list[str]:
    return [f"{prefix}{i}" for i in range(n)]


def listed(store: SqlStore, trends: Trends, country: str | None = None, band: str | None = None) -> list[str]:
    """Product ids of the list for such a shopper."""
    ids = store.load_snapshot().product_ids
    return [ids[row] for row in trends.of(country, band)[0].rows]


def test_the_first_question_reads_the_events(store: SqlStore, keeper: TrendKeeper) -> None:
    """Without a thread, too."""
    store.insert_events([*did("pan", people(9)), *did("pot", people(2))])
    assert listed(store, keeper.trends()) == ["pan", "pot"]


def test_new_events_change_the_list(store: SqlStore, keeper: TrendKeeper) -> None:
    """The next look sees them; until then the list stays."""
    store.insert_events(did("pan", people(6)))
    before = keeper.trends()
    store.insert_events(did("lamp", people(12), days_ago=0.1))
    assert keeper.trends() is before
    assert listed(store, keeper.refresh()) == ["lamp", "pan"]


def test_following_and_reading_anew_say_the_same(store: SqlStore, keeper: TrendKeeper) -> None:
    """Events that came one batch at a time count as if they had been there from the start."""
    for size in (3, 5, 7):
        store.insert_events([*did("pan", people(size, "a")), *did("pot", people(size, "b"), days_ago=9)])
        keeper.refresh()
    grown = keeper.refresh()
    anew = keeper.refresh(anew=True)
    assert grown.everybody.rows.tolist() == anew.everybody.rows.tolist()
    assert grown.everybody.scores.tolist() == anew.everybody.scores.tolist()


def test_erased_events_leave(store: SqlStore, keeper: TrendKeeper) -> None:
    """When the newest are gone, everything is read again at the next look."""
    store.insert_events([*did("pan", people(3)), *did("lamp", people(9))])
    keeper.refresh()
    with store._writing() as cursor:
        cursor.execute("DELETE FROM events WHERE product_id = 'lamp'")
    assert listed(store, keeper.refresh()) == ["pan"]


def test_a_bulk_buyer_does_not_lead(store: SqlStore, keeper: TrendKeeper) -> None:
    """Two hundred orders of a thousand pieces by one shopper stay behind six shoppers with one each."""
    bulk = [event for _ in range(200) for event in did("pan", ["wholesale"])]
    store.insert_events([*bulk, *did("pot", people(MIN_SHOPPERS + 1))])
    assert listed(store, keeper.trends()) == ["pot", "pan"]


def test_kinds_without_a_positive_weight_say_nothing(store: SqlStore, keeper: TrendKeeper) -> None:
    """A refund or an impression makes nothing trend."""
    store.insert_events(
        [*did("pan", people(9), kind=EventKind.REFUND), *did("pot", people(9), kind=EventKind.IMPRESSION)]
    )
    assert listed(store, keeper.trends()) == []


def test_time_alone_empties_the_list(store: SqlStore, keeper: TrendKeeper, clock: SetClock) -> None:
    """Events leave the window although nothing new happens."""
    store.insert_events(did("pan", people(9)))
    assert listed(store, keeper.trends()) == ["pan"]
    clock.at = NOW + WINDOW_DAYS * DAY
    assert listed(store, keeper.refresh()) == []


def in_country(store: SqlStore, users: Sequence[str], country: str | None, band: str | None = None) -> None:
    for user in users:
        store.save_preferences(user, Preferences(country=country, age_band=band))


@pytest.mark.parametrize(("size", "own"), [(COHORT_MIN_SHOPPERS - 1, False), (COHORT_MIN_SHOPPERS, True)])
def test_a_group_needs_twenty_shoppers(store: SqlStore, keeper: TrendKeeper, size: int, own: bool) -> None:
    """One fewer, and its shoppers see everybody's list."""
    local = people(size, "pt")
    in_country(store, local, "PT")
    store.insert_events([*did("lamp", local), *did("pan", people(60))])
    trends = keeper.trends()
    assert trends.of("PT", None)[1] is own
    assert listed(store, trends, "PT") == (["lamp"] if own else ["pan", "lamp"])
    assert listed(store, trends) == ["pan", "lamp"]
    assert trends.of("FR", "20-29")[1] is False


def test_the_narrowest_group_that_is_large_enough_decides(store: SqlStore, keeper: TrendKeeper) -> None:
    """Country and age band together, else the country, else the age band."""
    young, old = people(25, "young"), people(10, "old")
    in_country(store, young, "PT", "20-29")
    in_country(store, old, "PT", "60-69")
    store.insert_events([*did("lamp", young), *did("pot", old)])
    trends = keeper.trends()
    assert listed(store, trends, "PT", "20-29") == ["lamp"]
    assert listed(store, trends, "PT", "60-69") == ["lamp", "pot"]
    assert listed(store, trends, "FR", "20-29") == ["lamp"]


def test_consent_none_ties_nothing_and_joins_no_group(store: SqlStore, keeper: TrendKeeper) -> None:
    """Such events still count, by their logarithm, and their shoppers are in no cohort."""
    closed = people(COHORT_MIN_SHOPPERS + 5, "n")
    in_country(store, closed, "PT")
    for user in closed:
        store.save_consent(user, Consent("none", False))
    store.insert_events([*did("lamp", closed), *did("pan", people(MIN_SHOPPERS))])
    trends = keeper.trends()
    assert trends.of("PT", None)[1] is False
    assert listed(store, trends) == ["pan", "lamp"]


def test_a_store_that_fails_leaves_the_last_list(
    store: SqlStore, keeper: TrendKeeper, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The question is answered from what was counted before."""
    store.insert_events(did("pan", people(9)))
    before = keeper.trends()

    def fails(**_: object) -> Callable[[], None]:
        raise StoreUnavailable("away")

    monkeypatch.setattr(store, "recent_events", fails)
    with pytest.raises(StoreUnavailable):
        keeper.refresh()
    assert keeper.trends() is before


def test_the_thread_ends_with_close(store: SqlStore, keeper: TrendKeeper) -> None:
    """Start, look once, end."""
    keeper.start()
    keeper.close()
    assert keeper.trends() is not None
