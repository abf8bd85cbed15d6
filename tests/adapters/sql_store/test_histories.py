"""How upserts and imported histories together make the derived facts of a product."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from app.adapters.sql_store import SqlStore
from app.domain.catalog import Product
from app.domain.imports import PriceChange, StockChange, Written
from app.domain.interactions import Consent

DAY = 86_400.0
LAMP = Product("p", "Lamp", price_minor=100, stock=5)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqlStore]:
    opened = SqlStore.open(f"sqlite:///{tmp_path}/s.db", currency="EUR", consent_default=Consent())
    yield opened
    opened.close()


def test_a_changed_price_enters_the_history_and_moves_the_reference(store: SqlStore) -> None:
    """After a reduction the former price is the reference."""
    store.upsert_products([LAMP], 10 * DAY)
    store.upsert_products([replace(LAMP, price_minor=80)], 20 * DAY)
    product = store.products(["p"])["p"]
    assert (product.price_since, product.reference_price_minor) == (20 * DAY, 100)
    assert store.counts().price_changes == 2


def test_selling_out_and_coming_back_is_a_restock(store: SqlStore) -> None:
    """0 to 3 is one, 3 to 4 is none."""
    for day, stock in ((1, 5), (2, 0), (3, 3), (4, 4)):
        store.upsert_products([replace(LAMP, stock=stock)], day * DAY)
    assert store.products(["p"])["p"].restocked_at == 3 * DAY


def test_an_imported_history_reaches_back_before_the_first_import(store: SqlStore) -> None:
    """A product stored today with a history: its price holds since the history says so."""
    store.upsert_products([LAMP], 100 * DAY)
    before = store.sequence()
    prices = [PriceChange("p", 10 * DAY, 130), PriceChange("p", 90 * DAY, 100)]
    assert store.append_price_history(prices) == Written(inserted=2)
    assert store.append_stock_history([StockChange("p", 80 * DAY, 0), StockChange("p", 95 * DAY, 5)]).inserted == 2
    product = store.products(["p"])["p"]
    assert (product.price_since, product.reference_price_minor, product.restocked_at) == (90 * DAY, 130, 95 * DAY)
    assert store.changed_product_ids(before) == (before + 2, ["p"])


def test_the_same_history_again_changes_nothing(store: SqlStore) -> None:
    """No row, no change; a corrected price at the same instant is an update."""
    store.upsert_products([LAMP], 100 * DAY)
    store.append_price_history([PriceChange("p", 10 * DAY, 130)])
    before = (store.sequence(), store.counts())
    assert store.append_price_history([PriceChange("p", 10 * DAY, 130)]) == Written(unchanged=1)
    assert (store.sequence(), store.counts()) == before
    assert store.append_price_history([PriceChange("p", 10 * DAY, 140)]) == Written(updated=1)
    assert store.products(["p"])["p"].reference_price_minor == 140


def test_of_two_products_with_one_id_in_a_call_the_last_counts(store: SqlStore) -> None:
    """One row, and no history entry of the first."""
    store.upsert_products([LAMP, replace(LAMP, price_minor=70)], 1.0)
    assert store.products(["p"])["p"].price_minor == 70
    assert store.counts().price_changes == 1


def test_a_transaction_that_raises_leaves_nothing(store: SqlStore) -> None:
    """Products and history are rolled back together, and the store goes on."""

    def fail_half_way() -> None:
        with store.transaction() as transaction:
            transaction.upsert_products([LAMP], 1.0)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail_half_way()
    assert store.counts().products == store.counts().price_changes == store.sequence() == 0
    assert store.upsert_products([LAMP], 2.0).inserted == 1
