"""A shop's folder read for an evaluation, and the same folder as it was at an earlier time.

Rows are read by the product's own import code, so that an evaluation sees exactly the events that an import accepts.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray
from pydantic import ValidationError

from app.adapters.shop_files.folder import open_folder
from app.domain.catalog import BoolArray, FloatArray, IntArray
from app.domain.errors import BadInput
from app.domain.imports import Unreadable
from app.domain.interactions import KINDS
from app.domain.money import format_minor
from app.import_ports import ShopFile
from app.ingest.column_names import column_names
from app.ingest.events import EventRow
from app.ingest.fields import RowContext, identifier, moment
from app.ports import Progress

_TEXTS = ("event_id", "type", "user_id", "anonymous_id", "session_id", "product_id", "transaction_id", "query")
_NUMBERS = ("timestamp", "quantity", "dwell_ms", "value", "position")
_BATCH = 20_000
NOBODY = -1
"""Code of a user or product that an event does not name, or that the catalogue does not have."""

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ShopData:
    """Everything in a folder. Codes index `user_ids` and `product_ids`; arrays have the shape (n_events,)."""

    name: str  # of the folder
    currency: str
    products: tuple[Row, ...]  # by field of the import, in file order
    shoppers: tuple[Row, ...]
    price_history: tuple[Row, ...]
    stock_history: tuple[Row, ...]
    events: pa.Table  # columns as the import names them, price as decimal text, in file order
    rejected: int  # event rows that an import would refuse
    product_ids: tuple[str, ...]
    user_ids: tuple[str, ...]
    created_at: FloatArray  # (n_products,) epoch seconds, NaN where not stated
    user: IntArray
    product: IntArray
    kind: NDArray[np.int8]  # code into KINDS
    timestamp: FloatArray  # epoch seconds


def read_shop(folder: Path, currency: str, progress: Progress | None = None) -> ShopData:
    """Reads a folder in any format that `shelfwise import` takes.

    Raises: ImportRejected: the folder or a file can't be read. BadInput: it has no products or no events.
    """
    files = {file.kind: file for file in open_folder(folder).files}
    for kind in ("products", "events"):
        if kind not in files:
            raise BadInput(f"{folder} has no {kind} file; an evaluation needs products and events.")
    rows = {kind: tuple(_rows(file)) for kind, file in files.items() if kind != "events"}
    products = tuple(row for row in rows["products"] if "product_id" in row)
    product_ids = tuple(dict.fromkeys(identifier(row["product_id"]) for row in products))
    events, rejected = _events(files["events"], currency, progress)
    if len(events) == 0:
        raise BadInput(f"{folder} has no event that an import would accept.")
    created = {identifier(row["product_id"]): moment(row["created_at"]) for row in products if row.get("created_at")}
    user, user_ids = _codes(events["user_id"])
    row_of = {product_id: code for code, product_id in enumerate(product_ids)}
    kind_of = {kind.value: code for code, kind in enumerate(KINDS)}
    return ShopData(
        name=folder.resolve().name,
        currency=currency,
        products=products,
        shoppers=rows.get("users", ()),
        price_history=rows.get("price_history", ()),
        stock_history=rows.get("stock_history", ()),
        events=events,
        rejected=rejected,
        product_ids=product_ids,
        user_ids=user_ids,
        created_at=np.asarray([created.get(p, np.nan) for p in product_ids], dtype=np.float64),
        user=user,
        product=_mapped(events["product_id"], row_of),
        kind=_mapped(events["type"], kind_of).astype(np.int8),
        timestamp=events["timestamp"].to_numpy(),
    )


def existing(data: ShopData, train: BoolArray, as_of: float) -> BoolArray:
    """Which products the shop had at `as_of`, shape (n_products,).

    Those that say when they were created: by that. Of the others those with an event in train, and those without any
    event at all, about which nothing is known.
    """
    known = data.product != NOBODY
    seen, ever = np.zeros((2, len(data.product_ids)), dtype=np.bool_)
    seen[data.product[train & known]] = True
    ever[data.product[known]] = True
    stated = ~np.isnan(data.created_at)
    there: BoolArray = np.where(stated, data.created_at <= as_of, seen | ~ever)
    return there | seen


def write_train(data: ShopData, train: BoolArray, there: BoolArray, as_of: float, target: Path) -> None:
    """Writes the folder as the shop could have exported it at `as_of`, in the import's own format.

    Only events of `train`, only products that were `there`, prices and stock levels as the histories say they were then
    (where there is no history: as they are in the folder, which may be from later), histories up to then.
    """
    target.mkdir(parents=True, exist_ok=True)
    kept = {product_id for product_id, exists in zip(data.product_ids, there, strict=True) if exists}
    prices = _latest(data.price_history, "valid_from", "price", as_of)
    stocks = _latest(data.stock_history, "at", "stock", as_of)
    products = []
    for row in data.products:
        product_id = identifier(row["product_id"])
        if product_id in kept:
            then = {field: at[product_id] for field, at in (("price", prices), ("stock", stocks)) if product_id in at}
            products.append({**row, **then})
    _write(target / "products.jsonl", products)
    if data.shoppers:
        _write(target / "users.jsonl", data.shoppers)
    for name, history, when in (
        ("price_history", data.price_history, "valid_from"),
        ("stock_history", data.stock_history, "at"),
    ):
        past = [row for row in history if moment(row[when]) <= as_of and identifier(row["product_id"]) in kept]
        if past:
            _write(target / f"{name}.jsonl", past)
    pq.write_table(data.events.filter(pa.array(train)), target / "events.parquet")


def _rows(file: ShopFile) -> Iterator[Row]:
    """Readable rows by field; the product's import says what is wrong with the others."""
    names = column_names(file.name, file.kind, file.check().columns)
    for batch in file.batches(_BATCH):
        for _, values in batch:
            if not isinstance(values, Unreadable):
                yield names.values(values)


