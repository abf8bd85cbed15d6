"""Takes events while the shop is open: read, checked, written durably, counted."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Container, Sequence
from concurrent.futures import Future
from typing import Protocol

import structlog

from app.domain.intake import Outcome, Rejection, Taken
from app.domain.interactions import Interaction
from app.ingest.event_bodies import Arrival, ReadBody, read_body
from app.observer import SILENCE, Observer
from app.ports import Clock

log = structlog.get_logger(__name__)

INLINE_EVENTS = 200
"""Events read on the event loop: some milliseconds at most. A longer body is read in a thread."""
TELL_EVERY_S = 60.0
"""How often the log says that products are unknown: one mistake in a shop's pages would fill it."""


class EventSink(Protocol):
    """Where events are written."""

    def offer(self, events: Sequence[Interaction]) -> Future[Sequence[Outcome]]:
        """What became of each event, once it is durable. Raises Overloaded: too much is waiting, nothing was taken."""
        ...


class EventIntake:
    """The way in for events of the API. `counts` holds what came of them since the start, by outcome and code."""

    def __init__(
        self,
        sink: EventSink,
        *,
        currency: str,
        clock: Clock,
        known_products: Callable[[], Container[str]],
        wall: Callable[[], float] = time.time,
        observer: Observer = SILENCE,
    ) -> None:
        """Takes what it works with.

        Args: clock: stamps events that carry no time; known_products: ids of the catalogue now; wall: the real time;
              observer: is told what was written.
        """
        self._sink, self._currency, self._clock = sink, currency, clock
        self._known_products, self._wall = known_products, wall
        self._observer = observer
        self._told_at = float("-inf")
        self.counts: Counter[str] = Counter()

    async def read(self, body: object) -> ReadBody:
        """The events of a decoded JSON body. Writes nothing.

        Raises: BadInput: the body is no list of events. TooManyEvents.
        """
        arrival = Arrival(self._currency, wall=self._wall(), shop_time=self._clock.now())
        if isinstance(body, dict) and any(isinstance(v, list) and len(v) > INLINE_EVENTS for v in body.values()):
            return await asyncio.to_thread(read_body, body, arrival)
        return read_body(body, arrival)

    async def record(self, read: ReadBody) -> Taken:
        """Writes the events; on return what is accepted is on the disk.

        Raises: Overloaded: too much is waiting. StoreUnavailable: the database can't be written. Either way nothing
                of it was written, and it may be sent again.
        """
        outcomes: Sequence[Outcome] = ()
        if read.events:
            outcomes = await asyncio.wrap_future(self._sink.offer(read.events))
        rejected = list(read.rejected)
        for index, outcome in zip(read.indexes, outcomes, strict=True):
            if outcome == "erased":
                rejected.append(Rejection(index, "erased", "It happened before its shopper was erased."))
        rejected.sort(key=lambda rejection: rejection.index)
        taken = Taken(outcomes.count("accepted"), outcomes.count("duplicate"), tuple(rejected))
        self._count(read.events, taken)
        self._observer.events_taken([e for e, o in zip(read.events, outcomes, strict=False) if o == "accepted"])
        return taken

    def arrived_at(self) -> float:
        """The time of an event that happens now, by the shop's clock."""
        return self._clock.now()

    def _count(self, events: Sequence[Interaction], taken: Taken) -> None:
        known = self._known_products()
        unknown = sum(event.product_id is not None and event.product_id not in known for event in events)
        self.counts["accepted"] += taken.accepted
        self.counts["duplicate"] += taken.duplicates
        self.counts["unknown_product"] += unknown
        for rejection in taken.rejected:
            self.counts[f"rejected:{rejection.code}"] += 1
        if unknown and self._wall() - self._told_at >= TELL_EVERY_S:
            self._told_at = self._wall()
            log.warning("events_of_unknown_products", since_start=self.counts["unknown_product"], action="kept")
