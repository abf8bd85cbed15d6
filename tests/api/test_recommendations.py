"""GET and POST recommendations, and why."""

from __future__ import annotations

import pytest

from app.api.answer_schemas import SlateAnswer, WhyAnswer
from app.domain.ranking import Filters, Query
from tests.api.conftest import OpenShop, Shop


async def test_a_slate_has_the_contracts_shape(shop: Shop) -> None:
    """GET answers with ranked products, their reasons, and how the slate came about."""
    async with shop.secret() as client:
        answer = await client.get("/api/recommendations", params={"userId": "123", "limit": 5})
    assert answer.status_code == 200
    body = answer.json()
    assert body["recommendations"][0] == {
        "productId": "p1",
        "name": "Headphones",
        "brand": "Sonora",
        "category": "Electronics > Audio",
        "price": "129.90",
        "currency": "EUR",
        "imageUrl": "https://shop.example/p1.jpg",
        "url": "https://shop.example/p1",
        "position": 1,
        "relevanceScore": 0.9877,
        "reason": "Fits your budget.",
        "reasonSource": "template",
        "evidence": [
            {
                "id": "e1",
                "kind": "price_vs_budget",
                "text": "costs €129.90",
                "value": {"price": "129.90", "budget": "200.00", "shareUsed": 0.65, "currency": "EUR"},
            }
        ],
        "rankedBy": "baseline",
        "promoted": False,
    }
    assert body["recommendations"][1]["promoted"] is True
    assert {k: v for k, v in body.items() if k != "recommendations"} == {
        "recommendationId": "rec1",
        "userId": "123",
        "apiVersion": "1",
        "meta": {
            "strategy": "baseline",
            "fallbackReason": "no_model",
            "gate": None,
            "model": "secret-model",
            "promptVersion": None,
            "rulesVersion": "r1",
            "baselineVersion": "b1",
            "candidates": 240,
            "excluded": {"stock": 3, "margin": 4, "exclusions": 2},
            "latencyMs": {"total": 4.25, "profile": 1.0},
            "usage": None,
            "profilingUsed": False,
        },
    }
    assert answer.headers["cache-control"] == "private, no-store"


@pytest.mark.parametrize("key", ["secret", "publishable"])
async def test_real_answers_are_valid_by_the_declared_models(shop: Shop, key: str) -> None:
    """What is sent is what the OpenAPI document promises, for both kinds of key."""
    async with getattr(shop, key)() as client:
        slate = await client.get("/api/recommendations", params={"anonymousId": "a"})
        why = await client.get("/api/recommendations/rec1/why/p1", params={"anonymousId": "a"})
    SlateAnswer.model_validate_json(slate.content)
    WhyAnswer.model_validate_json(why.content)


async def test_every_parameter_reaches_the_query(shop: Shop) -> None:
    """GET parameters arrive typed, money in minor units."""
    params = {
        "userId": "u",
        "anonymousId": "a",
        "sessionId": "s",
        "limit": "7",
        "placement": "search",
        "productId": "p1",
        "budget": "19.9",
        "query": "  red \n shoes ",
        "reasons": "template",
        "deadlineMs": "0",
    }
    async with shop.secret() as client:
        await client.get("/api/recommendations", params=params)
    assert shop.behind.service.queries == [
        Query(
            user_id="u",
            anonymous_id="a",
            session_id="s",
            limit=7,
            placement="search",
            product_id="p1",
            budget_minor=1990,
            text="red shoes",
            reasons="template",
            deadline_ms=0,
        )
    ]


async def test_a_body_adds_cart_exclusions_and_filters(shop: Shop) -> None:
    """POST takes the same names, and money as a number or a string."""
    body = {
        "userId": "u",
        "budget": 20,
        "cart": ["p2"],
        "excludeIds": ["gone"],
        "filters": {"categories": ["A > B"], "brands": ["Sonora"], "price": {"min": 5.25, "max": "99"}},
    }
    async with shop.secret() as client:
        answer = await client.post("/api/recommendations", json=body)
    assert answer.status_code == 200
    assert shop.behind.service.queries == [
        Query(
            user_id="u",
            budget_minor=2000,
            cart=("p2",),
            exclude_ids=("gone",),
            filters=Filters(("A > B",), ("Sonora",), 525, 9900),
        )
    ]


