"""Model calls that are paid for: reserved against their budgets before they start, settled when they end.

The one way from a call to a provider, for the rerank stage and for the assistant: who asks, what for and who shares
the answer is theirs; leave, ledger, and that every call is written down whoever stops waiting, is done here.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Protocol, TypeVar

import structlog

from app.budgets import BudgetWatch, Rationing
from app.domain.budgets import NO_BUDGETS, Budgets, Payer
from app.domain.deadline import Deadline
from app.domain.errors import StoreUnavailable
from app.domain.model_calls import LedgerRow, ModelCall, ModelReply, Purpose, budget_scopes
from app.domain.ranking import FallbackReason, Placement
from app.ports import Ledger, ModelClient, ModelRun

_T = TypeVar("_T")

log = structlog.get_logger(__name__)

SETTLE_AFTER_S = 0.03
"""How long the cost of a call waits to be written down: the shopper's answer needs the same cores."""

_SETTLED_WITHIN_S = 2.0


class InThread(Protocol):
    """Runs a blocking function in a thread of the service's pool."""

    def __call__(self, function: Callable[..., _T], /, *args: object) -> Awaitable[_T]:
        """Its result."""
        ...


@dataclass(frozen=True, slots=True)
class Priced:
    """A model's client, and the most that a call of it can cost, in US dollars."""

    client: ModelClient
    worst_case_usd: Callable[[ModelCall], float]


