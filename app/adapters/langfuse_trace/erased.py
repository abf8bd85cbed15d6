"""Who was erased while this process was tracing, so that nothing said of them before leaves it any more."""

from __future__ import annotations

import threading
from collections.abc import Sequence

from app.adapters.langfuse_trace.observation import About

KEPT_S = 3_600.0
"""Longer than anything waits to be sent."""


class Erased:
    """Pseudonyms and when they were erased. Any thread may call it."""

    def __init__(self) -> None:
        self._at: dict[str, float] = {}
        self._lock = threading.Lock()

    def add(self, pseudonyms: Sequence[str], at: float) -> None:
        """Notes an erasure at this time, epoch seconds."""
        with self._lock:
            self._at = {name: when for name, when in self._at.items() if at - when < KEPT_S}
            self._at |= dict.fromkeys(pseudonyms, at)

    def covers(self, about: About, told_at: float) -> bool:
        """Whether what was told at this time is of somebody erased since; what comes later is a new profile."""
        return any(
            name is not None and told_at <= self._at.get(name, float("-inf")) for name in (about.user, about.session)
        )
