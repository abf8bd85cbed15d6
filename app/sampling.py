"""What metrics say of states: read every few seconds, and before each scrape, from what the service counts anyway.

Nothing here touches a request. Reading memory costs microseconds and is done often; reading the database less so;
attribution, which reads every event, is a job of the leader (app/jobs.py).
"""

from __future__ import annotations

import math
import os
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

import structlog

from app import __version__
from app.adapters.prometheus import Metrics
from app.admission import Door
from app.domain.errors import ShelfwiseError
from app.domain.figures import BusinessReport
from app.ports import Ledger

log = structlog.get_logger(__name__)

MEMORY_EVERY_S = 2.0
STORE_EVERY_S = 30.0
ATTRIBUTION_EVERY_S = 600.0
ATTRIBUTION_DAYS = 7.0
"""Long enough for a purchase to follow, short enough for a fall to show."""

PARTS = ("baseline", "vectors", "words", "index", "store")
_STATES = ("closed", "half_open", "open")


class Queue(Protocol):
    """Something that work waits in."""

    @property
    def depth(self) -> int:
        """What waits or is being worked on."""
        ...

    @property
    def capacity(self) -> int | None:
        """What may wait; None: without a bound."""
        ...


@dataclass(frozen=True, slots=True)
class ModelState:
    """What is known of the model stage at any moment."""

    breaker: Callable[[], str]  # closed | half_open | open
    repairs: Mapping[str, int]  # kind → times, since the start
    ledger: Ledger
    daily_budget_usd: float | None


@dataclass(frozen=True, slots=True)
class Sampled:
    """What is read, and how."""

    queues: Mapping[str, Queue]
    dropped: Callable[[], Mapping[str, int]]  # queue → lost since the start
    events: Mapping[str, int]  # app.ingest.intake.EventIntake.counts
    baseline_age_s: Callable[[], float | None]  # by the service's clock; None: there is no baseline
    problems: Callable[[], Mapping[str, str]]  # part → what is wrong with it
    door: Door
    untrained_since: Callable[[], float | None]  # wall clock; reads the database
    model: ModelState | None  # None: no model is configured


class Sampler:
    """Brings the gauges up to date. `start` begins a thread, `close` ends it; `look` does it once."""

    def __init__(
        self,
        metrics: Metrics,
        sampled: Sampled,
        *,
        wall: Callable[[], float] = time.time,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._metrics, self._sampled, self._wall, self._clock = metrics, sampled, wall, clock
        self._counted: dict[str, Counter[str]] = {}
        self._untrained_since: float | None = None
        self._store_at = -math.inf
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Looks every few seconds until `close`."""
        self._thread = threading.Thread(target=self._run, name="metrics", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Ends the thread, and adds what was counted since it looked last."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()
        self._metrics.fold()

    def exposition(self, accept: str = "") -> tuple[bytes, str]:
        """A scrape, of now: see Metrics.exposition."""
        self.look()
        return self._metrics.exposition(accept)

    def look(self) -> None:
        """Reads everything once; the database only where it was last read long ago."""
        with self._lock:
            now = self._clock()
            if now - self._store_at >= STORE_EVERY_S:
                self._store_at = now
                self._look_into_store()
            self._look_around()
            self._metrics.fold()

    def _run(self) -> None:
        while not self._stop.wait(MEMORY_EVERY_S):
            self.look()

    def _look_around(self) -> None:
        metrics, sampled = self._metrics, self._sampled
        metrics.build.labels(__version__).set(1)
        metrics.workers.set(1)
        metrics.memory.set(resident_bytes())
        for name, queue in sampled.queues.items():
            metrics.queue.labels(name).set(queue.depth)
            if queue.capacity is not None:
                metrics.queue_capacity.labels(name).set(queue.capacity)
        for name, n in self._more("dropped", sampled.dropped()).items():
            metrics.dropped.labels(name).inc(n)
        metrics.count_events(self._more("events", sampled.events))
        self._look_at_door(sampled.door)
        age_s = sampled.baseline_age_s()
        metrics.baseline_age.set(math.inf if age_s is None else max(0.0, age_s))
        problems = sampled.problems()
        for part in PARTS:
            metrics.degraded.labels(part).set(part in problems)
        since = self._untrained_since
        metrics.untrained.set(0.0 if since is None else max(0.0, self._wall() - since))
        if sampled.model is None:
            metrics.budget_limit.set(math.inf)
        else:
            metrics.count_repairs(self._more("repairs", sampled.model.repairs))
            state = sampled.model.breaker()
            for each in _STATES:
                metrics.breaker.labels(each).set(each == state)

    def _look_at_door(self, door: Door) -> None:
        metrics = self._metrics
        metrics.admission_limit.set(door.limit)
        for state, n in door.states.items():
            metrics.admitted.labels(state).set(n)
        for name, n in self._more("refused", door.refused).items():
            metrics.refused.labels(name).inc(n)

    def _look_into_store(self) -> None:
        try:
            self._untrained_since = self._sampled.untrained_since()
            model = self._sampled.model
            if model is not None:
                day = datetime.fromtimestamp(self._wall(), UTC).date().isoformat()
                settled, reserved = model.ledger.spent_usd(day)
                limit = model.daily_budget_usd
                self._metrics.budget_limit.set(math.inf if limit is None else limit)
                self._metrics.budget_spent.set(settled)
                self._metrics.budget_reserved.set(reserved)
        except ShelfwiseError as error:
            log.warning("metrics_not_refreshed", reason=str(error), action="the last figures stay")

    def _more(self, what: str, counts: Mapping[str, int]) -> Mapping[str, int]:
        """What was counted since the last look."""
        before, now = self._counted.get(what, Counter()), Counter(dict(counts))
        self._counted[what] = now
        return {name: n - before[name] for name, n in now.items() if n > before[name]}


def note_attribution(metrics: Metrics, report: BusinessReport, wall: float) -> None:
    """Sets the figures of a business report; one that can't be computed is NaN, as `null` in the report.

    Args: wall: epoch seconds of the wall clock.
    """
    total = report.total
    click_through, conversion = total.click_through.value, total.conversion.value
    metrics.click_through.set(math.nan if click_through is None else click_through)
    metrics.conversion.set(math.nan if conversion is None else conversion)
    metrics.impressions.set(total.impressions)
    metrics.clicks.set(total.clicks)
    metrics.attributed_at.set(wall)


def resident_bytes() -> int:
    """Memory of this process that is in use now, in bytes; 0 where the system does not say."""
    try:
        return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, IndexError, ValueError):
        return 0


__all__ = ["ModelState", "Queue", "Sampled", "Sampler", "note_attribution", "resident_bytes"]
