"""Rules checks: what must never stand on a slate is found there, wherever it came from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from app.domain.ranking import RankedItem
from evals.prompts.checks import rules
from evals.prompts.finding import Finding
from evals.prompts.outcome import Outcome
from tests.support.prompt_outcomes import BUDGET, changed, lamp, outcome, scenario

# Lamps 6 to 8 cost more than the budget of 50.00: the rules would have kept them off.
AFFORDABLE = scenario(5)


def shown(scene: object = AFFORDABLE) -> Outcome:
    return outcome(scene, ("p1", "p2", "p3", "p4", "p5"))


def with_item(given: Outcome, product_id: str, relevance: float = 0.5) -> Outcome:
    item = RankedItem(product_id, position=len(given.slate) + 1, relevance=relevance)
    return replace(given, slate=(*given.slate, item))


FAULTY: list[tuple[Callable[[Outcome], Finding], Outcome]] = [
    (rules.over_budget, shown(changed(AFFORDABLE, "p2", product=lamp(2, price_minor=BUDGET + 1)))),
    (rules.out_of_stock, shown(changed(AFFORDABLE, "p2", product=lamp(2, stock=0)))),
    (rules.out_of_stock, shown(changed(AFFORDABLE, "p2", product=lamp(2, available=False)))),
    (rules.forbidden, with_item(shown(changed(AFFORDABLE, "p5", forbidden="margin_floor")), "p5")),
    (rules.not_a_candidate, with_item(shown(), "stranger")),
    (rules.shown_twice, with_item(shown(), "p1")),
    (rules.relevance_falls, with_item(shown(), "p1", relevance=0.999)),
]


@pytest.mark.parametrize(("judge", "faulty"), FAULTY, ids=lambda v: getattr(v, "__name__", "slate"))
def test_a_broken_rule_is_found(judge: Callable[[Outcome], Finding], faulty: Outcome) -> None:
    """One item against a rule fails the check, named."""
    found = judge(faulty)
    assert (found.passed, found.value) == (False, 1.0)
    assert found.detail


@pytest.mark.parametrize("judge", dict.fromkeys(j for j, _ in FAULTY), ids=lambda v: v.__name__)
def test_a_clean_slate_passes(judge: Callable[[Outcome], Finding]) -> None:
    """A slate that keeps every rule passes, at the budget exactly too."""
    assert judge(shown()).passed is True


def test_rules_hold_without_a_model_too() -> None:
    """A baseline slate after a provider's failure is held to the rules like any other."""
    scene = changed(AFFORDABLE, "p2", product=lamp(2, stock=0))
    assert rules.out_of_stock(outcome(scene, text="", ended="provider_error")).passed is False


def test_what_the_model_broke_is_only_measured() -> None:
    """An ineligible product in the model's own order is counted and fails nothing: the rules come after it."""
    found = rules.model_breaks(outcome(scenario(8)))
    assert (found.value, found.passed) == (3.0, None)


def test_only_what_rules_forbid_must_be_zero() -> None:
    """Every rules check but the measuring one is marked as one that must never fail."""
    assert [c.name for c in rules.CHECKS if not c.must_be_zero] == ["rules.model_breaks"]
