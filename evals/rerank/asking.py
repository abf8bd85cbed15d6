"""Asks a model what the book does not hold: a few calls at a time, never beyond the money given, nothing paid twice."""

from __future__ import annotations

import asyncio
import time
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Protocol

from app.domain.deadline import Deadline
from app.domain.errors import ConfigurationError
from app.domain.model_calls import CallOutcome, ModelCall, ModelReply
from app.ports import ModelClient
from evals.rerank.replies import RecordedReply, ReplyBook, recorded, request_hash

PATIENCE_S = 60.0
"""How long a provider may refuse everything before the rest is left unasked."""
_RETRY_S = 8.0
"""What a call is told that its caller waits: it bounds retries. The call itself ends at the client's own limit."""
_LOOK_EVERY_S = 0.05
_WATCH_EVERY_S = 0.025
"""How often a stream is looked at: the error of a time to a complete order, at most."""

_NOT_THE_MODEL: frozenset[CallOutcome] = frozenset({"rate_limited", "provider_error"})
"""Endings that say nothing about the model: not kept, asked again by the next run."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast a provider is asked."""

    concurrency: int = 8  # calls at a time
    per_minute: float | None = None  # calls begun in any 60 s, evenly spread; None = no limit
    again: int = 0  # times that a call which the provider did not answer is asked anew, behind all others


class Watcher(Protocol):
    """Who follows a round of asking."""

    def ordered(self, call: ModelCall, text: str) -> bool:
        """Whether this beginning of the reply already holds the whole order."""
        ...

    def landed(self, reply: RecordedReply, asked: Asked) -> None:
        """A reply is in the book."""
        ...


class PricedClient(ModelClient, Protocol):
    """A model client that knows what a call can cost at most."""

    def worst_case_usd(self, call: ModelCall) -> float:
        """US dollars."""
        ...


@dataclass(slots=True)
class Asked:
    """What a round of asking came to."""

    made: int = 0  # calls of this run, those asked anew included
    answered: int = 0  # of them, replies of the model
    from_book: int = 0  # requests that the book held already, or that another request of this run repeats
    spent_usd: float = 0.0  # by this run
    failed: Counter[str] = field(default_factory=Counter)  # outcome → calls that the provider did not answer
    unasked: int = 0  # for want of money, or because the provider would not answer
    stopped: str = ""  # why the rest was left unasked


