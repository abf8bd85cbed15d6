"""Which slate led to what: events joined to served slates, purchases credited to the last touch, all in SQL.

docs/metrics.md says what every name here means. The work is done by SQLite in temporary tables of a read-only
connection, which spill to a temporary file; only sums per bucket of shoppers come out. SQLite lets other threads of
the process run meanwhile, and readers in WAL mode hold up no writer.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
from sqlalchemy import Engine, event

from app.adapters.sql_store import attribution_sql as sql
from app.adapters.sql_store import attribution_sums as sums
from app.adapters.sql_store.connection import BUSY_TIMEOUT_S, cursor_of, open_engine, reading_one_state
from app.adapters.sql_store.ledger import SqlLedger
from app.domain.figures import (
    ORDER_COLUMNS,
    OTHER,
    SHOPPER_COLUMNS,
    SLATE_COLUMNS,
    VISIT_COLUMNS,
    AttributionRule,
    Grouping,
    GroupTally,
    LeftOut,
    ModelCost,
    Period,
    ShopTally,
    Sums,
    Tally,
    Waits,
)
from app.pipeline.business_figures import too_small

BUCKETS = 2_000
"""Shoppers are resampled in this many buckets at most: the error of an interval's width is then about 1.6%."""

_NEVER = 1e15  # later than any time of an event, exact as a float
_CACHE_KIB = 131_072


