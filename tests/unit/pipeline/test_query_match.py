"""How well products answer a query."""

import numpy as np
import pytest

from app.pipeline.candidates import QUERY_MIN_SIMILARITY, Retrieved
from app.pipeline.query_match import WORDS_SHARE, QueryScale, best_first, found_rows, relevance, scores_of


def _list(rows, scores):
    return Retrieved(np.asarray(rows, dtype=np.int32), np.asarray(scores, dtype=np.float32))


def _floats(*values):
    return np.asarray(values, dtype=np.float32)


NOTHING = _list([], [])


def test_each_retriever_is_measured_against_its_best():
    """Best by both is 1; half as good by words and not at all by meaning is half the words' share."""
    scale = QueryScale.of(_list([4, 7], [8.0, 4.0]), _list([4], [0.6]))
    mixed = relevance(scale, _floats(8.0, 4.0, 0.0), _floats(0.6, -0.2, 0.3))
    assert mixed.tolist() == pytest.approx([1.0, WORDS_SHARE / 2, (1 - WORDS_SHARE) / 2])


def test_one_retriever_decides_alone_where_the_other_does_not_answer():
    """No index, or no product with a word of the query: the order is that of the other."""
    words, similarity = _floats(2.0, 1.0), _floats(0.2, 0.8)
    assert relevance(QueryScale(words=2.0, meaning=None), words, similarity).tolist() == [1.0, 0.5]
    for silent in (None, 0.0):
        assert relevance(QueryScale(words=silent, meaning=0.8), words, similarity).tolist() == [0.25, 1.0]
    assert relevance(QueryScale(None, None), words, similarity).tolist() == [0.0, 0.0]


def test_what_is_nearest_to_nonsense_is_not_perfect():
    """With nothing near enough, similarity is measured against the least that counts as near."""
    assert QueryScale.of(None, NOTHING) == QueryScale(words=None, meaning=QUERY_MIN_SIMILARITY)
    assert QueryScale.of(NOTHING, None) == QueryScale(words=0.0, meaning=None)
    half = relevance(QueryScale.of(None, NOTHING), _floats(0.0), _floats(QUERY_MIN_SIMILARITY / 2))
    assert half.tolist() == pytest.approx([0.5])


def test_relevance_hangs_on_nothing_else_in_the_pool():
    """A product scores the same alone and among others."""
    scale = QueryScale(words=5.0, meaning=0.7)
    words, similarity = _floats(1.0, 3.0, 5.0), _floats(0.7, 0.1, 0.2)
    together = relevance(scale, words, similarity)
    alone = [relevance(scale, words[i : i + 1], similarity[i : i + 1])[0] for i in range(3)]
    assert together.tolist() == [float(score) for score in alone]


def test_rows_of_both_lists_each_once():
    """Ascending; empty and missing lists add nothing."""
    assert found_rows(_list([5, 1], [2, 1]), _list([1, 9], [1, 0.5])).tolist() == [1, 5, 9]
    assert found_rows(None, None).tolist() == found_rows(NOTHING, None).tolist() == []


def test_best_first_and_ties_by_row():
    """The order of an answer is deterministic."""
    ordered = best_first(np.asarray([9, 3, 5], dtype=np.int32), _floats(0.5, 0.5, 0.7))
    assert ordered.rows.tolist() == [5, 3, 9]
    assert scores_of(ordered, np.asarray([3, 4], dtype=np.int32)).tolist() == [0.5, 0.0]
    assert scores_of(None, np.asarray([3], dtype=np.int32)).tolist() == [0.0]
