"""What a worker remembers never differs from what it would compose anew, whatever happened in between."""

from __future__ import annotations

import asyncio
import random
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.bootstrap import Application, build
from app.domain.deadline import Deadline
from app.domain.interactions import Consent, EventKind, Interaction, Preferences
from app.domain.ranking import Query, Slate
from app.finder import Finder
from app.service import RecommendationService
from tests.conftest import demo_settings

AS_OF = "2026-10-05T12:00:00+00:00"  # after every event of the demo shop


@dataclass
class Shop:
    """One worker that remembers, the same without a memory, and another worker's way to the same files."""

    app: Application
    without: RecommendationService
    other: Application
    now: float
    products: tuple[str, ...]
    written: int = 0

    def ask(self, query: Query) -> tuple[Slate, Slate]:
        """The slate with and without memory."""

        async def both() -> tuple[Slate, Slate]:
            return (
                await self.app.service.recommend(query, Deadline.after_ms(500)),
                await self.without.recommend(query, Deadline.after_ms(500)),
            )

        return asyncio.run(both())

    def event(self, **fields: object) -> None:
        """An event, written by the other worker."""
        self.written += 1
        given = {"event_id": f"memo-{self.written}", "kind": EventKind.VIEW, "timestamp": self.now - 1.0} | fields
        self.other.store.record_events([[Interaction(**given)]])


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory, demo_data_dir: Path) -> Iterator[Shop]:
    """Two workers on one copy of the demo shop, at a time that stands."""
    folder = Path(shutil.copytree(demo_data_dir, tmp_path_factory.mktemp("memo") / "data"))
    values = demo_settings(folder, as_of=AS_OF, consent_default="full,true")
    app, other = build(values), build(values)
    app.open()
    finder = Finder(store=app.store, embedder=None, searches=app.pools[1], consent_default=Consent("full", True))
    finder._embed = app.parts.finder._embed  # the same vectors, and no memo
    without = RecommendationService(replace(app.parts, finder=finder))
    products = app.keeper.served().shelf.snapshot.product_ids
    yield Shop(app, without, other, app.clock.now(), products)
    app.shut()
    other.shut()


SHOPPERS = (
    Query(user_id="gamer"),
    Query(user_id="student", session_id="s1"),
    Query(user_id="new"),
    Query(anonymous_id="v1", session_id="s2"),
    Query(anonymous_id="v2"),
    Query(),
)


def _view(shop: Shop, draw: random.Random) -> None:
    shop.event(user_id=draw.choice(["gamer", "student", "new"]), product_id=draw.choice(shop.products))


def _visit(shop: Shop, draw: random.Random) -> None:
    shop.event(
        anonymous_id=draw.choice(["v1", "v2"]),
        session_id=draw.choice(["s1", "s2"]),
        product_id=draw.choice(shop.products),
    )


def _sign_in(shop: Shop, draw: random.Random) -> None:
    shop.event(user_id="new", anonymous_id=draw.choice(["v1", "v2"]), product_id=draw.choice(shop.products))


def _buy(shop: Shop, draw: random.Random) -> None:
    transaction, product = f"t{draw.randrange(3)}", draw.choice(shop.products[:3])
    line = {"kind": EventKind.PURCHASE, "transaction_id": transaction, "product_id": product}
    if draw.random() < 0.5:
        shop.event(session_id="s1", claimed=True, **line)
    else:
        shop.event(user_id="student", **line)


def _dismiss(shop: Shop, draw: random.Random) -> None:
    slate, _ = shop.ask(SHOPPERS[0])
    if slate.items:
        shop.event(user_id="gamer", kind=EventKind.DISMISS, product_id=draw.choice(slate.items).product_id)


def _prefer(shop: Shop, draw: random.Random) -> None:
    stated = Preferences(budget_minor=draw.choice([None, 2_000, 50_000]), avoid=draw.choice([(), ("Books",)]))
    shop.other.store.save_preferences(draw.choice(["gamer", "new"]), stated)


def _consent(shop: Shop, draw: random.Random) -> None:
    level = draw.choice(["none", "session", "full"])
    shop.other.store.save_consent(draw.choice(["gamer", "student", "new"]), Consent(level, True))


def _erase(shop: Shop, draw: random.Random) -> None:
    shop.other.privacy.erase(draw.choice(["new", "student"]))


def _price(shop: Shop, draw: random.Random) -> None:
    slate, _ = shop.ask(SHOPPERS[0])
    for product in shop.app.store.products([item.product_id for item in slate.items[:1]]).values():
        changed = replace(product, price_minor=draw.randrange(500, 90_000), stock=draw.choice([0, 3, 50]))
        shop.other.store.upsert_products([changed], shop.now)
    shop.app.keeper.follow_once()


def _nothing(shop: Shop, draw: random.Random) -> None:
    del shop, draw


HAPPENINGS: tuple[Callable[[Shop, random.Random], None], ...] = (
    _view,
    _visit,
    _sign_in,
    _buy,
    _dismiss,
    _prefer,
    _consent,
    _erase,
    _price,
    _nothing,
)


def _same(one: Slate, other: Slate) -> bool:
    return replace(one, recommendation_id="", latency_ms={}) == replace(other, recommendation_id="", latency_ms={})


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
@given(st.lists(st.tuples(st.sampled_from(HAPPENINGS), st.integers(0, 2**32)), min_size=1, max_size=6))
def test_a_remembered_slate_is_the_slate_composed_anew(shop: Shop, happened: list[tuple[Callable, int]]) -> None:
    """After any events, statements, consents, erasures, log-ins and prices, of this worker or another."""
    for happening, seed in happened:
        happening(shop, random.Random(seed))
        for query in SHOPPERS:
            remembered, anew = shop.ask(query)
            assert _same(remembered, anew), (happening.__name__, query)


def test_most_of_it_is_remembered(shop: Shop) -> None:
    """The comparison above would pass without any memory: this is that there is one."""
    memo = shop.app.parts.finder.memo
    shop.other.store.save_consent("gamer", Consent("full", True))  # events of who agreed to nothing are nobody's
    for query in SHOPPERS:
        shop.ask(query)
    before = memo.hits
    for query in SHOPPERS:
        assert _same(*shop.ask(query))
    assert memo.hits - before == len(SHOPPERS)
    shop.event(user_id="gamer", product_id=shop.products[0])
    before = memo.hits
    for query in SHOPPERS:
        shop.ask(query)
    assert memo.hits - before == len(SHOPPERS) - 1


def test_each_answer_has_an_id_of_its_own_and_its_askers_name(shop: Shop) -> None:
    """A remembered slate is served, logged and explained like any other."""
    first, _ = shop.ask(SHOPPERS[0])
    again, _ = shop.ask(SHOPPERS[0])
    assert first.recommendation_id != again.recommendation_id
    assert shop.app.slates.get(again.recommendation_id) == again
    strangers = [shop.ask(Query(anonymous_id=f"stranger-{n}"))[0] for n in range(20)]
    assert [slate.query.anonymous_id for slate in strangers] == [f"stranger-{n}" for n in range(20)]
    assert len({slate.recommendation_id for slate in strangers}) == 20
