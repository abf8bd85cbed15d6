"""HEAD: what GET would say of a page, a probe or a file, without the body."""

from __future__ import annotations

import pytest

from tests.api.conftest import OpenShop, Shop

CHANGES = {"server-timing", "x-request-id", "set-cookie"}


@pytest.mark.parametrize("path", ["/", "/product/p1", "/livez", "/readyz", "/metrics", "/openapi.json", "/nope"])
async def test_a_head_is_a_get_without_its_body(open_: Shop, path: str) -> None:
    """The same status and the same headers, the length of the body included, and not a byte of it."""
    async with open_.client() as client:
        whole, head = await client.get(path), await client.head(path)
    assert head.status_code == whole.status_code
    assert head.content == b""
    assert whole.content
    same = [{n: v for n, v in answer.headers.items() if n not in CHANGES} for answer in (whole, head)]
    if path != "/metrics":  # which count the request before
        assert same[0] == same[1]


async def test_a_head_opens_nothing_that_a_get_does_not(shop: Shop, open_shop: OpenShop) -> None:
    """Metrics want their key, and what is not served is not there."""
    async with shop.client() as client:
        assert (await client.head("/metrics")).status_code == 401
        assert (await client.head("/docs")).status_code == 404
        assert (await client.head("/api/trending")).status_code == 401


async def test_under_api_there_are_the_documented_methods_only(shop: Shop) -> None:
    """405 with the ones that there are: a HEAD would make a slate for nothing."""
    async with shop.secret() as client:
        head, options = await client.head("/api/recommendations"), await client.options("/api/recommendations")
    assert [head.status_code, options.status_code] == [405, 405]
    assert head.headers["allow"] == options.headers["allow"] == "GET, POST"
    assert shop.behind.service.queries == []


async def test_a_head_is_counted_under_its_own_name(shop: Shop) -> None:
    """With the template of the route that answered."""
    async with shop.secret() as client:
        await client.head("/livez")
        counted = (await client.get("/metrics")).text
    assert 'endpoint="/livez",method="HEAD"' in counted
