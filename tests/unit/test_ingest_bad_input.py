"""Bad rows are reported and left out; broken files stop the import before anything is written."""

import gzip
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from app.adapters.shop_files import open_folder
from app.adapters.shop_files.json_lines import LONGEST_LINE
from app.adapters.sql_store import SqlStore
from app.domain.errors import ImportRejected
from app.domain.imports import ImportReport
from app.domain.interactions import Consent
from app.ingest import import_folder

GOOD_PRODUCT = {"productId": "good", "name": "Good", "price": 1}
GOOD_EVENT = {"type": "view", "userId": "u", "productId": "p", "timestamp": 1_780_000_000}
GOOD_EVENTS_CSV = "type,user_id,product_id,timestamp\nview,u,p,2026-01-01\n"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqlStore]:
    opened = SqlStore.open(f"sqlite:///{tmp_path}/shop.db", currency="EUR", consent_default=Consent())
    yield opened
    opened.close()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "shop"
    path.mkdir()
    return path


def _run(folder: Path, store: SqlStore) -> ImportReport:
    rejects = folder.parent / "rejects"
    return import_folder(open_folder(folder), store, currency="EUR", now=1.79e9, rejects_dir=rejects)


def _rejects(report: ImportReport) -> list[dict[str, object]]:
    assert report.rejects_file is not None
    return [json.loads(line) for line in Path(report.rejects_file).read_text().splitlines()]


BAD_PRODUCTS = [
    ('{"name":"x"}', "product_id: Field required"),
    ('{"productId":"a"}', "name: Field required"),
    ('{"productId":"a","name":"  "}', "name: String should have at least 1 character"),
    ('{"productId":"a","name":"x","price":-1}', "price: .*negative"),
    ('{"productId":"a","name":"x","price":1e300}', "price: .*large"),
    ('{"productId":"a","name":"x","price":"NaN"}', "price: .*finite"),
    ('{"productId":"a","name":"x","price":NaN}', "not JSON"),
    ('{"productId":"a","name":"x","price":"cheap"}', "price: 'cheap' is not an amount"),
    ('{"productId":"a","name":"x","currency":"USD"}', "currency: is 'USD', this shop's prices are in EUR"),
    ('{"productId":"a","name":"x","stock":-3}', "stock: "),
    ('{"productId":"a","name":"x","stock":1.5}', "stock: "),
    ('{"productId":"a","name":"x","stock":true}', "stock: "),
    ('{"productId":"a","name":"x","rating":{"value":6}}', r"rating.value: "),
    ('{"productId":"a","name":"x","url":"javascript:alert(1)"}', "url: "),
    ('{"productId":"a","name":"x","seasons":["monsoon"]}', "seasons: 'monsoon'"),
    ('{"productId":"a","name":"x","tags":7}', "tags: "),
    ('{"productId":"a","name":"x","attributes":"[1]"}', "attributes: "),
    ('{"productId":"a","name":"x","createdAt":"soon"}', "created_at: 'soon' is not a time"),
    ('{"productId":"a\\u0000b","name":"x"}', "product_id: .*control"),
    ('{"productId":"a\\u200bb","name":"x"}', "product_id: .*control"),
    ('{"productId":"a","name":"\\ud800"}', "not JSON"),
    ('{"productId":1.5,"name":"x"}', "product_id: 1.5 is not an id"),
    (json.dumps({"productId": "x" * 10_240, "name": "x"}), "product_id: .*longer than 200"),
    (json.dumps({"productId": "a", "name": "x" * 501}), "name: .*at most 500"),
    (json.dumps({"productId": "a", "name": "x", "description": "x" * 20_001}), "description: .*at most 20000"),
    ('{"productId":"good","name":"again"}', "product_id: 'good' is in the file already, at 1"),
    ("[1]", "not a JSON object"),
    ("{", "not JSON"),
    ("[" * 100_000, "not JSON"),
    (" " * LONGEST_LINE + "1", "longer than"),
]


