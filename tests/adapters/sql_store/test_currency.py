"""A database keeps the currency of its amounts, and is never opened under another one."""

import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from app.adapters.sql_store import SqlStore
from app.domain.catalog import Product
from app.domain.errors import ConfigurationError
from app.domain.imports import PriceChange, StatedShopper
from app.domain.interactions import Consent, EventKind, Interaction, Preferences

Write = Callable[[SqlStore], object]

WRITES: dict[str, Write] = {
    "price": lambda s: s.upsert_products([Product("p", "P", price_minor=1299)], 1.0),
    "cost": lambda s: s.upsert_products([Product("p", "P", cost_minor=1299)], 1.0),
    "history": lambda s: s.append_price_history([PriceChange("p", 1.0, 1299)]),
    "event": lambda s: s.insert_events([Interaction("e", EventKind.PURCHASE, 1.0, user_id="u", price_minor=1299)]),
    "stated budget": lambda s: s.upsert_shoppers([StatedShopper("u", Preferences(1299))], 1.0),
    "saved budget": lambda s: s.save_preferences("u", Preferences(1299)),
}


def _open(path: Path, currency: str = "EUR") -> SqlStore:
    return SqlStore.open(f"sqlite:///{path}", currency=currency, consent_default=Consent())


@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES)
def test_a_database_with_an_amount_is_refused_under_another_currency(tmp_path: Path, write: Write) -> None:
    """Whatever amount came first; the message names both currencies and the way out. Its own currency still opens."""
    store = _open(tmp_path / "s.db")
    write(store)
    store.close()
    with pytest.raises(ConfigurationError, match=r"amounts in EUR.*is JPY.*SHELFWISE_CURRENCY=EUR"):
        _open(tmp_path / "s.db", "JPY")
    _open(tmp_path / "s.db").close()


def test_without_amounts_any_currency_will_do(tmp_path: Path) -> None:
    """Nothing is relabelled where there is nothing."""
    store = _open(tmp_path / "s.db")
    store.upsert_products([Product("p", "P")], 1.0)
    store.close()
    _open(tmp_path / "s.db", "JPY").close()


def test_a_database_from_before_takes_the_currency_of_its_next_opening(tmp_path: Path) -> None:
    """It has amounts and no note of their currency: the first one is believed, the next one compared."""
    store = _open(tmp_path / "s.db")
    store.upsert_products([Product("p", "P", price_minor=5)], 1.0)
    store.close()
    with sqlite3.connect(tmp_path / "s.db") as raw:
        raw.execute("DELETE FROM meta")  # as the migration that made the table left it
    raw.close()
    _open(tmp_path / "s.db", "KWD").close()
    with pytest.raises(ConfigurationError, match="amounts in KWD"):
        _open(tmp_path / "s.db")


def test_of_two_that_have_an_empty_database_open_the_second_currency_is_refused(tmp_path: Path) -> None:
    """The note is compared in the transaction that writes the amount; nothing of the refused write stays."""
    euro, yen = _open(tmp_path / "s.db"), _open(tmp_path / "s.db", "JPY")
    euro.upsert_products([Product("p", "P", price_minor=5)], 1.0)
    with pytest.raises(ConfigurationError, match="amounts in EUR"):
        yen.upsert_products([Product("q", "Q", price_minor=5)], 1.0)
    assert euro.product_ids() == {"p"}
    euro.close()
    yen.close()
