"""The catalogue as the service holds it: imported, embedded, indexed and opened by the product's own code."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from app.adapters.bm25_index import DETAILS_SHARE, Bm25Index
from app.adapters.embedder import prepare_embedder
from app.adapters.embedder_source import resolve_source
from app.adapters.indexing import sync_index
from app.adapters.shop_files.folder import open_folder
from app.bootstrap import Application, build, open_store
from app.domain.catalog import Product
from app.domain.ranking import Query
from app.finder import Served, Stopwatch
from app.ingest.folder import import_folder
from app.pipeline.profile import Profile
from app.ports import Embedder, Progress
from app.settings import Settings
from evals.ranking.pipeline import evaluation_settings
from evals.ranking.rule_folder import protocol_rules
from evals.search.plain_words import PlainWords

AS_OF = 1_767_225_600.0
"""2026-01-01, epoch seconds: nothing in a search without shoppers hangs on the time."""


@dataclass(frozen=True, slots=True)
class Scored:
    """Scores of every product of the catalogue for one query, by retriever; each of shape (n,), 0 = not found."""

    main_words: NDArray[np.float32]  # BM25 of name, labels and description
    detail_words: NDArray[np.float32]  # BM25 of attributes and id
    meaning: NDArray[np.float32]  # cosine with what the service embeds
    titles: NDArray[np.float32]  # cosine with the bare names: a reference
    plain_words: NDArray[np.float32]  # a reference
    served: NDArray[np.float32]  # what the service ranks an anonymous shopper's answer by

    def words(self, details_share: float = DETAILS_SHARE) -> NDArray[np.float32]:
        """The word index's scores with this share of the details."""
        return np.asarray(self.main_words + np.float32(details_share) * self.detail_words, dtype=np.float32)


class SearchShop:
    """Scores queries over an opened catalogue. Rows are those of the snapshot."""

    def __init__(self, application: Application, embedder: Embedder, titles: NDArray[np.float32]) -> None:
        self._finder = application.parts.finder
        self._served: Served = application.parts.served()
        self._embedder = embedder
        self._titles = titles
        shelf = self._served.shelf
        self.n = len(shelf.snapshot)
        self.row_of = shelf.snapshot.row_of
        self._ids = shelf.snapshot.product_ids
        self._vectors, _ = shelf.item_vectors(np.arange(self.n, dtype=np.int32))
        data_dir = application.settings.data_dir
        self._main = Bm25Index.open(data_dir, details_share=0.0)
        self._both = Bm25Index.open(data_dir, details_share=1.0)
        products = application.store.products(self._ids)
        self._plain = PlainWords([products[product_id] for product_id in self._ids])

    def scored(self, text: str) -> Scored:
        """Every retriever's scores for a query."""
        vector = self._embedder.encode([text])[0]
        main = self._main.scores(text, self._ids)
        return Scored(
            main_words=main,
            detail_words=self._both.scores(text, self._ids) - main,
            meaning=self._vectors @ vector,
            titles=self._titles @ vector,
            plain_words=self._plain.scores(text),
            served=self.served(text),
        )

    def served(self, text: str) -> NDArray[np.float32]:
        """The match by which `Finder.rank` orders its candidates for an anonymous shopper; 0 where none; shape (n,)."""
        found = self._finder.rank(self._served, Query(text=text), Profile(), AS_OF, Stopwatch()).candidates
        match = np.zeros(self.n, dtype=np.float32)
        match[found.rows] = found.match
        return match


@contextmanager
def search_shop(
    data: Path, work: Path, currency: str, say: Callable[[str], None], progress: Progress | None = None
) -> Iterator[SearchShop]:
    """The products of the folder `data`, ready to be searched; `work` keeps them, so that only changes cost time again.

    Raises: ImportRejected, BadInput: the folder's products can't be used. EmbedderUnavailable, IndexUnavailable.
    """
    work.mkdir(parents=True, exist_ok=True)
    settings = evaluation_settings(work / "shop", as_of=AS_OF, currency=currency)
    rules = protocol_rules(settings.rules_dir, work / "rules", excludes_owned=False)
    settings = settings.model_copy(update={"rules_dir": rules})
    say("importing")
    products = _imported(data, settings, progress)
    source = resolve_source(settings.embedder, allow_download=True)
    embedder = prepare_embedder(source, settings.data_dir)
    say("embedding and indexing what changed")
    sync_index(products, lambda: embedder, settings.data_dir, progress, key=source.key)
    titles = _embedded(embedder, [product.name for product in products], work / "titles.npz", progress)
    application = build(settings)
    try:
        application.open()
        order = {product.product_id: row for row, product in enumerate(products)}
        ids = application.parts.served().shelf.snapshot.product_ids
        yield SearchShop(application, embedder, titles[[order[product_id] for product_id in ids]])
    finally:
        application.shut()


def _imported(data: Path, settings: Settings, progress: Progress | None) -> Sequence[Product]:
    store = open_store(settings)
    try:
        import_folder(
            open_folder(data),
            store,
            currency=settings.currency,
            now=AS_OF,
            rejects_dir=settings.data_dir / "rejects",
            progress=progress,
        )
        return list(store.iter_products())
    finally:
        store.close()


def _embedded(embedder: Embedder, texts: Sequence[str], kept: Path, progress: Progress | None) -> NDArray[np.float32]:
    """Vectors of the texts, read from `kept` where they were written for these texts and this embedder before."""
    key = np.array([embedder.key, *texts])
    if kept.is_file():
        with np.load(kept, allow_pickle=False) as held:
            if np.array_equal(held["key"], key):
                return np.asarray(held["vectors"], dtype=np.float32)
    vectors = embedder.encode(texts, progress)
    np.savez(kept, key=key, vectors=vectors)
    return vectors
