"""Tests and corrections against values known from tables, by hand or by symmetry."""

from __future__ import annotations

import math

import numpy as np
import pytest

from evals.hypotheses import (
    cluster_estimate,
    holm,
    mcnemar_p,
    minimum_detectable,
    rule_of_three,
    share,
    sign_flip_p,
)


def test_mcnemar_is_the_binomial_test_of_the_discordant_pairs() -> None:
    """Exact for few pairs: 1 of 10 is 2 · 11 / 1024; no discordant pair says nothing."""
    assert mcnemar_p(1, 9) == pytest.approx(2 * 11 / 1024)
    assert mcnemar_p(0, 0) == 1.0
    assert mcnemar_p(5, 5) == 1.0


def test_mcnemar_of_many_pairs_agrees_with_the_exact_test() -> None:
    """With continuity correction the large-sample p lies close to the exact one."""
    from scipy.stats import binomtest

    assert mcnemar_p(20, 40) == pytest.approx(binomtest(20, 60).pvalue, abs=0.002)


def test_holm_multiplies_by_what_is_left_and_never_falls() -> None:
    """Holm 1979: the smallest times m, the next times m - 1, monotone, at most 1; in the order given."""
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx((0.03, 0.06, 0.06, 0.02))
    assert holm([0.5, 0.9]) == (1.0, 1.0)
    assert holm([]) == ()


def test_holm_leaves_out_what_was_not_tested() -> None:
    """A NaN is no hypothesis: it stays NaN and costs the others nothing."""
    first, second = holm([0.04, math.nan])
    assert first == pytest.approx(0.04)
    assert math.isnan(second)


def test_sign_flips_are_exact_with_few_clusters() -> None:
    """Six clusters that all point one way: 2 of 64 assignments are as extreme."""
    values = np.asarray([0.1, 0.2, 0.3, 0.1, 0.5, 0.2])
    assert sign_flip_p(values, list("abcdef")) == pytest.approx(2 / 64)


def test_sign_flips_flip_whole_clusters() -> None:
    """Fifty cases of one shopper are one observation."""
    values = np.full(50, 0.3)
    assert sign_flip_p(values, ["one"] * 50) == 1.0
    assert sign_flip_p(values, [f"s{i}" for i in range(50)]) < 0.001


def test_no_difference_and_no_data_are_no_evidence() -> None:
    """All zeros, or nothing that could be scored, give p = 1."""
    assert sign_flip_p(np.zeros(8), list("abcdefgh")) == 1.0
    assert sign_flip_p(np.full(8, np.nan), list("abcdefgh")) == 1.0


def test_the_cluster_interval_is_wider_than_one_that_forgets_clusters() -> None:
    """Cases of a shopper that say the same thing don't narrow the interval."""
    by_shopper = np.repeat(np.random.default_rng(1).normal(0.1, 1.0, 20), 10)
    clusters = [f"s{i // 10}" for i in range(200)]
    together = cluster_estimate(by_shopper, clusters)
    apart = cluster_estimate(by_shopper, [str(i) for i in range(200)])
    assert together.value == pytest.approx(apart.value)
    assert together.high - together.low > 2 * (apart.high - apart.low)


def test_unscored_units_are_left_out_of_the_estimate() -> None:
    """A NaN is not a zero."""
    found = cluster_estimate(np.asarray([1.0, np.nan, 1.0]), list("aab"))
    assert (found.value, found.n) == (1.0, 2)


def test_the_minimum_detectable_effect_shrinks_with_the_root_of_the_clusters() -> None:
    """Four times the shoppers show half the effect; one shopper shows nothing."""
    rng = np.random.default_rng(3)
    few, many = rng.normal(0, 1, 50), rng.normal(0, 1, 200)
    ratio = minimum_detectable(few, [str(i) for i in range(50)]) / minimum_detectable(
        many, [str(i) for i in range(200)]
    )
    assert ratio == pytest.approx(2.0, rel=0.2)
    assert math.isnan(minimum_detectable(np.asarray([0.5]), ["a"]))


def test_the_detectable_effect_is_detected_eight_times_in_ten() -> None:
    """Shifting a null sample by the effect makes the test find it in about 80% of draws."""
    rng = np.random.default_rng(5)
    names = [str(i) for i in range(40)]
    effect = minimum_detectable(rng.normal(0, 1, 40), names)
    hits = sum(sign_flip_p(rng.normal(effect, 1, 40), names, flips=499) < 0.05 for _ in range(200))
    assert 0.65 < hits / 200 < 0.95


def test_the_rule_of_three_bounds_what_was_never_seen() -> None:
    """None of 300 leaves room for about 1%; none of none for anything."""
    assert rule_of_three(300) == pytest.approx(3 / 300, rel=0.01)
    assert rule_of_three(0) == 1.0


def test_a_share_has_its_exact_interval() -> None:
    """Clopper-Pearson of 0 of 10 ends at 30.85%, of none of none at 1."""
    assert share(0, 10).high == pytest.approx(0.3085, abs=1e-4)
    assert (share(0, 0).low, share(0, 0).high) == (0.0, 1.0)
