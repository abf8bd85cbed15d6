"""Folders of files that are never changed once written: numbered generations and a pointer to the current one.

    root/lock                 held by the one process that writes
    root/current              the name of the current generation, replaced atomically
    root/gen-000007/          its files, and manifest.json with size and hash of each
    root/tmp-…/               a generation being written; swept by the next writer

A reader takes the generation that `current` names; one whose files don't match its manifest is passed over for the
newest older one that does.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import structlog
from pydantic import BaseModel, ConfigDict, ValidationError

from app.domain.errors import IndexUnavailable

log = structlog.get_logger(__name__)

MANIFEST = "manifest.json"
POINTER = "current"
_NAME = re.compile(r"^gen-(\d{6,})$")


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)
    bytes: int
    blake2b: str


class _Manifest(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)
    format: int
    facts: dict[str, str | int]
    files: dict[str, _File]


@dataclass(frozen=True, slots=True)
class Generation:
    """A folder whose files were checked against its manifest. `facts` is what its writer noted about it."""

    folder: Path
    facts: Mapping[str, str | int]

    @property
    def name(self) -> str:
        """The folder's name, such as gen-000007."""
        return self.folder.name

    def text(self, fact: str) -> str:
        """A fact that must be text. Raises IndexUnavailable when it is not there."""
        value = self.facts.get(fact)
        if not isinstance(value, str):
            raise IndexUnavailable(f"{self.folder / MANIFEST} lacks {fact!r}; run `shelfwise train` to rebuild it")
        return value

    def number(self, fact: str) -> int:
        """A fact that must be a whole number of 0 or more. Raises IndexUnavailable when it is not there."""
        value = self.facts.get(fact)
        if not isinstance(value, int) or value < 0:
            raise IndexUnavailable(f"{self.folder / MANIFEST} lacks {fact!r}; run `shelfwise train` to rebuild it")
        return value


@contextmanager
def locked(root: Path, purpose: str) -> Iterator[None]:
    """Holds `root/lock` for one owner at a time, across processes and within one; released when a process dies.

    Raises: IndexUnavailable: somebody else holds it.
    """
    held = take_lock(root, purpose)
    try:
        yield
    finally:
        held.close()


def take_lock(root: Path, purpose: str) -> IO[bytes]:
    """The open lock file; closing it releases the lock.

    flock, not lockf: a POSIX record lock would be shared by every opener of the same process.

    Raises: IndexUnavailable: somebody else holds it, or the folder can't be written.
    """
    try:
        root.mkdir(parents=True, exist_ok=True)
        handle = (root / "lock").open("ab")
    except OSError as error:
        raise IndexUnavailable(f"{root} can't be written ({error}); check DATA_DIR") from error
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        handle.close()
        raise IndexUnavailable(
            f"{root} is in use by another owner ({purpose} needs it alone); stop that process or wait for it to finish"
        ) from error
    return handle


def write_generation(root: Path, fill: Callable[[Path], Mapping[str, str | int]]) -> Generation:
    """Writes a new generation and points to it. The caller holds the lock.

    Args:    fill: writes the files into the folder it is given and returns the facts for the manifest.
    Returns: the new generation, already current and on disk.
    """
    _sweep(root)
    draft = Path(tempfile.mkdtemp(prefix="tmp-", dir=root))
    try:
        facts = fill(draft)
        seal(draft, facts, sorted(draft.rglob("*")))
        target = root / next_name(root)
        draft.rename(target)
    except BaseException:
        shutil.rmtree(draft, ignore_errors=True)
        raise
    sync_folder(root)
    point_to(root, target.name)
    return Generation(target, dict(facts))


def seal(folder: Path, facts: Mapping[str, str | int], files: list[Path]) -> None:
    """Writes the folder's manifest: facts, and size and hash of the given files, all flushed to the disk."""
    stamps = {}
    for path in files:
        if path.is_file() and path.name != MANIFEST:
            flush_file(path)
            stamps[path.relative_to(folder).as_posix()] = _File(bytes=path.stat().st_size, blake2b=file_hash(path))
    replace_text(folder / MANIFEST, _Manifest(format=1, facts=dict(facts), files=stamps).model_dump_json(indent=1))


