"""Events of concurrent requests are written together, in a bounded queue, and answered when they are on the disk."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from app.adapters.sql_store import SqlStore
from app.adapters.sql_store.event_writer import EventWriter
from app.domain.errors import Overloaded, StoreUnavailable
from app.domain.intake import Outcome
from app.domain.interactions import Consent, EventKind, Interaction


def _view(event_id: str) -> Interaction:
    return Interaction(event_id, EventKind.VIEW, 1.0, "u", product_id="p")


class SlowStore:
    """Holds each transaction until it is let go; fails where it is told to."""

    def __init__(self) -> None:
        self.groups: list[list[list[str]]] = []
        self.entered, self.go_on = threading.Semaphore(0), threading.Semaphore(0)
        self.fails: Callable[[list[list[str]]], Exception | None] = lambda _: None

    def record_events(self, given: Sequence[Sequence[Interaction]]) -> Sequence[Sequence[Outcome]]:
        ids = [[event.event_id for event in events] for events in given]
        self.entered.release()
        assert self.go_on.acquire(timeout=10)
        if (error := self.fails(ids)) is not None:
            raise error
        self.groups.append(ids)
        return [["accepted"] * len(events) for events in given]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqlStore]:
    opened = SqlStore.open(f"sqlite:///{tmp_path}/s.db", currency="EUR", consent_default=Consent())
    yield opened
    opened.close()


def test_what_comes_during_a_commit_shares_the_next() -> None:
    """The first is written alone; the three that came meanwhile together."""
    slow = SlowStore()
    writer = EventWriter.start(slow)
    results = [writer.offer([_view("a")])]
    assert slow.entered.acquire(timeout=10)
    results += [writer.offer([_view(name)]) for name in "bcd"]
    assert not any(result.done() for result in results)
    slow.go_on.release(2)
    assert [result.result(timeout=10) for result in results] == [["accepted"]] * 4
    writer.close()
    assert slow.groups == [[["a"]], [["b"], ["c"], ["d"]]]


def test_a_full_queue_takes_nothing_more_until_it_is_written() -> None:
    """Refused at once; a single request larger than the queue is taken when it is empty."""
    slow = SlowStore()
    writer = EventWriter.start(slow, capacity=2)
    large = writer.offer([_view(str(i)) for i in range(3)])
    with pytest.raises(Overloaded):
        writer.offer([_view("more")])
    slow.go_on.release()
    large.result(timeout=10)
    slow.go_on.release()
    while True:  # the place is free a moment after the answer
        try:
            assert writer.offer([_view("later")]).result(timeout=10) == ["accepted"]
        except Overloaded:
            continue
        break
    writer.close()


def test_one_requests_fault_is_not_anothers() -> None:
    """A group that can't be written is tried request by request."""
    slow = SlowStore()
    slow.fails = lambda ids: OverflowError("too large") if ["bad"] in ids else None
    writer = EventWriter.start(slow)
    first = writer.offer([_view("a")])
    assert slow.entered.acquire(timeout=10)
    bad, good = writer.offer([_view("bad")]), writer.offer([_view("good")])
    slow.go_on.release(4)
    assert first.result(timeout=10) == good.result(timeout=10) == ["accepted"]
    with pytest.raises(StoreUnavailable):
        bad.result(timeout=10)
    writer.close()
    assert slow.groups == [[["a"]], [["good"]]]


def test_closing_writes_what_waits_and_takes_no_more() -> None:
    """Nothing that was taken is forgotten."""
    slow = SlowStore()
    slow.go_on.release(10)
    writer = EventWriter.start(slow)
    results = [writer.offer([_view(str(i))]) for i in range(5)]
    writer.close()
    assert all(result.result(timeout=0) == ["accepted"] for result in results)
    with pytest.raises(StoreUnavailable):
        writer.offer([_view("late")])


def test_it_tells_after_the_commit_and_before_the_answer(store: SqlStore) -> None:
    """Whoever has the answer finds the event, and what follows the newest event has followed."""
    seen: list[float | None] = []
    writer = EventWriter.start(store, on_written=lambda: seen.append(store.last_event_at()))
    assert writer.offer([_view("a")]).result(timeout=10) == ["accepted"]
    assert seen == [1.0]
    assert store.counts().events == 1
    writer.close()


def test_ten_thousand_replays_from_eight_threads_leave_one_event_each(store: SqlStore) -> None:
    """20 events, sent 500 times each: 20 accepted, the rest duplicates."""
    writer = EventWriter.start(store)
    events = [_view(f"e{i}") for i in range(20)]
    outcomes: list[Outcome] = []

    def send() -> None:
        for start in range(63):
            outcomes.extend(writer.offer(events[start % 20 :] + events[: start % 20]).result(timeout=30))

    threads = [threading.Thread(target=send) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    writer.close()
    assert (len(outcomes), outcomes.count("accepted"), store.counts().events) == (10_080, 20, 20)
