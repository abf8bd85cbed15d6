"""Who is worked on now, who waits for a moment, and who is refused at once: the door of one worker.

Places are for work that needs the processor. A request takes one at the door, sets it down while it waits for a model
provider, and is done with it when its answer begins: neither slow providers nor slow readers keep others out. Who takes
a place up again after a wait is never refused: what was begun is finished, and newcomers wait.

How many places there are is app/admission_limit.py's. A newcomer without a place waits where the wait that is to be
expected, by Little's law from how long requests are in work and how many wait before it, is short enough; else it is
refused at the door, when that costs next to nothing, and not after a wait that helps nobody. Waits are expected to be
short, so that first come, first served is right within a class; the newest first (Maurer, "Fail at Scale", ACM Queue
2015) is for queues that outlast their clients. Less important classes have less patience: they are refused first.

Everything here runs on the event loop; only `pressed` may be asked from any thread. Why own code: docs/decisions/029.
"""

from __future__ import annotations

import random
import time
from collections import Counter, deque
from collections.abc import Callable, Mapping
from contextvars import ContextVar, Token
from dataclasses import dataclass
from enum import IntEnum
from types import TracebackType
from typing import Literal

from app.admission_limit import AdaptiveLimit, Mean


class Rank(IntEnum):
    """Classes of requests, the most important first."""

    WRITE = 0  # what a shopper did, agreed to or wants deleted: waits for the disk, takes no place
    SLATE = 1
    SHELF = 2
    CHAT = 3
    REST = 4  # reports, changes of the catalogue, exports, what a browser fetches on suspicion


@dataclass(frozen=True, slots=True)
class Manners:
    """How a class is treated."""

    patience: float  # share of the longest wait
    back_after_s: tuple[int, int]  # whom it refused may come again after so many seconds, at random in between


MANNERS: Mapping[Rank, Manners] = {
    Rank.WRITE: Manners(1.0, (1, 3)),
    Rank.SLATE: Manners(1.0, (1, 4)),
    Rank.SHELF: Manners(0.6, (2, 6)),
    Rank.CHAT: Manners(0.4, (3, 9)),
    Rank.REST: Manners(0.2, (5, 20)),
}

MOST_WAITING = 64
"""However fast work goes: beyond that a wait is a guess."""

MOST_WRITES = 256
"""Writes under way; their bodies are in memory, 256 KB each at most."""

MOST_ASIDE = 16
"""Requests of the least important class under way. They are let in when nobody waits and take no place: a report takes
seconds in a thread of its own, and a few of them would keep every shopper out."""

MOST_ELSEWHERE = 256
"""Answers under way that wait for a provider or a reader. Beyond, no model is asked and no stream or chat begun."""

PRESSED_FROM = 0.25
"""Share of the longest wait from which on models are done without."""

PRESSED_S = 1.0
PRESSED_MOST_S = 16.0
"""How long that lasts after the last sign of it: twice as long each time that it comes back at once, because then it
was the models. A call of one costs the processor as much as several baselines."""

STUCK = 1.0
"""A place that is held for longer than this many times the longest wait is not held for the processor: its holder
waits for a disk, a lock or an index. The next is let in beside it, up to the ceiling, or one such holder would keep
everybody out where there is one place."""

LATEST = 2.0
"""A wait ends at this many times what was allowed. More important ones may have come meanwhile, or work become slower;
but who waited is rather served late than refused late: it would have waited for nothing."""

State = Literal["working", "waiting", "elsewhere", "answering", "writing", "aside", "refused", "ended"]


