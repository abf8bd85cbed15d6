"""The Chroma index: right, consistent with the vectors, owned by one, and never in the way when broken."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from app.adapters.chroma_index import ChromaIndex, chroma_folder, open_vector_index
from app.adapters.exact_index import ExactIndex
from app.domain.errors import IndexUnavailable
from tests.adapters.retrieval.doubles import KEY, random_units, stored_vectors

QUERY = random_units(1, seed=99)[0]


def agrees(index: ChromaIndex, matrix: np.ndarray, k: int = 10) -> bool:
    """Whether a search gives what sorting all similarities gives."""
    ids, similarity = index.search(QUERY, k)
    expected = np.argsort(-(matrix @ QUERY), kind="stable")[:k]
    return list(ids) == [index.vectors.product_ids[row] for row in expected] and np.allclose(
        similarity, (matrix @ QUERY)[expected], atol=1e-6
    )


def store_files(data_dir: Path, pattern: str) -> list[Path]:
    """Files of the current store."""
    return sorted(chroma_folder(data_dir, KEY).glob(f"gen-*/{pattern}"))


def test_finds_what_exact_search_finds(tmp_path):
    """Nearest first, with exact cosines, for a query of any length."""
    matrix = random_units(300)
    index = ChromaIndex.open(tmp_path, stored_vectors(tmp_path, matrix))
    assert agrees(index, matrix)
    assert index.search(QUERY * 7, 3)[0] == index.search(QUERY, 3)[0]
    index.close()


def test_is_opened_again_without_building(tmp_path):
    """A closed index opens as it is, also when it ends between two of Chroma's own flushes."""
    vectors = stored_vectors(tmp_path, random_units(2_345))
    ChromaIndex.open(tmp_path, vectors).close()
    for _ in range(3):
        index = ChromaIndex.open(tmp_path, vectors, build=False)
        assert agrees(index, vectors.matrix)
        index.close()
    assert [p.name for p in chroma_folder(tmp_path, KEY).glob("gen-*")] == ["gen-000001"]


def test_a_difference_is_applied_in_place(tmp_path):
    """A changed, a new and a removed row: same folder, exactly the new content, also when opened again."""
    matrix = random_units(1_200)
    ChromaIndex.open(tmp_path, stored_vectors(tmp_path, matrix)).close()
    changed = np.concatenate([random_units(1, seed=5), matrix[1:-1], random_units(3, seed=6)])
    vectors = stored_vectors(tmp_path, changed, ids=[*(f"p{i}" for i in range(1_199)), "new1", "new2", "new3"])
    index = ChromaIndex.open(tmp_path, vectors)
    assert index.change == "updated"
    assert agrees(index, changed, k=1_200)
    index.close()
    again = ChromaIndex.open(tmp_path, vectors, build=False)
    assert agrees(again, changed, k=1_200)
    again.close()
    assert [p.name for p in chroma_folder(tmp_path, KEY).glob("gen-*")] == ["gen-000001"]


def test_a_large_difference_is_a_fresh_folder(tmp_path):
    """When more than half changed nothing of the old store is left on the disk."""
    ChromaIndex.open(tmp_path, stored_vectors(tmp_path, random_units(100))).close()
    other = random_units(100, seed=8)
    index = ChromaIndex.open(tmp_path, stored_vectors(tmp_path, other))
    assert index.change == "rebuilt"
    assert agrees(index, other)
    index.close()
    assert [p.name for p in chroma_folder(tmp_path, KEY).glob("gen-*")] == ["gen-000002"]


def test_an_open_index_follows_the_vectors(tmp_path):
    """`sync` brings an index in use to newer vectors, by difference and by rebuild."""
    matrix = random_units(100)
    index = ChromaIndex.open(tmp_path, stored_vectors(tmp_path, matrix))
    fewer = stored_vectors(tmp_path, matrix[:90])
    assert index.sync(fewer) == "updated"
    assert agrees(index, matrix[:90], k=90)
    assert index.sync(fewer) == "unchanged"
    for seed in (8, 9):
        other = random_units(100, seed=seed)
        assert index.sync(stored_vectors(tmp_path, other)) == "rebuilt"
        assert agrees(index, other)
    index.close()
    assert len(list(chroma_folder(tmp_path, KEY).glob("gen-*"))) <= 2


@pytest.mark.parametrize(
    ("pattern", "size"),
    [
        ("chroma.sqlite3", 0),
        ("chroma.sqlite3", 5_000),
        ("*/data_level0.bin", None),
        ("*/data_level0.bin", 50),
        ("*/header.bin", None),
        ("*/index_metadata.pickle", None),
        ("*/length.bin", 0),
        ("manifest.json", 0),
        ("held_ids.json", None),
    ],
)
def test_a_damaged_store_is_rebuilt_and_not_loaded(tmp_path, pattern, size):
    """Truncated or overwritten files never reach Chroma's loader, which a damaged graph kills."""
    vectors = stored_vectors(tmp_path, random_units(1_500))
    ChromaIndex.open(tmp_path, vectors).close()
    (path,) = store_files(tmp_path, pattern)
    content = path.read_bytes()
    noise = np.random.default_rng(0).bytes(len(content) if size is None else size)
    path.write_bytes(noise)
    with pytest.raises(IndexUnavailable):
        ChromaIndex.open(tmp_path, vectors, build=False)
    index = ChromaIndex.open(tmp_path, vectors)
    assert index.change == "rebuilt"
    assert agrees(index, vectors.matrix)
    index.close()


