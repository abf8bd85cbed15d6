"""`shelfwise train`: bring the indexes up to date with the catalogue, then train and publish the baseline."""

from __future__ import annotations

import functools
import time
from dataclasses import dataclass

from app.adapters.baseline.training import TrainReport
from app.adapters.baseline.training import train as train_baseline
from app.adapters.clock import AsOfClock
from app.adapters.embedder import prepare_embedder
from app.adapters.embedder_source import resolve_source
from app.adapters.indexing import IndexReport, sync_index
from app.adapters.rule_files import load_rules
from app.adapters.sql_store.store import SqlStore
from app.bootstrap import open_store
from app.domain.errors import EmbedderUnavailable
from app.ports import Progress
from app.settings import Settings


@dataclass(frozen=True, slots=True)
class Retrained:
    """What was done. `index` is None, with the reason in `index_problem`, where there is no embedder."""

    model: TrainReport
    index: IndexReport | None
    index_problem: str | None
    seconds_reading: float
    seconds_training: float


def retrain(
    settings: Settings, *, tune: bool, force: bool, embed: bool = True, progress: Progress | None = None
) -> Retrained:
    """Embeds changed products, trains on all interactions up to AS_OF, and publishes a model that is not worse.

    Raises: StoreUnavailable, ConfigurationError; IndexUnavailable when another process is indexing.
    """
    rules = load_rules(settings.rules_dir)
    store = open_store(settings)
    try:
        index, problem = _embed(settings, store, progress) if embed else (None, "not asked for")
        started = time.perf_counter()
        log = store.interaction_log()
        read = time.perf_counter()
        model = train_baseline(
            log,
            rules.scoring.signal_map(),
            settings.data_dir / "models",
            now=AsOfClock(settings.as_of, store.last_event_at).now(),
            tune=tune,
            force=force,
            progress=progress,
        )
        return Retrained(model, index, problem, read - started, time.perf_counter() - read)
    finally:
        store.close()


def _embed(settings: Settings, store: SqlStore, progress: Progress | None) -> tuple[IndexReport | None, str | None]:
    try:
        source = resolve_source(settings.embedder, allow_download=True)
        factory = functools.partial(prepare_embedder, source, settings.data_dir)
        report = sync_index(store.iter_products(), factory, settings.data_dir, progress, key=source.key)
    except EmbedderUnavailable as error:
        return None, str(error)
    return report, report.problem
