"""EASE^R: a linear item-item model in closed form (Steck, 2019, "Embarrassingly Shallow Autoencoders")."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.linalg
import scipy.sparse as sp
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from app.adapters.baseline.heartbeat import heartbeat
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

    B = I - P · diag(1 / diag(P)) with P = (XᵀX + λI)⁻¹, by Cholesky in float32 and in place: peak memory is about
    one dense (m, m) matrix and its block buffers. λ = regularisation × the mean of the Gram diagonal.
    """
    columns = np.flatnonzero(np.bincount(matrix.indices, minlength=matrix.shape[1])).astype(np.int32)
    m = len(columns)
    if m < 2 or m > limit:
        return None
    compact = matrix[:, columns].tocsc()
    transposed = compact.T.tocsr()
    gram = np.empty((m, m), dtype=np.float32)
    for start in range(0, m, _BLOCK):
        gram[start : start + _BLOCK] = (transposed[start : start + _BLOCK] @ compact).toarray()
        progress("ease: co-occurrence", min(m, start + _BLOCK), m)
    diagonal = np.diag_indices(m)
    gram[diagonal] += regularisation * float(gram[diagonal].mean())
    with heartbeat(progress, "ease: solve"), threadpool_limits(threads, "blas"):
        # The transposed view is Fortran-ordered, so LAPACK works in place; the matrix is symmetric.
        factor, failed = scipy.linalg.lapack.spotrf(gram.T, lower=1, overwrite_a=1)
        inverse, failed_inverse = scipy.linalg.lapack.spotri(factor, lower=1, overwrite_c=1)
    if failed or failed_inverse:
        return None  # not positive definite in float32: cannot be with λ > 0 unless the weights are degenerate
    weights: NDArray[np.float32] = inverse.T  # C-ordered; its upper triangle is filled
    _mirror_upper(weights)
    scale = -1.0 / weights[diagonal]
    for start in range(0, m, _BLOCK):
        weights[start : start + _BLOCK] *= scale
    weights[diagonal] = 0.0
    return Ease(weights, columns, matrix.shape[1])


def _mirror_upper(square: NDArray[np.float32]) -> None:
    for start in range(0, len(square), _BLOCK):
        end = start + _BLOCK
        block = square[start:end, start:end]
        block[:] = np.triu(block) + np.triu(block, 1).T
        square[end:, start:end] = square[start:end, end:].T
