"""Leases: one holder at a time, given back or run out."""

import sqlite3
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from app.adapters.sql_store.leases import SqlLeases


class Wall:
    """A wall clock that stands still until it is set."""

    now = 1_790_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def wall() -> Wall:
    return Wall()


@pytest.fixture
def leases(tmp_path: Path, wall: Wall) -> Iterator[SqlLeases]:
    made = SqlLeases.open(f"sqlite:///{tmp_path}/shop.db", wall=wall)
    yield made
    made.close()


def test_one_holder_at_a_time(leases: SqlLeases) -> None:
    """The first gets it, the second not, until it is given back; other keys are free."""
    assert leases.try_acquire("k", "a", 10.0)
    assert not leases.try_acquire("k", "b", 10.0)
    assert leases.try_acquire("other", "b", 10.0)
    leases.release("k", "b")
    assert not leases.try_acquire("k", "b", 10.0)
    leases.release("k", "a")
    assert leases.try_acquire("k", "b", 10.0)


def test_the_holder_may_extend(leases: SqlLeases, wall: Wall) -> None:
    """Asking again as the holder begins its time anew."""
    assert leases.try_acquire("k", "a", 10.0)
    wall.now += 9.0
    assert leases.try_acquire("k", "a", 10.0)
    wall.now += 9.0
    assert not leases.try_acquire("k", "b", 10.0)


def test_a_lease_that_ran_out_is_taken_over(leases: SqlLeases, wall: Wall) -> None:
    """Not before its time, at its time; the late holder's release does not take it from the new one."""
    assert leases.try_acquire("k", "a", 10.0)
    wall.now += 9.9
    assert not leases.try_acquire("k", "b", 10.0)
    wall.now += 0.1
    assert leases.try_acquire("k", "b", 10.0)
    leases.release("k", "a")
    assert not leases.try_acquire("k", "a", 10.0)


def test_a_clock_set_back_does_not_hold_a_lease_for_hours(leases: SqlLeases, wall: Wall) -> None:
    """A lease of a dead process that seems to run for longer than anybody asks for is free."""
    assert leases.try_acquire("k", "a", 10.0)
    wall.now -= 5.0
    assert not leases.try_acquire("k", "b", 10.0)
    wall.now -= 3600.0
    assert leases.try_acquire("k", "b", 10.0)


def test_of_many_that_ask_at_once_one_gets_it(tmp_path: Path, wall: Wall) -> None:
    """Two openers of the database, eight threads each."""
    url = f"sqlite:///{tmp_path}/shop.db"
    both = [SqlLeases.open(url, wall=wall) for _ in range(2)]
    with ThreadPoolExecutor(16) as pool:
        got = list(pool.map(lambda n: both[n % 2].try_acquire(f"k{n // 16}", f"o{n}", 10.0), range(160)))
    assert [sum(got[i : i + 16]) for i in range(0, 160, 16)] == [1] * 10
    for leases in both:
        leases.close()


def test_a_start_clears_what_ran_out(leases: SqlLeases, tmp_path: Path, wall: Wall) -> None:
    """Leases of dead processes don't pile up; running ones stay."""
    leases.try_acquire("old", "a", 10.0)
    leases.try_acquire("new", "a", 100.0)
    wall.now += 50.0
    SqlLeases.open(f"sqlite:///{tmp_path}/shop.db", wall=wall).close()
    with sqlite3.connect(tmp_path / "shop.db") as connection:
        assert connection.execute("SELECT key FROM leases").fetchall() == [("new",)]
    connection.close()
