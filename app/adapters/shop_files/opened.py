"""Opening a file for reading: plain or gzip, with a hash of its bytes, and with errors that name it."""

from __future__ import annotations

import gzip
import hashlib
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from app.domain.errors import ImportRejected

_BLOCK = 1 << 20


def sha256_of(path: Path) -> str:
    """Hash of the file's bytes as they lie on disk. Raises ImportRejected: unreadable or without a byte."""
    with naming(path):
        digest = hashlib.sha256()
        size = 0
        with path.open("rb") as file:
            while block := file.read(_BLOCK):
                digest.update(block)
                size += len(block)
    if not size:
        raise ImportRejected(f"{path.name} is empty; write it again or take it away.")
    return digest.hexdigest()


def open_bytes(path: Path) -> IO[bytes] | gzip.GzipFile:
    """The file's content, decompressed where its name ends in .gz."""
    if path.suffix.lower() == ".gz":
        return gzip.open(path, "rb")
    return path.open("rb")


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """Turns what goes wrong while a file is read into ImportRejected, with the file's name and advice."""
    try:
        yield
    except UnicodeDecodeError as error:
        raise ImportRejected(
            f"{path.name} is not UTF-8 text (byte {error.object[error.start]:#04x} in {_near(error)}); "
            f"save it as UTF-8."
        ) from error
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise ImportRejected(f"{path.name} is cut off or no gzip file ({error}); write it again.") from error
    except OSError as error:
        raise ImportRejected(f"{path.name} can't be read: {error.strerror or error}") from error


def _near(error: UnicodeDecodeError) -> str:
    before = error.object[max(0, error.start - 20) : error.start]
    return repr(before.decode("utf-8", "replace") + "…")
