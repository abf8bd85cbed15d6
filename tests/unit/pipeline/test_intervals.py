"""Intervals: textbook values, coverage on data whose truth is known, and when there is none."""

from __future__ import annotations

import numpy as np
import pytest

from app.domain.figures import Waits
from app.pipeline.intervals import median, rate, ratio, total_over, wilson

ONES = np.ones(1000)


def test_wilson_is_wilsons() -> None:
    """The worked example of Newcombe (1998), 81 of 263: 0.2553 to 0.3662."""
    low, high = wilson(81 / 263, 263)
    assert (low, high) == (pytest.approx(0.2553, abs=5e-5), pytest.approx(0.3662, abs=5e-5))


@pytest.mark.parametrize(("hits", "low", "high"), [(0, 0.0, 0.0038265), (1000, 0.9961735, 1.0)])
def test_nothing_and_everything_still_have_an_interval(hits: int, low: float, high: float) -> None:
    """No click in a thousand does not mean that nobody ever clicks."""
    found = rate(np.full(1000, hits / 1000), ONES, ONES)
    assert (found.low, found.high) == (pytest.approx(low, abs=1e-6), pytest.approx(high, abs=1e-6))


def test_independent_trials_are_taken_for_what_they_are() -> None:
    """One trial per shopper: as good as the plain interval."""
    hits = (np.arange(1000) % 10 == 0).astype(float)
    found = rate(hits, ONES, ONES)
    assert (found.low, found.high) == pytest.approx(wilson(0.1, 1000), abs=1e-3)


def test_trials_of_one_shopper_count_for_less() -> None:
    """A hundred shoppers who each click all or nothing of ten are a hundred trials, not a thousand."""
    hits = np.where(np.arange(100) % 4 == 0, 10.0, 0.0)
    found = rate(hits, np.full(100, 10.0), np.ones(100))
    assert found.n == 1000
    assert (found.low, found.high) == pytest.approx(wilson(0.25, 99), abs=1e-3)


def test_rates_cover_the_truth_as_often_as_they_say() -> None:
    """400 shops of 150 shoppers with habits of their own: the plain interval misses far too often, this one not."""
    dice = np.random.default_rng(7)
    held = plain = 0
    for _ in range(400):
        habit = dice.beta(0.5, 4.5, 150)  # mean 0.1
        trials = dice.integers(1, 30, 150).astype(float)
        hits = dice.binomial(trials.astype(int), habit).astype(float)
        found = rate(hits, trials, np.ones(150))
        assert found.low is not None
        assert found.high is not None
        assert found.value is not None
        held += found.low <= 0.1 <= found.high
        low, high = wilson(found.value, found.n)
        plain += low <= 0.1 <= high
    assert held / 400 > 0.92
    assert plain / 400 < 0.85


def test_means_of_money_cover_the_truth_as_often_as_they_say() -> None:
    """Skewed revenue of 300 shoppers; the percentile bootstrap is known to fall a little short."""
    dice = np.random.default_rng(8)
    held = 0
    for _ in range(200):
        slates = dice.integers(1, 8, 300).astype(float)
        revenue = np.where(dice.random(300) < 0.3, dice.gamma(2.0, 1000.0, 300), 0.0) * slates
        found = ratio(revenue, slates)
        assert found.low is not None
        assert found.high is not None
        held += found.low <= 600.0 <= found.high
    assert 0.90 < held / 200 <= 1.0


def test_a_median_covers_its_truth() -> None:
    """Exponential waits, one per shopper: the median is ln 2."""
    dice = np.random.default_rng(9)
    held = 0
    for _ in range(100):
        found = median(Waits(dice.exponential(1.0, 80), np.arange(80.0)))
        assert found.low is not None
        assert found.high is not None
        held += found.low <= np.log(2) <= found.high
    assert held > 88


@pytest.mark.parametrize("n", [1, 29])
def test_few_units_have_a_value_and_no_interval(n: int) -> None:
    """An interval from 29 trials would be read as more than it is."""
    ones = np.ones(n)
    for found in (
        rate(ones * 0, ones, ones),
        ratio(ones, ones),
        total_over(ones, ones, 2.0),
        median(Waits(ones, np.arange(float(n)))),
    ):
        assert (found.value is None, found.low, found.high, found.n) == (False, None, None, n)


def test_few_shoppers_have_no_interval_either() -> None:
    """Nine shoppers with a hundred trials each say little of how shoppers differ."""
    nine = np.ones(9)
    assert rate(nine * 50, nine * 100, nine).low is None
    assert ratio(nine * 50, nine * 100).low is None
    assert median(Waits(np.arange(90.0), np.arange(90.0) % 9)).low is None


def test_of_nothing_nothing_is_said() -> None:
    """No trial: no rate, not a rate of 0."""
    none = np.zeros(0)
    for found in (rate(none, none, none), ratio(none, none), median(Waits(none, none))):
        assert (found.value, found.low, found.high, found.n) == (None, None, None, 0)
    assert total_over(ONES, ONES, 0.0).value is None


def test_the_same_data_give_the_same_interval() -> None:
    """Every draw is seeded."""
    values = np.random.default_rng(1).gamma(1.0, 1.0, 500)
    assert ratio(values, np.ones(500)) == ratio(values, np.ones(500))
    waits = Waits(values, np.arange(500.0))
    assert median(waits) == median(waits)


def test_a_known_divisor_scales_the_sum() -> None:
    """Revenue per US dollar: the bill is known, only the revenue is drawn."""
    found = total_over(ONES * 3, ONES, 2.0)
    assert (found.value, found.low, found.high) == (1500.0, 1500.0, 1500.0)
