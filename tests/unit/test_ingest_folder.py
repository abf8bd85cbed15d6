"""The import of a folder: everything in, nothing twice, going on after a crash."""

import gzip
import json
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
import pytest

from app.adapters.shop_files import open_folder
from app.adapters.sql_store import SqlStore
from app.domain.imports import ImportReport, Written
from app.domain.interactions import Consent, EventKind, Preferences
from app.ingest import import_folder

NOW = 1_790_000_000.0
DAY = 86_400.0
Import = Callable[..., ImportReport]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqlStore]:
    opened = SqlStore.open(f"sqlite:///{tmp_path}/shop.db", currency="EUR", consent_default=Consent())
    yield opened
    opened.close()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A small shop in the three formats."""
    path = tmp_path / "shop"
    path.mkdir()
    products = [
        {
            "productId": f"p{i}",
            "name": f"Lamp {i}",
            "price": "129.90",
            "currency": "EUR",
            "cost": 60 if i else None,
            "stock": i,
            "tags": ["warm", "brass"],
            "attributes": {"watts": 40, "dim": True, "sizes": ["S", "M"], "box": {"w": 1}, "note": None},
            "rating": {"value": 4.5, "count": 10},
            "createdAt": "2026-01-01T00:00:00Z",
            "seasons": ["winter", "fall"],
        }
        for i in range(25)
    ]
    (path / "products.jsonl").write_text("".join(json.dumps(p) + "\n" for p in products))
    (path / "price_history.csv").write_text(
        "product_id,price,valid_from\np1,150.00,2026-01-01T00:00:00Z\np1,129.90,2026-08-01T00:00:00Z\n"
    )
    (path / "stock_history.csv").write_text(
        f"product_id,stock,at\np1,0,2026-07-01T00:00:00Z\np1,1,{int(NOW - 10 * DAY)}\n"
    )
    users: list[dict[str, Any]] = [
        {
            "userId": "u1",
            "persona": "says nothing",
            "preferences": {"budget": "50.00", "styleTags": ["brass"], "ageBand": "25-34", "pet": "cat"},
            "consent": {"personalization": "full", "llmProcessing": True},
        },
        {"userId": "u2", "country": "DE", "loyalty": 5},
    ]
    (path / "users.jsonl").write_text("".join(json.dumps(u) + "\n" for u in users))
    n = 60
    pq.write_table(
        pa.table(
            {
                "event": ["purchase" if i % 3 else "view" for i in range(n)],
                "user_id": [f"u{i % 4}" for i in range(n)],
                "product_id": [f"p{i % 30}" for i in range(n)],
                "unit_price": [9.99] * n,
                "quantity": [float(i % 5) for i in range(n)],
                "order_id": [f"o{i // 2}" for i in range(n)],
                "timestamp": pa.array([1_780_000_000 + i for i in range(n)], pa.timestamp("s", tz="UTC")),
            }
        ),
        path / "events.parquet",
    )
    (path / "README.md").write_text("about")
    return path


@pytest.fixture
def imported(store: SqlStore, tmp_path: Path) -> Import:
    """import_folder on the store, with options."""

    def run(folder: Path, **options: Any) -> ImportReport:
        given = {"currency": "EUR", "consent": None, "now": NOW, "rejects_dir": tmp_path / "rejects"} | options
        return import_folder(open_folder(folder), store, **given)

    return run


def _content(path: Path) -> list[tuple[Any, ...]]:
    """Every row of every table."""
    with sqlite3.connect(path) as raw:
        tables = [row[0] for row in raw.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY 1")]
        content = [(table, *row) for table in tables for row in raw.execute(f"SELECT * FROM {table}")]
    raw.close()
    return content


def test_a_shop_comes_in_whole(store: SqlStore, folder: Path, imported: Import) -> None:
    """Products with their derived facts, shoppers, events; the report says how many and what was ignored."""
    report = imported(folder)

    assert {f.file: (f.rows, f.written.inserted, f.rejected) for f in report.files} == {
        "products.jsonl": (25, 25, 0),
        "price_history.csv": (2, 2, 0),
        "stock_history.csv": (2, 2, 0),
        "users.jsonl": (2, 2, 0),
        "events.parquet": (60, 60, 0),
    }
    assert {f.file: f.ignored_columns for f in report.files if f.ignored_columns} == {"users.jsonl": ("loyalty",)}
    assert report.rejects_file is None
    product = store.products(["p1"])["p1"]
    assert (product.price_minor, product.cost_minor, product.stock) == (12_990, 6_000, 1)
    assert (product.reference_price_minor, product.price_since) == (15_000, 1785542400.0)
    assert product.restocked_at == NOW - 10 * DAY
    assert product.attributes == {"watts": "40", "dim": "yes", "sizes": ("S", "M")}
    assert (product.rating_value, product.rating_count, product.seasons) == (4.5, 10, ("winter", "autumn"))
    shopper = store.shopper("u1")
    assert shopper.consent == Consent("full", True)
    assert shopper.preferences == Preferences(
        5_000, style_tags=("brass",), age_band="25-34", extra={"pet": "cat"}, updated_at=NOW
    )
    assert store.shopper("u2").preferences.country == "DE"
    newest = store.privacy.holdings("u3").events[-1]
    assert (newest.kind, newest.price_minor, newest.quantity, newest.transaction_id, newest.timestamp) == (
        EventKind.PURCHASE,
        999,
        4.0,
        "o29",
        1_780_000_059.0,
    )
    assert report.notes == [
        "Not imported: README.md.",
        "10 events name products that are not in the catalogue; they are kept and not trained on.",
        "25 nested attributes were left out.",
    ]


def test_twice_changes_nothing(tmp_path: Path, folder: Path, imported: Import) -> None:
    """A finished identical folder is skipped, later too."""
    imported(folder)
    before = _content(tmp_path / "shop.db")
    report = imported(folder, now=NOW + DAY)
    assert all(f.skipped for f in report.files)
    assert _content(tmp_path / "shop.db") == before


def test_the_same_rows_in_another_file_change_nothing(store: SqlStore, folder: Path, imported: Import) -> None:
    """Ids of events come from their content: the Parquet rows as gzipped CSV are the events held already."""
    imported(folder)
    before = store.counts()
    table = pq.read_table(folder / "events.parquet")
    (folder / "events.parquet").unlink()
    pa_csv.write_csv(table, folder / "events.csv")
    (folder / "events.csv.gz").write_bytes(gzip.compress((folder / "events.csv").read_bytes()))
    (folder / "events.csv").unlink()
    products = folder / "products.jsonl"
    products.write_text("\n" + products.read_text())
    report = imported(folder, now=NOW + DAY)
    by_file = {f.file: f.written for f in report.files}
    assert by_file["events.csv.gz"] == Written(duplicates=60)
    assert by_file["products.jsonl"] == Written(unchanged=25)
    assert store.counts() == before


def test_equal_rows_of_one_file_are_separate_events(store: SqlStore, tmp_path: Path, imported: Import) -> None:
    """Two equal lines are two purchases, across chunks too, at every import the same two."""
    folder = tmp_path / "twice"
    folder.mkdir()
    lines = ["type,user_id,product_id,timestamp", *["purchase,u,p,2026-01-01"] * 5]
    (folder / "events.csv").write_text("\n".join(lines))
    assert imported(folder, chunk_rows=2).files[0].written == Written(inserted=5)
    (folder / "events.csv").write_text("\n".join([*lines, lines[1]]))
    assert imported(folder, chunk_rows=3).files[0].written == Written(inserted=1, duplicates=5)


def test_a_product_changed_since_is_brought_back_by_its_file(store: SqlStore, folder: Path, imported: Import) -> None:
    """The file is skipped only while nothing else changed the catalogue."""
    imported(folder)
    store.delete_products(["p3"], NOW)
    report = imported(folder, now=NOW + DAY)
    assert {f.file for f in report.files if f.skipped} == {"users.jsonl", "events.parquet"}
    assert report.files[0].written == Written(updated=1, unchanged=24)
    assert "p3" in store.products(["p3"])


def test_consent_goes_to_those_who_stated_none(store: SqlStore, folder: Path, imported: Import) -> None:
    """Also to shoppers known from events only, and at a second import that gives it."""
    imported(folder)
    assert store.counts().shoppers == 2
    imported(folder, consent=Consent("session", True))
    assert {u: store.shopper(u).consent for u in ("u0", "u1", "u2", "u3")} == {
        "u0": Consent("session", True),
        "u1": Consent("full", True),
        "u2": Consent("session", True),
        "u3": Consent("session", True),
    }


class _Crash(BaseException):
    """Stands for a process that ends."""


@pytest.mark.parametrize("after", range(1, 17))
def test_a_crashed_import_goes_on_where_it_stopped(
    store: SqlStore, tmp_path: Path, folder: Path, imported: Import, after: int
) -> None:
    """Whichever chunk it crashes after: the next run ends in the same rows as one without a crash."""
    chunks = 0

    def crash(label: str, done: int, total: int | None) -> None:
        nonlocal chunks
        if label.startswith("import"):
            chunks += 1
            if chunks == after:
                raise _Crash

    whole = SqlStore.open(f"sqlite:///{tmp_path}/whole.db", currency="EUR", consent_default=Consent())
    import_folder(open_folder(folder), whole, currency="EUR", now=NOW, rejects_dir=tmp_path / "r", chunk_rows=7)
    whole.close()
    with pytest.raises(_Crash):
        imported(folder, chunk_rows=7, progress=crash)
    report = imported(folder, chunk_rows=7)
    assert sum(f.written.duplicates for f in report.files) == 0
    assert _content(tmp_path / "shop.db") == _content(tmp_path / "whole.db")


def test_rows_written_before_a_crash_are_not_written_again(folder: Path, imported: Import) -> None:
    """The report says how many there were, and how many it wrote itself."""

    def crash(label: str, done: int, total: int | None) -> None:
        if label == "import events.parquet" and done >= 20:
            raise _Crash

    with pytest.raises(_Crash):
        imported(folder, chunk_rows=7, progress=crash)
    events = imported(folder, chunk_rows=7).files[-1]
    assert (events.resumed, events.written) == (21, Written(inserted=39))


def test_progress_is_told_for_reading_and_writing(folder: Path, imported: Import) -> None:
    """Each label ends with everything done."""
    told: dict[str, tuple[int, int | None]] = {}
    imported(folder, chunk_rows=10, progress=lambda label, done, total: told.update({label: (done, total)}))
    assert told["import events.parquet"] == (60, 60)
    assert told["check events.parquet"] == (60, 60)
    assert told["import products.jsonl"] == (25, 25)


def test_a_catalogue_without_costs_is_said(tmp_path: Path, imported: Import) -> None:
    """The margin rule can't work: the report says so."""
    folder = tmp_path / "bare"
    folder.mkdir()
    (folder / "products.csv").write_text('product_id,title,attributes\n1,Lamp,"{""currency"":""USD""}"\n')
    notes = imported(folder).notes
    assert "No product has a cost: the margin rule is not applied." in notes
    assert "Prices read as EUR although attributes say USD: 1 products." in notes


