"""How many requests may be worked on at a time: found by measuring, since nobody can know it beforehand.

A place more is worth having where more gets done with it. By Little's law L places that are always taken do L / r times
the work of one, where r is how much longer a request takes in such a crowd than alone. So a further place is tried now
and then, for a few requests, and kept where the places add enough of a lone place's work each. Vegas (Brakmo and
Peterson, 1995) and Netflix's concurrency-limits bound the latency instead, at a multiple that knows nothing of how many
there are: two who share the interpreter's lock take twice as long each and get done less than one would, because they
keep taking the lock from each other and from the event loop (docs/decisions/032).

What "alone" costs is measured anew all the time: at low load by every request, under lasting load in short probes at
the floor, as BBR (Cardwell et al., 2016) finds its round-trip time. Without the probes a standing crowd would pass for
the usual.

Work that holds the interpreter's lock gains nothing from a crowd: the limit stays at the floor. Work that waits (an
index server, a disk) does, its latency does not rise with the crowd, and the limit climbs to the ceiling.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

FLOOR = 1
"""One at a time is always worked on: nothing that is measured can stop the service."""

LEAST_SHARE = 0.5
"""What the places beyond the floor have to add, on average, in multiples of a lone place's work. Perfect ones add 1."""

LESS = 0.8

WINDOW = 24
"""Requests after which the limit is judged."""

WINDOW_S = 0.5
WINDOW_LEAST = 6
"""So many are enough where they took so long at each place: an index that hangs must not be waited for one by one for
a minute."""

TRY_AFTER_S = 1.0
TRY_MOST_S = 8.0
"""How long it stays where it is after a further place was tried in vain: twice as long each time. A try takes a tenth
of a second, so that trying every 8 s costs next to nothing."""

PROBE_EVERY_S = 5.0
PROBE_MOST_S = 0.5
PROBE_SAMPLES = 8

STALE = 0.7
"""Nobody is quicker in a crowd than alone: beyond what chance does, what is known of being alone is out of date."""

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
        self._ratios: list[float] = []  # of requests in a crowd, since the limit was last moved
        self._at_floor = 0  # requests there, since the limit was last moved
        self._seconds = 0.0  # that both took together
        self._trying = True  # whether nothing is known of the present limit yet
        self._try_at, self._try_after_s = float("-inf"), TRY_AFTER_S
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

    def look(self) -> None:
        """Ends a probe whose time is over, even where nothing ends in it."""
        if self._probed and (now := self._clock()) > self._probe_until:
            self._end_probe(now)

    def ended(self, kind: object, seconds: float, *, crowded: bool, full: bool) -> None:
        """One request was worked on.

        Args: kind: requests of one kind cost about the same; seconds: in work, without what it waited for elsewhere;
              crowded: whether more than the floor were in work at any time of it; full: whether as many as the limit
              allows were in work all the time.
        """
        self.look()
        now = self._clock()
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
            elif self._limit == self._floor:
                self._at_floor += 1
                self._seconds += seconds
                if self._enough(self._at_floor):
                    self._climb(now)
            return
        if alone is None or alone.value <= 0.0 or not full or self._probed or self._limit == self._floor:
            return  # nothing to compare it with, or it says nothing of this limit
        self._ratios.append(min(seconds / alone.value, _LEAP * self._limit))
        self._seconds += seconds
        if self._enough(len(self._ratios)):
            self._judge(now)

    def _enough(self, requests: int) -> bool:
        return requests >= WINDOW or (requests >= WINDOW_LEAST and self._seconds >= WINDOW_S * self._limit)

    def _end_probe(self, now: float) -> None:
        self._probed, self._alone_at = 0, now
        self._begin_window()

    def _begin_window(self) -> None:
        self._ratios.clear()
        self._at_floor, self._seconds = 0, 0.0

    def _judge(self, now: float) -> None:
        """More places where those that there are add enough, else fewer."""
        slower = sum(self._ratios) / len(self._ratios)
        if slower < STALE:
            self._alone.clear()
            self._alone_at = float("-inf")  # the next who waits begins a probe
            self._begin_window()
            return
        if slower * (self._floor + LEAST_SHARE * (self._limit - self._floor)) <= self._limit:
            if self._trying:
                self._try_after_s = TRY_AFTER_S
            self._climb(now)
            return
        if self._trying:
            self._try_at = now + self._try_after_s
            self._try_after_s = min(TRY_MOST_S, 2.0 * self._try_after_s)
        else:  # these places were worth having: something has changed, and old failures say nothing any more
            self._try_at, self._try_after_s = now, TRY_AFTER_S
        self._move(max(self._floor, min(self._limit - 1, int(self._limit * LESS))), trying=False)

    def _climb(self, now: float) -> None:
        tries = self._wanted and now >= self._try_at and self._limit < self._ceiling
        self._move(self._limit + tries, trying=tries)

    def _move(self, limit: int, *, trying: bool) -> None:
        self._limit, self._trying, self._wanted = limit, trying, False
        self._begin_window()
