"""Text files whose columns are separated otherwise than their name says."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.domain.errors import ImportRejected
from tests.support.feeds import Import


@pytest.mark.parametrize(
    ("name", "header", "said"),
    [
        ("products.csv", "product_id;name;price", "with a semicolon, and a comma is expected"),
        ("products.csv", '"product_id";"name"', "with a semicolon, and a comma is expected"),
        ("products.csv", "product_id\tname", "with a tab, and a comma is expected"),
        ("feed.tsv", "id,title,link", "with a comma, and a tab is expected"),
    ],
)
def test_another_separator_is_named(tmp_path: Path, imported: Import, name: str, header: str, said: str) -> None:
    """The message says which one was found and which is expected."""
    path = tmp_path / name
    path.write_text(f"{header}\n1;2;3\n", encoding="utf-8-sig")
    with pytest.raises(ImportRejected, match=said):
        imported(path)


def test_a_semicolon_within_a_name_is_no_separator(tmp_path: Path, imported: Import) -> None:
    """Commas are more."""
    path = tmp_path / "products.csv"
    path.write_text('product_id,name,"a;b"\nx,"Lamp; brass",z\n', encoding="utf-8-sig")
    assert imported(path).files[0].written.inserted == 1
