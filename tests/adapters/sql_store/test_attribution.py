"""Figures in SQL against the plain reference, on cases made by hand and on shops made at random."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import get_args

import pytest

from app.adapters.sql_store import SqlStore
from app.adapters.sql_store.attribution import SqlAttribution
from app.adapters.sql_store.ledger import SqlLedger
from app.domain.errors import StoreUnavailable
from app.domain.figures import AttributionRule, Grouping, GroupTally, Period, Sums, Tally
from app.domain.interactions import Consent, EventKind, Interaction
from app.domain.model_calls import LedgerRow
from app.domain.ranking import Query, RankedItem, Slate
from tests.adapters.sql_store.attribution_reference import Found, Reference

T = 1_790_000_000.0
DAY = 86_400.0
RULE = AttributionRule(window_s=7 * DAY)
ALL = Period(T - 10 * DAY)
GROUPINGS: tuple[Grouping, ...] = get_args(Grouping)


class Shop:
    """A store to fill by hand."""

    def __init__(self, folder: Path) -> None:
        self.url = f"sqlite:///{folder}/shop.db"
        self.path = folder / "shop.db"
        self.store = SqlStore.open(self.url, currency="EUR", consent_default=Consent("full", True))
        self.reader = SqlAttribution.open(self.url)
        self.events: list[Interaction] = []
        self.slates: list[tuple[Slate, str | None]] = []

    def slate(self, name: str, products: str, *, at: float = T, key: str | None = "u1", **changes: object) -> Slate:
        items = tuple(RankedItem(p, n, 0.5) for n, p in enumerate(products.split(), 1))
        query = Query(placement=changes.pop("placement", "home"))  # type: ignore[arg-type]
        slate = Slate(name, query, items, at, **changes)  # type: ignore[arg-type]
        self.slates.append((slate, key))
        self.store.save_slates([slate], [key])
        return slate

    def event(self, kind: str, product: str = "a", at: float = 0.0, **fields: object) -> Interaction:
        if not {"user_id", "anonymous_id", "session_id"} & set(fields):
            fields["user_id"] = "u1"
        event = Interaction(f"e{len(self.events)}", EventKind(kind), T + at, product_id=product, **fields)  # type: ignore[arg-type]
        self.events.append(event)
        self.store.insert_events([event])
        return event

    def tally(self, period: Period = ALL, grouping: Grouping | None = None, rule: AttributionRule = RULE) -> Tally:
        return self.reader.tally(period, grouping, rule)

    def total(self) -> dict[str, float]:
        return sums_of(self.tally().total)

    def reference(self, period: Period, rule: AttributionRule) -> Reference:
        with sqlite3.connect(self.path) as connection:
            rows = connection.execute("SELECT anonymous_id, user_id, shared_from FROM identities").fetchall()
        connection.close()
        identities = {a: (u, float("inf") if s is None else s) for a, u, s in rows}
        return Reference(self.events, self.slates, identities, period, rule)

    def close(self) -> None:
        self.reader.close()
        self.store.close()


@pytest.fixture
def new_shop(tmp_path: Path) -> Iterator[Callable[[], Shop]]:
    opened: list[Shop] = []

    def make() -> Shop:
        folder = tmp_path / str(len(opened))
        folder.mkdir()
        opened.append(Shop(folder))
        return opened[-1]

    yield make
    for shop in opened:
        shop.close()


@pytest.fixture
def shop(new_shop: Callable[[], Shop]) -> Shop:
    return new_shop()


def sums_of(group: GroupTally) -> dict[str, float]:
    return {
        name: float(value.sum()) for part in (group.slates, group.orders, group.visits) for name, value in part.items()
    }


def test_duplicate_impressions_and_clicks_count_once(shop: Shop) -> None:
    """A product of a slate is seen and clicked once, however often its events come."""
    shop.slate("r1", "a b")
    for _ in range(3):
        shop.event("impression", "a", 1, recommendation_id="r1")
        shop.event("click", "a", 2, recommendation_id="r1")
    shop.event("impression", "b", 1, recommendation_id="r1")
    total = shop.total()
    assert (total["impressions"], total["clicked_impressions"], total["shown"], total["clicked_slates"]) == (2, 1, 1, 1)


def test_a_click_without_impression_is_a_touch_but_no_click_through(shop: Shop) -> None:
    """A shop whose pages send no impressions must not read a click-through of 100%."""
    shop.slate("r1", "a b")
    shop.event("click", "a", 2, recommendation_id="r1")
    shop.event("purchase", "a", 60, price_minor=1000, transaction_id="t")
    tally = shop.tally()
    total = sums_of(tally.total)
    assert (total["impressions"], total["clicked_impressions"], total["clicks"]) == (0, 0, 1)
    assert (total["purchases"], total["revenue_minor"], total["shown_revenue_minor"]) == (1, 1000, 0)
    assert tally.left_out.clicks_without_impression == 1


def test_a_purchase_without_a_touch_is_nobodys(shop: Shop) -> None:
    """Seeing a product is not reason enough: it may have been bought anyway."""
    shop.slate("r1", "a b")
    shop.event("impression", "a", 1, recommendation_id="r1")
    shop.event("purchase", "a", 60, price_minor=1000, transaction_id="t")
    shop.event("click", "b", 2, recommendation_id="r1")
    assert shop.total()["purchases"] == 0
    assert float(shop.tally().shop.orders["order_minor"].sum()) == 1000


def test_of_two_slates_the_last_touched_gets_the_purchase(shop: Shop) -> None:
    """Once, and never both; a touch after the purchase does not count while there is one before it."""
    for name, at in (("r1", 0), ("r2", 10), ("r3", 20)):
        shop.slate(name, "a", at=T + at, placement={"r1": "home", "r2": "search", "r3": "cart"}[name])
    shop.event("click", "a", 30, recommendation_id="r2")
    shop.event("click", "a", 40, recommendation_id="r1")
    shop.event("click", "a", 200, recommendation_id="r3")
    shop.event("purchase", "a", 100, price_minor=1000, transaction_id="t")
    credit = shop.reference(ALL, RULE).credit
    assert list(credit.values()) == ["r1"]
    assert shop.total()["revenue_minor"] == 1000


def test_a_slate_outside_the_period_keeps_what_it_earned(shop: Shop) -> None:
    """Two adjoining periods never claim the same purchase, and together claim all."""
    shop.slate("old", "a", at=T - DAY)
    shop.slate("new", "a", at=T + 10)
    shop.event("click", "a", 20, recommendation_id="new")
    shop.event("click", "a", 30, recommendation_id="old")
    shop.event("purchase", "a", 40, price_minor=700, transaction_id="t")
    before = sums_of(shop.tally(Period(T - 5 * DAY, T)).total)
    after = sums_of(shop.tally(Period(T, T + DAY)).total)
    assert (before["revenue_minor"], after["revenue_minor"]) == (700, 0)


def test_the_window_ends(shop: Shop) -> None:
    """Seven days to the second after the click."""
    shop.slate("r1", "a b")
    shop.event("click", "a", 0, recommendation_id="r1")
    shop.event("click", "b", 0, recommendation_id="r1")
    shop.event("purchase", "a", 7 * DAY, price_minor=100, transaction_id="t1")
    shop.event("purchase", "b", 7 * DAY + 1, price_minor=100, transaction_id="t2")
    assert shop.total()["purchases"] == 1


def test_a_purchase_that_names_its_slate_needs_no_click(shop: Shop) -> None:
    """Server-sent purchases carry the id where a page's click was blocked; not for ever, and not for any product."""
    shop.slate("r1", "a b")
    shop.event("purchase", "a", 60, price_minor=100, transaction_id="t1", recommendation_id="r1")
    shop.event("purchase", "c", 60, price_minor=100, transaction_id="t1", recommendation_id="r1")
    shop.event("purchase", "b", 8 * DAY, price_minor=100, transaction_id="t2", recommendation_id="r1")
    tally = shop.tally()
    assert sums_of(tally.total)["purchases"] == 1
    assert tally.left_out.not_in_slate == 1


