"""Where log lines go, and a short way for the one that every request writes.

A line of the access log through structlog and the standard library costs more than the rest of a request that is
answered from memory. Its fields are known, and none of them can hold what a log may not: so it is made in one step, and
while the service runs it may wait a moment for others, to be written together. Any other line writes those first.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from typing import TextIO

import orjson

MOST_WAITING = 1_000
"""Lines that may wait; one more and all are written at once, however long that takes."""


class LogLines(logging.StreamHandler[TextIO]):
    """A stream handler that also takes lines that are finished. Any thread may call it."""

    def __init__(self, stream: TextIO, *, wait_s: float | None = None) -> None:
        """Args: wait_s: how long a finished line may wait for others, on an event loop; None: none does."""
        super().__init__(stream)
        self._wait_s = wait_s
        self._waiting: list[str] = []
        self._due_on: asyncio.AbstractEventLoop | None = None  # the loop that will write what waits

    def say(self, line: str) -> None:
        """Writes a finished line, without its end, after all that came before it."""
        self.acquire()
        try:
            self._waiting.append(line)
            loop = None if self._wait_s is None or len(self._waiting) >= MOST_WAITING else _running_loop()
            if loop is None or self._wait_s is None:
                self._write_waiting()
            elif loop is not self._due_on:
                self._due_on = loop
                loop.call_later(self._wait_s, self._due)
        finally:
            self.release()

    def settle(self) -> None:
        """Writes what waits, and from now on each line at once: call it while the event loop still turns."""
        self._wait_s = None
        self._write_waiting()

    def emit(self, record: logging.LogRecord) -> None:
        """See logging.Handler."""
        self._write_waiting()
        super().emit(record)

    def flush(self) -> None:
        """See logging.Handler."""
        self._write_waiting()
        super().flush()

    def _due(self) -> None:
        self._due_on = None
        self._write_waiting()

    def _write_waiting(self) -> None:
        if not self._waiting:
            return
        self.acquire()
        try:
            lines, self._waiting = self._waiting, []
            # A stream that nobody reads any more is no reason to fail a request, and there is nobody to tell.
            with suppress(OSError, ValueError):
                self.stream.write("\n".join([*lines, ""]))
                self.stream.flush()
        finally:
            self.release()


def access_line(
    *, method: str, endpoint: str, status: int, ms: float, slate: Mapping[str, object], ids: Mapping[str, str]
) -> str:
    """The line of one request as JSON: byte for byte what structlog makes of the same fields.

    Args: slate: what the line says of a slate, {} without one; ids: `request_id` and `trace_id`.
    """
    fields = {
        "method": method,
        "endpoint": endpoint,
        "status": status,
        "ms": ms,
        **slate,
        "event": "request",
        **ids,
        "level": "info",
        "logger": "app.telemetry",
        "timestamp": datetime.now(UTC).isoformat().replace("+00:00", "Z"),
    }
    return orjson.dumps(fields).decode()


def _running_loop() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None
