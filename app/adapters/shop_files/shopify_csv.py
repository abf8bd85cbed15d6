"""Shopify's product CSV, a handle at a time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from app.adapters.shop_files.comma_separated import CsvFile
from app.domain.errors import ImportRejected
from app.domain.imports import FileFacts, FileKind, RawRow, Unreadable
from app.ingest.shopify import MOST_LINES, Line, field_of_header, rows_of_handle
from app.ports import Progress

_AT_ONCE = 2_000
_NO_HANDLE = "Handle: is empty; every line of a product, also of a variant or an image, carries its handle"


@dataclass(frozen=True, slots=True)
class ShopifyCsv:
    """Implements app.ports.ShopFile; its rows are variants, numbered by their lines."""

    source: CsvFile
    kind: FileKind = "products"

    @property
    def name(self) -> str:
        """See ShopFile."""
        return self.source.name

    @property
    def unit(self) -> Literal["line", "row"]:
        """See ShopFile."""
        return "line"

    def check(self, progress: Progress | None = None) -> FileFacts:
        """See ShopFile."""
        facts = self.source.check(progress)
        columns = {header: None for header in facts.columns if field_of_header(header) is None}
        rows = 0
        for _, row in self._rows():
            rows += 1
            columns.update({} if isinstance(row, Unreadable) else dict.fromkeys(row))
        if not rows:
            raise ImportRejected(f"{self.name} holds no product; export the products again.")
        return FileFacts(facts.sha256, rows, tuple(columns))

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
        handle = ""
        lines: list[Line] = []
        for number, values in self._lines():
            if isinstance(values, Unreadable):
                yield number, values
                continue
            stated = values.get("handle", "")
            if (
                not stated
            ):  # Shopify writes it on every line, those of further images too: whose this is would be a guess
                yield number, Unreadable(_NO_HANDLE)
                continue
            if stated != handle and lines:
                yield from rows_of_handle(handle, lines)
                lines = []
            handle = stated
            if len(lines) <= MOST_LINES:
                lines.append((number, values))
        if lines:
            yield from rows_of_handle(handle, lines)

    def _lines(self) -> Iterator[tuple[int, Mapping[str, str] | Unreadable]]:
        fields: dict[str, str | None] = {}
        for batch in self.source.batches(_AT_ONCE):
            for number, row in batch:
                if isinstance(row, Unreadable):
                    yield number, row
                    continue
                values: dict[str, str] = {}
                for header, text in row.items():
                    if header not in fields:
                        fields[header] = field_of_header(header)
                    if (field := fields[header]) is not None:
                        values.setdefault(field, str(text).strip())
                yield number, values