@pytest.mark.parametrize(
    ("refund", "left"),
    [
        ({"price_minor": 1000, "quantity": 1.0}, 2000),
        ({"price_minor": 1000, "quantity": 3.0}, 0),
        ({"price_minor": 5000, "quantity": 3.0}, 0),
        ({"quantity": 1.0}, 2000),
        ({}, 0),
        ({"price_minor": 1000, "transaction_id": "other"}, 3000),
        ({"price_minor": 1000, "product": "b"}, 3000),
    ],
)
def test_refunds_take_revenue_back(shop: Shop, refund: dict[str, object], left: int) -> None:
    """By their amount, else by their pieces, else all of it; never below zero and never from another line."""
    shop.slate("r1", "a")
    shop.event("click", "a", 1, recommendation_id="r1")
    shop.event("purchase", "a", 60, price_minor=1000, quantity=3.0, transaction_id="t")
    fields = {"transaction_id": "t", **refund}
    product = str(fields.pop("product", "a"))
    shop.event("refund", product, 20 * DAY, **fields)
    tally = shop.tally()
    assert sums_of(tally.total)["revenue_minor"] == left
    assert float(tally.shop.orders["order_minor"].sum()) == left
    assert tally.left_out.refunds_without_purchase == (left == 3000)


def test_clocks_may_be_five_minutes_apart(shop: Shop) -> None:
    """The page's click may be stamped after the server's purchase; six minutes after it is another click."""
    shop.slate("r1", "a b")
    shop.event("impression", "a", -200, recommendation_id="r1")
    shop.event("click", "a", 350, recommendation_id="r1")
    shop.event("purchase", "a", 60, price_minor=100, transaction_id="t")
    shop.event("click", "b", 421, recommendation_id="r1")
    shop.event("purchase", "b", 120, price_minor=100, transaction_id="t")
    total = shop.total()
    assert (total["purchases"], total["impressions"]) == (1, 1)


