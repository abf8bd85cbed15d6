"""Sums that guard what models may cost: dollars per day and scope, calls per party of the last hour.

Statements only: transactions and money are the ledger's. Rations count in slots of five minutes, so that "in any hour"
holds to the slot: an hour is counted as the running slot and the twelve before it, 60 to 65 minutes.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence

from app.domain.budgets import Ration

SLOT_S = 300.0
SLOTS = 12
"""Whole slots before the running one that count."""

_CHARGE = (
    "INSERT INTO model_charges (day, scope, settled_nano, reserved_nano) VALUES (?, ?, ?, ?) "
    "ON CONFLICT (day, scope) DO UPDATE SET "
    "settled_nano = settled_nano + excluded.settled_nano, reserved_nano = reserved_nano + excluded.reserved_nano"
)
_SPEND = "SELECT settled_nano, reserved_nano FROM model_charges WHERE day = ? AND scope = ?"
_CALLS = "SELECT coalesce(sum(calls), 0) FROM model_rations WHERE party = ? AND slot >= ?"
_COUNT = (
    "INSERT INTO model_rations (party, slot, calls) VALUES (?, ?, 1) "
    "ON CONFLICT (party, slot) DO UPDATE SET calls = calls + 1"
)


def charge(cursor: sqlite3.Cursor, day: str, scopes: Iterable[str], settled: int, reserved: int) -> None:
    """Adds to the sums of every scope; both in billionths of a dollar, negative to take off."""
    cursor.executemany(_CHARGE, [(day, scope, settled, reserved) for scope in scopes])


def spend(cursor: sqlite3.Cursor, day: str, scope: str) -> tuple[int, int]:
    """(settled, reserved) of a day and scope, in billionths of a dollar."""
    found: tuple[int, int] | None = cursor.execute(_SPEND, (day, scope)).fetchone()
    return (0, 0) if found is None else found


def newest_day(cursor: sqlite3.Cursor) -> str | None:
    """The newest day that anything was charged to."""
    found: tuple[str | None] = cursor.execute("SELECT max(day) FROM model_charges").fetchone()
    return found[0]


def move_later(cursor: sqlite3.Cursor, day: str) -> int:
    """Charges what was charged to later days to this one, scope by scope; billionths of a dollar moved in all."""
    later = cursor.execute(
        "SELECT scope, sum(settled_nano), sum(reserved_nano) FROM model_charges WHERE day > ? GROUP BY scope", (day,)
    ).fetchall()
    cursor.execute("DELETE FROM model_charges WHERE day > ?", (day,))
    cursor.executemany(_CHARGE, [(day, *row) for row in later])
    return sum(settled + reserved for scope, settled, reserved in later if scope == "total")


def passed(cursor: sqlite3.Cursor, rations: Sequence[Ration], at: float) -> str | None:
    """The first party that has used its ration of the hour up; None when each may make one more call."""
    first = int(at // SLOT_S) - SLOTS
    for ration in rations:
        (calls,) = cursor.execute(_CALLS, (ration.party, first)).fetchone()
        if calls >= ration.calls_per_hour:
            return ration.party
    return None


def count(cursor: sqlite3.Cursor, rations: Sequence[Ration], at: float) -> None:
    """Counts one call for each party."""
    slot = int(at // SLOT_S)
    cursor.executemany(_COUNT, [(ration.party, slot) for ration in rations])


def forget(cursor: sqlite3.Cursor, at: float) -> None:
    """Deletes counts that no ration looks at any more."""
    cursor.execute("DELETE FROM model_rations WHERE slot < ?", (int(at // SLOT_S) - SLOTS,))
