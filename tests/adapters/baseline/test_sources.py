"""Every personal source passes the same contract on a shop whose answer is known."""

import numpy as np
import pytest
import scipy.sparse as sp

from app.adapters.baseline.ease import fit_ease
from app.adapters.baseline.factors import fit_factors
from app.adapters.baseline.matrix import saturate, saturated, strongest
from app.adapters.baseline.neighbours import fit_neighbours
from app.adapters.baseline.parameters import PERSONAL_SOURCES, Parameters
from app.adapters.baseline.sources import Sources, best_is_one, fit_sources, foldable
from tests.adapters.baseline.shops import NOW, SIGNALS, K, checkerboard, log_of, silent

PARAMETERS = Parameters(als_factors=8)
N = 24


@pytest.fixture(scope="module")
def board() -> Sources:
    return fit_sources(checkerboard(N), NOW, SIGNALS, PARAMETERS, seed=3, progress=silent)


def history(actor: int) -> tuple[np.ndarray, np.ndarray]:
    columns, weights, _ = foldable(checkerboard(N), NOW, SIGNALS, PARAMETERS).of(actor)
    return columns, weights


@pytest.fixture(scope="module")
def confidence() -> sp.csr_matrix:
    return saturated(foldable(checkerboard(N), NOW, SIGNALS, PARAMETERS).matrix, 10.0, 1.0)


@pytest.mark.parametrize("source", PERSONAL_SOURCES)
@pytest.mark.parametrize("actor", range(0, N, 5))
def test_the_left_out_product_is_found(board: Sources, source: str, actor: int) -> None:
    """On a checkerboard the product that an actor has not bought ranks above every one of the other parity."""
    scores = board.personal(*history(actor))[source]
    other = [p for p in range(N) if p % 2 != actor % 2]
    assert scores[actor] > max(scores[other]) + 0.05


@pytest.mark.parametrize("source", PERSONAL_SOURCES)
def test_scores_are_finite_and_scaled(board: Sources, source: str) -> None:
    """One float32 score per product, at least 0, the best exactly 1."""
    scores = board.personal(*history(1))[source]
    assert scores.dtype == np.float32
    assert scores.shape == (N + 3,)
    assert np.isfinite(scores).all()
    assert scores.min() >= 0.0
    assert scores.max() == 1.0


@pytest.mark.parametrize("source", PERSONAL_SOURCES)
def test_products_without_events_score_zero(board: Sources, source: str) -> None:
    """No padding or sentinel of a library reaches products that nobody touched, nor product 0 by accident."""
    scores = board.personal(*history(1))[source]
    assert scores[N:].tolist() == [0.0, 0.0, 0.0]
    alone = board.personal(np.array([1], np.int32), np.array([3.0], np.float32))[source]
    assert alone[0] < 0.05


@pytest.mark.parametrize("source", PERSONAL_SOURCES)
def test_a_history_of_untouched_products_scores_nothing(board: Sources, source: str) -> None:
    """A product that no model row knows gives zeros, not an error and not an arbitrary ranking."""
    scores = board.personal(np.array([N + 1], np.int32), np.array([5.0], np.float32))[source]
    assert not scores.any()


def test_an_empty_history_gives_no_scores(board: Sources) -> None:
    """Without a history no personal source answers."""
    assert board.personal(np.zeros(0, np.int32), np.zeros(0, np.float32)) == {}


def test_useless_weights_are_ignored(board: Sources) -> None:
    """NaN, infinite, zero and negative weights count as if the product were not in the history."""
    columns = np.array([1, 3, 5, 7, 9], np.int32)
    weights = np.array([2.0, np.nan, np.inf, 0.0, -4.0], np.float32)
    clean = board.personal(columns[:1], weights[:1])
    for source, scores in board.personal(columns, weights).items():
        np.testing.assert_array_equal(scores, clean[source])


def test_folded_in_ease_equals_the_trained_row(confidence: sp.csr_matrix) -> None:
    """Scoring a known actor's history is the row of X·B, computed here in float64 from the paper's formula."""
    model = fit_ease(confidence, 0.5, 1, silent)
    assert model is not None
    dense = confidence.toarray().astype(np.float64)[:, :N]
    gram = dense.T @ dense
    inverse = np.linalg.inv(gram + 0.5 * np.diag(gram).mean() * np.eye(N))
    expected = dense @ ((np.eye(N) - inverse / np.diag(inverse)) * (1 - np.eye(N)))
    for actor in range(N):
        row = confidence[actor]
        np.testing.assert_allclose(model.score(row.indices, row.data)[:N], expected[actor], atol=2e-4)


@pytest.mark.filterwarnings("ignore:Method expects CSR input")
@pytest.mark.parametrize("kind", ["tfidf", "bm25", "cosine"])
def test_folded_in_neighbours_equal_the_trained_row(confidence: sp.csr_matrix, kind: str) -> None:
    """Our sum over neighbour lists is implicit's own recommendation for every product outside of the history."""
    from implicit.nearest_neighbours import BM25Recommender, CosineRecommender, TFIDFRecommender

    library = {"tfidf": TFIDFRecommender, "bm25": BM25Recommender, "cosine": CosineRecommender}[kind](
        K=N, num_threads=1
    )
    library.fit(confidence.astype(np.float64), show_progress=False)
    ours = fit_neighbours(confidence, kind, N, 1, silent)  # type: ignore[arg-type]
    assert ours is not None
    for actor in (0, 1, 7):
        row = confidence[actor]
        scores = ours.score(row.indices, row.data)
        ids, theirs = library.recommend(0, row.astype(np.float64), N=5, filter_already_liked_items=True)
        for product, score in zip(ids, theirs, strict=True):
            if score > 0:
                assert scores[product] == pytest.approx(score, rel=1e-5)


