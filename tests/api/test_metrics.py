"""The scrape: who may make it, and what it says of requests."""

from __future__ import annotations

import pytest

from tests.api.conftest import PUBLISHABLE, SECRET, OpenShop, Shop

TOKEN = "metrics-token-0123456789"


@pytest.mark.parametrize(
    ("authorization", "status", "code"),
    [
        (f"Bearer {TOKEN}", 200, None),
        (f"bearer  {TOKEN}", 200, None),
        (f"Bearer {SECRET}", 200, None),
        (f"Bearer {PUBLISHABLE}", 403, "secret_key_required"),
        (f"Bearer {TOKEN}x", 401, "api_key_unknown"),
        ("Bearer ", 401, "api_key_missing"),
        (f"Basic {TOKEN}", 401, "api_key_missing"),
    ],
)
async def test_a_token_of_its_own_opens_the_scrape(
    open_shop: OpenShop, authorization: str, status: int, code: str | None
) -> None:
    """Prometheus can send a bearer token and no other header; a secret key is not put into its configuration."""
    keys = {"api_keys_secret": SECRET, "api_keys_publishable": PUBLISHABLE, "metrics_token": TOKEN}
    async with open_shop(**keys) as shop, shop.client(authorization=authorization) as client:
        answer = await client.get("/metrics")
    assert answer.status_code == status
    assert (None if status == 200 else answer.json()["code"]) == code


async def test_the_metrics_token_opens_nothing_else(open_shop: OpenShop) -> None:
    """Neither as a bearer token nor as a key."""
    headers = {"authorization": f"Bearer {TOKEN}", "x_api_key": TOKEN}
    async with open_shop(api_keys_secret=SECRET, metrics_token=TOKEN) as shop, shop.client(**headers) as client:
        assert (await client.get("/api/costs")).status_code == 401


async def test_without_a_token_set_an_empty_one_opens_nothing(shop: Shop) -> None:
    """The default is no token, not an empty one."""
    async with shop.client(authorization="Bearer ") as client:
        assert (await client.get("/metrics")).status_code == 401


async def test_without_keys_this_machine_may_scrape(open_: Shop) -> None:
    """And nobody else, nor anybody behind a proxy."""
    async with open_.client() as client:
        assert (await client.get("/metrics")).status_code == 200
    async with open_.client(x_forwarded_for="10.0.0.1") as client:
        assert (await client.get("/metrics")).status_code == 403
    async with open_.client(address="10.0.0.1") as client:
        assert (await client.get("/metrics")).status_code == 403


async def test_requests_are_counted_by_template_and_class(shop: Shop) -> None:
    """Never by path; what was refused before a route was looked for, and what has none, is "other"."""
    async with shop.secret() as client:
        await client.get("/api/products/p1")
        await client.get("/api/products/nothing")
        await client.get("/api/nothing/p1")
        shop.behind.service.fails_with = RuntimeError("boom")
        await client.get("/api/recommendations")
        text = (await client.get("/metrics")).text
    async with shop.client() as stranger:
        await stranger.get("/api/products/p1")
    counted = shop.behind.metering.registry.get_sample_value

    def count(endpoint: str, status: str) -> float | None:
        named = {"endpoint": endpoint, "method": "GET", "status": status}
        return counted("shelfwise_http_requests_total", named)

    assert count("/api/products/{productId}", "2xx") == 1
    assert count("/api/products/{productId}", "4xx") == 1
    assert count("other", "4xx") == 2
    assert count("/api/recommendations", "5xx") == 1
    assert "p1" not in text
