"""Google Merchant feeds, in XML and as text: what an item becomes, and what can't be read."""

from __future__ import annotations

import gzip
from pathlib import Path

import orjson
import pytest

from app.adapters.sql_store import SqlStore
from app.domain.errors import ImportRejected
from tests.support.feeds import NOW, RSS, Import, feed, item, reasons

SHIRT = """<item>
<g:id>tee-red-m</g:id><title>Linen Shirt &amp; Tie</title><description>&lt;p&gt;Soft.&lt;/p&gt;&lt;script&gt;x()&lt;/script&gt;Cool.</description>
<link>https://shop.example/tee</link><g:image_link>https://shop.example/tee.jpg</g:image_link>
<g:additional_image_link>https://shop.example/b.jpg</g:additional_image_link>
<g:additional_image_link>https://shop.example/c.jpg</g:additional_image_link>
<g:availability>in_stock</g:availability><g:quantity>12</g:quantity>
<g:price>39.99 EUR</g:price><g:sale_price>29.99 EUR</g:sale_price>
<g:sale_price_effective_date>2026-09-01T00:00+0200/2026-09-30T23:59+0200</g:sale_price_effective_date>
<g:cost_of_goods_sold>14.00 EUR</g:cost_of_goods_sold>
<g:brand>Nord</g:brand><g:gtin>4006381333931</g:gtin><g:mpn>LS-1</g:mpn><g:condition>new</g:condition>
<g:item_group_id>tee</g:item_group_id><g:color>Red/White</g:color><g:size>M</g:size><g:material>linen</g:material>
<g:product_type>Clothing &gt; Shirts</g:product_type><g:google_product_category>212</g:google_product_category>
<g:product_detail><g:section_name>Care</g:section_name><g:attribute_name>Wash</g:attribute_name><g:attribute_value>30 °C</g:attribute_value></g:product_detail>
<g:shipping><g:country>DE</g:country><g:price>4.90 EUR</g:price></g:shipping><g:custom_label_0>high margin</g:custom_label_0>
</item>"""  # noqa: E501


def test_an_item_becomes_a_product(store: SqlStore, tmp_path: Path, imported: Import) -> None:
    """Every attribute that says something about a product is there, and nothing of shipping or campaigns."""
    report = imported(feed(tmp_path, SHIRT))
    product = store.products(["tee-red-m"])["tee-red-m"]
    assert (product.name, product.description) == ("Linen Shirt & Tie", "Soft.\nCool.")
    assert (product.price_minor, product.list_price_minor, product.cost_minor) == (2999, 3999, 1400)
    assert (product.stock, product.available, product.brand) == (12, True, "Nord")
    assert product.category == "Clothing > Shirts"
    assert (product.url, product.image_url) == ("https://shop.example/tee", "https://shop.example/tee.jpg")
    assert product.attributes == {
        "item_group_id": "tee", "gtin": "4006381333931", "mpn": "LS-1", "condition": "new", "color": ("Red", "White"),
        "size": "M", "material": "linen", "Wash": "30 °C",
        "additional_image_link": ("https://shop.example/b.jpg", "https://shop.example/c.jpg"),
    }  # fmt: skip
    assert set(report.files[0].ignored_columns) == {"shipping", "custom_label_0"}


def test_atom_is_read_as_well(store: SqlStore, tmp_path: Path, imported: Import) -> None:
    """Entries, links by href, summaries."""
    path = tmp_path / "feed.xml"
    path.write_text(
        '<feed xmlns="http://www.w3.org/2005/Atom" xmlns:g="http://base.google.com/ns/1.0"><title>Shop</title>'
        '<entry><g:id>a</g:id><title>Lamp</title><link href="https://shop.example/a"/><summary>Bends</summary>'
        "<g:price>EUR 7.50</g:price><g:availability>out of stock</g:availability></entry></feed>"
    )
    imported(path)
    product = store.products(["a"])["a"]
    assert (product.url, product.description, product.price_minor, product.stock) == (
        "https://shop.example/a", "Bends", 750, 0,
    )  # fmt: skip


