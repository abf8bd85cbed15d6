"""A point on the monotonic clock by which an answer must be out."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Deadline:
    """When to stop waiting, in seconds of a monotonic clock that is passed in (tests inject their own)."""

    at_s: float
    clock: Callable[[], float] = time.monotonic
    waits: bool = True  # False: the caller asked for an answer at once. A wait that ran out is still a wait.

    @classmethod
    def after_ms(cls, milliseconds: float, clock: Callable[[], float] = time.monotonic) -> Deadline:
        """A deadline `milliseconds` from now; 0 or less is already over."""
        return cls(clock() + milliseconds / 1000.0, clock, milliseconds > 0)

    def remaining_s(self) -> float:
        """Seconds left, never negative."""
        return max(0.0, self.at_s - self.clock())
