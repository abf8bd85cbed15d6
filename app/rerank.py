"""The model stage of a request: whether to ask, what was answered before, and how long to wait.

A call outlives the request that started it: it ends in the background, its cost is written down, and a complete
answer goes into the cache. Requests for the same key share one call (single flight).
"""

from __future__ import annotations

import asyncio
import functools
import time
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence

import structlog

from app.domain.budgets import NOBODY, Payer
from app.domain.deadline import Deadline
from app.domain.interactions import Consent
from app.domain.model_calls import ModelCall, ModelReply, ProfileFact
from app.domain.ranking import FallbackReason, Placement, Query, history_bucket
from app.flight import Asked, Flight, Plan
from app.metered import SETTLE_AFTER_S, MeteredCalls
from app.pipeline.cache_key import cache_key, profile_digest
from app.pipeline.gate_schema import Gate, gate_line
from app.pipeline.model_order import ModelOrder
from app.pipeline.profile import Profile
from app.pipeline.prompt_input import PromptInput, PromptItem, prompt_input
from app.pipeline.pseudonym import Pseudonyms
from app.pipeline.repair import ORDER_MAX, read_reply
from app.ports import OrderCache
from app.prompts import Prompt
from app.single_flight import SingleFlight

log = structlog.get_logger(__name__)

LOOK_EVERY_S = 0.05
"""How often a stream looks whether more of the reply has arrived; parsing a reply takes well under a millisecond."""

MOST_FLIGHTS = 64
"""Calls that are under way or wait for their reservation: a ledger that hangs must not gather them without end."""

MAX_OUTPUT_TOKENS = 700
"""Room for ten sentences; a reply of five takes about 200."""

LOCALE = "en"
"""The language of every reason in this version."""


def rerank_call(
    prompt: Prompt,
    given: PromptInput,
    *,
    reasons: int,
    call_id: str,
    request_id: str,
    placement: Placement,
    payer: Payer = NOBODY,
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
        payer=payer,
    )


