"""The store's side of export and erasure."""

from __future__ import annotations

import sqlite3
import threading
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Engine

from app.adapters.remnants import compact, emptied_log, remains
from app.adapters.sql_store import erasure, shoppers, tombstone_replay
from app.adapters.sql_store.connection import cursor_of, in_our_words, reading, reading_one_state, writing
from app.adapters.sql_store.tombstones import Tombstones
from app.domain.errors import ConfigurationError
from app.domain.privacy import ErasedKind, Erasure, Holdings, Receipt, Tombstone

COMPACT_UP_TO_BYTES = 512 * 2**20
"""A larger file is compacted when the operator says so: writers would wait for more than their 10 seconds."""


class SqlPrivacy:
    """Reads and deletes everything about one shopper. Any thread may call any method.

    Raises of every method: StoreUnavailable, when the database can't be read or written; ConfigurationError, when the
    pseudonym keys are missing.
    """

    def __init__(
        self, engine: Engine, write_lock: threading.Lock, tombstones: Tombstones, now: Callable[[], float]
    ) -> None:
        self._engine, self._write_lock, self._tombstones, self._now = engine, write_lock, tombstones, now

    def holdings(self, user_id: str) -> Holdings:
        """Everything held about a shopper, as one state of the database."""
        with reading_one_state(self._engine) as connection:
            cursor = cursor_of(connection)
            found = erasure.ties(cursor, user_id, "user")
            created_at, stated = shoppers.created_at(cursor, user_id)
            return Holdings(
                shopper=shoppers.read(cursor, user_id, self._tombstones.default_consent),
                stated_consent=stated,
                created_at=created_at,
                anonymous_ids=found.anonymous_ids,
                events=tuple(erasure.events_of(cursor, found)),
                slates=tuple(erasure.slates_of(cursor, found)),
                conversations=tuple(erasure.conversations_of(cursor, found)),
                erased_at=self._tombstones.erased_users(cursor, [user_id]).get(user_id),
            )

    def erase(self, subject: str, kind: ErasedKind, *, baseline_version: str | None) -> Erasure:
        """Deletes every row about a shopper and puts tombstones, in one transaction; the files come after it.

        Args: kind: of the id: a shopper, with the anonymous ids tied to it, or a visitor without an account;
              baseline_version: the model in use.
        """
        with self._writing() as cursor:
            return erasure.erase(
                cursor,
                subject,
                kind,
                self._tombstones,
                at=self._now(),
                receipt_id=uuid.uuid4().hex,
                baseline_version=baseline_version,
            )

    def tombstones(self) -> Sequence[Tombstone]:
        """Every tombstone, oldest first: to be kept apart from the backups."""
        with self._reading() as cursor:
            return tombstone_replay.held(cursor)

    def fingerprints(self) -> Mapping[int, str]:
        """By what the pseudonym keys can be told, version → 16 hexadecimal digits."""
        return {} if self._tombstones.pseudonyms is None else self._tombstones.pseudonyms.fingerprints()

    def replay(self, wanted: Sequence[Tombstone], *, baseline_version: str | None) -> Sequence[Erasure]:
        """Erases again whom these tombstones name, in one transaction; see tombstone_replay."""
        pseudonyms = self._tombstones.pseudonyms
        if pseudonyms is None:
            raise ConfigurationError("Tombstones can't be told without the pseudonym keys of the service.")
        with self._writing() as cursor:
            return tombstone_replay.replay(
                cursor, wanted, self._tombstones, pseudonyms, baseline_version=baseline_version
            )

    def clean_files(self, traces: Sequence[str] | None, *, any_size: bool = False) -> bool:
        """Whether nothing of what was deleted is left in the database's files.

        Empties the write-ahead log and looks for the traces. `secure_delete` overwrites rows where they last stood,
        but not the copies that SQLite leaves behind when it moves rows between pages; where one is found the file is
        written anew (VACUUM), unless it is larger than COMPACT_UP_TO_BYTES.

        Args: traces: raw ids of what was deleted; None = not known any more, so the file is written anew at once.
              any_size: also a larger file; writers wait until it is done.
        """
        path = Path(str(self._engine.url.database)).expanduser()
        with self._write_lock, in_our_words(self._engine):
            clean = emptied_log(path)
            if clean and (traces is None or remains([path], traces)):
                if not any_size and path.stat().st_size > COMPACT_UP_TO_BYTES:
                    return False
                clean = compact(path)  # only rows that live are in it now: "user-1" is also found in "user-10"
        return clean

    def unfinished(self) -> Sequence[Erasure]:
        """Erasures with something pending, oldest first."""
        with self._reading() as cursor:
            return erasure.unfinished(cursor)

    def save_receipt(self, receipt: Receipt) -> None:
        """Remembers what is pending, and counts that came later."""
        with self._writing() as cursor:
            erasure.save_progress(cursor, receipt)

    def erased_since(self, pseudonyms: Sequence[str], since: float) -> bool:
        """Whether any of these pseudonymous shoppers was erased at or after a moment (epoch seconds)."""
        with self._reading() as cursor:
            return any(
                at >= since
                for name in pseudonyms
                for (at,) in cursor.execute("SELECT erased_at FROM tombstones WHERE pseudonym = ?", (name,))
            )

    def oldest_untrained(self, version: str | None) -> float | None:
        """When the first shopper was erased whose events this model still learned from; None where there is none."""
        with self._reading() as cursor:
            return erasure.oldest_untrained(cursor, version)

    def remember_training(self, version: str, read_at: float) -> None:
        """Notes when a model began to read the events it learned from, epoch seconds of the wall clock."""
        with self._writing() as cursor:
            erasure.remember_training(cursor, version, read_at)

    def key_problem(self) -> str | None:
        """Why shoppers that were erased can't be told with the keys of now, None when they can."""
        with self._reading() as cursor:
            return self._tombstones.problem(cursor)

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Cursor]:
        with reading(self._engine) as connection:
            yield cursor_of(connection)

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Cursor]:
        with self._write_lock, writing(self._engine) as connection:
            yield cursor_of(connection)
