"""Order invariance: the same order under shuffled lines passes, one that follows the lines fails."""

from __future__ import annotations

import pytest

from evals.prompts.checks import invariance
from evals.prompts.checks.family import lines_of
from evals.prompts.outcome import Outcome
from tests.support.prompt_outcomes import outcome, posed, scenario

SCENE = scenario()
BEST = ("p1", "p2", "p3", "p4", "p5", "p6", "p7", "p8")


def steady() -> list[Outcome]:
    return [outcome(SCENE, BEST, slot=slot) for slot in range(6)]


def follows_lines() -> list[Outcome]:
    return [outcome(SCENE, lines_of(posed(SCENE, slot).given), slot=slot) for slot in range(6)]


@pytest.mark.parametrize(
    "check", [invariance.kendall_tau, invariance.top1_flips, invariance.position_bias, invariance.copies_lines]
)
def test_an_order_that_follows_the_lines_fails_and_a_steady_one_passes(check: object) -> None:
    """Each invariance check tells a model that reads from one that copies."""
    [good] = check(steady())
    [bad] = check(follows_lines())
    assert (good.passed, bad.passed) == (True, False)


def test_the_best_product_is_worth_less_in_a_late_slot_for_a_model_that_copies() -> None:
    """Quality by the slot of the best product: no difference for the steady model, a large one for the copying."""
    scenes = [outcome(SCENE, lines_of(posed(SCENE, s).given), slot=s) for s in range(12)]
    [biased] = invariance.best_slot(scenes)
    [fair] = invariance.best_slot([outcome(SCENE, BEST, slot=s) for s in range(12)])
    assert fair.value == pytest.approx(0.0)
    assert biased.value is not None
    assert biased.value > 0.3


def test_without_shuffles_only_copying_is_judged() -> None:
    """One order alone can't show agreement; it can show that it is the prompt's own."""
    alone = steady()[:1]
    assert invariance.kendall_tau(alone) == []
    assert invariance.top1_flips(alone) == []
    assert len(invariance.copies_lines(alone)) == 1


def test_tau_counts_what_one_order_leaves_out_as_behind_its_last() -> None:
    """Equal orders agree fully, reversed ones not at all; a left-out product is tied behind."""
    assert invariance.tau(BEST, BEST) == pytest.approx(1.0)
    assert invariance.tau(BEST, BEST[::-1]) == pytest.approx(-1.0)
    assert invariance.tau(("a", "b", "c"), ("a", "b")) == pytest.approx(1.0)
    assert invariance.tau(("a",), ("a",)) is None