class Place:
    """One request's place, or its wait for one."""

    __slots__ = (
        "_away",
        "_door",
        "_held_s",
        "_kind",
        "_left",
        "_started",
        "granted",
        "rank",
        "since",
        "state",
        "wait_s",
    )

    def __init__(self, door: Door, rank: Rank, kind: str, granted: Callable[[], None]) -> None:
        self._door, self._kind = door, kind
        self.rank, self.granted = rank, granted
        self.state: State = "refused"
        self.wait_s = 0.0  # while waiting: how long at most
        self.since = 0.0  # in work, since its last pause
        self._started = self._held_s = 0.0
        self._left = False
        self._away = 0  # waits under way

    def begin(self, now: float) -> None:
        """Work begins or goes on."""
        if not self._left:
            self._started = now
        self.state, self.since = "working", now

    def leave(self, now: float, state: State) -> None:
        """Work pauses or ends."""
        self._held_s += now - self.since
        self.state, self._left = state, True

    @property
    def worked(self) -> tuple[object, float, float]:
        """Kind, seconds in work, and when work began: requests with a pause are a kind of their own."""
        return (self._kind, self.since != self._started), self._held_s, self._started

    def set_down(self) -> None:
        """What follows is waiting for something outside of this process, until as many `take_up`."""
        self._away += 1
        if self.state == "working":
            self._door.left(self, "elsewhere")

    def take_up(self) -> None:
        """Work goes on. Never refused, if need be beyond the limit. Where two wait under one place, the last counts."""
        self._away = max(0, self._away - 1)
        if self.state == "elsewhere" and not self._away:
            self._door.returned(self)

    def answered(self) -> None:
        """The answer begins: what is left is sending it."""
        if self.state == "working":
            self._door.left(self, "answering")

    def end(self) -> None:
        """The request is over, whatever became of it. Calling it again changes nothing."""
        self._door.ended(self)


_PLACE: ContextVar[Place | None] = ContextVar("place", default=None)


def hold(place: Place) -> Token[Place | None]:
    """Makes it the place of what this task does from here on; `release` ends that."""
    return _PLACE.set(place)


def release(token: Token[Place | None]) -> None:
    """Ends what `hold` began."""
    _PLACE.reset(token)


class Elsewhere:
    """`with Elsewhere():` sets this request's place down for what is awaited inside; without one it does nothing."""

    __slots__ = ("_place",)

    def __enter__(self) -> None:
        self._place = _PLACE.get()
        if self._place is not None:
            self._place.set_down()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._place is not None:
            self._place.take_up()


