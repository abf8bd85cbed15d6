"""Bootstrap intervals, paired differences and segments."""

import numpy as np
import pytest

from evals.statistics import HISTORY, Bootstrap, Segments, by_segment, shifted_interval


def test_an_interval_has_the_width_that_theory_gives() -> None:
    """For many normal values the 95% interval of the mean is ±1.96 standard errors."""
    values = np.random.default_rng(1).normal(5.0, 2.0, 2_000)
    found = Bootstrap(len(values)).estimate(values)
    error = values.std() / np.sqrt(len(values))
    assert found.value == pytest.approx(values.mean())
    assert found.low == pytest.approx(values.mean() - 1.96 * error, abs=0.3 * error)
    assert found.high == pytest.approx(values.mean() + 1.96 * error, abs=0.3 * error)


def test_intervals_hold_the_truth_about_as_often_as_they_say() -> None:
    """Of 200 samples with mean 0 the 95% interval holds 0 in 90% to 99%."""
    generator = np.random.default_rng(2)
    held = 0
    for _ in range(200):
        found = Bootstrap(120, resamples=400).estimate(generator.normal(0.0, 1.0, 120))
        held += found.low <= 0.0 <= found.high
    assert 180 <= held <= 198


def test_a_paired_difference_sees_what_two_intervals_hide() -> None:
    """Two models that differ by 0.01 on every user differ for certain, although their intervals overlap."""
    generator = np.random.default_rng(3)
    one = generator.random(300)
    other = one - 0.01 + generator.normal(0, 0.001, 300)
    draw = Bootstrap(300)
    assert draw.estimate(other).high > draw.estimate(one).low
    assert draw.paired(one, other).above_zero
    assert draw.paired(other, one).below_zero


def test_the_same_seed_gives_the_same_interval_and_another_seed_another() -> None:
    """Intervals are reproducible, and are drawn from the seed."""
    values = np.random.default_rng(4).random(50)
    assert Bootstrap(50, seed=7).estimate(values) == Bootstrap(50, seed=7).estimate(values)
    assert Bootstrap(50, seed=7).estimate(values) != Bootstrap(50, seed=8).estimate(values)


def test_what_could_not_be_scored_is_left_out_and_counted() -> None:
    """NaN is no zero: the mean is over the others, and n says how many they are."""
    values = np.array([1.0, np.nan, 3.0, np.nan])
    found = Bootstrap(4).estimate(values)
    assert (found.value, found.n) == (2.0, 2)
    assert 1.0 <= found.low <= found.high <= 3.0


def test_nothing_to_score_is_no_figure() -> None:
    """Without units, or with none scored, every figure is NaN and n is 0."""
    for found in (Bootstrap(0).estimate(np.empty(0)), Bootstrap(3).estimate(np.full(3, np.nan))):
        assert found.n == 0
        assert np.isnan([found.value, found.low, found.high]).all()


def test_resamples_are_of_the_size_of_the_sample() -> None:
    """Each resample draws n units with replacement, however the draws are held in memory."""
    counts = np.concatenate(list(Bootstrap(40, resamples=25).counts()))
    assert counts.shape == (25, 40)
    assert (counts.sum(axis=1) == 40).all()
    assert counts.max() > 1


def test_a_shifted_interval_is_around_the_figure() -> None:
    """The resamples give the width, the figure the place."""
    found = shifted_interval(0.5, np.array([0.2, 0.3, 0.4]), 10)
    assert found.low < 0.5 < found.high
    assert found.high - found.low == pytest.approx(np.subtract(*np.percentile([0.2, 0.3, 0.4], [97.5, 2.5])))


def test_segments_are_named_and_meet_without_gaps() -> None:
    """Every number from the first edge on lies in exactly one segment."""
    assert HISTORY.names == ("0", "1", "2", "3", "4-10", "11-50", ">50")
    numbers = np.arange(0, 60, dtype=np.int32)
    masks = HISTORY.masks(numbers)
    assert (np.sum(list(masks.values()), axis=0) == 1).all()
    assert numbers[masks["4-10"]].tolist() == [4, 5, 6, 7, 8, 9, 10]
    assert numbers[masks[">50"]].min() == 51


def test_a_number_under_the_first_edge_is_in_no_segment() -> None:
    """Segments may begin above 0."""
    masks = Segments((2, 5)).masks(np.array([1, 2, 9], dtype=np.int32))
    assert [mask.tolist() for mask in masks.values()] == [[False, True, False], [False, False, True]]


def test_figures_by_segment_are_of_the_segment() -> None:
    """Each segment's mean is over its own units, an empty one has none."""
    masks = HISTORY.masks(np.array([0, 0, 1, 60], dtype=np.int32))
    found = by_segment(masks, [np.array([1.0, 3.0, 5.0, 7.0])], resamples=50)
    assert [found[name][0].value for name in ("0", "1", ">50")] == [2.0, 5.0, 7.0]
    assert found["2"][0].n == 0
