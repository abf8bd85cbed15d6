"""For each kind of file: rows to domain objects, and domain objects to the store."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Generic, TypeVar

from pydantic import BaseModel, TypeAdapter, ValidationError

from app.domain.catalog import Product
from app.domain.imports import PriceChange, StatedShopper, StockChange, Written
from app.domain.interactions import Consent, Interaction
from app.import_ports import StoreTransaction
from app.ingest.events import EventRow, Occurrences, derived_id
from app.ingest.fields import RowContext
from app.ingest.products import PriceHistoryRow, ProductRow, StockHistoryRow
from app.ingest.shoppers import ShopperRow

Row = TypeVar("Row", bound=BaseModel)
Item = TypeVar("Item")
Numbered = tuple[int, Mapping[str, object]]
"""Line or row number, and values by field."""
Reject = Callable[[int, str], None]


class Loader(ABC, Generic[Row, Item]):
    """Validates and writes the rows of one file, in file order; holds what must be known across its chunks."""

    def __init__(self, row_type: type[Row], context: RowContext) -> None:
        self._context = context
        self._one = TypeAdapter(row_type)
        self._many = TypeAdapter(list[row_type])  # type: ignore[valid-type]

    def items(self, rows: Sequence[Numbered], reject: Reject) -> list[Item]:
        """What the good rows state; `reject` is told the others with their reasons."""
        return self._items(self._validated(rows, reject), reject)

    @abstractmethod
    def write(self, transaction: StoreTransaction, items: Sequence[Item]) -> Written:
        """Stores the items."""

    @abstractmethod
    def _items(self, rows: Sequence[tuple[int, Row]], reject: Reject) -> list[Item]:
        """What the rows state, those left out that can't stand among the others."""

    def _validated(self, rows: Sequence[Numbered], reject: Reject) -> list[tuple[int, Row]]:
        # One call for a chunk without a fault costs half of one call per row.
        try:
            good = self._many.validate_python([values for _, values in rows], context=self._context)
        except ValidationError:
            return self._one_by_one(rows, reject)
        return list(zip((number for number, _ in rows), good, strict=True))

    def _one_by_one(self, rows: Sequence[Numbered], reject: Reject) -> list[tuple[int, Row]]:
        good = []
        for number, values in rows:
            try:
                good.append((number, self._one.validate_python(values, context=self._context)))
            except ValidationError as error:
                reject(number, _reason(error))
        return good


class ProductLoader(Loader[ProductRow, Product]):
    """Of two products with one id the first counts: otherwise an import done twice would change it twice."""

    def __init__(self, context: RowContext, now: float) -> None:
        super().__init__(ProductRow, context)
        self._now = now
        self._first: dict[str, int] = {}

    def _items(self, rows: Sequence[tuple[int, ProductRow]], reject: Reject) -> list[Product]:
        products = []
        for number, row in rows:
            first = self._first.get(row.product_id)
            if first is None:
                self._first[row.product_id] = number
                products.append(row.product())
            else:
                reject(number, f"product_id: {row.product_id!r} is in the file already, at {first}")
        return products

    def write(self, transaction: StoreTransaction, items: Sequence[Product]) -> Written:
        """Stores the products."""
        return transaction.upsert_products(items, self._now)


class PriceHistoryLoader(Loader[PriceHistoryRow, PriceChange]):
    """Past prices of products that the store knows."""

    def __init__(self, context: RowContext, known: frozenset[str]) -> None:
        super().__init__(PriceHistoryRow, context)
        self._known = known

    def _items(self, rows: Sequence[tuple[int, PriceHistoryRow]], reject: Reject) -> list[PriceChange]:
        return [row.change() for number, row in rows if _is_known(number, row.product_id, self._known, reject)]

    def write(self, transaction: StoreTransaction, items: Sequence[PriceChange]) -> Written:
        """Adds the prices to the history."""
        return transaction.append_price_history(items)


class StockHistoryLoader(Loader[StockHistoryRow, StockChange]):
    """Past stock levels of products that the store knows."""

    def __init__(self, context: RowContext, known: frozenset[str]) -> None:
        super().__init__(StockHistoryRow, context)
        self._known = known

    def _items(self, rows: Sequence[tuple[int, StockHistoryRow]], reject: Reject) -> list[StockChange]:
        return [row.change() for number, row in rows if _is_known(number, row.product_id, self._known, reject)]

    def write(self, transaction: StoreTransaction, items: Sequence[StockChange]) -> Written:
        """Adds the levels to the history."""
        return transaction.append_stock_history(items)


