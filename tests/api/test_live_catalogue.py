"""A changed product is in the next answer, cached slates included: the demo shop over HTTP with a simulated model."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.adapters import shelf_keeper
from app.bootstrap import build, open_store
from app.main import create_app
from tests.conftest import demo_settings
from tests.support.simulated_provider import SimulatedProvider, start_simulated

HOUR_S = 3_600.0
SLATE = "/api/recommendations?userId=gamer&limit=5&deadlineMs=2000"


@pytest.fixture(scope="module")
def provider() -> Iterator[SimulatedProvider]:
    """Quick, and always answers."""
    with start_simulated(ttft_ms=0, tokens_per_s=0, quality=1.0, lie_rate=0.0) as simulated:
        yield simulated


@asynccontextmanager
async def serving(data_dir: Path, **changes: object) -> AsyncIterator[httpx.AsyncClient]:
    """The demo shop behind HTTP, following changes as `shelfwise serve` does."""
    settings = demo_settings(data_dir, **changes)
    app = create_app(lambda: build(settings))
    async with app.router.lifespan_context(app):
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost", timeout=30) as client:
            yield client


async def until(done: Callable[[], Awaitable[bool]]) -> None:
    """Asks again until it is so."""
    for _ in range(400):
        if await done():
            return
        await asyncio.sleep(0.02)
    raise AssertionError("it did not come about")


async def slate(client: httpx.AsyncClient, path: str = SLATE) -> dict[str, Any]:
    """One answer."""
    answer = await client.get(path)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def ids(answer: dict[str, Any]) -> list[str]:
    """Its products."""
    return [item["productId"] for item in answer["recommendations"]]


async def test_a_cached_slate_follows_stock_price_and_deletion(
    demo_copy: Path, provider: SimulatedProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The writer's own worker follows at once: the regular look at the store is an hour away, and yet it is seen."""
    monkeypatch.setattr(shelf_keeper, "POLL_S", HOUR_S)
    model = {
        "llm_model": "openai/simulated-ranker", "llm_api_base": provider.base_url, "llm_api_key": "none",
        "llm_price_input_usd": 0.15, "llm_price_output_usd": 0.6,
    }  # fmt: skip
    async with serving(demo_copy, **model) as client:

        async def cached() -> bool:
            return str((await slate(client))["meta"]["strategy"]) == "cache"

        await until(cached)
        first, second, third, *_ = ids(await slate(client))
        assert (await client.patch(f"/api/products/{first}", json={"stock": 0})).status_code == 200
        await until(lambda: gone(client, first))
        assert (await client.delete(f"/api/products/{second}")).status_code == 204
        await until(lambda: gone(client, second))
        assert (await client.patch(f"/api/products/{third}", json={"available": False})).status_code == 200
        await until(lambda: gone(client, third))
        answer = await slate(client)
        assert answer["meta"]["strategy"] == "cache"
        assert len(ids(answer)) == 5
        priced = ids(answer)[0]
        assert (
            await client.patch(f"/api/products/{priced}", json={"price": "1999.99", "cost": "1"})
        ).status_code == 200

        async def dearer() -> bool:
            return {i["productId"]: i["price"] for i in (await slate(client))["recommendations"]}.get(priced) in (
                "1999.99",
                None,  # too dear for this shopper's budget
            )

        await until(dearer)
        assert (await client.patch(f"/api/products/{first}", json={"stock": 9})).status_code == 200

        async def back() -> bool:
            return first in ids(await slate(client))

        await until(back)


async def gone(client: httpx.AsyncClient, product_id: str) -> bool:
    """Whether the shopper's slate is without it."""
    return product_id not in ids(await slate(client))


async def test_a_change_by_another_process_is_found_by_looking(
    demo_copy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What another worker or an import writes is seen at the next look at the store, without being told."""
    monkeypatch.setattr(shelf_keeper, "POLL_S", 0.01)
    async with serving(demo_copy) as client:
        top = ids(await slate(client))[0]
        other = open_store(demo_settings(demo_copy))
        other.delete_products([top], at=1.0)
        other.close()
        await until(lambda: gone(client, top))


async def test_a_patched_price_is_evidence_of_a_discount(demo_copy: Path) -> None:
    """The history that a discount is measured against holds what PATCH changed."""
    async with serving(demo_copy) as client:
        top = (await slate(client))["recommendations"][0]
        half = f"{float(top['price']) / 2:.2f}"
        assert (
            await client.patch(f"/api/products/{top['productId']}", json={"price": half, "cost": "0.01"})
        ).is_success

        async def reduced() -> bool:
            answer = await slate(client, "/api/recommendations?userId=gamer&limit=50")
            kinds = {i["productId"]: {e["kind"] for e in i["evidence"]} for i in answer["recommendations"]}
            prices = {i["productId"]: i["price"] for i in answer["recommendations"]}
            return prices.get(top["productId"]) == half and "discount" in kinds[top["productId"]]

        await until(reduced)


async def test_a_new_product_is_in_the_next_snapshot(demo_copy: Path) -> None:
    """It can be asked for by its page at once; removed, it is unknown to the catalogue and its page stays answered."""
    async with serving(demo_copy) as client:
        body = {"name": "Solstice Gaming Mouse", "category": "Computers > Gaming Mice", "price": "49.90", "cost": "9"}
        assert (await client.put("/api/products/live-1", json=body)).status_code == 201

        async def known() -> bool:
            return (await client.get("/api/recommendations?productId=live-1&placement=product")).status_code == 200

        await until(known)
        await client.delete("/api/products/live-1")
        assert (await client.get("/api/products/live-1")).status_code == 404