class Door:
    """The places of one worker, and who waits for one."""

    def __init__(
        self,
        *,
        places_most: int,
        wait_s: float,
        clock: Callable[[], float] = time.monotonic,
        chance: random.Random | None = None,
    ) -> None:
        """Args: places_most: never more in work, 0: no limit at all; wait_s: the longest wait for a place; clock:
        monotonic; chance: spreads the times at which the refused come back.
        """
        self._clock, self._wait_s, self._unlimited = clock, wait_s, places_most <= 0
        self._ceiling = max(1, places_most)
        self._limit = AdaptiveLimit(ceiling=self._ceiling, clock=clock)
        self._in_work: set[Place] = set()
        self._chance = random.Random() if chance is None else chance  # noqa: S311 - nothing secret hangs on it
        self._waiting: tuple[deque[Place], ...] = tuple(deque() for _ in Rank)
        self._waiting_n = 0
        self._held = Mean()
        self._crowded_at = self._spare_at = float("-inf")  # last with more than the floor in work, with a place free
        self._pressed_until, self._pressed_s = float("-inf"), PRESSED_S
        self.elsewhere = 0
        self.writing = 0
        self.aside = 0
        self.refused: Counter[str] = Counter()  # by class
        self.draining = False  # True: no stream and no chat is begun any more

    @property
    def working(self) -> int:
        """Requests in work."""
        return len(self._in_work)

    @property
    def limit(self) -> int:
        """Requests that may be in work now."""
        return self._limit.now

    @property
    def waiting(self) -> int:
        """Requests that wait for a place."""
        return self._waiting_n

    @property
    def states(self) -> Mapping[str, int]:
        """How many requests are in which state; `elsewhere` are those that wait for a provider or a reader."""
        return {
            "working": self.working,
            "waiting": self._waiting_n,
            "elsewhere": self.elsewhere,
            "writing": self.writing,
            "aside": self.aside,
        }

    def pressed(self) -> bool:
        """Whether requests wait or are refused, so that models must be done without. Any thread may ask."""
        return self.elsewhere >= MOST_ELSEWHERE or self._clock() < self._pressed_until

    def ask(self, rank: Rank, kind: str, granted: Callable[[], None], *, streams: bool = False) -> Place:
        """A place in the state `working`, `writing`, `aside`, `waiting` or `refused`.

        Args: kind: requests of one kind cost about the same; granted: called once a wait has ended well, on this
              thread; streams: whether the answer may go on for long after it has begun.
        """
        place = Place(self, rank, kind, granted)
        if rank is Rank.WRITE:
            if self.writing >= MOST_WRITES:
                return self._refuse(place)
            self.writing += 1
            place.state = "writing"
            return place
        if rank is Rank.REST and self.aside + len(self._waiting[rank]) >= MOST_ASIDE:
            return self._refuse(place)
        if streams and self.draining:
            return self._refuse(place, presses=False)
        if streams and self.elsewhere >= MOST_ELSEWHERE:
            return self._refuse(place)
        self._fill()
        if self._unlimited or (not self._waiting_n and (rank is Rank.REST or self._room())):
            self._begin(place)
            return place
        self._limit.wanted()
        before = sum(len(self._waiting[each]) for each in Rank if each <= rank)
        expected_s = (before + 1) * self._held.value / self._limit.usual
        if expected_s >= PRESSED_FROM * self._wait_s and rank is not Rank.REST:
            self._press()
        patience_s = MANNERS[rank].patience * self._wait_s
        if expected_s > patience_s or self._waiting_n >= MOST_WAITING:
            return self._refuse(place)
        place.state, place.wait_s = "waiting", LATEST * patience_s
        self._waiting[rank].append(place)
        self._waiting_n += 1
        return place

    def too_late(self, place: Place) -> bool:
        """Ends a wait that lasted too long. False: it had ended before."""
        self._fill()
        if place.state != "waiting":
            return False
        self._stop_waiting(place)
        self._refuse(place)
        return True

    def back_after_s(self, rank: Rank) -> int:
        """When somebody who was refused may come again; spread, so that they don't come together."""
        return self._chance.randint(*MANNERS[rank].back_after_s)

    def left(self, place: Place, state: State) -> None:
        """A place in work is set down."""
        now = self._clock()
        if self.working > self._limit.floor:
            self._crowded_at = now
        place.leave(now, state)
        self._in_work.remove(place)
        self.elsewhere += 1
        if state == "answering":
            kind, seconds, since = place.worked
            self._held.add(seconds)
            full = self._spare_at < since
            self._limit.ended(kind, seconds, crowded=self._crowded_at >= since, full=full)
        self._fill()
        if self.working < self._limit.now:
            self._spare_at = now

    def returned(self, place: Place) -> None:
        """A place is taken up again."""
        self.elsewhere -= 1
        self._begin(place)

    def ended(self, place: Place) -> None:
        """A request is over."""
        if place.state == "working":
            self.left(place, "elsewhere")  # no answer: nothing is learned from how long it took
        if place.state == "waiting":
            self._stop_waiting(place)
        elif place.state == "writing":
            self.writing -= 1
        elif place.state == "aside":
            self.aside -= 1
        elif place.state in ("elsewhere", "answering"):
            self.elsewhere -= 1
        place.state = "ended"

    def _begin(self, place: Place) -> None:
        if place.rank is Rank.REST:
            place.state = "aside"
            self.aside += 1
            return
        now = self._clock()
        place.begin(now)
        self._in_work.add(place)
        if self.working > self._limit.floor:
            self._crowded_at = now
        if self.working < self._limit.now:
            self._spare_at = now

    def _fill(self) -> None:
        """Those who wait take the places that are free, the most important first."""
        self._limit.look()
        while self._waiting_n and self._room():
            following = next(queue for queue in self._waiting if queue).popleft()
            self._waiting_n -= 1
            self._begin(following)
            following.granted()

    def _room(self) -> bool:
        """Whether one more may be worked on."""
        if self.working < self._limit.now:
            return True
        if self.working >= self._ceiling:
            return False
        stuck_since = self._clock() - STUCK * self._wait_s
        return self.working - sum(place.since < stuck_since for place in self._in_work) < self._limit.now

    def _refuse(self, place: Place, *, presses: bool = True) -> Place:
        place.state = "refused"
        self.refused[place.rank.name.lower()] += 1
        if presses and place.rank not in (Rank.WRITE, Rank.REST):
            self._press()
        return place

    def _press(self) -> None:
        now = self._clock()
        if now >= self._pressed_until:
            at_once = now - self._pressed_until < self._pressed_s
            self._pressed_s = min(PRESSED_MOST_S, 2.0 * self._pressed_s) if at_once else PRESSED_S
        self._pressed_until = now + self._pressed_s

    def _stop_waiting(self, place: Place) -> None:
        self._waiting[place.rank].remove(place)
        self._waiting_n -= 1
