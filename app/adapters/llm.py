"""A language model behind litellm: calls that outlive their caller, one retry at most, a breaker, and exact costs.

docs/decisions/005-model-call.md says why it is built this way and what was measured.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import httpx
import structlog
from tenacity import AsyncRetrying, RetryCallState, retry_if_result, stop_after_attempt

from app.adapters.llm_breaker import COOL_DOWN_S, Breaker, RetryBudget, State, retry_after_s
from app.adapters.llm_library import CALL_LIMIT_S, CONNECT_TIMEOUT_S, Connection, rehearse
from app.adapters.llm_stream import Ending, Received, Refusal, ending_of, failed, receive, reported_usage
from app.adapters.llm_usage import price_from, usage_of, worst_case_tokens
from app.domain.deadline import Deadline
from app.domain.errors import ConfigurationError
from app.domain.model_calls import Message, ModelCall, ModelReply, Usage

log = structlog.get_logger(__name__)

MAX_JITTER_S = 0.1
CONNECT_SHARE = 0.8
"""Of the time left for an attempt, what connecting may take at most."""

_CLEAN_UP_S = 1.0
"""How long an attempt that was cancelled may take to give its connection back before it is left alone."""

_LINGER_S = 0.1
"""How long a connection may stay open after the last event of its reply. A provider that does not end its bodies would
hold every connection of the pool, and the next calls would wait for one until they give up (docs/faults.md, row 6)."""

_REHEARSAL = ModelCall(
    call_id="rehearsal",
    request_id="",
    purpose="warm_up",
    placement="home",
    prompt_id="",
    prompt_hash="",
    messages=(Message("system", "-"), Message("user", "-")),
    max_output_tokens=1,
    schema={"type": "object", "properties": {}, "required": [], "additionalProperties": False},
)

OnEnd = Callable[[ModelReply], None]


class LiteLlmRun:
    """A call that is under way. Made by `LiteLlmClient.start` only."""

    def __init__(self) -> None:
        self._received = Received()
        self._reply: ModelReply | None = None
        self._over = asyncio.Event()

    def text(self) -> str:
        """Everything received so far."""
        return self._received.text if self._reply is None else self._reply.text

    async def wait(self, timeout_s: float) -> ModelReply | None:
        """The reply if it ends within the time, else None. Cancelling the wait leaves the call alone."""
        if self._reply is None:
            try:
                async with asyncio.timeout(timeout_s):
                    await self._over.wait()
            except TimeoutError:
                return None
        return self._reply

    @property
    def attempt(self) -> Received:
        """What the attempt under way has got."""
        return self._received

    def begin_attempt(self) -> Received:
        """Forgets an attempt that gave nothing and starts the next."""
        self._received = Received()
        return self._received

    def end(self, reply: ModelReply) -> None:
        """Notes the reply; waiters wake up."""
        self._reply = reply
        self._over.set()


class LiteLlmClient:
    """`app.ports.ModelClient` over litellm. One event loop; `price_of` and `worst_case_usd` from any thread."""

    def __init__(
        self,
        model: str,
        connect: Callable[[], Connection],
        guard: _Guard,
        pace: _Pace,
        price: tuple[float, float] | None,
    ) -> None:
        self.model = model
        self._connect = connect
        self._connection: asyncio.Task[Connection] | None = None
        self._guard = guard
        self._pace = pace
        self._explicit_price = price
        self._price = price_from(model, price)
        self._running: set[asyncio.Task[None]] = set()
        self._closed = False

    @classmethod
    def open(
        cls,
        model: str,
        api_base: str = "",
        api_key: str = "",
        *,
        max_concurrency: int = 16,
        explicit_price: tuple[float, float] | None = None,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
        seed: int = 0,
        call_limit_s: float = CALL_LIMIT_S,
        cool_down_s: float = COOL_DOWN_S,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> LiteLlmClient:
        """A client that has sent nothing and imported nothing heavy yet; `warm` does the latter.

        Args: model: a litellm id; api_base, api_key: "" = what litellm knows of the provider, and its environment
              variable; explicit_price: (input, output) in US dollars per 1,000,000 tokens, goes before litellm's map;
              clock, wall: monotonic and epoch seconds; seed: of the jitter; transport: below the byte cap, for tests.
        """

        def connect() -> Connection:
            rehearse(model, api_base, api_key or "none", _REHEARSAL)
            return Connection.open(model, api_base, api_key, connections=max_concurrency, transport=transport)

        guard = _Guard(Breaker(clock, cool_down_s=cool_down_s), RetryBudget(), max_concurrency)
        return cls(model, connect, guard, _Pace(clock, wall, random.Random(seed), call_limit_s), explicit_price)  # noqa: S311

    async def warm(self, schemas: Mapping[str, Mapping[str, object]] | None = None) -> None:
        """Imports litellm in a thread and makes the connection ready; nothing is sent. May be called again.

        Args:   schemas: the forms of reply that will be asked for, by name.
        Raises: ConfigurationError: litellm knows no such provider, or can not ask it under our limits.
        """
        connection = await self._connected()
        for name, schema in (schemas or {}).items():
            await connection.prepare(name, schema)

    def price_of(self, model: str | None = None) -> tuple[float, float] | None:
        """(input, output) US dollars per 1,000,000 tokens; None when nobody knows. Sends and imports nothing."""
        price = self._price if model is None else price_from(model, self._explicit_price)
        return None if price is None else price.per_million

    def worst_case_usd(self, call: ModelCall) -> float:
        """The most that a call can cost, for a reservation.

        Raises: ConfigurationError: the price is unknown; the wiring refuses to start without one.
        """
        if self._price is None:
            raise ConfigurationError(
                f"The price of {self.model} is unknown; set SHELFWISE_LLM_PRICE_INPUT_USD and _OUTPUT_USD."
            )
        return worst_case_tokens(call) * self._price.input_usd + call.max_output_tokens * self._price.output_usd

    def refusal(self) -> Refusal | None:
        """Why a call would not be made now, None when it would."""
        return self._guard.refusal()

    @property
    def breaker_state(self) -> State:
        """Of the circuit breaker."""
        return self._guard.breaker.state

    @property
    def depth(self) -> int:
        """Calls under way."""
        return self._guard.running

    @property
    def capacity(self) -> int:
        """Calls that may be under way at a time."""
        return self._guard.most

    def start(self, call: ModelCall, deadline: Deadline, on_end: OnEnd) -> LiteLlmRun:
        """Starts a call at once and returns without waiting; `on_end` gets its reply exactly once.

        A call that `refusal` speaks against, or after `close`, ends at once as `provider_error` and sends nothing.
        `on_end` is called before waiters wake; it must not block or raise.
        """
        run = LiteLlmRun()
        refusal = "closed" if self._closed else self._guard.refusal()
        if refusal is not None:
            free = Usage(0, 0, cost_usd=None if self._price is None else 0.0, estimated=True)
            reply = ModelReply("provider_error", "", free, self.model, 0.0, None, refusal)
            asyncio.get_running_loop().call_soon(_finish, run, reply, on_end)
            return run
        probe = self._guard.begin()
        started = _Started(call, deadline, deadline.remaining_s() / 2, self._pace.clock(), probe, on_end)
        task = asyncio.create_task(self._drive(run, started), name=f"llm {call.call_id}")
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        return run

    async def close(self) -> None:
        """Waits at most 8 s for running calls, then ends them and closes every socket."""
        self._closed = True
        if self._running:
            _, late = await asyncio.wait(set(self._running), timeout=CALL_LIMIT_S)
            for task in late:
                task.cancel()
            if late:
                await asyncio.wait(late, timeout=_CLEAN_UP_S)
        if self._connection is not None:
            await asyncio.wait({self._connection})
            if self._connection.exception() is None:
                await self._connection.result().close()

    async def _connected(self) -> Connection:
        if self._connection is None:
            self._connection = asyncio.create_task(asyncio.to_thread(self._connect), name="llm connect")
        try:
            return await asyncio.shield(self._connection)
        except httpx.InvalidURL as error:
            raise ConfigurationError(f"SHELFWISE_LLM_API_BASE is no URL: {error}") from error

    async def _drive(self, run: LiteLlmRun, started: _Started) -> None:
        """The whole life of a call. Nobody awaits it, so that nobody can cancel it by leaving."""
        pace = self._pace
        ending = Ending("provider_error", "ended by close")

        async def attempt() -> Ending:
            left_s = pace.limit_s - (pace.clock() - started.at_s)
            return await self._attempt(run.begin_attempt(), started.call, left_s)

        def again(last: Ending) -> bool:
            left_s = started.deadline.remaining_s() - MAX_JITTER_S
            allowed = last.retryable and not started.probe and left_s > 0 and left_s >= started.half_s
            return allowed and self._guard.budget.take()

        def jitter(_: RetryCallState) -> float:
            return pace.jitter.uniform(0.0, MAX_JITTER_S)

        retrying = AsyncRetrying(
            stop=stop_after_attempt(2), wait=jitter, retry=retry_if_result(again), retry_error_callback=_last
        )
        try:
            ending = await retrying(attempt)
        finally:
            self._end(run, started, ending)

    async def _attempt(self, received: Received, call: ModelCall, left_s: float) -> Ending:
        """One attempt within the time left. A task of its own: libraries swallow cancellations and raise anything."""
        # Connecting gives up before it is cancelled: httpcore leaves the socket open where a TLS handshake is.
        received.wire.connect_s = min(CONNECT_TIMEOUT_S, CONNECT_SHARE * max(0.0, left_s))
        task = asyncio.create_task(self._receive(received, call))
        over = asyncio.create_task(received.over.wait())
        try:
            await asyncio.wait({task, over}, timeout=max(0.0, left_s), return_when=asyncio.FIRST_COMPLETED)
            if task.done():
                return ending_of(received, task.exception(), model=self.model)
            if received.over.is_set():
                self._leave(task, received)
                return ending_of(received, None, model=self.model)
            return Ending("timeout")
        finally:
            over.cancel()
            if not task.done() and not received.over.is_set():
                task.cancel()
                await asyncio.wait({task}, timeout=_CLEAN_UP_S)

    def _leave(self, task: asyncio.Task[None], received: Received) -> None:
        """Interrupts litellm, whose sums change nothing any more, once the body is read and the connection is free."""

        async def interrupt() -> None:
            await asyncio.wait({task, drained}, timeout=_LINGER_S, return_when=asyncio.FIRST_COMPLETED)
            drained.cancel()
            task.cancel()
            await asyncio.wait({task}, timeout=_CLEAN_UP_S)
            if task.done() and not task.cancelled():
                task.exception()  # whatever it is, the reply is complete

        drained = asyncio.create_task(received.wire.drained.wait())
        leaving = asyncio.create_task(interrupt())
        self._running.add(leaving)
        leaving.add_done_callback(self._running.discard)

    async def _receive(self, received: Received, call: ModelCall) -> None:
        await receive(await self._connected(), call, received, self._pace.clock)

    def _end(self, run: LiteLlmRun, started: _Started, ending: Ending) -> None:
        """Charges, counts and tells."""
        received = run.attempt
        wire = received.wire
        unusable = ending.outcome in ("refused", "malformed")
        text = "" if unusable else received.text
        tools = () if unusable else received.tool_calls
        answered = wire.status is not None and wire.status < 400
        unknown = wire.status is None and ending.outcome == "timeout" and wire.requests > 0
        said = received.text + "".join(call.name + call.arguments for call in received.tool_calls)
        usage = usage_of(started.call, said, reported_usage(received), self._price, billed=answered or unknown)
        first = None if received.first_at is None else received.first_at - started.at_s
        model = wire.model or self.model
        seconds = self._pace.clock() - started.at_s
        reply = ModelReply(ending.outcome, text, usage, model, seconds, first, ending.detail, tools)
        self._guard.end(probe=started.probe, failed=failed(ending.outcome, ending.detail))
        if ending.outcome == "rate_limited":
            self._guard.breaker.cool_down(retry_after_s(wire.headers, self._pace.wall()))
        if ending.outcome == "unauthorized":
            log.error("model_configuration", model=self.model, detail=ending.detail)
        _finish(run, reply, started.on_end)


@dataclass(frozen=True, slots=True)
class _Started:
    """What belongs to one call from start to end."""

    call: ModelCall
    deadline: Deadline
    half_s: float  # half of what the caller had left at the start
    at_s: float
    probe: bool
    on_end: OnEnd


class _Guard:
    """What may be started, and what may be retried."""

    def __init__(self, breaker: Breaker, budget: RetryBudget, most: int) -> None:
        self.breaker = breaker
        self.budget = budget
        self.most = most
        self.running = 0

    def refusal(self) -> Refusal | None:
        if not self.breaker.allows():
            return "circuit_open"
        return "overloaded" if self.running >= self.most else None

    def begin(self) -> bool:
        """Counts a call; True when it is the breaker's probe."""
        self.running += 1
        self.budget.note_call()
        return self.breaker.begin()

    def end(self, *, probe: bool, failed: bool) -> None:
        self.running -= 1
        self.breaker.end(probe=probe, failed=failed)


@dataclass(frozen=True, slots=True)
class _Pace:
    """Time and chance."""

    clock: Callable[[], float]
    wall: Callable[[], float]
    jitter: random.Random
    limit_s: float


def _last(state: RetryCallState) -> Any:
    """The ending of the last attempt, where tenacity would raise."""
    return None if state.outcome is None else state.outcome.result()


def _finish(run: LiteLlmRun, reply: ModelReply, on_end: OnEnd) -> None:
    try:
        on_end(reply)
    finally:
        run.end(reply)
