"""Implicit ALS (Hu, Koren, Volinsky, 2008): item factors by implicit, shoppers folded in by the same solve."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from app.domain.catalog import IntArray
from app.ports import Progress

if TYPE_CHECKING:
    import scipy.sparse as sp


@dataclass(frozen=True, slots=True)
class Factors:
    """Item factors. No shopper's factor exists: it is solved from the history at request time and forgotten."""

    items: NDArray[np.float32]  # (n_products, f)
    gram: NDArray[np.float32]  # (f, f) = itemsᵀ items + regularisation · I
    alpha: float

    def fold_in(self, columns: IntArray, values: NDArray[np.float32]) -> NDArray[np.float32]:
        """The shopper's factor, shape (f,): (YᵀY + λI + Yᵀ(C - I)Y)⁻¹ YᵀC p, the row update of ALS itself."""
        rows = self.items[columns]
        confidence = self.alpha * values
        normal = self.gram + (rows * (confidence - 1.0)[:, None]).T @ rows
        right = confidence @ rows
        solution: NDArray[np.float32] = np.linalg.solve(normal, right)
        return solution

    def score(self, columns: IntArray, values: NDArray[np.float32]) -> NDArray[np.float32]:
        """Raw scores, shape (n_products,), of a saturated history."""
        result: NDArray[np.float32] = self.items @ self.fold_in(columns, values)
        return result


def fit_factors(
    matrix: sp.csr_matrix,
    *,
    factors: int,
    regularisation: float,
    alpha: float,
    iterations: int,
    seed: int,
    threads: int,
    progress: Progress,
) -> Factors | None:
    """The model, or None when there is too little to factorise (fewer than 2 products or actors) or it collapsed to 0.

    regularisation is in mean entries per row of the matrix (actors and products together): λ then means the same on
    a shop of 600 shoppers and on one of 60,000.
    """
    # Here, not above: the serving process reads the class and never trains.
    from implicit.cpu.als import AlternatingLeastSquares
    from threadpoolctl import threadpool_limits

    active_rows = np.flatnonzero(np.diff(matrix.indptr))
    active_columns = np.unique(matrix.indices)
    if len(active_rows) < 2 or len(active_columns) < 2:
        return None
    compact = matrix[active_rows][:, active_columns].tocsr()
    penalty = regularisation * compact.nnz / (len(active_rows) + len(active_columns))
    size = min(factors, len(active_rows), len(active_columns))
    with threadpool_limits(1, "blas"):
        model = AlternatingLeastSquares(
            factors=size,
            regularization=penalty,
            alpha=alpha,
            iterations=iterations,
            num_threads=threads,
            random_state=seed,
        )
        model.fit(
            compact.astype(np.float32),
            show_progress=False,
            callback=lambda done, _seconds, _loss: progress("als", done + 1, iterations),
        )
    learned = np.asarray(model.item_factors, dtype=np.float32)
    if not np.isfinite(learned).all() or np.abs(learned).max() < 1e-6:
        return None
    items = np.zeros((matrix.shape[1], size), dtype=np.float32)
    items[active_columns] = learned
    gram = items.T @ items + np.float32(penalty) * np.eye(size, dtype=np.float32)
    return Factors(items, gram, alpha)