async def ask_all(
    client: PricedClient,
    calls: Sequence[ModelCall],
    book: ReplyBook,
    *,
    max_usd: float,
    pace: Pace,
    say: Callable[[int, int], None] = lambda _done, _total: None,
    watcher: Watcher | None = None,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> Asked:
    """Fills the book with the replies to these calls, in their order as far as the money goes.

    A call is made only while what was spent, what running calls can cost at most and its own worst case stay within
    `max_usd` (of this run). What the provider failed to answer is not kept. While a 429's Retry-After lasts nothing is
    sent (the client refuses), and with `pace.again` the call is asked anew.

    Args:   watcher: with one, the time to a complete order is taken from the stream and kept with the reply.
    Raises: ConfigurationError: the provider refuses our requests (key, model name, address). BadInput: from the book.
    """
    round_ = _Round(client, book, max_usd, pace, say, watcher, clock, sleep, now)
    return await round_.run(calls)


class _Round:
    """One round of asking. Lives on one event loop."""

    def __init__(
        self,
        client: PricedClient,
        book: ReplyBook,
        max_usd: float,
        pace: Pace,
        say: Callable[[int, int], None],
        watcher: Watcher | None,
        clock: Callable[[], float],
        sleep: Callable[[float], Awaitable[None]],
        now: Callable[[], datetime],
    ) -> None:
        self._client = client
        self._book = book
        self._max_usd = max_usd
        self._pace = pace
        self._say = say
        self._watcher = watcher
        self._clock = clock
        self._sleep = sleep
        self._now = now
        self._asked = Asked()
        self._waiting: deque[ModelCall] = deque()
        self._wanted = 0
        self._tries: Counter[str] = Counter()  # call → times that it was made
        self._running: dict[str, float] = {}  # call → the most it can cost
        self._freed = asyncio.Event()
        self._last_answer = clock()
        self._next_start = clock()

    async def run(self, calls: Sequence[ModelCall]) -> Asked:
        asked, client = self._asked, self._client
        by_hash: dict[str, ModelCall] = {}
        for call in calls:
            by_hash.setdefault(request_hash(call, client.model), call)  # the same question twice is asked once
        self._waiting.extend(call for asked_hash, call in by_hash.items() if self._book.find(asked_hash) is None)
        self._wanted = len(self._waiting)
        asked.from_book = len(calls) - self._wanted
        await asyncio.gather(*(self._worker() for _ in range(max(1, self._pace.concurrency))))
        asked.unasked = self._wanted - asked.answered - sum(asked.failed.values())
        if asked.stopped.startswith("the provider refuses"):
            raise ConfigurationError(
                f"{client.model}: {asked.stopped}. Check the model's name, SHELFWISE_LLM_API_KEY and "
                "SHELFWISE_LLM_API_BASE."
            )
        return asked

    async def _worker(self) -> None:
        asked, running, client = self._asked, self._running, self._client
        while not asked.stopped and (self._waiting or (running and self._pace.again)):
            if not self._waiting:
                self._freed.clear()
                await self._freed.wait()  # what is running may have to be asked anew
                continue
            call = self._waiting.popleft()
            worst = client.worst_case_usd(call)
            while running and asked.spent_usd + sum(running.values()) + worst > self._max_usd:
                self._freed.clear()
                await self._freed.wait()  # running calls seldom cost their worst
            if asked.spent_usd + sum(running.values()) + worst > self._max_usd:
                asked.stopped = asked.stopped or f"the next call could go beyond --max-usd {self._max_usd:g}"
                self._freed.set()
                return
            running[call.call_id] = worst
            try:
                await self._turn()
                if not asked.stopped:
                    reply, seconds_to_order = await self._reply(call)
                    self._taken(call, reply, seconds_to_order)
            finally:
                del running[call.call_id]
                self._freed.set()

    async def _turn(self) -> None:
        """Waits until a call may begin: for the rate, and for a provider that wants to be left alone."""
        if self._pace.per_minute is not None:
            start = max(self._clock(), self._next_start)
            self._next_start = start + 60.0 / self._pace.per_minute
            if start > self._clock():
                await self._sleep(start - self._clock())
        while self._client.refusal() is not None and not self._asked.stopped:
            if self._clock() - self._last_answer > PATIENCE_S:
                self._asked.stopped = f"no answer for {PATIENCE_S:.0f} s"
            await asyncio.sleep(_LOOK_EVERY_S)

    def _taken(self, call: ModelCall, reply: ModelReply, seconds_to_order: float | None) -> None:
        asked = self._asked
        asked.made += 1
        self._tries[call.call_id] += 1
        cost = reply.usage.cost_usd
        asked.spent_usd += self._running[call.call_id] if cost is None else cost  # unknown is never 0
        if reply.outcome == "unauthorized":
            asked.stopped = f"the provider refuses our requests ({reply.detail})"
        elif reply.outcome in _NOT_THE_MODEL:
            if self._tries[call.call_id] <= self._pace.again:
                self._waiting.append(call)
            else:
                asked.failed[reply.outcome] += 1
        else:
            asked.answered += 1
            self._last_answer = self._clock()
            row = recorded(call, self._client.model, reply, self._now(), seconds_to_order)
            self._book.add(row)
            if self._watcher is not None:
                self._watcher.landed(row, asked)
        self._say(asked.answered + sum(asked.failed.values()), self._wanted)

    async def _reply(self, call: ModelCall) -> tuple[ModelReply, float | None]:
        """The reply, and the seconds until it held the whole order, where somebody watches."""
        over: asyncio.Future[ModelReply] = asyncio.get_running_loop().create_future()
        started = self._clock()
        run = self._client.start(call, Deadline.after_ms(_RETRY_S * 1000.0), over.set_result)
        if self._watcher is None:
            return await over, None
        length = 0
        while await run.wait(_WATCH_EVERY_S) is None and not over.done():
            text = run.text()
            if len(text) > length and self._watcher.ordered(call, text):
                seconds = self._clock() - started
                return await over, seconds
            length = len(text)
        reply = await over
        return reply, reply.seconds if self._watcher.ordered(call, reply.text) else None


def failures(asked: Asked) -> Mapping[str, int]:
    """Outcome → calls that the provider did not answer, most frequent first."""
    return dict(asked.failed.most_common())
