"""Every answer, a refusal by whatever part of the service above all, forbids a browser what it does not need."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest

from tests.api.conftest import PUBLISHABLE, SECRET, OpenShop, Shop
from tests.api.test_limits import limited

PAGE = "https://shop.example"


def forbids(answer: httpx.Response) -> None:
    """No script, no frame, no sniffing, no referrer, and each said once; nothing tells what serves."""
    wanted = {
        "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
        "x-content-type-options": "nosniff",
        "x-frame-options": "DENY",
        "referrer-policy": "no-referrer",
    }
    assert {name: answer.headers.get_list(name) for name in wanted} == {name: [value] for name, value in wanted.items()}
    assert len(answer.headers.get_list("x-request-id")) == 1
    assert not {"server", "x-powered-by"} & set(answer.headers)


@pytest.mark.parametrize(
    ("method", "path", "headers", "content", "status"),
    [
        ("GET", "/api/trending", {}, b"", 401),
        ("GET", "/api/trending", {"x-api-key": "sk-wrong"}, b"", 401),
        ("GET", "/api/costs", {"x-api-key": PUBLISHABLE}, b"", 403),
        ("GET", "/api/nothing", {"x-api-key": SECRET}, b"", 404),
        ("TRACE", "/api/trending", {"x-api-key": SECRET}, b"", 405),
        ("OPTIONS", "/api/trending", {"x-api-key": SECRET}, b"", 405),
        ("POST", "/api/recommendations", {"x-api-key": SECRET}, b"x" * 300_000, 413),
        ("POST", "/api/recommendations", {"x-api-key": SECRET}, b"{}", 415),
        ("POST", "/api/recommendations", {"x-api-key": SECRET, "content-type": "application/json"}, b"{", 400),
        ("GET", "/api/trending?limit=0", {"x-api-key": SECRET}, b"", 422),
        ("GET", "/api/recommendations/stream", {"x-api-key": SECRET}, b"", 200),
        ("HEAD", "/livez", {}, b"", 200),
    ],
)
async def test_a_refusal_has_them_too(
    shop: Shop, method: str, path: str, headers: dict[str, str], content: bytes, status: int
) -> None:
    """Whoever refuses: gate, body, router, framework; and a stream, and a HEAD."""
    async with shop.client() as client:
        answer = await client.request(method, path, headers=headers, content=content)
    assert answer.status_code == status
    forbids(answer)


async def test_a_fault_has_them_too(shop: Shop) -> None:
    """500 is answered outside of all middleware."""
    shop.behind.service.fails_with = RuntimeError("broken")
    async with shop.secret() as client:
        forbids(await client.get("/api/recommendations"))


async def test_a_preflight_and_a_call_too_many_have_them_too(tmp_path: Path, open_shop: OpenShop) -> None:
    """What is answered before the gate, and before the body."""
    asks = {"origin": PAGE, "access-control-request-method": "POST"}
    async with open_shop(api_keys_secret=SECRET, allowed_origins=PAGE) as shop, shop.client() as client:
        forbids(await client.options("/api/events", headers=asks))
    async with (
        limited(tmp_path, rate_limit_address_per_min=1) as shop,
        shop.client(address="203.0.113.9", x_api_key=PUBLISHABLE) as client,
    ):
        answers = [await client.get("/api/trending") for _ in range(6)]
    assert answers[-1].status_code == 429
    forbids(answers[-1])
