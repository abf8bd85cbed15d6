"""GET /api/costs: the ledger's sums, for the shop only."""

from __future__ import annotations

import pytest

from app.api.costs import CostsAnswer
from app.domain.errors import StoreUnavailable
from tests.api.conftest import OpenShop, Shop


async def test_the_groups_add_up_to_the_total(shop: Shop) -> None:
    """Tokens, dollars and counts; an unknown cost is counted, and charged with its worst case."""
    async with shop.secret() as client:
        answer = await client.get("/api/costs?from=2026-09-01&groupBy=prompt")
    body = answer.json()
    CostsAnswer.model_validate(body)
    assert (body["from"], body["to"], body["groupBy"]) == ("2026-09-01T00:00:00Z", None, "prompt")
    assert {name: body["total"][name] for name in ("calls", "inputTokens", "cost", "charged", "unknownCost")} == {
        "calls": 3,
        "inputTokens": 33,
        "cost": 0.5,
        "charged": 0.75,
        "unknownCost": 1,
    }


async def test_a_publishable_key_never_sees_costs(shop: Shop) -> None:
    """403, as everywhere that a cost could be read."""
    async with shop.publishable() as client:
        assert (await client.get("/api/costs")).json()["code"] == "secret_key_required"


@pytest.mark.parametrize("query", ["groupBy=strategy", "from=never-ever", "to=2026-01-01T00:00", "day=1"])
async def test_rubbish_is_refused_by_name(shop: Shop, query: str) -> None:
    """422 with the field."""
    async with shop.secret() as client:
        answer = await client.get(f"/api/costs?{query}")
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, query.split("=")[0])


async def test_a_broken_ledger_is_503(shop: Shop) -> None:
    """And says nothing of what is broken."""
    shop.behind.attribution.fails_with = StoreUnavailable("gone")
    async with shop.secret() as client:
        assert (await client.get("/api/costs")).status_code == 503


async def test_budgets_stand_beside_the_sums(open_shop: OpenShop) -> None:
    """What is charged today, what is allowed, and whether the alert holds or nothing is left."""
    budgets = '{"home":{"soft":0.5,"hard":9},"chat":{"hard":0.75}}'
    async with open_shop(llm_budgets=budgets) as shop, shop.client() as client:
        body = (await client.get("/api/costs")).json()
    CostsAnswer.model_validate(body)
    told = {
        b["scope"]: (b["charged"], b["soft"], b["hard"], b["softExceeded"], b["exhausted"]) for b in body["budgets"]
    }
    assert told == {"home": (0.75, 0.5, 9.0, True, False), "chat": (0.75, None, 0.75, False, True)}
