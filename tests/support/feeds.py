"""Small Google Merchant feeds, and what an import said of them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import orjson

from app.domain.imports import ImportReport

NOW = 1_790_000_000.0  # 2026-09-21T14:13:20Z
Import = Callable[..., ImportReport]

RSS = """<?xml version="1.0" encoding="UTF-8"?>
<rss version="2.0" xmlns:g="http://base.google.com/ns/1.0"><channel><title>Shop</title><link>https://shop.example</link>
{}
</channel></rss>"""


def item(product_id: str, **values: str) -> str:
    """A small item in RSS."""
    fields = {"title": "Thing", "price": "5.00 EUR", **values}
    return f"<item><g:id>{product_id}</g:id>" + "".join(f"<g:{k}>{v}</g:{k}>" for k, v in fields.items()) + "</item>"


def feed(tmp_path: Path, *items: str, name: str = "feed.xml") -> Path:
    """A feed in a file."""
    path = tmp_path / name
    path.write_text(RSS.format("\n".join(items)), encoding="utf-8")
    return path


def reasons(report: ImportReport) -> dict[int, str]:
    """Line → why it was rejected."""
    assert report.rejects_file is not None
    lines = [orjson.loads(line) for line in Path(report.rejects_file).read_bytes().splitlines()]
    return {line["line"]: line["reason"] for line in lines}
