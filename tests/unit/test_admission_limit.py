"""The limit finds how many at a time are right, against services whose latency is computed."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from app.admission_limit import PROBE_EVERY_S, AdaptiveLimit, Mean

CEILING = 16


class Service:
    """A service that is always asked for more than it may do, and what its limit makes of it.

    latency: how many are in work → seconds that each of them takes.
    """

    def __init__(self, latency: Callable[[int], float]) -> None:
        self.latency = latency
        self.now = 0.0
        self.limit = AdaptiveLimit(ceiling=CEILING, clock=lambda: self.now)

    def warm(self, requests: int = 20) -> None:
        """Requests that come one by one."""
        for _ in range(requests):
            self.now += self.latency(1)
            self.limit.ended("any", self.latency(1), crowded=False, full=False)

    def crowd(self, seconds: float) -> list[int]:
        """As many requests as it lets in, for so long. Returns the limits that it went through, but for probes."""
        ends, seen = self.now + seconds, []
        while self.now < ends:
            self.limit.wanted()
            working = self.limit.now
            took = self.latency(working)
            self.now += took / working
            self.limit.ended("any", took, crowded=working > self.limit.floor, full=working >= self.limit.now)
            seen.append(self.limit.usual)
        return seen


def test_one_lock_for_all_keeps_the_limit_small() -> None:
    """Who shares one lock takes as many times longer as there are others: one at a time, and two are rarely tried."""
    service = Service(lambda working: 0.006 * working)
    service.warm()
    service.crowd(20)
    seen = service.crowd(60)
    assert max(seen) == 2, "it goes on trying"
    assert seen.count(1) > 0.95 * len(seen)


def test_an_index_that_hangs_is_soon_waited_for_side_by_side() -> None:
    """After hours of work that shares a lock everybody waits half a second for something else: seconds, not minutes."""
    hangs = False
    service = Service(lambda working: 0.5 if hangs else 0.006 * working)
    service.warm()
    service.crowd(600)
    hangs = True
    assert service.crowd(30)[-1] >= 8


def test_work_that_waits_gets_more_places() -> None:
    """Latency that does not rise with the crowd: the limit climbs to the ceiling, and never beyond."""
    service = Service(lambda working: 0.02)
    service.warm()
    seen = service.crowd(60)
    assert seen[-1] == CEILING == max(seen)


def test_as_many_as_there_are_cores() -> None:
    """Four do not disturb each other, more take turns: the limit settles where places add half of themselves."""
    service = Service(lambda working: 0.01 * max(1.0, working / 4))
    service.warm()
    service.crowd(30)
    seen = service.crowd(60)
    assert min(seen) >= 5
    assert max(seen) <= 8


def test_it_recovers() -> None:
    """A time in which a crowd makes everything slow takes places away; afterwards they come back."""
    slow = False
    service = Service(lambda working: 0.01 * working if slow else 0.01)
    service.warm()
    assert service.crowd(60)[-1] == CEILING
    slow = True
    assert service.crowd(60)[-1] <= 2
    slow = False
    assert service.crowd(60)[-1] == CEILING


def test_what_is_slow_for_all_alike_is_the_new_usual() -> None:
    """An index twenty times slower, for one as for many: no crowd is to blame, and places are not taken away for it."""
    usual = 0.01
    service = Service(lambda working: usual)
    service.warm()
    service.crowd(60)
    usual = 0.2
    assert service.crowd(300)[-1] == CEILING


def test_a_standing_crowd_does_not_pass_for_the_usual() -> None:
    """Nobody is ever alone any more for an hour: probes keep telling what that would cost."""
    service = Service(lambda working: 0.006 * working)
    service.warm()
    assert max(service.crowd(3600)[-100_000:]) <= 2


def test_a_probe_ends() -> None:
    """It lasts at most half a second, even where nothing ends in it."""
    now = 0.0
    limit = AdaptiveLimit(ceiling=CEILING, clock=lambda: now)
    assert limit.now == limit.usual == 2
    now = PROBE_EVERY_S + 0.1
    limit.wanted()
    assert (limit.now, limit.usual) == (1, 2)
    now += 0.6
    limit.look()
    assert limit.now == 2
    limit.ended("any", 3.0, crowded=True, full=True)
    assert limit.now == 2


@pytest.mark.parametrize("seconds", [0.0, 1e-9, 1e9, float("inf")])
def test_no_measurement_stops_the_service(seconds: float) -> None:
    """Whatever a clock says, at least one is worked on at a time, and never more than the ceiling."""
    limit = AdaptiveLimit(ceiling=CEILING, clock=lambda: 0.0)
    for n in range(2_000):
        limit.wanted()
        limit.ended("any", 0.01 if n % 3 else seconds, crowded=bool(n % 2), full=bool(n % 2))
        assert 1 <= limit.now <= CEILING


def test_kinds_are_compared_with_themselves() -> None:
    """A search that takes ten times as long as a product page is no crowd."""
    limit = AdaptiveLimit(ceiling=CEILING, clock=lambda: 0.0)
    for kind, seconds in [("page", 0.001), ("search", 0.01)] * 10:
        limit.ended(kind, seconds, crowded=False, full=False)
    for _ in range(400):
        limit.wanted()
        limit.ended("search", 0.011, crowded=True, full=True)
    assert limit.now == CEILING


def test_nothing_moves_while_nobody_waits() -> None:
    """A limit that nobody meets says nothing."""
    limit = AdaptiveLimit(ceiling=CEILING, clock=lambda: 0.0)
    limit.ended("any", 0.01, crowded=False, full=False)
    for _ in range(400):
        limit.ended("any", 0.01, crowded=True, full=True)
    assert limit.now == 2


def test_a_mean_follows_but_does_not_leap() -> None:
    """One pause of the collector changes it little; a lasting change it follows."""
    mean = Mean()
    for _ in range(20):
        mean.add(0.01)
    mean.add(0.3)
    assert mean.value < 0.013
    for _ in range(100):
        mean.add(0.3)
    assert mean.value == pytest.approx(0.3, rel=0.05)


def test_who_was_not_in_a_full_crowd_says_nothing_of_it() -> None:
    """Half of its work alone makes a request look quick: such ones raise no limit."""
    limit = AdaptiveLimit(ceiling=CEILING, clock=lambda: 0.0)
    limit.ended("any", 0.01, crowded=False, full=False)
    for _ in range(400):
        limit.wanted()
        limit.ended("any", 0.01, crowded=True, full=False)
    assert limit.now == 2


def test_failures_of_long_ago_keep_no_places_back() -> None:
    """A moment in which everything is slow ends a long time at the ceiling; the way back takes no patience."""
    slow = False
    service = Service(lambda working: 0.01 * working if slow else 0.01 * max(1.0, working / 8))
    service.warm()
    high = service.crowd(300)[-1]
    slow = True
    service.crowd(1)
    slow = False
    assert service.crowd(10)[-1] >= high - 1


def test_what_a_stall_taught_is_forgotten() -> None:
    """Everything waited for a slow disk for a while, then work shares a lock again: few places, in a second or two."""
    slow = False
    service = Service(lambda working: 0.25 if slow else 0.006 * working)
    service.warm()
    service.crowd(20)
    slow = True
    assert service.crowd(30)[-1] >= 8
    slow = False
    service.crowd(2)
    assert service.limit.usual <= 2
