"""The service as it is measured, against the service as it answers."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import numpy as np
import pytest

from app.bootstrap import Application, build
from app.domain.interactions import EventKind, Preferences
from app.main import create_app
from app.settings import shipped_directory
from evals.ranking.metrics import EMPTY
from evals.ranking.pipeline import ServiceRanker, ShownStore, Trained, evaluation_settings, opened, train_service
from evals.ranking.rule_folder import protocol_rules
from evals.ranking.shop_data import existing, read_shop, write_train
from tests.unit.evals.ranking.toy_shop import CUT, write_shop

USERS = [f"u{i}" for i in range(20)]
PRODUCTS = tuple(f"p{i}" for i in range(40))


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    """The toy shop at the cut, imported and trained as the evaluation does it, without vectors."""
    work = tmp_path_factory.mktemp("work")
    data = read_shop(write_shop(work / "shop"), "EUR")
    train = data.timestamp < CUT
    write_train(data, train, existing(data, train, CUT), CUT, work / "train")
    rules = protocol_rules(shipped_directory("rules"), work / "rules", excludes_owned=True)
    settings = evaluation_settings(work / "data", as_of=CUT, currency="EUR", rules_dir=rules)
    return train_service(work / "train", settings, embed=False, tune=False)


@pytest.fixture(scope="module")
def application(trained: Trained) -> Iterator[Application]:
    with opened(trained.settings) as application:
        yield application


async def test_the_slates_are_those_of_the_http_api(trained: Trained, application: Application) -> None:
    """For 20 shoppers the evaluation ranks the same ten products in the same order as GET /api/recommendations."""
    measured = ServiceRanker(application, PRODUCTS).rank(USERS)
    app = create_app(lambda: build(trained.settings))
    async with app.router.lifespan_context(app):
        transport = httpx.ASGITransport(app, client=("127.0.0.1", 4000))
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            for i, user_id in enumerate(USERS):
                answer = await client.get("/api/recommendations", params={"userId": user_id, "limit": 10})
                served = [item["productId"] for item in answer.json()["recommendations"]]
                assert served == [PRODUCTS[c] for c in measured.slates[i] if c != EMPTY]
                assert len(served) == 10


def test_what_is_owned_is_excluded_only_where_the_protocol_says_so(
    trained: Trained, application: Application, tmp_path: Path
) -> None:
    """Under `novel` no slate holds a product bought before; under `any` some do."""

    def owned_shown(running: Application) -> int:
        slates = ServiceRanker(running, PRODUCTS).rank(USERS).slates
        events = (running.store.interactions(user_id=u, anonymous_id=None, session_id=None, limit=999) for u in USERS)
        owned = [{e.product_id for e in found if e.kind is EventKind.PURCHASE} for found in events]
        return sum(PRODUCTS[c] in owned[i] for i, slate in enumerate(slates) for c in slate if c != EMPTY)

    assert owned_shown(application) == 0
    rules = protocol_rules(shipped_directory("rules"), tmp_path / "rules", excludes_owned=False)
    with opened(trained.settings.model_copy(update={"rules_dir": rules})) as anything:
        assert owned_shown(anything) > 0


def test_candidates_begin_with_what_could_be_served(application: Application) -> None:
    """Without slate rules the slate is the head of the candidates, and each candidate stands there once."""
    ranked = ServiceRanker(application, PRODUCTS).rank(USERS)
    assert (ranked.slates == ranked.candidates[:, :10]).all()
    for row in ranked.candidates:
        found = row[row != EMPTY]
        assert len(set(found.tolist())) == len(found) > 10
    assert (ranked.ms > 0).all()


def test_a_shown_store_hides_all_but_the_last_interactions(application: Application) -> None:
    """The newest of the kinds named are shown, in the store's order; preferences are those given."""
    kinds = frozenset({EventKind.PURCHASE})
    everything = application.store.interactions(user_id="u3", anonymous_id=None, session_id=None, limit=999)
    store = ShownStore(application.store, last=2, kinds=kinds, preferences={"u3": Preferences(interests=("lamps",))})
    shown = store.interactions(user_id="u3", anonymous_id=None, session_id=None, limit=999)
    assert list(shown) == [event for event in everything if event.kind is EventKind.PURCHASE][:2]
    assert store.shopper("u3").preferences.interests == ("lamps",)
    assert store.shopper("u4").preferences == Preferences()
    nothing = ShownStore(application.store, last=0, kinds=kinds)
    assert list(nothing.interactions(user_id="u3", anonymous_id=None, session_id=None, limit=999)) == []


def test_a_hidden_history_changes_what_is_ranked(application: Application) -> None:
    """With nothing shown every shopper gets the same slate; with everything shown they differ."""
    kinds = frozenset(EventKind)
    hidden = ShownStore(application.store, last=0, kinds=kinds)
    strangers = ServiceRanker(application, PRODUCTS, store=hidden).rank(USERS).slates  # type: ignore[arg-type]
    assert (strangers == strangers[0]).all()
    own = ServiceRanker(application, PRODUCTS).rank(USERS).slates
    assert len(np.unique(own, axis=0)) > 10


def test_the_clock_stands_at_the_cut(trained: Trained, application: Application) -> None:
    """The service ranks as of the cut and was told of nothing after it; its cost is known."""
    assert application.clock.now() == CUT
    last = application.store.last_event_at()
    assert last is not None
    assert last < CUT
    assert trained.train_s > 0
    assert not trained.embedded
