"""Everything that the database holds about one shopper: read whole, and deleted whole."""

# ruff: noqa: S608 - every statement is put together from constants of this module
from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, cast

import orjson

from app.adapters.sql_store import conversations, events, slates
from app.adapters.sql_store.tombstones import Identity, Tombstones
from app.domain.chat import Remembered
from app.domain.interactions import Interaction
from app.domain.privacy import ErasedKind, Erasure, Receipt
from app.domain.ranking import Slate

CLOCKS_DIFFER_BY_S = 600.0
"""How far ahead of ours a client's clock may be for its events to count as done before the erasure."""

SESSIONS_BARRED = 100
"""Latest sessions of an erased shopper that get a tombstone of their own: events without an id may still come."""

# Each id through its own index: an OR over all three would scan the table.
_ROWS = (
    "SELECT row FROM events WHERE user_id = :user UNION "
    "SELECT row FROM events WHERE anonymous_id IN (SELECT value FROM json_each(:anonymous)) AND user_id IS NULL UNION "
    "SELECT row FROM events WHERE session_id IN (SELECT value FROM json_each(:sessions)) AND user_id IS NULL UNION "
    # Of a visitor who was several shoppers: what was joined to this one (see identities).
    "SELECT e.row FROM identities i CROSS JOIN events e WHERE i.user_id = :user AND e.anonymous_id = i.anonymous_id "
    "AND e.user_id IS NULL AND (i.shared_from IS NULL OR e.timestamp < i.shared_from)"
)
_NOBODY_ELSES = "NOT EXISTS (SELECT 1 FROM events o WHERE o.{0} = e.{0} AND o.user_id IS NOT NULL AND o.user_id <> ?)"
_SESSIONS_OF_USER = (
    "SELECT session_id FROM events e WHERE user_id = ? AND session_id IS NOT NULL "
    f"AND {_NOBODY_ELSES.format('session_id')} GROUP BY session_id ORDER BY max(timestamp) DESC"
)
_VISITORS_OF_USER = (
    "SELECT DISTINCT anonymous_id FROM events e WHERE user_id = ? AND anonymous_id IS NOT NULL "
    f"AND {_NOBODY_ELSES.format('anonymous_id')}"
)
_VISITORS_OF_SESSIONS = (
    "SELECT DISTINCT anonymous_id FROM events e WHERE session_id IN (SELECT value FROM json_each(?)) "
    f"AND user_id IS NULL AND anonymous_id IS NOT NULL AND {_NOBODY_ELSES.format('anonymous_id')}"
)
_SESSIONS_OF_VISITORS = (
    "SELECT session_id FROM events e WHERE anonymous_id IN (SELECT value FROM json_each(?)) AND user_id IS NULL "
    f"AND session_id IS NOT NULL AND {_NOBODY_ELSES.format('session_id')} "
    "GROUP BY session_id ORDER BY max(timestamp) DESC"
)
_IDENTITIES = "user_id = :user OR anonymous_id IN (SELECT value FROM json_each(:anonymous))"
_SLATES = (
    "user_key IN (SELECT value FROM json_each(:keys)) AND (json_extract(query, '$.user_id') = :user "
    "OR json_extract(query, '$.user_id') IS NULL AND ("
    "json_extract(query, '$.anonymous_id') IN (SELECT value FROM json_each(:anonymous)) "
    "OR json_extract(query, '$.session_id') IN (SELECT value FROM json_each(:sessions))))"
)


@dataclass(frozen=True, slots=True)
class Ties:
    """The ids under which one shopper's data may stand. An id that another shopper used too is nobody's."""

    user_id: str | None
    anonymous_ids: tuple[str, ...]
    session_ids: tuple[str, ...]  # latest first

    def values(self) -> dict[str, object]:
        """For the statements above."""
        return {
            "user": self.user_id,
            "anonymous": _json(self.anonymous_ids),
            "sessions": _json(self.session_ids),
            "keys": _json([*([] if self.user_id is None else [self.user_id]), *self.anonymous_ids, *self.session_ids]),
        }