def test_no_product_is_its_own_neighbour(confidence: sp.csr_matrix) -> None:
    """A history of one product gives that product itself nothing."""
    ours = fit_neighbours(confidence, "cosine", 5, 1, silent)
    assert ours is not None
    assert ours.score(np.array([4], np.int32), np.array([1.0], np.float32))[4] == 0.0


def test_folded_in_als_solves_the_row_update(confidence: sp.csr_matrix) -> None:
    """The folded-in factor is the exact minimiser of the ALS row objective: its gradient vanishes."""
    model = fit_factors(
        confidence, factors=6, regularisation=0.3, alpha=8.0, iterations=10, seed=1, threads=1, progress=silent
    )
    assert model is not None
    row = confidence[3]
    factor = model.fold_in(row.indices, row.data).astype(np.float64)
    items = model.items.astype(np.float64)
    penalty = float(np.diag(model.gram.astype(np.float64) - items.T @ items).mean())
    target, weight = np.zeros(len(items)), np.ones(len(items))
    target[row.indices], weight[row.indices] = 1.0, 8.0 * row.data
    gradient = items.T @ (weight * (items @ factor - target)) + penalty * factor
    assert np.abs(gradient).max() < 1e-3 * np.abs(items.T @ (weight * target)).max()


def test_too_small_for_a_source_is_none(confidence: sp.csr_matrix) -> None:
    """One product or one actor trains no factors, no products above the limit train EASE, and nothing raises."""
    one = sp.csr_matrix(np.array([[2.0, 0.0]], dtype=np.float32))
    assert fit_ease(one, 1.0, 1, silent) is None
    assert fit_neighbours(one, "tfidf", 5, 1, silent) is None
    assert (
        fit_factors(one, factors=4, regularisation=0.1, alpha=1, iterations=2, seed=1, threads=1, progress=silent)
        is None
    )
    assert fit_ease(confidence, 1.0, 1, silent, limit=N - 1) is None


def test_ease_works_across_its_blocks() -> None:
    """More products than one block: the mirrored inverse is right in every block."""
    generator = np.random.default_rng(2)
    matrix = sp.random(900, 1200, density=0.02, format="csr", dtype=np.float32, rng=generator)
    model = fit_ease(matrix, 2.0, 2, silent)
    assert model is not None
    gram = (matrix.T @ matrix).toarray().astype(np.float64)[np.ix_(model.columns, model.columns)]
    inverse = np.linalg.inv(gram + 2.0 * np.diag(gram).mean() * np.eye(len(gram)))
    expected = -inverse / np.diag(inverse)
    np.fill_diagonal(expected, 0.0)
    np.testing.assert_allclose(model.weights, expected, atol=1e-5)


def test_scaling_never_passes_on_sentinels() -> None:
    """Scores that are not finite become 0; where nothing is positive all are 0."""
    low = np.float32(-3.4e38)
    assert best_is_one(np.array([np.nan, np.inf, 2.0, low], np.float32)).tolist() == [0.0, 0.0, 1.0, 0.0]
    assert best_is_one(np.array([low, -1.0], np.float32)).tolist() == [0.0, 0.0]
    assert best_is_one(np.zeros(0, np.float32)).tolist() == []


def test_saturation_is_increasing_and_bounded() -> None:
    """More confidence never counts less, and fifty repetitions count no more than five."""
    values = saturate(np.array([1.0, 10.0, 49.0, 50.0, 5000.0], np.float32), strongest(SIGNALS), 1.0)
    assert (np.diff(values[:4]) > 0).all()
    assert values[3] == values[4]


def test_negatives_take_back_what_positives_said() -> None:
    """A refunded purchase leaves no confidence, and its purchase no longer counts as an interaction that speaks."""
    log = log_of(
        [(0, 0, K.PURCHASE, 2.0), (0, 0, K.REFUND, 1.0), (0, 1, K.PURCHASE, 2.0), (0, 1, K.VIEW, 1.0)], n_products=2
    )
    columns, weights, interactions = foldable(log, NOW, SIGNALS, Parameters()).of(0)
    assert columns.tolist() == [1]
    assert weights[0] > 0
    assert interactions == 2


def test_an_actor_is_bounded_to_its_strongest_products() -> None:
    """Of an actor who touched too many products the strongest are kept."""
    log = log_of([(0, p, K.PURCHASE, 1.0 + p) for p in range(10)], n_products=10)
    columns, _, _ = foldable(log, NOW, SIGNALS, Parameters(max_products_per_actor=4)).of(0)
    assert columns.tolist() == [0, 1, 2, 3]


def test_history_counts_as_a_profile_does() -> None:
    """Interactions that speak for a product are counted one by one; dismissed products and impressions are not."""
    rows = [
        (0, 0, K.VIEW, 1.0),
        (0, 0, K.VIEW, 2.0),
        (0, 1, K.DISMISS, 1.0),
        (0, 1, K.VIEW, 1.0),
        (0, 2, K.IMPRESSION, 1.0),
    ]
    _, _, interactions = foldable(log_of(rows, n_products=3), NOW, SIGNALS, Parameters()).of(0)
    assert interactions == 2
