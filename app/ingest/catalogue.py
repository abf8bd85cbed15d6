"""Changes of the catalogue while it is served: read, decide and write are one transaction, then readers are told."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

from app.domain.catalog import Product
from app.domain.imports import Written
from app.import_ports import StoreTransaction


class CatalogueStore(Protocol):
    """What changing the catalogue while it is served needs of a store."""

    def products(self, product_ids: Sequence[str]) -> Mapping[str, Product]:
        """The products with these ids; unknown ids are left out."""
        ...

    def transaction(self) -> AbstractContextManager[StoreTransaction]:
        """Commits at the end of the block, rolls back when it raises."""
        ...


@dataclass(frozen=True, slots=True)
class Changes:
    """What to write. A product in neither stays as it is."""

    store: Sequence[Product] = ()  # whole products; a changed price or stock enters their history
    delete: Sequence[str] = ()  # ids


Decide = Callable[[Mapping[str, Product]], Changes]
"""decide(the products as they are now) → what to write; whatever it raises leaves everything as it was."""


class CatalogueEditor:
    """Writes products one transaction at a time. Any thread may call it."""

    def __init__(self, store: CatalogueStore, *, now: Callable[[], float], changed: Callable[[], None]) -> None:
        """Args: now: from when on new prices and stock levels hold (AS_OF); changed: called after each write."""
        self._store = store
        self._now = now
        self._changed = changed

    def product(self, product_id: str) -> Product | None:
        """The product, None where there is none or it was deleted."""
        return self._store.products([product_id]).get(product_id)

    def edit(self, product_ids: Sequence[str], decide: Decide) -> Written:
        """Shows the products to `decide` and writes what it answers; nobody else writes in between.

        Returns: inserted, updated and unchanged products; a deletion counts as an update.
        Raises:  StoreUnavailable; whatever `decide` raises. Nothing was written then.
        """
        at = self._now()
        with self._store.transaction() as transaction:
            changes = decide(transaction.products(product_ids))
            written = Written()
            if changes.store:
                written += transaction.upsert_products(changes.store, at)
            if changes.delete:
                written += Written(updated=transaction.delete_products(changes.delete, at))
        if written.inserted or written.updated:
            self._changed()
        return written
