"""GET /api/metrics/business: who may ask, what is refused, how often it is computed."""

from __future__ import annotations

import asyncio

import pytest

from app.api.report_schemas import ReportAnswer
from app.domain.errors import StoreUnavailable
from tests.api.conftest import NOW, Shop

URL = "/api/metrics/business"


async def test_a_publishable_key_never_sees_figures(shop: Shop) -> None:
    """Revenue and cost are the shop's own; nothing is even computed."""
    async with shop.publishable() as client:
        answer = await client.get(URL)
    assert (answer.status_code, answer.json()["code"]) == (403, "secret_key_required")
    assert shop.behind.attribution.asked == []


async def test_a_shop_that_served_nothing_is_told_so(shop: Shop) -> None:
    """No figure is made up: null, and a sentence that says why."""
    async with shop.secret() as client:
        answer = await client.get(f"{URL}?groupBy=placement")
    assert answer.status_code == 200
    body = answer.json()
    ReportAnswer.model_validate(body)
    assert "No slates were served" in body["notes"][0]
    assert body["total"]["clickThrough"] == {"value": None, "low": None, "high": None, "n": 0}
    assert body["total"]["revenuePerRecommendation"]["value"] is None
    assert [group["group"] for group in body["groups"]] == ["home"]
    assert (body["currency"], body["to"]) == (shop.behind.settings.currency, None)


@pytest.mark.parametrize(
    ("query", "since", "until"),
    [
        ("", NOW - 30 * 86_400, None),
        ("?from=2026-09-01&to=2026-09-02", 1_788_220_800.0, 1_788_307_200.0),
        ("?from=2026-09-01T02:00%2B02:00", 1_788_220_800.0, None),
        ("?to=2026-09-01", 1_788_220_800.0 - 30 * 86_400, 1_788_220_800.0),
    ],
)
async def test_periods_are_read(shop: Shop, query: str, since: float, until: float | None) -> None:
    """Days are UTC, times have a zone, 30 days are the default."""
    async with shop.secret() as client:
        assert (await client.get(URL + query)).status_code == 200
    [(period, _)] = shop.behind.attribution.asked
    assert (period.since, period.until) == (since, until)


@pytest.mark.parametrize(
    "query",
    [
        "from=yesterday!!",
        "from=2026-09-01T08:00",
        "from=0001-01-01",
        "from=9999-12-31",
        "from=2026-02-30",
        "from=2026-09-02&to=2026-09-02",
        "from=2026-09-03&to=2026-09-02",
        "from=" + "9" * 5000,
        "from=%00%00%00%00%00%00%00%00%00%00",
        "to=1e400000000",
        "groupBy=user",
        "groupBy=",
        "groupBy=day;drop+table+slates",
        "groupBy=day&groupBy=placement",
        "userId=7",
    ],
)
async def test_rubbish_is_refused_by_name(shop: Shop, query: str) -> None:
    """422 with the field, and no reading of the store."""
    async with shop.secret() as client:
        answer = await client.get(f"{URL}?{query}")
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")
    assert answer.json()["errors"][0]["field"] in query
    assert shop.behind.attribution.asked == []


async def test_a_report_is_computed_once_a_minute(shop: Shop) -> None:
    """Dashboards that ask at once, or again, share one reading of the store."""
    async with shop.secret() as client:
        answers = await asyncio.gather(*(client.get(URL) for _ in range(5)), client.get(f"{URL}?groupBy=day"))
        assert {answer.status_code for answer in answers} == {200}
        await client.get(URL)
    assert sorted(str(grouping) for _, grouping in shop.behind.attribution.asked) == ["None", "day"]


async def test_a_broken_store_is_503_and_is_asked_again(shop: Shop) -> None:
    """A failure is never kept."""
    shop.behind.attribution.fails_with = StoreUnavailable("gone")
    async with shop.secret() as client:
        first = await client.get(URL)
        shop.behind.attribution.fails_with = None
        second = await client.get(URL)
    assert (first.status_code, second.status_code) == (503, 200)
