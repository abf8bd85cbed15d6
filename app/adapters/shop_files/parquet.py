"""Parquet, read a batch of rows at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from app.adapters.shop_files.opened import naming, sha256_of
from app.domain.errors import ImportRejected
from app.domain.imports import FileFacts, FileKind, RawRow
from app.ports import Progress

_CHECKED_AT_ONCE = 20_000
_PER_SECOND = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}


@dataclass(frozen=True, slots=True)
class ParquetFile:
    """Implements app.ports.ShopFile; moments come as epoch seconds (those without a zone are read as UTC)."""

    path: Path
    kind: FileKind

    @property
    def name(self) -> str:
        """See ShopFile."""
        return self.path.name

    @property
    def unit(self) -> Literal["line", "row"]:
        """See ShopFile."""
        return "row"

    def check(self, progress: Progress | None = None) -> FileFacts:
        """See ShopFile; every page is decoded and every text checked to be UTF-8."""
        digest = sha256_of(self.path)
        rows = 0
        with self._opened() as file:
            names = file.schema_arrow.names
            total = file.metadata.num_rows
            for batch in file.iter_batches(batch_size=_CHECKED_AT_ONCE):
                batch.validate(full=True)
                rows += batch.num_rows
                if progress is not None:
                    progress(f"check {self.name}", rows, total)
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ImportRejected(f"{self.name} names the column {twice[0]!r} twice; rename or remove one.")
        return FileFacts(digest, rows, tuple(names))

    def batches(self, size: int) -> Iterator[Sequence[RawRow]]:
        """See ShopFile."""
        done = 0
        with self._opened() as file:
            for batch in file.iter_batches(batch_size=size):
                names = batch.schema.names
                columns = [_plain_values(column) for column in batch.columns]
                yield [
                    (number, dict(zip(names, values, strict=True)))
                    for number, values in enumerate(zip(*columns, strict=True), start=done + 1)
                ]
                done += batch.num_rows

    @contextmanager
    def _opened(self) -> Iterator[Any]:
        try:
            with naming(self.path), pq.ParquetFile(self.path) as file:
                yield file
        except pa.ArrowException as error:
            raise ImportRejected(
                f"{self.name} is cut off, damaged or no Parquet file ({str(error)[:200]}); write it again."
            ) from error


def _plain_values(column: Any) -> list[Any]:
    """Python values of a column, without datetime objects: those cost ten times as much as the numbers."""
    if pa.types.is_date(column.type):
        column = column.cast(pa.timestamp("s"))
    if pa.types.is_timestamp(column.type):
        ticks = column.cast(pa.int64())
        column = pc.divide(ticks.cast(pa.float64(), safe=False), float(_PER_SECOND[column.type.unit]))
    values: list[Any] = column.to_pylist()
    return values
