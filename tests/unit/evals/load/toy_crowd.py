"""A few shoppers with sessions of their own, and a server that answers plans in virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import orjson

from app.domain.interactions import EventKind
from evals.load.generator import Driven
from evals.load.http_connection import Answer
from evals.load.open_loop import Planned, drive
from evals.load.replay import Visit
from evals.load.running import Service, Switch
from evals.load.traffic import Crowd
from tests.support.virtual_time import in_virtual_time

VISIT = Visit(
    (
        (0.0, EventKind.VIEW, "p1", None),
        (20.0, EventKind.SEARCH, None, "blue lamp"),
        (40.0, EventKind.ADD_TO_CART, "p2", None),
        (50.0, EventKind.PURCHASE, "p2", None),
    )
)
CROWD = Crowd(
    users=[f"u{n}" for n in range(20)],
    of_shopper={f"u{n}": (VISIT,) for n in range(20)},
    of_visitors=(Visit(((0.0, EventKind.VIEW, "p3", None),)),),
)
SLATE = orjson.dumps({"recommendations": [{}] * 5, "meta": {"strategy": "baseline", "fallbackReason": "no_model"}})
DONE = {
    "slate": Answer(200, False, SLATE),
    "events": Answer(202, False, b'{"rejected": []}'),
    "search": Answer(200, False, SLATE),
    "similar": Answer(200, False, SLATE),
    "report": Answer(200, False, b"{}"),
    "catalogue": Answer(200, False, b"{}"),
    "chat": Answer(200, False, b"data: [DONE]\n\n"),
}
Refuses = Callable[[int], Answer | None]
"""How many wait → the answer that turns the next one away; None: it may wait."""


@dataclass
class ToyService:
    """A service that makes one slate after the other, each in `slate_s`; everything else costs it nothing."""

    slate_s: float = 0.02
    refuses: Refuses = lambda _: None
    waiting: int = 0
    plans: list[Sequence[Planned]] = field(default_factory=list)

    async def ask(self, planned: Planned, free: asyncio.Lock) -> Answer:
        if planned.kind != "slate":
            return DONE[planned.kind]
        refusal = self.refuses(self.waiting)
        if refusal is not None:
            return refusal
        self.waiting += 1
        try:
            async with free:
                await asyncio.sleep(self.slate_s)
        finally:
            self.waiting -= 1
        return DONE["slate"]


@dataclass
class ToySender:
    """Stands in for `running.send`: plans are answered by toy services, in no time."""

    services: Sequence[ToyService]
    switches: list[Switch] = field(default_factory=list)

    def __call__(
        self,
        plan: Sequence[Planned],
        services: Sequence[Service],
        switches: Sequence[Switch] = (),
        timeout_s: float = 10.0,
    ) -> Driven:
        assert len(services) == len(self.services)
        self.switches += switches
        for target, toy in enumerate(self.services):
            toy.plans.append([p for p in plan if p.target == target])

        async def work() -> Driven:
            free = [asyncio.Lock() for _ in self.services]
            replies = await drive(plan, lambda p: self.services[p.target].ask(p, free[p.target]), timeout_s=timeout_s)
            return Driven(replies, 0.1, max((p.due_s for p in plan), default=0.0), 1, 1)

        return in_virtual_time(work())
