"""Tombstones that leave the database and come into another: a restored backup must not bring back who was erased.

A backup is as old as its last copy, and holds again what was erased since. So the tombstones are kept apart (a small
file, copied often) and are replayed into whatever was restored, before it serves.
"""

from __future__ import annotations

import sqlite3
import uuid
from collections.abc import Mapping, Sequence

from app.adapters.sql_store import erasure
from app.adapters.sql_store.tombstones import Tombstones
from app.domain.privacy import ErasedKind, Erasure, Receipt, Tombstone
from app.pipeline.pseudonym import Kind, Pseudonyms

_ALL = "SELECT pseudonym, erased_at, receipt_id FROM tombstones ORDER BY erased_at, pseudonym"
_PUT = (
    "INSERT INTO tombstones VALUES (?,?,?) ON CONFLICT (pseudonym) DO UPDATE SET "
    "erased_at = max(erased_at, excluded.erased_at)"
)
_HOLDERS: Mapping[Kind, str] = {
    "user": (
        "SELECT user_id FROM shoppers UNION SELECT user_id FROM events UNION SELECT user_id FROM identities UNION "
        "SELECT user_id FROM conversations UNION SELECT json_extract(query, '$.user_id') FROM slates"
    ),
    "anonymous": (
        "SELECT anonymous_id FROM events UNION SELECT anonymous_id FROM identities UNION "
        "SELECT anonymous_id FROM conversations UNION SELECT json_extract(query, '$.anonymous_id') FROM slates"
    ),
    "session": (
        "SELECT session_id FROM events WHERE user_id IS NULL UNION SELECT session_id FROM conversations UNION "
        "SELECT json_extract(query, '$.session_id') FROM slates"
    ),
}
"""Every id of a kind that the database holds, wherever it stands."""


def held(cursor: sqlite3.Cursor) -> list[Tombstone]:
    """Every tombstone, oldest first."""
    return [Tombstone(*row) for row in cursor.execute(_ALL).fetchall()]


def replay(
    cursor: sqlite3.Cursor,
    wanted: Sequence[Tombstone],
    tombstones: Tombstones,
    pseudonyms: Pseudonyms,
    *,
    baseline_version: str | None,
) -> list[Erasure]:
    """Erases again, in the transaction given, whomever these tombstones name and this database still holds.

    A tombstone that the database has already is passed over: what is stored beside it came after that erasure. Those
    that name nobody here are kept all the same, so that no later import brings them back.

    Args:    baseline_version: the model in use.
    Returns: one erasure for each shopper and visitor, and one for all sessions, of whom something was deleted.
    """
    known = {stone.pseudonym: stone.erased_at for stone in held(cursor)}
    new = {stone.pseudonym: stone.erased_at for stone in wanted if stone.erased_at > known.get(stone.pseudonym, -1.0)}
    done = []
    subjects: tuple[ErasedKind, ...] = ("user", "anonymous")
    for kind in subjects:
        for subject, at in _named(cursor, kind, pseudonyms, new).items():
            receipt_id = uuid.uuid4().hex
            done.append(
                erasure.erase(
                    cursor, subject, kind, tombstones, at=at, receipt_id=receipt_id, baseline_version=baseline_version
                )
            )
    if sessions := _named(cursor, "session", pseudonyms, new):
        done.append(_sessions_erased(cursor, sessions, pseudonyms, baseline_version))
    cursor.executemany(_PUT, [(stone.pseudonym, stone.erased_at, stone.receipt_id) for stone in wanted])
    tombstones.note_keys(cursor)
    return [one for one in done if any(one.receipt.stores.values()) and not one.again]


def _named(cursor: sqlite3.Cursor, kind: Kind, pseudonyms: Pseudonyms, new: Mapping[str, float]) -> dict[str, float]:
    """Id → when it was erased, of the ids that the database holds and these tombstones name."""
    found: dict[str, float] = {}
    for (name,) in cursor.execute(_HOLDERS[kind]).fetchall():
        times = [] if name is None else [new[one] for one in pseudonyms.every(str(name), kind) if one in new]
        if times:
            found[str(name)] = max(times)
    return found


def _sessions_erased(
    cursor: sqlite3.Cursor, sessions: Mapping[str, float], pseudonyms: Pseudonyms, baseline_version: str | None
) -> Erasure:
    """What stands under sessions alone: in the backup, the sign-in that tied them to the shopper may be missing."""
    ties = erasure.Ties(None, (), tuple(sessions))
    traces, _ = erasure.traces_of(cursor, ties)
    counts = erasure.delete(cursor, ties)
    erasure.forget_changes(cursor)
    receipt = Receipt(
        uuid.uuid4().hex,
        max(sessions.values()),
        counts,
        baseline_version if counts["events"] else None,
        pending=("answers", "database"),
    )
    if any(counts.values()):
        erasure.save(cursor, receipt)
    names = [one for name in sessions for one in pseudonyms.every(name, "session")]
    return Erasure(receipt, tuple(names), tuple(traces))
