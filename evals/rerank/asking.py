"""Asks a model what the book does not hold: a few calls at a time, never beyond the money given, nothing paid twice."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Protocol

from app.domain.deadline import Deadline
from app.domain.errors import ConfigurationError
from app.domain.model_calls import CallOutcome, ModelCall, ModelReply
from app.ports import ModelClient
from evals.rerank.replies import ReplyBook, recorded, request_hash

PATIENCE_S = 60.0
"""How long a provider may refuse everything before the rest is left unasked."""
_RETRY_S = 8.0
"""What a call is told that its caller waits: it bounds retries. The call itself ends at the client's own limit."""
_LOOK_EVERY_S = 0.05

_NOT_THE_MODEL: frozenset[CallOutcome] = frozenset({"rate_limited", "provider_error"})
"""Endings that say nothing about the model: not kept, asked again by the next run."""


class PricedClient(ModelClient, Protocol):
    """A model client that knows what a call can cost at most."""

    def worst_case_usd(self, call: ModelCall) -> float:
        """US dollars."""
        ...


@dataclass(slots=True)
class Asked:
    """What a round of asking came to."""

    made: int = 0  # calls of this run
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
    concurrency: int,
    say: Callable[[int, int], None] = lambda _done, _total: None,
    clock: Callable[[], float] = time.monotonic,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> Asked:
    """Fills the book with the replies to these calls, in their order as far as the money goes.

    A call is made only while what was spent, what running calls can cost at most and its own worst case stay within
    `max_usd` (of this run). What the provider failed to answer is not kept.

    Raises: ConfigurationError: the provider refuses our requests (key, model name, address). BadInput: from the book.
    """
    asked = Asked()
    by_hash = {request_hash(call, client.model): call for call in calls}  # the same question twice is asked once
    wanted = [call for asked_hash, call in by_hash.items() if book.find(asked_hash) is None]
    asked.from_book = len(calls) - len(wanted)
    waiting = iter(wanted)
    running: dict[str, float] = {}  # call → the most it can cost
    freed = asyncio.Event()
    last_answer = clock()

    def next_call() -> ModelCall | None:
        return None if asked.stopped else next(waiting, None)

    def taken(call: ModelCall, reply: ModelReply) -> None:
        nonlocal last_answer
        asked.made += 1
        cost = reply.usage.cost_usd
        asked.spent_usd += running[call.call_id] if cost is None else cost  # unknown is never 0
        if reply.outcome == "unauthorized":
            asked.stopped = f"the provider refuses our requests ({reply.detail})"
        elif reply.outcome in _NOT_THE_MODEL:
            asked.failed[reply.outcome] += 1
        else:
            last_answer = clock()
            book.add(recorded(call, client.model, reply, now()))
        say(asked.made, len(wanted))

    async def worker() -> None:
        while (call := next_call()) is not None:
            worst = client.worst_case_usd(call)
            while running and asked.spent_usd + sum(running.values()) + worst > max_usd:
                freed.clear()
                await freed.wait()  # running calls seldom cost their worst
            if asked.spent_usd + sum(running.values()) + worst > max_usd:
                asked.stopped = asked.stopped or f"the next call could go beyond --max-usd {max_usd:g}"
                return
            running[call.call_id] = worst
            try:
                while client.refusal() is not None and not asked.stopped:
                    if clock() - last_answer > PATIENCE_S:
                        asked.stopped = f"no answer for {PATIENCE_S:.0f} s"
                    await asyncio.sleep(_LOOK_EVERY_S)
                if not asked.stopped:
                    taken(call, await _reply(client, call))
            finally:
                del running[call.call_id]
                freed.set()

    await asyncio.gather(*(worker() for _ in range(max(1, concurrency))))
    asked.unasked = len(wanted) - asked.made
    if asked.stopped.startswith("the provider refuses"):
        raise ConfigurationError(
            f"{client.model}: {asked.stopped}. Check the model's name, SHELFWISE_LLM_API_KEY and "
            "SHELFWISE_LLM_API_BASE."
        )
    return asked


async def _reply(client: ModelClient, call: ModelCall) -> ModelReply:
    over: asyncio.Future[ModelReply] = asyncio.get_running_loop().create_future()
    client.start(call, Deadline.after_ms(_RETRY_S * 1000.0), over.set_result)
    return await over


def failures(asked: Asked) -> Mapping[str, int]:
    """Outcome → calls that the provider did not answer, most frequent first."""
    return dict(asked.failed.most_common())