class RerankStage:
    """Everything between "the baseline is ready" and "this is the model's order". Lives on one event loop."""

    def __init__(
        self,
        *,
        calls: MeteredCalls,
        prompt: Prompt,
        gate: Gate,
        cache: OrderCache,
        fresh_s: float,
        pseudonyms: Pseudonyms,
        single_flight: SingleFlight | None = None,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._calls = calls
        self._prompt = prompt
        self._gate = gate
        self._cache = cache
        self._fresh_s = fresh_s
        self._pseudonyms = pseudonyms
        self._single_flight = single_flight  # None: there is no other worker
        self._wall = wall
        self._flights: dict[str, Flight] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self.repairs: Counter[str] = Counter()  # kind → times, over all replies

    def plan(self, query: Query, profile: Profile, consent: Consent, payer: Payer = NOBODY) -> Plan | FallbackReason:
        """Under which key and gate line which model may order this request, or why none may."""
        stated = bool(query.text) or query.budget_minor is not None
        if not consent.llm_processing and query.text is None and query.product_id is None:
            return "opted_out"
        model = self._calls.model_for("rerank", query.placement, payer)
        line = gate_line(
            self._gate,
            history_bucket(profile.interactions),
            "stated" if stated else "none",
            model,
            self._prompt.content_hash,
        )
        if line.w == 0:
            return "gate"
        # Under consent `none` an answer is made from nobody's profile, so nobody is noted with it.
        shopper = None if consent.personalization == "none" else self._pseudonym(query)
        budget = profile.preferences.budget_minor if query.budget_minor is None else query.budget_minor
        key_of = functools.partial(
            cache_key,
            query,
            profile=profile_digest(profile, shopper),
            budget_minor=budget,
            locale=LOCALE,
            prompt_id=self._prompt.id,
            prompt_hash=self._prompt.content_hash,
            schema_version=self._prompt.schema_version,
            gate=line.key,
            consent=consent,
        )
        paid_key = None if model == self._calls.model else key_of(model=self._calls.model)
        return Plan(key_of(model=model), line, consent, shopper, model, payer, paid_key)

    def refusal(self, plan: Plan) -> FallbackReason | None:
        """Why no call would be begun under this plan now; None where one would, or one is under way that may be joined.

        So that a prompt is not made ready for nobody. Any thread may ask; `take_off` decides.
        """
        return None if plan.key in self._flights else self._calls.refusal(plan.model)

    def _pseudonym(self, query: Query) -> str | None:
        """Who asks, under the id that says most; None for somebody without any."""
        if query.user_id is not None:
            return self._pseudonyms.of(query.user_id)
        if query.anonymous_id is not None:
            return self._pseudonyms.of(query.anonymous_id, "anonymous")
        return None if query.session_id is None else self._pseudonyms.of(query.session_id, "session")

    def cached(self, plan: Plan) -> ModelOrder | None:
        """A complete answer given before to the same question: `cache` while fresh, `stale` until it is dropped.

        While the cheap model is asked, a fresh answer of the usual one goes before its own: it is paid for.
        """
        paid = None if plan.paid_key is None else self._cache.get(plan.paid_key)
        hit = paid if paid is not None and paid[1] <= self._fresh_s else self._cache.get(plan.key)
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
            fresh_s=max(0.0, self._fresh_s - age_s),
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
        refusal = self._calls.refusal(plan.model)
        if refusal is not None:
            return refusal
        if len(self._flights) >= MOST_FLIGHTS:
            return "overloaded"
        given = prompt_input(items, facts, seed=plan.key)
        reasons = min(query.limit, ORDER_MAX, len(items))
        call = rerank_call(
            self._prompt,
            given,
            reasons=reasons,
            call_id=uuid.uuid4().hex,
            request_id=request_id,
            placement=query.placement,
            payer=plan.payer,
        )
        candidates = tuple(item.product_id for item in items)
        asked = Asked(given, candidates, tuple(percentiles), reasons)
        flight = Flight(plan=plan, asked=asked, call=call, model=plan.model)
        self._flights[plan.key] = flight
        # A task of its own: a client that leaves now must not leave a flight behind that never starts, and a store
        # that is slow to write the reservation must not hold up a request beyond its deadline.
        self._later(self._launch(flight, deadline))
        return flight

    async def _launch(self, flight: Flight, deadline: Deadline) -> None:
        """Asks, unless another worker does already; `ready` is set whatever happens."""
        try:
            if not await self._claimed(flight):
                return
            run = await self._calls.start(
                flight.call,
                deadline,
                model=flight.model,
                ended=lambda reply: self._landed(flight, reply),
                left_behind=lambda: flight.left_behind,
            )
            if isinstance(run, str):
                flight.refusal = run
            else:
                flight.run = run
        finally:
            if flight.run is None:
                self._flights.pop(flight.plan.key, None)
                self._later(self._released(flight))
            flight.ready.set()

    async def _claimed(self, flight: Flight) -> bool:
        """Whether this worker is to ask; where another did, its answer, or why there is none, is noted."""
        if self._single_flight is None:
            return True
        claim = await self._single_flight.claim(flight.plan.key, flight.call.call_id)
        if claim == "mine":
            return True
        flight.answer = self.cached(flight.plan) if claim == "answered" else None
        flight.refusal = "timeout" if claim == "late" else "provider_error"
        return False

    async def ordered(self, flight: Flight, deadline: Deadline, limit: int) -> ModelOrder:
        """The model's order as far as it is certain at the deadline; the call goes on behind."""
        asked = deadline.waits
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
        if plan.key not in self._flights and self._calls.refusal(plan.model) is None:
            self._later(again())

    @property
    def busy(self) -> bool:
        """Whether a call is running or what it cost is still to be written down."""
        return bool(self._flights or self._tasks) or self._calls.busy

    async def close(self) -> None:
        """Waits for running calls (at most 8 s) and for what they write."""
        await self._calls.close()
        if self._tasks:
            await asyncio.wait(set(self._tasks), timeout=2.0)

    def _landed(self, flight: Flight, reply: ModelReply) -> None:
        """A call ended: keep a complete answer. Runs on the event loop and doesn't wait."""
        self._flights.pop(flight.plan.key, None)
        read = read_reply(reply.text, flight.asked.given.product_of, complete=True, limit=ORDER_MAX)
        for kind, n in read.repairs.items():
            self.repairs[kind] += n
        if reply.outcome == "complete" and read.valid and read.complete_order:
            self._cache.put(flight.plan.key, flight.stored(read, self._wall()))
        self._later(self._released(flight, after_s=SETTLE_AFTER_S))

    async def _released(self, flight: Flight, *, after_s: float = 0.0) -> None:
        """Lets other workers ask the same question again."""
        if self._single_flight is not None:
            await asyncio.sleep(after_s)
            await self._single_flight.release(flight.plan.key, flight.call.call_id)

    def _later(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("background_work_failed", error=type(error).__name__, detail=str(error))
