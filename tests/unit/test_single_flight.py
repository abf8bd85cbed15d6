"""Two workers with the same question: one asks, the other reads its answer, and neither waits for nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from app.adapters.sql_store.leases import SqlLeases
from app.domain.errors import StoreUnavailable
from app.domain.model_calls import StoredOrder
from app.single_flight import LEASE_S, SingleFlight


class Cache:
    """Answers by key, with the moment at which each was stored."""

    def __init__(self) -> None:
        self.orders: dict[str, StoredOrder] = {}

    def store(self, key: str, at: float) -> None:
        self.orders[key] = StoredOrder(
            candidates=("a",), percentiles=(1.0,), order=("a",), prose={}, reasons=1, profile_facts=(), model="m",
            prompt_id="p", stored_at=at, gate="g",
        )  # fmt: skip

    def get(self, key: str) -> tuple[StoredOrder, float] | None:
        return (self.orders[key], 0.0) if key in self.orders else None

    def put(self, key: str, order: StoredOrder) -> None:
        self.orders[key] = order

    def drop(self, shopper_key: str) -> None:
        """Not used here."""


class Workers:
    """Two workers on one database and one cache. Time passes only when one of them sleeps."""

    def __init__(self, url: str) -> None:
        self.now = 1_790_000_000.0
        self.cache = Cache()
        self.leases = [SqlLeases.open(url, wall=lambda: self.now) for _ in range(2)]
        self.first, self.second = (
            SingleFlight(leases, self.cache, in_thread=self._call, sleep=self._sleep) for leases in self.leases
        )
        self.at: dict[float, Callable[[], object]] = {}  # seconds from the start → what happens then
        self.began = self.now

    async def _call(self, function: Callable[[], bool | None]) -> bool | None:
        return function()

    async def _sleep(self, seconds: float) -> None:
        self.now += seconds
        for due in [s for s in self.at if self.began + s <= self.now]:
            self.at.pop(due)()
        await asyncio.sleep(0)


@pytest.fixture
def workers(tmp_path: Path) -> Iterator[Workers]:
    made = Workers(f"sqlite:///{tmp_path}/shop.db")
    yield made
    for leases in made.leases:
        leases.close()


async def test_the_second_reads_the_firsts_answer(workers: Workers) -> None:
    """As soon as it is in the cache, whatever became of the lease."""
    assert await workers.first.claim("k", "call-1") == "mine"
    workers.at[0.4] = lambda: workers.cache.store("k", workers.now)
    assert await workers.second.claim("k", "call-2") == "answered"
    assert workers.now - workers.began < 0.45


async def test_other_questions_are_not_held_up(workers: Workers) -> None:
    """A lease is about one key."""
    assert await workers.first.claim("k", "call-1") == "mine"
    assert await workers.second.claim("other", "call-2") == "mine"


async def test_a_call_that_gave_nothing_is_known_soon(workers: Workers) -> None:
    """The lease was given back and no answer follows: waiting on would be for nothing."""
    assert await workers.first.claim("k", "call-1") == "mine"
    workers.at[0.5] = lambda: workers.leases[0].release("k", "call-1")
    assert await workers.second.claim("k", "call-2") == "failed"
    assert workers.now - workers.began < 1.1
    assert await workers.second.claim("k", "call-3") == "mine"


async def test_an_answer_may_reach_the_disk_after_its_lease_is_given_back(workers: Workers) -> None:
    """The cache is written behind; a moment of grace sees it."""
    assert await workers.first.claim("k", "call-1") == "mine"
    workers.at[0.1] = lambda: workers.leases[0].release("k", "call-1")
    workers.at[0.4] = lambda: workers.cache.store("k", workers.now)
    assert await workers.second.claim("k", "call-2") == "answered"


async def test_a_worker_that_died_holds_nobody_up_for_long(workers: Workers) -> None:
    """Its lease runs out; until then a waiting call is not made, after it another is."""
    assert await workers.first.claim("k", "call-1") == "mine"
    assert await workers.second.claim("k", "call-2") in {"failed", "late"}
    assert workers.now - workers.began <= LEASE_S + 1.0
    workers.now += 0.1
    assert await workers.second.claim("k", "call-3") == "mine"


async def test_an_answer_that_is_being_renewed_is_not_taken_for_new(workers: Workers) -> None:
    """A stale answer stands in the cache; only a later one counts."""
    workers.cache.store("k", workers.now - 3600)
    assert await workers.first.claim("k", "call-1") == "mine"
    workers.at[0.2] = lambda: workers.cache.store("k", workers.now)
    assert await workers.second.claim("k", "call-2") == "answered"
    assert workers.now - workers.began >= 0.2


async def test_without_a_database_every_worker_asks(workers: Workers) -> None:
    """A lease saves money; what keeps it from being taken must not cost an answer."""

    async def broken(_function: Callable[[], bool | None]) -> bool | None:
        raise StoreUnavailable("locked")

    alone = SingleFlight(workers.leases[0], workers.cache, in_thread=broken)
    assert await alone.claim("k", "call-1") == "mine"
    await alone.release("k", "call-1")
