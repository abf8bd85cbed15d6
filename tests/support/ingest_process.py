"""Only the way in for events, as a process that may be killed: store, writer, nothing else.

Processes are forked from a server that has imported everything and opened nothing, so that one takes milliseconds.
"""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerProcess
from pathlib import Path

from app.adapters.sql_store.event_writer import EventWriter
from app.adapters.sql_store.store import SqlStore
from app.domain.interactions import Consent, EventKind, Interaction

AT = 1_790_000_000.0
BATCH = 7


def event(number: int) -> Interaction:
    """The event of a number; the same number is the same event."""
    return Interaction(f"kill-{number}", EventKind.VIEW, AT + number, user_id=f"k{number % 50}", product_id="any")


def open_shop(data_dir: Path) -> SqlStore:
    """The shop's store."""
    return SqlStore.open(f"sqlite:///{data_dir / 'shop.db'}", currency="EUR", consent_default=Consent("full", True))


def write_on(data_dir: Path, first: int, told: Connection, hasty: bool) -> None:
    """Writes events from `first` on, a batch at a time; tells the next number once the writer says it is on the disk.

    Args: hasty: the writer answers before it writes, which a test of the test must notice.
    """
    if hasty:
        EventWriter._write = _answers_first
    writer = EventWriter.start(open_shop(data_dir))
    told.send_bytes(b"ready")
    while True:
        written = [writer.offer([event(n)]) for n in range(first, first + BATCH)]
        for result in written:
            result.result()
        first += BATCH
        told.send_bytes(str(first).encode())


def _answers_first(self: EventWriter, group: list[tuple[list[Interaction], Future[list[str]]]]) -> None:
    for _, result in group:
        result.set_result(["accepted"])
    time.sleep(0.01)
    self._store.record_events([events for events, _ in group])


@contextmanager
def writing(data_dir: Path, first: int, *, hasty: bool = False) -> Iterator[tuple[ForkServerProcess, Connection]]:
    """The process, and what it tells. Whatever is left of it at the end is killed."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.support.ingest_process"])
    told, tells = context.Pipe(duplex=False)
    process = context.Process(target=write_on, args=(data_dir, first, tells, hasty), daemon=True)
    process.start()
    tells.close()
    try:
        yield process, told
    finally:
        process.kill()
        process.join()
        process.close()
        told.close()