def ties(cursor: sqlite3.Cursor, subject: str, kind: ErasedKind) -> Ties:
    """What belongs to a shopper, or to a visitor without an account.

    A shopper's sessions and anonymous ids are those of the shopper's own events; events of such a session from
    before the log-in belong to the shopper too, and with them their anonymous id.
    """
    if kind == "anonymous":
        return Ties(None, (subject,), tuple(_column(cursor, _SESSIONS_OF_VISITORS, (_json([subject]), ""))))
    sessions = _column(cursor, _SESSIONS_OF_USER, (subject, subject))
    visitors = _column(cursor, _VISITORS_OF_USER, (subject, subject))
    visitors += _column(
        cursor, "SELECT anonymous_id FROM identities WHERE user_id = ? AND shared_from IS NULL", (subject,)
    )
    visitors += _column(cursor, _VISITORS_OF_SESSIONS, (_json(sessions), subject))
    sessions += _column(cursor, _SESSIONS_OF_VISITORS, (_json(visitors), subject))
    return Ties(subject, tuple(sorted(set(visitors))), tuple(dict.fromkeys(sessions)))


def events_of(cursor: sqlite3.Cursor, found: Ties) -> list[Interaction]:
    """Every event of a shopper, oldest first, of unknown products too."""
    return events.by_rows(cursor, _ROWS, found.values())


def slates_of(cursor: sqlite3.Cursor, found: Ties) -> list[Slate]:
    """Every slate served to a shopper that is still kept, oldest first."""
    statement = f"SELECT recommendation_id FROM slates WHERE {_SLATES} ORDER BY served_at, recommendation_id"
    ids = [str(name) for (name,) in cursor.execute(statement, found.values()).fetchall()]
    return [slate for name in ids if (slate := slates.read(cursor, name)) is not None]


def conversations_of(cursor: sqlite3.Cursor, found: Ties) -> list[Remembered]:
    """What the assistant remembers of a shopper's conversations, oldest first."""
    return conversations.held(cursor, found.values())


def erase(
    cursor: sqlite3.Cursor,
    subject: str,
    kind: ErasedKind,
    tombstones: Tombstones,
    *,
    at: float,
    receipt_id: str,
    baseline_version: str | None,
) -> Erasure:
    """Deletes everything about a shopper and puts tombstones, in the transaction given.

    Where nothing is held and an erasure came before, its receipt is given again, and its tombstone moved up.

    Args: at: epoch seconds of the wall clock; baseline_version: the model in use.
    """
    found = ties(cursor, subject, kind)
    mine: list[Identity] = [("user", subject)] if kind == "user" else []
    mine += [("anonymous", name) for name in found.anonymous_ids]
    mine += [("session", name) for name in found.session_ids[:SESSIONS_BARRED]]
    before = tombstones.receipt_of(cursor, (kind, subject))
    traces, newest = traces_of(cursor, found)
    counts = delete(cursor, found)
    if kind == "user":
        counts["profiles"] = cursor.execute("DELETE FROM shoppers WHERE user_id = ?", (subject,)).rowcount
    else:
        # A shopper's events that carry the visitor's id stay the shopper's, and lose it.
        cursor.execute("UPDATE events SET anonymous_id = NULL WHERE anonymous_id = ?", (subject,))
    forget_changes(cursor)
    if newest is not None and at < newest <= at + CLOCKS_DIFFER_BY_S:
        at = newest
    again = before is not None and not any(counts.values())
    receipt = Receipt(
        receipt_id,
        at,
        counts,
        baseline_version if counts["events"] else None,
        pending=("answers", "database"),
    )
    if before is not None and again:
        receipt = read_receipt(cursor, before) or receipt
    names = tombstones.put(cursor, mine, at, receipt.receipt_id)
    if not again:
        save(cursor, receipt)
    return Erasure(receipt, tuple(names), tuple(traces), again)


def read_receipt(cursor: sqlite3.Cursor, receipt_id: str) -> Receipt | None:
    """A receipt as it stands now, None for an unknown id."""
    row = cursor.execute("SELECT * FROM erasures WHERE receipt_id = ?", (receipt_id,)).fetchone()
    if row is None:
        return None
    return Receipt(row[0], row[1], orjson.loads(row[2]), row[3], tuple(orjson.loads(row[4])))


def unfinished(cursor: sqlite3.Cursor) -> list[Erasure]:
    """Erasures with something pending, oldest first, each with the pseudonyms that it is about."""
    rows = cursor.execute(
        "SELECT receipt_id FROM erasures WHERE pending <> '[]' ORDER BY erased_at, receipt_id"
    ).fetchall()
    return [
        Erasure(receipt, tuple(_names(cursor, name))) for (name,) in rows if (receipt := read_receipt(cursor, name))
    ]


