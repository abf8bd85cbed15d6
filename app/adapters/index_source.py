"""Where a process gets its vector index from: Chroma inside this process, or one server for several workers."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

import numpy as np
import structlog
from numpy.typing import NDArray

from app.adapters import generations
from app.adapters.chroma_address import ServerAddress
from app.adapters.chroma_client import ServedCollection
from app.adapters.chroma_index import (
    REBUILD_ABOVE,
    ChromaIndex,
    OpenStore,
    bring_up,
    build_store,
    chroma_folder,
    close_store,
    open_vector_index,
    product_id_of,
    store_of,
)
from app.adapters.exact_index import ExactIndex, unit_vector
from app.adapters.item_vectors import ItemVectors
from app.domain.errors import IndexUnavailable
from app.ports import VectorIndex

log = structlog.get_logger(__name__)

RETRY_S = 1.0
"""How long a server that failed is not asked again; searches are exact meanwhile."""


class IndexSource(Protocol):
    """Gives the index for a generation of item vectors, and says what is wrong with it."""

    def index_for(self, vectors: ItemVectors) -> VectorIndex:
        """The index to search from now on. Called by one thread."""
        ...

    def look(self) -> None:
        """Called a few times a second by the same thread."""
        ...

    @property
    def problem(self) -> str | None:
        """Why searches are not what they should be, None when they are."""
        ...

    def close(self) -> None:
        """Closes what is open."""
        ...


class EmbeddedSource:
    """Chroma inside this process, which owns its folder."""

    def __init__(self, data_dir: Path, exact_up_to: int) -> None:
        self.data_dir, self._exact_up_to = data_dir, exact_up_to
        self._index: ChromaIndex | ExactIndex | None = None
        self.problem: str | None = None

    def index_for(self, vectors: ItemVectors) -> VectorIndex:
        """The Chroma index where it is ready and free, else exact search."""
        try:
            if isinstance(self._index, ChromaIndex):
                self._index.sync(vectors)
            else:
                self._index = self._open(vectors)
        except IndexUnavailable as error:
            log.warning("vector_index_reopened", reason=str(error))
            self.close()
            self._index = self._open(vectors)
        usable = isinstance(self._index, ChromaIndex) or len(vectors) <= self._exact_up_to
        self.problem = None if usable else "Chroma is not usable or owned by another process; searching exactly"
        return self._index

    def look(self) -> None:
        """Nothing changes by itself."""

    def close(self) -> None:
        """Closes Chroma and gives its folder free."""
        if isinstance(self._index, ChromaIndex):
            self._index.close()

    def _open(self, vectors: ItemVectors) -> ChromaIndex | ExactIndex:
        return open_vector_index(self.data_dir, vectors, exact_up_to=self._exact_up_to)


@dataclass(frozen=True, slots=True)
class _Connected:
    """A server that answered, and how many vectors it held then."""

    collection: ServedCollection
    address: ServerAddress
    rows: int


class SharedSource:
    """A server that the process above supervises. It may die, hang, come back elsewhere; searches go on."""

    def __init__(
        self, data_dir: Path, key: str | None, exact_up_to: int, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.data_dir = data_dir
        self._root = None if key is None else chroma_folder(data_dir, key)
        self._exact_up_to, self._clock = exact_up_to, clock
        self._connected: _Connected | None = None
        self._retry_at = clock()
        self._vectors: ItemVectors | None = None
        self._in_step: tuple[str, str | None] | None = None  # vectors and store known to hold the same
        self._closing = threading.Lock()

    @property
    def problem(self) -> str | None:
        """See IndexSource."""
        vectors = self._vectors
        if vectors is None or len(vectors) <= self._exact_up_to or self.connected(vectors) is not None:
            return None
        return "the Chroma server is not answering, or its index is being built; searching exactly"

    def index_for(self, vectors: ItemVectors) -> VectorIndex:
        """An index that asks the server while it answers, and else searches exactly."""
        self._vectors = vectors
        if len(vectors) <= self._exact_up_to:
            return ExactIndex(vectors)
        self._recount()
        self.look()
        return SharedIndex(self, vectors)

    def look(self) -> None:
        """Connects to a server that is new, or that failed a while ago."""
        if self._root is None or self._vectors is None or len(self._vectors) <= self._exact_up_to:
            return
        address = ServerAddress.read(self._root)
        connected = self._connected
        if connected is not None and address == connected.address:
            return
        self._forget(connected)
        if address is None or self._clock() < self._retry_at:
            return
        self._retry_at = self._clock() + RETRY_S
        try:
            collection = ServedCollection.open(address.port)
            self._connected = _Connected(collection, address, collection.count())
        except IndexUnavailable as error:
            log.warning("chroma_server_unavailable", reason=str(error), action="searching exactly")

    def connected(self, vectors: ItemVectors) -> _Connected | None:
        """The server, where one answers and holds most of these vectors; what it lacks or has too much is no harm."""
        connected = self._connected
        if connected is None or connected.rows < (1 - REBUILD_ABOVE) * len(vectors):
            return None
        return connected

    def failed(self, connected: _Connected, error: IndexUnavailable) -> None:
        """Leaves a server that failed alone for RETRY_S."""
        if self._connected is connected:
            self._retry_at = self._clock() + RETRY_S
            self._forget(connected)
            log.warning("chroma_server_failed", reason=str(error), action="searching exactly")

    def bring_up_to_date(self) -> None:
        """Makes the store hold the vectors that are served here. For the leader, as often as it likes.

        A small difference is written through the server; a large one, or a store that was damaged, is built beside it,
        and the supervisor then serves that. Where no server runs the store is brought up to date here.

        Raises: IndexUnavailable: it can't be done now.
        """
        vectors = self._vectors
        if self._root is None or vectors is None or len(vectors) <= self._exact_up_to:
            return
        name = generations.pointed_to(self._root)
        if self._in_step == (vectors.digest, name):
            return
        with generations.locked(self._root / "writer", "bringing the vector index up to date"):
            self._write(self._root, vectors, name)

    def close(self) -> None:
        """Closes connections."""
        self._forget(self._connected)

    def _write(self, root: Path, vectors: ItemVectors, name: str | None) -> None:
        address = ServerAddress.read(root)
        if address is None:
            try:
                ChromaIndex.open(root.parents[1], vectors).close()
            except IndexUnavailable as error:
                log.info("vector_index_waits", reason=str(error))  # a server is starting, or `train` is at work
            else:
                self._in_step = (vectors.digest, generations.pointed_to(root))
            return
        collection = ServedCollection.open(address.port)
        try:
            served = store_of(root / address.generation, collection, collection, vectors)
        except IndexUnavailable as error:
            log.warning("vector_index_damaged", problem=str(error), action="a rebuild from the item vectors")
            done = build_store(root, vectors, None, {address.generation})
        else:
            done, _ = bring_up(root, served, vectors, None, keep_open=True)
        finally:
            collection.close()
        if done.client is not collection:
            close_store(OpenStore(done.folder, done.client, done.collection, vectors))
        self._in_step = (vectors.digest, generations.pointed_to(root))
        log.info("vector_index_brought_up_to_date", store=done.folder.name, rows=len(vectors))

    def _recount(self) -> None:
        connected = self._connected
        if connected is not None:
            try:
                self._connected = replace(connected, rows=connected.collection.count())
            except IndexUnavailable as error:
                self.failed(connected, error)

    def _forget(self, connected: _Connected | None) -> None:
        with self._closing:
            if connected is not None and self._connected is connected:
                self._connected = None
                connected.collection.close()


def open_index_source(
    data_dir: Path, key: str | None, exact_up_to: int, *, workers: bool
) -> EmbeddedSource | SharedSource:
    """The source for one process alone, or for one of several workers. Nothing is opened yet."""
    return SharedSource(data_dir, key, exact_up_to) if workers else EmbeddedSource(data_dir, exact_up_to)


class SharedIndex:
    """Satisfies `VectorIndex`: one generation of item vectors, searched by the server while there is one."""

    def __init__(self, source: SharedSource, vectors: ItemVectors) -> None:
        self._source, self._vectors = source, vectors
        self._exact = ExactIndex(vectors)

    def search(self, vector: NDArray[np.float32], k: int) -> tuple[Sequence[str], NDArray[np.float32]]:
        """Product ids and cosine similarities of the at most k nearest products, nearest first, ties by row.

        The similarities are exact (see ChromaIndex.search); without a server so are the neighbours.
        """
        connected = self._source.connected(self._vectors)
        unit = unit_vector(vector, self._vectors)
        if unit is None or k <= 0 or connected is None:
            return self._exact.search(vector, k)
        try:
            found = connected.collection.nearest(unit, min(k, len(self._vectors)))
        except IndexUnavailable as error:
            self._source.failed(connected, error)
            return self._exact.search(vector, k)
        row_of = self._vectors.row_of
        known = (product_id_of(text) for text in found)
        rows = np.asarray(sorted(row_of[p] for p in known if p in row_of), dtype=np.intp)
        similarity = self._vectors.matrix[rows] @ unit
        order = np.argsort(-similarity, kind="stable")
        return tuple(self._vectors.product_ids[row] for row in rows[order]), similarity[order]


__all__ = ["EmbeddedSource", "IndexSource", "SharedIndex", "SharedSource"]
