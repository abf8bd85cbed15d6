"""Real shops' data loads as it is."""

from pathlib import Path

import pyarrow.parquet as pq
import pytest

from app.adapters.shop_files import open_folder
from app.adapters.sql_store import SqlStore
from app.domain.imports import ImportReport
from app.domain.interactions import Consent
from app.ingest import import_folder

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"
pytestmark = [
    pytest.mark.realdata,
    pytest.mark.skipif(not DATA.is_dir(), reason="the real data sets are not on this machine"),
]


def _import(folder: Path, tmp_path: Path, currency: str) -> tuple[SqlStore, ImportReport]:
    store = SqlStore.open(f"sqlite:///{tmp_path}/shop.db", currency=currency, consent_default=Consent())
    report = import_folder(
        open_folder(folder),
        store,
        currency=currency,
        consent=Consent("full", True),
        now=1_790_000_000.0,
        rejects_dir=tmp_path,
    )
    return store, report


def test_a_part_of_online_retail_loads(tmp_path: Path) -> None:
    """The first 6,000 events with all products and users: none rejected, none lost, again adds none."""
    source = DATA / "online_retail_ii"
    folder = tmp_path / "part"
    folder.mkdir()
    for name in ("products", "users"):
        pq.write_table(pq.read_table(source / f"{name}.parquet"), folder / f"{name}.parquet")
    with pq.ParquetFile(source / "events.parquet") as file:
        pq.write_table(file.read().slice(0, 6_000), folder / "events.parquet")
    store, report = _import(folder, tmp_path, "GBP")
    assert report.rejected == 0
    assert (report.counts.products, report.counts.shoppers, report.counts.events) == (4_715, 5_839, 6_000)
    assert len(store.interaction_log()) == 6_000
    store.close()


@pytest.mark.slow
def test_online_retail_loads_whole_and_once(tmp_path: Path) -> None:
    """770,554 events, every one of them an interaction of a shopper; a second import adds none."""
    store, report = _import(DATA / "online_retail_ii", tmp_path, "GBP")
    assert (report.rejected, report.counts.events) == (0, 770_554)
    log = store.interaction_log()
    assert (len(log), log.n_actors, len(log.product_ids)) == (770_554, 5_839, 4_611)
    again = import_folder(
        open_folder(DATA / "online_retail_ii"), store, currency="GBP", now=1.8e9, rejects_dir=tmp_path
    )
    # No consent given this time: other options, so nothing is skipped, and still nothing is added.
    assert again.files[-1].written.duplicates == 770_554
    assert again.counts == report.counts
    store.close()


@pytest.mark.slow
@pytest.mark.parametrize(("name", "products", "events"), [("dunnhumby", 91_620, 97_965), ("icecat", 19_406, 0)])
def test_the_other_shops_load(tmp_path: Path, name: str, products: int, events: int) -> None:
    """Prices with four decimals, JSON attributes, columns of their own: nothing is rejected."""
    store, report = _import(DATA / name, tmp_path, "USD")
    assert (report.rejected, report.counts.products, report.counts.events) == (0, products, events)
    store.close()
