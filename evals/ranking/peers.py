"""The recommenders that ours is measured against: known methods on the same train part, tuned on its last slice.

Each is a way to fit, with a grid of settings. All but BPR fold a history in that they were not fitted on.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any, cast

import numpy as np
import scipy.linalg
import scipy.sparse as sp
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from app.domain.catalog import IntArray

SEED = 20260101
EASE_MOST_ITEMS = 10_000
"""EASE^R inverts a matrix of items by items; beyond this many it is fitted on the items with most shoppers."""

SHUFFLE, POPULAR = "shuffle", "popular"
"""The two standing controls: chance, and what most shoppers bought."""

Setting = Mapping[str, int | float | str]
Scores = NDArray[np.float32]
Scorer = Callable[[IntArray, sp.csr_matrix], Scores]
"""scorer(users, histories) → scores, shape (len(users), n_items), higher is better. `users` are rows of the matrix that
was fitted (-1: a stranger), `histories` what is known of them now, (len(users), n_items); a method that folds in reads
only these."""


@dataclass(frozen=True, slots=True)
class Peer:
    """A method: how to fit it, and the settings worth trying, the first being the usual one."""

    name: str
    fit: Callable[[sp.csr_matrix, Setting], Scorer]
    grid: Sequence[Setting]
    folds_in: bool = True


def peers(*, quick: bool) -> Sequence[Peer]:
    """All peers. `quick`: only the first setting of each grid."""
    weights = ("binary", "log")
    near = _grid(neighbours=(20, 10, 50, 200, 1000), weights=weights)
    found = [
        Peer(SHUFFLE, _fit_shuffle, ({},)),
        Peer(POPULAR, _fit_popular, ({},)),
        Peer("BPR", _fit_bpr, _grid(factors=(128, 64), regularisation=(0.01,), epochs=(100,)), folds_in=False),
        Peer("BM25", _neighbours("bm25"), _grid(neighbours=(20, 50, 200, 1000), b=(0.2, 0.8), weights=weights)),
        Peer("cosine", _neighbours("cosine"), near),
        Peer("TF-IDF", _neighbours("tfidf"), near),
        Peer(
            "ALS",
            _fit_als,
            _grid(regularisation=(10.0, 1.0, 3.0, 30.0), alpha=(1.0, 0.5, 3.0), weights=weights, factors=(128,)),
        ),
        Peer("EASE^R", _fit_ease, _grid(regularisation=(1000.0, 3.0, 10.0, 100.0, 300.0), weights=weights)),
    ]
    return [Peer(p.name, p.fit, p.grid[:1], p.folds_in) for p in found] if quick else found


def _grid(**values: Sequence[float | str]) -> Sequence[Setting]:
    return tuple(dict(zip(values, chosen, strict=True)) for chosen in product(*values.values()))


def weighed(matrix: sp.csr_matrix, how: str) -> sp.csr_matrix:
    """The matrix with its counts as they are ("count"), damped to log(1 + n) ("log"), or as ones ("binary")."""
    data = matrix.data
    if how == "binary":
        data = np.ones_like(data)
    elif how == "log":
        data = np.log1p(data)
    return sp.csr_matrix((data.astype(np.float32), matrix.indices, matrix.indptr), shape=matrix.shape)


def _fit_shuffle(matrix: sp.csr_matrix, _setting: Setting) -> Scorer:
    n_items = matrix.shape[1]

    def score(users: IntArray, _histories: sp.csr_matrix) -> Scores:
        # One stream per batch: as good as one per shopper, and thousands of times cheaper.
        generator = np.random.default_rng([SEED, len(users), *(users[:1] + 1).tolist()])
        return generator.random((len(users), n_items), dtype=np.float32)

    return score


def _fit_popular(matrix: sp.csr_matrix, _setting: Setting) -> Scorer:
    buyers = np.asarray((matrix > 0).sum(axis=0), dtype=np.float32).ravel()
    return lambda users, _histories: np.broadcast_to(buyers, (len(users), len(buyers)))


def _fit_bpr(matrix: sp.csr_matrix, setting: Setting) -> Scorer:
    from implicit.bpr import BayesianPersonalizedRanking

    model = BayesianPersonalizedRanking(
        factors=int(setting["factors"]),
        regularization=float(setting["regularisation"]),
        iterations=int(setting["epochs"]),
        learning_rate=0.05,
        random_state=SEED,
        num_threads=1,  # with more its updates race, and no two runs agree
    )
    _fitted(model, weighed(matrix, "binary"))
    stranger = np.zeros(model.user_factors.shape[1], dtype=np.float32)
    stranger[-1] = 1.0  # the place that carries the items' biases
    factors = np.vstack([model.user_factors, stranger])
    return lambda users, _histories: cast(Scores, factors[users] @ model.item_factors.T)


def _neighbours(kind: str) -> Callable[[sp.csr_matrix, Setting], Scorer]:
    def fit(matrix: sp.csr_matrix, setting: Setting) -> Scorer:
        from implicit.nearest_neighbours import BM25Recommender, CosineRecommender, TFIDFRecommender

        how, k = str(setting["weights"]), int(setting["neighbours"])
        model: Any
        if kind == "bm25":
            model = BM25Recommender(K=k, K1=1.2, B=float(setting["b"]))
        else:
            model = (CosineRecommender if kind == "cosine" else TFIDFRecommender)(K=k)
        _fitted(model, weighed(matrix, how))
        similarity = sp.csr_matrix(model.similarity, dtype=np.float32)

        return lambda _users, histories: cast(Scores, (weighed(histories, how) @ similarity).toarray())

    return fit


def _fit_als(matrix: sp.csr_matrix, setting: Setting) -> Scorer:
    from implicit.cpu.als import AlternatingLeastSquares

    how = str(setting["weights"])
    with threadpool_limits(1, "blas"):  # it looks when it is made
        model = AlternatingLeastSquares(
            factors=int(setting["factors"]),
            regularization=float(setting["regularisation"]),
            alpha=float(setting["alpha"]),
            iterations=15,
            random_state=SEED,
        )
    _fitted(model, weighed(matrix, how))

    def score(users: IntArray, histories: sp.csr_matrix) -> Scores:
        # Ids only name the rows of the batch here: the factors are computed from the histories given.
        with threadpool_limits(1, "blas"):
            factors = model.recalculate_user(np.arange(len(users)), weighed(histories, how))
        return cast(Scores, factors @ model.item_factors.T)

    return score


def _fit_ease(matrix: sp.csr_matrix, setting: Setting) -> Scorer:
    """EASE^R (Steck 2019) in closed form: B = I - P / diag(P), P = (X'X + λI)^-1."""
    how = str(setting["weights"])
    used = weighed(matrix, how)
    n_items = used.shape[1]
    kept = np.arange(n_items)
    if n_items > EASE_MOST_ITEMS:
        kept = np.sort(np.argsort(-used.getnnz(axis=0), kind="stable")[:EASE_MOST_ITEMS])
        used = used[:, kept]
    gram = (used.T @ used).toarray().astype(np.float32)
    gram[np.diag_indices_from(gram)] += np.float32(setting["regularisation"])
    with threadpool_limits(os.cpu_count(), "blas"):
        factor = scipy.linalg.cho_factor(gram, lower=True, overwrite_a=True, check_finite=False)
        inverse = scipy.linalg.cho_solve(factor, np.eye(len(kept), dtype=np.float32), check_finite=False)
    weights = -inverse / np.diag(inverse)
    weights[np.diag_indices_from(weights)] = 0.0

    def score(_users: IntArray, histories: sp.csr_matrix) -> Scores:
        result = np.zeros(histories.shape, dtype=np.float32)
        result[:, kept] = weighed(histories, how)[:, kept] @ weights
        return result

    return score


def _fitted(model: Any, matrix: sp.csr_matrix) -> None:
    # implicit has threads of its own; BLAS threads beside them are several times slower (and it warns).
    with threadpool_limits(1, "blas"), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it hands its own parts matrices that it then warns about
        model.fit(matrix, show_progress=False)
