"""Shopify's product CSV in both generations of headers."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from app.adapters.sql_store import SqlStore
from app.domain.errors import ImportRejected
from tests.support.feeds import Import, reasons

OLD = (
    "Handle,Title,Body (HTML),Vendor,Product Category,Type,Tags,Published,Option1 Name,Option1 Value,Option2 Name,"
    "Option2 Value,Variant SKU,Variant Inventory Tracker,Variant Inventory Qty,Variant Inventory Policy,Variant Price,"
    "Variant Compare At Price,Variant Barcode,Image Src,Image Position,Variant Image,Cost per item,Status,"
    "Fabric (product.metafields.shopify.fabric),SEO Title"
).split(",")
NEW = (
    "URL handle,Title,Description,Vendor,Product category,Type,Tags,Published on online store,Option1 name,"
    "Option1 value,Option2 name,Option2 value,SKU,Inventory tracker,Inventory quantity,Continue selling when out of stock,Price,"  # noqa: E501
    "Compare-at price,Barcode,Product image URL,Image position,Variant image URL,Cost per item,Status,"
    "Fabric (product.metafields.shopify.fabric),SEO title"
).split(",")
PATH = "Apparel & Accessories > Clothing > Shirts"
ROWS = [  # a line each: long, and read across
    ["tee", "Classic Tee", "<p>Soft &amp; light.</p><ul><li>Linen</li></ul>", "Nord", PATH, "Tees", "summer, linen", "TRUE",  # noqa: E501
     "Color", "Red", "Size", "M", "TEE-R-M", "shopify", "4", "deny", "19.90", "24.90", "'400", "https://cdn.example/1.jpg",
     "1", "https://cdn.example/red.jpg", "8", "active", "linen; cotton", "s"],
    ["tee", "", "", "", "", "", "", "", "", "Blue", "", "L", "TEE-B-L", "shopify", "-2", "deny", "21.90", "", "",
     "https://cdn.example/2.jpg", "2", "", "8", "", "", ""],
    ["tee", "", "", "", "", "", "", "", "", "Green", "", "S", "", "", "", "", "18.00", "", "", "", "", "", "", "", "", ""],  # noqa: E501
    ["tee", *[""] * 18, "https://cdn.example/3.jpg", "3", *[""] * 5],
    ["mug", "Mug", "", "Clay", "", "Mugs", "", "FALSE", "Title", "Default Title", "", "", "", "shopify", "0", "continue",  # noqa: E501
     "7.00", "5.00", "", "", "", "", "", "active", "", ""],
    ["vase", "Vase", "", "", "", "", "", "", "Title", "Default Title", "", "", "", "", "", "", "x", "", "", "", "", "", "",  # noqa: E501
     "draft", "", ""],
]  # fmt: skip


def export(tmp_path: Path, headers: list[str], rows: list[list[str]] = ROWS) -> Path:
    """An export in a file."""
    if headers is NEW:  # the newer files say TRUE and FALSE where the older ones name a policy
        words = {"deny": "FALSE", "continue": "TRUE"}
        rows = [[*row[:15], words.get(row[15], row[15]), *row[16:]] for row in rows]
    path = tmp_path / "products_export_1.csv"
    with path.open("w", newline="", encoding="utf-8-sig") as file:
        csv.writer(file).writerows([headers, *rows])
    return path


@pytest.mark.parametrize("headers", [OLD, NEW], ids=["old", "new"])
def test_variants_become_products_of_one_group(
    store: SqlStore,
    tmp_path: Path,
    imported: Import,
    headers: list[str],
) -> None:
    """Each with its own id, price, stock and options; what stands on the first line holds for all."""
    report = imported(export(tmp_path, headers))
    assert (report.files[0].rows, report.files[0].written.inserted, report.rejected) == (5, 4, 1)
    found = store.products(["TEE-R-M", "TEE-B-L", "tee:green-s", "mug"])
    red, blue, green, mug = found.values()
    assert [p.name for p in found.values()] == [
        "Classic Tee - Red / M", "Classic Tee - Blue / L", "Classic Tee - Green / S", "Mug",
    ]  # fmt: skip
    assert [p.attributes["item_group_id"] for p in found.values()] == ["tee", "tee", "tee", "mug"]
    assert red.description == blue.description == "Soft & light.\nLinen"
    assert (red.brand, red.category, red.tags) == ("Nord", PATH, ("summer", "linen", "Tees"))
    assert (red.price_minor, red.list_price_minor, red.cost_minor, red.stock) == (1990, 2490, 800, 4)
    assert (blue.price_minor, blue.list_price_minor, blue.stock) == (2190, None, 0)
    assert (green.price_minor, green.stock) == (1800, None)  # not tracked
    assert (red.attributes["Color"], red.attributes["Size"], red.attributes["gtin"]) == ("Red", "M", "400")
    assert red.attributes["Fabric"] == ("linen", "cotton")
    assert red.image_url == "https://cdn.example/red.jpg"
    assert blue.image_url == "https://cdn.example/1.jpg"
    assert red.attributes["additional_image_link"] == tuple(f"https://cdn.example/{n}.jpg" for n in (1, 2, 3))
    assert (mug.available, mug.stock, mug.list_price_minor, mug.category) == (False, None, None, "Mugs")
    assert red.url == "/products/tee"
    assert next(iter(reasons(report).values())).startswith("price:")
    assert {c.lower() for c in report.files[0].ignored_columns} == {"image position", "seo title"}


def test_lines_of_a_handle_that_stand_apart_are_rejected(tmp_path: Path, imported: Import) -> None:
    """The second part has no title: guessing which product it belongs to could overwrite one."""
    rows = [ROWS[0], ROWS[4], ROWS[1]]
    report = imported(export(tmp_path, OLD, rows))
    assert report.rejected == 1
    assert "stand together" in next(iter(reasons(report).values()))


def test_an_export_without_products_changes_nothing(tmp_path: Path, imported: Import) -> None:
    """A header alone is a failed export."""
    with pytest.raises(ImportRejected, match="holds no product"):
        imported(export(tmp_path, OLD, []))


def test_a_row_without_a_handle_is_rejected(store: SqlStore, tmp_path: Path, imported: Import) -> None:
    """It is no variant of the product above it, be that one good or rejected itself, and those around it load."""
    ids = ("Handle", "Title", "Variant SKU", "Variant Price")
    rows = [["" for _ in OLD] for _ in range(5)]
    for row, values in zip(
        rows,
        [
            ("mug", "Mug", "M-1", "7.00"),
            ("", "Stray Lamp", "L-1", "9.00"),
            ("mug", "", "M-2", "8.00"),
            ("vase", "", "V-1", "5.00"),
            ("", "Stray Bowl", "B-1", "4.00"),
        ],
        strict=True,
    ):
        for name, value in zip(ids, values, strict=True):
            row[OLD.index(name)] = value
    report = imported(export(tmp_path, OLD, rows))
    assert set(store.product_ids()) == {"M-1", "M-2"}
    told = reasons(report)
    assert set(told) == {3, 5, 6}
    assert told[3].startswith("Handle: is empty")
    assert told[6].startswith("Handle: is empty")
