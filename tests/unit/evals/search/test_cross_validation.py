"""Choosing settings without looking at the queries they are measured with."""

import numpy as np

from evals.search.cross_validation import FOLDS, REPEATS, cross_validated


def test_the_better_setting_is_chosen_every_time():
    """One setting is better for every query: its figures come back as they are."""
    values = np.zeros((2, 50, 2))
    values[1] = np.random.default_rng(0).uniform(0.5, 1.0, (50, 2))
    found = cross_validated(values, seed=1)
    assert found.chosen == {1: FOLDS * REPEATS}
    np.testing.assert_allclose(found.values, values[1])


def test_noise_brings_nothing():
    """Among 200 settings of pure noise the best in sight looks far better than it is; cross-validated it does not."""
    values = np.random.default_rng(0).uniform(0.0, 1.0, (200, 100, 2))
    in_sight = values.mean(axis=(1, 2)).max()
    assert in_sight > 0.55
    assert abs(cross_validated(values, seed=1).values.mean() - 0.5) < 0.03


def test_no_query_helps_to_choose_its_own_setting():
    """A setting that is perfect for one query and bad for all others never scores for that query."""
    n = 20
    values = np.full((n + 1, n, 2), 0.5)
    for query in range(n):
        values[query + 1] = 0.5
        values[query + 1, query] = 100.0
    own = cross_validated(values, seed=3)
    assert own.values.max() == 0.5


def test_the_same_seed_gives_the_same_folds():
    """Determinism."""
    values = np.random.default_rng(5).uniform(size=(9, 31, 2))
    np.testing.assert_array_equal(cross_validated(values, 7).values, cross_validated(values, 7).values)
    assert not np.array_equal(cross_validated(values, 7).values, cross_validated(values, 8).values)
