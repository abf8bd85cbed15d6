"""Of several workers that would ask a model the same question at a time, one asks and the others read its answer."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable
from typing import Literal

import structlog

from app.domain.errors import StoreUnavailable
from app.ports import Leases, OrderCache

log = structlog.get_logger(__name__)

LEASE_S = 10.0
"""Longer than a call may take (8 s), so that one that is under way keeps its lease."""

LOOK_EVERY_S = 0.02
"""How often the cache is looked at for another worker's answer: 10 microseconds each time."""

LEASE_LOOKS = 10
"""Looks at the cache per look at the lease, which is a query to the database."""

GRACE_S = 0.3
"""How long after its lease was given back an answer may still be on its way to the disk."""

Claim = Literal["mine", "answered", "failed", "late"]
"""mine: ask; answered: the cache has it now; failed: the other call gave no answer; late: it is taking too long."""


class SingleFlight:
    """Leases on questions, by cache key. Lives on one event loop.

    A lease saves a second call and is no lock: without a database to hold it every worker asks for itself.
    """

    def __init__(
        self,
        leases: Leases,
        cache: OrderCache,
        *,
        in_thread: Callable[[Callable[[], bool | None]], Awaitable[bool | None]],
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._leases, self._cache, self._in_thread, self._sleep = leases, cache, in_thread, sleep

    async def claim(self, key: str, owner: str) -> Claim:
        """Whether to ask; where another worker does already, what became of that, after at most LEASE_S.

        Args: owner: of this call; it holds the lease after "mine", until `release`.
        """
        before = self._stored_at(key)
        try:
            if await self._in_thread(lambda: self._leases.try_acquire(key, owner, LEASE_S)):
                if self._stored_at(key) <= before:
                    return "mine"
                await self.release(key, owner)  # answered between the request's look at the cache and now
                return "answered"
            return await self._watch(key, before)
        except StoreUnavailable as error:
            log.warning("single_flight_unavailable", reason=str(error), action="this worker asks for itself")
            return "mine"

    async def release(self, key: str, owner: str) -> None:
        """Gives the lease back, after the answer was put into the cache; one that can't be runs out."""
        try:
            await self._in_thread(lambda: self._leases.release(key, owner))
        except StoreUnavailable as error:
            log.warning("lease_not_released", reason=str(error), action="it runs out by itself")

    async def _watch(self, key: str, before: float) -> Claim:
        looks = math.ceil(LEASE_S / LOOK_EVERY_S)
        for look in range(looks):
            await self._sleep(LOOK_EVERY_S)
            if self._stored_at(key) > before:
                return "answered"
            if look % LEASE_LOOKS == LEASE_LOOKS - 1 and not await self._in_thread(lambda: self._leases.held(key)):
                await self._sleep(GRACE_S)
                return "answered" if self._stored_at(key) > before else "failed"
        return "late"

    def _stored_at(self, key: str) -> float:
        found = self._cache.get(key)
        return -math.inf if found is None else found[0].stored_at