def test_an_empty_parquet_file_is_a_shop_without_events(tmp_path: Path, imported: Import) -> None:
    """The right columns and no rows: nothing to do, no error, and skipped the next time."""
    folder = tmp_path / "none"
    folder.mkdir()
    names = ["type", "user_id", "product_id", "timestamp"]
    pq.write_table(pa.table({name: pa.array([], pa.string()) for name in names}), folder / "events.parquet")
    assert imported(folder).files[0].rows == 0


_IMPORTER = """
import sys, time
from pathlib import Path
from app.adapters.shop_files import open_folder
from app.adapters.sql_store import SqlStore
from app.domain.interactions import Consent
from app.ingest import import_folder
store = SqlStore.open(sys.argv[1], currency="EUR", consent_default=Consent())
def tell(label, done, total):
    print(label, done, flush=True)
    time.sleep(0.002)
import_folder(open_folder(Path(sys.argv[2])), store, currency="EUR", now=1790000000.0,
              rejects_dir=Path(sys.argv[3]), progress=tell, chunk_rows=2)
"""


@pytest.mark.slow
@pytest.mark.parametrize("lines", [8, 20, 35])
def test_a_killed_import_goes_on(store: SqlStore, tmp_path: Path, folder: Path, imported: Import, lines: int) -> None:
    """kill -9 in the middle: the next run completes it, nothing lost, nothing twice."""
    command = [sys.executable, "-c", _IMPORTER, f"sqlite:///{tmp_path}/shop.db", str(folder), str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for _ in range(lines):
            assert process.stdout.readline()
        process.send_signal(signal.SIGKILL)
    report = imported(folder, chunk_rows=2)
    assert (store.counts().events, store.counts().products, store.counts().shoppers) == (60, 25, 2)
    assert sum(f.written.duplicates for f in report.files) == 0
