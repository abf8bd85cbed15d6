"""The only wiring: from settings to a running service."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeVar

import structlog
from pydantic import TypeAdapter

from app.adapters.blas_threads import one_thread_each
from app.adapters.clock import AsOfClock
from app.adapters.embedder_onnx import OnnxEmbedder
from app.adapters.embedder_source import onnx_folder, resolve_source
from app.adapters.index_source import open_index_source
from app.adapters.personal_data import open_personal_data
from app.adapters.reason_files import load_reasons
from app.adapters.rule_files import load_rules, refuse_dangling
from app.adapters.secret_file import open_pseudonyms
from app.adapters.shared_buckets import SharedBuckets
from app.adapters.shelf_keeper import ShelfKeeper
from app.adapters.sql_store.event_writer import EventWriter
from app.adapters.sql_store.leases import SqlLeases
from app.adapters.sql_store.slate_writer import SlateWriter
from app.adapters.sql_store.store import SqlStore
from app.adapters.trend_keeper import TrendKeeper
from app.admission import Door
from app.assistant import ShoppingAssistant
from app.bounded_pool import BoundedPool
from app.browse import Browsing
from app.domain.errors import ConfigurationError, EmbedderUnavailable
from app.domain.interactions import Consent, Personalization
from app.domain.ranking import PublicReason
from app.finder import Finder
from app.ingest.catalogue import CatalogueEditor
from app.ingest.intake import EventIntake
from app.jobs import leader_of, ledger_job, standing_jobs
from app.leader import Leader
from app.metering import Metering
from app.model_parts import ModelParts, open_cheap_client, open_client, open_model
from app.observing import Observing
from app.pipeline.hidden_products import mostly_hidden
from app.pipeline.rules_schema import Rules, public_reasons
from app.ports import Embedder
from app.privacy import PersonalData
from app.report import ReportDesk
from app.reporting import Reporting
from app.service import RecommendationService, ServiceParts
from app.settings import Settings
from app.shelves import ShelfService
from app.slate_memo import SlateMemo

log = structlog.get_logger(__name__)

_T = TypeVar("_T")
_LEVEL: TypeAdapter[Personalization] = TypeAdapter(Personalization)

REQUEST_THREADS = 8
"""As many as may ever be needed; how many have work at a time is the door's to say (app/admission.py)."""

MOST_PIECES_WAITING = 256
"""For a thread of each pool; as many as there are answers under way at most (app/admission.py)."""


