"""A pool refuses what it can't begin for a long time."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from app.bounded_pool import BoundedPool
from app.domain.errors import Overloaded


@pytest.fixture
def pool() -> Iterator[BoundedPool]:
    """One thread; two pieces of work may wait."""
    with BoundedPool(1, waiting_most=2, thread_name_prefix="test") as pool:
        yield pool


def test_a_full_queue_refuses_and_an_emptied_one_takes_again(pool: BoundedPool) -> None:
    """What was taken is done; what was refused is not, and says so at once."""
    begun, go_on = threading.Event(), threading.Event()

    def busy() -> str:
        begun.set()
        go_on.wait(10)
        return "done"

    first = pool.submit(busy)
    assert begun.wait(10)
    taken = [pool.submit(str, n) for n in range(2)]
    assert (pool.depth, pool.capacity) == (2, 2)
    refused = pool.submit(str, 3)
    with pytest.raises(Overloaded, match="2 pieces"):
        refused.result(timeout=0)
    go_on.set()
    assert [first.result(10), *(one.result(10) for one in taken)] == ["done", "0", "1"]
    assert pool.submit(str, 4).result(10) == "4"
