"""Exact nearest neighbours over the item vectors: always right, linear in the catalogue."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from app.adapters.item_vectors import ItemVectors
from app.domain.catalog import BoolArray

_GATHER_BELOW = 0.25  # share of rows under which copying them out is cheaper than scoring all
_NOTHING: tuple[tuple[str, ...], NDArray[np.float32]] = ((), np.zeros(0, dtype=np.float32))


class ExactIndex:
    """Cosine similarity with every product; satisfies `VectorIndex`. Safe to call from several threads."""

    def __init__(self, vectors: ItemVectors) -> None:
        self.vectors = vectors

    def search(self, vector: NDArray[np.float32], k: int) -> tuple[Sequence[str], NDArray[np.float32]]:
        """Product ids and cosine similarities of the at most k nearest products, nearest first, ties by row.

        Args:    vector: shape (dimensions,), of any length.
        Returns: nothing for k ≤ 0, an empty catalogue, and a vector that is zero or not finite.
        Raises:  ValueError: the vector has another number of dimensions.
        """
        return self._top(vector, k, None)

    def search_masked(
        self, vector: NDArray[np.float32], mask_by_matrix_row: BoolArray, k: int
    ) -> tuple[Sequence[str], NDArray[np.float32]]:
        """As `search`, among the rows of the matrix whose mask is True.

        Args:    mask_by_matrix_row: shape (n,), in the order of `vectors.product_ids`.
        Raises:  ValueError: the mask or the vector has another shape.
        """
        if mask_by_matrix_row.shape != (len(self.vectors),):
            raise ValueError(f"a mask of shape {mask_by_matrix_row.shape} for {len(self.vectors)} item vectors")
        return self._top(vector, k, np.flatnonzero(mask_by_matrix_row))

    def _top(
        self, vector: NDArray[np.float32], k: int, rows: NDArray[np.intp] | None
    ) -> tuple[Sequence[str], NDArray[np.float32]]:
        matrix = self.vectors.matrix
        unit = unit_vector(vector, self.vectors)
        if unit is None or k <= 0 or (rows is not None and len(rows) == 0):
            return _NOTHING
        if rows is None:
            similarity = matrix @ unit
        elif len(rows) < _GATHER_BELOW * len(matrix):
            similarity = matrix[rows] @ unit
        else:
            similarity = (matrix @ unit)[rows]
        best = top_k(similarity, k)
        chosen = best if rows is None else rows[best]
        ids = self.vectors.product_ids
        return tuple([ids[row] for row in chosen.tolist()]), similarity[best]


def unit_vector(vector: NDArray[np.float32], vectors: ItemVectors) -> NDArray[np.float32] | None:
    """The vector at length 1; None where no product can be near it (empty catalogue, zero or not finite).

    Raises: ValueError: the vector is not of shape (vectors.dimensions,).
    """
    if len(vectors) == 0:
        return None
    if vector.shape != (vectors.dimensions,):
        raise ValueError(f"a vector of shape {vector.shape} for item vectors of {vectors.dimensions} dimensions")
    length = float(np.linalg.norm(vector.astype(np.float64)))
    if not np.isfinite(length) or length == 0.0:
        return None
    return (vector / length).astype(np.float32)


def top_k(scores: NDArray[np.float32], k: int) -> NDArray[np.intp]:
    """Positions of the min(k, n) largest scores, largest first, ties by position; shape (min(k, n),)."""
    if k < len(scores):
        # A tie at the edge is cut by position too, so that the answer doesn't hang on how the partition ran.
        edge = np.partition(scores, len(scores) - k)[len(scores) - k]
        above = np.flatnonzero(scores > edge)
        candidates = np.concatenate([above, np.flatnonzero(scores == edge)[: k - len(above)]])
    else:
        candidates = np.arange(len(scores))
    return candidates[np.lexsort((candidates, -scores[candidates]))]