@dataclass(frozen=True, slots=True)
class Health:
    """Whether requests can be answered, and what is missing or broken."""

    ready: bool
    degraded: tuple[str, ...] = ()
    details: Mapping[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Application:
    """Everything that a server, a command or a test needs. `start` opens files and threads, `close` ends them."""

    settings: Settings
    store: SqlStore
    clock: AsOfClock
    rules: Rules
    keeper: ShelfKeeper
    catalogue: CatalogueEditor
    slates: SlateWriter
    events: EventWriter
    intake: EventIntake
    parts: ServiceParts  # what `service` is made of
    service: RecommendationService
    pools: tuple[BoundedPool, BoundedPool]  # requests, searches
    model: ModelParts | None  # None: no model is configured
    trends: TrendKeeper
    shelves: ShelfService
    assistant: ShoppingAssistant
    reporting: Reporting
    leader: Leader
    leases: SqlLeases | None  # None: this is the only worker
    privacy: PersonalData
    observing: Observing
    metering: Metering
    rates: SharedBuckets | None  # None: no key is configured, nothing is limited
    door: Door

    @property
    def browsing(self) -> Browsing:
        """What pages browse."""
        return Browsing(self.keeper.served)

    @property
    def reports(self) -> ReportDesk:
        """Business reports."""
        return self.reporting.desk

    @property
    def rules_public_reasons(self) -> Mapping[str, PublicReason]:
        """Rule id → what a shopper may know of it."""
        return public_reasons(self.rules)

    def health(self) -> Health:
        """Whether requests can be answered; what is degraded never includes a model provider."""
        problems = {**self.keeper.problems, **self.privacy.warnings()}
        rules = self.keeper.served().rules if self.keeper.ready else None
        told = {} if rules is None else {**rules.not_applied, **mostly_hidden(rules)}
        details = problems | {f"rule {rule}": why for rule, why in told.items()}
        return Health(ready=self.keeper.ready, degraded=tuple(sorted(problems)), details=details)

    async def start(self) -> None:
        """Loads catalogue, model and indexes, and follows their changes."""
        await asyncio.to_thread(self.open)
        self.observing.start(self)
        self.keeper.start()
        self.trends.start()
        self.leader.start()
        self.pools[1].submit(self.parts.finder.warm)
        if self.model is not None:
            for client in filter(None, (self.model.client, self.model.cheap)):
                await client.warm({"rerank": self.model.prompt.schema or {}})
        # What was loaded stays as long as the process. Walked by a full collection, its 600,000 objects (most of them
        # the model library's) stopped every request for 0.4 to 1.2 s; without them one takes 20 ms at first and 70 to
        # 120 later (see app/garbage.py).
        gc.freeze()

    def open(self) -> None:
        """Loads catalogue, model and indexes, without following changes."""
        one_thread_each()
        self.keeper.open()

    async def close(self) -> None:
        """Ends running model calls (at most 8 s), writes what is queued and closes every file."""
        await asyncio.to_thread(self.leader.resign)
        if self.model is not None:
            await self.model.stage.close()  # and the calls of the assistant, which are the same client's
        await asyncio.to_thread(self.shut)
        gc.unfreeze()

    def shut(self) -> None:
        """The same, without an event loop."""
        self.events.close()
        self.trends.close()
        self.leader.close()
        self.reporting.close()
        self.keeper.close()
        self.parts.finder.close()
        for pool in self.pools:
            pool.shutdown(wait=True, cancel_futures=True)
        if self.model is not None:
            self.model.close()
        self.observing.close()
        self.slates.close()
        if self.leases is not None:
            self.leases.close()
        if self.rates is not None:
            self.rates.close()
        self.store.close()


def build(settings: Settings, *, embedder: Embedder | None = None, workers: bool = False) -> Application:
    """Wires the service. Opens the database and reads the rules; `start` opens the rest.

    Args:    embedder: instead of the one that the settings name; workers: other processes serve the same shop, with
             one Chroma server for all (app/workers.py).
    Raises:  ConfigurationError: settings or rules are wrong. StoreUnavailable: the database can't be opened.
    """
    rules = load_rules(settings.rules_dir)
    reasons = load_reasons(settings.rules_dir)
    consent = consent_of(settings.consent_default)
    store = open_store(settings)
    clock = AsOfClock(settings.as_of, store.last_event_at)
    key, opened = (embedder.key, embedder) if embedder is not None else open_embedder(settings)
    indexes = open_index_source(settings.data_dir, key, settings.vector_exact_up_to, workers=workers)
    keeper = ShelfKeeper(
        store=store,
        data_dir=settings.data_dir,
        embedder_key=key,
        indexes=indexes,
        rules=rules,
        sensitivity=reasons.sensitivity,
        clock=clock,
        check=lambda snapshot: refuse_dangling(rules, snapshot),
    )
    slates = SlateWriter.start(store)
    metering = Metering.open(settings, public_reasons(rules), clock.now)
    observing = Observing.open(settings, open_pseudonyms(settings), slates.get, metering)
    events = EventWriter.start(store, on_written=clock.refresh)  # under last-event the event is not in the future then
    intake = EventIntake(
        events,
        currency=settings.currency,
        clock=clock,
        known_products=lambda: keeper.served().shelf.snapshot.row_of,
        observer=observing.told,
    )
    pools = (
        BoundedPool(REQUEST_THREADS, waiting_most=MOST_PIECES_WAITING, thread_name_prefix="request"),
        BoundedPool(2 * REQUEST_THREADS, waiting_most=MOST_PIECES_WAITING, thread_name_prefix="search"),
    )
    leases = SqlLeases.open(settings.sqlalchemy_url) if workers else None
    door = Door(places_most=settings.work_at_once_most, wait_s=settings.work_wait_ms / 1000.0)
    model = open_model(settings, leases, observing.told, door.pressed) if settings.llm_model else None
    memo = SlateMemo(store.shopper_changes)
    parts = ServiceParts(
        store=store,
        finder=Finder(store=store, embedder=opened, searches=pools[1], consent_default=consent, memo=memo),
        served=keeper.served,
        reasons=reasons,
        slates=slates,
        clock=clock,
        requests=pools[0],
        currency=settings.currency,
        rerank=None if model is None else model.stage,
        observer=observing.told,
    )
    trends = TrendKeeper(
        source=store,
        snapshot=lambda: keeper.served().shelf.snapshot,
        clock=clock,
        signals=rules.scoring.signal_map(),
    )
    shelves = ShelfService(
        parts,
        trends=trends.trends,
        similar_min=settings.similar_min_similarity,
        search_personalized=settings.search_personalized,
    )
    parts = replace(parts, shelf_ranking=shelves.ranking)
    privacy = open_personal_data(
        settings.data_dir, store, None if model is None else model.cache, keeper, observing.forget_traces
    )
    reporting = Reporting.open(settings, clock.now)
    jobs = [
        *standing_jobs(store, clock, indexes, privacy, opened, keeper.nudge),
        ledger_job(settings.sqlalchemy_url, settings.ledger_retention_days),
        metering.attribution_job(reporting.parts),
    ]
    return Application(
        settings=settings,
        store=store,
        clock=clock,
        rules=rules,
        keeper=keeper,
        catalogue=CatalogueEditor(store, now=clock.now, changed=keeper.nudge),
        slates=slates,
        events=events,
        intake=intake,
        parts=parts,
        service=RecommendationService(parts),
        pools=pools,
        model=model,
        trends=trends,
        shelves=shelves,
        privacy=privacy,
        observing=observing,
        metering=metering,
        rates=SharedBuckets.open(settings.data_dir) if settings.has_keys else None,
        door=door,
        leader=leader_of(jobs, leases),
        leases=leases,
        reporting=reporting,
        assistant=ShoppingAssistant.over(
            parts, shelves, store, consent, None if model is None else model.chat, settings.chat_hand_off
        ),
    )


def open_store(settings: Settings) -> SqlStore:
    """The store that the settings name, its schema up to date; the data folder is made where it is missing.

    Raises: ConfigurationError: no data folder can be made there, or the database is another program's, of a newer
            version or in another currency. StoreUnavailable: the database can't be opened.
    """
    try:
        Path(settings.data_dir).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigurationError(
            f"The data folder {settings.data_dir} can't be made: {error.strerror}. Set SHELFWISE_DATA_DIR to a folder "
            "that this user may write to."
        ) from error
    return SqlStore.open(
        settings.sqlalchemy_url,
        currency=settings.currency,
        consent_default=consent_of(settings.consent_default),
        pseudonyms=open_pseudonyms(settings),
    )


def open_embedder(settings: Settings) -> tuple[str | None, OnnxEmbedder | None]:
    """The exported embedder for queries and its key; (key, None) before the first `train`, (None, None) without one."""
    try:
        source = resolve_source(settings.embedder, allow_download=False)
    except EmbedderUnavailable as error:
        log.warning("embedder_unavailable", reason=str(error))
        return None, None
    try:
        return source.key, OnnxEmbedder.open(onnx_folder(settings.data_dir, source.key))
    except EmbedderUnavailable as error:
        log.warning("embedder_unavailable", reason=str(error))
        return source.key, None


def consent_of(setting: str) -> Consent:
    """Reads "full,true" and its like. Raises ValueError for anything else."""
    level, _, llm = setting.partition(",")
    if llm not in ("true", "false"):
        raise ValueError(f"{setting!r} is no consent; write none, session or full, a comma, and true or false")
    return Consent(personalization=_LEVEL.validate_python(level), llm_processing=llm == "true")


__all__ = [
    "Application",
    "Health",
    "ModelParts",
    "build",
    "consent_of",
    "open_cheap_client",
    "open_client",
    "open_embedder",
    "open_model",
    "open_pseudonyms",
    "open_store",
]
