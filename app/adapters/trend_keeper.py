"""Keeps what trends up to date with the events, in a thread of its own."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import structlog

from app.domain.catalog import Snapshot
from app.domain.errors import StoreUnavailable
from app.domain.interactions import EventKind, Signal
from app.pipeline.decay import DAY_S
from app.pipeline.trending import (
    COHORT_MIN_SHOPPERS,
    NO_EVENTS,
    NO_TREND,
    WINDOW_DAYS,
    RecentEvents,
    Trend,
    shoppers_of,
    trend_of,
)
from app.ports import Clock

log = structlog.get_logger(__name__)

REFRESH_S = 15.0
"""How often events are looked at: an event counts within this and the second that counting takes at most."""
REREAD_S = 900.0
"""How often all events of the window are read again: erased ones and older ones leave by then."""
MOST_COHORTS = 60
"""Largest groups of shoppers that have a list of their own; others see everybody's."""
_MOST_LABELS = 2_000  # different countries and age bands: shoppers state them in their own words

Cohort = tuple[str | None, str | None]
"""(country, age band); None = any."""


class EventSource(Protocol):
    """Where events are read from."""

    def recent_events(
        self,
        *,
        after: int,
        since: float,
        row_of: Mapping[str, int],
        strength: Mapping[EventKind, float],
        code_of: Callable[[str], int],
    ) -> tuple[int, RecentEvents]:
        """The newest event's row, and the events newer than row `after` and time `since`."""
        ...


@dataclass(frozen=True, slots=True)
class Trends:
    """What trends for everybody, and for groups of shoppers that are large enough."""

    everybody: Trend = NO_TREND
    cohorts: Mapping[Cohort, Trend] = field(default_factory=dict)

    def of(self, country: str | None, age_band: str | None) -> tuple[Trend, bool]:
        """The list of the narrowest group that holds such a shopper, and whether it is a group's and not all's."""
        for cohort in ((country, age_band), (country, None), (None, age_band)):
            if cohort != (None, None) and cohort in self.cohorts:
                return self.cohorts[cohort], True
        return self.everybody, False


class TrendKeeper:
    """Counts events. `start` follows them in a thread until `close`; without it the first question reads them."""

    def __init__(
        self,
        *,
        source: EventSource,
        snapshot: Callable[[], Snapshot],
        clock: Clock,
        signals: Mapping[EventKind, Signal],
    ) -> None:
        strongest = max((signal.weight for signal in signals.values()), default=0.0)
        self._strength = {kind: s.weight / strongest for kind, s in signals.items() if s.weight > 0}
        self._source = source
        self._snapshot = snapshot
        self._clock = clock
        self._lock = threading.Lock()
        self._events = NO_EVENTS
        self._codes: dict[str, int] = {}
        self._newest = 0
        self._read_at = -np.inf  # of the service's clock
        self._counted_at = -np.inf
        self._trends: Trends | None = None
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Follows events until `close`."""
        self._thread = threading.Thread(target=self._follow, name="trend-keeper", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Ends the thread."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()

    def trends(self) -> Trends:
        """What trends, as of the last look. Raises StoreUnavailable: on a first look that fails."""
        return self.refresh() if self._trends is None else self._trends

    def refresh(self, *, anew: bool = False) -> Trends:
        """Reads new events and counts again where something changed.

        Args:    anew: reads all events of the window again.
        Raises:  StoreUnavailable: they can't be read; the last lists stay.
        """
        with self._lock:
            now = self._clock.now()
            snapshot = self._snapshot()
            since = now - WINDOW_DAYS * DAY_S
            newest, more = self._read(snapshot, 0 if anew or self._read_at == -np.inf else self._newest, since)
            if newest < self._newest:  # events were erased, and their numbers may be given again
                newest, more = self._read(snapshot, 0, since)
                anew = True
            if anew or self._read_at == -np.inf:
                self._events, self._read_at = more, now
            elif len(more):
                self._events = self._events.with_more(more)
            elif self._trends is not None and abs(now - self._counted_at) < REFRESH_S * 20:
                self._newest = newest
                return self._trends  # nothing happened, and it is not much later
            self._newest = newest
            self._trends = self._counted(len(snapshot), now)
            self._counted_at = now
            return self._trends

    def _read(self, snapshot: Snapshot, after: int, since: float) -> tuple[int, RecentEvents]:
        return self._source.recent_events(
            after=after, since=since, row_of=snapshot.row_of, strength=self._strength, code_of=self._code
        )

    def _counted(self, n_rows: int, now: float) -> Trends:
        kept = self._events.taken(self._events.at >= now - WINDOW_DAYS * DAY_S)
        self._events = kept
        names = {code: name for name, code in self._codes.items()}
        groups: dict[Cohort, RecentEvents] = {}
        sizes: Counter[tuple[int, int]] = Counter()  # events by group
        if len(kept):
            pairs, counts = np.unique(np.stack([kept.country, kept.age_band]), axis=1, return_counts=True)
            for country, band, count in zip(*pairs.tolist(), counts.tolist(), strict=True):
                for group in {(country, band), (country, -1), (-1, band)} - {(-1, -1)}:
                    sizes[group] += count
        for country, band in [group for group, size in sizes.items() if size >= COHORT_MIN_SHOPPERS]:
            inside = np.ones(len(kept), dtype=np.bool_)
            if country >= 0:
                inside &= kept.country == country
            if band >= 0:
                inside &= kept.age_band == band
            events = kept.taken(inside)
            if shoppers_of(events) >= COHORT_MIN_SHOPPERS:
                groups[names.get(country), names.get(band)] = events
        largest = sorted(groups, key=lambda cohort: (-len(groups[cohort]), str(cohort)))[:MOST_COHORTS]
        return Trends(
            everybody=trend_of(kept, n_rows, now),
            cohorts={cohort: trend_of(groups[cohort], n_rows, now) for cohort in largest},
        )

    def _code(self, label: str) -> int:
        code = self._codes.get(label)
        if code is None:
            if len(self._codes) >= _MOST_LABELS:
                return -1
            code = self._codes[label] = len(self._codes)
        return code

    def _follow(self) -> None:
        looks, failing = 0, False
        while True:
            try:
                self.refresh(anew=looks * REFRESH_S >= REREAD_S)
                looks = 1 if looks * REFRESH_S >= REREAD_S else looks + 1
                failing = False
            except StoreUnavailable as error:
                if not failing:
                    log.warning("trends_not_read", reason=str(error), action="serving the last lists")
                failing = True
            if self._stop.wait(REFRESH_S):
                return
