"""Budgets and rations: what the settings say, what a worker remembers, and which model is asked."""

from __future__ import annotations

import json
from typing import Any

import pytest
from pydantic import ValidationError
from structlog.testing import capture_logs

from app.budgets import BudgetWatch, Rationing, budgets_of
from app.domain.budgets import Budget, Budgets, Payer, Ration, Reservation, key_id
from app.domain.errors import ConfigurationError
from app.pipeline.pseudonym import Pseudonyms
from app.settings import Settings

KEY = "sk-0123456789"
DAY, NEXT = "2026-11-21", "2026-11-22"


class Clock:
    """Stands still until it is set."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def settings(**given: Any) -> Settings:
    return Settings(_env_file=None, **given)


def test_budgets_are_read_from_one_setting() -> None:
    """Places, the chat, keys by their id, and the soft half of everything beside the daily budget."""
    mine = f"key:{key_id(KEY.encode())}"
    text = json.dumps({"total": {"soft": 3}, "chat": {"hard": 2.5}, mine: {"soft": 0, "hard": 1}})
    found = budgets_of(settings(llm_budgets=text, llm_daily_budget_usd=5, api_keys_secret=KEY)).by_scope
    assert found == {
        "total": Budget("total", 3, 5),
        "chat": Budget("chat", None, 2.5),
        mine: Budget(mine, 0, 1),
    }
    assert budgets_of(settings()).by_scope == {}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "not the JSON of budgets"),
        ("[1]", "not a JSON object"),
        ('{"shop":{"hard":1}}', "'shop' is nothing that a budget can be for"),
        ('{"key:XYZ":{"hard":1}}', "first 8 hexadecimal digits"),
        ('{"home":{"hard":-1}}', "hard: Input should be greater than or equal to 0"),
        ('{"home":{"hard":"1"}}', "hard: Input should be a valid number"),
        ('{"home":{"hard":NaN}}', "finite"),
        ('{"home":{"hart":1}}', "hart: Extra inputs"),
        ('{"home":3}', "the budget of 'home' is wrong"),
        ('{"home":{}}', "neither soft nor hard"),
        ('{"home":{"soft":2,"hard":1}}', "above its hard one"),
        ('{"total":{"hard":1}}', "SHELFWISE_LLM_DAILY_BUDGET_USD"),
        ('{"home":{"hard":1},"home":{"hard":9}}', "'home' is there twice"),
        ("[" * 100_000, "not the JSON of budgets"),
    ],
)
def test_a_budget_that_can_not_hold_stops_the_start(text: str, said: str) -> None:
    """With what is wrong and where: a budget that is silently ignored is money."""
    with pytest.raises(ValidationError, match="llm_budgets") as error:
        settings(llm_budgets=text)
    assert said in str(error.value)


def test_a_budget_for_a_key_that_is_not_there_stops_the_start() -> None:
    """It would guard nothing; the message names the ids there are and no key."""
    with pytest.raises(ConfigurationError, match=f"key:00000000.*key:{key_id(KEY.encode())}") as error:
        budgets_of(settings(llm_budgets='{"key:00000000":{"hard":1}}', api_keys_secret=KEY))
    assert KEY not in str(error.value)


def test_rations_are_counted_under_pseudonyms() -> None:
    """A session that is called like a user is somebody else; 0 is no limit, and no name is handed on."""
    pseudonyms = Pseudonyms.of_secrets({1: b"s" * 32})
    payer = Payer("k", (("session", "ann"), ("address", "10.0.0.1")))
    both = Rationing(pseudonyms, per_shopper=5, per_address=9).of(payer)
    assert [ration.calls_per_hour for ration in both] == [5, 9]
    assert not any(name in ration.party for ration in both for name in ("ann", "10.0.0.1"))
    assert both[0].party != Rationing(pseudonyms, 5, 9).of(Payer("k", (("user", "ann"),)))[0].party
    assert Rationing(pseudonyms, per_shopper=0, per_address=0).of(payer) == ()
    assert "ann" not in repr(payer)


def test_a_soft_budget_is_told_once_a_day_and_changes_the_model_for_that_day() -> None:
    """Of its own scope only, and until a reservation says that it is not passed any more."""
    watch = BudgetWatch(Budgets({"home": Budget("home", 1.0)}), "cheap", Clock())
    over = Reservation(True, over_soft=("home",))
    with capture_logs() as logs:
        watch.note(over, ("total", "home"), DAY)
        watch.note(over, ("total", "home"), DAY)
    assert [(line["event"], line["scope"], line["budget_usd"]) for line in logs] == [
        ("budget_soft_exceeded", "home", 1.0)
    ]
    assert watch.over_soft(("total", "home"), DAY)
    assert not watch.over_soft(("total", "cart"), DAY)
    assert not watch.over_soft(("total", "home"), NEXT)
    watch.note(Reservation(True), ("total", "home"), DAY)
    assert not watch.over_soft(("total", "home"), DAY)


def test_a_refusal_is_remembered_for_a_moment() -> None:
    """The ledger is not asked in vain by every request: a second for a budget, ten for a ration."""
    clock = Clock()
    watch = BudgetWatch(Budgets(), None, clock)
    rations = (Ration("p", 1),)
    watch.note(Reservation(False, "home", "budget"), ("total", "home"), DAY)
    watch.note(Reservation(False, "p", "ration"), ("total", "cart"), DAY)
    assert watch.refused(("total", "home"), ()) == "budget"
    assert watch.refused(("total", "cart"), rations) == "ration"
    assert watch.refused(("total", "cart"), ()) is None
    clock.now = 1.0
    assert watch.refused(("total", "home"), ()) is None
    assert watch.refused(("total", "home"), rations) == "ration"
    clock.now = 10.0
    assert watch.refused(("total", "home"), rations) is None


def test_what_is_remembered_is_bounded() -> None:
    """Attackers with ever new names take no memory, and are asked about at the ledger instead."""
    watch = BudgetWatch(Budgets(), None, Clock())
    for n in range(10_100):
        watch.note(Reservation(False, f"p{n}", "ration"), (), DAY)
    assert watch.refused((), (Ration("p9999", 1),)) == "ration"
    assert watch.refused((), (Ration("p10099", 1),)) is None
