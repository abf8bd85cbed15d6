"""The short way to an answer that was given before says what the long way says."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

from app.bootstrap import Application, build
from app.main import create_app
from tests.conftest import demo_settings

SECRET, PUBLISHABLE, TOKEN_SECRET = "secret-key-1234567890", "public-key-1234567890", "t" * 40
PATH = "/api/recommendations"


class Open:
    """The demo shop over HTTP, and what it is made of."""

    def __init__(self, app: FastAPI, application: Application) -> None:
        self.app, self.application = app, application

    async def get(self, query: str, key: str = SECRET, **headers: str) -> httpx.Response:
        transport = httpx.ASGITransport(self.app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            return await client.get(f"{PATH}?{query}", headers={"x-api-key": key, **headers})

    async def twice(self, query: str, key: str = SECRET, **headers: str) -> tuple[httpx.Response, httpx.Response]:
        return await self.get(query, key, **headers), await self.get(query, key, **headers)

    @property
    def hits(self) -> int:
        return self.application.parts.finder.memo.hits


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, demo_data_dir: Path) -> Path:
    return Path(shutil.copytree(demo_data_dir, tmp_path_factory.mktemp("repeated") / "data"))


@pytest.fixture
async def shop(made: Path) -> AsyncIterator[Open]:
    settings = demo_settings(made, api_keys_secret=SECRET, api_keys_publishable=PUBLISHABLE, token_secret=TOKEN_SECRET)
    application = build(settings)
    app = create_app(lambda: application)
    async with app.router.lifespan_context(app):
        yield Open(app, application)


async def test_a_repeated_question_has_the_same_answer_with_its_own_id(shop: Open) -> None:
    """Body and headers differ in what is each answer's own only."""
    first, again = await shop.twice("userId=gamer&limit=3")
    assert shop.hits == 1
    one, two = first.json(), again.json()
    assert one.pop("recommendationId") != two.pop("recommendationId")
    assert set(two["meta"].pop("latencyMs")) == {"total", "memo"}
    one["meta"].pop("latencyMs")
    assert one == two
    assert list(one["meta"]) == list(two["meta"])
    own = {"x-request-id", "server-timing", "content-length"}
    assert {k: v for k, v in first.headers.items() if k not in own} == {
        k: v for k, v in again.headers.items() if k not in own
    }
    assert "memo;dur=" in again.headers["server-timing"]
    assert int(again.headers["content-length"]) == len(again.content)
    served = shop.application.slates.get(again.json()["recommendationId"])
    assert served is not None
    assert served.query.user_id == "gamer"


async def test_each_scope_sees_what_it_may(shop: Open) -> None:
    """A publishable key never gets the bytes that were made for a secret one."""
    await shop.twice("anonymousId=v&limit=3")
    for answer in await shop.twice("anonymousId=v&limit=3", PUBLISHABLE):
        assert not {"model", "usage"} & set(answer.json()["meta"])
        assert not {"min_margin", "within_budget"} & set(answer.json()["meta"]["excluded"])
    for answer in await shop.twice("anonymousId=v&limit=3"):
        assert {"model", "usage"} <= set(answer.json()["meta"])


async def test_a_shoppers_slate_stays_closed_to_others(shop: Open) -> None:
    """Remembered or not: with a publishable key it takes that shopper's token."""
    await shop.twice("userId=gamer&limit=4")
    for answer in await shop.twice("userId=gamer&limit=4", PUBLISHABLE):
        assert (answer.status_code, answer.json()["code"]) == (403, "shopper_token_required")
    for answer in await shop.twice("userId=gamer&limit=4", "unknown"):
        assert answer.status_code == 401
    token = shop.app.state.api.tokens.mint("gamer").text
    before = shop.hits
    for answer in await shop.twice("userId=gamer&limit=4", PUBLISHABLE, **{"x-shopper-token": token}):
        assert answer.status_code == 200
        assert answer.json()["userId"] == "gamer"
    assert shop.hits == before + 2


async def test_a_bad_question_is_refused_every_time(shop: Open) -> None:
    """Only what was valid is remembered."""
    for query in ("limit=0", "limit=5&limit=6", "productId=nowhere"):
        first, again = await shop.twice(query)
        assert first.status_code == again.status_code in (404, 422)


async def test_what_a_shopper_does_is_in_the_next_answer(shop: Open) -> None:
    """A dismissal over HTTP ends what was remembered."""
    first, again = await shop.twice("userId=123")
    product = again.json()["recommendations"][0]["productId"]
    transport = httpx.ASGITransport(shop.app)
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        event = {"eventId": "d1", "type": "dismiss", "userId": "123", "productId": product}
        sent = await client.post("/api/events", json={"events": [event]}, headers={"x-api-key": SECRET})
    assert sent.json()["accepted"] == 1
    then = await shop.get("userId=123")
    assert product not in {item["productId"] for item in then.json()["recommendations"]}
    assert first.status_code == then.status_code == 200


async def test_a_changed_price_is_in_the_answer_after_it_was_followed(shop: Open) -> None:
    """What is remembered never outlives the view of the catalogue that it was made in."""
    _, again = await shop.twice("userId=cook")
    item = again.json()["recommendations"][0]
    store = shop.application.store
    record = store.products([item["productId"]])[item["productId"]]

    store.upsert_products([replace(record, price_minor=record.price_minor + 1)], at=1.0)
    shop.application.keeper.follow_once()
    then = await shop.get("userId=cook")
    prices = {i["productId"]: i["price"] for i in then.json()["recommendations"]}
    assert prices.get(item["productId"]) != item["price"]
