"""A full feed: which products it no longer names, and the guard against one that names too few."""

from __future__ import annotations

from collections.abc import Sequence

from app.domain.errors import ImportRejected
from app.domain.imports import Unreadable
from app.import_ports import ImportStore, ShopFile
from app.ingest.column_names import ColumnNames
from app.ingest.fields import identifier

MOST_DELETED = 0.3
"""Share of the catalogue that a feed may delete without being asked again: a cut-off export looks like a clearance."""

_AT_ONCE = 5_000


def absent_products(
    files: Sequence[tuple[ShopFile, ColumnNames]], store: ImportStore, *, force: bool
) -> tuple[str, ...]:
    """Ids of the store's products that the products file does not name, in order.

    A row that is rejected for another reason than its id still names its product: a typing error in a price deletes
    nothing.

    Raises: ImportRejected: there is no products file, or more than MOST_DELETED would go and `force` is False.
    """
    named: set[str] = set()
    catalogues = [(file, names) for file, names in files if file.kind == "products"]
    if not catalogues:
        raise ImportRejected("--replace needs a file of products; without one every product would be deleted.")
    for file, names in catalogues:
        named.update(_ids(file, names))
    held = store.product_ids(with_deleted=False)
    absent = sorted(held - named)
    if len(absent) > MOST_DELETED * len(held) and not force:
        raise ImportRejected(
            f"{catalogues[0][0].name} no longer names {len(absent):,} of {len(held):,} products "
            f"({len(absent) / len(held):.0%}), such as {', '.join(absent[:3])}. That looks like a cut-off file: "
            "nothing was imported. Add --force where they are really to be deleted."
        )
    return tuple(absent)


def _ids(file: ShopFile, names: ColumnNames) -> set[str]:
    found = set()
    for batch in file.batches(_AT_ONCE):
        for _, row in batch:
            if not isinstance(row, Unreadable):
                try:
                    found.add(identifier(names.values(row).get("product_id")))
                except ValueError:
                    continue  # names no product
    return found
