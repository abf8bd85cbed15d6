"""Metrics, wired: what observes, what samples, and what answers a scrape; opened with the service, closed with it."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from app.adapters.baseline.model import BlendedBaseline
from app.adapters.llm import LiteLlmClient
from app.adapters.prometheus import Metrics, worker_folder
from app.adapters.shelf_keeper import ShelfKeeper
from app.admission import Door
from app.domain.figures import Period
from app.ingest.intake import EventIntake
from app.leader import Job
from app.ports import Clock, Ledger
from app.privacy import PersonalData
from app.report import ReportParts, business_report
from app.rerank import RerankStage
from app.sampling import (
    ATTRIBUTION_DAYS,
    ATTRIBUTION_EVERY_S,
    ModelState,
    Queue,
    Sampled,
    Sampler,
    note_attribution,
)
from app.settings import Settings


class Queueing(Queue, Protocol):
    """A queue that may lose something."""

    @property
    def dropped(self) -> int:
        """Lost since the start."""
        ...


class ModelStage(Protocol):
    """The model stage, as far as it is watched."""

    @property
    def client(self) -> LiteLlmClient: ...  # noqa: D102
    @property
    def stage(self) -> RerankStage: ...  # noqa: D102
    @property
    def ledger(self) -> Ledger: ...  # noqa: D102
    @property
    def cache(self) -> Queueing: ...  # noqa: D102


class Watched(Protocol):
    """The application, as far as it is watched."""

    @property
    def clock(self) -> Clock: ...  # noqa: D102
    @property
    def keeper(self) -> ShelfKeeper: ...  # noqa: D102
    @property
    def slates(self) -> Queueing: ...  # noqa: D102
    @property
    def events(self) -> Queue: ...  # noqa: D102
    @property
    def intake(self) -> EventIntake: ...  # noqa: D102
    @property
    def privacy(self) -> PersonalData: ...  # noqa: D102
    @property
    def model(self) -> ModelStage | None: ...  # noqa: D102
    @property
    def pools(self) -> Collection[Queue]: ...  # noqa: D102
    @property
    def door(self) -> Door: ...  # noqa: D102


@dataclass(slots=True)
class Metering:
    """The metrics of one process: `metrics` is told, the rest is read."""

    metrics: Metrics
    daily_budget_usd: float | None = None
    sampler: Sampler | None = field(default=None, init=False)  # of `start`

    @classmethod
    def open(cls, settings: Settings, rules: Collection[str], now: Callable[[], float]) -> Metering:
        """Metrics that are all 0 or absent. Opens no connection and no thread.

        Args: rules: ids of the rules that can exclude a product; now: the service's clock (AS_OF).
        """
        models = [name for name in (settings.llm_model, settings.llm_cheap_model) if name]
        metrics = Metrics(models=models, rules=rules, now=now, folder=worker_folder())
        return cls(metrics, settings.llm_daily_budget_usd)

    def start(self, application: Watched) -> None:
        """Begins to read the states of an application in the background."""
        self.sampler = Sampler(self.metrics, sampled_from(application, self.daily_budget_usd))
        self.sampler.start()

    def close(self) -> None:
        """Ends that."""
        if self.sampler is not None:
            self.sampler.close()

    def http_ended(self, endpoint: str, method: str, status: int, seconds: float) -> None:
        """See app.api.context.Metering."""
        self.metrics.http_ended(endpoint, method, status, seconds)

    def exposition(self, accept: str) -> tuple[bytes, str]:
        """See app.api.context.Metering."""
        return self.metrics.exposition(accept) if self.sampler is None else self.sampler.exposition(accept)

    def attribution_job(self, parts: ReportParts) -> Job:
        """What brings click-through and conversion up to date: the leader's work, it reads every event."""

        def refresh() -> None:
            since = parts.now() - ATTRIBUTION_DAYS * 86_400.0
            note_attribution(self.metrics, business_report(parts, Period(since), None), time.time())

        return Job("attribution_metrics", ATTRIBUTION_EVERY_S, refresh)


def sampled_from(application: Watched, daily_budget_usd: float | None) -> Sampled:
    """What is read of an application, and how."""
    requests, searches = application.pools
    queues = {
        "events": application.events,
        "slates": application.slates,
        "requests": requests,
        "searches": searches,
    }
    losing: dict[str, Queueing] = {"slates": application.slates}
    model = application.model
    state = None
    if model is not None:
        queues |= {"model_calls": model.client, "order_cache": model.cache}
        losing["order_cache"] = model.cache
        state = ModelState(
            breaker=lambda: model.client.breaker_state,
            repairs=model.stage.repairs,
            ledger=model.ledger,
            daily_budget_usd=daily_budget_usd,
        )

    def dropped() -> Mapping[str, int]:
        return {name: queue.dropped for name, queue in losing.items()}

    def baseline_age_s() -> float | None:
        served = application.keeper.served().shelf.model if application.keeper.ready else None
        if not isinstance(served, BlendedBaseline):
            return None
        return application.clock.now() - datetime.fromisoformat(served.manifest.created).timestamp()

    return Sampled(
        queues=queues,
        dropped=dropped,
        events=application.intake.counts,
        baseline_age_s=baseline_age_s,
        problems=lambda: application.keeper.problems,
        door=application.door,
        untrained_since=application.privacy.untrained_since,
        model=state,
    )
