"""Writes served slates behind the answers: a request hands its slate over and goes on."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Protocol

from app.domain.errors import StoreUnavailable
from app.domain.ranking import Slate

_log = logging.getLogger(__name__)

BEGUN_EARLIER_S = 1.0
"""Added to what a slate says its making took: it was asked for no later than that before it is offered here."""

_Offered = tuple[Slate, str | None, float]


class _SlateStore(Protocol):
    def save_slates(
        self, slates: Sequence[Slate], user_keys: Sequence[str | None], begun_at: Sequence[float] | None = None
    ) -> None: ...
    def slate(self, recommendation_id: str) -> Slate | None: ...


class SlateWriter:
    """A bounded queue and the one thread that empties it into the store. Open with `start`, end with `close`.

    dropped: slates lost because the queue was full or the store stayed unusable until close.
    """

    def __init__(
        self,
        store: _SlateStore,
        *,
        capacity: int,
        flush_after_s: float,
        batch: int,
        retry_after_s: float,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._store, self._capacity, self._batch = store, capacity, batch
        self._flush_after_s, self._retry_after_s = flush_after_s, retry_after_s
        self._waiting: deque[_Offered] = deque()
        # Queued and just being written ones by id, so that `get` sees a slate from the moment it was offered.
        self._unwritten: dict[str, Slate] = {}
        self._condition = threading.Condition()
        self._closing = False
        self._thread: threading.Thread | None = None
        self._wall = wall
        self.dropped = 0

    @classmethod
    def start(
        cls,
        store: _SlateStore,
        *,
        capacity: int = 10_000,
        flush_after_s: float = 0.2,
        batch: int = 100,
        retry_after_s: float = 1.0,
    ) -> SlateWriter:
        """A writer that runs.

        Args: capacity: slates that may wait; flush_after_s: the longest that one waits while the store answers;
              batch: slates that are written at once, which ends the wait early; retry_after_s: pause after a failure.
        """
        writer = cls(store, capacity=capacity, flush_after_s=flush_after_s, batch=batch, retry_after_s=retry_after_s)
        writer._thread = threading.Thread(target=writer._run, name="slate-writer", daemon=True)
        writer._thread.start()
        return writer

    def offer(self, slate: Slate, user_key: str | None) -> None:
        """Queues a slate without waiting; when the queue is full the oldest is dropped and counted."""
        with self._condition:
            if len(self._waiting) >= self._capacity:
                self._drop(self._waiting.popleft()[0])
            # Of a shopper who was erased since the request began nothing may be kept.
            took_s = slate.latency_ms.get("total", 0.0) / 1000.0 + BEGUN_EARLIER_S
            self._waiting.append((slate, user_key, self._wall() - took_s))
            self._unwritten[slate.recommendation_id] = slate
            if len(self._waiting) == 1 or len(self._waiting) >= self._batch:
                self._condition.notify()

    def get(self, recommendation_id: str) -> Slate | None:
        """A slate that was offered or stored, None when unknown. Raises StoreUnavailable."""
        with self._condition:
            unwritten = self._unwritten.get(recommendation_id)
        return self._store.slate(recommendation_id) if unwritten is None else unwritten

    @property
    def depth(self) -> int:
        """Slates that wait."""
        return len(self._waiting)

    @property
    def capacity(self) -> int:
        """Slates that may."""
        return self._capacity

    def close(self) -> None:
        """Writes what waits and ends the thread; a store that fails now loses it, counted and logged."""
        with self._condition:
            self._closing = True
            self._condition.notify()
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def _run(self) -> None:
        while batch := self._next_batch():
            self._write(batch)

    def _write(self, batch: list[_Offered]) -> None:
        try:
            slates, keys, begun_at = zip(*batch, strict=True)
            self._store.save_slates(slates, keys, begun_at)
        except StoreUnavailable as error:
            self._put_back(batch, error)
        except (TypeError, ValueError) as error:  # one of them can't be stored: the others must be, and later ones
            self._leave_out(batch, error)
        else:
            with self._condition:
                for slate, _, _ in batch:
                    self._unwritten.pop(slate.recommendation_id, None)

    def _next_batch(self) -> list[_Offered]:
        """Waits for work; empty when the writer is closing and nothing is left."""
        with self._condition:
            self._condition.wait_for(lambda: bool(self._waiting) or self._closing)
            self._condition.wait_for(
                lambda: len(self._waiting) >= self._batch or self._closing, timeout=self._flush_after_s
            )
            return [self._waiting.popleft() for _ in range(min(self._batch, len(self._waiting)))]

    def _put_back(self, batch: list[_Offered], error: StoreUnavailable) -> None:
        with self._condition:
            if self._closing:
                _log.error("%d served slates are lost: %s", len(batch), error)
                for slate, _, _ in batch:
                    self._drop(slate)
                return
            _log.warning("%d served slates wait for the database: %s", len(batch), error)
            self._waiting.extendleft(reversed(batch))
            while len(self._waiting) > self._capacity:
                self._drop(self._waiting.popleft()[0])
            self._condition.wait_for(lambda: self._closing, timeout=self._retry_after_s)

    def _leave_out(self, batch: list[_Offered], error: Exception) -> None:
        """Tries each alone when a batch can't be stored; one that can't be stored alone is lost, counted and logged."""
        with self._condition:
            if len(batch) == 1:
                _log.error("a served slate can't be stored: %s", type(error).__name__)
                self._drop(batch[0][0])
                return
        for one in batch:
            self._write([one])

    def _drop(self, slate: Slate) -> None:
        self._unwritten.pop(slate.recommendation_id, None)
        self.dropped += 1
