"""New and re-described products get vectors and words while the service runs, and nothing else is done again."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from app.adapters import reembedding
from app.adapters.bm25_index import Bm25Index
from app.adapters.exact_index import ExactIndex
from app.adapters.indexing import sync_index
from app.adapters.item_vectors import open_item_vectors
from app.adapters.overlaid import OverlaidIndex, OverlaidVectors, OverlaidWords
from app.adapters.overlay_files import Overlay, overlay_folder, read_overlay
from app.adapters.reembedding import Progress, Reembedding, reembed_once
from app.adapters.sql_store import SqlStore
from app.domain.catalog import Product
from app.domain.errors import IndexUnavailable
from app.domain.interactions import Consent
from app.pipeline.columns import snapshot_of
from app.pipeline.item_text import item_text
from app.pipeline.shelf import build_shelf
from tests.adapters.retrieval.doubles import KEY, WordEmbedder, shop

Round = Callable[[], int]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqlStore]:
    """Thirty products."""
    opened = SqlStore.open(f"sqlite:///{tmp_path}/shop.db", currency="EUR", consent_default=Consent())
    opened.upsert_products(shop(30), at=1.0)
    yield opened
    opened.close()


@pytest.fixture
def embedder() -> WordEmbedder:
    """Counts what it is asked for."""
    return WordEmbedder()


@pytest.fixture
def once(store: SqlStore, tmp_path: Path, embedder: WordEmbedder) -> Round:
    """One round of one leader, after a training on the thirty products."""
    sync_index(store.iter_products(), WordEmbedder, tmp_path, key=KEY)
    state = Progress()
    return lambda: reembed_once(store, tmp_path, embedder, state)


def overlay_of(data_dir: Path) -> Overlay:
    """The current one."""
    found = read_overlay(data_dir, KEY)
    assert found is not None
    return found


def test_a_new_product_is_embedded_and_found(
    store: SqlStore, tmp_path: Path, once: Round, embedder: WordEmbedder
) -> None:
    """By vector and by word, exactly as if it had been trained with."""
    assert once() == 0
    new = Product("new", "quilted teapot", brand="Warm")
    store.upsert_products([new], at=2.0)
    assert once() == 1
    assert embedder.texts == [item_text(new)]
    overlay, base = overlay_of(tmp_path), open_item_vectors(tmp_path, KEY)
    vector = WordEmbedder().encode([item_text(new)])[0]
    ids, similarity = OverlaidIndex(ExactIndex(base), overlay).search(vector, 3)
    assert (ids[0], len(ids)) == ("new", 3)
    assert similarity[0] == pytest.approx(1.0, abs=1e-5)
    words = OverlaidWords(Bm25Index.open(tmp_path), overlay)
    assert words.search("teapot", 5)[0] == ("new",)
    assert words.scores("teapot", ["p1", "new", "none"])[[0, 2]].tolist() == [0.0, 0.0]
    assert words.matches("quilted teapot").every.sum() == 1
    assert once() == 0


def test_a_renamed_product_is_found_by_its_new_words_only(store: SqlStore, tmp_path: Path, once: Round) -> None:
    """The base still holds the old ones; its row no longer counts, neither in search nor on the shelf."""
    once()
    renamed = replace(shop(30)[3], name="quilted teapot")
    store.upsert_products([renamed], at=2.0)
    assert once() == 1
    overlay, base = overlay_of(tmp_path), open_item_vectors(tmp_path, KEY)
    words = OverlaidWords(Bm25Index.open(tmp_path), overlay)
    assert "p3" not in words.search("colour3", 30)[0]
    assert words.search("teapot", 5)[0] == ("p3",)
    old, new = (WordEmbedder().encode([item_text(p)])[0] for p in (shop(30)[3], renamed))
    index = OverlaidIndex(ExactIndex(base), overlay)
    assert index.search(new, 1)[0] == ("p3",)
    assert index.search(old, 30)[0].count("p3") == 1
    assert index.search(old, 1)[0] != ("p3",)
    shelf = build_shelf(snapshot_of(store.iter_products(), 1), None, OverlaidVectors.of(base, overlay))
    vectors, found = shelf.item_vectors(np.asarray([3, 4], dtype=np.int32))
    assert found.all()
    assert np.allclose(vectors[0], new, atol=1e-6)
    assert np.array_equal(vectors[1], base.matrix[4])


def test_scores_are_those_of_one_index_over_all(store: SqlStore, tmp_path: Path, once: Round) -> None:
    """A word weighs by its rarity in the whole catalogue: an overlay of one must not rank above everything."""
    once()
    new = Product("new", "product 31 colour3", brand="brand1")
    store.upsert_products([new], at=2.0)
    once()
    overlaid = OverlaidWords(Bm25Index.open(tmp_path), overlay_of(tmp_path))
    apart = {p: float(overlaid.scores("colour3", [p])[0]) for p in ("new", "p3", "p10")}
    sync_index(store.iter_products(), WordEmbedder, tmp_path, key=KEY)
    whole = Bm25Index.open(tmp_path)
    together = {p: float(whole.scores("colour3", [p])[0]) for p in ("new", "p3", "p10")}
    assert apart == pytest.approx(together, rel=0.15)


def test_price_and_stock_embed_nothing(store: SqlStore, tmp_path: Path, once: Round, embedder: WordEmbedder) -> None:
    """Most changes of a shop are those; no file is written for them."""
    once()
    generation = overlay_of(tmp_path).generation
    store.upsert_products([replace(p, price_minor=100, stock=0) for p in shop(30)], at=2.0)
    assert once() == 0
    assert embedder.texts == []
    assert overlay_of(tmp_path).generation == generation


def test_words_that_are_only_searched_are_followed(store: SqlStore, tmp_path: Path, once: Round) -> None:
    """The ninth attribute is not embedded, but it is searched for."""
    once()
    many = {f"a{i}": "x" for i in range(8)}
    base = replace(shop(30)[5], attributes={**many, "z": "plain"})
    store.upsert_products([base], at=2.0)
    once()
    store.upsert_products([replace(base, attributes={**many, "z": "bakelite"})], at=3.0)
    once()
    assert OverlaidWords(Bm25Index.open(tmp_path), overlay_of(tmp_path)).search("bakelite", 5)[0] == ("p5",)


def test_what_is_deleted_or_as_before_leaves_the_overlay(store: SqlStore, tmp_path: Path, once: Round) -> None:
    """Deleted products go, and a name that is changed back counts as the base's again."""
    once()
    store.upsert_products([Product("new", "teapot"), replace(shop(30)[3], name="teapot")], at=2.0)
    assert once() == 2
    store.delete_products(["new"], at=3.0)
    store.upsert_products([shop(30)[3]], at=3.0)
    assert once() == 0
    assert overlay_of(tmp_path).product_ids == ()


