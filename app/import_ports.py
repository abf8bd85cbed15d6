"""The Protocols of an import: what it reads and what it writes to."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Literal, Protocol

from app.domain.catalog import Product
from app.domain.imports import (
    Counts,
    FileFacts,
    FileKind,
    FileProgress,
    PriceChange,
    RawRow,
    StatedShopper,
    StockChange,
    Written,
)
from app.domain.interactions import Consent, Interaction
from app.ports import Progress


class StoreTransaction(Protocol):
    """Writes that become visible and durable together, or not at all."""

    def upsert_products(self, products: Sequence[Product], at: float) -> Written:
        """Stores products whole; a changed price or stock enters the history at `at`. Unchanged: no write."""
        ...

    def products(self, product_ids: Sequence[str]) -> Mapping[str, Product]:
        """The products with these ids as this transaction sees them; unknown and deleted ones are left out."""
        ...

    def delete_products(self, product_ids: Sequence[str], at: float) -> int:
        """Marks products as deleted; how many were not before."""
        ...

    def append_price_history(self, changes: Sequence[PriceChange]) -> Written:
        """Adds past prices of known products; one at the same instant is replaced."""
        ...

    def append_stock_history(self, changes: Sequence[StockChange]) -> Written:
        """Adds past stock levels of known products; one at the same instant is replaced."""
        ...

    def upsert_shoppers(self, shoppers: Sequence[StatedShopper], at: float) -> Written:
        """Stores what shoppers stated; what one left unstated stays as it is."""
        ...

    def add_missing_shoppers(self, user_ids: Iterable[str], consent: Consent, at: float) -> int:
        """Gives this consent to shoppers who have stated none, storing unknown ones; the number it was given to."""
        ...

    def insert_events(self, events: Sequence[Interaction]) -> Written:
        """Adds events; an id that is held already is a duplicate and changes nothing."""
        ...

    def save_progress(self, progress: FileProgress) -> None:
        """Remembers how far a file's import has come."""
        ...


class ImportStore(Protocol):
    """What an import needs of a store."""

    def transaction(self) -> AbstractContextManager[StoreTransaction]:
        """Commits at the end of the block, rolls back when it raises."""
        ...

    def import_progress(self, key: str) -> FileProgress | None:
        """How far this content was imported, None when never."""
        ...

    def product_ids(self, *, with_deleted: bool = True) -> frozenset[str]:
        """Ids of all products."""
        ...

    def products(self, product_ids: Sequence[str]) -> Mapping[str, Product]:
        """The products with these ids; unknown and deleted ones are left out."""
        ...

    def sequence(self) -> int:
        """Number of the newest catalogue change."""
        ...

    def counts(self) -> Counts:
        """How much the store holds."""
        ...


class ShopFile(Protocol):
    """One file of a shop's export."""

    @property
    def name(self) -> str:
        """The file's name, without its folder."""
        ...

    @property
    def kind(self) -> FileKind:
        """What its rows are."""
        ...

    @property
    def unit(self) -> Literal["line", "row", "item"]:
        """What the numbers of its rows count."""
        ...

    def check(self, progress: Progress | None = None) -> FileFacts:
        """Reads the whole file once. Raises ImportRejected when it can't be read to its end."""
        ...

    def batches(self, size: int) -> Iterator[Sequence[RawRow]]:
        """All rows in file order, at most `size` at a time. Raises ImportRejected like check()."""
        ...


class ShopFolder(Protocol):
    """A folder of a shop's export."""

    @property
    def files(self) -> Sequence[ShopFile]:
        """At most one per kind, in the order of FILE_KINDS; at least one of products, users and events."""
        ...

    @property
    def ignored(self) -> Sequence[str]:
        """Names of other entries of the folder."""
        ...