def test_a_deleted_slate_takes_its_events_with_it(shop: Shop) -> None:
    """What names a slate that is not held counts for nothing, and is counted."""
    shop.slate("r1", "a")
    shop.event("impression", "a", 1, recommendation_id="r1")
    shop.event("click", "a", 1, recommendation_id="never")
    shop.store.purge_slates(T + 1)
    tally = shop.tally()
    assert sums_of(tally.total).get("impressions", 0.0) == 0
    assert tally.left_out.unknown_slate == 2


@pytest.mark.parametrize(
    ("purchase", "expected"),
    [
        ({"user_id": "u1", "anonymous_id": "v1"}, 1),
        ({"user_id": "u1", "session_id": "s1"}, 1),
        ({"user_id": "u1"}, 0),
        ({"user_id": "u2", "anonymous_id": "v2"}, 0),
    ],
)
def test_a_visitor_who_signs_in_is_found_by_any_id_they_keep(
    shop: Shop, purchase: dict[str, object], expected: int
) -> None:
    """The visitor's or the session's id on the purchase is enough; another shopper's purchase is not theirs."""
    shop.slate("r1", "a", key="v1")
    shop.event("click", "a", 1, anonymous_id="v1", session_id="s1", recommendation_id="r1")
    shop.event("purchase", "a", 60, price_minor=100, transaction_id="t", **purchase)
    assert shop.total()["purchases"] == expected


def test_a_visitor_who_turned_out_to_be_somebody_is_that_shopper(shop: Shop) -> None:
    """Signed in on one page, bought on another device under the account alone."""
    shop.slate("r1", "a", key="v1")
    shop.event("click", "a", 1, anonymous_id="v1", recommendation_id="r1")
    shop.event("view", "b", 10, anonymous_id="v1", user_id="u1")
    shop.event("purchase", "a", 60, user_id="u1", price_minor=100, transaction_id="t")
    assert shop.total()["purchases"] == 1


