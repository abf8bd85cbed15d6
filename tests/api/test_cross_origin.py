"""Calls of the shop's pages from another address."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from tests.api.conftest import PUBLISHABLE, SECRET, OpenShop, Shop, settings_with

PAGE = "https://shop.example"
ASKS = {"origin": PAGE, "access-control-request-method": "POST", "access-control-request-headers": "x-api-key"}


def keyed(**values: object) -> dict[str, object]:
    return {"api_keys_secret": SECRET, "api_keys_publishable": PUBLISHABLE, "allowed_origins": PAGE, **values}


async def test_an_allowed_page_may_ask_and_read(open_shop: OpenShop) -> None:
    """Its preflight, which carries no key, is answered, and what it gets may be read, refusals too."""
    async with open_shop(**keyed()) as shop, shop.client() as client:
        preflight = await client.options("/api/events", headers=ASKS)
        refused = await client.get("/api/trending", headers={"origin": PAGE})
        answered = await client.get("/api/trending", headers={"origin": PAGE, "x-api-key": PUBLISHABLE})
    assert preflight.status_code == 204
    assert preflight.headers["access-control-allow-headers"] == "content-type, x-api-key, x-shopper-token"
    assert [refused.status_code, answered.status_code] == [401, 200]
    for answer in (refused, answered):
        told = set(answer.headers["access-control-expose-headers"].split(", "))
        assert told == {"ratelimit", "ratelimit-policy", "retry-after", "x-request-id"}
    for answer in (preflight, refused, answered):
        assert answer.headers["access-control-allow-origin"] == PAGE
        assert answer.headers["vary"] == "origin"
        assert "access-control-allow-credentials" not in answer.headers


@pytest.mark.parametrize("origin", ["https://evil.example", "https://shop.example.evil.example", "null", "*"])
async def test_no_other_page_may(open_shop: OpenShop, origin: str) -> None:
    """Only the origins that the setting names, letter for letter."""
    async with open_shop(**keyed()) as shop, shop.client(x_api_key=PUBLISHABLE) as client:
        preflight = await client.options("/api/events", headers={**ASKS, "origin": origin})
        answered = await client.get("/api/trending", headers={"origin": origin})
    assert preflight.status_code == 405
    for answer in (preflight, answered):
        assert "access-control-allow-origin" not in answer.headers


async def test_without_the_setting_nothing_changes(shop: Shop) -> None:
    """The default allows no page of another origin."""
    async with shop.publishable() as client:
        answer = await client.get("/api/trending", headers={"origin": PAGE})
    assert answer.status_code == 200
    assert "access-control-allow-origin" not in answer.headers


@pytest.mark.parametrize("wrong", ["*", "shop.example", "https://shop.example/", "https://a, https://b/c"])
def test_what_is_no_origin_stops_the_start(wrong: str) -> None:
    """A star or a path would allow more, or nothing, and nobody would notice."""
    with pytest.raises(ValidationError, match="is no origin"):
        settings_with(allowed_origins=wrong)
