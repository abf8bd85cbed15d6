"""Bringing the indexes in line with the catalogue: only what changed is done."""

from dataclasses import replace

import numpy as np
import pytest

from app.adapters.bm25_index import Bm25Index
from app.adapters.chroma_index import ChromaIndex
from app.adapters.indexing import sync_index
from app.adapters.item_vectors import open_item_vectors, vectors_folder
from app.domain.catalog import Product
from app.domain.errors import EmbedderUnavailable, IndexUnavailable
from app.pipeline.item_text import item_text
from tests.adapters.retrieval.doubles import KEY, WordEmbedder, shop


def never() -> WordEmbedder:
    """An embedder that must not be asked for."""
    raise AssertionError("the embedder was loaded")


def test_everything_is_embedded_once(tmp_path):
    """The first run embeds every product and builds both indexes over exactly these."""
    products = shop(30)
    report = sync_index(products, WordEmbedder, tmp_path, key=KEY)
    assert (report.products, report.embedded, report.reused, report.removed) == (30, 30, 0, 0)
    assert (report.vector_index, report.lexical_rebuilt) == ("rebuilt", True)
    vectors = open_item_vectors(tmp_path, KEY)
    assert vectors.product_ids == tuple(p.product_id for p in products)
    assert np.allclose(vectors.matrix, WordEmbedder().encode([item_text(p) for p in products]))
    assert Bm25Index.open(tmp_path).search("colour3", 99)[0] == ("p3", "p10", "p17", "p24")


def test_nothing_changed_does_nothing(tmp_path):
    """A second run loads no embedder and writes no generation, in whatever order the products come."""
    sync_index(shop(30), WordEmbedder, tmp_path, key=KEY)
    report = sync_index(reversed(shop(30)), never, tmp_path, key=KEY)
    assert (report.embedded, report.reused, report.generation) == (0, 30, "gen-000001")
    assert report.vector_index == "unchanged"
    assert not sync_index(reversed(shop(30)), never, tmp_path, key=KEY).lexical_rebuilt


def test_one_changed_product_embeds_one_product(tmp_path):
    """Only the product whose words changed is embedded; the others' vectors are the same bytes."""
    products = shop(30)
    sync_index(products, WordEmbedder, tmp_path, key=KEY)
    before = np.array(open_item_vectors(tmp_path, KEY).matrix)
    products[4] = replace(products[4], name="something else")
    embedder = WordEmbedder()
    report = sync_index(products, lambda: embedder, tmp_path, key=KEY)
    assert embedder.texts == ["something else. brand1"]
    assert (report.embedded, report.reused, report.vector_index) == (1, 29, "updated")
    vectors = open_item_vectors(tmp_path, KEY)
    changed = np.flatnonzero((vectors.matrix != before).any(axis=1))
    assert changed.tolist() == [4]
    index = ChromaIndex.open(tmp_path, vectors, build=False)
    assert index.search(embedder.encode(["something else. brand1"])[0], 1)[0] == ("p4",)
    index.close()


def test_price_and_stock_embed_nothing(tmp_path):
    """What is not words does not change a vector."""
    sync_index(shop(5), WordEmbedder, tmp_path, key=KEY)
    priced = [replace(product, price_minor=100, stock=0) for product in shop(5)]
    assert sync_index(priced, never, tmp_path, key=KEY).embedded == 0


def test_removing_embeds_nothing(tmp_path):
    """Removed products leave both indexes without the embedder being loaded."""
    sync_index(shop(30), WordEmbedder, tmp_path, key=KEY)
    report = sync_index(shop(29), never, tmp_path, key=KEY)
    assert (report.removed, report.embedded, report.vector_index) == (1, 0, "updated")
    vectors = open_item_vectors(tmp_path, KEY)
    assert "p29" not in vectors.row_of
    index = ChromaIndex.open(tmp_path, vectors, build=False)
    assert set(index.search(WordEmbedder().encode(["product"])[0], 99)[0]) == {f"p{i}" for i in range(29)}
    index.close()


def test_an_emptied_and_refilled_catalogue(tmp_path):
    """From nothing to nothing to one product and back."""
    assert sync_index([], never, tmp_path, key=KEY).products == 0
    assert sync_index([], never, tmp_path, key=KEY).generation == "gen-000001"
    assert sync_index(shop(1), WordEmbedder, tmp_path, key=KEY).embedded == 1
    assert sync_index([], never, tmp_path, key=KEY).removed == 1
    assert len(open_item_vectors(tmp_path, KEY)) == 0


def test_of_two_products_with_one_id_the_later_counts(tmp_path):
    """A repeated id is one product, also where the later one is the one already held."""
    sync_index([Product("p", "old")], WordEmbedder, tmp_path, key=KEY)
    assert sync_index([Product("p", "new"), Product("p", "old")], never, tmp_path, key=KEY).products == 1


def test_awkward_texts_are_indexed(tmp_path):
    """Empty names, emoji, lone surrogates and 100 KB are products like others."""
    products = [Product("a", ""), Product("b", "🎁"), Product("c", "\ud800x"), Product("d", "long " * 20_000)]
    assert sync_index(products, WordEmbedder, tmp_path, key=KEY).embedded == 4
    assert sync_index(products, never, tmp_path, key=KEY).reused == 4


