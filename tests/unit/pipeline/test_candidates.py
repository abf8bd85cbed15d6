"""The pool and the user match follow from sources whose scores are known."""

import numpy as np
import pytest

from app.domain.interactions import History, Preferences
from app.domain.ranking import Query
from app.pipeline.candidates import (
    Retrieved,
    bought_with,
    content_vector,
    context_scores,
    merge,
    personal_scores,
    widened,
)
from app.pipeline.profile import Profile
from app.pipeline.retrieval import behaviour_sources, context_rows, stated_interests
from app.pipeline.shelf import build_shelf, top_rows


@pytest.fixture
def shelf(snapshot, model, vectors):
    return build_shelf(snapshot, model, vectors)


def _liking(shelf, *ids: str) -> Profile:
    rows = shelf.snapshot.rows(ids)
    return Profile(rows=rows, weights=np.ones(len(rows), dtype=np.float32), interactions=len(rows), used=True)


def _ids(shelf, rows) -> list[str]:
    return [shelf.snapshot.product_ids[r] for r in rows]


def test_scores_land_on_the_right_rows(shelf) -> None:
    """Model columns are rearranged to catalogue rows; products that the model does not know score 0."""
    scores = personal_scores(shelf, _liking(shelf, "pan"), 0.0)
    assert _ids(shelf, [int(np.argmax(scores))]) == ["pot"]
    assert scores[shelf.snapshot.row_of["ball"]] == 0.0


def test_a_shopper_without_history_gets_what_is_popular(shelf) -> None:
    """The blend of bucket "0" orders by popularity and trend."""
    assert _ids(shelf, top_rows(personal_scores(shelf, Profile(), 0.0), 2)) == ["pan", "pot"]


def test_no_model_still_gives_scores(snapshot, vectors) -> None:
    """Without a trained model nothing is personal and nothing fails."""
    shelf = build_shelf(snapshot, None, vectors)
    assert personal_scores(shelf, _liking(shelf, "pan"), 0.0).tolist() == [0.0] * len(snapshot)
    assert context_scores(shelf, shelf.snapshot.rows(["pan"])) is None
    assert len(bought_with(shelf, [0]).rows) == 0


def test_bought_with_leaves_out_what_is_given_and_what_is_gone(shelf) -> None:
    """Partners come by lift; the products asked about and deleted ones are not among them."""
    rows = shelf.snapshot.rows(["knife"]).tolist()
    assert _ids(shelf, bought_with(shelf, rows).rows) == ["lamp"]
    both = shelf.snapshot.rows(["pan", "pot"]).tolist()
    assert _ids(shelf, bought_with(shelf, both).rows) == ["knife", "lamp"]


def test_content_lifts_what_resembles_the_stated_interest(shelf) -> None:
    """With content only, the product nearest to the stated vector matches best."""
    stated = np.asarray([0.0, 1.0, 0.0], dtype=np.float32)
    content = content_vector(shelf, Profile(), stated)
    pool = merge(
        shelf,
        {"all": Retrieved(np.arange(6, dtype=np.int32), np.ones(6, dtype=np.float32))},
        profile=Profile(),
        personal=np.zeros(6, dtype=np.float32),
        context=None,
        content=content,
        query=None,
    )
    assert _ids(shelf, [pool.rows[int(np.argmax(pool.match))]]) == ["lamp"]


def test_a_query_limits_the_pool_to_what_it_retrieved(shelf) -> None:
    """A shopper who asks for something is not offered what no retriever found for it."""
    found = Retrieved(shelf.snapshot.rows(["lamp", "knife"]), np.asarray([2.0, 1.0], dtype=np.float32))
    pool = merge(
        shelf,
        {"popular": Retrieved(shelf.popular_rows, shelf.popularity[shelf.popular_rows])},
        profile=Profile(),
        personal=personal_scores(shelf, Profile(), 0.0),
        context=None,
        content=None,
        query=found,
    )
    assert sorted(_ids(shelf, pool.rows)) == ["knife", "lamp"]
    assert _ids(shelf, [pool.rows[int(np.argmax(pool.match))]]) == ["lamp"]


def test_the_page_outweighs_the_history(shelf) -> None:
    """On a product page the product's neighbours come before the shopper's."""
    profile = _liking(shelf, "pot")  # likes the knife next
    around = context_scores(shelf, shelf.snapshot.rows(["knife"]))  # the lamp comes next
    personal = personal_scores(shelf, profile, 0.0)
    sources = behaviour_sources(
        shelf, profile, personal=personal, context=shelf.snapshot.rows(["knife"]), around=around
    )
    pool = merge(shelf, sources, profile=profile, personal=personal, context=around, content=None, query=None)
    assert _ids(shelf, [pool.rows[int(np.argmax(pool.match))]]) == ["lamp"]


