"""Chroma: approximate nearest neighbours over the item vectors, in a folder that one process owns.

    DATA_DIR/chroma/<key>/lock, current, gen-000001/      (app/adapters/generations.py)

A store holds exactly the rows of one generation of item vectors, ids and vectors only. It is changed in place by
difference, unsealed meanwhile; one that was interrupted, damaged or changed by more than half is built anew from the
matrix in a fresh folder, because Chroma leaves deleted vectors on the disk and a damaged graph file kills the process.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Literal, Protocol

import chromadb
import numpy as np
import structlog
from chromadb.config import Settings as ChromaSettings
from chromadb.errors import ChromaError
from numpy.typing import NDArray

from app.adapters import generations
from app.adapters.exact_index import ExactIndex, unit_vector
from app.adapters.item_vectors import ItemVectors, dump_ids, load_ids
from app.domain.errors import IndexUnavailable
from app.ports import Progress

log = structlog.get_logger(__name__)

COLLECTION = "items"
_CONFIGURATION = {"hnsw": {"space": "cosine", "max_neighbors": 32, "ef_construction": 200, "ef_search": 300}}
_BATCH = 2_000
_IDS = "held_ids.json"
_HASHES = "held_hashes.bin"
_GRAPH_FILES = ("*/*.bin", "*/*.pickle")
REBUILD_ABOVE = 0.5  # share of rows changed from which a fresh folder is built

Change = Literal["unchanged", "updated", "rebuilt"]


EXACT_UP_TO = 2_000


class Closing(Protocol):
    """What a store is open through."""

    def close(self) -> None:
        """Closes it."""
        ...


@dataclass(frozen=True, slots=True)
class OpenStore:
    """A store that answers for one generation of item vectors. Replaced as a whole, never changed."""

    folder: Path
    client: Closing
    collection: Any  # Chroma's own, or app.adapters.chroma_client.ServedCollection
    vectors: ItemVectors


class ChromaIndex:
    """Satisfies `VectorIndex`. Searches may run in several threads, also while `sync` runs in another.

    One process owns a path: a second owner, in this process or another, gets IndexUnavailable.
    """

    def __init__(self, root: Path, lock: IO[bytes], opened: OpenStore, change: Change) -> None:
        self.change = change  # what opening it had to do
        self._root = root
        self._lock = lock
        self._opened = opened
        self._retired: list[OpenStore] = []

    @classmethod
    def open(
        cls, data_dir: Path, vectors: ItemVectors, *, build: bool = True, progress: Progress | None = None
    ) -> ChromaIndex:
        """The index over these item vectors, brought up to date first.

        Args:    build: False refuses instead where rows would have to be added, which takes a minute per 100,000.
        Raises:  IndexUnavailable: another owner holds the path, it can't be read or written, or build is False and
                 the store is not the one of these vectors.
        """
        root = chroma_folder(data_dir, vectors.key)
        lock = generations.take_lock(root, "the vector index")
        try:
            current = _open_current(root, vectors)
            if not build:
                return cls(root, lock, _up_to_date(root, current, vectors), "unchanged")
            opened, change = bring_up(root, current, vectors, progress)
            return cls(root, lock, opened, change)
        except BaseException:
            lock.close()
            raise

    @property
    def vectors(self) -> ItemVectors:
        """The item vectors that searches are answered for."""
        return self._opened.vectors

    def search(self, vector: NDArray[np.float32], k: int) -> tuple[Sequence[str], NDArray[np.float32]]:
        """Product ids and cosine similarities of the at most k nearest products, nearest first, ties by row.

        Chroma finds the neighbours, nearly all of them (docs/decisions/003-embedding.md); the similarities are computed
        from the matrix, so they are the exact ones.

        Args:    vector: shape (dimensions,), of any length.
        Returns: nothing for k ≤ 0, an empty catalogue, and a vector that is zero or not finite.
        Raises:  IndexUnavailable: Chroma failed; ValueError: the vector has another number of dimensions.
        """
        opened = self._opened
        unit = unit_vector(vector, opened.vectors)
        if unit is None or k <= 0:
            return (), np.zeros(0, dtype=np.float32)
        found = _query(opened, unit, min(k, len(opened.vectors)))
        row_of = opened.vectors.row_of
        rows = np.asarray(sorted(row_of[p] for p in found if p in row_of), dtype=np.intp)
        similarity = opened.vectors.matrix[rows] @ unit
        order = np.argsort(-similarity, kind="stable")
        return tuple(opened.vectors.product_ids[row] for row in rows[order]), similarity[order]

    def sync(self, vectors: ItemVectors, progress: Progress | None = None) -> Change:
        """Makes the index answer for another generation of item vectors.

        Searches go on meanwhile; a row that is being replaced may be missing from them. Not for two threads at once.

        Raises: IndexUnavailable: Chroma failed; the index then needs to be opened again.
        """
        for retired in self._retired:
            close_store(retired)
            shutil.rmtree(retired.folder, ignore_errors=True)
        self._retired.clear()
        before = self._opened
        after, change = bring_up(self._root, before, vectors, progress, keep_open=True)
        self._opened = after
        if after.client is not before.client:
            self._retired.append(before)  # a search may still be running on it
        return change

    def close(self) -> None:
        """Closes Chroma and gives the path free."""
        for opened in (*self._retired, self._opened):
            close_store(opened)
        self._retired.clear()
        self._lock.close()


def open_vector_index(
    data_dir: Path, vectors: ItemVectors, *, exact_up_to: int | None = None
) -> ChromaIndex | ExactIndex:
    """What to serve from at once: the Chroma index where it is ready and free, else exact search, with a warning.

    Up to `exact_up_to` products (EXACT_UP_TO by default) exact search is the better index: nothing is approximate, and
    a search takes 0.1 ms where Chroma takes 2 (docs/decisions/003).
    """
    if len(vectors) <= (EXACT_UP_TO if exact_up_to is None else exact_up_to):
        return ExactIndex(vectors)
    try:
        return ChromaIndex.open(data_dir, vectors, build=False)
    except IndexUnavailable as error:
        log.warning("vector_index_exact", problem=str(error), action="exact search over the item vectors")
        return ExactIndex(vectors)


def chroma_folder(data_dir: Path, key: str) -> Path:
    """Where the Chroma stores of an embedder are kept."""
    return data_dir / "chroma" / key


def _open_current(root: Path, vectors: ItemVectors) -> OpenStore | None:
    """The current store if it is intact; its `vectors` is the given object only if it holds exactly those rows."""
    name = generations.pointed_to(root)
    if name is None:
        return None
    try:
        store = generations.verify(root / name)
        product_ids = load_ids(store.folder / _IDS)
        opened = _connect(store.folder, vectors)
        try:
            _probe(opened, len(product_ids), vectors.dimensions)
        except IndexUnavailable:
            close_store(opened)
            raise
    except IndexUnavailable as error:
        log.warning("vector_index_damaged", problem=str(error), action="a rebuild from the item vectors")
        return None
    if store.text("vectors") == vectors.digest:
        return opened
    return OpenStore(opened.folder, opened.client, opened.collection, _held(store, product_ids, vectors))


def _up_to_date(root: Path, opened: OpenStore | None, vectors: ItemVectors) -> OpenStore:
    if opened is not None:
        if opened.vectors is vectors:
            return opened
        close_store(opened)
    raise IndexUnavailable(f"{root} is not the index of the item vectors {vectors.generation}; it has to be built")


def _held(store: generations.Generation, product_ids: tuple[str, ...], vectors: ItemVectors) -> ItemVectors:
    """What a store of another generation holds: ids and text hashes; its matrix is not needed for a difference."""
    return ItemVectors(
        key=vectors.key,
        generation="",
        digest=store.text("vectors"),
        product_ids=product_ids,
        matrix=np.zeros((0, vectors.dimensions), dtype=np.float32),
        row_of={},
        text_hashes=(store.folder / _HASHES).read_bytes(),
    )


def bring_up(
    root: Path,
    opened: OpenStore | None,
    vectors: ItemVectors,
    progress: Progress | None,
    *,
    keep_open: bool = False,
) -> tuple[OpenStore, Change]:
    """A store of exactly these vectors, from an older one by difference or built anew."""
    if opened is not None:
        if opened.vectors.digest == vectors.digest:
            return OpenStore(opened.folder, opened.client, opened.collection, vectors), "unchanged"
        held, wanted = opened.vectors.hash_by_id(), vectors.hash_by_id()
        gone = [product_id for product_id in held if product_id not in wanted]
        new = [row for row, p in enumerate(vectors.product_ids) if held.get(p) != wanted[p]]
        if len(gone) + len(new) <= REBUILD_ABOVE * len(held):
            try:
                return _update(opened, vectors, gone, new, progress), "updated"
            except IndexUnavailable as error:
                log.warning("vector_index_damaged", problem=str(error), action="a rebuild from the item vectors")
        if not keep_open:
            close_store(opened)
    keep = {opened.folder.name} if opened is not None and keep_open else set()
    return build_store(root, vectors, progress, keep), "rebuilt"


def build_store(root: Path, vectors: ItemVectors, progress: Progress | None, keep: set[str]) -> OpenStore:
    """A store in a fresh folder; all others but those in `keep` are deleted once it is current."""
    name = generations.next_name(root)
    folder = root / name
    shutil.rmtree(folder, ignore_errors=True)
    try:
        folder.mkdir(parents=True)
        with _translated(folder):
            client = _client(folder)
            collection = client.create_collection(
                name=COLLECTION, configuration=_CONFIGURATION, embedding_function=None
            )
        opened = OpenStore(folder, client, collection, vectors)
        _upsert(opened, np.arange(len(vectors)), progress)
        _seal(opened)
        generations.point_to(root, name)
    except OSError as error:
        raise IndexUnavailable(f"{folder} can't be written ({error}); check DATA_DIR and free space") from error
    generations.prune(root, {name, *keep})
    return opened


def _update(
    opened: OpenStore, vectors: ItemVectors, gone: Sequence[str], new: Sequence[int], progress: Progress | None
) -> OpenStore:
    changed = OpenStore(opened.folder, opened.client, opened.collection, vectors)
    generations.unseal(opened.folder)
    with _translated(opened.folder):
        for start in range(0, len(gone), _BATCH):
            opened.collection.delete(ids=[chroma_id(p) for p in gone[start : start + _BATCH]])
    _upsert(changed, np.asarray(new, dtype=np.intp), progress)
    _seal(changed)
    return changed


def _upsert(opened: OpenStore, rows: NDArray[np.intp], progress: Progress | None) -> None:
    vectors = opened.vectors
    with _translated(opened.folder):
        for start in range(0, len(rows), _BATCH):
            batch = rows[start : start + _BATCH]
            opened.collection.upsert(
                ids=[chroma_id(vectors.product_ids[row]) for row in batch],
                embeddings=np.asarray(vectors.matrix[batch]),
            )
            if progress is not None:
                progress("vector index", start + len(batch), len(rows))


def _seal(opened: OpenStore) -> None:
    """Checks that the store answers, and stamps it as holding its vectors. Chroma's SQLite file changes when opened."""
    vectors = opened.vectors
    _probe(opened, len(vectors), vectors.dimensions)
    (opened.folder / _IDS).write_bytes(dump_ids(vectors.product_ids))
    (opened.folder / _HASHES).write_bytes(vectors.text_hashes)
    graph = [path for pattern in _GRAPH_FILES for path in opened.folder.glob(pattern)]
    facts: Mapping[str, str | int] = {
        "vectors": vectors.digest,
        "rows": len(vectors),
        "built_with": chromadb.__version__,
    }
    generations.seal(opened.folder, facts, [*graph, opened.folder / _IDS, opened.folder / _HASHES])


