"""The model stage of a request: whether to ask, what was answered before, and how long to wait.

A call outlives the request that started it: it ends in the background, its cost is written down, and a complete
answer goes into the cache. Requests for the same key share one call (single flight).
"""

from __future__ import annotations

import asyncio
import time
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Protocol, TypeVar

import structlog

from app.domain.deadline import Deadline
from app.domain.errors import StoreUnavailable
from app.domain.interactions import Consent
from app.domain.model_calls import LedgerRow, ModelCall, ModelReply, ProfileFact
from app.domain.ranking import FallbackReason, Placement, Query, history_bucket
from app.flight import Asked, Flight, Plan
from app.pipeline.cache_key import cache_key, profile_digest
from app.pipeline.gate_schema import Gate, gate_line
from app.pipeline.model_order import ModelOrder
from app.pipeline.profile import Profile
from app.pipeline.prompt_input import PromptInput, PromptItem, prompt_input
from app.pipeline.pseudonym import Pseudonyms
from app.pipeline.repair import ORDER_MAX, read_reply
from app.ports import Ledger, ModelClient, OrderCache
from app.prompts import Prompt
from app.single_flight import SingleFlight

_T = TypeVar("_T")

log = structlog.get_logger(__name__)

LOOK_EVERY_S = 0.05
"""How often a stream looks whether more of the reply has arrived; parsing a reply takes well under a millisecond."""

SETTLE_AFTER_S = 0.03
"""How long the cost of a call waits to be written down: the shopper's answer needs the same cores."""

MAX_OUTPUT_TOKENS = 700
"""Room for ten sentences; a reply of five takes about 200."""

LOCALE = "en"
"""The language of every reason in this version."""


class InThread(Protocol):
    """Runs a blocking function in a thread of the service's pool."""

    def __call__(self, function: Callable[..., _T], /, *args: object) -> Awaitable[_T]:
        """Its result."""
        ...


def rerank_call(
    prompt: Prompt, given: PromptInput, *, reasons: int, call_id: str, request_id: str, placement: Placement
) -> ModelCall:
    """What is sent to order these candidates: the one way from prompt lines to a call, for requests and evaluations.

    Args: reasons: how many sentences are asked for, at most 10 and as many as there are candidates.
    """
    return ModelCall(
        call_id=call_id,
        request_id=request_id,
        purpose="rerank",
        placement=placement,
        prompt_id=prompt.id,
        prompt_hash=prompt.content_hash,
        messages=prompt.render(
            order_length=min(ORDER_MAX, len(given.product_of)),
            reason_count=reasons,
            profile_lines=given.profile_lines,
            candidate_lines=given.candidate_lines,
        ),
        max_output_tokens=MAX_OUTPUT_TOKENS,
        schema=prompt.schema,
        schema_name="rerank",
    )


