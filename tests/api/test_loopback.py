"""Without any key: this machine only."""

from __future__ import annotations

import pytest

from tests.api.conftest import SECRET, OpenShop, Shop


async def test_a_caller_on_this_machine_is_the_shop(open_: Shop) -> None:
    """No key is needed, everything may be done, and a key that is sent all the same does no harm."""
    async with open_.client(x_api_key="any") as client:
        assert (await client.get("/api/products/p1")).json()["cost"] == "47.11"
        assert (await client.get("/docs")).status_code == 200
        assert (await client.get("/redoc")).status_code == 200


@pytest.mark.parametrize("path", ["/api/products/p1", "/livez", "/readyz", "/openapi.json", "/docs", "/nope"])
@pytest.mark.parametrize("address", ["192.168.1.4", "10.0.0.1", "8.8.8.8", "fe80::1", "testclient", "0.0.0.0"])
async def test_another_machine_is_refused_everywhere(open_: Shop, address: str, path: str) -> None:
    """Even the health of a service without keys is nobody else's business."""
    async with open_.client(address=address) as client:
        answer = await client.get(path)
    assert (answer.status_code, answer.json()["code"]) == (403, "loopback_only")


@pytest.mark.parametrize("address", ["127.0.0.1", "127.8.8.8", "::1"])
@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:8000", "127.0.0.1:8000", "[::1]:8000"])
async def test_every_name_of_this_machine_is_accepted(open_: Shop, address: str, host: str) -> None:
    """IPv4, IPv6 and localhost, with and without a port."""
    async with open_.client(address=address, host="localhost") as client:
        answer = await client.get("/api/products/p1", headers={"Host": host})
    assert answer.status_code == 200


@pytest.mark.parametrize(
    "host", ["evil.example", "localhost.evil.example", "evil@localhost", "127.0.0.1.nip.io", "", "localhost:x", "a b"]
)
async def test_a_page_that_rebinds_its_name_is_refused(open_: Shop, host: str) -> None:
    """A browser tricked by DNS rebinding sends the attacker's name as Host."""
    async with open_.client() as client:
        answer = await client.get("/api/products/p1", headers={"Host": host})
    assert (answer.status_code, answer.json()["code"]) == (403, "loopback_only")


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://[", "http://localhost.evil.example"])
async def test_a_page_of_another_site_is_refused(open_: Shop, origin: str) -> None:
    """A web page may make the shop owner's browser call localhost; it must not count as the shop owner."""
    async with open_.client(origin=origin) as client:
        answer = await client.post("/api/users/7/token")
    assert (answer.status_code, answer.json()["code"]) == (403, "loopback_only")


async def test_a_page_of_this_machine_is_accepted(open_: Shop) -> None:
    """A storefront under development on another port."""
    async with open_.client(origin="http://localhost:3000") as client:
        assert (await client.get("/api/products/p1")).status_code == 200


@pytest.mark.parametrize("name", ["X-Forwarded-For", "Forwarded", "X-Real-IP", "X-Forwarded-Host"])
@pytest.mark.parametrize("address", ["127.0.0.1", "8.8.8.8"])
async def test_a_forwarding_header_never_makes_a_caller_local(open_: Shop, name: str, address: str) -> None:
    """It is not believed; and where a proxy on this machine speaks for somebody, that is not this machine."""
    async with open_.client(address=address) as client:
        answer = await client.get("/api/products/p1", headers={name: "127.0.0.1"})
    assert (answer.status_code, answer.json()["code"]) == (403, "loopback_only")


async def test_with_keys_another_machine_may_call(open_shop: OpenShop) -> None:
    """Keys replace the guard: address, Host, Origin and proxies no longer matter."""
    async with (
        open_shop(api_keys_secret=SECRET) as shop,
        shop.client(address="8.8.8.8", host="shop.example", x_api_key=SECRET, x_forwarded_for="1.1.1.1") as client,
    ):
        assert (await client.get("/api/products/p1")).status_code == 200


async def test_a_caller_without_an_address_is_refused(open_: Shop) -> None:
    """A socket file has no peer address: a proxy may be behind it."""
    import httpx

    transport = httpx.ASGITransport(open_.app, client=None)  # type: ignore[arg-type]
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        assert (await client.get("/livez")).status_code == 403
