"""Business reports: what recommendations brought in, computed beside the requests and kept for a minute."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from typing import Protocol

from app.domain.budgets import NO_BUDGETS, Budget, Budgets, BudgetStanding
from app.domain.errors import BadInput, Overloaded
from app.domain.figures import AttributionRule, BusinessReport, Grouping, Period, Tally
from app.domain.model_calls import CostGroup, CostGrouping
from app.domain.money import exponent
from app.pipeline.business_figures import figures, notes, shop_figures

DEFAULT_DAYS = 30
"""As long as served slates are kept."""

KEPT_S = 60.0
KEPT_REPORTS = 32
MOST_WAITING = 8

_DAY_CHARS = 10
_FIRST_YEAR, _LAST_YEAR = 1971, 2200

Asked = tuple[Period | None, Grouping | None]


def period_of(since: str | None, until: str | None, now: float) -> Period | None:
    """The period that two texts name: days (2026-09-01, UTC) or times with a zone; None when neither is given.

    Without `since` it begins 30 days before its end.

    Raises: BadInput: no time, a time without zone, or an end that is not after the beginning; `field` says which.
    """
    if since is None and until is None:
        return None
    end = None if until is None else _time(until, "to")
    begin = (now if end is None else end) - DEFAULT_DAYS * 86_400.0 if since is None else _time(since, "from")
    if end is not None and end <= begin:
        raise BadInput("The period ends before it begins; `to` must be later than `from`.", field="to")
    return Period(begin, end)


def _time(text: str, field: str) -> float:
    wrong = BadInput(f"{text[:40]!r} is no day (2026-09-01) and no time with zone (2026-09-01T08:00Z).", field=field)
    try:
        found = datetime.fromisoformat(text)
    except ValueError as error:
        raise wrong from error
    if found.tzinfo is None:
        if len(text) > _DAY_CHARS:
            raise wrong
        found = found.replace(tzinfo=UTC)
    if not _FIRST_YEAR <= found.year <= _LAST_YEAR:
        raise BadInput(f"The year must be {_FIRST_YEAR} to {_LAST_YEAR}.", field=field)
    return found.timestamp()


class Attribution(Protocol):
    """Adds up what slates led to."""

    def tally(self, period: Period, grouping: Grouping | None, rule: AttributionRule) -> Tally:
        """What the slates of a period led to, and what the whole shop did. Raises: StoreUnavailable."""
        ...


class Costs(Protocol):
    """Adds up what model calls cost."""

    def costs(self, *, group_by: CostGrouping, since: float, until: float) -> Sequence[CostGroup]:
        """What calls that began in [since, until) came to, the dearest group first. Raises: StoreUnavailable."""
        ...

    def standings(self, budgets: Iterable[Budget]) -> Sequence[BudgetStanding]:
        """How budgets stand today. Raises: StoreUnavailable."""
        ...


@dataclass(frozen=True, slots=True)
class CostReport:
    """What model calls came to; `total` adds the groups up."""

    period: Period
    grouping: CostGrouping
    groups: Sequence[CostGroup]
    total: CostGroup
    budgets: Sequence[BudgetStanding] = ()  # today's, whatever the period


@dataclass(frozen=True, slots=True)
class ReportParts:
    """What reports are made from (see bootstrap)."""

    attribution: Attribution
    rule: AttributionRule
    currency: str
    now: Callable[[], float]  # the service's clock (AS_OF), epoch seconds
    ledger: Costs
    budgets: Budgets = NO_BUDGETS


def business_report(parts: ReportParts, period: Period | None, grouping: Grouping | None) -> BusinessReport:
    """The report of a period, the last 30 days when None. Takes seconds on a large shop. Raises: StoreUnavailable."""
    now = parts.now()
    chosen = Period(now - DEFAULT_DAYS * 86_400.0) if period is None else period
    tally = parts.attribution.tally(chosen, grouping, parts.rule)
    per_unit = 10 ** exponent(parts.currency)
    # Under `strategy` a call's cost stands where it was made, its use elsewhere: a slate from the cache cost nothing.
    with_return = grouping != "strategy"
    return BusinessReport(
        period=chosen,
        as_of=now,
        rule=parts.rule,
        grouping=grouping,
        total=figures(tally.total, minor_per_unit=per_unit),
        groups=[
            (name, figures(group, minor_per_unit=per_unit, with_return=with_return))
            for name, group in tally.groups.items()
        ],
        shop=shop_figures(tally.shop),
        left_out=tally.left_out,
        notes=notes(tally, open_until=None if chosen.until is None else chosen.until + parts.rule.window_s, now=now),
    )


def cost_report(parts: ReportParts, since: str | None, until: str | None, grouping: CostGrouping) -> CostReport:
    """Model calls of a period (see `period_of`), the last 30 days without one. The ledger's clock is the wall clock.

    Raises: BadInput: no such period. StoreUnavailable.
    """
    now = time.time()
    period = period_of(since, until, now) or Period(now - DEFAULT_DAYS * 86_400.0)
    end = float("inf") if period.until is None else period.until
    groups = parts.ledger.costs(group_by=grouping, since=period.since, until=end)
    counted = [field.name for field in fields(CostGroup) if field.name != "name"]
    total = CostGroup("total", **{name: sum(getattr(group, name) for group in groups) for name in counted})
    return CostReport(period, grouping, groups, total, parts.ledger.standings(parts.budgets.by_scope.values()))


class ReportDesk:
    """Hands out reports on one event loop: one is computed at a time, in a thread of its own, and kept for a minute."""

    def __init__(self, parts: ReportParts, executor: Executor, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._parts, self._executor, self._clock = parts, executor, clock
        self._kept: OrderedDict[Asked, tuple[float, BusinessReport]] = OrderedDict()
        self._running: dict[Asked, asyncio.Future[BusinessReport]] = {}

    async def business(self, period: Period | None, grouping: Grouping | None) -> BusinessReport:
        """The report asked for, at most a minute old; `as_of` says of when.

        Raises: Overloaded: more than 8 different reports are waiting. StoreUnavailable.
        """
        asked = (period, grouping)
        held = self._kept.get(asked)
        if held is not None and self._clock() - held[0] < KEPT_S:
            return held[1]
        running = self._running.get(asked)
        if running is None:
            if len(self._running) >= MOST_WAITING:
                raise Overloaded(f"{MOST_WAITING} reports are being computed or wait for it; ask again in a minute.")
            loop = asyncio.get_running_loop()
            running = loop.run_in_executor(self._executor, business_report, self._parts, period, grouping)
            self._running[asked] = running
            running.add_done_callback(lambda done: self._keep(asked, done))
        # Shielded: one reader who leaves must not take the answer from the others.
        return await asyncio.shield(running)

    async def costs(self, since: str | None, until: str | None, grouping: CostGrouping) -> CostReport:
        """See `cost_report`; never kept, a ledger is read in no time."""
        return await asyncio.to_thread(cost_report, self._parts, since, until, grouping)

    def _keep(self, asked: Asked, done: asyncio.Future[BusinessReport]) -> None:
        self._running.pop(asked, None)
        if done.cancelled() or done.exception() is not None:
            return
        self._kept.pop(asked, None)
        self._kept[asked] = (self._clock(), done.result())
        while len(self._kept) > KEPT_REPORTS:
            self._kept.popitem(last=False)


__all__ = ["Attribution", "CostReport", "ReportDesk", "ReportParts", "business_report", "cost_report", "period_of"]
