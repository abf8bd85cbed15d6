"""The shelf aligns catalogue, model and vectors, and prepares lists that need no shopper."""

import numpy as np

from app.pipeline.shelf import build_shelf


def test_products_without_vector_or_column_are_known_as_such(snapshot, model, vectors) -> None:
    """A product that is new to model and index has neither; one that is gone from the shop has no row."""
    shelf = build_shelf(snapshot, model, vectors)
    ball = snapshot.row_of["ball"]
    assert shelf.column_of_row[ball] == -1
    assert shelf.vector_of_row[ball] == -1
    assert shelf.row_of_column[model.product_ids.index("gone")] == -1
    found = shelf.item_vectors(np.asarray([ball, snapshot.row_of["pan"]], dtype=np.int32))[1]
    assert found.tolist() == [False, True]


def test_newest_first(snapshot, model, vectors) -> None:
    """The list of new products is by date, undated ones last or absent."""
    shelf = build_shelf(snapshot, model, vectors)
    assert [snapshot.product_ids[r] for r in shelf.new_rows[:2]] == ["novel", "ball"]


def test_trend_rank_counts_within_the_category(snapshot, model, vectors) -> None:
    """Ranks start at 1 in each category; products without trend have none."""
    model.trend = np.asarray([0.2, 0.9, 0.0, 0.5, 0.0], dtype=np.float32)
    shelf = build_shelf(snapshot, model, vectors)
    ranks = {p: int(shelf.trend_rank[snapshot.row_of[p]]) for p in ("pan", "pot", "knife", "lamp", "ball")}
    assert ranks == {"pan": 2, "pot": 1, "knife": 0, "lamp": 1, "ball": 0}


def test_category_prices(snapshot, model, vectors) -> None:
    """The median is taken over available priced products of the category."""
    prices = build_shelf(snapshot, model, vectors).prices
    kitchen = prices[snapshot.category[snapshot.row_of["pan"]]]
    assert (kitchen.n, kitchen.median) == (3, 6000.0)


def test_an_empty_catalogue_is_a_shelf_too(model, vectors) -> None:
    """Nothing to show is not an error."""
    from app.pipeline.columns import snapshot_of

    shelf = build_shelf(snapshot_of([], 0), model, vectors)
    assert len(shelf.popular_rows) == 0
    assert len(build_shelf(snapshot_of([], 0), None, None).new_rows) == 0