class SqlAttribution:
    """Reads a Tally from the shop's database. One call at a time; every call waits for the disk.

    Raises of every method: StoreUnavailable.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    @classmethod
    def open(cls, url: str) -> SqlAttribution:
        """A reader of the database at this URL (sqlite:///path), which a store has opened before; opens nothing yet."""
        engine = open_engine(url)
        path = Path(str(engine.url.database)).expanduser().absolute()

        def connect(*_: Any) -> sqlite3.Connection:
            return sqlite3.connect(
                f"file:{quote(str(path))}?mode=ro", uri=True, timeout=BUSY_TIMEOUT_S, check_same_thread=False
            )

        event.listen(engine, "do_connect", connect)
        event.listen(engine, "connect", _bound_memory)
        return cls(engine)

    def ledger(self) -> SqlLedger:
        """The ledger on the same connections, for reports and what is done once in a while; not for calls."""
        return SqlLedger(self._engine, wall=time.time, on_settled=lambda row: None)

    def close(self) -> None:
        """Closes the connection."""
        self._engine.dispose()

    def tally(self, period: Period, grouping: Grouping | None, rule: AttributionRule) -> Tally:
        """What the slates of the period led to, altogether and per group, and what the whole shop did meanwhile.

        Purchases of the period's slates count whenever they were made; `shop` counts what happened in the period.
        """
        values: dict[str, Any] = {
            "since": period.since,
            "until": _NEVER if period.until is None else period.until,
            "window": rule.window_s,
            "skew": rule.skew_s,
            "longest_visit": rule.longest_visit_s,
            "most_events": rule.most_events,
            "buckets": BUCKETS,
        }
        with reading_one_state(self._engine) as connection:
            cursor = cursor_of(connection)
            for statement in sql.slates_of(grouping):
                cursor.execute(statement, _named(statement, values))
            merged = set() if grouping is None else _merge(cursor)
            for statement in sql.preparation():
                cursor.execute(statement, _named(statement, values))
            (shoppers,) = cursor.execute("SELECT count(*) FROM temp.shopper").fetchone()
            reader = _Reader(cursor, values, spread=shoppers > BUCKETS)
            total = reader.groups(None).get("", _nothing())
            groups = {} if grouping is None else reader.groups(grouping, merged)
            found = Tally(total, groups, reader.shop(), reader.left_out())
        self._engine.dispose()  # and with the connection its caches: a server reads a report now and then
        return found


def _merge(cursor: sqlite3.Cursor) -> set[str]:
    """Puts groups of too few shoppers together; their names."""
    merged = too_small(dict(cursor.execute(sql.GROUP_SIZES).fetchall()))
    if merged:
        cursor.execute("INSERT OR IGNORE INTO label (name) VALUES (?)", (OTHER,))
        cursor.executemany(sql.MERGE, [{"name": name, "other": OTHER} for name in sorted(merged)])
    return merged


def _bound_memory(connection: sqlite3.Connection, _record: Any) -> None:
    connection.execute("PRAGMA temp_store=FILE")
    connection.execute(f"PRAGMA temp.cache_size=-{_CACHE_KIB}")


def _named(statement: str, values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if f":{name}" in statement}


class _Reader:
    """Fetches what `preparation` made."""

    def __init__(self, cursor: sqlite3.Cursor, values: Mapping[str, Any], *, spread: bool) -> None:
        self._cursor, self._values, self._spread = cursor, values, spread
        self._names: dict[int, str] = dict(cursor.execute("SELECT row, name FROM temp.label").fetchall())

    def groups(self, grouping: Grouping | None, merged: Collection[str] = ()) -> dict[str, GroupTally]:
        """Group → its tally, in the order of the names, what was merged last; everything under "" when not grouped."""
        grouped = grouping is not None
        slates = _sums(self._grouped(sums.SLATES, grouped), SLATE_COLUMNS)
        orders = _sums(self._grouped(sums.GROUP_ORDERS, grouped), ORDER_COLUMNS)
        visits = _sums(self._grouped(sums.GROUP_VISITS, grouped), VISIT_COLUMNS)
        waits = _waits(self._grouped(sums.GROUP_WAITS, grouped))
        costs: dict[str, ModelCost] = {}
        for name, *cost in self._rows(sums.costs(grouping)):
            shown = OTHER if name in merged else name
            costs[shown] = costs.get(shown, ModelCost()) + ModelCost(*cost)
        return {
            name: GroupTally(
                slates.get(name, _zeros(SLATE_COLUMNS)),
                orders.get(name, _zeros(ORDER_COLUMNS)),
                visits.get(name, _zeros(VISIT_COLUMNS)),
                waits.get(name, _NO_WAITS),
                costs.get(name, ModelCost()),
            )
            for name in sorted({*slates, *costs}, key=lambda name: (name == OTHER, name))
        }

    def shop(self) -> ShopTally:
        """What happened in the period."""
        return ShopTally(
            _sums(self._grouped(sums.SHOP_SHOPPERS), SHOPPER_COLUMNS).get("", _zeros(SHOPPER_COLUMNS)),
            _sums(self._grouped(sums.SHOP_ORDERS), ORDER_COLUMNS).get("", _zeros(ORDER_COLUMNS)),
            _sums(self._grouped(sums.SHOP_VISITS), VISIT_COLUMNS).get("", _zeros(VISIT_COLUMNS)),
            _waits(self._grouped(sums.SHOP_WAITS)).get("", _NO_WAITS),
        )

    def left_out(self) -> LeftOut:
        """What counts for nothing, and why."""
        return LeftOut(*self._rows(sums.LEFT_OUT)[0])

    def _rows(self, statement: str, grouped: bool = False) -> list[tuple[Any, ...]]:
        filled = statement.replace("{label}", "s.label" if grouped else "0")
        filled = filled.replace("{distinct}", "" if grouped else "DISTINCT")
        filled = filled.replace("{bucket}", sums.SPREAD if self._spread else "code")
        return self._cursor.execute(filled, _named(filled, self._values)).fetchall()

    def _grouped(self, statement: str, grouped: bool = False) -> list[tuple[Any, ...]]:
        """The rows with the group's name before them, "" for everything together."""
        return [(self._names.get(label, ""), *row) for label, *row in self._rows(statement, grouped)]


def _sums(rows: Sequence[tuple[Any, ...]], columns: Sequence[str]) -> dict[str, Sums]:
    """Group → column → sum per bucket, of rows (group, bucket, a number per column)."""
    by_name: dict[str, list[tuple[Any, ...]]] = {}
    for row in rows:
        by_name.setdefault(row[0], []).append(row[2:])
    return {
        name: dict(zip(columns, np.asarray(found, dtype=np.float64).T, strict=True)) for name, found in by_name.items()
    }


def _zeros(columns: Sequence[str]) -> Sums:
    return {column: np.zeros(0) for column in columns}


def _waits(rows: Sequence[tuple[Any, ...]]) -> dict[str, Waits]:
    by_name: dict[str, list[tuple[Any, ...]]] = {}
    for row in rows:
        by_name.setdefault(row[0], []).append(row[1:])
    found = {name: np.asarray(values, dtype=np.float64) for name, values in by_name.items()}
    return {name: Waits(seconds=table[:, 1], bucket=table[:, 0]) for name, table in found.items()}


_NO_WAITS = Waits(np.zeros(0), np.zeros(0))


def _nothing() -> GroupTally:
    return GroupTally(_zeros(SLATE_COLUMNS), _zeros(ORDER_COLUMNS), _zeros(VISIT_COLUMNS), _NO_WAITS)
