"""The desk that hands reports out: kept for a minute, shared, bounded."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from app.domain.errors import Overloaded
from app.domain.figures import AttributionRule, Grouping, Period, Tally
from app.report import KEPT_S, MOST_WAITING, ReportDesk, ReportParts
from tests.support.fake_attribution import FakeAttribution


class Gated(FakeAttribution):
    """Answers when it is let."""

    def __init__(self) -> None:
        super().__init__()
        self.gate = threading.Event()
        self.gate.set()

    def tally(self, period: Period, grouping: Grouping | None, rule: AttributionRule) -> Tally:
        assert self.gate.wait(10)
        return super().tally(period, grouping, rule)


class Clock:
    """Monotonic seconds, set by hand."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def desk(attribution: Gated, clock: Clock) -> ReportDesk:
    parts = ReportParts(attribution, AttributionRule(window_s=1.0), "EUR", lambda: 1e9, attribution)
    return ReportDesk(parts, ThreadPoolExecutor(1), clock=clock)


async def test_a_report_is_kept_for_a_minute() -> None:
    """And computed anew after it."""
    source, clock = Gated(), Clock()
    reports = desk(source, clock)
    for clock.now in (0.0, KEPT_S - 0.1, KEPT_S):
        await reports.business(None, None)
    assert len(source.asked) == 2


async def test_too_many_different_reports_are_refused() -> None:
    """What waits is bounded; the same question again is no further one."""
    source = Gated()
    source.gate.clear()
    reports = desk(source, Clock())
    waiting = [asyncio.create_task(reports.business(Period(float(n)), None)) for n in range(MOST_WAITING)]
    await asyncio.sleep(0)
    again = asyncio.create_task(reports.business(Period(0.0), None))
    await asyncio.sleep(0)
    with pytest.raises(Overloaded):
        await reports.business(Period(99.0), None)
    source.gate.set()
    await asyncio.gather(*waiting, again)
    assert len(source.asked) == MOST_WAITING


async def test_one_reader_who_leaves_takes_nothing_from_the_others() -> None:
    """The report goes on for those who stayed."""
    source = Gated()
    source.gate.clear()
    reports = desk(source, Clock())
    leaver, stayer = (asyncio.create_task(reports.business(None, None)) for _ in range(2))
    await asyncio.sleep(0)
    leaver.cancel()
    await asyncio.sleep(0)
    source.gate.set()
    assert (await stayer).total.slates_served == 0
    assert len(source.asked) == 1
