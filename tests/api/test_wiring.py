"""The HTTP application on what bootstrap really builds: SQLite, rules and service, with neither model nor index."""

from __future__ import annotations

import gc
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from app.api.answer_schemas import PreferencesAnswer, ProductAnswer, SlateAnswer, WhyAnswer
from app.bootstrap import build, open_store
from app.domain.catalog import Product
from app.main import create_app
from tests.api.conftest import PUBLISHABLE, SECRET, TOKEN_SECRET, settings_with


def shelf() -> list[Product]:
    """Twelve products that may be recommended, one that is sold out, and one that earns too little."""
    good = [
        Product(
            f"p{i}", f"Thing {i}", category=f"Kind {i % 4} > Sort", brand=f"Brand {i % 5}",
            price_minor=1000 + 100 * i, cost_minor=300, stock=5, rating_value=4.0, rating_count=9, created_at=1.7e9,
        )
        for i in range(12)
    ]  # fmt: skip
    sold_out = Product("none", "Sold out", category="Kind 0 > Sort", price_minor=1000, cost_minor=100, stock=0)
    thin = Product("thin", "Little margin", category="Kind 1 > Sort", price_minor=1000, cost_minor=990, stock=5)
    return [*good, sold_out, thin]


@pytest.fixture
async def client(tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    """With a secret key, on a shop that has products and no events."""
    settings = settings_with(
        data_dir=tmp_path,
        embedder=str(tmp_path / "none"),
        api_keys_secret=SECRET,
        api_keys_publishable=PUBLISHABLE,
        token_secret=TOKEN_SECRET,
    )
    store = open_store(settings)
    store.upsert_products(shelf(), at=1.7e9)
    store.close()
    app = create_app(lambda: build(settings))
    async with app.router.lifespan_context(app):
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(
            transport=transport, base_url="http://localhost", headers={"X-API-Key": SECRET}
        ) as client:
            yield client


async def test_a_slate_and_its_explanation(client: httpx.AsyncClient) -> None:
    """A new shopper gets eligible products, and can ask why (not) at once."""
    answer = await client.get("/api/recommendations", params={"userId": "123", "limit": 5})
    slate = SlateAnswer.model_validate_json(answer.content)
    served = [item.product_id for item in slate.recommendations]
    assert len(served) == 5
    assert not {"none", "thin"} & set(served)
    assert [item.position for item in slate.recommendations] == [1, 2, 3, 4, 5]
    for product_id in (served[0], "none", "thin"):
        answer = await client.get(f"/api/recommendations/{slate.recommendation_id}/why/{product_id}")
        why = WhyAnswer.model_validate_json(answer.content)
        assert (why.outcome == "served") is (product_id in served)


async def test_a_budget_is_kept(client: httpx.AsyncClient) -> None:
    """Stored or asked for, nothing above it is served; below every price the slate is empty and says why."""
    await client.put("/api/users/7/preferences", json={"budget": "11.00"})
    stored = (await client.get("/api/recommendations", params={"userId": "7"})).json()
    asked = (await client.get("/api/recommendations", params={"userId": "8", "budget": "10.50"})).json()
    nothing = (await client.get("/api/recommendations", params={"budget": "0"})).json()
    assert {item["productId"] for item in stored["recommendations"]} == {"p0", "p1"}
    assert {item["productId"] for item in asked["recommendations"]} == {"p0"}
    assert nothing["recommendations"] == []
    assert sum(nothing["meta"]["excluded"].values()) >= 12


async def test_a_publishable_answer_names_no_rule(client: httpx.AsyncClient) -> None:
    """Every real rule has a public reason."""
    answer = await client.get("/api/recommendations", headers={"X-API-Key": PUBLISHABLE})
    public = {"out_of_stock", "over_budget", "not_for_you", "already_owned", "shop_policy"}
    assert set(answer.json()["meta"]["excluded"]) <= public
    assert "margin" not in answer.text


async def test_preferences_consent_and_products_are_stored(client: httpx.AsyncClient) -> None:
    """Read back from SQLite as written."""
    put = await client.put("/api/users/7/preferences", json={"budget": 12.5, "interests": ["kind 1"]})
    PreferencesAnswer.model_validate_json(put.content)
    assert (await client.get("/api/users/7/preferences")).json() == put.json()
    chosen = {"personalization": "full", "llmProcessing": False}
    assert (await client.put("/api/users/7/consent", json=chosen)).json() == chosen
    ProductAnswer.model_validate_json((await client.get("/api/products/none")).content)
    assert (await client.get("/api/products/nope")).status_code == 404


async def test_what_was_loaded_is_no_work_for_the_garbage_collector(client: httpx.AsyncClient) -> None:
    """A full collection, which stops every request, walks what requests left behind and not what the start loaded."""
    assert (await client.get("/readyz")).status_code in (200, 503)
    assert gc.get_freeze_count() > len(gc.get_objects())


async def test_readiness_says_what_is_missing(client: httpx.AsyncClient) -> None:
    """Without a trained model the service answers, degraded."""
    ready = await client.get("/readyz")
    assert ready.status_code == 200
    assert ready.json()["status"] == "degraded"


async def test_a_product_that_was_deleted_is_created_again(client: httpx.AsyncClient) -> None:
    """201 once more: nothing was there, whatever the store keeps of it. (Found by the scenarios of tests/fuzz.)"""
    stored = {"name": "Mug", "price": "9.90"}
    statuses = [
        (await client.request(method, "/api/products/again", json=body)).status_code
        for method, body in (("PUT", stored), ("DELETE", None), ("PUT", stored), ("PUT", stored))
    ]
    assert statuses == [201, 204, 201, 200]
