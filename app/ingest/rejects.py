"""The file that says which rows were left out and why."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import IO

import orjson

from app.domain.errors import ImportRejected


class Rejects:
    """Appends one JSON object per rejected row to <folder>/<import id>.jsonl, which is made at the first one."""

    def __init__(self, folder: Path, import_id: str) -> None:
        self._path = folder / f"{import_id}.jsonl"
        self._file: IO[bytes] | None = None

    @property
    def path(self) -> str | None:
        """The file, None while no row was rejected."""
        return None if self._file is None else str(self._path)

    @property
    def listed(self) -> Sequence[str]:
        """What is to be shown at once; here nothing, for it is in the file."""
        return ()

    def add(self, file: str, unit: str, number: int, reason: str) -> None:
        """Writes {"file", "line", "row" or "item", "reason"}. Raises ImportRejected when it can't be written."""
        try:
            if self._file is None:
                self._path.parent.mkdir(parents=True, exist_ok=True)
                self._file = self._path.open("wb")
            # A reason may quote a lone surrogate, which JSON text can't hold.
            printable = reason.encode("utf-8", "backslashreplace").decode()
            self._file.write(orjson.dumps({"file": file, unit: number, "reason": printable}) + b"\n")
        except OSError as error:
            raise ImportRejected(f"{self._path} can't be written ({error.strerror}); rows before it are in.") from error

    def __enter__(self) -> Rejects:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._file is not None:
            self._file.close()


class ListedRejects(Rejects):
    """For a dry run: writes no file and keeps the first few reasons."""

    _MOST = 20

    def __init__(self, folder: Path, import_id: str) -> None:
        super().__init__(folder, import_id)
        self._listed: list[str] = []

    @property
    def listed(self) -> Sequence[str]:
        """The first rejected rows, a line each."""
        return tuple(self._listed)

    def add(self, file: str, unit: str, number: int, reason: str) -> None:
        """Keeps the reason while there is room."""
        if len(self._listed) < self._MOST:
            self._listed.append(f"rejected: {file}, {unit} {number}: {reason.encode('utf-8', 'replace').decode()}")
