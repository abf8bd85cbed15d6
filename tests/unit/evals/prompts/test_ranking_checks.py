"""Ranking figures against values worked out by hand, and the controls beside them."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from evals.prompts.checks import ALL, ranking
from evals.prompts.finding import Check, Finding
from tests.support.prompt_outcomes import outcome, scenario

SCENE = scenario()
BEST = ("p1", "p2", "p3", "p4", "p5", "p6", "p7", "p8")


def named(name: str) -> Check:
    return next(c for c in ALL if c.name == name)


def one(name: str, **given: object) -> Finding:
    [found] = named(name).of([outcome(SCENE, **given)])
    return found


def test_the_ideal_order_scores_one_and_its_reverse_what_the_formula_says() -> None:
    """NDCG@10 with gain 2^g - 1 and discount log2(position + 1)."""
    assert one("ranking.ndcg", order=BEST).value == pytest.approx(1.0)
    ideal = 7 / math.log2(2) + 3 / math.log2(3) + 1 / math.log2(4)
    reverse = 1 / math.log2(7) + 3 / math.log2(8) + 7 / math.log2(9)
    assert one("ranking.ndcg", order=BEST[::-1]).value == pytest.approx(reverse / ideal)


def test_a_partial_order_is_completed_with_the_baseline() -> None:
    """What the model leaves out follows in baseline order, as fusion completes it."""
    assert one("ranking.ndcg", order=("p8",)).value == one("ranking.ndcg", order=("p8", *BEST[:-1])).value


def test_mrr_is_one_over_the_place_of_the_first_best() -> None:
    """The best grade that occurs counts, not any positive one."""
    assert one("ranking.mrr", order=("p2", "p3", "p1")).value == pytest.approx(1 / 3)


def test_an_unusable_reply_scores_zero_and_a_failed_call_nothing() -> None:
    """A prompt that gets nonsense failed; a provider that gave nothing says nothing of the prompt."""
    assert one("ranking.ndcg", text="no").value == 0.0
    assert one("ranking.ndcg", text="", ended="provider_error").value is None


def test_controls_stand_beside_the_figure() -> None:
    """Baseline, prompt lines and a random order are told; what is over the baseline is the difference."""
    found = {
        name: one(f"ranking.{name}", order=BEST[::-1]).value for name in ("baseline_ndcg", "ndcg", "over_baseline")
    }
    assert found["baseline_ndcg"] == pytest.approx(1.0)
    assert found["over_baseline"] == pytest.approx(found["ndcg"] - 1.0)


def test_the_random_control_is_the_mean_over_all_orders() -> None:
    """The closed form equals the mean over every permutation of a small set."""
    from itertools import permutations

    grades = {"a": 3, "b": 1, "c": 0, "d": 0}
    values = [ranking.ndcg(order, grades) for order in permutations("abcd")]
    assert ranking.shuffled_ndcg(grades, 4) == pytest.approx(sum(v for v in values if v is not None) / 24)


def test_scenarios_without_grades_say_nothing() -> None:
    """Where no candidate has a positive grade there is no finding at all."""
    bare = replace(SCENE, candidates=tuple(replace(c, grade=None) for c in SCENE.candidates))
    assert named("ranking.ndcg").of([outcome(bare)]) == []


def test_what_no_good_answer_puts_first_fails_there_and_passes_second() -> None:
    """`must_not_lead` is about the first place only."""
    scene = replace(SCENE, must_not_lead=frozenset({"p8"}))
    [bad] = ranking.good_first([outcome(scene, ("p8", "p1"))])
    [good] = ranking.good_first([outcome(scene, ("p1", "p8"))])
    assert (bad.passed, good.passed) == (False, True)


def test_a_query_must_be_answered_within_the_first_three() -> None:
    """An order whose first three are none of those that the query asks for ignores it."""
    scene = replace(SCENE, query="amber lamp", strata=frozenset({"query"}))
    [good] = ranking.query_answered([outcome(scene, ("p4", "p5", "p1"))])
    [bad] = ranking.query_answered([outcome(scene, ("p4", "p5", "p6", "p1"))])
    assert (good.passed, bad.passed) == (True, False)
    assert "amber lamp" in bad.detail


def test_a_query_that_nearly_everything_answers_is_not_judged() -> None:
    """Where most candidates fit, any order answers it."""
    loose = replace(SCENE, query="lamp", candidates=tuple(replace(c, grade=None) for c in SCENE.candidates))
    assert ranking.query_answered([outcome(loose)]) == []