class RerankStage:
    """Everything between "the baseline is ready" and "this is the model's order". Lives on one event loop."""

    def __init__(
        self,
        *,
        client: ModelClient,
        prompt: Prompt,
        gate: Gate,
        cache: OrderCache,
        ledger: Ledger,
        fresh_s: float,
        daily_budget_usd: float | None,
        pseudonyms: Pseudonyms,
        worst_case_usd: Callable[[ModelCall], float],
        in_thread: InThread,
        single_flight: SingleFlight | None = None,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._client = client
        self._prompt = prompt
        self._gate = gate
        self._cache = cache
        self._ledger = ledger
        self._fresh_s = fresh_s
        self._budget = daily_budget_usd
        self._pseudonyms = pseudonyms
        self._worst_case_usd = worst_case_usd
        self._in_thread = in_thread
        self._single_flight = single_flight  # None: there is no other worker
        self._wall = wall
        self._flights: dict[str, Flight] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self.repairs: Counter[str] = Counter()  # kind → times, over all replies

    def plan(self, query: Query, profile: Profile, consent: Consent) -> Plan | FallbackReason:
        """Under which key and gate line a model may order this request, or why it may not."""
        stated = bool(query.text) or query.budget_minor is not None
        if not consent.llm_processing and query.text is None and query.product_id is None:
            return "opted_out"
        line = gate_line(
            self._gate,
            history_bucket(profile.interactions),
            "stated" if stated else "none",
            self._client.model,
            self._prompt.content_hash,
        )
        if line.w == 0:
            return "gate"
        # Under consent `none` an answer is made from nobody's profile, so nobody is noted with it.
        shopper = None if consent.personalization == "none" else self._pseudonym(query)
        budget = profile.preferences.budget_minor if query.budget_minor is None else query.budget_minor
        key = cache_key(
            query,
            profile=profile_digest(profile, shopper),
            budget_minor=budget,
            locale=LOCALE,
            model=self._client.model,
            prompt_id=self._prompt.id,
            prompt_hash=self._prompt.content_hash,
            schema_version=self._prompt.schema_version,
            gate=line.key,
            consent=consent,
        )
        return Plan(key=key, gate=line, consent=consent, shopper=shopper)

    def _pseudonym(self, query: Query) -> str | None:
        """Who asks, under the id that says most; None for somebody without any."""
        if query.user_id is not None:
            return self._pseudonyms.of(query.user_id)
        if query.anonymous_id is not None:
            return self._pseudonyms.of(query.anonymous_id, "anonymous")
        return None if query.session_id is None else self._pseudonyms.of(query.session_id, "session")

    def cached(self, plan: Plan) -> ModelOrder | None:
        """A complete answer given before to the same question: `cache` while fresh, `stale` until it is dropped."""
        hit = self._cache.get(plan.key)
        if hit is None:
            return None
        stored, age_s = hit
        if len(stored.percentiles) != len(stored.candidates):
            return None  # written by an earlier version
        return ModelOrder(
            strategy="cache" if age_s <= self._fresh_s else "stale",
            fallback=None,
            order=stored.order,
            candidates=stored.candidates,
            percentiles=stored.percentiles,
            prose=stored.prose,
            reasons_asked=stored.reasons,
            profile_facts=stored.profile_facts,
            gate=plan.gate,
            model=stored.model,
            prompt_version=stored.prompt_id,
        )

    def take_off(
        self,
        plan: Plan,
        query: Query,
        request_id: str,
        *,
        items: Sequence[PromptItem],
        facts: Sequence[ProfileFact],
        percentiles: Sequence[float],
        deadline: Deadline,
    ) -> Flight | FallbackReason:
        """Starts the call for this key, or joins the one under way; or says why there is none.

        Args: items: the candidates in baseline order, at most 24; facts: what the prompt says of the shopper;
              percentiles: how well each candidate matches the shopper, kept with the answer.
        """
        flight = self._flights.get(plan.key)
        if flight is not None:
            return flight
        if not items:
            return "not_requested"  # nothing is eligible: there is nothing to order
        refusal = self._client.refusal()
        if refusal is not None:
            return refusal
        given = prompt_input(items, facts, seed=plan.key)
        reasons = min(query.limit, ORDER_MAX, len(items))
        call = rerank_call(
            self._prompt,
            given,
            reasons=reasons,
            call_id=uuid.uuid4().hex,
            request_id=request_id,
            placement=query.placement,
        )
        now = self._wall()
        row = LedgerRow(
            call_id=call.call_id,
            at=now,
            day=datetime.fromtimestamp(now, UTC).date().isoformat(),
            request_id=request_id,
            purpose="rerank",
            placement=query.placement,
            model=self._client.model,
            prompt_id=call.prompt_id,
            prompt_hash=call.prompt_hash,
            outcome="pending",
        )
        candidates = tuple(item.product_id for item in items)
        flight = Flight(plan=plan, asked=Asked(given, candidates, tuple(percentiles), reasons), row=row)
        self._flights[plan.key] = flight
        # A task of its own: a client that leaves now must not leave a flight behind that never starts, and a store
        # that is slow to write the reservation must not hold up a request beyond its deadline.
        self._later(self._launch(flight, call, deadline))
        return flight

    async def _launch(self, flight: Flight, call: ModelCall, deadline: Deadline) -> None:
        """Reserves what the call may cost, then starts it; `ready` is set whatever happens."""
        try:
            if not await self._claimed(flight):
                return
            worst_usd = self._worst_case_usd(call)
            if await self._in_thread(self._ledger.reserve, flight.row, worst_usd, self._budget):
                refusal = self._client.refusal()  # others may have taken the last places meanwhile
                if refusal is None:
                    flight.run = self._client.start(call, deadline, lambda reply: self._landed(flight, reply))
                else:
                    flight.refusal = refusal
                    self._later(self._settle(replace(flight.row, outcome=refusal, cost_usd=0.0)))
        except StoreUnavailable as error:
            flight.refusal = "overloaded"
            log.warning("ledger_unavailable", reason=str(error), action="no call is made that can't be written down")
        finally:
            if flight.run is None:
                self._flights.pop(flight.plan.key, None)
                if self._single_flight is not None:
                    self._later(self._single_flight.release(flight.plan.key, flight.row.call_id))
            flight.ready.set()

    async def _claimed(self, flight: Flight) -> bool:
        """Whether this worker is to ask; where another did, its answer, or why there is none, is noted."""
        if self._single_flight is None:
            return True
        claim = await self._single_flight.claim(flight.plan.key, flight.row.call_id)
        if claim == "mine":
            return True
        flight.answer = self.cached(flight.plan) if claim == "answered" else None
        flight.refusal = "timeout" if claim == "late" else "provider_error"
        return False

    async def ordered(self, flight: Flight, deadline: Deadline, limit: int) -> ModelOrder:
        """The model's order as far as it is certain at the deadline; the call goes on behind."""
        asked = deadline.remaining_s() > 0
        if not await flight.started(deadline):
            return flight.not_started("timeout" if asked else "not_requested")
        remaining = deadline.remaining_s()
        reply = await flight.run.wait(remaining) if flight.run is not None and remaining > 0 else None
        flight.left_behind = reply is None
        return flight.read(limit, reply=reply, late="timeout" if asked else "not_requested")

    async def when_complete(self, flight: Flight, deadline: Deadline, limit: int) -> ModelOrder:
        """Like `ordered`, but as soon as the order is complete, without waiting for the reasons that follow it."""
        if not await flight.started(deadline) or flight.run is None:
            return flight.not_started("timeout")
        while (remaining := deadline.remaining_s()) > 0:
            reply = await flight.run.wait(min(LOOK_EVERY_S, remaining))
            order = flight.read(limit, reply=reply, late="timeout")
            if reply is not None or order.strategy == "llm":
                return order
        return flight.read(limit, reply=None, late="timeout")

    async def later(self, flight: Flight, until: Deadline, limit: int) -> AsyncIterator[ModelOrder]:
        """The order each time that a further sentence has arrived, until the call ends or `until` is over."""
        told = -1
        while flight.run is not None:
            reply = await flight.run.wait(min(LOOK_EVERY_S, until.remaining_s()))
            order = flight.read(limit, reply=reply, late="timeout")
            if len(order.prose) > told:
                told = len(order.prose)
                yield order
            if reply is not None or until.remaining_s() <= 0:
                return

    def refresh(self, plan: Plan, again: Callable[[], Coroutine[None, None, None]]) -> None:
        """Asks anew, behind the request served from it, for an answer that is stale or has too few sentences."""
        if plan.key not in self._flights and self._client.refusal() is None:
            self._later(again())

    @property
    def busy(self) -> bool:
        """Whether a call is running or what it cost is still to be written down."""
        return bool(self._flights or self._tasks)

    async def close(self) -> None:
        """Waits for running calls (at most 8 s) and for what they write."""
        await self._client.close()
        if self._tasks:
            await asyncio.wait(set(self._tasks), timeout=2.0)

    def _landed(self, flight: Flight, reply: ModelReply) -> None:
        """A call ended: keep a complete answer, write down what it cost. Runs on the event loop and doesn't wait."""
        self._flights.pop(flight.plan.key, None)
        read = read_reply(reply.text, flight.asked.given.product_of, complete=True, limit=ORDER_MAX)
        for kind, n in read.repairs.items():
            self.repairs[kind] += n
        row = replace(
            flight.row,
            outcome=reply.outcome,
            input_tokens=reply.usage.input_tokens,
            output_tokens=reply.usage.output_tokens,
            cached_tokens=reply.usage.cached_tokens,
            cost_usd=reply.usage.cost_usd,
            estimated=reply.usage.estimated,
            seconds=reply.seconds,
            background=flight.left_behind,
        )
        self._later(self._settle(row, flight.plan.key))
        if reply.outcome == "complete" and read.valid and read.complete_order:
            self._cache.put(flight.plan.key, flight.stored(read, self._wall()))

    async def _settle(self, row: LedgerRow, key: str | None = None) -> None:
        """Writes down what a call cost; with its key, other workers may ask the same question again after that."""
        # Until then the pending row holds the worst case, whatever happens to us.
        await asyncio.sleep(SETTLE_AFTER_S)
        try:
            await self._in_thread(self._ledger.settle, row.call_id, row)
        except StoreUnavailable as error:
            # The pending row stays, its worst case stays charged: spend is never under-counted.
            log.error("ledger_not_settled", call_id=row.call_id, reason=str(error))
        if self._single_flight is not None and key is not None:
            await self._single_flight.release(key, row.call_id)

    def _later(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("background_work_failed", error=type(error).__name__, detail=str(error))
