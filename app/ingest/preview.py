"""A store to import into that writes nothing and says what would have changed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import fields, replace

from app.domain.catalog import Product
from app.domain.imports import Counts, FileProgress, PriceChange, StatedShopper, StockChange, Written
from app.domain.interactions import Consent, Interaction
from app.import_ports import ImportStore, StoreTransaction

_MOST_EXAMPLES = 10


class PreviewStore:
    """Satisfies ImportStore. Products are compared with the real store; everything else is only checked row by row."""

    def __init__(self, store: ImportStore) -> None:
        self._store = store
        self._new: set[str] = set()
        self._compared_only_products = True
        self.examples: list[str] = []  # of products that would change, the first few

    @contextmanager
    def transaction(self) -> Iterator[StoreTransaction]:
        """One that is dropped at its end."""
        yield _Comparison(self)

    def import_progress(self, key: str) -> FileProgress | None:
        """None: a dry run looks at every row."""
        return None

    def product_ids(self, *, with_deleted: bool = True) -> frozenset[str]:
        """Those of the store and those that would be new."""
        return self._store.product_ids(with_deleted=with_deleted) | self._new

    def products(self, product_ids: Sequence[str]) -> Mapping[str, Product]:
        """Those of the store."""
        return self._store.products(product_ids)

    def sequence(self) -> int:
        """That of the store."""
        return self._store.sequence()

    def counts(self) -> Counts:
        """Those of the store as it is."""
        return self._store.counts()

    def notes(self) -> list[str]:
        """What the figures leave open."""
        if self._compared_only_products:
            return []
        return ["Of files other than products a dry run only checks the rows; it does not compare them with the store."]

    def compare(self, products: Sequence[Product]) -> Written:
        """What storing these products would do."""
        held = self._store.products([product.product_id for product in products])
        inserted = updated = 0
        for product in products:
            before = held.get(product.product_id)
            if before is None:
                inserted += 1
                self._new.add(product.product_id)
                self._example(f"new: {product.product_id} {product.name[:60]}")
            elif changed := _changed_fields(before, product):
                updated += 1
                self._example(f"changed: {product.product_id} ({', '.join(changed)})")
        return Written(inserted=inserted, updated=updated, unchanged=len(products) - inserted - updated)

    def deleted(self, product_ids: Sequence[str]) -> int:
        """How many of these would be deleted."""
        for product_id in product_ids[:_MOST_EXAMPLES]:
            self._example(f"deleted: {product_id}")
        return len(self._store.products(product_ids))

    def only_checked(self) -> Written:
        """For rows that are not compared."""
        self._compared_only_products = False
        return Written()

    def _example(self, line: str) -> None:
        if len(self.examples) < _MOST_EXAMPLES:
            self.examples.append(line)


class _Comparison:
    """Satisfies StoreTransaction."""

    def __init__(self, preview: PreviewStore) -> None:
        self._preview = preview

    def products(self, product_ids: Sequence[str]) -> Mapping[str, Product]:
        return self._preview.products(product_ids)

    def upsert_products(self, products: Sequence[Product], at: float) -> Written:
        return self._preview.compare(products)

    def delete_products(self, product_ids: Sequence[str], at: float) -> int:
        return self._preview.deleted(product_ids)

    def append_price_history(self, changes: Sequence[PriceChange]) -> Written:
        return self._preview.only_checked()

    def append_stock_history(self, changes: Sequence[StockChange]) -> Written:
        return self._preview.only_checked()

    def upsert_shoppers(self, shoppers: Sequence[StatedShopper], at: float) -> Written:
        return self._preview.only_checked()

    def add_missing_shoppers(self, user_ids: Iterable[str], consent: Consent, at: float) -> int:
        return 0

    def insert_events(self, events: Sequence[Interaction]) -> Written:
        return self._preview.only_checked()

    def save_progress(self, progress: FileProgress) -> None:
        pass


def _changed_fields(before: Product, after: Product) -> list[str]:
    """Names of the stated fields that differ."""
    stated = replace(before, price_since=None, reference_price_minor=None, restocked_at=None)
    return [f.name.removesuffix("_minor") for f in fields(Product) if getattr(stated, f.name) != getattr(after, f.name)]
