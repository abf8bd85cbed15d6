"""Requests leave when they are planned, and their time counts from then: on a clock that is moved by hand."""

from __future__ import annotations

import asyncio

import orjson
import pytest

from evals.load.http_connection import Answer
from evals.load.latency import percentile
from evals.load.open_loop import Planned, Reply, drive
from tests.support.virtual_time import VirtualLoop, in_virtual_time

SLATE = orjson.dumps({"recommendations": [{}] * 5, "meta": {"strategy": "baseline", "fallbackReason": None}})
GOOD = Answer(200, False, SLATE)


def at(*due_s: float, lane: int = -1) -> list[Planned]:
    return [Planned(due, "slate", b"", lane=lane) for due in due_s]


class OneAtATime:
    """A server that answers in 1 ms, one after the other, and not at all between `stall` and its end."""

    def __init__(self, stall: tuple[float, float]) -> None:
        self._stall = stall
        self._free = asyncio.Lock()
        self.answered_at: list[float] = []

    async def ask(self, _planned: Planned) -> Answer:
        loop = asyncio.get_running_loop()
        async with self._free:
            if self._stall[0] <= loop.time() < self._stall[1]:
                await asyncio.sleep(self._stall[1] - loop.time())
            await asyncio.sleep(0.001)
        self.answered_at.append(loop.time())
        return GOOD


def test_a_stall_is_seen_by_all_who_would_have_waited() -> None:
    """For two seconds of twenty a server serves nobody: a tenth of the planned requests came then, and p99 says so."""
    server = OneAtATime((10.0, 12.0))
    replies = in_virtual_time(drive(at(*(n / 100.0 for n in range(2000))), server.ask))
    assert not [moment for moment in server.answered_at if 10.01 < moment < 12.0]
    assert percentile([r.ms for r in replies], 99) > 1700.0
    assert percentile([r.ms for r in replies], 50) == pytest.approx(1.0, abs=0.1)
    assert sum(r.ms > 1000.0 for r in replies) >= 100


def test_a_closed_loop_would_not_have_seen_it() -> None:
    """The same server asked again only when it has answered: one slow answer of thousands. This is what must not be."""

    async def closed() -> list[float]:
        server, loop, found = OneAtATime((10.0, 12.0)), asyncio.get_running_loop(), []
        while loop.time() < 20.0:
            began = loop.time()
            await server.ask(at(0.0)[0])
            found.append((loop.time() - began) * 1000.0)
            await asyncio.sleep(max(0.0, 0.01 - (loop.time() - began)))
        return found

    measured = in_virtual_time(closed())
    assert sum(ms > 1000.0 for ms in measured) == 1
    assert percentile(measured, 99) < 2.0


def test_requests_leave_on_time_though_none_is_answered() -> None:
    """Nobody waits for an answer before asking; what is not answered in time is given up, and counts until then."""
    asked: list[float] = []

    async def silent(_planned: Planned) -> Answer:
        asked.append(asyncio.get_running_loop().time())
        await asyncio.sleep(3600.0)
        return GOOD

    replies = in_virtual_time(drive(at(0.0, 0.5, 0.5, 2.0), silent, timeout_s=10.0))
    assert asked == pytest.approx([0.0, 0.5, 0.5, 2.0])
    assert [r.verdict.worth for r in replies] == ["late"] * 4
    assert [r.ms for r in replies] == pytest.approx([10_000.0] * 4)


def test_a_generator_that_falls_behind_says_so() -> None:
    """Half a second of its own work in one request: those due meanwhile have that as lag, and in their time as well."""

    async def busy(planned: Planned) -> Answer:
        loop = asyncio.get_running_loop()
        if planned.due_s == 1.0 and isinstance(loop, VirtualLoop):
            loop.pass_by(0.5)
        return GOOD

    replies = in_virtual_time(drive(at(0.9, 1.0, 1.2, 2.0), busy))
    assert [r.lag_ms for r in replies] == pytest.approx([0.0, 0.0, 300.0, 0.0])
    assert replies[2].ms == pytest.approx(300.0)


def test_requests_of_a_lane_wait_for_each_other() -> None:
    """One person has one page at a time; the wait for the page before counts, and is not the generator's lag."""
    asked: list[float] = []

    async def slow(_planned: Planned) -> Answer:
        asked.append(asyncio.get_running_loop().time())
        await asyncio.sleep(2.0)
        return GOOD

    replies = in_virtual_time(drive(at(0.0, 1.0, lane=7), slow))
    assert asked == pytest.approx([0.0, 2.0])
    assert [r.ms for r in replies] == pytest.approx([2000.0, 3000.0])
    assert [r.lag_ms for r in replies] == pytest.approx([0.0, 0.0])


def test_a_cut_connection_is_a_reply_like_any_other() -> None:
    """What is cut or refused counts under `broken`; the rest goes on."""

    async def cut(planned: Planned) -> Answer:
        if planned.due_s == 0.0:
            raise ConnectionResetError
        return GOOD

    replies: list[Reply] = in_virtual_time(drive(at(0.0, 1.0), cut))
    assert [(r.status, r.verdict.worth, r.verdict.detail) for r in replies] == [
        (0, "broken", "ConnectionResetError"),
        (200, "good", ""),
    ]
