"""A sign of life while one library call runs for seconds without a callback."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from app.ports import Progress


@contextmanager
def heartbeat(progress: Progress, label: str, interval_s: float = 1.0) -> Iterator[None]:
    """Calls progress(label, seconds, None) every `interval_s` from a thread until the block ends."""
    done = threading.Event()

    def beat() -> None:
        ticks = 0
        while not done.wait(interval_s):
            ticks += 1
            progress(label, ticks, None)

    thread = threading.Thread(target=beat, name="baseline-heartbeat", daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
