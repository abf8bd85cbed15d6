"""Ranking metrics, by hand and against scikit-learn."""

import numpy as np
import pytest
import scipy.sparse as sp
from sklearn.metrics import ndcg_score

from evals.ranking.metrics import EMPTY, Shelf, accuracy, beyond_accuracy, exposure, gini, hits, recall_at


def rows(*relevant: list[int], n_items: int = 8) -> sp.csr_matrix:
    """A shopper per list of relevant columns."""
    matrix = sp.lil_matrix((len(relevant), n_items), dtype=np.float32)
    for row, columns in enumerate(relevant):
        for column in columns:
            matrix[row, column] = 1.0
    return matrix.tocsr()


def tops(*slates: list[int]) -> np.ndarray:
    """Slates of equal length."""
    return np.asarray(slates, dtype=np.int32)


def test_ndcg_agrees_with_scikit_learn() -> None:
    """On 300 random rankings of 40 items, with 1 to 25 relevant, NDCG@10 is scikit-learn's to 12 digits."""
    generator = np.random.default_rng(5)
    scores = generator.random((300, 40))
    truth = np.zeros((300, 40))
    for row in truth:
        row[generator.choice(40, generator.integers(1, 26), replace=False)] = 1.0
    order = np.argsort(-scores, axis=1).astype(np.int32)
    ours = accuracy(order, sp.csr_matrix(truth))["ndcg"]
    theirs = [ndcg_score(t[None], s[None], k=10) for t, s in zip(truth, scores, strict=True)]
    np.testing.assert_allclose(ours, theirs, rtol=1e-12)


def test_figures_of_one_slate_by_hand() -> None:
    """Hits at 1 and 3 of 3 relevant: DCG 1 + 1/2, ideal 1 + 1/log2(3) + 1/2."""
    found = accuracy(tops([4, 0, 5, 1, 2]), rows([4, 5, 7]), k=5)
    assert found["ndcg"][0] == pytest.approx(1.5 / (1 + 1 / np.log2(3) + 0.5))
    assert found["precision"][0] == pytest.approx(2 / 5)
    assert found["recall"][0] == pytest.approx(2 / 3)
    assert found["hit"][0] == 1.0


def test_a_shopper_without_anything_relevant_is_no_zero() -> None:
    """Such a shopper's figures are NaN; one whose slate misses has 0."""
    found = accuracy(tops([0, 1], [0, 1]), rows([], [5]), k=2)
    for values in found.values():
        assert np.isnan(values[0])
        assert values[1] == 0.0


def test_an_empty_place_is_never_a_hit() -> None:
    """The last column is not mistaken for the mark of an empty place, and a short slate pays in precision."""
    top = tops([7, EMPTY, EMPTY])
    assert hits(top, rows([7])).tolist() == [[True, False, False]]
    assert hits(tops([EMPTY, EMPTY, EMPTY]), rows([7])).tolist() == [[False, False, False]]
    assert accuracy(top, rows([7]), k=3)["precision"][0] == pytest.approx(1 / 3)


def test_no_shopper_has_anything_relevant() -> None:
    """An empty matrix gives no hits rather than an error."""
    assert not hits(tops([0, 1]), rows([])).any()


def test_recall_deeper_than_the_slate() -> None:
    """Recall at a depth counts what stands down to it, also where the list is shorter."""
    found = recall_at(tops([0, 1, 2, 3]), rows([0, 3, 7]), 3), recall_at(tops([0, 1, 2, 3]), rows([0, 3, 7]), 100)
    assert [float(f[0]) for f in found] == pytest.approx([1 / 3, 2 / 3])


def test_diversity_is_the_mean_over_all_pairs() -> None:
    """One minus the mean cosine of every pair; items without a vector and empty places are left out."""
    generator = np.random.default_rng(6)
    vectors = generator.standard_normal((8, 5)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    vectors[6] = 0.0
    shelf = Shelf(buyers=np.ones(8), shoppers=10, vectors=vectors)
    found = beyond_accuracy(tops([0, 1, 2, 3], [4, 6, 5, EMPTY], [0, EMPTY, EMPTY, EMPTY]), shelf)["diversity"]
    pairs = [vectors[a] @ vectors[b] for a in range(4) for b in range(a)]
    assert found[0] == pytest.approx(1 - np.mean(pairs), abs=1e-5)
    assert found[1] == pytest.approx(1 - vectors[4] @ vectors[5], abs=1e-5)
    assert np.isnan(found[2])


def test_novelty_and_popularity_by_hand() -> None:
    """An item that half of the shoppers bought tells 1 bit, one bought by an eighth 3; percentiles are mid-ranks."""
    shelf = Shelf(buyers=np.array([4.0, 1.0, 0.0, 0.0]), shoppers=8, vectors=None)
    found = beyond_accuracy(tops([0, 1], [2, 3], [EMPTY, EMPTY]), shelf, k=2)
    assert found["novelty"][:2] == pytest.approx([2.0, 4.0])
    assert found["popularity"][:2] == pytest.approx([(0.875 + 0.625) / 2, 0.25])
    assert np.isnan(found["diversity"]).all()
    assert np.isnan(found["novelty"][2])


def test_gini_of_known_shapes() -> None:
    """Equal exposure is 0, all exposure on one of n items is 1 - 1/n, and items never shown count."""
    assert gini(np.array([[3.0, 3.0, 3.0, 3.0]]), 4)[0] == pytest.approx(0.0)
    assert gini(np.array([[9.0]]), 10)[0] == pytest.approx(0.9)
    assert gini(np.array([[9.0, 0.0, 0.0]]), 3)[0] == pytest.approx(2 / 3)


def test_coverage_counts_distinct_items_of_the_whole_catalogue() -> None:
    """Three of eight items stand in the slates; the interval is around that share."""
    found = exposure(tops([0, 1], [0, 2], [1, EMPTY]), 8, resamples=100)
    assert found["coverage"].value == pytest.approx(3 / 8)
    assert found["coverage"].low <= 3 / 8 <= found["coverage"].high
    assert found["gini"].value == pytest.approx(gini(np.array([[2.0, 2.0, 1.0]]), 8)[0])
