"""Item-item neighbours by implicit: TF-IDF, BM25 or cosine."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from app.adapters.baseline.heartbeat import heartbeat
from app.adapters.baseline.parameters import NeighbourKind
from app.domain.catalog import IntArray
from app.ports import Progress

if TYPE_CHECKING:
    import scipy.sparse as sp


@dataclass(frozen=True, slots=True)
class Neighbours:
    """Each product's most similar others, as the arrays of a CSR matrix; no product is its own neighbour."""

    similarity: NDArray[np.float32]  # (nnz,), > 0
    columns: IntArray  # (nnz,)
    offsets: NDArray[np.int64]  # (n_products + 1,)

    def score(self, columns: IntArray, values: NDArray[np.float32]) -> NDArray[np.float32]:
        """Raw scores, shape (n_products,): the value-weighted sum of the history's neighbour lists."""
        start = self.offsets[columns]
        length = self.offsets[columns + 1] - start
        # Positions of all lists one after another: a range per product, without a Python loop.
        ends = np.cumsum(length)
        position = np.arange(int(ends[-1]) if len(ends) else 0) + np.repeat(start - (ends - length), length)
        return np.bincount(
            self.columns[position],
            weights=self.similarity[position] * np.repeat(values, length),
            minlength=len(self.offsets) - 1,
        ).astype(np.float32)

    def nearest(self, column: int, k: int) -> list[tuple[int, float]]:
        """(column, similarity) of at most k neighbours of one product, nearest first, as shares of the nearest."""
        of_one = slice(int(self.offsets[column]), int(self.offsets[column + 1]))
        similarity, columns = self.similarity[of_one], self.columns[of_one]
        best = np.lexsort((columns, -similarity))[: max(k, 0)]
        if len(best) == 0:
            return []
        top = float(similarity[best[0]])
        return [(int(columns[i]), float(similarity[i]) / top) for i in best.tolist()]


def fit_neighbours(
    matrix: sp.csr_matrix, kind: NeighbourKind, neighbours: int, threads: int, progress: Progress
) -> Neighbours | None:
    """The model, or None when fewer than 2 products have interactions or nothing is similar to anything.

    implicit counts a product as its own best neighbour and divides by zero for products with zero norm: one more is
    asked for, and what is its own, not finite or not positive is left out.
    """
    # Here, not above: the serving process reads the class and never trains.
    import scipy.sparse as sp
    from implicit.nearest_neighbours import BM25Recommender, CosineRecommender, TFIDFRecommender
    from threadpoolctl import threadpool_limits

    if len(np.unique(matrix.indices)) < 2:
        return None
    kinds = {"tfidf": TFIDFRecommender, "bm25": BM25Recommender, "cosine": CosineRecommender}
    model = kinds[kind](K=neighbours + 1, num_threads=threads)
    with (
        heartbeat(progress, "item-item"),
        threadpool_limits(1, "blas"),
        np.errstate(divide="ignore", invalid="ignore"),
        warnings.catch_warnings(),
    ):
        # implicit warns about the COO matrix that its own weighting made.
        warnings.filterwarnings("ignore", message="Method expects CSR input")
        model.fit(matrix.astype(np.float64), show_progress=False)
    similarity = model.similarity.tocoo()
    kept = (similarity.row != similarity.col) & np.isfinite(similarity.data) & (similarity.data > 0)
    if not kept.any():
        return None
    n = matrix.shape[1]
    clean = sp.csr_matrix((similarity.data[kept], (similarity.row[kept], similarity.col[kept])), shape=(n, n))
    clean.sort_indices()
    return Neighbours(clean.data.astype(np.float32), clean.indices.astype(np.int32), clean.indptr.astype(np.int64))
