"""Fake accounts: what they send is taken as a browser's events are, and what they gain is counted by shopper."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from app.bootstrap import Application, open_store
from app.ingest.event_bodies import Arrival, read_body
from app.settings import Settings
from evals.security.sybil_accounts import STRATEGIES, Scene, Strategy, accounts, bodies
from evals.security.sybil_page import page
from evals.security.sybils import SEED, Slates, attack, compared, honest_shoppers, shop_settings, slates, targets

NOW = 1_790_000_000.0
SCENE = Scene("target", tuple(f"b{i}" for i in range(30)), NOW)


@pytest.mark.parametrize("strategy", STRATEGIES, ids=lambda one: one.name)
def test_every_event_is_one_that_the_service_takes(strategy: Strategy) -> None:
    """None is refused, none is later than the shop's last event, all accounts act for the target; again the same."""
    sent = list(bodies(strategy, SCENE, 2, SEED))
    arrival = Arrival("EUR", wall=NOW, shop_time=NOW)
    read = [read_body(body, arrival).from_browser() for body in sent]
    assert not [rejection for body in read for rejection in body.rejected]
    events = [event for body in read for event in body.events]
    assert max(event.timestamp for event in events) <= NOW
    buyers = {event.user_id for event in events if event.kind == "purchase" and event.product_id == "target"}
    assert buyers == set(accounts(2))
    assert len({event.event_id for event in events}) == len(events)
    assert list(bodies(strategy, SCENE, 2, SEED)) == sent


def test_what_is_sent_twice_counts_once(demo_copy: Path) -> None:
    """Each body is sent twice: as many duplicates as events taken, and the accounts are no honest shoppers."""
    settings = shop_settings(demo_copy)
    honest = honest_shoppers(settings)
    outcomes = attack(settings, "p1", STRATEGIES[1], 2, SEED)
    assert outcomes["accepted"] == outcomes["duplicate"] > 0
    assert outcomes["rejected"] == 0
    assert not set(accounts(2)) & set(honest)
    store = open_store(settings)
    try:
        assert store.shopper(accounts(2)[0]).consent.personalization == "full"
    finally:
        store.close()


@pytest.mark.parametrize(("strategy", "more"), [(STRATEGIES[0], 0), (STRATEGIES[-1], 2)], ids=["claims", "pays"])
def test_who_pays_is_a_customer_whom_the_shop_reports(demo_copy: Path, strategy: Strategy, more: int) -> None:
    """One order of each account is the shop's own report; what the others say they bought vouches for nobody."""
    settings = shop_settings(demo_copy)
    before = _vouched_for(settings)
    attack(settings, "p1", strategy, 2, SEED)
    assert _vouched_for(settings) == before + more


def _vouched_for(settings: Settings) -> int:
    store = open_store(settings)
    try:
        log = store.interaction_log()
        return len(np.unique(log.holders()[log.vouched()]))
    finally:
        store.close()


def test_targets_are_few_some_and_many_shoppers_products(demo: Application) -> None:
    """Three products of three top categories, more and more taken, the same for a seed."""
    found = targets(demo, SEED)
    assert [one.kind for one in found] == ["unpopular", "middling", "popular"]
    assert found[0].takers < found[1].takers < found[2].takers
    assert len({one.category.split(">")[0].strip() for one in found}) == 3
    assert targets(demo, SEED) == found


def test_slates_are_those_that_the_service_answers_with(demo_copy: Path, opened: Callable[..., Application]) -> None:
    """Ten products a shopper, in the order of the service's own ranking."""
    application = opened(demo_copy)
    found = slates(application, ["gamer", "student"], [targets(application, SEED)[0].product_id])
    assert {len(products) for products in found.shown.values()} == {10}
    assert found.shown["gamer"] != found.shown["student"]


def _slates(shown: dict[str, tuple[str, ...]]) -> Slates:
    return Slates(shown, dict.fromkeys(shown, "0"), {"t": 5}, {"t": None})


def test_a_rise_is_in_points_of_slates() -> None:
    """One slate of four more shows the target: 25 points; one lost is taken off."""
    before = _slates({"a": ("t",), "b": ("x",), "c": ("x",), "d": ("x",)})
    after = _slates({"a": ("x",), "b": ("t",), "c": ("t",), "d": ("x",)})
    found = compared([before], [after], "t")
    assert (found["before"], found["after"], found["rise"]) == (25.0, 50.0, 25.0)
    assert found["gained_by_history"] == {"0": 2}
    low, high = found["interval"]
    assert low <= 25.0 <= high
    twice = compared([before, before], [after, before], "t")
    assert (twice["after"], twice["rise"], twice["gained_by_history"]) == (37.5, 12.5, {"0": 1.0})


def test_the_page_says_which_cases_miss_the_bound() -> None:
    """A rise above the bound is counted and set off; nothing is called held that is not."""
    before = _slates({"a": ("x",), "b": ("x",)})
    rows = [
        {"strategy": "rush", "target": "popular", "accounts": 1, "pays": pays, **compared([before], [after], "t")}
        for pays, after in ((False, before), (False, _slates({"a": ("t",), "b": ("x",)})), (True, before))
    ]
    target = {"kind": "popular", "product_id": "t", "category": "A > B", "takers": 3}
    told = {"bound": 0.5, "trainings": 1, "targets": [target], "attacked": rows, "chance": []}
    made = page({**told, "strategies": [{"name": "rush", "does": "-", "consent": None}]})
    assert "Without paying for anything 1 of 2 cases miss it. With one real order of each account all 1 cases" in made
    assert made.count("**+50.00") == 1
    assert Counter(made)["\n"] > 10
