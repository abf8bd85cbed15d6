"""Model answers on disk (diskcache): read inline, written behind the request, lost rather than in anybody's way.

Only bytes enter the folder, encoded here, and only bytes are taken from it: a pickle that somebody put there is never
loaded. Values stay inside the SQLite file, where `secure_delete` overwrites what is removed.
"""

from __future__ import annotations

import fcntl
import math
import os
import sqlite3
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import diskcache
import orjson
import structlog
from pydantic import TypeAdapter, ValidationError

from app.adapters.remnants import compact, emptied_log, remains
from app.domain.errors import StoreUnavailable
from app.domain.model_calls import StoredOrder

log = structlog.get_logger(__name__)

SHOPPER = "shopper"
"""Key in StoredOrder.extra: the pseudonym of the shopper whose profile the answer was made from (see `drop`)."""

SIZE_LIMIT_BYTES = 256 * 2**20
ENTRY_LIMIT_BYTES = 256 * 1024
LOCK_TIMEOUT_S = 0.25
FLUSH_S = 2.0
ASKED_EARLIER_S = 10.0
"""A model's call takes at most 8 s, so an answer was asked for no earlier than this before it is kept."""

DATABASE = "cache.db"
_BATCH = 32  # entries per transaction: a reader's connection never waits, another writer's does
_LOG_EVERY_S = 60.0
_RETENTION_SLACK_S = 3600.0  # past CACHE_STALE_S, when an entry is removed from the disk
_ORDER = TypeAdapter(StoredOrder)
_TROUBLE = (sqlite3.Error, diskcache.Timeout, OSError)


class _NotBytes(ValueError):
    """The folder holds a value that this module did not write."""


class _BytesDisk(diskcache.Disk):  # type: ignore[misc]  # the library has no types
    """Keys are text, values are bytes inside the database; anything else is refused on the way in and out."""

    def put(self, key: Any) -> tuple[Any, bool]:
        if type(key) is not str:
            raise _NotBytes(f"a key of type {type(key).__name__}")
        return key, True

    def get(self, key: Any, raw: bool) -> Any:
        if not raw:
            raise _NotBytes("a pickled key")
        return key

    def store(self, value: Any, read: bool, key: Any = None) -> tuple[int, int, None, Any]:
        del key
        if type(value) is not bytes or read:
            raise _NotBytes(f"a value of type {type(value).__name__}")
        return 0, diskcache.core.MODE_RAW, None, sqlite3.Binary(value)

    def fetch(self, mode: int, filename: str | None, value: Any, read: bool) -> bytes:
        if mode != diskcache.core.MODE_RAW or filename is not None or read or not isinstance(value, bytes):
            raise _NotBytes(f"a value of mode {mode}")
        return value


