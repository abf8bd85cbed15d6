"""`shelfwise doctor` on events that speak of nothing."""

from __future__ import annotations

from pathlib import Path

from app.bootstrap import open_store
from app.doctor import examine
from app.domain.catalog import Product
from app.domain.interactions import EventKind, Interaction
from tests.conftest import demo_settings


def test_events_of_unknown_products_are_counted(tmp_path: Path) -> None:
    """A note with their number where there are any, and none where there are none."""
    settings = demo_settings(tmp_path, embedder=str(tmp_path / "none"))
    store = open_store(settings)
    store.upsert_products([Product("p", "Pan", price_minor=100)], 1.0)
    store.record_events([[Interaction("a", EventKind.VIEW, 1.0, "u", product_id="p")]])
    assert "events" not in {finding.part for finding in examine(settings)}
    store.record_events([[Interaction("b", EventKind.VIEW, 1.0, "u", product_id="nowhere")]])
    store.close()
    assert [f.text[:2] for f in examine(settings) if f.part == "events"] == ["1 "]
