"""The wall clock of the service, as AS_OF says."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime

LAST_EVENT = "last-event"


class AsOfClock:
    """now | an ISO time | last-event (the newest event of the store, looked up again by `refresh`)."""

    def __init__(
        self,
        as_of: str,
        last_event_at: Callable[[], float | None],
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._wall = wall
        self._last_event_at = last_event_at
        self._follows_events = as_of == LAST_EVENT
        self._fixed: float | None = None
        if as_of not in {"now", LAST_EVENT}:
            self._fixed = datetime.fromisoformat(as_of).timestamp()
        self.refresh()

    def refresh(self) -> None:
        """Follows the newest event under last-event; a store without events means the real time."""
        if self._follows_events:
            self._fixed = self._last_event_at()

    def now(self) -> float:
        """Epoch seconds, UTC."""
        return self._wall() if self._fixed is None else self._fixed
