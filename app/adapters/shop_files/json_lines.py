"""JSON Lines: one object per line, UTF-8."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import orjson

from app.adapters.shop_files.opened import naming, open_bytes, sha256_of
from app.domain.errors import ImportRejected
from app.domain.imports import FileFacts, FileKind, RawRow, Unreadable
from app.ports import Progress

LONGEST_LINE = 4_000_000  # bytes; a longer one is skipped, not held in memory
_REPORT_EVERY = 10_000
_BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class JsonLinesFile:
    """Implements app.ports.ShopFile; a line that is no JSON object is an unreadable row."""

    path: Path
    kind: FileKind

    @property
    def name(self) -> str:
        """See ShopFile."""
        return self.path.name

    @property
    def unit(self) -> Literal["line", "row"]:
        """See ShopFile."""
        return "line"

    def check(self, progress: Progress | None = None) -> FileFacts:
        """See ShopFile. Also raises ImportRejected when no line at all is a JSON object."""
        digest = sha256_of(self.path)
        columns: dict[str, None] = {}
        rows = 0
        first_fault = ""
        for line, content in self._rows():
            rows += 1
            if isinstance(content, Unreadable):
                first_fault = first_fault or f"line {line}: {content.reason}"
            else:
                columns.update(dict.fromkeys(content))
            if progress is not None and rows % _REPORT_EVERY == 0:
                progress(f"check {self.name}", rows, None)
        if not columns:
            raise ImportRejected(
                f"{self.name} holds no JSON object ({first_fault or 'only blank lines'}); "
                f"write one object per line, without brackets or commas around them."
            )
        return FileFacts(digest, rows, tuple(columns))

    def batches(self, size: int) -> Iterator[Sequence[RawRow]]:
        """See ShopFile."""
        batch: list[RawRow] = []
        for row in self._rows():
            batch.append(row)
            if len(batch) >= size:
                yield batch
                batch = []
        if batch:
            yield batch

    def _rows(self) -> Iterator[RawRow]:
        with naming(self.path), open_bytes(self.path) as file:
            number = 0
            while text := file.readline(LONGEST_LINE + 1):
                number += 1
                if number == 1:
                    text = text.removeprefix(_BOM)
                if len(text) > LONGEST_LINE:
                    while text and not text.endswith(b"\n"):
                        text = file.readline(LONGEST_LINE)
                    yield number, Unreadable(f"the line is longer than {LONGEST_LINE:,} bytes")
                elif text.strip():
                    yield number, _parsed(text)


def _parsed(text: bytes) -> Mapping[str, object] | Unreadable:
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        text.decode("utf-8")  # text in another encoding is a broken file, not a bad row
        return Unreadable(f"not JSON: {error}")
    if not isinstance(value, dict):
        return Unreadable("not a JSON object")
    return value
