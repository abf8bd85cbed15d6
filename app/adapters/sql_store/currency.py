"""The currency of a database's amounts: remembered with the first of them, and never another one.

Amounts are whole minor units. Read under another currency they would be relabelled, and where that currency has more
or fewer decimals (JPY, KWD) they would also be 100 or 10 times off.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from app.domain.catalog import Product
from app.domain.errors import ConfigurationError
from app.domain.imports import StatedShopper
from app.domain.interactions import Interaction

_KEY = "currency"
_HOLDS_AMOUNTS = """
SELECT EXISTS (SELECT 1 FROM products WHERE coalesce(price_minor, list_price_minor, cost_minor) IS NOT NULL)
    OR EXISTS (SELECT 1 FROM price_history)
    OR EXISTS (SELECT 1 FROM shoppers WHERE budget_minor IS NOT NULL)
    OR EXISTS (SELECT 1 FROM events WHERE price_minor IS NOT NULL)
"""


def remembered(cursor: sqlite3.Cursor) -> str | None:
    """The currency of the amounts stored here; None while there are none, or in a database older than this table."""
    row = cursor.execute("SELECT value FROM meta WHERE key = ?", (_KEY,)).fetchone()
    return None if row is None else str(row[0])


def holds_amounts(cursor: sqlite3.Cursor) -> bool:
    """Whether any amount of money is stored; reads whole tables where there is none."""
    return bool(cursor.execute(_HOLDS_AMOUNTS).fetchone()[0])


def remember(cursor: sqlite3.Cursor, currency: str) -> None:
    """Notes the currency in the open write transaction, with the first amount.

    Raises: ConfigurationError: amounts in another currency are stored already.
    """
    cursor.execute("INSERT OR IGNORE INTO meta VALUES (?, ?)", (_KEY, currency))
    check(remembered(cursor), currency)


def check(stored: str | None, currency: str) -> None:
    """Raises ConfigurationError when amounts are stored in another currency than this one."""
    if stored is not None and stored != currency:
        raise ConfigurationError(
            f"The database holds amounts in {stored}, but SHELFWISE_CURRENCY is {currency}; amounts are never "
            f"converted. Set SHELFWISE_CURRENCY={stored}, or use a new database for {currency} (another "
            f"SHELFWISE_DATA_DIR or SHELFWISE_DATABASE_URL) and import into it."
        )


def priced_products(products: Sequence[Product]) -> bool:
    """Whether any of them states an amount."""
    return any(
        p.price_minor is not None or p.list_price_minor is not None or p.cost_minor is not None for p in products
    )


def priced_events(events: Sequence[Interaction]) -> bool:
    """Whether any of them states an amount."""
    return any(event.price_minor is not None for event in events)


def budgeted(shoppers: Sequence[StatedShopper]) -> bool:
    """Whether any of them states a budget."""
    return any(s.preferences is not None and s.preferences.budget_minor is not None for s in shoppers)
