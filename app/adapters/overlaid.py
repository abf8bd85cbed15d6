"""Base and overlay as one: vectors by row, nearest by vector, nearest by words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from app.adapters.bm25_index import Bm25Index, bm25_over
from app.adapters.exact_index import top_k
from app.adapters.item_vectors import ItemVectors
from app.adapters.overlay_files import Overlay
from app.domain.catalog import IntArray
from app.domain.searching import WordMatches
from app.ports import VectorIndex, Vectors


class StackedRows:
    """The base's rows, then the overlay's, without copying the base."""

    def __init__(self, base: Vectors, overlay: Vectors) -> None:
        self._base, self._overlay = base, overlay

    @property
    def shape(self) -> tuple[int, ...]:
        """(rows of both, dimensions)."""
        return (len(self._base) + len(self._overlay), int(self._base.shape[1]))

    def __getitem__(self, rows: IntArray, /) -> NDArray[np.float32]:
        """Copies of the given rows, in their order."""
        over = rows >= len(self._base)
        found = np.empty((len(rows), self.shape[1]), dtype=np.float32)
        found[~over] = self._base[rows[~over]]
        found[over] = self._overlay[rows[over] - len(self._base)]
        return found


@dataclass(frozen=True, slots=True)
class OverlaidVectors:
    """Satisfies VectorMatrix. A product of the overlay is listed twice: the later row counts."""

    product_ids: tuple[str, ...]
    matrix: StackedRows

    @classmethod
    def of(cls, base: ItemVectors, overlay: Overlay) -> OverlaidVectors:
        """Both as one."""
        return cls((*base.product_ids, *overlay.product_ids), StackedRows(base.matrix, overlay.matrix))


class OverlaidIndex:
    """Satisfies VectorIndex: the base's answer without what the overlay stands for, and the overlay's own."""

    def __init__(self, base: VectorIndex, overlay: Overlay) -> None:
        self._base, self._overlay = base, overlay
        self._over = frozenset(overlay.product_ids)

    def search(self, vector: NDArray[np.float32], k: int) -> tuple[Sequence[str], NDArray[np.float32]]:
        """See VectorIndex. Asks the base for at most twice as many: more of them are hardly ever replaced at once."""
        ids, similarity = self._base.search(vector, k + min(k, len(self._over)) if k > 0 else k)
        length = float(np.linalg.norm(vector))
        if k <= 0 or not np.isfinite(length) or length == 0.0:
            return ids, similarity
        kept = np.asarray([p not in self._over for p in ids], dtype=np.bool_)
        own = self._overlay.matrix @ (vector / np.float32(length)).astype(np.float32)
        names = [*(p for p, keep in zip(ids, kept, strict=True) if keep), *self._overlay.product_ids]
        scores = np.concatenate([similarity[kept], own]).astype(np.float32)
        best = top_k(scores, k)
        return tuple(names[at] for at in best), scores[best]


class OverlaidWords:
    """Satisfies LexicalIndex. The overlay's words weigh as they do in the whole catalogue."""

    def __init__(self, base: Bm25Index, overlay: Overlay) -> None:
        self._base = base
        self._over = bm25_over(base, dict(zip(overlay.product_ids, overlay.texts, strict=True)))
        replaced = frozenset(overlay.product_ids)
        self._kept = np.asarray([p not in replaced for p in base.product_ids], dtype=np.bool_)
        self._ids = (*base.product_ids, *overlay.product_ids)
        self._row_of = {product_id: row for row, product_id in enumerate(self._ids)}  # the later row counts

    def search(self, text: str, k: int) -> tuple[Sequence[str], NDArray[np.float32]]:
        """See LexicalIndex."""
        found = self.matches(text).scores
        rows = np.flatnonzero(found > 0)
        if k <= 0 or not len(rows):
            return (), np.zeros(0, dtype=np.float32)
        best = rows[top_k(found[rows], k)]
        return tuple(self._ids[row] for row in best), found[best]

    def scores(self, text: str, product_ids: Sequence[str]) -> NDArray[np.float32]:
        """See LexicalIndex."""
        found = self.matches(text).scores
        rows = np.fromiter((self._row_of.get(p, -1) for p in product_ids), dtype=np.intp, count=len(product_ids))
        return np.where(rows >= 0, found[rows], np.float32(0.0)).astype(np.float32)

    def matches(self, text: str) -> WordMatches:
        """See LexicalIndex. Each part reads the words by what it knows."""
        base, over = self._base.matches(text), self._over.matches(text)
        scores = np.concatenate([np.where(self._kept, base.scores, np.float32(0.0)), over.scores]).astype(np.float32)
        every = np.concatenate([base.every & self._kept, over.every])
        return WordMatches(self._ids, scores, every, over.read_as if over.every.any() else base.read_as)
