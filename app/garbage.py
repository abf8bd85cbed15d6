"""When everything is collected: between requests, not in the middle of one.

A full collection stops all threads of a worker for as long as it takes to walk what the worker remembers: 70 to 120 ms
measured with the demo shop. Started by counting allocations it comes when most is going on, and found nothing in any
run. So it waits for a moment in which nobody is served, and comes under lasting load only after a while.
"""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Callable

LOOK_EVERY_S = 0.5
AT_MOST_EVERY_S = 30.0
AT_LEAST_EVERY_S = 600.0
"""However busy: cycles that nothing else frees would fill the memory."""

NEVER = 1_000_000_000


def is_due(since_s: float, *, busy: bool) -> bool:
    """Whether everything should be collected now, so long after the last time."""
    return since_s >= (AT_LEAST_EVERY_S if busy else AT_MOST_EVERY_S)


async def collect_between_requests(busy: Callable[[], bool], collect: Callable[[], object] = gc.collect) -> None:
    """Collects everything when `is_due`, until cancelled; meanwhile Python itself collects younger objects only."""
    clock = asyncio.get_running_loop().time
    young, middle, full = gc.get_threshold()
    gc.set_threshold(young, middle, NEVER)
    last = clock()
    try:
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            if is_due(clock() - last, busy=busy()):
                collect()
                last = clock()
    finally:
        gc.set_threshold(young, middle, full)