def unseal(folder: Path) -> None:
    """Takes the manifest away, so that nobody trusts the folder while it is being changed."""
    (folder / MANIFEST).unlink(missing_ok=True)
    sync_folder(folder)


def verify(folder: Path) -> Generation:
    """The generation in a folder, every file compared with the manifest by size and hash.

    Raises: IndexUnavailable: something is missing, truncated or altered; the message names the file.
    """
    try:
        manifest = _Manifest.model_validate_json((folder / MANIFEST).read_bytes())
    except OSError as error:
        raise IndexUnavailable(
            f"{folder / MANIFEST} can't be read ({error.strerror}); it was never finished"
        ) from error
    except ValidationError as error:
        raise IndexUnavailable(f"{folder / MANIFEST} is not a manifest; the file is damaged") from error
    for name, stamp in manifest.files.items():
        path = folder / name
        try:
            size = path.stat().st_size
            matches = size == stamp.bytes and file_hash(path) == stamp.blake2b
        except OSError as error:
            raise IndexUnavailable(f"{path} can't be read ({error.strerror})") from error
        if not matches:
            raise IndexUnavailable(f"{path} is damaged: {size} bytes, {stamp.bytes} expected, or other content")
    return Generation(folder, manifest.facts)


def fact(folder: Path, name: str) -> str | int | None:
    """What the writer of a folder noted under this name, its files unchecked; None without such a note."""
    try:
        return _Manifest.model_validate_json((folder / MANIFEST).read_bytes()).facts.get(name)
    except (OSError, ValidationError):
        return None


def intact_generations(root: Path) -> Iterator[Generation]:
    """Generations that verify: the current one first, then the others, newest first. Warns for each that doesn't."""
    current = pointed_to(root)
    names = sorted(_numbered(root), key=lambda name: (name == current, _number(name)), reverse=True)
    for name in names:
        try:
            generation = verify(root / name)
        except IndexUnavailable as error:
            log.warning("generation_damaged", folder=str(root / name), problem=str(error), action="trying an older one")
            continue
        if current is not None and name != current:
            log.warning("generation_fallback", folder=str(root), wanted=current, used=name)
        yield generation


def pointed_to(root: Path) -> str | None:
    """The name that `current` holds, None when there is none or it is not a name."""
    try:
        name = (root / POINTER).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        return None
    return name if _NAME.match(name) else None


def point_to(root: Path, name: str) -> None:
    """Makes a generation the current one, atomically and durably."""
    replace_text(root / POINTER, name + "\n")


def prune(root: Path, keep: set[str]) -> None:
    """Deletes every generation but the named ones. Files that a reader has mapped stay readable to it."""
    for name in _numbered(root):
        if name not in keep:
            shutil.rmtree(root / name, ignore_errors=True)


def next_name(root: Path) -> str:
    """A name one above every generation that is there or is pointed to."""
    current = pointed_to(root)
    taken = [_number(name) for name in [*_numbered(root), *([] if current is None else [current])]]
    return f"gen-{max(taken, default=0) + 1:06d}"


def file_hash(path: Path, algorithm: str = "blake2b") -> str:
    """Hex digest of a file; blake2b by default, which is three times as fast here as SHA-256."""
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, algorithm).hexdigest()


def replace_text(path: Path, text: str) -> None:
    """Writes a file so that a reader, or a power cut, sees the old content or the new one."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.write_text(text, encoding="utf-8")
    flush_file(draft)
    draft.replace(path)
    sync_folder(path.parent)


def flush_file(path: Path) -> None:
    """Waits until the file's content is on the disk."""
    with path.open("rb") as handle:
        os.fsync(handle.fileno())


def sync_folder(folder: Path) -> None:
    """Waits until the folder's entries (renames, new files) are on the disk."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _numbered(root: Path) -> list[str]:
    return [path.name for path in root.glob("gen-*") if _NAME.match(path.name) and path.is_dir()]


def _number(name: str) -> int:
    found = _NAME.match(name)
    return int(found.group(1)) if found else 0


def _sweep(root: Path) -> None:
    for leftover in root.glob("tmp-*"):
        shutil.rmtree(leftover, ignore_errors=True)