@pytest.mark.parametrize("name", ["feed.tsv", "feed.txt.gz", "feed.csv"])
def test_a_feed_as_text(store: SqlStore, tmp_path: Path, imported: Import, name: str) -> None:
    """Tab or comma separated, columns with spaces or underscores, quoted line breaks, several images in a field."""
    rows = [
        ["ID", "title", "image link", "additional_image_link", "price", "availability", "product type", "Color"],
        ["p1", "Lamp", "https://x.example/a.jpg", "https://x.example/b.jpg,https://x.example/c.jpg", "12.99 EUR",
         "in stock", "Home > Lamps", "brass"],
        ["p2", "Two\nlines", "", "", "1.00 EUR", "preorder", "", ""],
    ]  # fmt: skip
    separator = "," if name.endswith("csv") else "\t"
    text = "".join(separator.join(f'"{cell}"' for cell in row) + "\n" for row in rows)
    path = tmp_path / name
    path.write_bytes(gzip.compress(text.encode()) if name.endswith("gz") else text.encode())
    report = imported(path)
    found = store.products(["p1", "p2"])
    assert report.files[0].written.inserted == 2
    assert found["p1"].attributes["additional_image_link"] == ("https://x.example/b.jpg", "https://x.example/c.jpg")
    assert (found["p1"].price_minor, found["p1"].category, found["p1"].attributes["color"]) == (
        1299, "Home > Lamps", "brass",
    )  # fmt: skip
    assert (found["p2"].name, found["p2"].stock, found["p2"].available) == ("Two\nlines", None, True)


SALES = [
    ("2026-09-01/2026-09-21", 500),  # a date without a time ends with its day
    ("2026-09-22T00:00Z/2026-09-30T00:00Z", 900),
    ("2026-09-01T00:00Z/2026-09-20T00:00Z", 900),
    ("2026-09-21T16:13:20+0200/2026-09-21T16:13:20+0200", 500),
]


@pytest.mark.parametrize(("period", "price"), SALES)
def test_a_sale_price_holds_in_its_period(
    store: SqlStore, tmp_path: Path, imported: Import, period: str, price: int
) -> None:
    """Both ends included, with zones; outside of it the regular price."""
    imported(feed(tmp_path, item("a", price="9.00 EUR", sale_price="5.00 EUR", sale_price_effective_date=period)))
    assert store.products(["a"])["a"].price_minor == price


def test_the_same_feed_is_read_again_when_a_sale_begins(store: SqlStore, tmp_path: Path, imported: Import) -> None:
    """A file that was imported is skipped; not when its sale began meanwhile."""
    path = feed(
        tmp_path,
        item("a", price="9.00 EUR", sale_price="5.00 EUR", sale_price_effective_date="2026-09-22/2026-09-30"),
    )
    imported(path)
    assert imported(path).files[0].skipped
    later = imported(path, now=NOW + 86_400)
    assert not later.files[0].skipped
    product = store.products(["a"])["a"]
    assert (product.price_minor, product.reference_price_minor) == (500, 900)


WRONG = [
    ({"price": "12 or so"}, "price"),
    ({"price": "1.234"}, ""),
    ({"price": "1,23"}, ""),
    ({"price": "1,234"}, ""),
    ({"price": "1,2345 EUR"}, "price"),
    ({"price": "-1.00 EUR"}, "price"),
    ({"price": "5.00 USD"}, "currency"),
    ({"price": "5.00 EUR", "sale_price": "4.00 USD"}, "price"),
    ({"availability": "perhaps"}, "availability"),
    ({"sale_price": "4.00 EUR", "sale_price_effective_date": "soon"}, "sale_price_effective_date"),
    ({"sale_price": "4.00 EUR", "sale_price_effective_date": "soon/later"}, "sale_price_effective_date"),
    ({"link": "javascript:alert(1)"}, "url"),
    ({"title": "x" * 501}, "name"),
    ({"title": ""}, "name"),
    ({"expiration_date": "never"}, "expiration_date"),
    ({"quantity": "-4"}, "stock"),
]


@pytest.mark.parametrize(("wrong", "named"), WRONG)
def test_a_wrong_item_is_rejected_with_its_line(
    tmp_path: Path, imported: Import, wrong: dict[str, str], named: str
) -> None:
    """By name and line, while the others load; where `named` is empty the value has a reading."""
    report = imported(feed(tmp_path, item("good"), item("bad", **wrong)))
    assert report.rejected == (1 if named else 0)
    if named:
        [(line, reason)] = reasons(report).items()
        assert line == 4
        assert reason.startswith(f"{named}:")


def test_prices_that_europe_writes(store: SqlStore, tmp_path: Path, imported: Import) -> None:
    """A decimal comma before two digits, and points or commas between thousands."""
    texts = ["12,99 EUR", "1.234,50 EUR", "1,234.50 EUR", "EUR 7", "1,234", "0.00 EUR"]
    imported(feed(tmp_path, *(item(str(i), price=text) for i, text in enumerate(texts))))
    found = store.products([str(i) for i in range(len(texts))])
    assert [product.price_minor for product in found.values()] == [1299, 123450, 123450, 700, 123400, 0]


