"""Candidates: the products retrieved for one request, and how well each matches the shopper.

Several sources each give a ranked list; the lists are merged into one pool by rank (reciprocal rank fusion, Cormack
et al. 2009), and every product of the pool gets a user match from the baseline's validated blend plus content.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from app.domain.catalog import BoolArray, IntArray
from app.domain.ranking import history_bucket
from app.pipeline.profile import Profile
from app.pipeline.seller_text import folded_words
from app.pipeline.shelf import Shelf, top_rows

FloatScores = NDArray[np.float32]

POOL = 300
"""Products in the pool before the rules. Large enough that the rules seldom empty it, small enough to score exactly."""

RRF_K = 60.0
"""The constant of reciprocal rank fusion, as in the paper."""

# Priors until a shop measures its own (the blend of the personal sources is learned by `shelfwise train`).
CONTENT_WEIGHT: Mapping[str, float] = {"0": 0.6, "1-3": 0.3, "4-10": 0.15, "11+": 0.1}
STATED_WEIGHT: Mapping[str, float] = {"0": 0.8, "1-3": 0.65, "4-10": 0.4, "11+": 0.25}
"""The same where the shopper stated interests: what somebody says goes before what was merely seen."""
CONTEXT_WEIGHT = 0.7  # share of the product page or cart in the match, the rest is the shopper
QUERY_WEIGHT = 0.8  # share of a stated query, the rest is the shopper
QUERY_MIN_SIMILARITY = 0.3
"""Cosine under which a product is no answer to a query, however near it is next to all others. On the demo shop the
best product for nonsense reaches 0.29, the best for a query of sense 0.35 to 0.68 (all-MiniLM-L6-v2)."""
FALLBACK_BLEND: Mapping[str, float] = {"popularity": 0.7, "trend": 0.3}


@dataclass(frozen=True, slots=True)
class Retrieved:
    """One source's products, best first, with the source's own scores (comparable within the source only)."""

    rows: IntArray
    scores: FloatScores


@dataclass(frozen=True, slots=True)
class Candidates:
    """The pool: unique rows, and the user match of each (higher is better; unitless, comparable in this request)."""

    rows: IntArray
    match: FloatScores


def personal_scores(shelf: Shelf, profile: Profile, now: float) -> FloatScores:
    """The baseline's score of every product for this history at `now` (epoch seconds), shape (n,).

    By the learned ensemble where training found it better for such a history, else by the blend with the weights that
    training chose. Popularity and trend are part of both: a shopper without history gets what is popular.
    """
    if shelf.model is not None and _is_learned(shelf, profile):
        history = profile.history
        columns = shelf.column_of_row[history.product]
        known = columns >= 0
        kept = replace(history.of(known), product=columns[known])
        return shelf.scores_by_row(shelf.model.ranked(kept, now))
    return _blended(shelf, profile.rows, profile.weights, history_bucket(profile.interactions))


def context_scores(shelf: Shelf, context: IntArray) -> FloatScores | None:
    """The personal sources' scores for what is on the page or in the cart; None where the model knows none of it."""
    if shelf.model is None or len(context) == 0:
        return None
    columns, weights = _columns(shelf, context, np.ones(len(context), dtype=np.float32))
    if len(columns) == 0:
        return None
    scores = shelf.model.scores(columns, weights)
    if not scores:
        return None
    total = np.zeros(len(shelf.model.product_ids), dtype=np.float32)
    for source in scores.values():
        total += source / len(scores)
    return shelf.scores_by_row(total)


def bought_with(shelf: Shelf, rows: Sequence[int], k: int = 20) -> Retrieved:
    """Products most bought together with any of the given ones, by lift; the given ones are left out."""
    if shelf.model is None:
        return Retrieved(np.empty(0, dtype=np.int32), np.empty(0, dtype=np.float32))
    best: dict[int, float] = {}
    for row in rows:
        column = int(shelf.column_of_row[row])
        if column < 0:
            continue
        for partner, _, lift in shelf.model.bought_with(column, k):
            partner_row = int(shelf.row_of_column[partner])
            if partner_row >= 0 and partner_row not in rows:
                best[partner_row] = max(best.get(partner_row, 0.0), lift)
    ranked = sorted(best.items(), key=lambda pair: (-pair[1], pair[0]))
    return Retrieved(
        np.asarray([row for row, _ in ranked], dtype=np.int32), np.asarray([s for _, s in ranked], dtype=np.float32)
    )


def content_vector(shelf: Shelf, profile: Profile, stated: FloatScores | None) -> FloatScores | None:
    """One unit vector for what the shopper likes: history items by weight, and the stated interests' vector.

    Args:    stated: unit vector of the stated interests, None without any. It weighs as much as the whole history.
    Returns: shape (d,), None when nothing is known.
    """
    total: FloatScores | None = None
    if len(profile.rows):
        head = profile.rows[:50]
        vectors, found = shelf.item_vectors(head)
        if found.any():
            total = _unit((vectors * profile.weights[:50, None]).sum(axis=0))
    if stated is not None:
        total = stated if total is None else _unit(total + stated)
    return total


