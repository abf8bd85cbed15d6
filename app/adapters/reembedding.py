"""Gives new and re-described products their vectors and words while the service runs; a job of the leader."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import structlog

from app.adapters import generations
from app.adapters.bm25_index import read_text_hashes
from app.adapters.item_vectors import ItemVectors, open_item_vectors, text_hash, vectors_folder
from app.adapters.overlay_files import read_overlay, write_overlay
from app.domain.catalog import Product
from app.domain.errors import EmbedderUnavailable, IndexUnavailable, StoreUnavailable
from app.pipeline.item_text import SearchText, item_text, search_text
from app.ports import Embedder, Vectors

log = structlog.get_logger(__name__)

MOST = 5_000
"""Products in the overlay; more wait for `shelfwise train`, for the words of an overlay are indexed in memory."""

_AT_ONCE = 128

Entry = tuple[bytes, Vectors, SearchText]
"""Hashes of both texts, vector (dimensions,), search text."""


class ChangedProducts(Protocol):
    """What re-embedding reads of a store."""

    def sequence(self) -> int:
        """Number of the newest catalogue change."""
        ...

    def changed_product_ids(self, after_sequence: int) -> tuple[int, Sequence[str]]:
        """The newest sequence and the ids of products changed after the given one."""
        ...

    def products(self, product_ids: Sequence[str]) -> Mapping[str, Product]:
        """The products with these ids; deleted ones are left out."""
        ...

    def iter_products(self, *, with_deleted: bool = False) -> Iterator[Product]:
        """All products."""
        ...


@dataclass(slots=True)
class Progress:
    """What the leader remembers between two rounds; lost, it is read from the files again."""

    base: ItemVectors | None = None
    words: Mapping[str, bytes] | None = None  # product → hash of its search text in the base; None: not known
    sequence: int = 0
    entries: dict[str, Entry] = field(default_factory=dict)
    wait: frozenset[str] = frozenset()  # changed products for which there is no room


def reembed_once(store: ChangedProducts, data_dir: Path, embedder: Embedder, state: Progress) -> int:
    """Brings the overlay in line with the catalogue: embeds what changed since the last round, forgets what went.

    For one thread of the leader. After a `train` the base is new and the overlay begins again with what changed since.

    Returns: how many products were embedded; 0 and no file written where no words changed.
    Raises:  IndexUnavailable: there is no base yet (`shelfwise train`), another process writes the overlay, or the disk
             does not take it. StoreUnavailable, EmbedderUnavailable. The next round repeats what is missing.
    """
    given = _changed(store, data_dir, embedder, state)
    if given is None:
        return 0
    sequence, products, gone = given
    base = state.base
    if base is None:
        return 0
    entries = dict(state.entries)
    before = set(entries)
    for product_id in gone:
        entries.pop(product_id, None)
    held = base.hash_by_id()
    to_embed: dict[str, tuple[bytes, str, SearchText]] = {}
    touched = len(entries) != len(before)
    for product in products:
        text, words = item_text(product), search_text(product)
        digest = text_hash(text) + text_hash(f"{words.main}\0{words.details}")
        p = product.product_id
        if held.get(p) == digest[:16] and (state.words is None or state.words.get(p) == digest[16:]):
            touched |= entries.pop(p, None) is not None  # as in the base again
        elif p not in entries or entries[p][0] != digest:
            to_embed[p] = (digest, text, words)
    room = MOST - len(entries.keys() - to_embed.keys())
    waiting = frozenset(list(to_embed)[max(0, room) :])
    wanted = [p for p in to_embed if p not in waiting]
    for start in range(0, len(wanted), _AT_ONCE):
        window = wanted[start : start + _AT_ONCE]
        vectors = embedder.encode([to_embed[p][1] for p in window])
        for p, vector in zip(window, vectors, strict=True):
            entries[p] = (to_embed[p][0], vector, to_embed[p][2])
    if wanted or touched or state.sequence == 0:
        write_overlay(data_dir, embedder.key, base=base.digest, sequence=sequence, entries=entries)
    state.entries, state.sequence, state.wait = entries, sequence, (state.wait - set(wanted)) | waiting
    return len(wanted)


def _changed(
    store: ChangedProducts, data_dir: Path, embedder: Embedder, state: Progress
) -> tuple[int, Iterable[Product], Sequence[str]] | None:
    """The newest sequence, the products to look at and the ids of deleted ones; None where nothing changed."""
    current = generations.pointed_to(vectors_folder(data_dir, embedder.key))
    if state.base is None or state.base.generation != current:
        state.base = open_item_vectors(data_dir, embedder.key)
        state.words = read_text_hashes(data_dir)
        state.entries, state.sequence, state.wait = {}, 0, frozenset()
        found = read_overlay(data_dir, embedder.key)
        if found is None or found.base != state.base.digest:
            sequence = store.sequence()
            return sequence, store.iter_products(), ()
        rows = zip(found.product_ids, found.hashes, found.matrix, found.texts, strict=True)
        state.entries = {p: (digest, vector, text) for p, digest, vector, text in rows}
        state.sequence = found.sequence
    sequence, ids = store.changed_product_ids(state.sequence)
    if not ids:
        return None
    products = store.products(list(ids))
    return sequence, products.values(), [p for p in ids if p not in products]


class Reembedding:
    """`reembed_once` as a standing job of the leader: what hinders it is said once and tried again."""

    def __init__(
        self, store: ChangedProducts, data_dir: Path, embedder: Embedder, embedded: Callable[[], None] = lambda: None
    ) -> None:
        """Args: embedded: called after a round that embedded something."""
        self._store, self._data_dir, self._embedder, self._embedded = store, data_dir, embedder, embedded
        self._state = Progress()
        self._said = ""

    def run(self) -> None:
        """One round."""
        problem = ""
        try:
            if reembed_once(self._store, self._data_dir, self._embedder, self._state):
                self._embedded()
        except (IndexUnavailable, StoreUnavailable, EmbedderUnavailable) as error:
            problem = str(error)
        if self._state.wait:
            problem = f"{len(self._state.wait):,} changed products wait for `shelfwise train`"
        if problem and problem != self._said:
            log.warning("reembedding", problem=problem)
        self._said = problem