def test_an_expired_or_discontinued_item_is_not_offered(store: SqlStore, tmp_path: Path, imported: Import) -> None:
    """It is kept, for orders name it, and is not available."""
    imported(feed(tmp_path, item("a", expiration_date="2026-09-20"), item("b", availability="discontinued")))
    assert [product.available for product in store.products(["a", "b"]).values()] == [False, False]


BOMB = '<!DOCTYPE r [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>'
HOSTILE = [
    (BOMB + RSS.format(item("a", title="&b;")).split("?>", 1)[1], "DOCTYPE"),
    ('<!DOCTYPE r SYSTEM "file:///etc/passwd">' + RSS.format(item("a")).split("?>", 1)[1], "DOCTYPE"),
    (RSS.format("<a>" * 100 + "</a>" * 100), "nest too deeply"),
    (RSS.format(item("a"))[:-40], "well-formed"),
    (RSS.format(item("a", title="&nbsp;")), "well-formed"),
    ("", "empty"),
    ("<html><body>404</body></html>", "no <item>"),
    ('<?xml version="1.0" encoding="x-unknown"?><rss/>', "encoding"),
    (RSS.format("<item><title>no id</title></item>"), "no column product_id"),
]


@pytest.mark.parametrize(("text", "said"), HOSTILE, ids=[said for _, said in HOSTILE])
def test_a_file_that_can_not_be_trusted_changes_nothing(
    store: SqlStore, tmp_path: Path, imported: Import, text: str, said: str
) -> None:
    """Entities, documents cut off, pages that are no feed: refused in one sentence with the place."""
    path = tmp_path / "feed.xml"
    path.write_text(text)
    with pytest.raises(ImportRejected, match=said):
        imported(path)
    assert store.product_ids() == frozenset()


def test_a_giant_item_is_one_rejected_row(tmp_path: Path, imported: Import) -> None:
    """Two million characters are not kept, and the items around it load."""
    report = imported(feed(tmp_path, item("a"), item("big", description="x" * 2_000_000), item("b")))
    assert (report.files[0].written.inserted, report.rejected) == (2, 1)


def test_a_duplicate_id_is_rejected(tmp_path: Path, imported: Import) -> None:
    """The first counts, as everywhere."""
    report = imported(feed(tmp_path, item("a"), item("a", title="Other")))
    assert (report.files[0].written.inserted, report.rejected) == (1, 1)


def one_line(tmp_path: Path, *items: str) -> Path:
    """A feed without a single line break."""
    path = tmp_path / "feed.xml"
    path.write_text(RSS.format("".join(items)).replace("\n", ""), encoding="utf-8")
    return path


def test_items_on_one_line_are_told_apart(store: SqlStore, tmp_path: Path, imported: Import) -> None:
    """Of two items with one id the first stays, and each reject says which item of the line it is."""
    path = one_line(
        tmp_path,
        item("d1", price="10.00 EUR"),
        item("d1", price="99.00 EUR"),
        item("d2", price="much"),
        item("d3", price="-1 EUR"),
    )
    report = imported(path)
    assert report.rejects_file is not None
    told = [orjson.loads(line) for line in Path(report.rejects_file).read_bytes().splitlines()]
    assert store.products(["d1"])["d1"].price_minor == 1000
    assert (report.files[0].written.inserted, report.rejected) == (1, 3)
    assert {entry["item"]: entry["reason"].split(":")[0] for entry in told} == {
        2: "product_id", 3: "price", 4: "price",
    }  # fmt: skip
    assert "already, at 1" in next(entry["reason"] for entry in told if entry["item"] == 2)


def test_a_dry_run_of_one_line_tells_each_product_once(tmp_path: Path, imported: Import) -> None:
    """A repeated id is new once, and changes nothing once the file was imported."""
    path = one_line(tmp_path, item("d1", price="10.00 EUR"), item("d1", price="99.00 EUR"))
    before = imported(path, dry_run=True)
    assert [line for line in before.examples if line.startswith("new:")] == ["new: d1 Thing"]
    assert any(line.startswith("rejected: feed.xml, item 2:") for line in before.examples)
    imported(path)
    assert not [line for line in imported(path, dry_run=True).examples if line.startswith("changed:")]
