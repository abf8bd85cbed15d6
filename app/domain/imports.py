"""What passes between the files of a shop, the import and the store."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from app.domain.interactions import Consent, Preferences

FileKind = Literal["products", "price_history", "stock_history", "users", "events"]

FILE_KINDS: tuple[FileKind, ...] = ("products", "price_history", "stock_history", "users", "events")
"""The order in which an import reads them: what later kinds refer to comes first."""


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A row of a file that can't be read as a row; the reason is fit for a person."""

    reason: str


RawRow = tuple[int, Mapping[str, object] | Unreadable]
"""Line (text files, 1-based, the header is line 1), row (Parquet) or item (XML with several on a line), both
1-based, and the values by column name. It tells where to look, not which row it is: several may have one line."""


@dataclass(frozen=True, slots=True)
class FileFacts:
    """What reading a file once from end to end found."""

    sha256: str  # of the file's bytes
    rows: int
    columns: tuple[str, ...]  # of all rows, in order of first appearance


@dataclass(frozen=True, slots=True)
class PriceChange:
    """From this moment on the product cost this much."""

    product_id: str
    valid_from: float  # epoch seconds
    price_minor: int


@dataclass(frozen=True, slots=True)
class StockChange:
    """At this moment this many were in stock."""

    product_id: str
    at: float  # epoch seconds
    stock: int


@dataclass(frozen=True, slots=True)
class StatedShopper:
    """A shopper as the shop states one. None: nothing stated, what the store holds stays."""

    user_id: str
    preferences: Preferences | None = None
    consent: Consent | None = None


@dataclass(frozen=True, slots=True)
class Written:
    """What became of the rows of one write; the five add up to the rows given."""

    inserted: int = 0
    updated: int = 0
    unchanged: int = 0  # held already with the same content
    duplicates: int = 0  # an event whose id is held already
    erased: int = 0  # about a shopper who was erased since: refused

    def __add__(self, other: Written) -> Written:
        """Both writes together."""
        return Written(
            self.inserted + other.inserted,
            self.updated + other.updated,
            self.unchanged + other.unchanged,
            self.duplicates + other.duplicates,
            self.erased + other.erased,
        )


@dataclass(frozen=True, slots=True)
class FileProgress:
    """How far the import of one file's content has come."""

    key: str  # hash of content, kind and options
    import_id: str
    file: str
    kind: FileKind
    rows_done: int
    finished: bool = False
    catalogue_sequence: int | None = None  # newest catalogue change when the whole import was done; None before


@dataclass(frozen=True, slots=True)
class Counts:
    """How much a store holds."""

    products: int = 0  # deleted ones left out
    products_deleted: int = 0
    products_with_price: int = 0
    products_with_cost: int = 0
    products_with_stock: int = 0
    products_with_category: int = 0
    price_changes: int = 0
    stock_changes: int = 0
    events: int = 0
    events_of_unknown_products: int = 0
    shoppers: int = 0
    shoppers_with_consent: int = 0  # who stated one themselves
    slates: int = 0


@dataclass(frozen=True, slots=True)
class FileReport:
    """What became of one file. rows = inserted + updated + unchanged + duplicates + erased + rejected + resumed."""

    file: str
    kind: FileKind
    rows: int = 0
    written: Written = Written()
    rejected: int = 0
    resumed: int = 0  # rows that an interrupted import had written before
    skipped: bool = False  # the same content was imported before: nothing was read or written
    ignored_columns: tuple[str, ...] = ()
    seconds: float = 0.0  # validating and writing


@dataclass(frozen=True, slots=True)
class ImportReport:
    """What one import did."""

    import_id: str
    files: Sequence[FileReport]
    notes: Sequence[str] = ()
    rejects_file: str | None = None  # None: no row was rejected
    check_seconds: float = 0.0  # reading every file once before anything is written
    seconds: float = 0.0
    counts: Counts = field(default_factory=Counts)  # of the store, afterwards
    deleted: int = 0  # products that a full feed no longer names
    dry_run: bool = False  # nothing was written; the figures say what would be
    examples: Sequence[str] = ()  # of a dry run: some changes and some rejected rows, a line each

    @property
    def rejected(self) -> int:
        """Rejected rows of all files."""
        return sum(report.rejected for report in self.files)
