"""The service as one of the recommenders: the product's import, its training, and the code that answers requests.

A ranking here is what `RecommendationService` computes before reasons are written: profile, candidates from every
source, eligibility rules, score, slate. A test compares it with the HTTP API's answers.
"""

from __future__ import annotations

import concurrent.futures
import datetime as dt
import multiprocessing
import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from app.adapters.shop_files.folder import open_folder
from app.bootstrap import Application, build, consent_of, open_embedder, open_store
from app.domain.catalog import FloatArray, IntArray
from app.domain.imports import ImportReport
from app.domain.interactions import Consent, EventKind, PastInteraction, Preferences, Shopper
from app.domain.ranking import Query
from app.finder import Finder, Stopwatch
from app.ingest.folder import import_folder
from app.pipeline.ranker import Ranking
from app.ports import Embedder, ShopStore
from app.retrain import retrain
from app.settings import Settings
from app.telemetry import configure_logging
from evals.ranking.memory import peak_mib
from evals.ranking.metrics import EMPTY, K

CONSENT = Consent("full", True)
"""Of shoppers of the folder who state none: without it there would be nothing to rank by."""
DEPTH = 500
"""How far down candidates are looked at."""


NOT_VECTORS = shutil.ignore_patterns("shop.db*", "models", "rejects")
"""What of a data folder depends on more than the products' texts; for shutil.copytree."""


@dataclass(frozen=True, slots=True)
class Trained:
    """A data folder with everything that serving needs, and what making it took."""

    settings: Settings
    import_s: float
    embed_s: float
    train_s: float
    peak_mib: float | None  # of the process that imported, embedded and trained
    import_peak_mib: float | None  # of the same process when the import was done
    rejected: int
    messages: tuple[str, ...]  # what `shelfwise train` says
    embedded: bool


def evaluation_settings(data_dir: Path, *, as_of: float, currency: str, rules_dir: Path | None = None) -> Settings:
    """Settings of an evaluation: fixed clock, no model, none of the environment's data or rules.

    Args: rules_dir: None = those that the environment or the product gives.
    """
    settings = Settings(
        data_dir=data_dir,
        database_url="",
        as_of=dt.datetime.fromtimestamp(as_of, dt.UTC).isoformat(),
        currency=currency,
        consent_default="session,false",
        llm_model="",
        api_keys_secret=(),
        api_keys_publishable=(),
    )
    return settings if rules_dir is None else settings.model_copy(update={"rules_dir": rules_dir})


def train_service(folder: Path, settings: Settings, *, embed: bool, tune: bool, consent: Consent = CONSENT) -> Trained:
    """Imports the folder into the empty DATA_DIR and trains, in a process of its own so that its memory can be told.

    Args: embed: compute item vectors, too; without them no product is found or placed by content. tune: `--tune`;
          consent: of shoppers who state none.
    """
    context = multiprocessing.get_context("spawn")
    with concurrent.futures.ProcessPoolExecutor(1, mp_context=context) as pool:
        return pool.submit(_train_here, folder, settings, embed, tune, consent).result()


def _train_here(folder: Path, settings: Settings, embed: bool, tune: bool, consent: Consent) -> Trained:
    configure_logging(level="ERROR")
    began = time.perf_counter()
    report = _import_here(folder, settings, consent)
    imported = time.perf_counter()
    import_peak = peak_mib()
    done = retrain(settings, tune=tune, force=True, embed=embed)
    index = done.index
    return Trained(
        settings=settings,
        import_s=imported - began,
        embed_s=0.0 if index is None else index.seconds_embedding,
        train_s=done.seconds_reading + done.seconds_training,
        peak_mib=peak_mib(),
        import_peak_mib=import_peak,
        rejected=report.rejected,
        messages=tuple(done.lines()),
        embedded=index is not None,
    )


def _import_here(folder: Path, settings: Settings, consent: Consent = CONSENT) -> ImportReport:
    store = open_store(settings)
    try:
        return import_folder(
            open_folder(folder),
            store,
            currency=settings.currency,
            consent=consent,
            now=dt.datetime.fromisoformat(settings.as_of).timestamp(),
            rejects_dir=settings.data_dir / "rejects",
        )
    finally:
        store.close()


