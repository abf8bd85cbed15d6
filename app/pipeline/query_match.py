"""How well products answer a stated query: by words (BM25) and by meaning (cosine), mixed (docs/decisions/008)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from app.domain.catalog import IntArray
from app.pipeline.candidates import QUERY_MIN_SIMILARITY, FloatScores, Retrieved

WORDS_SHARE = 0.4
"""Share of the words in the mix, the rest is meaning. From 0.3 to 0.5 the quality measured on real queries hardly
moves (docs/search-quality.md)."""


@dataclass(frozen=True, slots=True)
class QueryScale:
    """The best score that either retriever gave any product for this query; None: that retriever did not answer.

    Scores are measured against the best of the whole catalogue, not of a pool, so that a product's relevance does not
    hang on what else was retrieved.
    """

    words: float | None
    meaning: float | None

    @classmethod
    def of(cls, words: Retrieved | None, near: Retrieved | None) -> QueryScale:
        """The scale of two ranked lists.

        A best similarity under QUERY_MIN_SIMILARITY counts as that: else the nearest to nonsense would be perfect.
        """
        return cls(
            words=None if words is None else _best(words),
            meaning=None if near is None else max(_best(near), QUERY_MIN_SIMILARITY),
        )


def found_rows(words: Retrieved | None, near: Retrieved | None) -> IntArray:
    """Rows that either retriever found, each once, ascending."""
    lists = [source.rows for source in (words, near) if source is not None]
    return np.unique(np.concatenate(lists)).astype(np.int32) if lists else np.empty(0, dtype=np.int32)


def relevance(
    scale: QueryScale, words: FloatScores, similarity: FloatScores, *, words_share: float = WORDS_SHARE
) -> FloatScores:
    """How well each product answers the query, 0..1, shape (k,).

    A linear mix of the two scores, each as a share of the best in the catalogue. Where one retriever did not answer,
    or no product holds a word of the query, the other decides alone.

    Args: words: BM25 scores, 0 = no word in common; similarity: cosines, 0 = no vector; both of shape (k,).
    """
    by_words = None if not scale.words else np.clip(words / np.float32(scale.words), 0.0, 1.0)
    by_meaning = None if not scale.meaning else np.clip(similarity / np.float32(scale.meaning), 0.0, 1.0)
    if by_words is None and by_meaning is None:
        return np.zeros(len(words), dtype=np.float32)
    if by_words is None:
        return np.asarray(by_meaning, dtype=np.float32)
    if by_meaning is None:
        return np.asarray(by_words, dtype=np.float32)
    return np.asarray(words_share * by_words + (1.0 - words_share) * by_meaning, dtype=np.float32)


def scores_of(source: Retrieved | None, rows: IntArray) -> FloatScores:
    """A list's own scores of the rows, shape (k,); 0 for those that it does not hold."""
    held = {} if source is None else dict(zip(source.rows.tolist(), source.scores.tolist(), strict=True))
    return np.asarray([held.get(row, 0.0) for row in rows.tolist()], dtype=np.float32)


def best_first(rows: IntArray, scores: FloatScores) -> Retrieved:
    """Rows in the order of their scores, ties by row."""
    order = np.lexsort((rows, -scores))
    return Retrieved(rows[order], scores[order])


def _best(source: Retrieved) -> float:
    return float(source.scores.max(initial=0.0))
