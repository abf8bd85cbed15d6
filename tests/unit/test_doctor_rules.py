"""`shelfwise doctor` and the details of `/readyz` on rules that hide most of the shop."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from app.bootstrap import Application, open_store
from app.doctor import examine
from app.domain.catalog import Product
from tests.conftest import demo_settings


@pytest.mark.parametrize(
    ("with_cost", "told"),
    [
        (0, None),
        (1, "hides 9 of 10 products that are in stock, 9 of them because their cost (or price) is not known"),
        (4, "hides 6 of 10 products that are in stock, 6 of them because their cost (or price) is not known"),
        (5, None),
    ],
)
def test_a_rule_that_hides_most_of_the_shop_is_told(
    tmp_path: Path, opened: Callable[..., Application], with_cost: int, told: str | None
) -> None:
    """More than half of what is in stock, with how many for want of a cost; nothing is degraded by it."""
    settings = demo_settings(tmp_path, embedder=str(tmp_path / "none"))
    store = open_store(settings)
    products = [
        Product(f"p{n}", "Pan", price_minor=1000, stock=5, cost_minor=400 if n < with_cost else None) for n in range(10)
    ]
    gone = [Product(f"gone{n}", "Pot", price_minor=1000, stock=0) for n in range(20)]
    store.upsert_products([*products, *gone], 1.0)
    store.close()
    found = [f for f in examine(settings) if f.part == "rule min_margin" and "not_applied" not in f.text]
    health = opened(tmp_path, embedder=str(tmp_path / "none")).health()
    detail = health.details.get("rule min_margin", "not_applied")
    assert "rule min_margin" not in health.degraded
    if told is None:
        assert found == []
        assert with_cost > 0 or detail.startswith("not_applied")
        assert with_cost == 0 or "rule min_margin" not in health.details
    else:
        assert [f.level for f in found] == ["note"]
        assert found[0].text.startswith(told)
        assert "whenUnknown: allow" in found[0].text
        assert detail == found[0].text


def test_products_with_too_small_a_margin_are_not_called_unknown(tmp_path: Path) -> None:
    """Where the costs are known the rule does what the shop wrote, and only the number is told."""
    settings = demo_settings(tmp_path, embedder=str(tmp_path / "none"))
    store = open_store(settings)
    store.upsert_products([Product(f"p{n}", "Pan", price_minor=1000, cost_minor=999) for n in range(4)], 1.0)
    store.close()
    assert [f.text for f in examine(settings) if f.part == "rule min_margin"] == [
        "hides 4 of 4 products that are in stock"
    ]
