"""Which files of a folder hold what."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from app.adapters.shop_files.comma_separated import CsvFile
from app.adapters.shop_files.json_lines import JsonLinesFile
from app.adapters.shop_files.parquet import ParquetFile
from app.domain.errors import ImportRejected
from app.domain.imports import FILE_KINDS, FileKind
from app.import_ports import ShopFile

Reader = type[CsvFile] | type[JsonLinesFile] | type[ParquetFile]
_READERS: dict[str, Reader] = {
    ".parquet": ParquetFile,
    ".csv": CsvFile,
    ".csv.gz": CsvFile,
    ".jsonl": JsonLinesFile,
    ".jsonl.gz": JsonLinesFile,
}
_MAIN: tuple[FileKind, ...] = ("products", "users", "events")


@dataclass(frozen=True, slots=True)
class ExportFolder:
    """Implements app.ports.ShopFolder."""

    files: Sequence[ShopFile]
    ignored: Sequence[str]


def reader_of(name: str) -> Reader | None:
    """What reads a file of this name, by its ending; None where nothing does."""
    return next((reader for ending, reader in _READERS.items() if name.lower().endswith(ending)), None)


def open_folder(path: Path) -> ExportFolder:
    """The files of an export, not yet read.

    Raises: ImportRejected: no folder, nothing to import in it, or two files for one kind.
    """
    if not path.is_dir():
        raise ImportRejected(f"{path} is not a folder; give one that holds products, events or users files.")
    try:
        names = sorted(entry.name for entry in path.iterdir() if not entry.name.startswith("."))
    except OSError as error:
        raise ImportRejected(f"{path} can't be read: {error.strerror}") from error
    files: dict[FileKind, ShopFile] = {}
    ignored = []
    for name in names:
        kind = next((k for k in FILE_KINDS if name.split(".", 1)[0] == k), None)
        reader = _READERS.get(name[name.find(".") :].lower())
        if kind is None or reader is None:
            ignored.append(name)
        elif kind in files:
            raise ImportRejected(f"{path} holds {files[kind].name} and {name}; keep one file for {kind}.")
        else:
            files[kind] = reader(path / name, kind)
    if not any(kind in files for kind in _MAIN):
        raise ImportRejected(
            f"{path} holds nothing to import; expected products, events or users as .parquet, .csv or .jsonl."
        )
    return ExportFolder([files[kind] for kind in FILE_KINDS if kind in files], ignored)
