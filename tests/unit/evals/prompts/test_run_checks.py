"""Figures over a whole run: exposure, times, money, quality at a deadline; and the registry."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from app.domain.ranking import Usage
from evals.prompts.checks import ALL, SUITE, TESTED, fairness, operations
from tests.support.prompt_outcomes import outcome, scenario

BEST = ("p1", "p2", "p3", "p4", "p5", "p6", "p7", "p8")


def test_check_names_are_unique_and_begin_with_their_group() -> None:
    """A report finds each check by its name, and says what it means."""
    names = [c.name for c in (*ALL, *SUITE)]
    assert len(names) == len(set(names))
    assert all(c.name.startswith(f"{c.group}.") and c.explains for c in (*ALL, *SUITE))
    assert len(TESTED) < len(ALL)


def test_every_check_takes_any_outcome() -> None:
    """Good, unusable, unanswered and empty sequences never raise, and name the scenario."""
    for outcomes in ([outcome()], [outcome(text="no")], [outcome(text="", ended="timeout")], []):
        for check in ALL:
            for found in check.of(outcomes):
                assert found.check == check.name
                assert found.scenario == "lamps"
        for suite in SUITE:
            suite.of([outcomes])


def test_gini_is_zero_for_equals_and_near_one_for_a_monopoly() -> None:
    """Four with the same: 0; one of four with everything: 0.75, which is 1 - 1/n."""
    assert fairness.gini([2.0] * 4) == pytest.approx(0.0)
    assert fairness.gini([0, 0, 0, 5.0]) == pytest.approx(0.75)
    assert math.isnan(fairness.gini([]))


def test_a_slate_that_shows_only_the_popular_gives_the_long_tail_less() -> None:
    """The tail's share falls when the most rated products come first."""
    scene = scenario(limit=3)
    popular, modest = (
        replace(outcome(scene, order), slate=outcome(scene, order).slate[:3]) for order in (BEST[::-1], BEST)
    )
    [high] = fairness.long_tail([modest])
    [low] = fairness.long_tail([popular])
    assert high.value is not None
    assert low.value is not None
    assert low.value < high.value


def test_exposure_is_told_with_the_baselines() -> None:
    """One figure for the run, the baseline's beside it, and the share of products that were shown at all."""
    [found] = fairness.exposure_gini([[outcome()], [outcome(order=BEST[::-1])]])
    assert 0.0 <= (found.value or 0.0) < 1.0
    assert {"baseline", "products", "shown_share"} <= set(found.extra)


def test_unknown_prices_are_counted_and_not_taken_for_nothing() -> None:
    """The mean is over requests whose price is known."""
    free = outcome()
    unknown = replace(free, reply=replace(free.reply, usage=Usage(1, 1, cost_usd=None)))
    [found] = operations.money([[free], [unknown]])
    assert found.value == pytest.approx(0.0002)
    assert (found.extra["known"], found.extra["unknown"]) == (1.0, 1.0)


def test_percentiles_are_of_the_replies_that_came() -> None:
    """A call that failed has no time to a reply."""
    runs = [[outcome()], [outcome(text="", ended="provider_error")]]
    found = {f.check: f for f in operations.percentiles(runs)}
    assert found["operations.seconds_percentiles"].extra["n"] == 1.0
    assert found["operations.seconds_percentiles"].extra["p50"] == pytest.approx(0.8)


def test_a_missed_deadline_costs_the_model_its_quality() -> None:
    """Under a deadline shorter than the order took, shoppers see the baseline."""
    worse = outcome(order=BEST[::-1], seconds_to_order=0.9)
    [found] = operations.quality_by_deadline([[worse]])
    assert found.extra["500"] == pytest.approx(1.0)  # the baseline of this scenario is ideal
    assert found.extra["1000"] < 1.0
    assert found.extra["never"] == pytest.approx(1.0)


def test_a_deadline_that_is_not_known_is_not_judged() -> None:
    """None stays None; kept and missed pass and fail."""
    assert operations.deadline_kept(outcome()).passed is None
    assert operations.deadline_kept(outcome(deadline_kept=True)).passed is True
    assert operations.deadline_kept(outcome(deadline_kept=False)).passed is False
