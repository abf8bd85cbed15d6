"""The order of the candidates, on the demo shop."""

from collections.abc import Callable
from pathlib import Path

import pytest

from app.bootstrap import Application
from app.domain.ranking import Query
from app.finder import Stopwatch
from app.pipeline.ranker import SHOP_HEAD, Ranking
from app.settings import shipped_directory
from evals.ranking.rule_folder import write_rules


def ranking(application: Application, user_id: str) -> Ranking:
    """One shopper's home page."""
    served, now, finder = application.keeper.served(), application.clock.now(), application.parts.finder
    query = Query(user_id=user_id, limit=10)
    return finder.rank(served, query, finder.profile(served, query, finder.shopper(query), now), now, Stopwatch())


@pytest.fixture
def in_mode_shop(demo_copy: Path, tmp_path: Path, opened: Callable[..., Application]) -> Application:
    """The demo shop with `mode: shop` and the shipped weights."""
    rules = write_rules(shipped_directory("rules"), tmp_path / "rules", eligibility=None, slate=None, mode="shop")
    return opened(demo_copy, rules_dir=rules)


def test_the_shops_interest_reorders_the_best_matches_only(demo: Application, in_mode_shop: Application) -> None:
    """Under mode shop the first 25 are those of mode relevance in another order, and the rest is as it was."""
    moved = 0
    for user_id in ("gamer", "student", "123"):
        relevance, shop = ranking(demo, user_id).order.tolist(), ranking(in_mode_shop, user_id).order.tolist()
        assert len(relevance) > 2 * SHOP_HEAD
        assert sorted(shop[:SHOP_HEAD]) == sorted(relevance[:SHOP_HEAD])
        assert shop[SHOP_HEAD:] == relevance[SHOP_HEAD:]
        moved += shop[:SHOP_HEAD] != relevance[:SHOP_HEAD]
    assert moved == 3


def test_a_weight_on_margin_raises_it(
    demo: Application, demo_copy: Path, tmp_path: Path, opened: Callable[..., Application]
) -> None:
    """With margin weighed as much as the match, the first five earn a higher rate than by relevance."""
    weights = {"userMatch": 0.5, "margin": 0.5, "trend": 0.0, "inventory": 0.0, "freshness": 0.0, "season": 0.0}
    rules = write_rules(
        shipped_directory("rules"), tmp_path / "rules", eligibility=None, slate=None, mode="shop", weights=weights
    )
    rates = []
    for application in (demo, opened(demo_copy, rules_dir=rules)):
        margin = application.keeper.served().shelf.snapshot.margin
        rates.append(sum(margin[ranking(application, u).order[:5]].mean() for u in ("gamer", "student", "123")))
    assert rates[1] > rates[0]
