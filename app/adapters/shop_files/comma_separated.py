"""CSV: comma separated, quoted with ", a header line, UTF-8 with or without a byte order mark."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Literal

from app.adapters.shop_files.opened import naming, open_bytes, sha256_of
from app.domain.errors import ImportRejected
from app.domain.imports import FileFacts, FileKind, RawRow, Unreadable
from app.ports import Progress

_LONGEST_FIELD = 10_000_000  # characters; past any real one, so that a quote left open ends in an error
_REPORT_EVERY = 10_000
_SEPARATORS = {",": "comma", ";": "semicolon", "\t": "tab"}


@dataclass(frozen=True, slots=True)
class CsvFile:
    """Implements app.ports.ShopFile; an empty field is an unknown value."""

    path: Path
    kind: FileKind
    delimiter: str = ","

    @property
    def name(self) -> str:
        """See ShopFile."""
        return self.path.name

    @property
    def unit(self) -> Literal["line", "row"]:
        """A row's number is the line it begins on, also where fields hold line breaks."""
        return "line"

    def check(self, progress: Progress | None = None) -> FileFacts:
        """See ShopFile."""
        digest = sha256_of(self.path)
        records = self._records()
        header = self._header(records)
        rows = 0
        for rows, _ in enumerate(records, start=1):
            if progress is not None and rows % _REPORT_EVERY == 0:
                progress(f"check {self.name}", rows, None)
        return FileFacts(digest, rows, tuple(header))

    def batches(self, size: int) -> Iterator[Sequence[RawRow]]:
        """See ShopFile."""
        records = self._records()
        header = self._header(records)
        batch: list[RawRow] = []
        for line, fields in records:
            if len(fields) == len(header):
                batch.append((line, {name: value for name, value in zip(header, fields, strict=True) if value}))
            else:
                reason = f"{len(fields)} fields where the header has {len(header)}"
                batch.append((line, Unreadable(reason)))
            if len(batch) >= size:
                yield batch
                batch = []
        if batch:
            yield batch

    def header(self) -> list[str]:
        """The names of the columns. Raises: ImportRejected: there are none."""
        return self._header(self._records())

    def _header(self, records: Iterator[tuple[int, list[str]]]) -> list[str]:
        first = next(records, None)
        if first is None:
            raise ImportRejected(f"{self.name} holds no header line; write one with the names of the columns.")
        header = [name.strip() for name in first[1]]
        twice = sorted({name for name in header if header.count(name) > 1})
        if twice:
            raise ImportRejected(f"{self.name} names the column {twice[0]!r} twice; rename or remove one.")
        return header

    def _refuse_other_separator(self, header: str) -> None:
        """Says which separator is expected where the header is written with another: no column would be found."""
        for other in _SEPARATORS.keys() - {self.delimiter}:
            if header.count(other) > header.count(self.delimiter):
                raise ImportRejected(
                    f"{self.name} separates its columns with a {_SEPARATORS[other]}, and a "
                    f"{_SEPARATORS[self.delimiter]} is expected; export or save it again with that separator."
                )

    def _records(self) -> Iterator[tuple[int, list[str]]]:
        """(first line, fields) of every record, the header included, blank lines left out."""
        before = csv.field_size_limit(_LONGEST_FIELD)
        try:
            with naming(self.path), open_bytes(self.path) as raw:
                text = io.TextIOWrapper(raw, encoding="utf-8-sig", newline="")
                first = text.readline(_LONGEST_FIELD)
                self._refuse_other_separator(first)
                reader = csv.reader(chain([first], text), delimiter=self.delimiter, strict=True)
                line = 1
                for fields in reader:
                    if fields:
                        yield line, fields
                    line = reader.line_num + 1
        except csv.Error as error:
            raise ImportRejected(
                f"{self.name}, line {line}: {error}; check for a quotation mark that is never closed."
            ) from error
        finally:
            csv.field_size_limit(before)
