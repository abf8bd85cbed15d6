"""EASE^R: a linear item-item model in closed form (Steck, 2019, "Embarrassingly Shallow Autoencoders")."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from app.domain.catalog import IntArray
from app.ports import Progress

EASE_PRODUCT_LIMIT = 12_000
"""Above this many products with interactions the dense matrix would pass the memory bound (n² float32, twice)."""

_BLOCK = 512


@dataclass(frozen=True, slots=True)
class Ease:
    """Item-item weights over the products that have interactions."""

    weights: NDArray[np.float32]  # (m, m), row = product of the history, zero diagonal
    columns: IntArray  # (m,) model column of each row, ascending
    n_products: int

    def score(self, columns: IntArray, values: NDArray[np.float32]) -> NDArray[np.float32]:
        """Raw scores, shape (n_products,), of a saturated history; products without interactions get 0."""
        position = np.searchsorted(self.columns, columns)
        position[position == len(self.columns)] = 0
        known = self.columns[position] == columns
        result = np.zeros(self.n_products, dtype=np.float32)
        if known.any():
            result[self.columns] = values[known] @ self.weights[position[known]]
        return result


def fit_ease(
    matrix: sp.csr_matrix, regularisation: float, threads: int, progress: Progress, limit: int = EASE_PRODUCT_LIMIT
) -> Ease | None:
    """The model, or None when fewer than 2 or more than `limit` products have interactions.

    B = I - P · diag(1 / diag(P)) with P = (XᵀX + λI)⁻¹, in float32 and in place: peak memory is about one dense
    (m, m) matrix and its block buffers. λ = regularisation × the mean of the Gram diagonal.
    """
    from threadpoolctl import threadpool_limits  # here: the serving process reads the class and never trains

    columns = np.flatnonzero(np.bincount(matrix.indices, minlength=matrix.shape[1])).astype(np.int32)
    m = len(columns)
    if m < 2 or m > limit:
        return None
    compact = matrix[:, columns].tocsc()
    compact.data = compact.data / compact.data.max()  # B does not depend on the scale, float32 products do
    transposed = compact.T.tocsr()
    gram = np.empty((m, m), dtype=np.float32)
    for start in range(0, m, _BLOCK):
        gram[start : start + _BLOCK] = (transposed[start : start + _BLOCK] @ compact).toarray()
        progress("ease: co-occurrence", min(m, start + _BLOCK), m)
    diagonal = np.diag_indices(m)
    gram[diagonal] += regularisation * float(gram[diagonal].mean())
    with threadpool_limits(threads, "blas"):
        _invert(gram, progress)
    weights = gram
    scale = -1.0 / weights[diagonal]
    for start in range(0, m, _BLOCK):
        weights[start : start + _BLOCK] *= scale
    weights[diagonal] = 0.0
    return Ease(weights, columns, matrix.shape[1])


def _invert(square: NDArray[np.float32], progress: Progress) -> None:
    """Replaces a symmetric positive definite matrix by its inverse, by block Gauss-Jordan elimination.

    LAPACK would need half the operations, but holds the interpreter for all of them: no progress could be shown.
    Elimination without pivoting is stable for such matrices; the diagonal blocks are inverted in float64.
    """
    n = len(square)
    for start in range(0, n, _BLOCK):
        end = min(n, start + _BLOCK)
        pivot = np.linalg.inv(square[start:end, start:end].astype(np.float64)).astype(np.float32)
        across = pivot @ square[start:end]
        down = square[:, start:end].copy()
        down[start:end] = 0.0
        for row in range(0, n, _BLOCK):
            square[row : row + _BLOCK] -= down[row : row + _BLOCK] @ across
            progress("ease: solve", start, n)
        square[:, start:end] = -down @ pivot
        square[start:end] = across
        square[start:end, start:end] = pivot
        progress("ease: solve", end, n)
