"""`shelfwise train`: bring the indexes up to date with the catalogue, then train and publish the baseline."""

from __future__ import annotations

import functools
import time
from collections.abc import Iterator
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
from app.domain.errors import BadInput, EmbedderUnavailable
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

    def lines(self) -> Iterator[str]:
        """What a person wants to know, a line each."""
        index, quality = self.index, self.model.quality
        if index is not None:
            yield (
                f"Embedded {index.embedded:,} of {index.products:,} products in {index.seconds_embedding:.1f} s; "
                f"vector index {index.vector_index} in {index.seconds_indexing:.1f} s."
            )
        if self.index_problem is not None:
            yield f"Not indexed: {self.index_problem}"
        window = self.model.window
        yield (
            f"Trained on {window.events:,} events of {window.actors:,} shoppers and {window.products:,} products "
            f"in {self.seconds_training:.1f} s."
        )
        blend = quality.novel.get("blend")
        if blend is not None and quality.novel_interval is not None:
            low, high = quality.novel_interval
            others = ", ".join(f"{n} {v:.4f}" for n, v in quality.novel.items() if v is not None and n != "blend")
            yield (
                f"NDCG@10 on the last slice, {quality.actors:,} shoppers, new products only: {blend:.4f} "
                f"[{low:.4f}, {high:.4f}]; {others}."
            )
        else:
            yield "Too few interactions to measure quality: the shipped blend is used."
        yield self.model.message


def retrain(
    settings: Settings, *, tune: bool, force: bool, embed: bool = True, progress: Progress | None = None
) -> Retrained:
    """Embeds changed products, trains on all interactions up to AS_OF, and publishes a model that is not worse.

    Raises: BadInput when there are no products; StoreUnavailable, ConfigurationError;
            IndexUnavailable when another process is indexing.
    """
    rules = load_rules(settings.rules_dir)
    store = open_store(settings)
    try:
        if not store.product_ids():
            raise BadInput("There are no products; run `shelfwise import FOLDER` first.")
        index, problem = _embed(settings, store, progress) if embed else (None, "not asked for")
        started = time.perf_counter()
        read_at = time.time()
        log = store.interaction_log()
        read = time.perf_counter()
        model = train_baseline(
            log,
            rules.scoring.signal_map(),
            settings.data_dir / "models",
            now=AsOfClock(settings.as_of, store.last_event_at).now(),
            tune=tune,
            force=force,
            progress=progress if progress is not None else _silent,
        )
        if model.version is not None:
            store.privacy.remember_training(model.version, read_at)
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


def _silent(label: str, done: int, total: int | None) -> None:
    """Reports to nobody."""