class ShopperLoader(Loader[ShopperRow, StatedShopper]):
    """Of two shoppers with one id the first counts. `consent` goes to those who have stated none."""

    def __init__(self, context: RowContext, now: float, consent: Consent | None) -> None:
        super().__init__(ShopperRow, context)
        self._now, self._consent = now, consent
        self._first: dict[str, int] = {}

    def _items(self, rows: Sequence[tuple[int, ShopperRow]], reject: Reject) -> list[StatedShopper]:
        shoppers = []
        for number, row in rows:
            first = self._first.get(row.user_id)
            if first is None:
                self._first[row.user_id] = number
                shoppers.append(row.shopper())
            else:
                reject(number, f"user_id: is in the file already, at {first}")  # the rejects file names no shopper
        return shoppers

    def write(self, transaction: StoreTransaction, items: Sequence[StatedShopper]) -> Written:
        """Stores the shoppers."""
        written = transaction.upsert_shoppers(items, self._now)
        if self._consent is not None:
            unstated = [shopper.user_id for shopper in items if shopper.consent is None]
            transaction.add_missing_shoppers(unstated, self._consent, self._now)
        return written


LATER = "events are later than the time of the import"
UNKNOWN_PRODUCT = "events name products that are not in the catalogue"


class EventLoader(Loader[EventRow, Interaction]):
    """Events, with an id from their content where they have none; `consent` goes to shoppers who have stated none."""

    def __init__(self, context: RowContext, now: float, consent: Consent | None, known: frozenset[str]) -> None:
        super().__init__(EventRow, context)
        self._now, self._consent, self._known = now, consent, known
        self._occurrences = Occurrences()
        self._consented: set[str] = set()

    def _items(self, rows: Sequence[tuple[int, EventRow]], reject: Reject) -> list[Interaction]:
        good: list[EventRow] = []
        for number, row in rows:
            fault = row.fault()
            if fault is None:
                good.append(row)
            else:
                reject(number, fault)
        seen, known = self._context.seen, self._known
        seen[LATER] += sum([row.timestamp > self._now for row in good])
        seen[UNKNOWN_PRODUCT] += sum([row.product_id is not None and row.product_id not in known for row in good])
        fingerprints = [row.fingerprint() for row in good if row.event_id is None]
        derived = iter(zip(fingerprints, self._occurrences.number(fingerprints), strict=True))
        return [
            row.interaction(row.event_id if row.event_id is not None else _derived(row, next(derived))) for row in good
        ]

    def write(self, transaction: StoreTransaction, items: Sequence[Interaction]) -> Written:
        """Adds the events, and their shoppers where consent is given."""
        written = transaction.insert_events(items)
        if self._consent is not None:
            new = {event.user_id for event in items if event.user_id is not None} - self._consented
            transaction.add_missing_shoppers(sorted(new), self._consent, self._now)
            self._consented |= new
        return written


def _derived(row: EventRow, found: tuple[bytes, int]) -> str:
    return derived_id(found[0], row.timestamp, found[1])


def _is_known(number: int, product_id: str, known: frozenset[str], reject: Reject) -> bool:
    if product_id in known:
        return True
    reject(number, f"product_id: no product has the id {product_id!r}")
    return False


_PERSONAL = frozenset(
    {"user_id", "anonymous_id", "session_id", "transaction_id", "event_id", "query", "preferences", "consent", "note"}
)


def _reason(error: ValidationError) -> str:
    """What is wrong, by field, at most three things.

    Who a row is about and what a person wrote stay in the shop's file, to which the line number leads: an erasure does
    not reach copies of it in a rejects file.
    """
    parts = []
    for fault in error.errors(include_url=False)[:3]:
        where = ".".join(str(part) for part in fault["loc"]) or "row"
        what = fault["msg"].removeprefix("Value error, ")
        if fault["loc"] and fault["loc"][0] in _PERSONAL:
            parts.append(f"{where}: {_without_value(what) if fault['type'] == 'value_error' else what}")
            continue
        stated: Any = fault.get("input")
        quoted = f" (got {stated!r})" if isinstance(stated, (str, int, float)) and len(repr(stated)) <= 60 else ""
        parts.append(f"{where}: {what}{'' if quoted and repr(stated) in what else quoted}")
    return "; ".join(parts)


def _without_value(what: str) -> str:
    """A complaint about a value that begins with it ("'x' is not an id"), without it."""
    said = max(what.rfind(verb) for verb in (" is ", " contains "))
    return what if what.startswith("is ") else f"the value{what[said:]}" if said >= 0 else "can't be used"
