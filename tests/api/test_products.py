"""GET /api/products/{id}."""

from __future__ import annotations

import pytest

from app.api.answer_schemas import ProductAnswer
from tests.api.conftest import PRODUCTS, Shop


async def test_a_product_has_the_contracts_shape(shop: Shop) -> None:
    """All fields, money as decimal strings, cost for the shop."""
    async with shop.secret() as client:
        answer = await client.get("/api/products/p1")
    assert answer.json() == {
        "productId": "p1",
        "name": "Headphones",
        "description": "Over-ear.",
        "brand": "Sonora",
        "category": "Electronics > Audio",
        "price": "129.90",
        "listPrice": "149.90",
        "currency": "EUR",
        "cost": "47.11",
        "stock": 7,
        "available": True,
        "imageUrl": "https://shop.example/p1.jpg",
        "url": "https://shop.example/p1",
        "tags": ["wireless", "gift"],
        "attributes": {"colour": "black", "sizes": ["S", "M"]},
        "rating": {"value": 4.5, "count": 120},
        "createdAt": "2026-09-20T14:13:20Z",
        "seasons": ["winter"],
    }


@pytest.mark.parametrize("product_id", sorted(PRODUCTS))
@pytest.mark.parametrize("key", ["secret", "publishable"])
async def test_every_product_is_valid_by_the_declared_model(shop: Shop, key: str, product_id: str) -> None:
    """Whatever a shop left out is null, and only a secret key sees what a product costs the shop."""
    async with getattr(shop, key)() as client:
        answer = await client.get("/api/products/" + product_id.replace("/", "%2F"))
    assert answer.status_code == 200
    ProductAnswer.model_validate_json(answer.content)
    assert ("cost" in answer.json()) is (key == "secret")


async def test_a_product_that_is_no_longer_offered_can_be_read(shop: Shop) -> None:
    """An order history may still link to it: it is there, marked as not available."""
    async with shop.publishable() as client:
        answer = await client.get("/api/products/gone")
    assert answer.json()["available"] is False


async def test_an_unknown_product_is_not_found(shop: Shop) -> None:
    """404 with a code of its own."""
    async with shop.publishable() as client:
        answer = await client.get("/api/products/nope")
    assert (answer.status_code, answer.json()["code"]) == (404, "unknown_product")
