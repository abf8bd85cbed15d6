"""What is worked out once per product says what would be worked out anew."""

from __future__ import annotations

from dataclasses import replace

import pytest

from app.bootstrap import Application
from app.domain.deadline import Deadline
from app.domain.ranking import Query, Slate
from app.pipeline import item_evidence
from app.service import RecommendationService

ASKED = [
    Query(user_id="gamer"),
    Query(user_id="student", budget_minor=5_000),
    Query(user_id="123", text="gift for the kitchen", placement="search"),
    Query(anonymous_id="nobody", placement="cart", cart=("el-0003",)),
]


async def _slates(demo: Application, *, warm: bool) -> list[Slate]:
    """Each query's slate: by a shelf that has told of its products before, or by one that has not."""
    shelf = demo.parts.served()
    finder = demo.parts.finder
    memo, finder.memo = finder.memo, None
    try:
        found = []
        for query in ASKED:
            served = shelf if warm else replace(shelf, lore={}, records={})
            service = RecommendationService(replace(demo.parts, served=lambda served=served: served))
            found.append(await service.recommend(query, Deadline.after_ms(0)))
        return found
    finally:
        finder.memo = memo


async def test_a_warm_shelf_tells_what_a_cold_one_does(demo: Application) -> None:
    """Items, reasons and evidence are the same; the second shopper of a product gets their own facts."""
    await _slates(demo, warm=True)
    assert demo.parts.served().lore
    warm, cold = await _slates(demo, warm=True), await _slates(demo, warm=False)
    assert [slate.items for slate in warm] == [slate.items for slate in cold]
    assert all(slate.items for slate in warm)


async def test_lore_is_of_one_record_and_bounded(demo: Application, monkeypatch: pytest.MonkeyPatch) -> None:
    """A record that was read anew is told anew; no more products are kept than may be."""
    monkeypatch.setattr(item_evidence, "LORE_KEPT", 7)
    served = replace(demo.parts.served(), lore={}, records={})
    service = RecommendationService(replace(demo.parts, served=lambda: served))
    slate = await service.recommend(Query(anonymous_id="once", limit=5), Deadline.after_ms(0))
    row = served.shelf.snapshot.row_of[slate.items[0].product_id]
    first = served.lore[row]
    product = served.records[slate.items[0].product_id]
    served.records[product.product_id] = replace(product, rating_value=None)
    await service.recommend(Query(anonymous_id="again", limit=4), Deadline.after_ms(0))
    assert served.lore[row] is not first
    assert len(served.lore) <= 7
