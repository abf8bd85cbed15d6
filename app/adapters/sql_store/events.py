"""What shoppers did: written once per event id, read per shopper on a request and all at once for training."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import product as every_combination
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.adapters.sql_store.identities import links
from app.domain.imports import Written
from app.domain.intake import Outcome
from app.domain.interactions import KINDS, EventKind, Interaction, InteractionLog, PastInteraction, Personalization

_FIELDS = (
    "event_id, kind, timestamp, user_id, anonymous_id, session_id, product_id, quantity, price_minor, "
    "transaction_id, query, dwell_ms, value, recommendation_id, position"
)
_INSERT = f"INSERT OR IGNORE INTO events ({_FIELDS}, note, claimed) VALUES ({','.join('?' * 17)})"  # noqa: S608
_HELD_LINE = "SELECT row, claimed FROM events WHERE transaction_id = ? AND product_id IS ? AND kind = 'purchase'"
# What led to the order, only the browser knows; everything else is the server's.
_CONFIRM = """
UPDATE OR IGNORE events SET event_id = :event_id, timestamp = :timestamp, quantity = :quantity, claimed = 0,
    price_minor = :price_minor, user_id = :user_id, anonymous_id = coalesce(:anonymous_id, anonymous_id),
    session_id = coalesce(:session_id, session_id), position = coalesce(:position, position),
    recommendation_id = coalesce(:recommendation_id, recommendation_id)
