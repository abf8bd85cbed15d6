"""The only wiring: from settings to a running service."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import structlog
from pydantic import TypeAdapter

from app.adapters.clock import AsOfClock
from app.adapters.embedder_onnx import OnnxEmbedder
from app.adapters.embedder_source import onnx_folder, resolve_source
from app.adapters.reason_files import load_reasons
from app.adapters.rule_files import check_references, load_rules
from app.adapters.shelf_keeper import ShelfKeeper
from app.adapters.sql_store.slate_writer import SlateWriter
from app.adapters.sql_store.store import SqlStore
from app.domain.catalog import Snapshot
from app.domain.errors import EmbedderUnavailable, RulesError
from app.domain.interactions import Consent, Personalization
from app.domain.ranking import PublicReason
from app.pipeline.rules_schema import BUILT_IN, Rules
from app.ports import Embedder
from app.service import RecommendationService, ServiceParts
from app.settings import Settings

log = structlog.get_logger(__name__)

_LEVEL: TypeAdapter[Personalization] = TypeAdapter(Personalization)

REQUEST_THREADS = 4
"""Requests in work at a time; more would only take turns on the cores (docs/decisions/001)."""

SLATE_RETENTION_S = 30 * 86_400.0


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
    slates: SlateWriter
    service: RecommendationService
    pools: tuple[ThreadPoolExecutor, ThreadPoolExecutor]

    @property
    def rules_public_reasons(self) -> Mapping[str, PublicReason]:
        """Rule id → what a shopper may know of it."""
        shop = self.rules.shop
        slate: dict[str, PublicReason] = {rule.id: "shop_policy" for rule in shop.slate}
        return {**BUILT_IN, **slate, **{rule.id: rule.public_reason for rule in shop.eligibility}}

    def health(self) -> Health:
        """Whether requests can be answered; what is degraded never includes a model provider."""
        problems = dict(self.keeper.problems)
        not_applied = self.keeper.served().rules.not_applied if self.keeper.ready else {}
        details = problems | {f"rule {rule}": why for rule, why in not_applied.items()}
        return Health(ready=self.keeper.ready, degraded=tuple(sorted(problems)), details=details)

    async def start(self) -> None:
        """Loads catalogue, model and indexes, and follows their changes."""
        await asyncio.to_thread(self.open)
        self.keeper.start()

    def open(self) -> None:
        """Loads catalogue, model and indexes, without following changes."""
        self.keeper.open()
        self.store.purge_slates(self.clock.now() - SLATE_RETENTION_S)

    async def close(self) -> None:
        """Writes what is queued and closes every file."""
        await asyncio.to_thread(self.shut)

    def shut(self) -> None:
        """The same, without an event loop."""
        self.keeper.close()
        for pool in self.pools:
            pool.shutdown(wait=True, cancel_futures=True)
        self.slates.close()
        self.store.close()


def build(settings: Settings, *, embedder: Embedder | None = None) -> Application:
    """Wires the service. Opens the database and reads the rules; `start` opens the rest.

    Args:    embedder: instead of the one that the settings name.
    Raises:  ConfigurationError: settings or rules are wrong. StoreUnavailable: the database can't be opened.
    """
    rules = load_rules(settings.rules_dir)
    reasons = load_reasons(settings.rules_dir)
    consent = consent_of(settings.consent_default)
    store = open_store(settings)
    clock = AsOfClock(settings.as_of, store.last_event_at)
    key, opened = (embedder.key, embedder) if embedder is not None else open_embedder(settings)
    keeper = ShelfKeeper(
        store=store,
        data_dir=settings.data_dir,
        embedder_key=key,
        rules=rules,
        clock=clock,
        check=lambda snapshot: refuse_dangling(rules, snapshot),
    )
    slates = SlateWriter.start(store)
    pools = (
        ThreadPoolExecutor(REQUEST_THREADS, thread_name_prefix="request"),
        ThreadPoolExecutor(2 * REQUEST_THREADS, thread_name_prefix="search"),
    )
    service = RecommendationService(
        ServiceParts(
            store=store,
            served=keeper.served,
            embedder=opened,
            reasons=reasons,
            slates=slates,
            clock=clock,
            requests=pools[0],
            searches=pools[1],
            currency=settings.currency,
            consent_default=consent,
        )
    )
    return Application(settings, store, clock, rules, keeper, slates, service, pools)


def open_store(settings: Settings) -> SqlStore:
    """The store that the settings name, its schema up to date; the data folder is made where it is missing."""
    Path(settings.data_dir).mkdir(parents=True, exist_ok=True)
    return SqlStore.open(
        settings.sqlalchemy_url,
        currency=settings.currency,
        consent_default=consent_of(settings.consent_default),
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


def refuse_dangling(rules: Rules, snapshot: Snapshot) -> None:
    """Raises RulesError when the rules name what the catalogue doesn't have; logs what is only a warning."""
    problems = check_references(rules, snapshot)
    for problem in problems:
        if problem.severity == "warning":
            log.warning("rules_reference", problem=problem.message)
    errors = [problem.message for problem in problems if problem.severity == "error"]
    if errors:
        raise RulesError("\n".join(errors))