@contextmanager
def opened(settings: Settings) -> Iterator[Application]:
    """The application that these settings name, loaded as for serving, closed at the end."""
    application = build(settings)
    try:
        application.open()
        yield application
    finally:
        application.shut()


@dataclass(frozen=True, slots=True)
class Ranked:
    """What a recommender answered. Item columns, best first, EMPTY where nothing stands."""

    slates: IntArray  # (n_users, k)
    candidates: IntArray  # (n_users, DEPTH) the whole ranking, so far as it goes
    ms: FloatArray  # (n_users,) time of each ranking


class ServiceRanker:
    """Ranks shoppers by the service's own stages.

    Args:   product_ids: what the columns of an evaluation stand for;
            store: in place of the application's, to show the service another history or other preferences;
            embedder: in place of the application's; only for stated interests or a query.
    """

    def __init__(
        self,
        application: Application,
        product_ids: Sequence[str],
        *,
        store: ShopStore | None = None,
        embedder: Embedder | None = None,
    ) -> None:
        self._application = application
        self._finder = application.parts.finder
        if store is not None:
            self._finder = Finder(
                store=store,
                embedder=embedder if embedder is not None else open_embedder(application.settings)[1],
                searches=application.pools[1],
                consent_default=consent_of(application.settings.consent_default),
            )
        column_of = {product_id: column for column, product_id in enumerate(product_ids)}
        snapshot = application.keeper.served().shelf.snapshot
        self._column_of_row = np.asarray([column_of.get(p, EMPTY) for p in snapshot.product_ids], dtype=np.int32)

    def ranking(self, query: Query) -> Ranking:
        """Everything that the service knows about one request before reasons are written."""
        served = self._application.keeper.served()
        now = self._application.clock.now()
        profile = self._finder.profile(served, query, self._finder.shopper(query), now)
        return self._finder.rank(served, query, profile, now, Stopwatch())

    def rank(self, user_ids: Sequence[str], k: int = K) -> Ranked:
        """A slate of k for each shopper's home page, one after the other."""
        slates = np.full((len(user_ids), k), EMPTY, dtype=np.int32)
        candidates = np.full((len(user_ids), DEPTH), EMPTY, dtype=np.int32)
        ms = np.zeros(len(user_ids))
        for i, user_id in enumerate(user_ids):
            began = time.perf_counter()
            ranking = self.ranking(Query(user_id=user_id, limit=k, reasons="none"))
            ms[i] = (time.perf_counter() - began) * 1000.0
            rows = ranking.composition.rows
            slates[i, : len(rows)] = self._column_of_row[rows]
            order = ranking.order[:DEPTH]
            candidates[i, : len(order)] = self._column_of_row[order]
        return Ranked(slates, candidates, ms)


class ShownStore:
    """The store, showing of each shopper only the last interactions of some kinds and, where given, other preferences.

    Everything else is the store's own. Implements of ShopStore what a ranking reads of a shopper.
    """

    def __init__(
        self,
        store: ShopStore,
        *,
        last: int,
        kinds: frozenset[EventKind],
        preferences: Mapping[str, Preferences] | None = None,
    ) -> None:
        self._store = store
        self._last = last
        self._kinds = kinds
        self._preferences = preferences

    def shopper(self, user_id: str) -> Shopper:
        """The stored shopper, with the preferences given here in place of those stored."""
        shopper = self._store.shopper(user_id)
        if self._preferences is None:
            return shopper
        return replace(shopper, preferences=self._preferences.get(user_id, Preferences()))

    def interactions(
        self, *, user_id: str | None, anonymous_id: str | None, session_id: str | None, limit: int
    ) -> Sequence[PastInteraction]:
        """The newest interactions of the kinds shown, no more than are to be shown."""
        found = self._store.interactions(user_id=user_id, anonymous_id=anonymous_id, session_id=session_id, limit=limit)
        return [event for event in found if event.kind in self._kinds][: self._last]

    def __getattr__(self, name: str) -> object:
        return getattr(self._store, name)
