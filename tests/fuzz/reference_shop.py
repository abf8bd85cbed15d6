"""What the shop has to know after a sequence of requests, kept in plain lists: the yardstick of shop_machine.py.

Written from docs/events.md, docs/privacy.md and decisions 012 and 015, without a look at the statements of the store.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field, replace
from typing import Literal

Level = Literal["none", "session", "full"]
Subject = tuple[str, str]  # user | anonymous | session, and the id


@dataclass(frozen=True)
class Deed:
    """One event."""

    event_id: str
    kind: str
    product_id: str
    at: float
    user: str | None = None
    visitor: str | None = None
    session: str | None = None

    @property
    def subjects(self) -> list[Subject]:
        """Everybody whose it may be."""
        named = (("user", self.user), ("anonymous", self.visitor), ("session", self.session))
        return [(kind, name) for kind, name in named if name is not None]


@dataclass(frozen=True)
class Ware:
    """One product."""

    name: str
    price: str
    stock: int | None
    available: bool

    @property
    def showable(self) -> bool:
        """Whether the rules of the shop let it be shown to somebody without a budget."""
        return self.available and self.stock != 0


@dataclass
class Shopper:
    """What one shopper stated."""

    level: Level | None = None  # None: never chose
    llm: bool = False
    budget: str | None = None
    interests: tuple[str, ...] = ()

    @property
    def personalization(self) -> Level:
        """What holds: the default of the shop is the session."""
        return "session" if self.level is None else self.level


@dataclass
class ReferenceShop:
    """Products, events, consents and erasures."""

    wares: dict[str, Ware] = field(default_factory=dict)
    deeds: dict[str, Deed] = field(default_factory=dict)  # by event id, in the order of their coming
    shoppers: dict[str, Shopper] = field(default_factory=dict)
    erased: dict[Subject, float] = field(default_factory=dict)
    linked: dict[str, tuple[str, float, float]] = field(default_factory=dict)  # visitor → shopper, since, shared from

    def take(self, deeds: Iterable[Deed]) -> tuple[int, int, list[int]]:
        """Writes events as one request; how many were accepted, were known, and the places of those refused."""
        accepted, known, refused, written = 0, 0, [], []
        for place, deed in enumerate(deeds):
            if any(deed.at <= self.erased.get(subject, -1.0) for subject in deed.subjects):
                refused.append(place)
            elif deed.event_id in self.deeds:
                known += 1
            else:
                accepted += 1
                agreed = deed.user is None or self.shopper(deed.user).personalization != "none"
                kept = deed if agreed else replace(deed, user=None, visitor=None, session=None)
                self.deeds[deed.event_id] = kept
                written.append(kept)
        self._link(written)
        return accepted, known, refused

    def shopper(self, user: str) -> Shopper:
        """What a shopper stated; nothing of one who stated nothing."""
        return self.shoppers.get(user, Shopper())

    def visitors_of(self, user: str) -> set[str]:
        """Anonymous ids that are this shopper's and nobody else's."""
        return self._tied(user)[0]

    def held(self, user: str) -> set[str]:
        """Ids of the events that are the shopper's: named, of the shopper's own visits, or joined by a log-in."""
        visitors, sessions = self._tied(user)
        found = {deed.event_id for deed in self.deeds.values() if deed.user == user}
        for deed in self.deeds.values():
            if deed.user is not None:
                continue
            owner, _, shared_from = self.linked.get(deed.visitor or "", ("", 0.0, 0.0))
            joined = owner == user and deed.at < shared_from
            if joined or deed.visitor in visitors or deed.session in sessions:
                found.add(deed.event_id)
        return found

    def erase(self, user: str, at: float) -> set[Subject]:
        """Forgets a shopper, and notes who may not come back: the ids that were the shopper's."""
        visitors, sessions = self._tied(user)
        for event_id in self.held(user):
            del self.deeds[event_id]
        self.linked = {
            visitor: link for visitor, link in self.linked.items() if link[0] != user and visitor not in visitors
        }
        self.shoppers.pop(user, None)
        gone: set[Subject] = {("user", user)}
        gone |= {("anonymous", visitor) for visitor in visitors} | {("session", session) for session in sessions}
        self.erased |= dict.fromkeys(gone, at)
        return gone

    def _tied(self, user: str) -> tuple[set[str], set[str]]:
        def nobody_elses(names: Collection[str | None], of: Literal["visitor", "session"]) -> set[str]:
            taken = {getattr(deed, of) for deed in self.deeds.values() if deed.user not in (None, user)}
            return {name for name in names if name is not None and name not in taken}

        mine = [deed for deed in self.deeds.values() if deed.user == user]
        unnamed = [deed for deed in self.deeds.values() if deed.user is None]
        sessions = nobody_elses([deed.session for deed in mine], "session")
        visitors = nobody_elses([deed.visitor for deed in mine], "visitor")
        visitors |= {v for v, (owner, _, shared) in self.linked.items() if owner == user and shared == float("inf")}
        visitors |= nobody_elses([deed.visitor for deed in unnamed if deed.session in sessions], "visitor")
        sessions |= nobody_elses([deed.session for deed in unnamed if deed.visitor in visitors], "session")
        return visitors, sessions

    def _link(self, written: Iterable[Deed]) -> None:
        first: dict[tuple[str, str], float] = {}
        for deed in written:
            if deed.user is not None and deed.visitor is not None:
                pair = (deed.visitor, deed.user)
                first[pair] = min(deed.at, first.get(pair, deed.at))
        for (visitor, user), at in first.items():
            if visitor not in self.linked:
                others = {d.user for d in self.deeds.values() if d.visitor == visitor and d.user not in (None, user)}
                if self.shopper(user).personalization == "full" and not others:
                    self.linked[visitor] = (user, at, float("inf"))
            elif self.linked[visitor][0] != user:
                owner, since, shared = self.linked[visitor]
                self.linked[visitor] = (owner, since, min(shared, max(since, at)))
