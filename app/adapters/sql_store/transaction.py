"""Writes of one transaction."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence

from app.adapters.sql_store import catalogue, currency, events, identities, import_progress, shoppers
from app.domain.catalog import Product
from app.domain.imports import FileProgress, PriceChange, StatedShopper, StockChange, Written
from app.domain.intake import Outcome
from app.domain.interactions import Consent, Interaction, Personalization


class SqlTransaction:
    """Implements app.ports.StoreTransaction on one open transaction; its creator commits or rolls back.

    Whatever writes an amount raises ConfigurationError when the database holds amounts in another currency.
    """

    def __init__(self, cursor: sqlite3.Cursor, shop_currency: str, default: Personalization) -> None:
        self._cursor = cursor
        self._currency = shop_currency
        self._default = default  # consent of shoppers who never chose

    def upsert_products(self, products: Sequence[Product], at: float) -> Written:
        """See StoreTransaction."""
        self._note_currency(currency.priced_products(products))
        return catalogue.upsert(self._cursor, products, at)

    def products(self, product_ids: Sequence[str]) -> dict[str, Product]:
        """See StoreTransaction."""
        return catalogue.products(self._cursor, product_ids)

    def delete_products(self, product_ids: Sequence[str], at: float) -> int:
        """See StoreTransaction."""
        return catalogue.delete(self._cursor, product_ids, at)

    def append_price_history(self, changes: Sequence[PriceChange]) -> Written:
        """See StoreTransaction."""
        self._note_currency(bool(changes))
        return catalogue.append_prices(self._cursor, changes)

    def append_stock_history(self, changes: Sequence[StockChange]) -> Written:
        """See StoreTransaction."""
        return catalogue.append_stocks(self._cursor, changes)

    def upsert_shoppers(self, given: Sequence[StatedShopper], at: float) -> Written:
        """See StoreTransaction."""
        self._note_currency(currency.budgeted(given))
        return shoppers.upsert(self._cursor, given, at)

    def add_missing_shoppers(self, user_ids: Iterable[str], consent: Consent, at: float) -> int:
        """See StoreTransaction."""
        return shoppers.add_missing(self._cursor, user_ids, consent, at)

    def insert_events(self, given: Sequence[Interaction]) -> Written:
        """See StoreTransaction."""
        self._note_currency(currency.priced_events(given))
        written = events.insert(self._cursor, given)
        identities.link(self._cursor, given, self._default)
        return written

    def record_events(self, given: Sequence[Interaction]) -> Sequence[Outcome]:
        """Adds live events in their order; what became of each (see `events.record`)."""
        self._note_currency(currency.priced_events(given))
        outcomes = events.record(self._cursor, given)
        accepted = (event for event, outcome in zip(given, outcomes, strict=True) if outcome == "accepted")
        identities.link(self._cursor, accepted, self._default)
        return outcomes

    def save_progress(self, progress: FileProgress) -> None:
        """See StoreTransaction."""
        import_progress.save(self._cursor, progress)

    def _note_currency(self, with_amounts: bool) -> None:
        if with_amounts:
            currency.remember(self._cursor, self._currency)
