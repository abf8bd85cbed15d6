"""The ledger: a durable row per model call, written before the call begins, and the budgets that it guards."""

from __future__ import annotations

import math
import os
import secrets
import sqlite3
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import structlog
from sqlalchemy import Engine

from app.adapters.sql_store import charges
from app.adapters.sql_store.connection import cursor_of, open_engine, reading, writing
from app.adapters.sql_store.migrate import migrate
from app.domain.budgets import TOTAL, Budget, BudgetStanding, Ration, Reservation
from app.domain.errors import ShelfwiseError
from app.domain.model_calls import CostGroup, CostGrouping, LedgerRow, budget_scopes

log = structlog.get_logger(__name__)

LOST_AFTER_S = 60.0
"""A call ends within 8 s; a row that is pending for longer belongs to a process that died."""

NANO = 1_000_000_000
"""Money is counted in billionths of a US dollar here: sums are exact, and a cheap model's token is 50 of them."""

_LARGEST = 10**15
"""A million dollars for one call, and a cap on counts of tokens: absurd figures are kept, and sums stay integers."""

_FIELDS = (
    "call_id, at, day, request_id, purpose, placement, model, prompt_id, prompt_hash, outcome, "
    "input_tokens, output_tokens, cached_tokens, cost_usd, estimated, seconds, background, key_id"
)
_INSERT = f"INSERT INTO model_calls ({_FIELDS}, charged_nano, owner) VALUES ({','.join('?' * 20)})"  # noqa: S608
_STATE = "SELECT outcome, day, charged_nano, purpose, placement, key_id FROM model_calls WHERE call_id = ?"
_SETTLE = (
    "UPDATE model_calls SET request_id = ?, purpose = ?, placement = ?, model = ?, prompt_id = ?, prompt_hash = ?, "
    "outcome = ?, input_tokens = ?, output_tokens = ?, cached_tokens = ?, cost_usd = ?, estimated = ?, seconds = ?, "
    "background = ?, charged_nano = ? WHERE call_id = ?"
)
_PENDING = (
    "SELECT call_id, day, at, charged_nano, owner, purpose, placement, key_id FROM model_calls "
    "WHERE outcome = 'pending'"
)
_LOST = "UPDATE model_calls SET outcome = 'lost' WHERE call_id = ?"
_OLD = (
    "DELETE FROM model_calls WHERE call_id IN "
    "(SELECT call_id FROM model_calls WHERE at < ? AND outcome <> 'pending' LIMIT ?)"
)
_GROUPS = {
    "model": "model",
    # A chat is no slot of a page, so the assistant is a place of its own; as budgets have it.
    "placement": "CASE purpose WHEN 'chat' THEN 'chat' ELSE placement END",
    "prompt": "prompt_id || '@' || prompt_hash",
    "day": "day",
}

PURGED_AT_ONCE = 2000
"""Rows that one transaction deletes: reservations wait for it."""


