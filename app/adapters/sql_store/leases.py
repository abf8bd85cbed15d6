"""Leases across processes: of several that want to do the same work, one does it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from sqlalchemy import Engine, event

from app.adapters.sql_store.connection import cursor_of, open_engine, reading
from app.adapters.sql_store.migrate import migrate
from app.domain.errors import ShelfwiseError

# One statement, so one transaction of its own. A lease that runs for longer than any owner could have asked for was
# given before the clock was set back.
_ACQUIRE = """
INSERT INTO leases (key, owner, until) VALUES (:key, :owner, :now + :ttl)
ON CONFLICT (key) DO UPDATE SET owner = excluded.owner, until = excluded.until
WHERE leases.owner = excluded.owner OR leases.until <= :now OR leases.until > :now + 2 * :ttl
"""
_RELEASE = "DELETE FROM leases WHERE key = ? AND owner = ?"
_HELD = "SELECT 1 FROM leases WHERE key = ? AND until > ?"
_PURGE = "DELETE FROM leases WHERE until <= ?"


class SqlLeases:
    """Leases in the shop's database. Any thread of any process of one machine may call any method.

    A lease saves work, it is no lock: after its time another owner may hold it while the first still works.
    Raises of every method: StoreUnavailable.
    """

    def __init__(self, engine: Engine, *, wall: Callable[[], float]) -> None:
        self._engine, self._wall = engine, wall
        self._one_writer = threading.Lock()

    @classmethod
    def open(cls, url: str, *, wall: Callable[[], float] = time.time) -> SqlLeases:
        """Leases in the database at this URL (sqlite:///path), its schema brought up to date; wall: epoch seconds.

        Raises: ConfigurationError, StoreUnavailable: as SqlStore.open.
        """
        engine = open_engine(url)
        # After a power cut every lease has run out anyway: no commit waits for the disk.
        event.listen(engine, "connect", lambda connection, _: connection.execute("PRAGMA synchronous=NORMAL"))
        try:
            migrate(engine)
            leases = cls(engine, wall=wall)
            leases._write(_PURGE, (wall(),))
        except ShelfwiseError:
            engine.dispose()
            raise
        return leases

    def try_acquire(self, key: str, owner: str, ttl_s: float) -> bool:
        """Whether `owner` holds the lease now; one that holds it already gets it anew.

        Args: owner: of this piece of work, not only of this process; ttl_s: after which it is anybody's, in
              seconds; the same for everyone who asks for the key.
        """
        return self._write(_ACQUIRE, {"key": key, "owner": owner, "now": self._wall(), "ttl": ttl_s}) > 0

    def release(self, key: str, owner: str) -> None:
        """Gives the lease back; does nothing when somebody else has it by now."""
        self._write(_RELEASE, (key, owner))

    def held(self, key: str) -> bool:
        """Whether anybody holds the lease now."""
        with reading(self._engine) as connection:
            return cursor_of(connection).execute(_HELD, (key, self._wall())).fetchone() is not None

    def close(self) -> None:
        """Closes every connection."""
        self._engine.dispose()

    def _write(self, statement: str, values: dict[str, object] | tuple[object, ...]) -> int:
        with self._one_writer, reading(self._engine) as connection:
            return cursor_of(connection).execute(statement, values).rowcount
