"""Fusion of two orders: a permutation, bounded displacement, and the ends of its range."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.pipeline.fusion import fuse

permutations = st.integers(0, 24).flatmap(
    lambda n: st.tuples(st.just(list(range(n))), st.permutations(range(n)), st.integers(0, n))
)
weights = st.floats(0, 1)


@given(permutations, weights, st.integers(0, 30))
def test_the_result_is_a_permutation_and_nothing_is_lifted_too_far(
    orders: tuple[list[int], list[int], int], w: float, max_lift: int
) -> None:
    """Whatever the model says, no item gains more than maxLift positions."""
    baseline, shuffled, kept = orders
    fused = fuse(baseline, shuffled[:kept], w, max_lift)
    assert sorted(fused) == baseline
    assert all(item - position <= max_lift for position, item in enumerate(fused))


@given(permutations, st.integers(0, 30))
def test_without_weight_the_baseline_stays(orders: tuple[list[int], list[int], int], max_lift: int) -> None:
    """w 0 is the baseline."""
    baseline, shuffled, kept = orders
    assert fuse(baseline, shuffled[:kept], 0.0, max_lift) == tuple(baseline)


@given(permutations, weights)
def test_without_lift_the_baseline_stays(orders: tuple[list[int], list[int], int], w: float) -> None:
    """maxLift 0 is the baseline, whatever the weight."""
    baseline, shuffled, _ = orders
    assert fuse(baseline, shuffled, w, 0) == tuple(baseline)


@given(permutations)
def test_with_all_weight_the_model_order_is_taken(orders: tuple[list[int], list[int], int]) -> None:
    """w 1 and a wide window give the model's order, completed in baseline order."""
    baseline, shuffled, kept = orders
    emitted = shuffled[:kept]
    assert fuse(baseline, emitted, 1.0, 24) == (*emitted, *(i for i in baseline if i not in emitted))


def test_an_example_by_hand() -> None:
    """Of A B C D with the model's D C, weight 0.5: A (1+3)/2, B (2+4)/2, C (3+2)/2, D (4+1)/2; ties by baseline."""
    assert fuse([10, 20, 30, 40], [40, 30], 0.5, 10) == (10, 30, 40, 20)


def test_the_window_holds_an_item_back_until_its_turn() -> None:
    """The last of five may be at most two positions up, and waits at the head of the queue for that."""
    assert fuse([1, 2, 3, 4, 5], [5], 1.0, 2) == (1, 2, 5, 3, 4)


def test_items_that_the_rules_have_dropped_and_repetitions_are_passed_over() -> None:
    """A stored order may name what is no longer eligible."""
    assert fuse([1, 2, 3], [9, 3, 3, 1], 1.0, 5) == (3, 1, 2)


@pytest.mark.parametrize(("w", "max_lift"), [(-0.1, 1), (1.1, 1), (float("nan"), 1), (0.5, -1)])
def test_weights_outside_the_range_are_refused(w: float, max_lift: int) -> None:
    """A wrong gate line is a mistake, not a slate."""
    with pytest.raises(ValueError, match="w must be"):
        fuse([1, 2], [2], w, max_lift)


def test_a_baseline_with_a_repetition_is_refused() -> None:
    """Positions would not be defined."""
    with pytest.raises(ValueError, match="twice"):
        fuse([1, 1], [], 0.5, 1)