def test_an_interrupted_change_is_not_trusted(tmp_path, monkeypatch):
    """A process that dies in the middle of an update leaves a store that is rebuilt, not half of one."""
    matrix = random_units(100)
    ChromaIndex.open(tmp_path, stored_vectors(tmp_path, matrix)).close()
    vectors = stored_vectors(tmp_path, np.concatenate([random_units(1, seed=5), matrix[1:]]))

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("app.adapters.chroma_index._seal", killed)
        with pytest.raises(KeyboardInterrupt):
            ChromaIndex.open(tmp_path, vectors)
    index = ChromaIndex.open(tmp_path, vectors)
    assert index.change == "rebuilt"
    assert agrees(index, vectors.matrix)
    index.close()


def test_one_owner_in_a_process(tmp_path):
    """A second index on the path is refused and says why; after the first closes it opens."""
    vectors = stored_vectors(tmp_path, random_units(50))
    first = ChromaIndex.open(tmp_path, vectors)
    with pytest.raises(IndexUnavailable, match="in use by another owner"):
        ChromaIndex.open(tmp_path, vectors)
    assert agrees(first, vectors.matrix)
    first.close()
    ChromaIndex.open(tmp_path, vectors).close()


@pytest.mark.slow
def test_another_process_searches_exactly_instead(tmp_path):
    """A second process gets exact search over the same vectors, with the same answer."""
    vectors = stored_vectors(tmp_path, random_units(50))
    first = ChromaIndex.open(tmp_path, vectors)
    code = f"""
import pathlib, sys, numpy as np
from app.adapters import chroma_index
from app.adapters.chroma_index import open_vector_index
from app.adapters.item_vectors import open_item_vectors
chroma_index.EXACT_UP_TO = 10
data_dir = pathlib.Path(sys.argv[1])
index = open_vector_index(data_dir, open_item_vectors(data_dir, {KEY!r}))
query = np.asarray({QUERY.tolist()}, dtype=np.float32)
print(type(index).__name__, *index.search(query, 5)[0])
"""
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1].split() == ["ExactIndex", *first.search(QUERY, 5)[0]]
    first.close()


def test_a_small_shop_is_searched_exactly(tmp_path):
    """Up to EXACT_UP_TO products the exact index serves, whether Chroma is there or not."""
    vectors = stored_vectors(tmp_path, random_units(50))
    ChromaIndex.open(tmp_path, vectors).close()
    assert isinstance(open_vector_index(tmp_path, vectors), ExactIndex)


def test_serving_starts_at_once_without_an_index(tmp_path, monkeypatch):
    """Without a store the service gets exact search, and the Chroma index once it is built."""
    monkeypatch.setattr("app.adapters.chroma_index.EXACT_UP_TO", 10)
    vectors = stored_vectors(tmp_path, random_units(50))
    assert isinstance(open_vector_index(tmp_path, vectors), ExactIndex)
    ChromaIndex.open(tmp_path, vectors).close()
    index = open_vector_index(tmp_path, vectors)
    assert isinstance(index, ChromaIndex)
    index.close()


@pytest.mark.parametrize("n", [0, 1])
def test_tiny_catalogues(tmp_path, n):
    """No product finds nothing, one product finds itself."""
    index = ChromaIndex.open(
        tmp_path, stored_vectors(tmp_path, random_units(n) if n else np.zeros((0, 32), np.float32))
    )
    assert len(index.search(QUERY, 5)[0]) == n
    index.close()


@pytest.mark.parametrize("vector", [np.zeros(32), np.full(32, np.nan)])
def test_a_vector_without_direction_finds_nothing(tmp_path, vector):
    """Zero and NaN have no nearest products, and k = 0 asks for none."""
    index = ChromaIndex.open(tmp_path, stored_vectors(tmp_path, random_units(10)))
    assert index.search(vector.astype(np.float32), 5)[0] == ()
    assert index.search(QUERY, 0)[0] == ()
    index.close()


def test_odd_ids_survive(tmp_path):
    """Ids that Chroma can't hold (empty, not UTF-8) are found under their own names."""
    ids = ["", '"', '"x"', "🎁", "\ud800", "a b\n", "é", "e\u0301"]
    index = ChromaIndex.open(tmp_path, stored_vectors(tmp_path, random_units(8), ids=ids))
    assert set(index.search(QUERY, 8)[0]) == set(ids)
    index.close()


def test_a_failure_of_chroma_is_an_unavailable_index(tmp_path):
    """Whatever Chroma raises while searching, a panic of its Rust part included, becomes IndexUnavailable."""
    index = ChromaIndex.open(tmp_path, stored_vectors(tmp_path, random_units(10)))
    index.close()
    with pytest.raises(IndexUnavailable):
        index.search(QUERY, 3)


def test_a_folder_that_cannot_be_written_is_said(tmp_path):
    """A file where the folder should be is IndexUnavailable."""
    vectors = stored_vectors(tmp_path, random_units(10))
    (tmp_path / "chroma").write_text("in the way")
    with pytest.raises(IndexUnavailable, match="can't be written"):
        ChromaIndex.open(tmp_path, vectors)