def _probe(opened: OpenStore, rows: int, dimensions: int) -> None:
    """Counts the rows and runs a search, which loads the graph: a store that opens but can't answer shows here."""
    with _translated(opened.folder):
        count = opened.collection.count()
        if rows:
            direction = np.full((1, dimensions), dimensions**-0.5, dtype=np.float32)
            opened.collection.query(query_embeddings=direction, n_results=1, include=["distances"])
    if count != rows:
        raise IndexUnavailable(f"{opened.folder} holds {count} vectors, {rows} expected")


def _query(opened: OpenStore, unit: NDArray[np.float32], k: int) -> list[str]:
    with _translated(opened.folder):
        answer = opened.collection.query(query_embeddings=unit[np.newaxis, :], n_results=k, include=["distances"])
    return [product_id_of(text) for text in answer["ids"][0]]


def _client(folder: Path) -> Any:
    return chromadb.PersistentClient(path=str(folder), settings=ChromaSettings(anonymized_telemetry=False))


def _connect(folder: Path, vectors: ItemVectors) -> OpenStore:
    with _translated(folder):
        client = _client(folder)
        try:
            collection = client.get_collection(COLLECTION, embedding_function=None)
        except BaseException:
            client.close()
            raise
    return OpenStore(folder, client, collection, vectors)


