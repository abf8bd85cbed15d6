"""Item vectors on disk and exact search over them."""

import numpy as np
import pytest

from app.adapters.exact_index import ExactIndex, top_k
from app.adapters.item_vectors import open_item_vectors
from app.domain.errors import IndexUnavailable
from tests.adapters.retrieval.doubles import KEY, random_units, stored_vectors


def test_what_was_written_is_mapped_read_only(tmp_path):
    """Ids, rows and vectors come back as written, and can't be written to."""
    matrix = random_units(20)
    stored_vectors(tmp_path, matrix)
    vectors = open_item_vectors(tmp_path, KEY)
    assert isinstance(vectors.matrix.base, np.memmap)
    assert np.array_equal(vectors.matrix, matrix)
    assert vectors.row_of["p7"] == 7
    with pytest.raises(ValueError, match="read-only"):
        vectors.matrix[0, 0] = 1.0


def test_the_same_content_has_the_same_digest(tmp_path):
    """The digest names the content; another vector, id or order is another digest."""
    matrix = random_units(5)
    digests = [
        stored_vectors(tmp_path / "a", matrix).digest,
        stored_vectors(tmp_path / "b", matrix).digest,
        stored_vectors(tmp_path / "c", matrix[::-1]).digest,
        stored_vectors(tmp_path / "d", matrix, ids=["q0", "p1", "p2", "p3", "p4"]).digest,
    ]
    assert digests[0] == digests[1]
    assert len(set(digests)) == 3


def test_no_vectors_is_an_error_that_says_what_to_do(tmp_path):
    """An empty data folder is IndexUnavailable."""
    with pytest.raises(IndexUnavailable, match="shelfwise train"):
        open_item_vectors(tmp_path, KEY)


def test_odd_ids_survive(tmp_path):
    """Empty ids, quotes, emoji and lone surrogates come back as they were."""
    ids = ["", '"', "🎁", "\ud800", "a b\n"]
    stored_vectors(tmp_path, random_units(5), ids=ids)
    assert open_item_vectors(tmp_path, KEY).product_ids == tuple(ids)


def test_exact_search_orders_by_cosine(tmp_path):
    """The answer is that of a full sort, whatever the length of the query vector."""
    matrix = random_units(200)
    index = ExactIndex(stored_vectors(tmp_path, matrix))
    query = random_units(1, seed=1)[0]
    ids, similarity = index.search(query * 5, 10)
    expected = np.argsort(-(matrix @ query))[:10]
    assert list(ids) == [f"p{row}" for row in expected]
    assert np.allclose(similarity, (matrix @ query)[expected], atol=1e-6)


@pytest.mark.parametrize("share", [0.02, 0.6])
def test_masked_search_is_search_among_the_masked(tmp_path, share):
    """Both ways of masking, gathering few rows and scoring all, give what filtering a full answer gives."""
    index = ExactIndex(stored_vectors(tmp_path, random_units(500)))
    query = random_units(1, seed=2)[0]
    mask = np.random.default_rng(3).random(500) < share
    ids, _ = index.search_masked(query, mask, 7)
    everything, _ = index.search(query, 500)
    assert list(ids) == [p for p in everything if mask[int(p[1:])]][:7]


def test_a_mask_without_rows_finds_nothing(tmp_path):
    """Nothing eligible is an empty answer."""
    index = ExactIndex(stored_vectors(tmp_path, random_units(10)))
    assert index.search_masked(random_units(1)[0], np.zeros(10, dtype=bool), 5)[0] == ()


@pytest.mark.parametrize("vector", [np.zeros(32), np.full(32, np.nan), np.full(32, np.inf)])
def test_a_vector_without_direction_finds_nothing(tmp_path, vector):
    """Zero, NaN and infinity have no nearest products."""
    index = ExactIndex(stored_vectors(tmp_path, random_units(10)))
    assert index.search(vector.astype(np.float32), 5)[0] == ()


def test_k_is_bounded_by_the_catalogue(tmp_path):
    """k = 0 and less give nothing; k beyond the catalogue gives all of it."""
    index = ExactIndex(stored_vectors(tmp_path, random_units(3)))
    assert [len(index.search(random_units(1)[0], k)[0]) for k in (-1, 0, 2, 99)] == [0, 0, 2, 3]


def test_wrong_shapes_are_refused(tmp_path):
    """A vector of another model or a mask of another catalogue is a mistake in the code."""
    index = ExactIndex(stored_vectors(tmp_path, random_units(3)))
    with pytest.raises(ValueError, match="dimensions"):
        index.search(np.ones(5, dtype=np.float32), 1)
    with pytest.raises(ValueError, match="mask"):
        index.search_masked(random_units(1)[0], np.ones(4, dtype=bool), 1)


def test_ties_go_by_position_also_at_the_edge():
    """Equal scores are cut and ordered by position."""
    scores = np.asarray([1, 2, 1, 2, 1, 1], dtype=np.float32)
    assert top_k(scores, 4).tolist() == [1, 3, 0, 2]
    assert top_k(scores, 9).tolist() == [1, 3, 0, 2, 4, 5]
