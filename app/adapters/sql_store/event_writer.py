"""Writes events of concurrent requests together: one transaction, one wait for the disk, then all are answered.

Group commit: while one transaction waits for the disk, requests gather for the next. A request alone is written at
once; under load each wait is shared by all that came during the one before.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Protocol

import structlog

from app.domain.errors import Overloaded, ShelfwiseError, StoreUnavailable
from app.domain.intake import Outcome
from app.domain.interactions import Interaction

log = structlog.get_logger(__name__)

CAPACITY = 20_000
MOST_AT_ONCE = 5_000

_Outcomes = Sequence[Outcome]


class _EventStore(Protocol):
    def record_events(self, given: Sequence[Sequence[Interaction]]) -> Sequence[_Outcomes]: ...


class EventWriter:
    """A bounded queue and the one thread that empties it into the store. Open with `start`, end with `close`."""

    def __init__(
        self, store: _EventStore, *, capacity: int, most_at_once: int, on_written: Callable[[], None] | None
    ) -> None:
        self._store, self._capacity, self._most_at_once = store, capacity, most_at_once
        self._on_written = on_written
        self._waiting: deque[tuple[Sequence[Interaction], Future[_Outcomes]]] = deque()
        self._events = 0  # waiting or being written
        self._condition = threading.Condition()
        self._closing = False
        self._thread: threading.Thread | None = None

    @classmethod
    def start(
        cls,
        store: _EventStore,
        *,
        capacity: int = CAPACITY,
        most_at_once: int = MOST_AT_ONCE,
        on_written: Callable[[], None] | None = None,
    ) -> EventWriter:
        """A writer that runs.

        Args: capacity: events that may wait or be under way; most_at_once: events after which a transaction takes no
              further request; on_written: called in the writer's thread after each commit, before the answers.
        """
        writer = cls(store, capacity=capacity, most_at_once=most_at_once, on_written=on_written)
        writer._thread = threading.Thread(target=writer._run, name="event-writer", daemon=True)
        writer._thread.start()
        return writer

    def offer(self, events: Sequence[Interaction]) -> Future[_Outcomes]:
        """Queues the events of one request and returns at once; the result is there when they are on the disk.

        The result raises StoreUnavailable when they could not be written; none of the request's events is then held.

        Raises: Overloaded: more is waiting than may. StoreUnavailable: the writer was closed.
        """
        result: Future[_Outcomes] = Future()
        with self._condition:
            if self._closing:
                raise StoreUnavailable("The service is stopping; nothing was written. Send the events again.")
            if self._events and self._events + len(events) > self._capacity:
                raise Overloaded(f"{self._events} events wait to be written; nothing of this request was taken.")
            self._events += len(events)
            self._waiting.append((events, result))
            self._condition.notify()
        return result

    @property
    def depth(self) -> int:
        """Events that wait or are being written."""
        return self._events

    @property
    def capacity(self) -> int:
        """Events that may."""
        return self._capacity

    def close(self) -> None:
        """Writes what waits, then ends the thread."""
        with self._condition:
            self._closing = True
            self._condition.notify()
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def _run(self) -> None:
        while group := self._next_group():
            # A caller who gave up before its turn was told nothing, so nothing of it needs to be kept.
            wanted = [(events, result) for events, result in group if result.set_running_or_notify_cancel()]
            self._write(wanted)
            with self._condition:
                self._events -= sum(len(events) for events, _ in group)

    def _next_group(self) -> list[tuple[Sequence[Interaction], Future[_Outcomes]]]:
        """Waits for work; empty when the writer is closing and nothing is left."""
        with self._condition:
            self._condition.wait_for(lambda: bool(self._waiting) or self._closing)
            group: list[tuple[Sequence[Interaction], Future[_Outcomes]]] = []
            size = 0
            while self._waiting and size < self._most_at_once:
                group.append(self._waiting.popleft())
                size += len(group[-1][0])
            return group

    def _write(self, group: Sequence[tuple[Sequence[Interaction], Future[_Outcomes]]]) -> None:
        if not group:
            return
        try:
            outcomes = self._store.record_events([events for events, _ in group])
        except (ShelfwiseError, ValueError, OverflowError, TypeError) as error:
            if len(group) > 1:  # one request's events may be to blame: each is tried alone
                for one in group:
                    self._write([one])
                return
            log.error("events_not_written", error=type(error).__name__, reason=str(error), events=len(group[0][0]))
            group[0][1].set_exception(_in_our_words(error))
            return
        self._tell()
        for (_, result), found in zip(group, outcomes, strict=True):
            result.set_result(found)

    def _tell(self) -> None:
        if self._on_written is None:
            return
        try:
            self._on_written()
        except ShelfwiseError as error:
            log.warning("after_events", reason=str(error), action="the events are written")


def _in_our_words(error: Exception) -> ShelfwiseError:
    if isinstance(error, ShelfwiseError):
        return error
    return StoreUnavailable(f"The events can't be stored: {type(error).__name__}; nothing of them was written.")
