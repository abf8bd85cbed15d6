"""Products, their histories, and the sequence of their changes."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import groupby
from typing import Any

import orjson

from app.adapters.sql_store.price_facts import price_facts, restocked_at
from app.adapters.sql_store.product_rows import (
    COLUMNS,
    PRICE,
    STATED,
    STOCK,
    product_from,
    stated_values,
    strings_from,
)
from app.domain.catalog import Product, Snapshot
from app.domain.imports import PriceChange, StockChange, Written
from app.pipeline.columns import assemble, labels_of

_IDS = "(SELECT value FROM json_each(?))"  # one bound parameter however many ids there are
_BY_ID = f"SELECT {COLUMNS} FROM products WHERE deleted = 0 AND product_id IN {_IDS}"  # noqa: S608
_STORED = f"SELECT deleted, {', '.join(STATED)} FROM products WHERE product_id IN {_IDS}"  # noqa: S608
_UPSERT = (
    f"INSERT INTO products ({', '.join(STATED)}) VALUES ({', '.join('?' * len(STATED))}) "  # noqa: S608
    f"ON CONFLICT (product_id) DO UPDATE SET deleted = 0, {', '.join(f'{c} = excluded.{c}' for c in STATED[1:])}"
)
_HOT = (
    "product_id, name, price_minor, cost_minor, stock, available AND NOT deleted, category, brand, created_at, "
    "rating_value, rating_count, seasons, price_since, reference_price_minor, restocked_at, tags, attributes"
)


def products(cursor: sqlite3.Cursor, product_ids: Sequence[str]) -> dict[str, Product]:
    """The products with these ids in the order asked for; unknown and deleted ones are left out."""
    rows = cursor.execute(_BY_ID, (_json(product_ids),)).fetchall()
    found = {row[0]: product_from(row) for row in rows}
    return {p: found[p] for p in product_ids if p in found}


def iter_products(cursor: sqlite3.Cursor, *, with_deleted: bool = False, batch: int = 1000) -> Iterator[Product]:
    """All products in row order; deleted ones are left out, or given as not available."""
    wanted = "" if with_deleted else "WHERE deleted = 0"
    cursor.execute(f"SELECT {COLUMNS}, deleted FROM products {wanted} ORDER BY row")  # noqa: S608
    while rows := cursor.fetchmany(batch):
        for row in rows:
            yield product_from(row, deleted=bool(row[-1]))


def load_snapshot(cursor: sqlite3.Cursor) -> Snapshot:
    """All products column-wise; the same as `snapshot_of` over all products, deleted ones included, but faster."""
    sequence = newest_sequence(cursor)
    rows = cursor.execute(f"SELECT {_HOT} FROM products ORDER BY row").fetchall()  # noqa: S608
    columns: list[Sequence[Any]] = list(zip(*rows, strict=True)) if rows else [()] * 17
    parsed: dict[str, tuple[str, ...]] = {}  # few distinct lists among many products
    for text in columns[11]:
        if text not in parsed:
            parsed[text] = strings_from(text)
    return assemble(
        sequence,
        product_ids=columns[0],
        names=columns[1],
        price_minor=columns[2],
        cost_minor=columns[3],
        stock=columns[4],
        available=columns[5],
        category=columns[6],
        brand=columns[7],
        created_at=columns[8],
        rating_value=columns[9],
        rating_count=columns[10],
        seasons=[parsed[text] for text in columns[11]],
        price_since=columns[12],
        reference_price_minor=columns[13],
        restocked_at=columns[14],
        labels=[
            () if tags == "[]" and attributes == "{}" else labels_of(orjson.loads(tags), orjson.loads(attributes))
            for tags, attributes in zip(columns[15], columns[16], strict=True)
        ],
    )


def newest_sequence(cursor: sqlite3.Cursor) -> int:
    """Number of the newest catalogue change, 0 for an empty store."""
    found: int | None = cursor.execute("SELECT max(seq) FROM changes").fetchone()[0]
    return 0 if found is None else found


def changed_product_ids(cursor: sqlite3.Cursor, after_sequence: int) -> tuple[int, list[str]]:
    """The newest sequence, and the products changed after the given one, each once, oldest change first."""
    rows = cursor.execute(
        "SELECT seq, key FROM changes WHERE seq > ? AND kind = 'product' ORDER BY seq", (after_sequence,)
    ).fetchall()
    return (rows[-1][0] if rows else after_sequence), list(dict.fromkeys(row[1] for row in rows))


def upsert(cursor: sqlite3.Cursor, given: Sequence[Product], at: float) -> Written:
    """Stores products whole, of several with one id the last.

    Only what differs from the stored row is written. A new or changed price or stock enters the history at `at`.
    """
    wanted = {product.product_id: stated_values(product) for product in given}
    stored = {row[1]: row for row in cursor.execute(_STORED, (_json(wanted),))}
    fresh = {p: row for p, row in wanted.items() if p not in stored}
    changed = {p: row for p, row in wanted.items() if p in stored and stored[p] != (0, *row)}
    cursor.executemany(_UPSERT, [*fresh.values(), *changed.values()])
    prices, stocks = [], []
    for product_id, row in (fresh | changed).items():
        before = stored.get(product_id)
        if row[PRICE] is not None and (before is None or before[PRICE + 1] != row[PRICE]):
            prices.append((product_id, at, row[PRICE]))
        if row[STOCK] is not None and (before is None or before[STOCK + 1] != row[STOCK]):
            stocks.append((product_id, at, row[STOCK]))
    cursor.executemany("INSERT OR REPLACE INTO price_history VALUES (?, ?, ?)", prices)
    cursor.executemany("INSERT OR REPLACE INTO stock_history VALUES (?, ?, ?)", stocks)
    touched = set(fresh) | set(changed)
    _derive(cursor, touched)
    _record_changes(cursor, [p for p in wanted if p in touched], at)
    return Written(inserted=len(fresh), updated=len(changed), unchanged=len(given) - len(fresh) - len(changed))


def delete(cursor: sqlite3.Cursor, product_ids: Sequence[str], at: float) -> int:
    """Marks products as deleted; they keep their rows. Returns how many were not before."""
    found = cursor.execute(
        f"SELECT product_id FROM products WHERE deleted = 0 AND product_id IN {_IDS}",  # noqa: S608
        (_json(product_ids),),
    )
    ids = [row[0] for row in found.fetchall()]
    cursor.execute(f"UPDATE products SET deleted = 1 WHERE product_id IN {_IDS}", (_json(ids),))  # noqa: S608
    _record_changes(cursor, ids, at)
    return len(ids)


def append_prices(cursor: sqlite3.Cursor, changes: Sequence[PriceChange]) -> Written:
    """Adds past prices; one at the same instant is replaced. Products whose derived facts change count as changed."""
    return _append(
        cursor,
        "price_history",
        "valid_from",
        "price_minor",
        [(c.product_id, c.valid_from, c.price_minor) for c in changes],
    )


def append_stocks(cursor: sqlite3.Cursor, changes: Sequence[StockChange]) -> Written:
    """Adds past stock levels; one at the same instant is replaced."""
    return _append(cursor, "stock_history", "at", "stock", [(c.product_id, c.at, c.stock) for c in changes])


def _append(
    cursor: sqlite3.Cursor, table: str, moment: str, value: str, rows: Sequence[tuple[str, float, int]]
) -> Written:
    wanted = {(product_id, at): number for product_id, at, number in rows}
    touched = {product_id for product_id, _ in wanted}
    held = {
        (row[0], row[1]): row[2]
        for row in cursor.execute(
            f"SELECT product_id, {moment}, {value} FROM {table} WHERE product_id IN {_IDS}",  # noqa: S608
            (_json(touched),),
        )
    }
    fresh = [(*key, number) for key, number in wanted.items() if key not in held]
    changed = [(*key, number) for key, number in wanted.items() if key in held and held[key] != number]
    cursor.executemany(f"INSERT OR REPLACE INTO {table} VALUES (?, ?, ?)", fresh + changed)  # noqa: S608
    derived = _derive(cursor, {row[0] for row in fresh} | {row[0] for row in changed})
    _record_changes(cursor, derived, max((row[1] for row in rows), default=0.0))
    return Written(len(fresh), len(changed), len(rows) - len(fresh) - len(changed))


def _derive(cursor: sqlite3.Cursor, product_ids: Collection[str]) -> list[str]:
    """Brings the derived columns of these products up to date; the ids of those that changed."""
    if not product_ids:
        return []
    ids = _json(product_ids)
    prices = _histories(cursor, "price_history", ids)
    stocks = _histories(cursor, "stock_history", ids)
    updates = []
    for product_id, current, *stored in cursor.execute(
        f"SELECT product_id, price_minor, price_since, reference_price_minor, restocked_at "  # noqa: S608
        f"FROM products WHERE product_id IN {_IDS} ORDER BY row",
        (ids,),
    ):
        facts = [*price_facts(prices.get(product_id, ()), current), restocked_at(stocks.get(product_id, ()))]
        if facts != stored:
            updates.append((*facts, product_id))
    cursor.executemany(
        "UPDATE products SET price_since = ?, reference_price_minor = ?, restocked_at = ? WHERE product_id = ?",
        updates,
    )
    return [row[-1] for row in updates]


def _histories(cursor: sqlite3.Cursor, table: str, ids: str) -> dict[str, list[tuple[float, int]]]:
    # Both tables are clustered by product and time: rows come out in that order without sorting.
    rows = cursor.execute(f"SELECT * FROM {table} WHERE product_id IN {_IDS} ORDER BY 1, 2", (ids,))  # noqa: S608
    return {key: [(at, value) for _, at, value in group] for key, group in groupby(rows, key=lambda row: str(row[0]))}


def _record_changes(cursor: sqlite3.Cursor, product_ids: Iterable[str], at: float) -> None:
    cursor.executemany("INSERT INTO changes (kind, key, at) VALUES ('product', ?, ?)", [(p, at) for p in product_ids])


def _json(product_ids: Iterable[str]) -> str:
    return orjson.dumps(list(product_ids)).decode()
