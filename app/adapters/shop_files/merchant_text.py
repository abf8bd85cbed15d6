"""Google Merchant feeds as text: tab separated, or comma separated where the columns are a feed's."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from app.adapters.shop_files.comma_separated import CsvFile
from app.adapters.shop_files.merchant_xml import sales_mark
from app.domain.imports import FileFacts, FileKind, RawRow, Unreadable
from app.ingest.merchant import READ, attribute_name, merchant_row
from app.ports import Progress

_AT_ONCE = 2_000


def is_merchant(headers: Iterable[str]) -> bool:
    """Whether a text file's columns are those of a Google Merchant feed."""
    names = {attribute_name(header) for header in headers}
    return {"id", "title"} <= names and bool(names & {"link", "image_link", "availability", "google_product_category"})


@dataclass(frozen=True, slots=True)
class MerchantText:
    """Implements app.ports.ShopFile."""

    source: CsvFile
    now: float  # epoch seconds at which sales are looked at
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
        """See ShopFile. The hash covers which sales hold, as with a feed in XML."""
        facts = self.source.check(progress)
        digest = hashlib.sha256(facts.sha256.encode())
        columns = {name: None for name in map(attribute_name, facts.columns) if name not in READ}
        for batch in self.source.batches(_AT_ONCE):
            for _, values in batch:
                item = values if isinstance(values, Unreadable) else _values(values)
                digest.update(sales_mark(item, self.now))
                row = item if isinstance(item, Unreadable) else merchant_row(item, self.now)
                columns.update({} if isinstance(row, Unreadable) else dict.fromkeys(row))
        return FileFacts(digest.hexdigest(), facts.rows, tuple(columns))

    def batches(self, size: int) -> Iterator[Sequence[RawRow]]:
        """See ShopFile."""
        for batch in self.source.batches(size):
            yield [
                (line, values if isinstance(values, Unreadable) else merchant_row(_values(values), self.now))
                for line, values in batch
            ]


def _values(row: Mapping[str, object]) -> dict[str, list[str]]:
    values: dict[str, list[str]] = {}
    for header, text in row.items():
        name = attribute_name(header)
        many = str(text).split(",") if name == "additional_image_link" else [str(text)]
        values.setdefault(name, []).extend(part.strip() for part in many)
    return values
