"""Which anonymous visitor turned out to be which shopper (docs/decisions/012).

A visitor's history is joined to the first shopper who signs in where it was made, under consent `full`, and stays
theirs. What happens there anonymously after a second shopper signed in belongs to nobody.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable

from app.domain.interactions import Interaction, Personalization

_HELD = "SELECT user_id, linked_at, shared_from FROM identities WHERE anonymous_id = ?"
_LEVEL = "SELECT personalization FROM shoppers WHERE user_id = ?"
_SOMEBODY_ELSE = "SELECT EXISTS (SELECT 1 FROM events WHERE anonymous_id = ? AND user_id IS NOT NULL AND user_id <> ?)"
_LINK = "INSERT INTO identities (anonymous_id, user_id, linked_at) VALUES (?,?,?)"
_SHARE = "UPDATE identities SET shared_from = ? WHERE anonymous_id = ?"


def link(cursor: sqlite3.Cursor, events: Iterable[Interaction], default: Personalization) -> None:
    """Joins anonymous ids to the shoppers that events name beside them; call it after the events were written.

    Args: default: consent of shoppers who never chose.
    """
    for (anonymous_id, user_id), at in _first_seen(events).items():
        held = cursor.execute(_HELD, (anonymous_id,)).fetchone()
        if held is None:
            if _agreed(cursor, user_id, default) and not _had_another(cursor, anonymous_id, user_id):
                cursor.execute(_LINK, (anonymous_id, user_id, at))
        elif held[0] != user_id:
            # Never before the link: a stamp that somebody makes up can't take away what was joined.
            shared_from = max(held[1], at)
            if held[2] is None or shared_from < held[2]:
                cursor.execute(_SHARE, (shared_from, anonymous_id))


def links(cursor: sqlite3.Cursor) -> dict[str, tuple[str, float]]:
    """Anonymous id → the shopper it belongs to, and the time (epoch seconds) from which it belongs to nobody."""
    rows = cursor.execute("SELECT anonymous_id, user_id, shared_from FROM identities")
    return {visitor: (user, float("inf") if shared is None else shared) for visitor, user, shared in rows}


def _first_seen(events: Iterable[Interaction]) -> dict[tuple[str, str], float]:
    seen: dict[tuple[str, str], float] = {}
    for event in events:
        if event.user_id is not None and event.anonymous_id is not None:
            pair = (event.anonymous_id, event.user_id)
            seen[pair] = min(event.timestamp, seen.get(pair, event.timestamp))
    return seen


def _agreed(cursor: sqlite3.Cursor, user_id: str, default: Personalization) -> bool:
    row = cursor.execute(_LEVEL, (user_id,)).fetchone()
    level = default if row is None or row[0] is None else row[0]
    return bool(level == "full")


def _had_another(cursor: sqlite3.Cursor, anonymous_id: str, user_id: str) -> bool:
    """Whether another shopper was seen there, under whatever consent: whose history it is can't be told then."""
    return bool(cursor.execute(_SOMEBODY_ELSE, (anonymous_id, user_id)).fetchone()[0])
