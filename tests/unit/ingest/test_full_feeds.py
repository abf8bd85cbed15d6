"""Dry runs, full feeds and the guard against one that would delete too much."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.adapters.shop_files import open_path
from app.adapters.sql_store import SqlStore
from app.domain.errors import ImportRejected
from app.ingest.html_text import plain_text
from tests.support.feeds import NOW, Import, feed, item


def contents(tmp_path: Path) -> dict[str, bytes]:
    """Every file that a dry run could touch."""
    return {path.name: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file() and path.suffix != ".db-shm"}


def test_a_dry_run_says_what_would_change_and_writes_nothing(
    store: SqlStore,
    tmp_path: Path,
    imported: Import,
) -> None:
    """The same figures as the import itself then has, with examples and reasons; no file is written."""
    imported(feed(tmp_path, *(item(f"p{i}") for i in range(10))))
    path = feed(
        tmp_path, *(item(f"p{i}") for i in range(8)), item("p8", price="6.00 EUR"), item("new"), item("bad", price="x")
    )
    before = contents(tmp_path)
    dry = imported(path, dry_run=True, delete_absent=True)
    assert contents(tmp_path) == before
    assert dry.dry_run
    assert dry.rejects_file is None
    assert (dry.files[0].written.inserted, dry.files[0].written.updated, dry.files[0].written.unchanged) == (1, 1, 8)
    assert dry.deleted == 1
    assert list(dry.examples) == [
        "changed: p8 (price)", "new: new Thing", "deleted: p9",
        "rejected: feed.xml, line 13: price: 'x' is no price; write 12.99 EUR",
    ]  # fmt: skip
    real = imported(path, delete_absent=True)
    assert (real.files[0].written, real.deleted, real.rejected) == (dry.files[0].written, dry.deleted, dry.rejected)
    assert store.product_ids(with_deleted=False) == {*(f"p{i}" for i in range(9)), "new"}


def test_without_replace_a_feed_deletes_nothing(store: SqlStore, tmp_path: Path, imported: Import) -> None:
    """A feed may be a part of the catalogue: only who says that it is all of it loses the rest."""
    imported(feed(tmp_path, item("a"), item("b")))
    assert imported(feed(tmp_path, item("a"))).deleted == 0
    assert store.product_ids(with_deleted=False) == {"a", "b"}


def test_a_feed_that_would_delete_too_much_stops(store: SqlStore, tmp_path: Path, imported: Import) -> None:
    """30% go, more need --force; refused, it changes nothing, not even what it does name."""
    imported(feed(tmp_path, *(item(f"p{i}") for i in range(10))))
    changed = [item(f"p{i}", title="Renamed") for i in range(6)]
    for dry_run in (True, False):
        with pytest.raises(ImportRejected, match=r"4 of 10 products \(40%\).*--force"):
            imported(feed(tmp_path, *changed), delete_absent=True, dry_run=dry_run)
    assert store.products(["p0"])["p0"].name == "Thing"
    assert imported(feed(tmp_path, *changed, item("p6")), delete_absent=True).deleted == 3
    assert imported(feed(tmp_path, item("p0")), delete_absent=True, force=True).deleted == 6


def test_a_rejected_row_keeps_its_product(store: SqlStore, tmp_path: Path, imported: Import) -> None:
    """A price that can't be stored is no reason to delete the product."""
    imported(feed(tmp_path, item("a"), item("b"), item("c")))
    report = imported(feed(tmp_path, item("a"), item("b", link="nonsense"), item("c")), delete_absent=True)
    assert (report.deleted, report.rejected) == (0, 1)


def test_replace_without_products_is_refused(tmp_path: Path, imported: Import) -> None:
    """A folder of events must not empty the catalogue."""
    path = tmp_path / "events.jsonl"
    path.write_text('{"type":"view","timestamp":1,"userId":"u","productId":"p"}\n')
    with pytest.raises(ImportRejected, match="--replace needs"):
        imported(path, delete_absent=True)


@pytest.mark.parametrize("name", ["feed.pdf", "none.xml", "goods.tsv"])
def test_what_can_not_be_read_is_said(tmp_path: Path, name: str) -> None:
    """An unknown ending, a file that is not there, a table that is no feed."""
    if name != "none.xml":
        (tmp_path / name).write_text("sku\tlabel\n1\tx\n")
    with pytest.raises(ImportRejected, match=r"no format|does not exist|no Google Merchant feed"):
        open_path(tmp_path / name, NOW)


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("<p>One</p><p>Two &amp; three</p>", "One\nTwo & three"),
        ("plain < text & more", "plain < text & more"),
        ("<style>p{}</style>A<script>alert(1)</script>B", "AB"),
        ("a<br/>b<ul><li>c<li>d</ul>", "a\nb\nc\nd"),
        ("<b>bold</b> and <a href='x'>link</a>", "bold and link"),
        ("<p>unclosed <b>tag", "unclosed tag"),
        ("  spaced  ", "spaced"),
        ("5 &lt; 6&nbsp;kg", "5 < 6 kg"),
    ],
)
def test_html_becomes_the_text_that_it_shows(html: str, text: str) -> None:
    """Blocks become lines; scripts, styles and markup go."""
    assert plain_text(html) == text
