"""How many requests may be worked on at a time: found by measuring, since nobody can know it beforehand.

Additive increase, multiplicative decrease (Chiu and Jain, "Analysis of the Increase and Decrease Algorithms for
Congestion Avoidance in Computer Networks", 1989) on latency against the latency without a crowd, which is how TCP Vegas
(Brakmo and Peterson, 1995) and Netflix's concurrency-limits tell a queue from work. What "without a crowd" costs is
measured anew all the time: at low load by every request, under lasting load in short probes at the floor, as BBR
(Cardwell et al., 2016) finds its round-trip time. Without the probes a standing crowd would pass for the usual.

Work that holds the interpreter's lock gains nothing from a crowd: the limit stays at two or three. Work that waits
(an index server, a disk) does, its latency does not rise with the crowd, and the limit climbs to the ceiling.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

FLOOR = 1
"""One at a time is always worked on: nothing that is measured can stop the service."""

SLOWER = 2.0
"""Latency, in multiples of that without a crowd, from which on there is one. Two that share one lock take twice as
long each and get done no later: from there on more only wait inside."""

LESS = 0.8
WINDOW = 24
"""Requests in a crowd after which the limit is moved."""

PROBE_EVERY_S = 5.0
PROBE_MOST_S = 0.5
PROBE_SAMPLES = 8

_WEIGHT = 0.1
_LEAP = 3.0
"""A sample counts as at most so many times the usual: one pause of the collector is no new usual, ten in a row are."""


@dataclass(slots=True)
class Mean:
    """A running mean that forgets: of few samples the mean of all, later each new one has the same weight."""

    value: float = 0.0
    n: int = 0

    def add(self, sample: float) -> None:
        """Takes in one more."""
        self.n += 1
        if self.n == 1:
            self.value = sample
        else:
            self.value += max(_WEIGHT, 1.0 / self.n) * (min(sample, _LEAP * self.value) - self.value)


class AdaptiveLimit:
    """The limit, moved by what is told of requests that ended. Not thread-safe; lives on the event loop."""

    def __init__(self, *, ceiling: int, floor: int = FLOOR, clock: Callable[[], float]) -> None:
        """Args: ceiling: never more; floor: never fewer; clock: monotonic seconds."""
        self._floor, self._ceiling, self._clock = floor, max(floor, ceiling), clock
        self._limit = min(floor + 1, self._ceiling)
        self._alone: dict[object, Mean] = {}  # by kind: seconds without a crowd
        self._ratios: list[float] = []
        self._wanted = False  # whether more could have been worked on since the limit was last moved
        self._alone_at = clock()
        self._probe_until = 0.0
        self._probed = 0

    @property
    def now(self) -> int:
        """How many may be in work."""
        return self._floor if self._probed else self._limit

    @property
    def usual(self) -> int:
        """The same, but for probes."""
        return self._limit

    @property
    def floor(self) -> int:
        """How many are no crowd."""
        return self._floor

    def wanted(self) -> None:
        """Somebody had to wait for the limit, or was refused."""
        self._wanted = True
        now = self._clock()
        if not self._probed and now - self._alone_at > PROBE_EVERY_S and self._limit > self._floor:
            self._probed, self._probe_until = PROBE_SAMPLES, now + PROBE_MOST_S

    def ended(self, kind: object, seconds: float, *, crowded: bool) -> None:
        """One request was worked on.

        Args: kind: requests of one kind cost about the same; seconds: in work, without what it waited for elsewhere;
              crowded: whether more than the floor were in work at any time of it.
        """
        now = self._clock()
        if self._probed and now > self._probe_until:
            self._end_probe(now)
        alone = self._alone.get(kind)
        if not crowded:
            if alone is None:
                alone = self._alone[kind] = Mean()
            alone.add(seconds)
            self._alone_at = now
            if self._probed:
                self._probed -= 1
                if not self._probed:
                    self._end_probe(now)
                return
            if self._limit > self._floor:
                return  # at the floor there are no others to tell whether more would do
        if alone is None or alone.value <= 0.0:
            return  # never seen without a crowd: nothing to compare it with
        self._ratios.append(seconds / alone.value)
        if len(self._ratios) >= WINDOW:
            self._move()

    def _end_probe(self, now: float) -> None:
        self._probed, self._alone_at = 0, now
        self._ratios.clear()

    def _move(self) -> None:
        middle = sorted(self._ratios)[len(self._ratios) // 2]
        self._ratios.clear()
        if middle > SLOWER:
            self._limit = max(self._floor, min(self._limit - 1, int(self._limit * LESS)))
        elif self._wanted:
            self._limit = min(self._ceiling, self._limit + 1)
        self._wanted = False
