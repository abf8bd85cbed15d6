"""How far each file's import has come."""

from __future__ import annotations

import sqlite3

from app.domain.imports import FileProgress


def read(cursor: sqlite3.Cursor, key: str) -> FileProgress | None:
    """The progress of one file's content, None when it was never imported."""
    row = cursor.execute(
        "SELECT key, import_id, file, kind, rows_done, finished, catalogue_sequence FROM imports WHERE key = ?", (key,)
    ).fetchone()
    if row is None:
        return None
    key, import_id, file, kind, rows_done, finished, sequence = row
    return FileProgress(key, import_id, file, kind, rows_done, bool(finished), sequence)


def save(cursor: sqlite3.Cursor, progress: FileProgress) -> None:
    """Replaces the progress of one file's content."""
    cursor.execute(
        "INSERT OR REPLACE INTO imports VALUES (?,?,?,?,?,?,?)",
        (
            progress.key,
            progress.import_id,
            progress.file,
            progress.kind,
            progress.rows_done,
            int(progress.finished),
            progress.catalogue_sequence,
        ),
    )