class DiskOrderCache:
    """Implements app.ports.OrderCache. Any thread may call any method, and any number of processes share a folder.

    An answer is fresh while its age is below `fresh_s`. Nothing here raises because of the disk: what can't be read
    is a miss, what can't be written is lost; either leaves at most one log line per minute and kind of trouble.

    dropped: answers lost on the way to the disk; unreadable: entries found that could not be used.
    """

    def __init__(self, folder: Path, *, fresh_s: float, stale_s: float, wall: Callable[[], float], queue: int) -> None:
        self.fresh_s, self.stale_s = float(fresh_s), float(stale_s)
        self.dropped = self.unreadable = 0
        self._folder, self._wall, self._capacity = folder, wall, queue
        self._disk: diskcache.Cache | None = None
        self._lock_file: int | None = None
        # Waiting or just being written, oldest first: an answer is found from the moment it was put.
        self._waiting: OrderedDict[str, StoredOrder] = OrderedDict()
        self._changed = threading.Condition()
        self._writing = threading.Lock()  # a drop never runs between the two halves of a write
        self._closing = False
        self._thread: threading.Thread | None = None
        self._logged_at: dict[str, float] = {}
        self.erased_since: Callable[[Sequence[str], float], bool] | None = None  # pseudonyms, epoch seconds

    @classmethod
    def open(
        cls,
        folder: Path,
        *,
        fresh_s: float,
        stale_s: float,
        wall: Callable[[], float] = time.time,
        size_limit_bytes: int = SIZE_LIMIT_BYTES,
        queue: int = 1000,
    ) -> DiskOrderCache:
        """The cache in this folder of its own; a damaged one is emptied and begun anew. Never fails.

        Where the folder can't be used at all (read-only, held by a stuck process, damaged while other workers have
        it open) every `get` is a miss until the next start.

        Args: fresh_s, stale_s: seconds, 0 or more; wall: epoch seconds; queue: answers that may wait for the disk.
        """
        cache = cls(folder, fresh_s=fresh_s, stale_s=stale_s, wall=wall, queue=queue)
        try:
            cache._open(size_limit_bytes)
        except (*_TROUBLE, TypeError, ValueError) as error:
            cache._report("open", error)
            cache._release()
        cache._thread = threading.Thread(target=cache._write_behind, name="order-cache", daemon=True)
        cache._thread.start()
        return cache

    def get(self, key: str) -> tuple[StoredOrder, float] | None:
        """See OrderCache. An answer stamped in the future (the clock was set back) counts as stale: age > fresh_s."""
        order = self._waiting.get(key) or self._read(key)
        if order is None:
            return None
        age_s = self._wall() - order.stored_at
        if age_s >= 0:
            return (order, age_s) if age_s < self.stale_s else None
        return (order, math.nextafter(self.fresh_s, math.inf)) if -age_s < self.stale_s else None

    def put(self, key: str, order: StoredOrder) -> None:
        """See OrderCache. Stamps `stored_at`; `extra["shopper"]`, where it is given, is what `drop` goes by.

        When too many wait the oldest is dropped and counted.
        """
        stamped = replace(order, stored_at=self._wall())
        with self._changed:
            self._waiting.pop(key, None)
            self._waiting[key] = stamped
            if len(self._waiting) > self._capacity:
                self._waiting.popitem(last=False)
                self.dropped += 1
            self._changed.notify()

    def drop(self, shopper_key: str) -> None:
        """See OrderCache; `drop_all` of one."""
        self.drop_all([shopper_key])

    def drop_all(self, shopper_keys: Sequence[str]) -> int:
        """Removes the answers made for these shoppers, waiting ones of this process included; how many there were.

        Works on the disk, for every worker, before it returns (milliseconds; seconds when another process holds the
        lock); bytes are overwritten, and the file is written anew where one is found all the same.

        Raises: StoreUnavailable: the disk could not be changed; nothing of these shoppers may be called erased.
        """
        unwanted = frozenset(shopper_keys)
        with self._writing:
            with self._changed:
                waiting = [k for k, order in self._waiting.items() if order.extra.get(SHOPPER) in unwanted]
                for key in waiting:
                    del self._waiting[key]
            if self._disk is None:
                raise StoreUnavailable(f"The order cache {self._folder} is not in use; remove the folder to erase it.")
            try:
                evicted = sum(self._disk.evict(key, retry=False) for key in shopper_keys)
                path = self._folder / DATABASE
                if not emptied_log(path) or (remains([path], shopper_keys) and not compact(path)):
                    raise sqlite3.OperationalError("database is locked: its files could not be emptied")
            except _TROUBLE as error:
                self._report("drop", error)
                raise StoreUnavailable(
                    f"The order cache {self._folder} could not be changed: {error}. Try again, or remove the folder."
                ) from error
        return len(waiting) + int(evicted)

    def close(self) -> None:
        """Writes what waits, for at most 2 seconds, and closes the folder."""
        with self._changed:
            self._closing = True
            self._changed.notify()
        if self._thread is not None:
            self._thread.join(FLUSH_S)
            if self._thread.is_alive():
                self._report("close", OSError(f"{len(self._waiting)} answers were not written in {FLUSH_S:g} s"))
        if self._disk is not None:
            self._disk.close()
        self._release()

    # Opening

    def _open(self, size_limit_bytes: int) -> None:
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._lock_file = os.open(self._folder.with_name(f"{self._folder.name}.lock"), os.O_RDWR | os.O_CREAT, 0o600)
        give_up_at = time.monotonic() + FLUSH_S
        while self._disk is None:
            fcntl.flock(self._lock_file, fcntl.LOCK_SH)  # held as long as the cache is open
            try:
                self._disk = self._connect(size_limit_bytes)
            except (sqlite3.DatabaseError, TypeError, ValueError) as error:
                if isinstance(error, sqlite3.OperationalError) and not _is_damage(error):
                    raise
                if self._alone():
                    self._empty(error)
                elif time.monotonic() > give_up_at:
                    raise
                else:
                    time.sleep(0.02)

    def _alone(self) -> bool:
        """Whether no other process has the folder open: one that had would go on with files that lost their name."""
        if self._lock_file is None:
            return False
        fcntl.flock(self._lock_file, fcntl.LOCK_UN)
        try:
            fcntl.flock(self._lock_file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def _empty(self, error: Exception) -> None:
        log.warning("order_cache_emptied", folder=str(self._folder), reason=str(error))
        for path in self._folder.glob(f"{DATABASE}*"):
            path.unlink()

    def _connect(self, size_limit_bytes: int) -> diskcache.Cache:
        path = self._folder / DATABASE
        if path.exists():
            _check(path)
        return diskcache.Cache(
            str(self._folder),
            timeout=LOCK_TIMEOUT_S,
            disk=_BytesDisk,
            size_limit=size_limit_bytes,
            eviction_policy="least-recently-stored",
            statistics=0,  # counting hits would make every read a write
            tag_index=1,
            disk_min_file_size=2**31 - 1,
            sqlite_secure_delete=1,
            # A mapped file that another process cuts short ends this one with SIGBUS; a read returns an error.
            sqlite_mmap_size=0,
        )

    def _release(self) -> None:
        self._disk = None
        if self._lock_file is not None:
            os.close(self._lock_file)  # and with it the lock
            self._lock_file = None

    # Reading

    def _read(self, key: str) -> StoredOrder | None:
        disk = self._disk
        if disk is None:
            return None
        try:
            found = disk.get(key)
        except _TROUBLE as error:
            self._report("read", error)
            return None
        except _NotBytes as error:
            self.unreadable += 1
            self._report("entry", error)
            return None
        if found is None:
            return None
        try:
            return _ORDER.validate_json(found, strict=True)
        except ValidationError as error:
            self.unreadable += 1
            self._report("entry", error)
            return None

    # Writing

    @property
    def depth(self) -> int:
        """Answers that wait to be written."""
        return len(self._waiting)

    @property
    def capacity(self) -> int:
        """Answers that may wait."""
        return self._capacity

    def _write_behind(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: bool(self._waiting) or self._closing)
                if not self._waiting:
                    break
            with self._writing:
                batch = list(islice(self._snapshot(), _BATCH))
                lost = self._write(batch)
                self._bar(batch)
                with self._changed:
                    self.dropped += lost
                    for key, order in batch:
                        if self._waiting.get(key) is order:  # not replaced meanwhile
                            del self._waiting[key]
        if self._disk is not None:
            self._disk.close()  # this thread's connection

    def _snapshot(self) -> list[tuple[str, StoredOrder]]:
        with self._changed:
            return list(self._waiting.items())

    def _write(self, batch: list[tuple[str, StoredOrder]]) -> int:
        """Writes a batch; how many of it are lost."""
        disk = self._disk
        if disk is None:
            return len(batch)
        fit = []
        for key, order in batch:
            try:
                value = orjson.dumps(order)
            except orjson.JSONEncodeError as error:  # half a surrogate pair in what a model wrote
                self._report("encode", error)
                continue
            if len(value) <= ENTRY_LIMIT_BYTES:
                fit.append((key, value, order.extra.get(SHOPPER)))
        try:
            with disk.transact():
                for key, value, shopper in fit:
                    disk.set(key, value, expire=self.stale_s + _RETENTION_SLACK_S, tag=shopper)
        except (*_TROUBLE, _NotBytes) as error:
            self._report("write", error)
            return len(batch)
        return len(batch) - len(fit)

    def _bar(self, batch: list[tuple[str, StoredOrder]]) -> None:
        """Takes out again what was asked for before its shopper was erased, in this worker or another.

        Looked up after the write: an erasure puts its tombstone first and empties the cache then, so it either finds
        the answer here or is found by this.
        """
        disk, erased_since = self._disk, self.erased_since
        if disk is None or erased_since is None:
            return
        for _, order in batch:
            shopper = order.extra.get(SHOPPER)
            try:
                if shopper is not None and erased_since([shopper], order.stored_at - ASKED_EARLIER_S):
                    disk.evict(shopper, retry=False)
                    emptied_log(self._folder / DATABASE)
            except (*_TROUBLE, StoreUnavailable) as error:
                self._report("bar", error)

    def _report(self, trouble: str, error: Exception) -> None:
        now = time.monotonic()
        if now - self._logged_at.get(trouble, -math.inf) >= _LOG_EVERY_S:
            self._logged_at[trouble] = now
            log.warning(
                "order_cache_trouble", where=trouble, folder=str(self._folder), reason=str(error).split("\n")[0]
            )


@contextmanager
def _own_connection(path: Path) -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(path, timeout=FLUSH_S, isolation_level=None)
    try:
        yield connection
    finally:
        connection.close()


def _check(path: Path) -> None:
    """Raises sqlite3.DatabaseError when the file is damaged or held: diskcache itself would wait for a minute."""
    with _own_connection(path) as connection:
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("ROLLBACK")
        verdict = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
    if verdict != "ok":
        raise sqlite3.DatabaseError(f"database disk image is malformed: {verdict}")


def _is_damage(error: sqlite3.Error) -> bool:
    return any(word in str(error) for word in ("malformed", "not a database", "no such", "has no column"))
