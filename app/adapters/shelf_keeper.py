"""Opens catalogue, model and indexes, keeps them current while the service runs, and says what is missing.

The base is immutable and swapped as a whole; a changed product is applied to a copy of the columns (about 20 ms at
100,000 products), so a request never sees half a change.
"""

from __future__ import annotations

import stat
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Protocol

import structlog

from app.adapters import generations
from app.adapters.baseline.artefact import current_version, load_current
from app.adapters.bm25_index import Bm25Index, lexical_folder
from app.adapters.chroma_index import EXACT_UP_TO
from app.adapters.exact_index import ExactIndex
from app.adapters.index_source import IndexSource
from app.adapters.item_vectors import ItemVectors, open_item_vectors, vectors_folder
from app.adapters.overlaid import OverlaidIndex, OverlaidVectors, OverlaidWords
from app.adapters.overlay_files import Overlay, overlay_folder, read_overlay
from app.domain.catalog import Snapshot
from app.domain.errors import IndexUnavailable, ModelUnavailable, StoreUnavailable
from app.finder import Served
from app.pipeline.columns import with_changes
from app.pipeline.rules import CompiledRules
from app.pipeline.rules_schema import Rules
from app.pipeline.sensitivity import Sensitivity, sensitive_rows
from app.pipeline.shelf import build_shelf
from app.ports import BaselineModel, ShopStore, VectorIndex

log = structlog.get_logger(__name__)

POLL_S = 0.25
"""How often the store and the files are looked at: a changed product is seen well within a second."""

_REST_SHARE, _REST_MOST_S = 2.0, 0.4
"""After a change a pause of twice what it took: however fast products change, requests keep two thirds of a core."""


class RefreshingClock(Protocol):
    """A clock that may follow the newest event."""

    def refresh(self) -> None:
        """Looks the newest event up again."""
        ...


