"""Which of several workers leads, and the background jobs that only the leader runs."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import structlog

from app.domain.errors import ShelfwiseError
from app.ports import Leases

log = structlog.get_logger(__name__)

LEASE = "leader"
LEASE_S = 5.0
"""How long a dead leader's place stays taken; another leads within LEASE_S + LOOK_S."""

LOOK_S = 0.5
"""How often the lease is renewed or asked for."""

JOBS_S = 0.1
"""How often jobs are looked at while this process leads: no store is asked for it."""

FAILED_S = 1.0
FAILED_MOST_S = 60.0
"""How long a job that failed waits at least: twice as long each time in a row. What hinders it seldom ends in a tenth
of a second, and its error would fill the log."""


@dataclass(frozen=True, slots=True)
class Job:
    """Work that one process of a shop does for all. It may be cut off at any moment and is then done again."""

    name: str
    interval_s: float  # between the end of one run and the start of the next
    run: Callable[[], object]  # in a thread of its own; what it returns is not looked at


class Leader:
    """Takes part in the choice of a leader, and runs the jobs while it is this process. Open with `start`.

    A job never runs twice at a time in one process. It may run in two for as long as a leader that lost its lease
    (its process was stopped for seconds) needs to end it, so jobs that write take a lock of their own.
    """

    def __init__(
        self,
        jobs: Sequence[Job],
        *,
        leases: Leases | None = None,
        owner: str = "",
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Args: leases: None: this is the only worker, which always leads; owner: this process, unlike any other."""
        self._jobs = tuple(jobs)
        self._leases, self._owner, self._clock = leases, owner, clock
        self._until = clock()  # while it lies ahead, this process leads
        self._due = dict.fromkeys((job.name for job in jobs), clock())
        self._failures = dict.fromkeys(self._due, 0)  # in a row
        self._running: dict[str, Future[object]] = {}
        self._threads = ThreadPoolExecutor(max(1, len(self._jobs)), thread_name_prefix="job")
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    @property
    def leads(self) -> bool:
        """Whether this process leads now."""
        return self._leases is None or self._clock() < self._until

    def start(self) -> None:
        """Takes part until `close`."""
        self._thread = threading.Thread(target=self._take_part, name="leader", daemon=True)
        self._thread.start()

    def look(self) -> None:
        """Renews or asks for the lease, and starts the jobs that are due where this process leads."""
        self._renew()
        self.start_due()

    def start_due(self) -> None:
        """Starts the jobs that are due where this process leads, by the lease as it was last seen."""
        for name in [name for name, future in self._running.items() if future.done()]:
            self._ended(name, self._running.pop(name))
        if not self.leads:
            return
        now = self._clock()
        for job in self._jobs:
            if job.name not in self._running and self._due[job.name] <= now:
                self._running[job.name] = self._threads.submit(job.run)

    def resign(self) -> None:
        """Leads no more and gives the lead to another worker, at once; running jobs go on. Idempotent."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()
        if self._leases is not None and self.leads:
            self._until = self._clock()
            try:
                self._leases.release(LEASE, self._owner)
            except ShelfwiseError as error:
                log.warning("lease_not_released", reason=str(error), action="it runs out by itself")

    def close(self) -> None:
        """Resigns, and waits for jobs that are running."""
        self.resign()
        self._threads.shutdown(wait=True, cancel_futures=True)

    def _take_part(self) -> None:
        while True:
            self.look()
            for _ in range(round(LOOK_S / JOBS_S)):
                if self._stop.wait(JOBS_S):
                    return
                self.start_due()

    def _renew(self) -> None:
        if self._leases is None:
            return
        led = self.leads
        asked = self._clock()  # before the store is: its lease never ends before we think it does
        try:
            if self._leases.try_acquire(LEASE, self._owner, LEASE_S):
                self._until = asked + LEASE_S
            else:
                self._until = asked
        except ShelfwiseError as error:
            log.warning("lease_not_renewed", reason=str(error))
        if self.leads and not led:
            log.info("leads", owner=self._owner)
            self._due = dict.fromkeys(self._due, self._clock())  # what the last leader left undone is due
        elif led and not self.leads:
            log.info("leads_no_longer", owner=self._owner)

    def _ended(self, name: str, future: Future[object]) -> None:
        job = next(job for job in self._jobs if job.name == name)
        error = None if future.cancelled() else future.exception()
        wait_s = job.interval_s
        if error is None:
            self._failures[name] = 0
        else:
            wait_s = max(wait_s, min(FAILED_MOST_S, FAILED_S * 2.0 ** min(self._failures[name], 10)))
            self._failures[name] += 1
            log.error("job_failed", job=name, error=type(error).__name__, detail=str(error), again_in_s=wait_s)
        self._due[name] = self._clock() + wait_s
