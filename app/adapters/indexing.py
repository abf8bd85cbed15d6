"""Brings item vectors, vector index and lexical index in line with the catalogue, doing only what changed."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import structlog
from numpy.typing import NDArray

from app.adapters import generations
from app.adapters.bm25_index import Bm25Index, build_bm25, texts_digest
from app.adapters.chroma_index import ChromaIndex
from app.adapters.item_vectors import (
    ItemVectors,
    open_item_vectors,
    text_hash,
    vectors_folder,
    write_item_vectors,
)
from app.domain.catalog import Product
from app.domain.errors import EmbedderUnavailable, IndexUnavailable
from app.pipeline.item_text import SearchText, item_text, search_text
from app.ports import Embedder, Progress, Vectors

log = structlog.get_logger(__name__)

_WINDOW = 8_192  # texts embedded, and rows copied, at a time

IndexChange = Literal["unchanged", "updated", "rebuilt", "unavailable"]


@dataclass(frozen=True, slots=True)
class IndexReport:
    """What `sync_index` did. `problem` says why the vector index could not be brought up to date, else None."""

    products: int
    embedded: int
    reused: int
    removed: int
    generation: str  # of the item vectors, current after the call
    vector_index: IndexChange
    lexical_rebuilt: bool
    seconds_embedding: float
    seconds_indexing: float
    seconds_lexical: float
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class _Plan:
    """What the catalogue asks for, in its order."""

    hashes: dict[str, bytes]
    to_embed: dict[str, str]  # product id → item_text, where it is new or changed
    search_texts: dict[str, SearchText]


def sync_index(
    products: Iterable[Product],
    embedder_factory: Callable[[], Embedder],
    data_dir: Path,
    progress: Progress | None = None,
    *,
    key: str,
    index: ChromaIndex | None = None,
) -> IndexReport:
    """Makes the indexes hold exactly these products; only products whose text changed are embedded.

    Args:    products: the whole catalogue; of two with the same id the later counts. embedder_factory: called only
             when something has to be embedded; key: the embedder's key (ModelSource.key), known without loading it;
             index: the open vector index of this process, brought up to date in place; without it the index is opened
             and closed here, and left to its owner where another process has it.
    Raises:  EmbedderUnavailable: the embedder can't be loaded or returned something else than unit vectors;
             IndexUnavailable: another process is indexing, or DATA_DIR can't be written. What was there before stays
             current in both cases.
    """
    with generations.locked(vectors_folder(data_dir, key), "indexing"):
        previous = _previous(data_dir, key)
        plan = _plan(products, {} if previous is None else previous.hash_by_id())
        started = time.perf_counter()
        vectors = _sync_vectors(
            data_dir, key, plan=plan, previous=previous, embedder_factory=embedder_factory, progress=progress
        )
        embedded = time.perf_counter()
        change, problem = _sync_chroma(data_dir, vectors, index, progress)
        indexed = time.perf_counter()
        rebuilt = _sync_lexical(data_dir, plan.search_texts, progress)
    held = 0 if previous is None else sum(product_id in plan.hashes for product_id in previous.product_ids)
    return IndexReport(
        products=len(plan.hashes),
        embedded=len(plan.to_embed),
        reused=len(plan.hashes) - len(plan.to_embed),
        removed=0 if previous is None else len(previous) - held,
        generation=vectors.generation,
        vector_index=change,
        lexical_rebuilt=rebuilt,
        seconds_embedding=embedded - started,
        seconds_indexing=indexed - embedded,
        seconds_lexical=time.perf_counter() - indexed,
        problem=problem,
    )


def _previous(data_dir: Path, key: str) -> ItemVectors | None:
    try:
        return open_item_vectors(data_dir, key)
    except IndexUnavailable:
        return None


def _plan(products: Iterable[Product], held: dict[str, bytes]) -> _Plan:
    plan = _Plan({}, {}, {})
    for product in products:
        text = item_text(product)
        digest = text_hash(text)
        plan.hashes[product.product_id] = digest
        plan.search_texts[product.product_id] = search_text(product)
        plan.to_embed.pop(product.product_id, None)
        if held.get(product.product_id) != digest:
            plan.to_embed[product.product_id] = text
    return plan


def _sync_vectors(
    data_dir: Path,
    key: str,
    *,
    plan: _Plan,
    previous: ItemVectors | None,
    embedder_factory: Callable[[], Embedder],
    progress: Progress | None,
) -> ItemVectors:
    if previous is not None and not plan.to_embed and len(previous) == len(plan.hashes):
        root = vectors_folder(data_dir, key)
        if generations.pointed_to(root) != previous.generation:
            generations.point_to(root, previous.generation)  # the one pointed to was damaged
        return previous
    dimensions = 0 if previous is None else previous.dimensions
    embedder = None
    if plan.to_embed:
        embedder = embedder_factory()
        if embedder.key != key:
            raise EmbedderUnavailable(f"the embedder {embedder.key} was loaded where {key} was asked for")
        dimensions = embedder.dimensions
    product_ids = tuple(plan.hashes)

    def fill(matrix: NDArray[np.float32]) -> None:
        if previous is not None:
            kept = [row for row, product_id in enumerate(product_ids) if product_id not in plan.to_embed]
            for start in range(0, len(kept), _WINDOW):
                window = kept[start : start + _WINDOW]
                matrix[window] = previous.matrix[[previous.row_of[product_ids[row]] for row in window]]
        if embedder is not None:
            row_of = {product_id: row for row, product_id in enumerate(product_ids)}
            rows = [row_of[product_id] for product_id in plan.to_embed]
            _embed(embedder, list(plan.to_embed.values()), rows, matrix, progress)

    try:
        return write_item_vectors(
            data_dir,
            key,
            product_ids=product_ids,
            text_hashes=b"".join(plan.hashes.values()),
            dimensions=dimensions,
            fill=fill,
            keep=None if previous is None else previous.generation,
        )
    except OSError as error:
        raise IndexUnavailable(
            f"{vectors_folder(data_dir, key)} can't be written ({error}); check DATA_DIR and free space"
        ) from error


def _embed(
    embedder: Embedder,
    texts: Sequence[str],
    rows: Sequence[int],
    matrix: NDArray[np.float32],
    progress: Progress | None,
) -> None:
    """Embeds texts[i] into matrix[rows[i]], window by window, with progress over all of them."""
    for start in range(0, len(texts), _WINDOW):
        window = texts[start : start + _WINDOW]

        def advanced(label: str, done: int, _total: int | None, start: int = start) -> None:
            if progress is not None:
                progress(label, start + done, len(texts))

        vectors = embedder.encode(window, advanced)
        _check(embedder, vectors, len(window))
        matrix[rows[start : start + _WINDOW]] = vectors


def _check(embedder: Embedder, vectors: Vectors, n: int) -> None:
    if vectors.shape != (n, embedder.dimensions):
        raise EmbedderUnavailable(f"{embedder.key} gave vectors of shape {vectors.shape} for {n} texts")
    lengths = np.linalg.norm(vectors, axis=1)
    if not np.all(np.abs(lengths - 1.0) < 1e-3):  # False for NaN as well
        raise EmbedderUnavailable(f"{embedder.key} gave vectors that are not of unit length; check the model's files")


def _sync_chroma(
    data_dir: Path, vectors: ItemVectors, index: ChromaIndex | None, progress: Progress | None
) -> tuple[IndexChange, str | None]:
    """Failing here degrades, it does not stop: exact search over the vectors answers the same questions."""
    try:
        if index is not None:
            return index.sync(vectors, progress), None
        opened = ChromaIndex.open(data_dir, vectors, progress=progress)
        opened.close()
        return opened.change, None
    except IndexUnavailable as error:
        log.warning("vector_index_unavailable", problem=str(error), action="exact search over the item vectors")
        return "unavailable", str(error)


def _sync_lexical(data_dir: Path, texts: dict[str, SearchText], progress: Progress | None) -> bool:
    try:
        if Bm25Index.open(data_dir).digest == texts_digest(texts):
            return False
    except IndexUnavailable:
        pass
    build_bm25(data_dir, texts, progress)
    return True
