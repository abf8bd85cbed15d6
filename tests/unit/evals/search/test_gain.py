"""NDCG of graded answers."""

import numpy as np
import pytest
from sklearn.metrics import ndcg_score

from evals.search.gain import K, Targets, ndcg_both_ways


def _targets(grades, n):
    rows = np.fromiter(grades, dtype=np.int32, count=len(grades))
    return Targets.of(rows, np.fromiter(grades.values(), dtype=np.int32, count=len(grades)), n)


def test_a_known_case():
    """Grades 0, 3 in that order, an unjudged product before both: worked out by hand."""
    judged, unjudged_bad = ndcg_both_ways(np.array([0.9, 0.5, 0.1]), _targets({1: 0, 2: 3}, 3))
    assert judged == pytest.approx(1 / np.log2(3))
    assert unjudged_bad == pytest.approx(1 / np.log2(4))


@pytest.mark.parametrize("seed", range(5))
def test_both_counts_agree_with_a_library(seed):
    """scikit-learn's ndcg_score on the gains, with the judged products only and with all of them."""
    dice = np.random.default_rng(seed)
    n = 60
    rows = dice.choice(n, 25, replace=False)
    targets = _targets(dict(zip(rows.tolist(), dice.integers(0, 4, 25).tolist(), strict=True)), n)
    scores = dice.normal(size=n)
    among, whole = ndcg_both_ways(scores, targets)
    mask = targets.judged
    assert among == pytest.approx(ndcg_score([targets.gains[mask]], [scores[mask]], k=K))
    assert whole == pytest.approx(ndcg_score([targets.gains], [scores], k=K))


def test_ties_go_to_the_earlier_row():
    """As in a slate; an average over ties would measure an order that is never served."""
    assert ndcg_both_ways(np.zeros(2), _targets({0: 3, 1: 0}, 2)) == (1.0, 1.0)
    assert ndcg_both_ways(np.zeros(2), _targets({0: 0, 1: 3}, 2))[0] < 1.0


def test_a_query_without_a_good_answer_has_no_figure():
    """It can't be scored; to call it 0 would be a lie about every ranking."""
    with pytest.raises(ZeroDivisionError):
        ndcg_both_ways(np.zeros(2), _targets({0: 0}, 2))