def test_two_generations_are_kept(tmp_path):
    """Older vectors go, the one before stays to fall back to."""
    for n in range(1, 5):
        sync_index(shop(n), WordEmbedder, tmp_path, key=KEY)
    assert sorted(p.name for p in vectors_folder(tmp_path, KEY).glob("gen-*")) == ["gen-000003", "gen-000004"]


def test_damaged_vectors_fall_back_and_only_the_difference_is_embedded_again(tmp_path, damage):
    """With the current generation damaged the one before serves, and the next run repairs from it."""
    sync_index(shop(10), WordEmbedder, tmp_path, key=KEY)
    sync_index(shop(11), WordEmbedder, tmp_path, key=KEY)
    damage(vectors_folder(tmp_path, KEY) / "gen-000002" / "matrix.f32")
    assert len(open_item_vectors(tmp_path, KEY)) == 10
    report = sync_index(shop(11), WordEmbedder, tmp_path, key=KEY)
    assert (report.embedded, report.reused, report.generation) == (1, 10, "gen-000003")


def test_a_pointer_to_damaged_vectors_is_put_right(tmp_path, damage):
    """Where the fallback is what the catalogue asks for, the next run points to it and embeds nothing."""
    sync_index(shop(10), WordEmbedder, tmp_path, key=KEY)
    sync_index(shop(11), WordEmbedder, tmp_path, key=KEY)
    damage(vectors_folder(tmp_path, KEY) / "gen-000002" / "matrix.f32")
    assert sync_index(shop(10), never, tmp_path, key=KEY).generation == "gen-000001"
    assert (vectors_folder(tmp_path, KEY) / "current").read_text().strip() == "gen-000001"


def test_an_index_in_use_is_left_to_its_owner(tmp_path):
    """A second process still writes the vectors; the owner brings its index up to date itself."""
    sync_index(shop(10), WordEmbedder, tmp_path, key=KEY)
    index = ChromaIndex.open(tmp_path, open_item_vectors(tmp_path, KEY))
    report = sync_index(shop(11), WordEmbedder, tmp_path, key=KEY)
    assert report.vector_index == "unavailable"
    assert report.problem is not None
    assert "in use" in report.problem
    assert sync_index(shop(11), never, tmp_path, key=KEY, index=index).vector_index == "updated"
    assert "p10" in index.search(WordEmbedder().encode(["product"])[0], 99)[0]
    index.close()


def test_two_runs_at_once_are_refused(tmp_path):
    """A run inside another is IndexUnavailable; the outer one is not disturbed."""

    def products():
        with pytest.raises(IndexUnavailable, match="in use"):
            sync_index(shop(3), WordEmbedder, tmp_path, key=KEY)
        yield from shop(2)

    assert sync_index(products(), WordEmbedder, tmp_path, key=KEY).products == 2


@pytest.mark.parametrize("fault", ["nan", "length", "shape", "key"])
def test_a_faulty_embedder_changes_nothing(tmp_path, fault):
    """Vectors that are no unit vectors, or of another model, are refused; what was there stays current."""
    sync_index(shop(3), WordEmbedder, tmp_path, key=KEY)

    class Faulty(WordEmbedder):
        def encode(self, texts, progress=None):
            vectors = super().encode(texts, progress)
            return {"nan": vectors * np.nan, "length": vectors * 2, "shape": vectors[:, :3], "key": vectors}[fault]

    with pytest.raises(EmbedderUnavailable):
        sync_index(shop(9), lambda: Faulty("other-key" if fault == "key" else KEY), tmp_path, key=KEY)
    assert open_item_vectors(tmp_path, KEY).generation == "gen-000001"


def test_progress_covers_all_three_stages(tmp_path):
    """Embedding and both indexes report, each up to its total."""
    last = {}
    sync_index(
        shop(20), WordEmbedder, tmp_path, lambda label, done, total: last.update({label: (done, total)}), key=KEY
    )
    assert last == {"embedding": (20, 20), "vector index": (20, 20), "search index": (20, 20)}


def test_a_meaning_is_found_with_the_real_model(tmp_path, onnx_embedder):
    """A query in other words finds the product that is meant, through Chroma."""
    products = [
        Product("grinder", "Burr coffee grinder", category="Kitchen > Coffee"),
        Product("shoes", "Trail running shoes", category="Sport > Shoes"),
        Product("lamp", "LED desk lamp", category="Home > Lighting"),
    ]
    sync_index(products, lambda: onnx_embedder, tmp_path, key=onnx_embedder.key)
    index = ChromaIndex.open(tmp_path, open_item_vectors(tmp_path, onnx_embedder.key), build=False)
    assert index.search(onnx_embedder.encode(["sneakers for jogging"])[0], 1)[0] == ("shoes",)
    assert index.search(onnx_embedder.encode(["something to light my table"])[0], 1)[0] == ("lamp",)
    index.close()