def test_a_new_leader_goes_on_where_the_last_one_was(
    store: SqlStore, tmp_path: Path, once: Round, embedder: WordEmbedder
) -> None:
    """Another process reads the overlay instead of embedding all of it again."""
    once()
    store.upsert_products([Product("new", "teapot")], at=2.0)
    once()
    store.upsert_products([Product("newer", "kettle")], at=3.0)
    other = WordEmbedder()
    assert reembed_once(store, tmp_path, other, Progress()) == 1
    assert other.texts == ["kettle"]
    assert set(overlay_of(tmp_path).product_ids) == {"new", "newer"}


def test_training_takes_the_overlay_in(store: SqlStore, tmp_path: Path, once: Round, embedder: WordEmbedder) -> None:
    """After it the overlay is empty, and begins again with what changes next."""
    once()
    store.upsert_products([Product("new", "teapot")], at=2.0)
    once()
    before = overlay_of(tmp_path)
    sync_index(store.iter_products(), WordEmbedder, tmp_path, key=KEY)
    assert before.base != open_item_vectors(tmp_path, KEY).digest  # readers leave it alone from now on
    assert once() == 0
    assert overlay_of(tmp_path).product_ids == ()
    assert overlay_of(tmp_path).base == open_item_vectors(tmp_path, KEY).digest


def test_a_full_overlay_waits_for_training(
    store: SqlStore, tmp_path: Path, once: Round, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its words are indexed in memory, so there is an end; what has no room is not lost."""
    monkeypatch.setattr(reembedding, "MOST", 3)
    once()
    store.upsert_products([Product(f"n{i}", f"teapot {i}") for i in range(5)], at=2.0)
    assert once() == 3
    assert len(overlay_of(tmp_path).product_ids) == 3


def test_without_a_base_nothing_is_done(store: SqlStore, tmp_path: Path, embedder: WordEmbedder) -> None:
    """Before the first training; the job says so and tries again."""
    with pytest.raises(IndexUnavailable):
        reembed_once(store, tmp_path, embedder, Progress())
    Reembedding(store, tmp_path, embedder).run()


def test_a_damaged_overlay_is_left_out_and_written_anew(
    store: SqlStore, tmp_path: Path, once: Round, damage: Callable[[Path], None]
) -> None:
    """Readers go on with the base."""
    once()
    store.upsert_products([Product("new", "teapot")], at=2.0)
    once()
    damage(overlay_folder(tmp_path, KEY) / overlay_of(tmp_path).generation / "matrix.f32")
    assert read_overlay(tmp_path, KEY) is None
    assert reembed_once(store, tmp_path, WordEmbedder(), Progress()) == 1
    assert overlay_of(tmp_path).product_ids == ("new",)


def test_who_reads_is_told_only_when_something_was_embedded(
    store: SqlStore, tmp_path: Path, once: Round, embedder: WordEmbedder
) -> None:
    """The leader's own process then reads the new words at once and does not wait for its next look."""
    once()
    told: list[int] = []
    job = Reembedding(store, tmp_path, embedder, lambda: told.append(1))
    job.run()
    assert told == []
    store.upsert_products([Product("new", "teapot")], at=2.0)
    job.run()
    job.run()
    assert told == [1]