def test_pool_holds_no_product_twice(shelf) -> None:
    """Sources overlap; the pool does not."""
    profile = _liking(shelf, "pan")
    personal = personal_scores(shelf, profile, 0.0)
    sources = behaviour_sources(shelf, profile, personal=personal, context=np.empty(0, dtype=np.int32), around=None)
    pool = merge(shelf, sources, profile=profile, personal=personal, context=None, content=None, query=None)
    assert len(set(pool.rows.tolist())) == len(pool.rows) == len(pool.match)


def test_widening_finds_every_eligible_product(shelf) -> None:
    """When the rules emptied the pool, exact search returns eligible products only, however low they score."""
    eligible = np.zeros(len(shelf.snapshot), dtype=np.bool_)
    eligible[shelf.snapshot.rows(["ball", "lamp"])] = True
    found = widened(shelf, personal_scores(shelf, Profile(), 0.0), eligible)
    assert _ids(shelf, found.rows) == ["lamp", "ball"]


def test_context_is_the_page_then_the_cart_without_repeats(shelf) -> None:
    """Unknown products in a cart are left out rather than failing the request."""
    query = Query(product_id="pot", cart=("pan", "vanished", "pot"))
    assert _ids(shelf, context_rows(shelf, query)) == ["pot", "pan"]


def test_interests_are_texts_of_their_own() -> None:
    """No stated interest means no text, not an empty one; a word that is interest and style counts once."""
    assert stated_interests(Profile()) == ()
    stated = Profile(preferences=Preferences(interests=("running", "wool"), style_tags=("wool", "classic")))
    assert stated_interests(stated) == ("running", "wool", "classic")


@pytest.mark.parametrize("k", [0, 1, 3, 10])
def test_top_rows_are_the_largest_positive_ones(k) -> None:
    """Zeros and negatives are never among the top rows; ties go to the earlier row."""
    scores = np.asarray([0.0, 3.0, 1.0, 3.0, -1.0], dtype=np.float32)
    assert top_rows(scores, k).tolist() == [1, 3, 2][:k]


def test_the_ensemble_gets_the_history_by_column_and_orders_the_rows(snapshot, model, vectors) -> None:
    """Where the model serves a bucket by its ensemble, its scores count, from what it knows of the history."""
    given = []

    class Learned(type(model)):
        learned_buckets = frozenset({"1-3"})

        def ranked(self, history, now):
            given.append((history.product.tolist(), now))
            return super().ranked(history, now)

    shelf = build_shelf(snapshot, Learned(model.product_ids), vectors)
    rows = snapshot.rows(["knife", "ball"])
    history = History(rows, np.zeros(2, np.int8), np.zeros(2), np.full(2, -1, np.int32))
    scores = personal_scores(shelf, Profile(history=history, interactions=2), 5.0)
    assert given == [([2], 5.0)]
    assert _ids(shelf, top_rows(scores, 2)) == ["lamp", "knife"]
    personal_scores(shelf, Profile(history=history, interactions=9), 5.0)
    assert len(given) == 1


def test_content_moves_only_what_the_ensemble_does_not_know(snapshot, model, vectors) -> None:
    """Products with interactions keep the learned order; without it, or with stated interests, content counts."""
    content = np.asarray([0.0, 1.0, 0.0], dtype=np.float32)
    everything = {"all": Retrieved(np.arange(6, dtype=np.int32), np.ones(6, dtype=np.float32))}
    personal = np.linspace(1.0, 0.0, 6).astype(np.float32)

    def match(buckets, preferences=Preferences()):
        kind = type("Kind", (type(model),), {"learned_buckets": frozenset(buckets)})
        shelf = build_shelf(snapshot, kind(model.product_ids), vectors)
        profile = Profile(preferences=preferences, interactions=2)
        pool = merge(shelf, everything, profile=profile, personal=personal, context=None, content=content, query=None)
        return pool.match[np.argsort(pool.rows)]

    np.testing.assert_allclose(match({"1-3"})[:4], personal[:4])
    assert match(set())[3] > personal[3]
    assert match({"1-3"}, Preferences(interests=("lamps",)))[3] > personal[3]