WHERE row = :row
"""
_COMPLETE = "UPDATE events SET user_id = ? WHERE row = ? AND user_id IS NULL"
DefaultLevels = Callable[[set[str | None]], Mapping[str | None, Personalization]]
_KIND = {kind.value: kind for kind in EventKind}
_CHUNK = 2_000  # small, so that the garbage collector never walks many living rows


_PAST = "e.timestamp, e.row, e.event_id, e.kind, e.session_id, e.product_id, e.transaction_id, e.value"

# Whose an event is that carries no user id, or more than one id; see `newest`.
_WHOSE = {
    "user_id": "FROM events e WHERE e.user_id = :user_id",
    "linked": "FROM identities i CROSS JOIN events e WHERE i.user_id = :user_id AND e.anonymous_id = i.anonymous_id "
    "AND e.user_id IS NULL AND (i.shared_from IS NULL OR e.timestamp < i.shared_from)",
    "anonymous_id": "FROM events e WHERE e.anonymous_id = :anonymous_id "
    # For a shopper only while the visitor is nobody's yet: afterwards "linked" says what of it is theirs.
    "AND e.user_id IS NULL AND (:user_id IS NULL OR e.anonymous_id NOT IN (SELECT anonymous_id FROM identities))",
    "session_id": "FROM events e WHERE e.session_id = :session_id",
}


def _newest_statement(has: tuple[bool, ...]) -> str:
    """The newest events of each of the ids, each looked up in its own index, so none scans the table."""
    user, anonymous, session = has
    wanted = {"user_id": user, "linked": user, "anonymous_id": anonymous, "session_id": session}
    return " UNION ALL ".join(
        f"SELECT * FROM (SELECT {_PAST} {source} AND e.kind <> 'impression' "  # noqa: S608
        f"AND (e.product_id IS NOT NULL OR e.query IS NOT NULL) ORDER BY e.timestamp DESC, e.row DESC LIMIT :limit)"
        for column, source in _WHOSE.items()
        if wanted[column]
    )


_NEWEST = {has: _newest_statement(has) for has in every_combination((False, True), repeat=3) if any(has)}


def insert(cursor: sqlite3.Cursor, events: Sequence[Interaction]) -> Written:
    """Adds events; those whose id is held already change nothing and count as duplicates."""
    cursor.executemany(_INSERT, [_values(event) for event in events])
    inserted = max(cursor.rowcount, 0)  # SQLite says -1 for no rows
    return Written(inserted=inserted, duplicates=len(events) - inserted)


def record(cursor: sqlite3.Cursor, events: Sequence[Interaction]) -> list[Outcome]:
    """Adds live events one by one; what became of each, in their order.

    A purchase is a duplicate also when its transaction and product are held already: the page, the server and the
    analytics tool may each report it, under ids of their own. The server's report takes the place of a browser's,
    and a report that names the buyer completes one that did not (docs/decisions/012).

    Every event that comes over HTTP passes here, inside the transaction that writes it, after the tombstones have been
    looked at in the same transaction (see SqlTransaction).
    """
    return [_record(cursor, event) for event in events]


def _record(cursor: sqlite3.Cursor, event: Interaction) -> Outcome:
    if event.kind is EventKind.PURCHASE and event.transaction_id is not None:
        held = cursor.execute(_HELD_LINE, (event.transaction_id, event.product_id)).fetchone()
        if held is not None:
            row, claimed = held
            if claimed and not event.claimed:
                cursor.execute(_CONFIRM, {**_by_name(event), "row": row})
                return "accepted" if cursor.rowcount == 1 else "duplicate"
            if event.user_id is not None and (claimed or not event.claimed):
                cursor.execute(_COMPLETE, (event.user_id, row))
            return "duplicate"
    cursor.execute(_INSERT, _values(event))
    return "accepted" if cursor.rowcount == 1 else "duplicate"


def newest(
    cursor: sqlite3.Cursor, *, user_id: str | None, anonymous_id: str | None, session_id: str | None, limit: int
) -> list[PastInteraction]:
    """The newest events with a product or a search text that belong to any of the ids, newest first.

    An event with a user id belongs to that user. One without belongs to its visitor, and to the user that the visitor
    turned out to be (see `identities`); to no other user who comes with the visitor's id. A session is whoever has it.
    Impressions are left out: they say nothing, and would take the place of what does.
    """
    has = (user_id is not None, anonymous_id is not None, session_id is not None)
    if not any(has) or limit <= 0:
        return []
    ids = {"user_id": user_id, "anonymous_id": anonymous_id, "session_id": session_id, "limit": limit}
    found = cursor.execute(_NEWEST[has], ids).fetchall()
    if sum(has) > 1:  # an event may carry several of the ids
        found = list({row[1]: row for row in found}.values())
    found.sort(reverse=True)
    return [
        PastInteraction(event, _KIND[kind], at, session, product, order, value)
        for at, _, event, kind, session, product, order, value in found[:limit]
    ]


def by_rows(cursor: sqlite3.Cursor, rows: str, values: Mapping[str, object]) -> list[Interaction]:
    """The events whose row numbers a statement selects, oldest first, with the notes that no request reads."""
    statement = f"SELECT {_FIELDS}, note FROM events WHERE row IN ({rows}) ORDER BY timestamp, row"  # noqa: S608
    return [_interaction_from(row) for row in cursor.execute(statement, dict(values))]


def last_at(cursor: sqlite3.Cursor) -> float | None:
    """Epoch seconds of the newest event."""
    found: float | None = cursor.execute("SELECT max(timestamp) FROM events").fetchone()[0]
    return found


def interaction_log(cursor: sqlite3.Cursor, default_levels: DefaultLevels) -> InteractionLog:
    """Every event with a known product but searches, ordered by time, ties in the order of arrival.

    Args:    default_levels: of shoppers who chose nothing, and of visitors (None).
    Returns: product_ids are those with at least one interaction, in catalogue order.
    """
    row_of = {p: row for row, (p,) in enumerate(cursor.execute("SELECT product_id FROM products ORDER BY row"))}
    levels = dict(cursor.execute("SELECT user_id, personalization FROM shoppers WHERE personalization IS NOT NULL"))
    kind_code = {kind.value: code for code, kind in enumerate(KINDS)}
    linked = links(cursor)
    seen = {u for (u,) in cursor.execute("SELECT DISTINCT user_id FROM events WHERE user_id IS NOT NULL")}
    unstated = (seen | {user for user, _ in linked.values()}) - set(levels)
    actors = _Actors({**levels, **default_levels({None, *unstated})}, linked)
    orders: dict[str, int] = {}
    parts: list[tuple[NDArray[Any], ...]] = []
    for users, sessions, anonymous, products, kinds, times, quantities, transactions, values, claimed in _chunks(
        cursor
    ):
        parts.append(
            (
                np.asarray(actors.codes(users, sessions, anonymous, times), dtype=np.int32),
                np.asarray([row_of.get(p, -1) for p in products], dtype=np.int32),
                np.asarray([kind_code[k] for k in kinds], dtype=np.int8),
                np.asarray(times, dtype=np.float64),
                np.asarray(quantities, dtype=np.float32),
                np.asarray(
                    [-1 if t is None else orders.setdefault(t, len(orders)) for t in transactions], dtype=np.int32
                ),
                np.asarray(values, dtype=np.float32),
                np.asarray(actors.holders(users, anonymous, times), dtype=np.int32),
                np.asarray([not one for one in claimed], dtype=np.bool_),
            )
        )
    if not parts:
        parts.append(tuple(np.empty(0, dtype) for dtype in ("i4", "i4", "i1", "f8", "f4", "i4", "f4", "i4", "?")))
    columns = (np.concatenate(column) for column in zip(*parts, strict=True))
    actor, product, kind, timestamp, quantity, order, value, holder, reported = columns
    vouched_at = _vouched_at(holder, timestamp, reported & (kind == KINDS.index(EventKind.PURCHASE)))
    known = product >= 0
    by_time = np.flatnonzero(known)[np.argsort(timestamp[known], kind="stable")]
    rows, product = np.unique(product[by_time], return_inverse=True)
    ids = list(row_of)
    actor, n_actors = _renumbered(actor[by_time])
    return InteractionLog(
        actor=actor,
        n_actors=n_actors,
        product=product.astype(np.int32),
        product_ids=tuple(ids[row] for row in rows),
        kind=kind[by_time],
        timestamp=timestamp[by_time],
        quantity=np.nan_to_num(quantity[by_time], nan=1.0),
        order=_renumbered(order[by_time])[0],
        value=value[by_time],
        holder=holder[by_time],
        vouched_at=vouched_at[by_time],
    )


def _vouched_at(
    holder: NDArray[np.int32], timestamp: NDArray[np.float64], reported: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """See InteractionLog. reported: which rows are orders that the shop itself told of; all arrays of shape (n,)."""
    first = np.full(int(holder.max(initial=-1)) + 2, np.inf)  # the last one is of rows without a holder
    named = reported & (holder >= 0)
    np.minimum.at(first, holder[named], timestamp[named])
    return np.where(reported, np.minimum(first[holder], timestamp), first[holder])


class _Actors:
    """Gives each actor a number as it appears, under the consent given (see InteractionLog)."""

    def __init__(self, levels: Mapping[str | None, str], links: Mapping[str, tuple[str, float]]) -> None:
        self._levels, self._links = levels, links
        self._users: dict[str, int] = {}
        self._sessions: dict[str, int] = {}
        self._anonymous: dict[str, int] = {}
        self._holders: dict[tuple[str, str], int] = {}
        self._count = 0

    def codes(
        self,
        users: Sequence[str | None],
        sessions: Sequence[str | None],
        anonymous: Sequence[str | None],
        times: Sequence[float],
    ) -> list[int]:
        codes = []
        for named, session, visitor, at in zip(users, sessions, anonymous, times, strict=True):
            user = self._joined(visitor, at) if named is None else named
            level = self._levels[user]
            if level == "full" and user is not None:
                codes.append(self._number(self._users, user))
            elif level == "none":
                codes.append(-1)
            elif session is not None:
                codes.append(self._number(self._sessions, session))
            elif visitor is not None:
                codes.append(self._number(self._anonymous, visitor))
            else:
                codes.append(-1)
        return codes

    def holders(
        self, users: Sequence[str | None], anonymous: Sequence[str | None], times: Sequence[float]
    ) -> list[int]:
        """The account that each event names, else its browser, whatever may be tied; -1 where it names neither."""
        codes = []
        for named, visitor, at in zip(users, anonymous, times, strict=True):
            user = self._joined(visitor, at) if named is None else named
            name = ("user", user) if user is not None else None if visitor is None else ("anonymous", visitor)
            codes.append(-1 if name is None else self._holders.setdefault(name, len(self._holders)))
        return codes

    def _joined(self, visitor: str | None, at: float) -> str | None:
        """The shopper that a visitor turned out to be, while full personalisation is agreed to."""
        if visitor is None or visitor not in self._links:
            return None
        user, shared_from = self._links[visitor]
        return user if at < shared_from and self._levels[user] == "full" else None

    def _number(self, known: dict[str, int], name: str) -> int:
        code = known.get(name)
        if code is None:
            code = known[name] = self._count
            self._count += 1
        return code


def _chunks(cursor: sqlite3.Cursor) -> Iterator[Any]:
    """Columns of the events that training reads, in the order of arrival, a part at a time."""
    cursor.execute(
        "SELECT user_id, session_id, anonymous_id, product_id, kind, timestamp, quantity, transaction_id, value, "
        "claimed FROM events WHERE product_id IS NOT NULL AND kind <> 'search' ORDER BY row"
    )
    while rows := cursor.fetchmany(_CHUNK):
        yield zip(*rows, strict=True)


def _renumbered(codes: NDArray[np.int32]) -> tuple[NDArray[np.int32], int]:
    """The same codes without gaps, -1 left alone, and how many there are."""
    known = codes >= 0
    distinct, inverse = np.unique(codes[known], return_inverse=True)
    dense = np.full(len(codes), -1, dtype=np.int32)
    dense[known] = inverse
    return dense, len(distinct)


def _values(event: Interaction) -> tuple[Any, ...]:
    return (
        event.event_id,
        event.kind.value,
        event.timestamp,
        event.user_id,
        event.anonymous_id,
        event.session_id,
        event.product_id,
        event.quantity,
        event.price_minor,
        event.transaction_id,
        event.query,
        event.dwell_ms,
        event.value,
        event.recommendation_id,
        event.position,
        event.note,
        1 if event.claimed else None,
    )


def _by_name(event: Interaction) -> dict[str, object]:
    return dict(zip(_FIELDS.split(", "), _values(event), strict=False))


def _interaction_from(row: tuple[Any, ...]) -> Interaction:
    return Interaction(row[0], _KIND[row[1]], *row[2:])