class ShelfKeeper:
    """Owns what requests read. `open` loads, `start` follows changes in a thread, `close` ends it."""

    def __init__(
        self,
        *,
        store: ShopStore,
        data_dir: Path,
        embedder_key: str | None,
        indexes: IndexSource,
        rules: Rules,
        sensitivity: Sensitivity,
        clock: RefreshingClock,
        check: Callable[[Snapshot], None],
    ) -> None:
        self._store = store
        self._data_dir = data_dir
        self._key = embedder_key
        self._indexes = indexes
        self._rules = rules
        self._sensitivity = sensitivity
        self._known_names: dict[str, bool] = {}
        self._clock = clock
        self._check = check
        self._problems: dict[str, str] = {}
        self._served: Served | None = None
        self._snapshot: Snapshot | None = None
        self._model: BaselineModel | None = None
        self._vectors: ItemVectors | None = None
        self._index: VectorIndex | None = None
        self._words: Bm25Index | None = None
        self._overlay: Overlay | None = None
        self._overlaid: tuple[tuple[Bm25Index, Overlay], OverlaidWords] | None = (
            None  # of which base and overlay, and both as one
        )
        self._seen: tuple[str, ...] = ()
        self._stop = threading.Event()
        self._wake = threading.Event()
        self._thread: threading.Thread | None = None
        self._following = threading.Lock()

    def open(self) -> None:
        """Loads everything. Parts that can't be opened are recorded as problems and done without.

        Raises: StoreUnavailable: there is no catalogue without a store. RulesError: from the check of references.
        """
        self._snapshot = self._store.load_snapshot()
        self._check(self._snapshot)
        self._seen = self._pointers()
        self._open_model()
        self._open_vectors()
        self._open_words()
        self._open_overlay()
        self._publish()

    def start(self) -> None:
        """Follows changes until `close`."""
        self._thread = threading.Thread(target=self._follow, name="shelf-keeper", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stops following and closes the vector index."""
        self._stop.set()
        self._wake.set()
        if self._thread is not None:
            self._thread.join()
        self._indexes.close()

    def served(self) -> Served:
        """What requests read now. Raises RuntimeError before `open`."""
        if self._served is None:
            raise RuntimeError("the shelf was not opened")
        return self._served

    @property
    def ready(self) -> bool:
        """Whether requests can be answered."""
        return self._served is not None

    @property
    def problems(self) -> Mapping[str, str]:
        """Part → what is wrong with it, for parts that are missing, broken or older than they should be."""
        index = self._indexes.problem
        return dict(self._problems) if index is None else {**self._problems, "index": index}

    def nudge(self) -> None:
        """Says that something has changed: it is followed at once, and changes that come close together in one go."""
        self._wake.set()

    def follow_once(self) -> bool:
        """Applies whatever changed since the last look; whether anything did.

        Two at a time would see the other's half: applied, and not yet published.
        """
        with self._following:
            changed = False
            self._indexes.look()
            if self._snapshot is not None:
                sequence = self._store.sequence()
                if sequence != self._snapshot.sequence:
                    self._apply_changes(self._snapshot)
                    changed = True
            pointers = self._pointers()
            for before, after, reopen in zip(self._seen, pointers, self._openers, strict=True):
                if before != after:
                    reopen()
                    changed = True
            self._seen = pointers
            if changed:
                self._publish()
            return changed

    def _follow(self) -> None:
        while not self._stop.is_set():
            self._wake.wait(POLL_S)
            if self._stop.is_set():
                return
            self._wake.clear()
            began = time.monotonic()
            try:
                self._clock.refresh()
                if self.follow_once():
                    self._stop.wait(min(_REST_MOST_S, _REST_SHARE * (time.monotonic() - began)))
                self._problems.pop("store", None)
            except StoreUnavailable as error:
                if "store" not in self._problems:
                    log.warning("store_unavailable", reason=str(error), action="serving the last catalogue")
                self._problems["store"] = str(error)

    def _apply_changes(self, snapshot: Snapshot) -> None:
        sequence, changed_ids = self._store.changed_product_ids(snapshot.sequence)
        records = self._store.products(list(changed_ids))
        if len(changed_ids) > len(snapshot) // 4:
            self._snapshot = self._store.load_snapshot()  # quicker than applying so many
            return
        removed = [product_id for product_id in dict.fromkeys(changed_ids) if product_id not in records]
        self._snapshot = with_changes(snapshot, records.values(), sequence, removed=removed)

    def _publish(self) -> None:
        if self._snapshot is None:
            return
        over = self._overlay
        vectors, index = self._vectors, self._index
        words: Bm25Index | OverlaidWords | None = self._words
        if over is None or vectors is None or over.base != vectors.digest or not over.product_ids:
            shelf = build_shelf(self._snapshot, self._model, vectors)
        else:  # an overlay of another base waits until it is written anew
            shelf = build_shelf(self._snapshot, self._model, OverlaidVectors.of(vectors, over))
            index = None if index is None else OverlaidIndex(index, over)
            words = None if self._words is None else self._words_over(self._words, over)
        at_hand = isinstance(self._index, ExactIndex) and len(self._index.vectors) <= EXACT_UP_TO
        sensitive = sensitive_rows(self._snapshot, self._sensitivity, self._known_names)
        rules = CompiledRules(self._rules, self._snapshot, sensitive)
        self._served = Served(shelf=shelf, rules=rules, index=index, words=words, near_at_hand=at_hand)

    @property
    def _openers(self) -> tuple[Callable[[], None], ...]:
        """What opens each part again, in the order of `_pointers`."""
        return (self._open_model, self._open_vectors, self._open_words, self._open_overlay)

    def _words_over(self, words: Bm25Index, overlay: Overlay) -> OverlaidWords:
        made_of = (words, overlay)
        if self._overlaid is None or self._overlaid[0][0] is not words or self._overlaid[0][1] is not overlay:
            self._overlaid = (made_of, OverlaidWords(words, overlay))
        return self._overlaid[1]

    def _open_overlay(self) -> None:
        self._overlay = None if self._key is None else read_overlay(self._data_dir, self._key)

    def _pointers(self) -> tuple[str, ...]:
        """What tells that a part must be opened again: another current version, or files that changed under us."""
        models = self._data_dir / "models"
        version = current_version(models)
        vectors = self._data_dir if self._key is None else vectors_folder(self._data_dir, self._key)
        words = lexical_folder(self._data_dir)
        return (
            f"{version} {_stamps(models / version)}" if version else "",
            f"{generations.pointed_to(vectors)} {_stamps(vectors)}" if self._key is not None else "",
            f"{generations.pointed_to(words)} {_stamps(words)}",
            "" if self._key is None else f"{generations.pointed_to(overlay_folder(self._data_dir, self._key))}",
        )

    def _open_model(self) -> None:
        try:
            model = load_current(self._data_dir / "models")
        except ModelUnavailable as error:
            self._model = None  # what is still mapped may be what was damaged
            self._report("baseline", str(error))
            return
        self._model = model
        if model.fell_back_from is not None:
            self._report("baseline", f"version {model.fell_back_from} is damaged; serving {model.version}")
        else:
            self._problems.pop("baseline", None)

    def _open_vectors(self) -> None:
        if self._key is None:
            self._report("vectors", "no embedder: products are not matched by content")
            return
        try:
            vectors = open_item_vectors(self._data_dir, self._key)
        except IndexUnavailable as error:
            self._vectors = None
            self._report("vectors", str(error))
            return
        self._vectors = vectors
        wanted = generations.pointed_to(vectors_folder(self._data_dir, self._key))
        if vectors.generation != wanted:
            self._report("vectors", f"generation {wanted} is damaged; serving {vectors.generation}")
        else:
            self._problems.pop("vectors", None)
        self._index = self._indexes.index_for(vectors)

    def _open_words(self) -> None:
        try:
            self._words = Bm25Index.open(self._data_dir)
            self._problems.pop("words", None)
        except IndexUnavailable as error:
            self._words = None
            self._report("words", str(error))

    def _report(self, part: str, problem: str) -> None:
        self._problems[part] = problem
        log.warning("degraded", part=part, reason=problem)


def _stamps(folder: Path) -> int:
    """A number that changes when a file of the folder or of a folder in it is written, added or removed."""
    seen = []
    for root in (folder, *(entry for entry in _entries(folder) if entry.is_dir())):
        for entry in _entries(root):
            try:
                status = entry.stat()
            except FileNotFoundError:
                continue  # pruned while we looked
            if stat.S_ISREG(status.st_mode):
                seen.append((entry.name, status.st_mtime_ns, status.st_size))
    return hash(tuple(sorted(seen)))


def _entries(folder: Path) -> list[Path]:
    try:
        return [entry for entry in folder.iterdir() if entry.name != "lock"]
    except (FileNotFoundError, NotADirectoryError):
        return []
