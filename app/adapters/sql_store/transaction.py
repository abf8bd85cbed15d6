"""Writes of one transaction."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence

from app.adapters.sql_store import catalogue, currency, events, identities, import_progress, shoppers
from app.adapters.sql_store.tombstones import Tombstones
from app.domain.catalog import Product
from app.domain.imports import FileProgress, PriceChange, StatedShopper, StockChange, Written
from app.domain.intake import Outcome
from app.domain.interactions import Consent, Interaction


class SqlTransaction:
    """Implements app.ports.StoreTransaction on one open transaction; its creator commits or rolls back.

    Whatever writes an amount raises ConfigurationError when the database holds amounts in another currency.
    """

    def __init__(self, cursor: sqlite3.Cursor, shop_currency: str, tombstones: Tombstones) -> None:
        self._cursor = cursor
        self._currency = shop_currency
        self._tombstones = tombstones
        self._default = tombstones.consent_default.personalization

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
        erased = self._tombstones.erased_users(self._cursor, [shopper.user_id for shopper in given])
        kept = [shopper for shopper in given if shoppers.stated_since(shopper, erased.get(shopper.user_id))]
        self._note_currency(currency.budgeted(kept))
        return shoppers.upsert(self._cursor, kept, at) + Written(erased=len(given) - len(kept))

    def add_missing_shoppers(self, user_ids: Iterable[str], consent: Consent, at: float) -> int:
        """See StoreTransaction."""
        names = list(user_ids)
        erased = self._tombstones.erased_users(self._cursor, names)
        # A consent that the shop holds elsewhere is from before the erasure, for all that is known.
        return shoppers.add_missing(self._cursor, [name for name in names if name not in erased], consent, at)

    def insert_events(self, given: Sequence[Interaction]) -> Written:
        """See StoreTransaction."""
        admitted = self._tombstones.admit(self._cursor, given)
        self._note_currency(currency.priced_events(admitted.events))
        written = events.insert(self._cursor, admitted.events)
        identities.link(self._cursor, admitted.events, self._default)
        return written + Written(erased=len(admitted.refused))

    def record_events(self, given: Sequence[Interaction]) -> Sequence[Outcome]:
        """Adds live events in their order; what became of each (see `events.record` and `Tombstones.admit`)."""
        admitted = self._tombstones.admit(self._cursor, given)
        self._note_currency(currency.priced_events(admitted.events))
        outcomes = events.record(self._cursor, admitted.events)
        accepted = (e for e, outcome in zip(admitted.events, outcomes, strict=True) if outcome == "accepted")
        identities.link(self._cursor, accepted, self._default)
        for position in admitted.refused:  # in order, so each lands where it was
            outcomes.insert(position, "erased")
        return outcomes

    def save_progress(self, progress: FileProgress) -> None:
        """See StoreTransaction."""
        import_progress.save(self._cursor, progress)

    def _note_currency(self, with_amounts: bool) -> None:
        if with_amounts:
            currency.remember(self._cursor, self._currency)