def save_progress(cursor: sqlite3.Cursor, receipt: Receipt) -> None:
    """Remembers what is pending, and counts that came later."""
    cursor.execute(
        "UPDATE erasures SET stores = ?, pending = ? WHERE receipt_id = ?",
        (_json(dict(receipt.stores)), _json(receipt.pending), receipt.receipt_id),
    )


def oldest_untrained(cursor: sqlite3.Cursor, version: str | None) -> float | None:
    """When the first shopper was erased whose events this model has still learned from, None where there is none.

    A model of which it is not known when it read the events counts as older than every erasure.
    """
    read = None if version is None else cursor.execute(_TRAINED, (_TRAINED_KEY + version,)).fetchone()
    since = -1.0 if read is None else float(read[0])
    found: float | None = cursor.execute(
        "SELECT min(erased_at) FROM erasures WHERE erased_at >= ? AND json_extract(stores, '$.events') > 0", (since,)
    ).fetchone()[0]
    return found


def remember_training(cursor: sqlite3.Cursor, version: str, read_at: float) -> None:
    """Notes when a model began to read the events it learned from, epoch seconds of the wall clock."""
    cursor.execute("INSERT OR REPLACE INTO meta VALUES (?,?)", (_TRAINED_KEY + version, str(read_at)))


_TRAINED_KEY = "events read for model "
_TRAINED = "SELECT value FROM meta WHERE key = ?"


def delete(cursor: sqlite3.Cursor, found: Ties) -> dict[str, int]:
    """Deletes what stands under these ids, but for the profile; rows by kind."""
    values = found.values()
    return {
        "events": cursor.execute(f"DELETE FROM events WHERE row IN ({_ROWS})", values).rowcount,
        "slates": cursor.execute(f"DELETE FROM slates WHERE {_SLATES}", values).rowcount,
        "identities": cursor.execute(f"DELETE FROM identities WHERE {_IDENTITIES}", values).rowcount,
        "conversations": conversations.erase(cursor, values),
        "profiles": 0,
    }


def forget_changes(cursor: sqlite3.Cursor) -> None:
    """Empties the log of changes, which may name who was deleted; call it after the last deletion.

    An entry without ids tells every worker to forget what it knows of anybody.
    """
    cursor.execute("DELETE FROM shopper_changes")
    cursor.execute("INSERT INTO shopper_changes (user_id, anonymous_id, session_id) VALUES (NULL, NULL, NULL)")


def traces_of(cursor: sqlite3.Cursor, found: Ties) -> tuple[list[str], float | None]:
    """Ids by which a remnant of what is deleted could be told in a file, and the newest timestamp."""
    texts: set[str] = {*found.anonymous_ids, *found.session_ids, *([] if found.user_id is None else [found.user_id])}
    newest: float | None = None
    for event in events_of(cursor, found):
        newest = event.timestamp if newest is None else max(newest, event.timestamp)
        texts.update(name for name in (event.event_id, event.transaction_id) if name is not None)
    statement = f"SELECT recommendation_id FROM slates WHERE {_SLATES}"
    texts.update(str(name) for (name,) in cursor.execute(statement, found.values()).fetchall())
    return sorted(texts), newest


def _names(cursor: sqlite3.Cursor, receipt_id: str) -> list[str]:
    return _column(cursor, "SELECT pseudonym FROM tombstones WHERE receipt_id = ? ORDER BY pseudonym", (receipt_id,))


def save(cursor: sqlite3.Cursor, receipt: Receipt) -> None:
    """Writes a receipt down."""
    cursor.execute(
        "INSERT INTO erasures VALUES (?,?,?,?,?)",
        (
            receipt.receipt_id,
            receipt.erased_at,
            _json(dict(receipt.stores)),
            receipt.baseline_version,
            _json(receipt.pending),
        ),
    )


def _column(cursor: sqlite3.Cursor, statement: str, values: Sequence[object]) -> list[str]:
    return [str(value) for (value,) in cursor.execute(statement, cast(Any, values)).fetchall()]


def _json(value: Iterable[object]) -> str:
    return orjson.dumps(value if isinstance(value, dict) else list(value)).decode()
