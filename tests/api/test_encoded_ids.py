"""Product ids with slashes beside the addresses of shelves."""

from __future__ import annotations

import pytest

from tests.api.conftest import Shop

WHOLE = {"name": "Lamp"}


@pytest.mark.parametrize("shelf", ["similar", "bought-together"])
async def test_nothing_is_stored_at_the_address_of_a_shelf(shop: Shop, shelf: str) -> None:
    """A product `p1/similar` could be written there and never be read: that address answers with the shelf of p1."""
    async with shop.secret() as client:
        answers = [
            await client.request(method, f"/api/products/p1/{shelf}", json=WHOLE)
            for method in ("PUT", "PATCH", "DELETE")
        ]
    assert [(a.status_code, a.headers["allow"]) for a in answers] == [(405, "GET")] * 3
    assert f"p1/{shelf}" not in shop.behind.store.catalogue


async def test_an_encoded_slash_makes_it_an_id(shop: Shop) -> None:
    """`p1%2Fsimilar` is a product of that name, and has shelves of its own."""
    async with shop.secret() as client:
        stored = await client.put("/api/products/p1%2Fsimilar", json=WHOLE)
        read = await client.get("/api/products/p1%2Fsimilar")
        shelf = await client.get("/api/products/p1%2Fsimilar/similar")
        plain = await client.get("/api/products/AB/12/similar")
    assert [stored.status_code, read.status_code, shelf.status_code, plain.status_code] == [201, 200, 200, 200]
    assert read.json()["productId"] == "p1/similar"
    assert [query.product_id for query in shop.behind.service.queries] == ["p1/similar", "AB/12"]
