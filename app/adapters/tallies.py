"""What was counted since a scrape last looked: plain sums in memory, added to the metrics all at once.

A counter of the library locks, checks itself and, with several workers, packs a mapped file at every step, and a slate
takes a dozen of them. Here a step is one sum.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Hashable, Sequence
from typing import Generic, TypeVar

_Key = TypeVar("_Key", bound=Hashable)


class Spread:
    """Observations of one histogram: how many fell into each bucket, and their sum."""

    __slots__ = ("_bounds", "counts", "total")

    def __init__(self, bounds: Sequence[float]) -> None:
        """Args: bounds: upper ones of the buckets, ascending, without infinity."""
        self._bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.total = 0.0

    def add(self, value: float) -> None:
        """One observation. Not for two threads at once."""
        self.counts[bisect_left(self._bounds, value)] += 1
        self.total += value


class Spreads(dict[_Key, Spread], Generic[_Key]):
    """A spread for each key that is asked for."""

    def __init__(self, bounds: Sequence[float]) -> None:
        super().__init__()
        self._bounds = bounds

    def __missing__(self, key: _Key) -> Spread:
        spread = self[key] = Spread(self._bounds)
        return spread


class Tally:
    """What a request counts: labels as they came → how often, or how it spread. Not for two threads at once."""

    __slots__ = ("excluded", "http", "http_seconds", "lookups", "proofs", "sentences", "slates", "stages", "wait")

    def __init__(self, bounds: Sequence[float]) -> None:
        """Args: bounds: of all its histograms."""
        self.http: defaultdict[tuple[str, str, str], int] = defaultdict(int)  # endpoint, method, class of status
        self.http_seconds: Spreads[str] = Spreads(bounds)  # endpoint
        self.slates: defaultdict[tuple[str, str, str, str], int] = defaultdict(int)  # list, placement, strategy, reason
        self.stages: Spreads[tuple[str, str]] = Spreads(bounds)  # list, stage
        self.excluded: defaultdict[str, int] = defaultdict(int)  # rule
        self.lookups: defaultdict[str, int] = defaultdict(int)  # result
        self.wait: Spreads[str] = Spreads(bounds)  # strategy
        self.sentences: defaultdict[str, int] = defaultdict(int)  # outcome
        self.proofs: defaultdict[str, int] = defaultdict(int)  # kind
