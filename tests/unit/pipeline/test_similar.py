"""Similar and bought together, on a catalogue whose answers can be worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from app.pipeline.bought_together import bought_together
from app.pipeline.candidates import Retrieved
from app.pipeline.shelf import Shelf, build_shelf
from app.pipeline.similar import similar_to


@pytest.fixture
def shelf(snapshot, model, vectors) -> Shelf:
    return build_shelf(snapshot, model, vectors)


def near(shelf: Shelf, *ids: str) -> Retrieved:
    """What a vector index would list."""
    rows = shelf.snapshot.rows(ids)
    return Retrieved(rows, np.ones(len(rows), dtype=np.float32))


def names(shelf: Shelf, found: Retrieved) -> list[str]:
    return [shelf.snapshot.product_ids[row] for row in found.rows]


def test_likeness_is_meaning_and_behaviour_mixed(shelf: Shelf) -> None:
    """By vector the knife is nearly as near as the pot; shoppers go on to the pot, which puts it first."""
    pan = shelf.snapshot.row_of["pan"]
    found = similar_to(shelf, pan, near(shelf, "pan", "pot", "knife"), min_similarity=0.5, behaviour_share=0.3)
    assert names(shelf, found) == ["pot", "knife"]
    vectors, _ = shelf.item_vectors(found.rows)
    own, _ = shelf.item_vectors(np.asarray([pan]))
    assert found.scores == pytest.approx(0.7 * (vectors @ own[0]) + 0.3 * np.asarray([1.0, 0.5]))


def test_what_is_not_alike_stays_out_whoever_looks_at_it(shelf: Shelf) -> None:
    """The lamp follows the knife in behaviour; by what it is it has nothing of it."""
    knife = shelf.snapshot.row_of["knife"]
    found = similar_to(shelf, knife, near(shelf, "pan", "pot", "lamp"), min_similarity=0.5)
    assert set(names(shelf, found)) == {"pan", "pot"}


def test_behaviour_finds_what_the_index_did_not_list(shelf: Shelf) -> None:
    """Without an answer of the index the model's neighbours are compared."""
    found = similar_to(shelf, shelf.snapshot.row_of["pan"], None, min_similarity=0.5)
    assert names(shelf, found) == ["pot", "knife"]


def test_the_threshold_counts(shelf: Shelf) -> None:
    """A threshold of 1 leaves only equals, and there are none."""
    pan = shelf.snapshot.row_of["pan"]
    assert names(shelf, similar_to(shelf, pan, near(shelf, "pot", "knife"), min_similarity=1.0)) == []


def test_a_product_without_a_vector_has_neighbours_of_its_category(snapshot, model) -> None:
    """Behaviour decides alone, and does not leave the category."""
    shelf = build_shelf(snapshot, model, None)
    assert names(shelf, similar_to(shelf, snapshot.row_of["pan"], None, min_similarity=0.5)) == ["pot", "knife"]
    assert names(shelf, similar_to(shelf, snapshot.row_of["knife"], None, min_similarity=0.5)) == []
    bare = build_shelf(snapshot, None, None)
    assert names(bare, similar_to(bare, snapshot.row_of["pan"], None, min_similarity=0.5)) == []


def test_bought_together_keeps_the_models_order(shelf: Shelf) -> None:
    """Best first, what has left the catalogue left out, nothing filled up."""
    assert names(shelf, bought_together(shelf, shelf.snapshot.row_of["pan"])) == ["pot", "knife"]
    assert names(shelf, bought_together(shelf, shelf.snapshot.row_of["knife"])) == ["lamp"]  # "gone" is gone
    assert names(shelf, bought_together(shelf, shelf.snapshot.row_of["novel"])) == []  # the model does not know it
    scores = bought_together(shelf, shelf.snapshot.row_of["pan"]).scores
    assert list(scores) == sorted(scores, reverse=True)