class MeteredCalls:
    """Starts calls of a model, or of a cheap one beyond a soft budget. Lives on one event loop."""

    def __init__(
        self,
        client: ModelClient,
        ledger: Ledger,
        daily_budget_usd: float | None,
        worst_case_usd: Callable[[ModelCall], float],
        in_thread: InThread,
        *,
        budgets: Budgets = NO_BUDGETS,
        cheap: Priced | None = None,
        rationing: Rationing | None = None,
        places: int | None = None,
        pressed: Callable[[], bool] = lambda: False,
        wall: Callable[[], float] = time.time,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Args: budgets: beside the daily one; cheap: asked beyond a soft budget; places: calls at a time of both
        models together, None: each client's own; pressed: whether the service itself has too much to do, a model call
        is then the first thing given up; clock: monotonic.
        """
        self._main = Priced(client, worst_case_usd)
        self._cheap = cheap
        self._ledger = ledger
        self._budget = daily_budget_usd
        self._watch = BudgetWatch(budgets, None if cheap is None else cheap.client.model, clock)
        self._rationing = rationing
        self._places = places
        self._pressed = pressed
        self._running = 0
        self._in_thread = in_thread
        self._wall = wall
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def model(self) -> str:
        """The id of the model asked within budgets, for keys, ledger and the shop's own answers, never for shoppers."""
        return self._main.client.model

    def model_for(self, purpose: Purpose, placement: Placement, payer: Payer) -> str:
        """The id of the model that such a call would be made of now."""
        return self._choice(budget_scopes(purpose, placement, payer.key_id)).client.model

    @property
    def busy(self) -> bool:
        """Whether the cost of a call that has ended is still to be written down."""
        return bool(self._tasks)

    def refusal(self, model: str | None = None) -> FallbackReason | None:
        """Why a call would not be made now, None when it would; budgets and rations are asked only by `start`.

        Args: model: of `model_for`; None: the one asked within budgets.
        """
        if self._pressed():
            return "overloaded"
        if self._cheap is not None and self._places is not None and self._running >= self._places:
            return "overloaded"
        return self._priced(model).client.refusal()

    async def start(
        self,
        call: ModelCall,
        deadline: Deadline,
        *,
        model: str | None = None,
        ended: Callable[[ModelReply], None] | None = None,
        left_behind: Callable[[], bool] | None = None,
    ) -> ModelRun | FallbackReason:
        """The call under way, or why there is none. What it costs is written down whoever stops waiting.

        Args: model: of `model_for`, None: as it says now; ended: gets the reply once, on the event loop, before its
              cost is written; left_behind: whether nobody waits any more when it ends, for the ledger; None: the
              deadline says.
        """
        priced = self._choice(call.scopes) if model is None else self._priced(model)
        client = priced.client
        refusal = self.refusal(client.model)
        if refusal is not None:
            return refusal
        row = self._pending(call, client.model)
        try:
            refusal = await self._reserved(row, call, priced.worst_case_usd(call))
        except StoreUnavailable as error:
            log.warning("ledger_unavailable", reason=str(error), action="no call is made that can't be written down")
            return "overloaded"
        if refusal is not None:
            return refusal
        refusal = self.refusal(client.model)  # others may have taken the last places meanwhile
        if refusal is not None:
            self._later(self._settle(replace(row, outcome=refusal, cost_usd=0.0)))
            return refusal

        def landed(reply: ModelReply) -> None:
            self._running -= 1
            behind = deadline.remaining_s() <= 0 if left_behind is None else left_behind()
            self._later(self._settle(_final(row, reply, background=behind)))
            if ended is not None:
                ended(reply)

        self._running += 1
        return client.start(call, deadline, landed)

    async def close(self) -> None:
        """Ends the clients, whose running calls get 8 s, and waits for what is still to be written down."""
        clients = [self._main.client] if self._cheap is None else [self._main.client, self._cheap.client]
        await asyncio.gather(*(client.close() for client in clients))
        if self._tasks:
            await asyncio.wait(set(self._tasks), timeout=_SETTLED_WITHIN_S)

    async def _reserved(self, row: LedgerRow, call: ModelCall, worst_usd: float) -> FallbackReason | None:
        """Why the ledger grants no call, None when it does. Raises: StoreUnavailable."""
        watch = self._watch
        rations = () if self._rationing is None else self._rationing.of(call.payer)
        reason = watch.refused(row.scopes, rations)
        if reason is None:
            budgets = watch.budgets.of(row.scopes)
            found = await self._in_thread(self._ledger.reserve, row, worst_usd, self._budget, budgets, rations)
            watch.note(found, row.scopes, row.day)
            if found.granted:
                return None
            reason = "ration" if found.reason == "ration" else "budget"
        return "overloaded" if reason == "ration" else "budget_exhausted"

    def _choice(self, scopes: Sequence[str]) -> Priced:
        cheap = self._cheap
        return cheap if cheap is not None and self._watch.over_soft(scopes, self._day(self._wall())) else self._main

    def _priced(self, model: str | None) -> Priced:
        cheap = self._cheap
        return cheap if cheap is not None and model == cheap.client.model else self._main

    @staticmethod
    def _day(now: float) -> str:
        return datetime.fromtimestamp(now, UTC).date().isoformat()

    def _pending(self, call: ModelCall, model: str) -> LedgerRow:
        now = self._wall()
        return LedgerRow(
            call_id=call.call_id,
            at=now,
            day=self._day(now),
            request_id=call.request_id,
            purpose=call.purpose,
            placement=call.placement,
            model=model,
            prompt_id=call.prompt_id,
            prompt_hash=call.prompt_hash,
            outcome="pending",
            key_id=call.payer.key_id,
        )

    async def _settle(self, row: LedgerRow) -> None:
        # Until then the pending row holds the worst case, whatever happens to us.
        await asyncio.sleep(SETTLE_AFTER_S)
        try:
            await self._in_thread(self._ledger.settle, row.call_id, row)
        except StoreUnavailable as error:
            # The pending row stays, its worst case stays charged: spend is never under-counted.
            log.error("ledger_not_settled", call_id=row.call_id, reason=str(error))

    def _later(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("background_work_failed", error=type(error).__name__, detail=str(error))


def _final(row: LedgerRow, reply: ModelReply, *, background: bool) -> LedgerRow:
    """A reserved row with what the call came to."""
    usage = reply.usage
    return replace(
        row,
        outcome=reply.outcome,
        input_tokens=usage.input_tokens,
        output_tokens=usage.output_tokens,
        cached_tokens=usage.cached_tokens,
        cost_usd=usage.cost_usd,
        estimated=usage.estimated,
        seconds=reply.seconds,
        background=background,
    )
