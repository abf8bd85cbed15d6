"""Shelves over HTTP: the shape of recommendations, what search adds, and bad input."""

from __future__ import annotations

import pytest

from app.api.answer_schemas import SearchAnswer, SlateAnswer
from app.domain.ranking import Filters
from tests.api.conftest import Shop

PATHS = ["/api/products/p1/similar", "/api/products/p1/bought-together", "/api/trending", "/api/search?q=headphones"]


@pytest.mark.parametrize("path", PATHS)
async def test_the_answer_has_the_shape_of_recommendations(shop: Shop, path: str) -> None:
    """With an id of its own, and headers that keep it out of shared caches."""
    async with shop.secret() as client:
        answer = await client.get(path)
    slate = (SearchAnswer if "search" in path else SlateAnswer).model_validate_json(answer.content)
    assert slate.recommendation_id == "rec1"
    assert [item.product_id for item in slate.recommendations] == ["p1", "p2"]
    assert all(item.reason is None for item in slate.recommendations)
    assert answer.headers["cache-control"] == "private, no-store"
    assert "total" in answer.headers["server-timing"]


async def test_each_path_asks_for_its_shelf(shop: Shop) -> None:
    """With the page's product, the category, the text and the filters."""
    async with shop.secret() as client:
        await client.get("/api/products/AB/12/similar?limit=3&budget=10.50&reasons=template")
        await client.get("/api/products/p1/bought-together?userId=7")
        await client.get("/api/trending?category=A > B&sessionId=s")
        await client.get(
            "/api/search?q= red   shoes&categories=A&categories=B > C&brands=X&priceMin=1&priceMax=9.99&inStock=true"
            "&attributes=colour:midnight blue&attributes=ratio:16:9"
        )
    similar, together, trending, search = shop.behind.service.queries
    assert (similar.shelf, similar.product_id, similar.limit, similar.budget_minor, similar.reasons) == (
        "similar", "AB/12", 3, 1050, "template",
    )  # fmt: skip
    assert (together.shelf, together.product_id, together.user_id) == ("bought_together", "p1", "7")
    assert (trending.shelf, trending.filters, trending.session_id) == ("trending", Filters(categories=("A > B",)), "s")
    assert (search.shelf, search.placement, search.text) == ("search", "search", "red shoes")
    assert search.filters == Filters(
        ("A", "B > C"), ("X",), 100, 999, True, (("colour", "midnight blue"), ("ratio", "16:9"))
    )


async def test_search_says_what_it_found(shop: Shop) -> None:
    """Total, facets with amounts as decimal text, and how the text was read."""
    async with shop.publishable() as client:
        body = (await client.get("/api/search?q=hedphones")).json()
    assert body["total"] == 2
    assert body["facets"] == {
        "categories": [{"value": "Electronics", "count": 1}],
        "brands": [{"value": "Sonora", "count": 1}],
        "prices": [{"min": "0.00", "max": "200.00", "count": 2}],
    }
    assert (body["meta"]["readAs"], body["meta"]["relaxed"]) == ("headphones", False)


async def test_trending_says_whose_events_it_counted(shop: Shop) -> None:
    """Everybody's, here."""
    async with shop.publishable() as client:
        assert (await client.get("/api/trending")).json()["meta"]["scope"] == "everybody"


@pytest.mark.parametrize(
    ("path", "field"),
    [
        ("/api/search", "q"),
        ("/api/search?q=", "q"),
        ("/api/search?q=%20%09", "q"),
        ("/api/search?q=" + "x" * 501, "q"),
        ("/api/search?q=a%00b", "q"),
        ("/api/search?q=a&q=b", "q"),
        ("/api/search?q=a&limit=0", "limit"),
        ("/api/search?q=a&limit=51", "limit"),
        ("/api/search?q=a&priceMin=-1", "priceMin"),
        ("/api/search?q=a&priceMin=9999999999999999", "priceMin"),
        ("/api/search?q=a&priceMax=1.005", "priceMax"),
        ("/api/search?q=a&priceMin=1&priceMin=2", "priceMin"),
        ("/api/search?q=a&inStock=yes", "inStock"),
        ("/api/search?q=a&inStock=1", "inStock"),
        ("/api/search?q=a&attributes=colour", "attributes.0"),
        ("/api/search?q=a&attributes=:black", "attributes.0"),
        ("/api/search?q=a&attributes=colour:", "attributes.0"),
        ("/api/search?q=a&brands=", "brands.0"),
        ("/api/search?q=a&categories=" + "x" * 201, "categories.0"),
        ("/api/search?q=a&sort=price", "sort"),
        ("/api/search?q=a&reasons=llm", "reasons"),
        ("/api/trending?category=", "category"),
        ("/api/trending?category=a&category=b", "category"),
        ("/api/trending?budget=-1", "budget"),
        ("/api/products/p1/similar?limit=x", "limit"),
        ("/api/products/p1/similar?cart=p2", "cart"),
        ("/api/products/p1/bought-together?limit=5&limit=6", "limit"),
        ("/api/products/p%00/similar", "productId"),
    ],
)
async def test_bad_input_is_named(shop: Shop, path: str, field: str) -> None:
    """422, with the field as the client wrote it."""
    async with shop.secret() as client:
        answer = await client.get(path)
    assert answer.status_code == 422
    assert answer.json()["code"] == "invalid_request"
    assert field in {error["field"] for error in answer.json()["errors"]}


async def test_a_price_range_must_be_in_order(shop: Shop) -> None:
    """A minimum above the maximum is a mistake, not an empty page."""
    async with shop.secret() as client:
        assert (await client.get("/api/search?q=a&priceMin=5&priceMax=4")).status_code == 422


@pytest.mark.parametrize("path", ["/api/products/nope/similar", "/api/products/nope/bought-together"])
async def test_an_unknown_product_is_not_found(shop: Shop, path: str) -> None:
    """404 unknown_product, as at its own address."""
    async with shop.secret() as client:
        answer = await client.get(path)
    assert (answer.status_code, answer.json()["code"]) == (404, "unknown_product")


async def test_a_product_may_be_called_like_a_shelf(shop: Shop) -> None:
    """/api/products/similar is a product's address; only what follows an id is a shelf."""
    async with shop.secret() as client:
        assert (await client.get("/api/products/similar")).json()["code"] == "unknown_product"
        assert (await client.get("/api/products/AB/12")).json()["productId"] == "AB/12"
