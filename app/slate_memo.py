"""What one worker remembers for a minute: shoppers' profiles, and slates composed for them (docs/decisions/021).

A slate follows from the question, the view of the catalogue (`Served`), what is stored about the shopper, and the time.
So it is the answer again while none of them has changed: every look-up first asks the store what was written about
shoppers, by any process, and forgets whom that concerns. Shoppers of whom nothing is known share what is remembered.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace

from app.domain.errors import StoreUnavailable
from app.domain.interactions import Consent, Shopper, ShoppersChanged, Subject
from app.domain.ranking import Filters, Placement, Query, ReasonsWanted, Slate
from app.pipeline.decay import DAY_S
from app.pipeline.profile import Profile
from app.pipeline.reasons import wording_seed
from app.ports import ShopperChanges

KEEP_S = 60.0
"""How long anything is kept. Weights fade and ages grow meanwhile: by a minute, which is little beside half-lives of
30 minutes and more; what turns with the day (promotions, seasons) is never kept across midnight, UTC."""

MOST_SHOPPERS = 4096
MOST_SLATES = 4096
"""Some 20 KB each."""


@dataclass(frozen=True, slots=True)
class Question:
    """What of a query shapes its slate, beside who asks."""

    limit: int
    placement: Placement
    product_id: str | None
    cart: tuple[str, ...]
    budget_minor: int | None
    text: str | None
    reasons: ReasonsWanted
    exclude_ids: tuple[str, ...]
    filters: Filters
    wording: str  # what the choice between wordings of a sentence follows
    service: object  # who composes: another model, another answer

    @classmethod
    def of(cls, query: Query, profile: Profile, service: object) -> Question:
        """The question of a query to a service, asked by somebody with this profile."""
        return cls(
            query.limit,
            query.placement,
            query.product_id,
            query.cart,
            query.budget_minor,
            query.text,
            query.reasons,
            query.exclude_ids,
            query.filters,
            wording_seed(query, known=profile.used),
            service,
        )


@dataclass(slots=True, eq=False)
class Remembered:
    """A shopper as they were when they were read, and the slates composed for them since."""

    shopper: Shopper
    profile: Profile
    now: float  # epoch seconds of the service's clock, when the profile was made
    until_now: float  # when it must be made anew, by the service's clock
    until_s: float  # and by the monotonic one
    shared: bool = False  # by all shoppers of whom nothing is known
    slates: OrderedDict[Question, tuple[Slate, float]] = field(default_factory=OrderedDict)  # and until when, monotonic

    def holds(self, now: float, monotonic_s: float) -> bool:
        """Whether it may still be used."""
        return self.now <= now < self.until_now and monotonic_s < self.until_s


@dataclass(slots=True, eq=False)
class Reading:
    """A shopper being read: what changes about them meanwhile spoils it."""

    served: object
    query: Query
    spoiled: bool = False


Ids = tuple[str | None, str | None, str | None]


class SlateMemo:
    """Bounded, and exact but for KEEP_S of time. Any thread may call it.

    hits: slates that were answered from memory.
    """

    def __init__(
        self,
        changes: ShopperChanges,
        *,
        keep_s: float = KEEP_S,
        most_shoppers: int = MOST_SHOPPERS,
        most_slates: int = MOST_SLATES,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._changes, self._keep_s, self._monotonic = changes, keep_s, monotonic
        self._most_shoppers, self._most_slates = most_shoppers, most_slates
        self._lock = threading.Lock()
        self._served: object = None
        self._shoppers: OrderedDict[Ids, Remembered] = OrderedDict()
        self._strangers: dict[Consent, Remembered] = {}
        self._of: dict[Subject, set[Ids]] = {}  # whom a change about an id concerns
        self._reading: dict[Subject, set[Reading]] = {}
        self._all_reading: set[Reading] = set()
        self._slates = 0
        self.hits = 0

    def recall(self, served: object, query: Query, now: float) -> Remembered | None:
        """The shopper of a query as of now, None where they must be read.

        Args: served: the view of the catalogue that the request reads; now: epoch seconds of the service's clock.
        """
        with self._lock:
            if not self._up_to_date() or served is not self._served:
                return None
            ids = _ids(query)
            found = self._shoppers.get(ids)
            if found is None:
                return None
            if not found.holds(now, self._monotonic()):
                self._forget(ids)
                return None
            self._shoppers.move_to_end(ids)
            return found

    def slate(
        self, served: object, query: Query, now: float, service: object = None
    ) -> tuple[Slate, Remembered] | None:
        """The slate of a query, as it was composed for this very state of everything, and whom it was composed for.

        None where it must be made.
        """
        found = self.recall(served, query, now)
        kept = None if found is None else self.slate_of(found, query, service)
        return None if found is None or kept is None else (kept, found)

    def slate_of(self, known: Remembered, query: Query, service: object = None) -> Slate | None:
        """The same for a shopper who was just read: strangers find what was composed for others."""
        kept = known.slates.get(Question.of(query, known.profile, service))
        if kept is None or kept[1] <= self._monotonic():
            return None
        self.hits += 1
        return kept[0]

    def begin(self, served: object, query: Query) -> Reading:
        """Call before the shopper is read: from here on, what is written about them counts."""
        reading = Reading(served, query)
        with self._lock:
            if not self._up_to_date():
                reading.spoiled = True
                return reading
            if served is not self._served:
                self._forget_all()
                self._served = served
            self._all_reading.add(reading)
            for subject in _subjects(_ids(query)):
                self._reading.setdefault(subject, set()).add(reading)
        return reading

    def keep(self, reading: Reading, shopper: Shopper, profile: Profile, now: float, next_at: float) -> Remembered:
        """The shopper as read, kept unless something was written about them since `begin`.

        Args: next_at: when the next event of theirs, stamped in the future, will count; infinite without any.
        """
        ids = _ids(reading.query)
        midnight = (now // DAY_S + 1.0) * DAY_S
        until_s = self._monotonic() + self._keep_s
        made = Remembered(shopper, profile, now, min(now + self._keep_s, midnight, next_at), until_s)
        with self._lock:
            self._end(reading)
            if reading.spoiled or reading.served is not self._served:
                return made
            if not profile.used:
                made = self._stranger(made, next_at)
            self._forget(ids)
            self._shoppers[ids] = made
            for subject in _subjects(ids):
                self._of.setdefault(subject, set()).add(ids)
            while len(self._shoppers) > self._most_shoppers:
                self._forget(next(iter(self._shoppers)))
        return made

    def give_up(self, reading: Reading) -> None:
        """Ends a reading that failed. Harmless after `keep`."""
        with self._lock:
            self._end(reading)

    def keep_slate(
        self, known: Remembered, query: Query, slate: Slate, fresh_s: float | None = None, service: object = None
    ) -> None:
        """Keeps a slate that was composed for a shopper as remembered.

        Args: fresh_s: seconds for which the order that it follows is fresh; None: it follows none.
        """
        until_s = known.until_s if fresh_s is None else min(known.until_s, self._monotonic() + fresh_s)
        # Without ids: what strangers share must not hold whose it was first.
        anonymous = replace(slate, query=replace(query, user_id=None, anonymous_id=None, session_id=None))
        with self._lock:
            question = Question.of(query, known.profile, service)
            self._slates += question not in known.slates
            known.slates[question] = (anonymous, until_s)
            while self._slates > self._most_slates and self._shoppers:
                self._forget(next(iter(self._shoppers)))
            if self._slates > self._most_slates:
                self._strangers.clear()
                self._slates = 0

    def _up_to_date(self) -> bool:
        """Forgets whom changes concern; False where it can't be told: then nothing remembered may be used."""
        try:
            changed = self._changes.look()
        except StoreUnavailable:
            self._forget_all()
            return False
        if changed is not None:
            self._apply(changed)
        return True

    def _apply(self, changed: ShoppersChanged) -> None:
        if changed.subjects is None:
            self._forget_all()
            return
        for subject in changed.subjects:
            for ids in tuple(self._of.get(subject, ())):
                self._forget(ids)
            for reading in self._reading.get(subject, ()):
                reading.spoiled = True

    def _stranger(self, made: Remembered, next_at: float) -> Remembered:
        """What all shoppers of whom nothing is known share, under one consent; `made` where it can't be shared."""
        if next_at < made.until_now:
            return made
        known = self._strangers.get(made.shopper.consent)
        if known is None or not known.holds(made.now, self._monotonic()):
            self._slates -= 0 if known is None else len(known.slates)
            known = replace(
                made,
                shopper=Shopper(None, consent=made.shopper.consent),
                profile=Profile(),
                shared=True,
                slates=OrderedDict(),
            )
            self._strangers[made.shopper.consent] = known
        return known

    def _forget(self, ids: Ids) -> None:
        found = self._shoppers.pop(ids, None)
        if found is None:
            return
        if not found.shared:
            self._slates -= len(found.slates)
        for subject in _subjects(ids):
            of = self._of.get(subject)
            if of is not None:
                of.discard(ids)
                if not of:
                    del self._of[subject]

    def _forget_all(self) -> None:
        self._shoppers.clear()
        self._strangers.clear()
        self._of.clear()
        self._slates = 0
        for reading in self._all_reading:
            reading.spoiled = True

    def _end(self, reading: Reading) -> None:
        self._all_reading.discard(reading)
        for subject in _subjects(_ids(reading.query)):
            readings = self._reading.get(subject)
            if readings is not None:
                readings.discard(reading)
                if not readings:
                    del self._reading[subject]


def _ids(query: Query) -> Ids:
    return (query.user_id, query.anonymous_id, query.session_id)


def _subjects(ids: Ids) -> Iterable[Subject]:
    user_id, anonymous_id, session_id = ids
    if user_id is not None:
        yield ("user", user_id)
    if anonymous_id is not None:
        yield ("anonymous", anonymous_id)
    if session_id is not None:
        yield ("session", session_id)