def test_a_program_that_clicks_everything_changes_nothing(shop: Shop) -> None:
    """A session of more events than a person makes is left out, its touches too."""
    rule = replace(RULE, most_events=5)
    shop.slate("r1", "a")
    for n in range(6):
        shop.event("click" if n else "impression", "a", n, session_id="bot", recommendation_id="r1")
    tally = shop.tally(rule=rule)
    total = sums_of(tally.total)
    assert (total["impressions"], total["clicks"], tally.left_out.automatic_sessions) == (0, 0, 1)
    assert float(tally.shop.visits.get("visits", 0).sum() if tally.shop.visits else 0) == 0


def test_absurd_amounts_do_not_overflow(shop: Shop) -> None:
    """A line above any price counts as a purchase of unknown amount."""
    shop.slate("r1", "a b")
    for product in "ab":
        shop.event("click", product, 1, recommendation_id="r1")
    shop.event("purchase", "a", 2, price_minor=10**12, quantity=1e9, transaction_id="t")
    shop.event("purchase", "b", 2, price_minor=None, transaction_id="t")
    tally = shop.tally()
    assert (sums_of(tally.total)["purchases"], sums_of(tally.total)["revenue_minor"]) == (2, 0)
    assert tally.left_out.purchases_without_price == 2


def test_small_groups_are_put_together(shop: Shop) -> None:
    """Nobody's figures can be read off a group of one, nor off the total less all other groups."""
    for n in range(7):
        shop.slate(f"h{n}", "a", key=f"u{n}")
    for n in range(5):
        shop.slate(f"c{n}", "a", key=f"u{n}", placement="cart")
    shop.slate("s", "a", key="u1", placement="search")
    groups = shop.tally(grouping="placement").groups
    assert {name: sums_of(group)["served"] for name, group in groups.items()} == {"home": 7, "other": 6}
    assert sums_of(groups["other"])["shoppers"] == 5


def test_every_model_call_is_counted_once(shop: Shop) -> None:
    """Calls of slates at their slate, calls of none by their own time: the groups add up to the ledger."""
    ledger = SqlLedger.open(shop.url, wall=lambda: T)
    for n in range(6):
        shop.slate(f"r{n}", "a", key=f"u{n}", strategy="llm", prompt_version="rerank/v1")
    for n, (request, cost) in enumerate([("r1", 0.25), ("r2", 0.5), ("renewal", 0.125), ("r3", None)]):
        row = LedgerRow(f"c{n}", T + 5, "2026-09-21", request, "rerank", "home", "m", "rerank/v1", "h", "pending")
        ledger.reserve(row, 1.0, None)
        ledger.settle(row.call_id, replace(row, outcome="complete", cost_usd=cost))
    charged = sum(ledger.spent_usd("2026-09-21"))
    ledger.close()
    tally = shop.tally()
    assert (tally.total.cost.calls, tally.total.cost.unknown_cost) == (4, 1)
    assert tally.total.cost.charged_usd == pytest.approx(charged) == pytest.approx(1.875)
    for grouping in GROUPINGS:
        groups = shop.tally(grouping=grouping).groups
        assert sum(group.cost.charged_usd for group in groups.values()) == pytest.approx(charged)
    by_strategy = shop.tally(grouping="strategy").groups
    assert by_strategy["without a slate"].cost.charged_usd == 0.125


def test_nothing_is_written_and_nothing_is_left(shop: Shop) -> None:
    """The connection can't write to the shop, and a second reading starts afresh."""
    shop.slate("r1", "a")
    first, second = shop.tally(), shop.tally()
    assert sums_of(first.total) == sums_of(second.total)
    with sqlite3.connect(shop.path) as connection:
        tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master")}
    connection.close()
    assert not tables & {"slate", "seen", "line", "credit", "outcome"}


def test_a_damaged_database_is_said_in_our_words(shop: Shop) -> None:
    """StoreUnavailable, whatever SQLite calls it."""
    shop.close()
    shop.path.write_bytes(b"not a database at all" * 500)
    with pytest.raises(StoreUnavailable, match="damaged"):
        shop.reader.tally(ALL, None, RULE)


