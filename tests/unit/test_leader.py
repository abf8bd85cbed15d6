"""Which worker leads, and what it runs."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from app.adapters.sql_store.leases import SqlLeases
from app.domain.errors import StoreUnavailable
from app.leader import LEASE, LEASE_S, Job, Leader


class Hand:
    """A clock that is set by hand."""

    now = 1_790_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Hand:
    return Hand()


@pytest.fixture
def leases(tmp_path: Path, clock: Hand) -> Iterator[SqlLeases]:
    made = SqlLeases.open(f"sqlite:///{tmp_path}/shop.db", wall=clock)
    yield made
    made.close()


def settled(leader: Leader, ran: Callable[[], bool]) -> None:
    """Looks until a job's run is over."""
    ends = time.monotonic() + 5
    while not ran():
        assert time.monotonic() < ends
        threading.Event().wait(0.002)
        leader.look()


def test_the_only_worker_leads_without_a_lease(clock: Hand) -> None:
    """Nothing is asked of a store."""
    leader = Leader([], clock=clock)
    clock.now += 3600
    leader.look()
    assert leader.leads
    leader.close()


def test_one_of_two_leads_until_it_stops_renewing(leases: SqlLeases, clock: Hand) -> None:
    """The second follows when the first has been silent for the lease's time, not before."""
    first, second = (Leader([], leases=leases, owner=name, clock=clock) for name in ("a", "b"))
    first.look()
    second.look()
    assert (first.leads, second.leads) == (True, False)
    clock.now += LEASE_S - 0.1
    second.look()
    assert (first.leads, second.leads) == (True, False)
    clock.now += 0.1
    assert not first.leads
    second.look()
    assert second.leads
    first.look()
    assert not first.leads
    first.close()
    second.close()


def test_a_leader_that_ends_gives_the_lead_away_at_once(leases: SqlLeases, clock: Hand) -> None:
    """Nobody waits for the lease to run out."""
    first, second = (Leader([], leases=leases, owner=name, clock=clock) for name in ("a", "b"))
    first.look()
    first.close()
    second.look()
    assert second.leads
    second.close()


def test_a_store_that_fails_costs_the_lead_only_when_the_lease_is_over(clock: Hand) -> None:
    """A busy moment changes nothing; longer than the lease's time and somebody else may lead."""

    class Failing:
        broken = False

        def try_acquire(self, key: str, owner: str, ttl_s: float) -> bool:
            if self.broken:
                raise StoreUnavailable("busy")
            return True

        def release(self, key: str, owner: str) -> None:
            raise StoreUnavailable("busy")

        def held(self, key: str) -> bool:
            return True

    store = Failing()
    leader = Leader([], leases=store, owner="a", clock=clock)
    leader.look()
    store.broken = True
    clock.now += LEASE_S - 0.1
    leader.look()
    assert leader.leads
    clock.now += 0.1
    leader.look()
    assert not leader.leads
    leader.close()


def test_jobs_run_at_their_interval_and_only_while_leading(leases: SqlLeases, clock: Hand) -> None:
    """At once when it begins to lead, then an interval after the end of the last run."""
    ran: list[float] = []
    leader = Leader([Job("note", 60.0, lambda: ran.append(clock.now))], leases=leases, owner="a", clock=clock)
    assert leases.try_acquire(LEASE, "other", LEASE_S)
    leader.look()
    assert ran == []
    leases.release(LEASE, "other")
    settled(leader, lambda: len(ran) == 1)
    leader.look()
    clock.now += 59.0
    leader.look()
    assert len(ran) == 1
    clock.now += 61.0
    settled(leader, lambda: len(ran) == 2)
    leader.close()


def test_a_job_never_runs_twice_at_a_time(clock: Hand) -> None:
    """One that takes longer than its interval is not started beside itself, and holds up no other."""
    release, begun, others = threading.Event(), [], []

    def slow() -> None:
        begun.append(clock.now)
        release.wait(5)

    leader = Leader([Job("slow", 0.0, slow), Job("other", 0.0, lambda: others.append(1))], clock=clock)
    settled(leader, lambda: len(others) >= 3)
    assert len(begun) == 1
    release.set()
    settled(leader, lambda: len(begun) >= 2)
    leader.close()


def test_a_job_that_fails_is_logged_and_run_again(clock: Hand, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever it raises; the others are not touched."""
    logged: list[dict[str, object]] = []
    monkeypatch.setattr("app.leader.log.error", lambda event, **fields: logged.append({"event": event, **fields}))
    runs: list[int] = []

    def fails() -> None:
        runs.append(1)
        raise ZeroDivisionError("by design")

    leader = Leader([Job("fails", 1.0, fails)], clock=clock)
    settled(leader, lambda: bool(logged))
    what = {"event": "job_failed", "job": "fails", "error": "ZeroDivisionError", "detail": "by design"}
    assert logged == [{**what, "again_in_s": 1.0}]
    clock.now += 1.0
    settled(leader, lambda: len(runs) == 2)
    leader.close()


def test_a_job_that_goes_on_failing_waits_longer_each_time(clock: Hand, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten times a second it would fill the log: a second, two, four, at most a minute; a success ends that."""
    waits: list[float] = []
    monkeypatch.setattr("app.leader.log.error", lambda event, **fields: waits.append(fields["again_in_s"]))
    broken, ran = True, 0

    def run() -> None:
        nonlocal ran
        ran += 1
        if broken:
            raise OSError("too many open files")

    leader = Leader([Job("often", 0.1, run)], clock=clock)
    for n in range(9):
        settled(leader, lambda n=n: len(waits) == n + 1)
        clock.now += waits[-1] - 0.01
        leader.look()
        assert ran == n + 1, "not before its time"
        clock.now += 0.02
    assert waits == [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0, 60.0, 60.0]
    broken = False
    settled(leader, lambda: ran == 10)
    clock.now += 0.11
    settled(leader, lambda: ran == 11)
    broken = True
    clock.now += 0.11
    settled(leader, lambda: len(waits) == 10)
    assert waits[-1] == 1.0
    leader.close()


def test_jobs_are_looked_at_between_two_looks_at_the_lease(clock: Hand) -> None:
    """A job that must be quick does not wait for the lease's turn, and asks the store for nothing more."""

    class Counting:
        asked = 0

        def try_acquire(self, key: str, owner: str, ttl_s: float) -> bool:
            self.asked += 1
            return True

        def release(self, key: str, owner: str) -> None:
            pass

        def held(self, key: str) -> bool:
            return True

    store, ran = Counting(), threading.Event()
    leader = Leader([Job("quick", 0.0, ran.set)], leases=store, owner="a", clock=clock)
    leader.look()
    assert ran.wait(5)
    for _ in range(3):
        ran.clear()
        ends = time.monotonic() + 5
        while not ran.is_set():
            assert time.monotonic() < ends
            threading.Event().wait(0.002)
            leader.start_due()
    assert store.asked == 1
    clock.now += LEASE_S
    ran.clear()
    leader.start_due()
    assert not leader.leads
    leader.close()