def _events(file: ShopFile, currency: str, progress: Progress | None) -> tuple[pa.Table, int]:
    facts = file.check()
    names = column_names(file.name, file.kind, facts.columns)
    context = RowContext(currency)
    columns: dict[str, list[Any]] = {name: [] for name in (*_TEXTS, *_NUMBERS, "price")}
    rejected = rows = 0
    for batch in file.batches(_BATCH):
        for _, values in batch:
            rows += 1
            event = None if isinstance(values, Unreadable) else _event(names.values(values), context)
            if event is None:
                rejected += 1
                continue
            for name in (*_TEXTS, *_NUMBERS):
                columns[name].append(getattr(event, name))
            columns["price"].append(None if event.price is None else format_minor(event.price, currency))
        if progress is not None:
            progress(f"read {file.name}", rows, facts.rows)
    types = {name: pa.large_string() for name in (*_TEXTS, "price")} | dict.fromkeys(_NUMBERS, pa.float64())
    # Columns that are empty throughout would only be nulls to read again.
    filled = {name: values for name, values in columns.items() if any(value is not None for value in values)}
    return pa.table({name: pa.array(values, types[name]) for name, values in filled.items()}), rejected


def _event(fields: Row, context: RowContext) -> EventRow | None:
    try:
        event = EventRow.model_validate(fields, context=context)
    except ValidationError:
        return None
    return event if event.fault() is None else None


def _codes(column: pa.ChunkedArray) -> tuple[IntArray, tuple[str, ...]]:
    """Codes in order of the sorted ids, NOBODY for null."""
    encoded = column.combine_chunks().dictionary_encode()
    ids = np.asarray(encoded.dictionary.to_pylist(), dtype=object)
    order = np.argsort(ids)
    place = np.empty(len(ids), dtype=np.int32)
    place[order] = np.arange(len(ids))
    raw = encoded.indices.to_numpy(zero_copy_only=False)
    codes = np.full(len(raw), NOBODY, dtype=np.int32)
    known = ~np.isnan(raw) if raw.dtype.kind == "f" else np.ones(len(raw), dtype=np.bool_)
    codes[known] = place[raw[known].astype(np.int64)]
    return codes, tuple(ids[order])


def _mapped(column: pa.ChunkedArray, code_of: Mapping[str, int]) -> IntArray:
    return np.fromiter((code_of.get(v, NOBODY) for v in column.to_pylist()), dtype=np.int32, count=len(column))


def _latest(history: tuple[Row, ...], when: str, what: str, as_of: float) -> dict[str, Any]:
    """Product → the last value at or before `as_of`."""
    found: dict[str, tuple[float, Any]] = {}
    for row in history:
        at, product_id = moment(row[when]), identifier(row["product_id"])
        if at <= as_of and (product_id not in found or at >= found[product_id][0]):
            found[product_id] = (at, row[what])
    return {product_id: value for product_id, (_, value) in found.items()}


def _write(path: Path, rows: Sequence[Row]) -> None:
    path.write_bytes(b"".join(orjson.dumps(row, default=_plain) + b"\n" for row in rows))


def _plain(value: object) -> object:
    if isinstance(value, dt.date):
        return value.isoformat()
    if isinstance(value, np.generic):
        return value.item()
    return str(value)