def store_of(folder: Path, client: Closing, collection: Any, vectors: ItemVectors) -> OpenStore:
    """A store that something else has open, with what its manifest says that it holds.

    Raises: IndexUnavailable: its files don't match its manifest, or it was not finished.
    """
    store = generations.verify(folder)
    opened = OpenStore(folder, client, collection, vectors)
    if store.text("vectors") == vectors.digest:
        return opened
    return OpenStore(folder, client, collection, _held(store, load_ids(folder / _IDS), vectors))


def close_store(opened: OpenStore) -> None:
    """Closes it; what Chroma says to that is of no use any more."""
    with suppress(IndexUnavailable), _translated(opened.folder):
        opened.client.close()


@contextmanager
def _translated(folder: Path) -> Iterator[None]:
    """Turns what Chroma raises into IndexUnavailable, panics of its Rust part included: those are no Exceptions."""
    try:
        yield
    except (ChromaError, OSError, ValueError, TypeError, KeyError, AttributeError, RuntimeError) as error:
        raise IndexUnavailable(f"Chroma failed at {folder}: {error}") from error
    except BaseException as error:
        if type(error).__name__ != "PanicException":
            raise
        raise IndexUnavailable(f"Chroma panicked at {folder}: {error}") from error


def chroma_id(product_id: str) -> str:
    """A text that Chroma takes as an id: the product's own, or a quoted form of one that is empty or not UTF-8."""
    if product_id and product_id[0] != '"' and (product_id.isascii() or product_id.isprintable()):
        return product_id
    return json.dumps(product_id)


def product_id_of(text: str) -> str:
    """The product's id, from what `chroma_id` made of it."""
    if not text.startswith('"'):
        return text
    product_id: str = json.loads(text)
    return product_id
