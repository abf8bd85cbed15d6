"""What the assistant remembers of each conversation: one small row, found only by who it was with."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Mapping

import orjson

from app.adapters.sql_store.tombstones import Identity
from app.domain.chat import Remembered, Talker
from app.pipeline.pseudonym import Kind

MAX_BYTES = 4096
"""Most bytes of one conversation's memory; the oldest messages are left out first."""

_SAVE = (
    "INSERT INTO conversations (key, user_id, anonymous_id, session_id, memory, updated_at) VALUES (?,?,?,?,?,?) "
    "ON CONFLICT (key) DO UPDATE SET memory = excluded.memory, updated_at = excluded.updated_at"
)


_OF = (
    "user_id = :user OR user_id IS NULL AND (anonymous_id IN (SELECT value FROM json_each(:anonymous)) "
    "OR session_id IN (SELECT value FROM json_each(:sessions)))"
)


def read(cursor: sqlite3.Cursor, talker: Talker, conversation_id: str | None) -> Remembered:
    """What is remembered of a conversation with exactly this talker; nothing of a new one."""
    row = cursor.execute("SELECT memory FROM conversations WHERE key = ?", (_key(talker, conversation_id),)).fetchone()
    return Remembered() if row is None else _from(orjson.loads(row[0]))


def save(cursor: sqlite3.Cursor, talker: Talker, conversation_id: str | None, memory: Remembered, at: float) -> None:
    """Replaces what is remembered."""
    key = _key(talker, conversation_id)
    ids = (talker.user_id, talker.anonymous_id, talker.session_id)
    cursor.execute(_SAVE, (key, *ids, _packed(memory).decode(), at))


def identities(talker: Talker) -> list[Identity]:
    """The ids of a talker, by kind."""
    ids: tuple[tuple[Kind, str | None], ...] = (
        ("user", talker.user_id),
        ("anonymous", talker.anonymous_id),
        ("session", talker.session_id),
    )
    return [(kind, name) for kind, name in ids if name is not None]


def erase(cursor: sqlite3.Cursor, values: Mapping[str, object]) -> int:
    """Deletes the conversations of a shopper and of the visitors and sessions that were the shopper; how many.

    Args: values: `Ties.values()`.
    """
    return cursor.execute(f"DELETE FROM conversations WHERE {_OF}", values).rowcount  # noqa: S608


def held(cursor: sqlite3.Cursor, values: Mapping[str, object]) -> list[Remembered]:
    """Everything remembered of the same conversations, oldest first."""
    rows = cursor.execute(f"SELECT memory FROM conversations WHERE {_OF} ORDER BY updated_at, key", values)  # noqa: S608
    return [_from(orjson.loads(memory)) for (memory,) in rows]


def purge(cursor: sqlite3.Cursor, before: float) -> int:
    """Deletes conversations that were not continued since this time (epoch seconds); how many."""
    cursor.execute("DELETE FROM conversations WHERE updated_at < ?", (before,))
    return max(cursor.rowcount, 0)


def _key(talker: Talker, conversation_id: str | None) -> str:
    """The same only for the same talker and conversation: knowing another's conversation id opens nothing."""
    parts = [talker.user_id, talker.anonymous_id, talker.session_id, conversation_id]
    return hashlib.sha256(orjson.dumps(parts)).hexdigest()


def _packed(memory: Remembered) -> bytes:
    said = list(memory.said)
    while True:
        packed = orjson.dumps({name: getattr(memory, name) for name in Remembered.__slots__} | {"said": said})
        if len(packed) <= MAX_BYTES or not said:
            return packed
        del said[0]


def _from(stored: dict[str, object]) -> Remembered:
    known = {name: stored[name] for name in Remembered.__slots__ if name in stored}
    return Remembered(**{n: tuple(v) if isinstance(v, list) else v for n, v in known.items()})  # type: ignore[arg-type]