async def test_an_empty_body_asks_for_the_defaults(shop: Shop) -> None:
    """`{}` is a request of a visitor nobody knows."""
    async with shop.secret() as client:
        answer = await client.post("/api/recommendations", json={})
    assert answer.status_code == 200
    assert shop.behind.service.queries == [Query()]


@pytest.mark.parametrize(("asked", "seconds"), [(None, 0.5), ("0", 0.0), ("2000", 2.0)])
async def test_the_deadline_is_the_requests_or_the_default(shop: Shop, asked: str | None, seconds: float) -> None:
    """deadlineMs bounds the wait; without it LLM_DEADLINE_MS does; 0 means now."""
    async with shop.secret() as client:
        await client.get("/api/recommendations", params={} if asked is None else {"deadlineMs": asked})
    [deadline] = shop.behind.service.deadlines
    assert seconds - 0.4 <= deadline.remaining_s() <= seconds


async def test_without_reasons_there_is_no_evidence_either(shop: Shop) -> None:
    """reasons=none leaves out prose, its source and its facts, and nothing else."""
    async with shop.secret() as client:
        answer = await client.get("/api/recommendations", params={"reasons": "none"})
    for item in answer.json()["recommendations"]:
        assert (item["reason"], item["reasonSource"], item["evidence"]) == (None, None, [])


async def test_a_product_that_vanished_is_left_out(shop: Shop) -> None:
    """A product deleted between ranking and answering is dropped; the others keep the positions that were logged."""
    del shop.behind.store.catalogue["p1"]
    async with shop.secret() as client:
        answer = await client.get("/api/recommendations")
    assert [(r["productId"], r["position"]) for r in answer.json()["recommendations"]] == [("p2", 2)]


async def test_an_unknown_product_is_not_found(shop: Shop) -> None:
    """productId must be a product of the shop."""
    async with shop.secret() as client:
        answer = await client.get("/api/recommendations", params={"productId": "nope"})
    assert (answer.status_code, answer.json()["code"]) == (404, "unknown_product")


async def test_money_follows_the_currency(open_shop: OpenShop) -> None:
    """A yen has no decimals: amounts are whole in both directions, and a finer budget is refused, never rounded."""
    async with open_shop(currency="JPY") as shop, shop.client() as client:
        answer = await client.get("/api/recommendations", params={"budget": "500"})
        refused = await client.get("/api/recommendations", params={"budget": "500.5"})
    assert shop.behind.service.queries[0].budget_minor == 500
    assert answer.json()["recommendations"][0]["price"] == "12990"
    assert refused.status_code == 422
    assert refused.json()["errors"][0]["field"] == "budget"


async def test_why_says_what_was_served_and_what_was_not(shop: Shop) -> None:
    """A served product comes with its reason and evidence, another with the rule that dropped it."""
    async with shop.secret() as client:
        await client.get("/api/recommendations", params={"userId": "123"})
        served = await client.get("/api/recommendations/rec1/why/p1")
        dropped = await client.get("/api/recommendations/rec1/why/AB%2F12")
    assert served.json()["outcome"] == "served"
    assert served.json()["position"] == 1
    assert served.json()["reason"] == "Fits your budget."
    assert served.json()["reasonSource"] == "template"
    assert served.json()["evidence"][0]["value"]["price"] == "129.90"
    assert dropped.json() == {
        "recommendationId": "rec1",
        "productId": "AB/12",
        "outcome": "rule",
        "position": None,
        "reason": None,
        "reasonSource": None,
        "evidence": [],
        "rule": "margin",
        "detail": "margin 0.1 under 0.25",
        "evaluatedAt": "2026-09-21T14:13:20Z",
    }


@pytest.mark.parametrize(
    ("path", "code"),
    [("nope/why/p1", "unknown_recommendation"), ("rec1/why/nope", "unknown_product")],
)
async def test_why_of_something_unknown_is_not_found(shop: Shop, path: str, code: str) -> None:
    """Neither an unknown recommendation nor an unknown product has a why."""
    async with shop.secret() as client:
        await client.get("/api/recommendations")
        answer = await client.get(f"/api/recommendations/{path}")
    assert (answer.status_code, answer.json()["code"]) == (404, code)
