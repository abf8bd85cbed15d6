"""Model calls that are paid for: reserved against the day's budget before they start, settled when they end.

The one way from a call to a provider, for the rerank stage and for the assistant: who asks, what for and who shares
the answer is theirs; leave, ledger, and that every call is written down whoever stops waiting, is done here.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import replace
from datetime import UTC, datetime
from typing import Protocol, TypeVar

import structlog

from app.domain.deadline import Deadline
from app.domain.errors import StoreUnavailable
from app.domain.model_calls import LedgerRow, ModelCall, ModelReply
from app.domain.ranking import FallbackReason
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


class MeteredCalls:
    """Starts calls of one client. Lives on one event loop."""

    def __init__(
        self,
        client: ModelClient,
        ledger: Ledger,
        daily_budget_usd: float | None,
        worst_case_usd: Callable[[ModelCall], float],
        in_thread: InThread,
        *,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._client = client
        self._ledger = ledger
        self._budget = daily_budget_usd
        self._worst_case_usd = worst_case_usd
        self._in_thread = in_thread
        self._wall = wall
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def model(self) -> str:
        """The model's id, for keys, ledger and the shop's own answers; shoppers never see it."""
        return self._client.model

    @property
    def busy(self) -> bool:
        """Whether the cost of a call that has ended is still to be written down."""
        return bool(self._tasks)

    def refusal(self) -> FallbackReason | None:
        """Why a call would not be made now, None when it would; the budget is asked only by `start`."""
        return self._client.refusal()

    async def start(
        self,
        call: ModelCall,
        deadline: Deadline,
        *,
        ended: Callable[[ModelReply], None] | None = None,
        left_behind: Callable[[], bool] | None = None,
    ) -> ModelRun | FallbackReason:
        """The call under way, or why there is none. What it costs is written down whoever stops waiting.

        Args: ended: gets the reply once, on the event loop, before its cost is written; left_behind: whether nobody
              waits any more when it ends, for the ledger; None: the deadline says.
        """
        refusal = self._client.refusal()
        if refusal is not None:
            return refusal
        row = self._pending(call)
        try:
            worst_usd = self._worst_case_usd(call)
            if not await self._in_thread(self._ledger.reserve, row, worst_usd, self._budget):
                return "budget_exhausted"
        except StoreUnavailable as error:
            log.warning("ledger_unavailable", reason=str(error), action="no call is made that can't be written down")
            return "overloaded"
        refusal = self._client.refusal()  # others may have taken the last places meanwhile
        if refusal is not None:
            self._later(self._settle(replace(row, outcome=refusal, cost_usd=0.0)))
            return refusal

        def landed(reply: ModelReply) -> None:
            behind = deadline.remaining_s() <= 0 if left_behind is None else left_behind()
            self._later(self._settle(_final(row, reply, background=behind)))
            if ended is not None:
                ended(reply)

        return self._client.start(call, deadline, landed)

    async def close(self) -> None:
        """Ends the client, whose running calls get 8 s, and waits for what is still to be written down."""
        await self._client.close()
        if self._tasks:
            await asyncio.wait(set(self._tasks), timeout=_SETTLED_WITHIN_S)

    def _pending(self, call: ModelCall) -> LedgerRow:
        now = self._wall()
        return LedgerRow(
            call_id=call.call_id,
            at=now,
            day=datetime.fromtimestamp(now, UTC).date().isoformat(),
            request_id=call.request_id,
            purpose=call.purpose,
            placement=call.placement,
            model=self._client.model,
            prompt_id=call.prompt_id,
            prompt_hash=call.prompt_hash,
            outcome="pending",
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
