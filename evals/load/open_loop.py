"""Sends planned requests when they are due, whether or not those before them are answered.

A client that waits for one answer before it asks again is held up by a slow server together with it, and then measures
the few requests it got round to: coordinated omission (Tene, "How NOT to measure latency", 2013). Here every arrival is
planned beforehand and a request's time counts from when it was *planned*: all who would have waited through a stall
are in the percentiles. How far the generator itself fell behind its plan is measured beside it, as lag.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from evals.load.http_connection import Answer
from evals.load.verdict import Kind, Verdict, judged

TIMEOUT_S = 10.0
"""How long an answer is waited for, from when it was sent; a shopper left long before."""

_EARLY_S = 1e-5
"""Timers count in milliseconds and may be early; by this much is on time."""


@dataclass(frozen=True, slots=True)
class Planned:
    """One request of the plan."""

    due_s: float  # from the beginning; plans are ordered by it
    kind: Kind
    request: bytes
    target: int = 0  # which service
    lane: int = -1  # requests of one lane wait for each other, as one person's do; -1: of none


@dataclass(frozen=True, slots=True)
class Reply:
    """What became of one planned request."""

    lag_ms: float  # from when it was due to when the generator turned to it: the generator's own fault
    ms: float  # from when it was due to the last byte of the answer, or to when it was given up
    status: int  # 0 without an answer
    verdict: Verdict


Ask = Callable[[Planned], Awaitable[Answer]]


async def drive(
    plan: Sequence[Planned],
    ask: Ask,
    *,
    clock: Callable[[], float] | None = None,
    began: float | None = None,
    timeout_s: float = TIMEOUT_S,
) -> list[Reply]:
    """Replies in the plan's order.

    Args: ask: sends one request; raises OSError where no whole answer comes.
          clock: seconds; None: the loop's own time, which some loops keep in whole milliseconds.
          began: the clock's time that `due_s` counts from; None: now.
    """
    clock = asyncio.get_running_loop().time if clock is None else clock
    start = clock() if began is None else began
    tasks: list[asyncio.Task[Reply]] = []
    last_of: dict[int, asyncio.Task[Reply]] = {}
    for planned in plan:
        due = start + planned.due_s
        await asyncio.sleep(max(0.0, due - clock()))  # also when behind: answers are to be read
        while due - clock() > _EARLY_S:  # noqa: ASYNC110 - there is nothing to be told of but the time
            await asyncio.sleep(due - clock())
        lag_ms = max(0.0, clock() - due) * 1000.0
        before = last_of.get(planned.lane) if planned.lane >= 0 else None
        task = asyncio.create_task(_one(planned, due, lag_ms, ask, clock, before, timeout_s))
        tasks.append(task)
        if planned.lane >= 0:
            last_of[planned.lane] = task
    return list(await asyncio.gather(*tasks))


async def _one(
    planned: Planned,
    due: float,
    lag_ms: float,
    ask: Ask,
    clock: Callable[[], float],
    before: asyncio.Task[Reply] | None,
    timeout_s: float,
) -> Reply:
    if before is not None and not before.done():
        await asyncio.wait([before])
    try:
        async with asyncio.timeout(timeout_s):
            answer = await ask(planned)
    except TimeoutError:
        return Reply(lag_ms, (clock() - due) * 1000.0, 0, Verdict("late", f"no answer within {timeout_s:g} s"))
    except OSError as error:
        return Reply(lag_ms, (clock() - due) * 1000.0, 0, Verdict("broken", type(error).__name__))
    ms = (clock() - due) * 1000.0
    return Reply(lag_ms, ms, answer.status, judged(planned.kind, answer))
