"""What was written about shoppers since the last look, by any process (docs/decisions/021).

`PRAGMA data_version` tells, in microseconds and without reading a page, whether any other connection of any process
has committed since. Only then is looked what: new events by their row numbers, the rest in a log that triggers write.
"""

from __future__ import annotations

import sqlite3
import threading
from pathlib import Path

from sqlalchemy import Engine

from app.domain.errors import StoreUnavailable
from app.domain.interactions import ShoppersChanged, Subject

MOST_TOLD = 500
"""Events or entries since the last look above which all shoppers count as changed: an import, or a long sleep."""

_NEWEST = (
    "SELECT (SELECT coalesce(max(row), 0) FROM events), "
    "coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'shopper_changes'), 0)"
)
# What a visitor does belongs to the shopper that the visitor turned out to be as well (see identities).
_EVENTS = (
    "SELECT e.user_id, e.anonymous_id, e.session_id, i.user_id FROM events e "
    "LEFT JOIN identities i ON i.anonymous_id = e.anonymous_id WHERE e.row > ? LIMIT ?"
)
_LOG = (
    "SELECT c.seq, c.user_id, c.anonymous_id, c.session_id, i.user_id FROM shopper_changes c "
    "LEFT JOIN identities i ON i.anonymous_id = c.anonymous_id WHERE c.seq > ? ORDER BY c.seq LIMIT ?"
)
_ANYBODY = ShoppersChanged(None)


class SqlShopperChanges:
    """Implements app.ports.ShopperChanges on a connection of its own, which never writes. `close` ends it."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._lock = threading.Lock()
        self._version = -1  # of the database as this connection saw it last
        self._event = self._entry = -1  # newest ones seen

    @classmethod
    def of(cls, engine: Engine) -> SqlShopperChanges:
        """The changes of the store behind this engine. Raises StoreUnavailable."""
        path = Path(str(engine.url.database)).expanduser().absolute()
        try:
            # No wait for a lock: whoever asks can do without an answer.
            connection = sqlite3.connect(
                f"{path.as_uri()}?mode=ro", uri=True, timeout=0.0, check_same_thread=False, isolation_level=None
            )
        except sqlite3.Error as error:
            raise StoreUnavailable(f"The database {path} can't be opened: {error}") from error
        return cls(connection)

    def close(self) -> None:
        """Closes the connection."""
        with self._lock:
            self._connection.close()

    def look(self) -> ShoppersChanged | None:
        """See ShopperChanges; the first look says anybody."""
        with self._lock:
            try:
                # fetchall everywhere: a statement left open would keep a read transaction, and the log from shrinking.
                version = self._connection.execute("PRAGMA data_version").fetchall()[0][0]
                if version == self._version:
                    return None
                self._connection.execute("BEGIN")
                try:
                    changed = self._changed()
                finally:
                    self._connection.execute("ROLLBACK")
            except sqlite3.Error as error:
                self._version = self._event = -1  # whatever comes next, nothing is known to be unchanged
                raise StoreUnavailable(f"Changes of shoppers can't be read: {error}") from error
            # Of before the reads: a commit between the two is looked at once more, and none is missed.
            self._version = version
            return changed

    def _changed(self) -> ShoppersChanged | None:
        event, entry = self._connection.execute(_NEWEST).fetchall()[0]
        seen_event, seen_entry = self._event, self._entry
        self._event, self._entry = event, entry
        if seen_event < 0 or event < seen_event or event - seen_event > MOST_TOLD or entry - seen_entry > MOST_TOLD:
            return _ANYBODY
        subjects: set[Subject] = set()
        if event > seen_event:
            for row in self._connection.execute(_EVENTS, (seen_event, MOST_TOLD)).fetchall():
                _add(subjects, *row)
        if entry > seen_entry:
            entries = self._connection.execute(_LOG, (seen_entry, MOST_TOLD)).fetchall()
            if len(entries) < entry - seen_entry:  # the log was emptied in between, as an erasure does
                return _ANYBODY
            for _, user_id, anonymous_id, session_id, linked in entries:
                if user_id is None and anonymous_id is None and session_id is None:
                    return _ANYBODY
                _add(subjects, user_id, anonymous_id, session_id, linked)
        return ShoppersChanged(frozenset(subjects)) if subjects else None


def _add(
    subjects: set[Subject], user_id: str | None, anonymous_id: str | None, session_id: str | None, linked: str | None
) -> None:
    if user_id is not None:
        subjects.add(("user", user_id))
    if linked is not None:
        subjects.add(("user", linked))
    if anonymous_id is not None:
        subjects.add(("anonymous", anonymous_id))
    if session_id is not None:
        subjects.add(("session", session_id))
