"""Progress bars for a person at a terminal; a line per stage where standard error is a file."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from app.ports import Progress as Report


@contextmanager
def progress_bars() -> Iterator[Report]:
    """Yields the callback `progress(label, done, total)`; one bar per label, left standing when it is full."""
    if not sys.stderr.isatty():
        yield _lines(sys.stderr.write, time.monotonic)
        return
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=Console(stderr=True)) as bars:
        tasks: dict[str, int] = {}

        def report(label: str, done: int, total: int | None) -> None:
            if label not in tasks:
                tasks[label] = bars.add_task(label, total=total)
            bars.update(tasks[label], completed=done, total=total)  # type: ignore[arg-type]

        yield report


def _lines(write: Callable[[str], object], clock: Callable[[], float], every_s: float = 10.0) -> Report:
    """A line when a label first appears, and at most one each `every_s` seconds after that."""
    written: dict[str, float] = {}

    def report(label: str, done: int, total: int | None) -> None:
        now = clock()
        if label in written and now - written[label] < every_s:
            return
        written[label] = now
        write(f"{label}: {done}{'' if total is None else f' of {total}'}\n")

    return report
