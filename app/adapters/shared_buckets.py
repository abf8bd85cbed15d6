"""Rates that all workers of one machine count together, in a file that is mapped into memory.

A write to the database for every request would cost each of them more than the rest of its work. Here a request costs a
few microseconds: one record lock and 64 bytes of memory. Each name has one number, the time at which its bucket will be
full again (GCRA: the virtual scheduling algorithm of ITU-T I.371). See docs/decisions/ for what else was considered.

The file holds keyed digests of names, with a key of its own, and times of the last minutes. It survives a restart and
need not: a bucket that claims to be emptier than it can be, as after a reboot, is taken for a full one.
"""

from __future__ import annotations

import fcntl
import mmap
import os
import secrets
import struct
import time
from collections.abc import Callable
from hashlib import blake2b
from pathlib import Path

import structlog

from app.ports import Taken

log = structlog.get_logger(__name__)

NAME = "rates.bin"
_MAGIC = b"rates-1\0"
_HEADER = 64
_ENTRY = struct.Struct("<8sd")
_WAYS = 4
_SETS = 1 << 15
"""Times _WAYS: 131,072 names at a time; the one that is next to full gives way to a new one of its set."""

_SIZE = _HEADER + _SETS * _WAYS * _ENTRY.size
_TRIES = 200
"""Attempts at a set's lock, a microsecond each, before the processor is left to who holds it."""

_PATIENCE_S = 0.05
"""How long a lock is waited for whose holder was interrupted. A worker that was stopped in the middle for good holds up
each of the others once by this, and only for names of its set; from then on that set is counted without its lock."""


class SharedBuckets:
    """Implements app.ports.RateCounter. For one thread of a process; any number of processes share a file."""

    def __init__(self, memory: mmap.mmap, descriptor: int | None, clock: Callable[[], float]) -> None:
        self._memory, self._descriptor, self._clock = memory, descriptor, clock
        self._salt = bytes(memory[8:24])
        self._given_up: set[int] = set()

    @classmethod
    def open(cls, folder: Path, *, clock: Callable[[], float] = time.monotonic) -> SharedBuckets:
        """The buckets of this data folder; where no file can be had there, buckets of this process alone, with a log.

        Args: clock: seconds that every process of the machine counts alike, as the monotonic clock.
        """
        try:
            descriptor = os.open(folder / NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            return cls._alone(error, clock)
        try:
            fcntl.lockf(descriptor, fcntl.LOCK_EX, 1, 0)
            if os.fstat(descriptor).st_size != _SIZE or os.pread(descriptor, 8, 0) != _MAGIC:
                os.ftruncate(descriptor, 0)
                os.posix_fallocate(descriptor, 0, _SIZE)  # a hole that the disk has no room for would end the process
                os.pwrite(descriptor, _MAGIC + secrets.token_bytes(16), 0)
            memory = mmap.mmap(descriptor, _SIZE)
            fcntl.lockf(descriptor, fcntl.LOCK_UN, 1, 0)
        except OSError as error:
            os.close(descriptor)
            return cls._alone(error, clock)
        return cls(memory, descriptor, clock)

    @classmethod
    def _alone(cls, error: OSError, clock: Callable[[], float]) -> SharedBuckets:
        log.warning("rates_not_shared", reason=error.strerror, consequence="each worker grants the whole rate")
        memory = mmap.mmap(-1, _SIZE)
        memory[:24] = _MAGIC + secrets.token_bytes(16)
        return cls(memory, None, clock)

    def close(self) -> None:
        """Unmaps and closes the file."""
        self._memory.close()
        if self._descriptor is not None:
            os.close(self._descriptor)

    def take(self, name: str, per_s: float, burst: int) -> Taken:
        """See RateCounter."""
        digest = blake2b(name.encode("utf-8", "surrogatepass"), digest_size=12, key=self._salt).digest()
        tag = digest[:8]
        offset = _HEADER + (int.from_bytes(digest[8:], "little") & (_SETS - 1)) * _WAYS * _ENTRY.size
        locked = self._lock(offset)
        try:
            return self._taken(tag, offset, 1.0 / per_s, burst)
        finally:
            if locked and self._descriptor is not None:
                fcntl.lockf(self._descriptor, fcntl.LOCK_UN, _WAYS * _ENTRY.size, offset)

    def _taken(self, tag: bytes, offset: int, interval_s: float, burst: int) -> Taken:
        now, whole_s = self._clock(), burst * interval_s
        place, full_at, least = offset, now, float("inf")
        for way in range(_WAYS):
            at = offset + way * _ENTRY.size
            known, value = _ENTRY.unpack_from(self._memory, at)
            if known == tag:
                place, full_at = at, value
                break
            if not value >= least:
                place, least = at, value
        if not now < full_at <= now + whole_s + interval_s:  # full; or a time that this clock can't have written
            full_at = now
        then = full_at + interval_s
        late_s = then - now - whole_s
        if late_s > 1e-9:
            return Taken(False, 0, late_s)
        _ENTRY.pack_into(self._memory, place, tag, then)
        return Taken(True, int((now + whole_s - then) / interval_s + 1e-6), 0.0)

    def _lock(self, offset: int) -> bool:
        """Whether the set at this place is this process's alone now; where it is not, a few too many may pass."""
        if self._descriptor is None:
            return False
        until_s = None
        while True:
            for _ in range(_TRIES):
                try:
                    fcntl.lockf(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB, _WAYS * _ENTRY.size, offset)
                except OSError:
                    continue
                self._given_up.discard(offset)
                return True
            if offset in self._given_up:
                return False
            if until_s is None:
                until_s = time.monotonic() + _PATIENCE_S
            elif time.monotonic() > until_s:
                self._given_up.add(offset)
                return False
            time.sleep(0.0002)
