"""Everything a request reads that is not about the shopper: catalogue, model, vectors, and what follows from them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from app.domain.catalog import FloatArray, IntArray, Snapshot
from app.ports import BaselineModel

_READY_MADE = 300
"""Length of the request-independent lists (popular, trending, new): as long as the pool they feed."""


class VectorRows(Protocol):
    """A matrix of which rows are taken."""

    @property
    def shape(self) -> tuple[int, ...]:
        """(n, d)."""
        ...

    def __getitem__(self, rows: IntArray, /) -> NDArray[np.float32]:
        """The given rows, in their order."""
        ...


class VectorMatrix(Protocol):
    """Item vectors with their ids."""

    @property
    def product_ids(self) -> tuple[str, ...]:
        """Product of each row."""
        ...

    @property
    def matrix(self) -> VectorRows:
        """Rows of unit length, shape (n, d); of a product that is there twice the later row counts."""
        ...


@dataclass(frozen=True, slots=True)
class CategoryPrices:
    """Prices of the available products of one category."""

    ascending: FloatArray  # minor units
    median: float  # minor units

    @property
    def n(self) -> int:
        """How many products have a price."""
        return len(self.ascending)


@dataclass(frozen=True, slots=True)
class Shelf:
    """Immutable; swapped as a whole when catalogue, model or vectors change. Arrays are indexed by snapshot row."""

    snapshot: Snapshot
    model: BaselineModel | None
    vectors: VectorMatrix | None
    column_of_row: IntArray  # model column, -1 where the model does not know the product
    row_of_column: IntArray  # snapshot row, -1 where the product is gone
    vector_of_row: IntArray  # row of the vector matrix, -1 where the product has no vector yet
    popularity: NDArray[np.float32]
    trend: NDArray[np.float32]
    popular_rows: IntArray  # best first
    trending_rows: IntArray
    new_rows: IntArray  # newest first
    catalogue_rows: IntArray  # best rated first, then in catalogue order: for a shop without behaviour
    trend_rank: IntArray  # 1-based rank within its category (in the shop, where no product has one); 0 = no trend
    counted: int  # available, priced products: what ranks and medians are taken over
    prices: Mapping[int, CategoryPrices] = field(default_factory=dict)  # category code → prices

    def scores_by_row(self, by_column: NDArray[np.float32]) -> NDArray[np.float32]:
        """A model's scores rearranged to snapshot rows; 0 where the model does not know the product."""
        if len(by_column) == 0:
            return np.zeros(len(self.snapshot), dtype=np.float32)
        return np.where(self.column_of_row >= 0, by_column[self.column_of_row], np.float32(0.0))

    def item_vectors(self, rows: IntArray) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        """Vectors of the given rows, zeros where there is none; shape (k, d), and the mask (k,) of those found."""
        if self.vectors is None:
            return np.zeros((len(rows), 0), dtype=np.float32), np.zeros(len(rows), dtype=np.bool_)
        at = self.vector_of_row[rows]
        found = at >= 0
        if found.all():
            return self.vectors.matrix[at], found
        vectors = np.zeros((len(rows), self.vectors.matrix.shape[1]), dtype=np.float32)
        vectors[found] = self.vectors.matrix[at[found]]
        return vectors, found


def build_shelf(snapshot: Snapshot, model: BaselineModel | None, vectors: VectorMatrix | None) -> Shelf:
    """Aligns model and vectors with the snapshot and prepares the request-independent lists."""
    n = len(snapshot)
    column_of_row = np.full(n, -1, dtype=np.int32)
    row_of_column = np.empty(0, dtype=np.int32)
    popularity = np.zeros(n, dtype=np.float32)
    trend = np.zeros(n, dtype=np.float32)
    if model is not None:
        row_of_column = _positions(model.product_ids, snapshot.row_of)
        known = row_of_column >= 0
        column_of_row[row_of_column[known]] = np.nonzero(known)[0]
        popularity[row_of_column[known]] = model.popularity[known]
        trend[row_of_column[known]] = model.trend[known]
    vector_of_row = np.full(n, -1, dtype=np.int32)
    if vectors is not None:
        rows = _positions(vectors.product_ids, snapshot.row_of)
        known = rows >= 0
        vector_of_row[rows[known]] = np.nonzero(known)[0]
    return Shelf(
        snapshot=snapshot,
        model=model,
        vectors=vectors,
        column_of_row=column_of_row,
        row_of_column=row_of_column,
        vector_of_row=vector_of_row,
        popularity=popularity,
        trend=trend,
        popular_rows=_best(popularity),
        trending_rows=_best(trend),
        new_rows=_best(np.nan_to_num(snapshot.created_at, nan=0.0)),
        catalogue_rows=_best(1.0 + np.nan_to_num(snapshot.rating_value * np.log1p(snapshot.rating_count), nan=0.0)),
        trend_rank=_rank_within(
            snapshot.category if snapshot.categories else np.zeros(n, dtype=np.int32),
            np.where(_counted(snapshot), trend, np.float32(0.0)),
        ),
        counted=int(np.count_nonzero(_counted(snapshot))),
        prices=_category_prices(snapshot),
    )


def top_rows(scores: NDArray[np.floating], k: int) -> IntArray:
    """Rows of the k largest positive scores, best first, ties by row."""
    positive = int(np.count_nonzero(scores > 0))
    k = min(k, positive)
    if k == 0:
        return np.empty(0, dtype=np.int32)
    if k < len(scores):
        threshold = -np.partition(-scores, k - 1)[k - 1]
        rows = np.nonzero(scores >= max(threshold, np.finfo(np.float32).tiny))[0]
    else:
        rows = np.arange(len(scores))
    order = np.lexsort((rows, -scores[rows]))[:k]
    return rows[order].astype(np.int32)


def _best(scores: NDArray[np.floating]) -> IntArray:
    return top_rows(scores, _READY_MADE)


def _positions(product_ids: tuple[str, ...], row_of: Mapping[str, int]) -> IntArray:
    return np.fromiter((row_of.get(p, -1) for p in product_ids), dtype=np.int32, count=len(product_ids))


def _rank_within(category: IntArray, scores: NDArray[np.float32]) -> IntArray:
    """1-based rank by score within each category; 0 for rows without category or score."""
    ranks = np.zeros(len(scores), dtype=np.int32)
    rows = np.nonzero((category >= 0) & (scores > 0))[0]
    if len(rows) == 0:
        return ranks
    rows = rows[np.lexsort((rows, -scores[rows], category[rows]))]
    starts = np.nonzero(np.diff(category[rows], prepend=-1))[0]
    first = np.zeros(len(rows), dtype=np.int64)
    first[starts] = starts
    ranks[rows] = np.arange(len(rows)) - np.maximum.accumulate(first) + 1
    return ranks


def _counted(snapshot: Snapshot) -> NDArray[np.bool_]:
    """Products that figures about a category are taken over: available ones with a price."""
    return snapshot.available & ~np.isnan(snapshot.price_minor)


def _category_prices(snapshot: Snapshot) -> dict[int, CategoryPrices]:
    rows = np.nonzero(_counted(snapshot) & (snapshot.category >= 0))[0]
    if len(rows) == 0:
        return {}
    rows = rows[np.lexsort((snapshot.price_minor[rows], snapshot.category[rows]))]
    codes, starts = np.unique(snapshot.category[rows], return_index=True)
    groups = np.split(np.asarray(snapshot.price_minor)[rows], starts[1:])  # plain arrays: slices of a map are slow
    return {
        int(code): CategoryPrices(ascending=group, median=float(np.median(group)))
        for code, group in zip(codes, groups, strict=True)
    }
