"""What is left of somebody in files after the rows are deleted: looked for, and removed."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

LOOK_BYTES = 8 * 2**20
SHORTEST_TRACE_BYTES = 8
"""Shorter ids are found by accident in any large file: "123" says nothing about a shopper of that name."""

LOG_WAIT_S = 2.0
"""How long readers are waited for until the write-ahead log can be emptied."""


def remains(paths: Iterable[Path], traces: Sequence[str]) -> bool:
    """Whether one of the texts stands anywhere in the files, as UTF-8; texts under 8 bytes are not looked for.

    Reads every file once. An erased shopper leaves hundreds of ids, and looking for one after the other would read the
    file as often: the last eight bytes of all of them are compared with every eight bytes of the file at once.
    """
    needles = sorted({trace.encode("utf-8", "surrogatepass") for trace in traces})
    needles = [needle for needle in needles if len(needle) >= SHORTEST_TRACE_BYTES]
    if not needles:
        return False
    tails: dict[int, list[bytes]] = {}
    for needle in needles:
        tails.setdefault(int.from_bytes(needle[-8:], "little"), []).append(needle)
    overlap = max(map(len, needles)) - 1
    return any(
        needle in block
        for path in paths
        for block in _blocks(path, overlap)
        for tail in _words_in(block, np.fromiter(tails, dtype=np.uint64))
        for needle in tails[tail]
    )


def _words_in(block: bytes, words: NDArray[np.uint64]) -> set[int]:
    """Which of some eight-byte words stand anywhere in a block, at any offset."""
    begins = np.zeros(1 << 16, dtype=np.bool_)
    begins[words & np.uint64(0xFFFF)] = True
    found: set[int] = set()
    for offset in range(8):
        count = (len(block) - offset) // 8
        if count > 0:
            here = np.frombuffer(block, dtype="<u8", count=count, offset=offset)
            likely = here[begins[np.frombuffer(block, dtype="<u2", count=4 * count, offset=offset)[::4]]]
            found.update(np.intersect1d(likely, words).tolist())
    return found


def _blocks(path: Path, overlap: int) -> Iterator[bytes]:
    """A file in parts of which each repeats the end of the one before."""
    handle = _handle(path)
    tail, at = b"", 0
    while handle is not None and (block := os.pread(handle, LOOK_BYTES, at)):
        at += len(block)
        block = tail + block
        yield block
        tail = block[-overlap:]


_HANDLES: dict[tuple[int, int], int] = {}


def _handle(path: Path) -> int | None:
    """A descriptor to read a database's file by, None where there is no such file; it is never closed.

    Closing any descriptor of a file ends all POSIX locks of this process on it, those of SQLite's connections too:
    another process would take the database for unused and delete the log that this one writes to.
    """
    try:
        status = path.stat()
    except FileNotFoundError:
        return None
    file = (status.st_dev, status.st_ino)
    if file not in _HANDLES:
        _HANDLES[file] = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    return _HANDLES[file]


def emptied_log(database: Path) -> bool:
    """Whether the write-ahead log of a SQLite file could be brought into it and cut to nothing.

    A reader that goes on for longer than two seconds keeps it. Raises sqlite3.Error for a damaged file.
    """
    with _own_connection(database) as connection:
        busy = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
    return not busy


def compact(database: Path) -> bool:
    """Whether a SQLite file was written anew, with nothing in it but its rows, and its log emptied.

    Needs the space of the file once more on the disk; writers wait, readers go on. False when a writer or reader
    did not let it.
    """
    with _own_connection(database) as connection:
        connection.execute("PRAGMA secure_delete=ON")
        connection.execute("PRAGMA temp_store=FILE")  # in memory it would need as much as the file has
        try:
            connection.execute("VACUUM")
        except sqlite3.OperationalError as error:
            if "locked" in str(error) or "busy" in str(error):
                return False
            raise
    return emptied_log(database)


def drop_lines(folder: Path, traces: Sequence[str]) -> int:
    """Takes every line that names one of the texts out of the `.jsonl` files of a folder; how many lines went.

    A file is replaced whole. Texts are looked for as JSON writes them, between quotes of either kind, so that the
    shopper "7" takes no line with her that only has a 7 in it.
    """
    needles = [quoted for trace in traces for quoted in _quoted(trace)]
    dropped = 0
    for path in sorted(folder.glob("*.jsonl")) if folder.is_dir() else ():
        lines = path.read_bytes().splitlines(keepends=True)
        kept = [line for line in lines if not any(needle in line for needle in needles)]
        if len(kept) == len(lines):
            continue
        dropped += len(lines) - len(kept)
        draft = path.with_name(f".{path.name}.{os.getpid()}")
        with draft.open("wb") as file:
            file.writelines(kept)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    return dropped


def _quoted(text: str) -> list[bytes]:
    raw = text.encode("utf-8", "backslashreplace")
    return [b"'" + raw + b"'", b'"' + raw + b'"', b'\\"' + raw + b'\\"']


@contextmanager
def _own_connection(path: Path) -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(path, timeout=LOG_WAIT_S, isolation_level=None)
    try:
        yield connection
    finally:
        connection.close()