@pytest.mark.parametrize(("line", "reason"), BAD_PRODUCTS, ids=range(len(BAD_PRODUCTS)))
def test_a_bad_product_is_reported_and_the_rest_loads(store: SqlStore, folder: Path, line: str, reason: str) -> None:
    """With file, line and reason; the rows before and after it are in."""
    last = json.dumps(GOOD_PRODUCT | {"productId": "last"})
    (folder / "products.jsonl").write_text(f"{json.dumps(GOOD_PRODUCT)}\n\n{line}\n{last}\n")
    report = _run(folder, store)
    assert (report.files[0].rows, report.files[0].written.inserted, report.files[0].rejected) == (3, 2, 1)
    assert set(store.product_ids()) == {"good", "last"}
    [reject] = _rejects(report)
    assert (reject["file"], reject["line"]) == ("products.jsonl", 3)
    assert re.search(reason, str(reject["reason"])), reject["reason"]


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"type": "bought"}, "type: "),
        ({"timestamp": None}, "timestamp: Field required"),
        ({"timestamp": "then"}, "timestamp: "),
        ({"userId": None}, "user_id: neither"),
        ({"productId": None}, "product_id: a view without a product"),
        ({"type": "search"}, "query: a search without a text"),
        ({"quantity": -1}, "quantity: "),
        ({"quantity": True}, "quantity: "),
        ({"price": "-3"}, "price: "),
        ({"dwellMs": 1.5}, "dwell_ms: "),
        ({"value": 1e13}, "value: "),
        ({"sessionId": "x" * 201}, "session_id: "),
        ({"query": "x" * 1001}, "query: "),
        ({"userId": ["u"]}, "user_id: "),
    ],
)
def test_a_bad_event_is_reported_and_the_rest_loads(
    store: SqlStore, folder: Path, changed: dict[str, object], reason: str
) -> None:
    """Whatever is wrong with one event, the others are in."""
    bad = {k: v for k, v in (GOOD_EVENT | changed).items() if v is not None}
    rows = [GOOD_EVENT | {"query": "q"}, bad, GOOD_EVENT]
    (folder / "events.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    report = _run(folder, store)
    assert (report.files[0].written.inserted, store.counts().events) == (2, 2)
    [reject] = _rejects(report)
    assert reject["line"] == 2
    assert str(reject["reason"]).startswith(reason)


@pytest.mark.parametrize(
    ("user", "reason"),
    [
        ({"userId": ""}, "user_id: "),
        ({"userId": "u", "consent": {"personalization": "some"}}, "consent.personalization: "),
        ({"userId": "u", "consent": {"llmProcessing": True}}, "consent.personalization: Field required"),
        ({"userId": "u", "consent": "yes"}, "consent: 'yes' is not JSON|.*not JSON"),
        ({"userId": "u", "preferences": {"budget": -5}}, "preferences.budget: "),
        ({"userId": "u", "preferences": [1]}, ".*preferences is not an object"),
        ({"userId": "u", "preferences": {"pet": {"name": "x"}}}, "preferences: "),
        ({"userId": "good"}, "user_id: is in the file already, at 1"),
    ],
)
def test_a_bad_shopper_is_reported_and_the_rest_loads(
    store: SqlStore, folder: Path, user: dict[str, object], reason: str
) -> None:
    """Half of a consent or a nonsense budget does not come in as something else."""
    rows = [{"userId": "good"}, user, {"userId": "last"}]
    (folder / "users.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    report = _run(folder, store)
    assert store.counts().shoppers == 2
    [reject] = _rejects(report)
    assert re.match(reason, str(reject["reason"])), reject["reason"]


def test_a_history_of_an_unknown_product_is_reported(store: SqlStore, folder: Path) -> None:
    """Nothing would ever read it."""
    (folder / "products.csv").write_text("product_id,name\np,P\n")
    (folder / "price_history.csv").write_text("product_id,price,valid_from\nq,1,2026-01-01\np,1,2026-01-01\n")
    (folder / "stock_history.csv").write_text("product_id,stock,at\nq,1,2026-01-01\np,many,2026-01-01\n")
    found = [(r["file"], r["line"]) for r in _rejects(_run(folder, store))]
    assert found == [("price_history.csv", 2), ("stock_history.csv", 3), ("stock_history.csv", 2)]


def test_lines_of_a_csv_are_counted_as_an_editor_counts_them(store: SqlStore, folder: Path) -> None:
    """Quotes, commas, line breaks in fields, blank lines, Windows line ends, a byte order mark."""
    (folder / "products.csv").write_bytes(
        "\ufeffproduct_id,name,description,price\r\n"
        'a,"Lamp, ""warm""","two\r\nlines",1.00\r\n'
        "\r\n"
        "b,Bad,,minus\r\n"
        'c,Good,"three\n\nlines",2\r\n'
        "d,short\r\n"
        "e,Long,x,1,2\r\n"
        "f,Last,,3".encode()
    )
    report = _run(folder, store)
    products = store.products(["a", "c", "f"])
    assert (products["a"].name, products["a"].description) == ('Lamp, "warm"', "two\r\nlines")
    assert (products["c"].price_minor, products["f"].price_minor) == (200, 300)
    assert [(r["line"], str(r["reason"])[:7]) for r in _rejects(report)] == [
        (9, "2 field"),
        (10, "5 field"),
        (5, "price: "),
    ]


def test_rows_of_a_parquet_file_are_numbered(store: SqlStore, folder: Path) -> None:
    """From 1, whatever the chunk; NaN and infinity are no prices."""
    prices = [1.0, float("nan"), float("inf"), 2.0]
    pq.write_table(pa.table({"product_id": ["a", "b", "c", "d"], "name": ["x"] * 4, "price": prices}),
                   folder / "products.parquet")  # fmt: skip
    rejects = _rejects(_run(folder, store))
    assert [r["row"] for r in rejects] == [2, 3]
    assert store.product_ids() == {"a", "d"}


def test_rows_are_counted_completely(store: SqlStore, folder: Path) -> None:
    """Rows = what was inserted + updated + unchanged + duplicates + rejected."""
    lines = [json.dumps(GOOD_PRODUCT | {"productId": f"p{i}", "price": -1 if i % 7 == 0 else i}) for i in range(50)]
    (folder / "products.jsonl").write_text("\n".join(lines))
    [file] = _run(folder, store).files
    assert (file.rows, file.rejected, file.written.inserted) == (50, 8, 42)


def _parquet(path: Path, *, cut: int = 0, invalid_text: bool = False) -> None:
    names = pa.array(["P"] * 5000)
    if invalid_text:
        names = pa.array([b"\xff\xfe"]).view(pa.string())
    ids = [str(i) for i in range(len(names))]
    pq.write_table(pa.table({"product_id": ids, "name": names}), path)
    if cut:
        path.write_bytes(path.read_bytes()[:-cut])


def _damaged_parquet(path: Path) -> None:
    _parquet(path)
    content = bytearray(path.read_bytes())
    content[200:1200] = b"\xaa" * 1000
    path.write_bytes(content)


BROKEN = {
    "empty.csv": lambda p: p.write_bytes(b""),
    "blank lines.csv": lambda p: p.write_text("\n\n"),
    "missing column.csv": lambda p: p.write_text("product_id,price\n1,2\n"),
    "column twice.csv": lambda p: p.write_text("product_id,name,name\n1,2,3\n"),
    "semicolons.csv": lambda p: p.write_text("product_id;name\n1;2\n"),
    "open quote.csv": lambda p: p.write_text('product_id,name\n1,"two\n3,4\n'),
    "text after quote.csv": lambda p: p.write_text('product_id,name\n1,"two" x\n'),
    "latin-1.csv": lambda p: p.write_bytes("product_id,name\n1,Café\n".encode("latin-1")),
    "utf-16.csv": lambda p: p.write_bytes("product_id,name\n1,Lamp\n".encode("utf-16")),
    "binary.csv": lambda p: p.write_bytes(bytes(range(256)) * 20),
    "a folder.csv": lambda p: p.mkdir(),
    "empty.jsonl": lambda p: p.write_bytes(b""),
    "blank.jsonl": lambda p: p.write_bytes(b"\n\n"),
    "array.jsonl": lambda p: p.write_text("[\n1,\n2]\n"),
    "missing column.jsonl": lambda p: p.write_text('{"productId":"1"}\n'),
    "latin-1.jsonl": lambda p: p.write_bytes('{"productId":"1","name":"x"}\n{"name":"Café"}\n'.encode("latin-1")),
    "cut off.jsonl.gz": lambda p: p.write_bytes(gzip.compress(b'{"productId":"1","name":"x"}\n' * 9999)[:-20]),
    "no gzip.csv.gz": lambda p: p.write_bytes(b"product_id,name\n1,x\n"),
    "empty.parquet": lambda p: p.write_bytes(b""),
    "no parquet.parquet": lambda p: p.write_bytes(b"product_id,name\n1,x\n"),
    "cut off.parquet": lambda p: _parquet(p, cut=100),
    "damaged.parquet": _damaged_parquet,
    "no utf-8.parquet": lambda p: _parquet(p, invalid_text=True),
    "missing column.parquet": lambda p: pq.write_table(pa.table({"product_id": ["1"]}), p),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_file_changes_nothing(store: SqlStore, folder: Path, name: str) -> None:
    """The error names the file; not even the files before it in the order were written."""
    (folder / "events.csv").write_text(GOOD_EVENTS_CSV)
    broken = folder / f"products{name[name.index('.') :]}"
    BROKEN[name](broken)
    before = (folder.parent / "shop.db").read_bytes(), store.counts()
    with pytest.raises(ImportRejected, match=re.escape(broken.name)):
        _run(folder, store)
    assert ((folder.parent / "shop.db").read_bytes(), store.counts()) == before
    assert not (folder.parent / "rejects").exists()


def test_a_broken_last_file_keeps_the_first_from_being_written(store: SqlStore, folder: Path) -> None:
    """Everything is read before anything is written."""
    (folder / "products.csv").write_text("product_id,name\n1,x\n")
    (folder / "events.csv").write_text('type,user_id,product_id,timestamp\nview,u,"1,2026-01-01\n')
    with pytest.raises(ImportRejected, match=r"events\.csv, line 2"):
        _run(folder, store)
    assert store.counts().products == 0


def test_folders_that_hold_nothing_to_import(folder: Path) -> None:
    """No folder, an empty one, one with histories only, one with two files for a kind."""
    with pytest.raises(ImportRejected, match="not a folder"):
        open_folder(folder / "absent")
    with pytest.raises(ImportRejected, match="nothing to import"):
        open_folder(folder)
    (folder / "price_history.csv").write_text("x")
    with pytest.raises(ImportRejected, match="nothing to import"):
        open_folder(folder)
    (folder / "products.csv").write_text("x")
    (folder / "products.jsonl").write_text("x")
    with pytest.raises(ImportRejected, match=r"products\.csv and products\.jsonl"):
        open_folder(folder)


@pytest.mark.parametrize(("name", "content"), [("products.csv", "product_id,name\n"), ("products.jsonl", "\n")])
def test_a_shop_without_products_is_refused(folder: Path, store: SqlStore, name: str, content: str) -> None:
    """A products file without a row and no products yet: refused like an empty file, and nothing else comes in."""
    (folder / name).write_text(content)
    (folder / "events.csv").write_text(GOOD_EVENTS_CSV)
    with pytest.raises(ImportRejected, match=r"products\.(csv|jsonl)"):
        _run(folder, store)
    assert store.counts().events == 0


def test_a_products_file_without_rows_changes_nothing_where_there_are_products(folder: Path, store: SqlStore) -> None:
    """It only states no change."""
    (folder / "products.csv").write_text("product_id,name\np,P\n")
    _run(folder, store)
    (folder / "products.csv").write_text("product_id,name\n")
    assert [report.rows for report in _run(folder, store).files] == [0]
    assert store.product_ids() == {"p"}