class SqlLedger:
    """Implements app.ports.Ledger in the shop's database. Any thread of any process of one machine may call it.

    Every method waits for the disk: call it from a thread. Raises of every method: StoreUnavailable.
    """

    def __init__(self, engine: Engine, *, wall: Callable[[], float], on_settled: Callable[[LedgerRow], None]) -> None:
        self._engine, self._wall, self._on_settled = engine, wall, on_settled
        self._owner = f"{os.getpid()}.{secrets.token_hex(8)}"
        # SQLite has one writer; threads of this process queue here instead of polling for the file's lock.
        self._write_lock = threading.Lock()
        self._warned_of: str | None = None

    @classmethod
    def open(
        cls,
        url: str,
        *,
        wall: Callable[[], float] = time.time,
        on_settled: Callable[[LedgerRow], None] = lambda row: None,
    ) -> SqlLedger:
        """The ledger in the database at this URL (sqlite:///path), its schema brought up to date.

        Calls that a dead process left pending become "lost"; what they could have cost stays charged.

        Args:   on_settled: told each row once, as it was settled, after that is on the disk.
        Raises: ConfigurationError, StoreUnavailable: as SqlStore.open.
        """
        engine = open_engine(url)
        try:
            migrate(engine)
            ledger = cls(engine, wall=wall, on_settled=on_settled)
            ledger.sweep()
        except ShelfwiseError:
            engine.dispose()
            raise
        return ledger

    def close(self) -> None:
        """Closes every connection."""
        self._engine.dispose()

    def reserve(
        self,
        row: LedgerRow,
        worst_case_usd: float,
        daily_budget_usd: float | None,
        budgets: Sequence[Budget] = (),
        rations: Sequence[Ration] = (),
    ) -> Reservation:
        """See Ledger. Outlives this process when it returns; a repeated call id changes nothing and is True.

        It is not flushed to the disk, which a call would wait for (1 to 5 ms): every settlement is, with all before it.
        So a power failure can take the reservations of the calls that were under way, and nothing else.

        Args:   budgets: those of the row's scopes that are limited, beside the daily one; rations: of its payer.

        The day is the row's, or the newest that anything was charged to when that is later: a clock that is set
        back opens no second budget (docs/decisions/006).

        Raises: ValueError: the worst case is negative or not finite; an unknown price has none, refuse the start.
        """
        if not (math.isfinite(worst_case_usd) and worst_case_usd >= 0):
            raise ValueError(f"A worst case of {worst_case_usd} US dollars can't be reserved; give the model a price.")
        worst = _nano(worst_case_usd)
        with self._write_lock, writing(self._engine, flushed=False) as connection:
            cursor = cursor_of(connection)
            if cursor.execute(_STATE, (row.call_id,)).fetchone() is not None:
                return Reservation(True)
            self._mark_lost(cursor)
            day = max(row.day, charges.newest_day(cursor) or "")
            limited = [Budget(TOTAL, hard_usd=daily_budget_usd), *budgets]
            then = {budget: sum(charges.spend(cursor, day, budget.scope)) + worst for budget in limited}
            over = tuple(budget.scope for budget in limited if _beyond(then[budget], budget.soft_usd))
            for budget in limited:
                if _beyond(then[budget], budget.hard_usd):
                    return Reservation(False, budget.scope, "budget", over)
            party = charges.passed(cursor, rations, row.at)
            if party is not None:
                return Reservation(False, party, "ration", over)
            charges.count(cursor, rations, row.at)
            written = (row.call_id, row.at, day, *_values(row, "pending"), row.key_id)
            cursor.execute(_INSERT, (*written, worst, self._owner))
            charges.charge(cursor, day, row.scopes, 0, worst)
        if row.day not in (day, self._warned_of):
            self._warned_of = row.day
            log.warning("ledger_clock_behind", day=row.day, charged_to=day)
        return Reservation(True, over_soft=over)

    def settle(self, call_id: str, row: LedgerRow) -> None:
        """See Ledger. Keeps time and day of the reservation; the first final row counts, later ones change nothing.

        A cost that is unknown or no cost (negative, not finite) stays charged with the worst case. A call that was
        taken for lost is corrected. One that was never reserved is written all the same: it was paid for.
        """
        if self._settled(call_id, row):
            self._on_settled(row)

    def _settled(self, call_id: str, row: LedgerRow) -> bool:
        """Writes the final row; False when there was one already."""
        known = row.cost_usd is not None and math.isfinite(row.cost_usd) and row.cost_usd >= 0
        final = _values(row, row.outcome, cost_usd=row.cost_usd if known else None)
        with self._write_lock, writing(self._engine) as connection:
            cursor = cursor_of(connection)
            found = cursor.execute(_STATE, (call_id,)).fetchone()
            if found is None:
                charge = _nano(row.cost_usd) if known and row.cost_usd is not None else 0
                cursor.execute(_INSERT, (call_id, row.at, row.day, *final, row.key_id, charge, self._owner))
                charges.charge(cursor, row.day, row.scopes, charge, 0)
                return True
            outcome, day, charged, *place = found
            if outcome not in ("pending", "lost"):
                return False
            charge = _nano(row.cost_usd) if known and row.cost_usd is not None else charged
            cursor.execute(_SETTLE, (*final, charge, call_id))
            sums = (charge, -charged) if outcome == "pending" else (charge - charged, 0)
            charges.charge(cursor, day, budget_scopes(*place), *sums)
        return True

    def spent_usd(self, day: str) -> tuple[float, float]:
        """See Ledger; what lost calls and calls of unknown cost are charged with counts as settled."""
        with reading(self._engine) as connection:
            settled, reserved = charges.spend(cursor_of(connection), day, TOTAL)
        return settled / NANO, reserved / NANO

    def standings(self, budgets: Iterable[Budget]) -> Sequence[BudgetStanding]:
        """How these budgets stand on the day that a call would be charged to now."""
        today = datetime.fromtimestamp(self._wall(), UTC).date().isoformat()
        with reading(self._engine) as connection:
            cursor = cursor_of(connection)
            day = max(today, charges.newest_day(cursor) or "")
            return [
                BudgetStanding(budget, day, sum(charges.spend(cursor, day, budget.scope)) / NANO) for budget in budgets
            ]

    def costs(self, *, group_by: CostGrouping, since: float, until: float) -> Sequence[CostGroup]:
        """What calls that began in [since, until), epoch seconds, came to per group; the dearest group first.

        Groups by prompt are called "rerank/v1@<hash>". A day is the one charged. The assistant's placement is "chat".
        """
        statement = (
            f"SELECT {_GROUPS[group_by]} AS name, count(*), sum(input_tokens), sum(output_tokens), "  # noqa: S608
            "sum(cached_tokens), total(cost_usd), sum(cost_usd IS NULL AND outcome <> 'pending'), "
            "sum(outcome = 'pending'), sum(outcome = 'lost'), sum(background), sum(charged_nano) / 1e9 "
            "FROM model_calls WHERE at >= ? AND at < ? GROUP BY name ORDER BY sum(charged_nano) DESC, name"
        )
        with reading(self._engine) as connection:
            rows = cursor_of(connection).execute(statement, (since, until)).fetchall()
        return [CostGroup(*row) for row in rows]

    def rows(self, *, since: float, until: float, limit: int = 1000) -> Sequence[LedgerRow]:
        """Calls that began in [since, until), epoch seconds, newest first."""
        statement = f"SELECT {_FIELDS} FROM model_calls WHERE at >= ? AND at < ? ORDER BY at DESC, call_id LIMIT ?"  # noqa: S608
        with reading(self._engine) as connection:
            found = cursor_of(connection).execute(statement, (since, until, limit)).fetchall()
        read = (LedgerRow(*row) for row in found)
        return [replace(row, estimated=bool(row.estimated), background=bool(row.background)) for row in read]

    def sweep(self) -> int:
        """Turns pending calls of dead processes, and those older than 60 s, into lost ones; how many."""
        with self._write_lock, writing(self._engine) as connection:
            return self._mark_lost(cursor_of(connection))

    def rebook_after(self, day: str) -> float:
        """Charges what was charged to later days to this one instead; US dollars moved.

        For the operator of a machine whose clock had run ahead: until then every call counts against that later day.
        """
        with self._write_lock, writing(self._engine) as connection:
            cursor = cursor_of(connection)
            cursor.execute("UPDATE model_calls SET day = ? WHERE day > ?", (day, day))
            moved: float = charges.move_later(cursor, day) / NANO
        return moved

    def purge(self, before: float) -> int:
        """Deletes calls that began before a moment (epoch seconds, by the wall clock) and the sums of earlier days.

        Counts of rations that are over go too. Returns the calls deleted; one that is pending stays.
        """
        purged = 0
        while True:
            with self._write_lock, writing(self._engine, flushed=False) as connection:
                gone = cursor_of(connection).execute(_OLD, (before, PURGED_AT_ONCE)).rowcount
            purged += gone
            if gone < PURGED_AT_ONCE:
                break
        first_day = datetime.fromtimestamp(before, UTC).date().isoformat()
        with self._write_lock, writing(self._engine) as connection:
            cursor = cursor_of(connection)
            cursor.execute("DELETE FROM model_charges WHERE day < ?", (first_day,))
            charges.forget(cursor, self._wall())
        return purged

    def _mark_lost(self, cursor: sqlite3.Cursor) -> int:
        before = self._wall() - LOST_AFTER_S
        lost = 0
        for call_id, day, at, charged, owner, *place in cursor.execute(_PENDING).fetchall():
            if at < before or self._is_dead(owner):
                cursor.execute(_LOST, (call_id,))
                charges.charge(cursor, day, budget_scopes(*place), charged, -charged)
                lost += 1
        if lost:
            log.warning("ledger_calls_lost", calls=lost)
        return lost

    def _is_dead(self, owner: str) -> bool:
        """Whether the process is gone. One whose number was given to another passes for alive until its 60 s are up."""
        if owner == self._owner:
            return False
        number = int(owner.partition(".")[0])
        try:
            os.kill(number, 0)
        except ProcessLookupError:
            return True
        except PermissionError:
            return False
        return False


def _nano(usd: float) -> int:
    """Rounded up: what is charged is never less than what is paid."""
    return min(_LARGEST, math.ceil(round(usd * NANO, 3)))


def _beyond(nano: int, budget_usd: float | None) -> bool:
    """Whether a sum is more than the budget, by more than half of the smallest amount there is."""
    return budget_usd is not None and nano > budget_usd * NANO + 0.5


def _values(row: LedgerRow, outcome: str, *, cost_usd: float | None = None) -> tuple[Any, ...]:
    """A row's columns from request_id on, such that the database takes them, whatever a provider sent."""
    return (
        row.request_id,
        row.purpose,
        row.placement,
        row.model.encode("utf-8", "replace").decode(),
        row.prompt_id,
        row.prompt_hash,
        outcome,
        min(_LARGEST, max(0, row.input_tokens)),
        min(_LARGEST, max(0, row.output_tokens)),
        min(_LARGEST, max(0, row.cached_tokens)),
        cost_usd,
        int(row.estimated),
        row.seconds,
        int(row.background),
    )