def merge(
    shelf: Shelf,
    sources: Mapping[str, Retrieved],
    *,
    profile: Profile,
    personal: FloatScores,
    context: FloatScores | None,
    beside: FloatScores | None = None,
    content: FloatScores | None,
    query: Retrieved | None,
    size: int = POOL,
) -> Candidates:
    """Merges the sources by rank into the pool and gives each product its user match.

    Args:    personal, context: from the functions above; beside: the vector of what is on the page or in the cart;
             content: the vector of `content_vector`;
             query: what answers the stated query, best first, scored 0..1 (`query_match`); where present, only these
             products are candidates, because a shopper who asks for something wants that.
    """
    rows = _fuse([s.rows for s in sources.values()], size) if query is None else query.rows[:size]
    match = _scaled(personal[rows])
    bucket = history_bucket(profile.interactions)
    if content is not None:
        stated = profile.preferences.interests or profile.preferences.style_tags
        weight = np.full(len(rows), (STATED_WEIGHT if stated else CONTENT_WEIGHT)[bucket], dtype=np.float32)
        if not stated and _is_learned(shelf, profile):
            # The ensemble's order was measured without content; only what it does not know is placed by content.
            weight[shelf.column_of_row[rows] >= 0] = 0.0
        match = (1.0 - weight) * match + weight * _similarity(shelf, rows, content)
    if query is None and (context is not None or beside is not None):
        # What is bought with it and what is like it, half and half; either alone where the other is unknown.
        parts = [] if context is None else [_scaled(context[rows])]
        parts += [] if beside is None else [_similarity(shelf, rows, beside)]
        match = CONTEXT_WEIGHT * np.mean(parts, axis=0) + (1.0 - CONTEXT_WEIGHT) * match
    if query is not None:
        match = QUERY_WEIGHT * query.scores[:size] + (1.0 - QUERY_WEIGHT) * match
    return Candidates(rows=rows, match=match.astype(np.float32))


def named(shelf: Shelf, text: str, k: int) -> Retrieved:
    """Products whose name or category holds words of the text, most words first: for when there is no word index."""
    wanted = set(folded_words(text))
    by_category = [len(wanted.intersection(folded_words(path))) for path in shelf.snapshot.categories] + [0]
    hits = np.fromiter(
        (
            2 * len(wanted.intersection(folded_words(name))) + by_category[code]
            for name, code in zip(shelf.snapshot.names, shelf.snapshot.category.tolist(), strict=True)
        ),
        dtype=np.float32,
        count=len(shelf.snapshot),
    )
    rows = top_rows(hits, k)
    return Retrieved(rows, hits[rows])


def widened(shelf: Shelf, personal: FloatScores, eligible: BoolArray, size: int = POOL) -> Retrieved:
    """The best eligible products by exact search, for when the rules left too few of the pool."""
    scores = np.where(eligible, personal + np.float32(1e-6) * (1.0 + shelf.popularity), np.float32(0.0))
    rows = top_rows(scores, size)
    return Retrieved(rows, scores[rows])


def _is_learned(shelf: Shelf, profile: Profile) -> bool:
    return shelf.model is not None and history_bucket(profile.interactions) in shelf.model.learned_buckets


def _blended(shelf: Shelf, rows: IntArray, weights: FloatScores, bucket: str) -> FloatScores:
    blend = FALLBACK_BLEND if shelf.model is None else shelf.model.blend.get(bucket, FALLBACK_BLEND)
    total = blend.get("popularity", 0.0) * shelf.popularity + blend.get("trend", 0.0) * shelf.trend
    if shelf.model is None or len(rows) == 0:
        return total.astype(np.float32)
    columns, known = _columns(shelf, rows, weights)
    if len(columns) == 0:
        return total.astype(np.float32)
    by_column = np.zeros(len(shelf.model.product_ids), dtype=np.float32)
    for source, scores in shelf.model.scores(columns, known).items():
        weight = blend.get(source, 0.0)
        if weight:
            by_column += np.float32(weight) * scores
    return (total + shelf.scores_by_row(by_column)).astype(np.float32)


def _columns(shelf: Shelf, rows: IntArray, weights: FloatScores) -> tuple[IntArray, FloatScores]:
    columns = shelf.column_of_row[rows]
    known = columns >= 0
    return columns[known], weights[known]


def _fuse(lists: Sequence[IntArray], size: int) -> IntArray:
    """Reciprocal rank fusion; ties by row."""
    filled = [rows for rows in lists if len(rows)]
    if not filled:
        return np.empty(0, dtype=np.int32)
    rows = np.concatenate(filled)
    gain = np.concatenate([1.0 / (RRF_K + np.arange(1, len(r) + 1)) for r in filled])
    unique, inverse = np.unique(rows, return_inverse=True)
    total = np.bincount(inverse, weights=gain)
    return unique[np.lexsort((unique, -total))[:size]].astype(np.int32)


def _scaled(scores: FloatScores) -> FloatScores:
    """Scores shifted and scaled to 0..1 within the pool; all equal becomes 0."""
    if len(scores) == 0:
        return scores
    low, high = float(scores.min()), float(scores.max())
    if high <= low:
        return np.zeros(len(scores), dtype=np.float32)
    return ((scores - low) / (high - low)).astype(np.float32)


def _similarity(shelf: Shelf, rows: IntArray, vector: FloatScores) -> FloatScores:
    """Cosine similarity to the vector, scaled to 0..1 within the pool; 0 for products without a vector."""
    vectors, found = shelf.item_vectors(rows)
    if found.all():
        return _scaled(vectors @ vector)
    similarity = np.zeros(len(rows), dtype=np.float32)
    if found.any():
        similarity[found] = _scaled(vectors[found] @ vector)
    return similarity


def _unit(vector: FloatScores) -> FloatScores | None:
    norm = float(np.linalg.norm(vector))
    return None if norm == 0.0 else (vector / norm).astype(np.float32)
