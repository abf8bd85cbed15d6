"""Products like one product: near it in meaning, and taken up by the same shoppers."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from app.domain.catalog import IntArray
from app.pipeline.candidates import Retrieved
from app.pipeline.shelf import Shelf

NEIGHBOURS = 150
"""Nearest products asked of the vector index, and of the behaviour model."""
BEHAVIOUR_SHARE = 0.3
"""Share of behaviour in the mix, the rest is meaning (docs/shelves.md says what it was chosen by)."""

_NONE = Retrieved(np.empty(0, dtype=np.int32), np.empty(0, dtype=np.float32))


def similar_to(
    shelf: Shelf,
    row: int,
    near: Retrieved | None,
    *,
    min_similarity: float,
    behaviour_share: float = BEHAVIOUR_SHARE,
) -> Retrieved:
    """Products like that of `row`, itself left out, best first.

    A product counts as similar by what it is: its vector's cosine with the page's product is at least
    `min_similarity`. Among those, score = (1 - share) · cosine + share · likeness, where likeness is that of the
    item-item model, 1 for the product's nearest neighbour in it. Behaviour also brings in similar products that the
    vector index did not list. For a product without a vector behaviour decides alone, within its own category.

    Args:    near: what the vector index found for the product; None where it did not answer: then only behaviour's
             neighbours are compared.
    """
    behaviour = _behaviour(shelf, row)
    own, known = shelf.item_vectors(np.asarray([row], dtype=np.int32))
    if not known[0]:
        return _within_category(shelf, row, behaviour)
    rows = _union([behaviour.rows, _NONE.rows if near is None else near.rows], row)
    vectors, found = shelf.item_vectors(rows)
    cosine = np.where(found, vectors @ own[0], np.float32(0.0)).astype(np.float32)
    alike = np.zeros(len(shelf.snapshot), dtype=np.float32)
    alike[behaviour.rows] = behaviour.scores
    near_enough = found & (cosine >= np.float32(min_similarity))
    rows, cosine = rows[near_enough], cosine[near_enough]
    scores = ((1.0 - behaviour_share) * cosine + behaviour_share * alike[rows]).astype(np.float32)
    order = np.lexsort((rows, -scores))
    return Retrieved(rows[order], scores[order])


def _behaviour(shelf: Shelf, row: int) -> Retrieved:
    column = int(shelf.column_of_row[row])
    if shelf.model is None or column < 0:
        return _NONE
    found = [(int(shelf.row_of_column[c]), likeness) for c, likeness in shelf.model.alike(column, NEIGHBOURS)]
    known = [(r, likeness) for r, likeness in found if r >= 0 and r != row]
    return Retrieved(
        np.asarray([r for r, _ in known], dtype=np.int32), np.asarray([s for _, s in known], dtype=np.float32)
    )


def _within_category(shelf: Shelf, row: int, behaviour: Retrieved) -> Retrieved:
    code = int(shelf.snapshot.category[row])
    same = (shelf.snapshot.category[behaviour.rows] == code) & (code >= 0)
    return Retrieved(behaviour.rows[same], behaviour.scores[same])


def _union(lists: Sequence[IntArray], without: int) -> IntArray:
    rows: IntArray = np.unique(np.concatenate(lists)).astype(np.int32)
    others: IntArray = rows[rows != without]
    return others