def made_at_random(shop: Shop, seed: int) -> None:
    """A few dozen events of a few shoppers around a dozen slates, with every id missing now and then."""
    dice = random.Random(seed)
    products = "abcd"
    for n in range(0 if seed % 10 == 9 else dice.randint(3, 14)):
        chosen = dice.sample(products, dice.randint(1, 3))
        shop.slate(
            f"r{n}",
            " ".join(chosen),
            at=T + dice.choice([dice.uniform(-9, 9) * DAY, dice.uniform(-500, 500)]),
            key=dice.choice(["u1", "u2", "v1", "s1", None]),
            placement=dice.choice(["home", "cart"]),
            strategy=dice.choice(["llm", "baseline"]),
            prompt_version=dice.choice([None, "rerank/v1"]),
        )
    kinds = ["impression"] * 6 + ["click"] * 5 + ["add_to_cart"] * 3 + ["purchase"] * 5 + ["refund"] * 2 + ["view"]
    for _ in range(0 if seed % 10 == 8 else dice.randint(20, 90)):
        kind = dice.choice(kinds)
        ids = {
            "user_id": dice.choice(["u1", "u2", None]),
            "anonymous_id": dice.choice(["v1", "v2", None, None]),
            "session_id": dice.choice(["s1", "s2", "s3", None]),
        }
        orders = kind in ("purchase", "refund")
        shop.event(
            kind,
            dice.choice(products),
            dice.choice([dice.uniform(-9, 16) * DAY, dice.uniform(0, 2) * DAY, dice.uniform(-600, 900)]),
            recommendation_id=dice.choice([f"r{dice.randrange(14)}", None, "gone"]) if kind != "refund" else None,
            price_minor=dice.choice([None, 100, 333, 1999]) if orders else None,
            quantity=dice.choice([None, 1.0, 2.0, 0.5]) if orders else None,
            transaction_id=dice.choice([None, "t1", "t2", "t3"]) if orders else None,
            **ids,
        )


def compared(found: GroupTally, expected: Found) -> None:
    for name, value in sums_of(found).items():
        assert value == pytest.approx(expected.sums[name]), name
    assert sorted(found.waits.seconds.tolist()) == pytest.approx(expected.waits)


def in_all(sums: Sums, column: str) -> float:
    return float(sums[column].sum())


@pytest.mark.parametrize("part", range(10))
def test_shops_made_at_random_give_what_the_reference_gives(new_shop: Callable[[], Shop], part: int) -> None:
    """Every sum of every grouping, the whole shop, and periods that cut through the middle."""
    periods: Sequence[Period] = (Period(T - 10 * DAY), Period(T - 3 * DAY, T + 4 * DAY))
    credited = 0
    for seed in range(part * 6, part * 6 + 6):
        shop = new_shop()
        made_at_random(shop, seed)
        period, grouping = periods[seed % 2], GROUPINGS[seed % 4]
        rule = replace(RULE, window_s=[7 * DAY, DAY][seed % 3 == 0], most_events=[1000, 12][seed % 5 == 0])
        reference = shop.reference(period, rule)
        credited += len(reference.credit)
        tally = shop.tally(period, None, rule)
        compared(tally.total, reference.groups(None).get("", Found()))
        groups = shop.tally(period, grouping, rule).groups
        expected_groups = reference.groups(grouping, merge=True)
        assert list(groups) == list(expected_groups)
        for name, group in groups.items():
            compared(group, expected_groups[name])
        expected = reference.shop()
        assert in_all(tally.shop.shoppers, "shoppers") == expected.sums["shop_shoppers"], seed
        assert in_all(tally.shop.shoppers, "revenue_minor") == expected.sums["shop_revenue_minor"]
        for name, value in {**tally.shop.orders, **tally.shop.visits}.items():
            assert float(value.sum()) == pytest.approx(expected.sums[name]), (seed, name)
        assert sorted(tally.shop.waits.seconds.tolist()) == pytest.approx(expected.waits), seed
    assert credited >= 3  # the shops do exercise it
