"""Preferences, consent and tokens."""

from __future__ import annotations

from urllib.parse import quote

import pytest

from app.api.answer_schemas import PreferencesAnswer, TokenAnswer
from app.api.schemas import ConsentBody
from app.domain.interactions import Preferences
from tests.api.conftest import NOW, SECRET, OpenShop, Shop

FULL = {
    "budget": "150.00",
    "currency": "EUR",
    "interests": ["gaming"],
    "styleTags": ["minimal"],
    "sizes": ["M"],
    "avoid": ["leather"],
    "segments": ["student"],
    "country": "DE",
    "ageBand": "18-24",
}


async def test_preferences_come_back_as_stored(shop: Shop) -> None:
    """PUT answers with what is stored now, GET with the same, and that can be PUT again."""
    async with shop.secret() as client:
        first = await client.put("/api/users/7/preferences", json=FULL)
        read = await client.get("/api/users/7/preferences")
        again = await client.put("/api/users/7/preferences", json=read.json())
    assert first.json() == read.json() == again.json() == FULL
    PreferencesAnswer.model_validate_json(read.content)
    stored = shop.behind.store.shopper("7").preferences
    assert (stored.budget_minor, stored.updated_at) == (15000, NOW)


async def test_put_replaces_what_the_shopper_stated(shop: Shop) -> None:
    """What is left out is gone, except the shop's segments and what this version has no field for."""
    shop.behind.store.save_preferences(
        "7", Preferences(budget_minor=1, interests=("x",), segments=("vip",), extra={"shoe": "43"})
    )
    async with shop.secret() as client:
        answer = await client.put("/api/users/7/preferences", json={"sizes": ["M", "L", "M"]})
    assert answer.json()["budget"] is None
    assert answer.json()["interests"] == []
    assert answer.json()["sizes"] == ["M", "L"]
    assert answer.json()["segments"] == ["vip"]
    assert shop.behind.store.shopper("7").preferences.extra == {"shoe": "43"}


async def test_a_shopper_can_not_choose_segments(shop: Shop) -> None:
    """Segments decide who gets a promotion: with a publishable key they are kept as the shop stored them."""
    shop.behind.store.save_preferences("7", Preferences(segments=("regular",)))
    async with shop.publishable(await shop.token("7")) as client:
        answer = await client.put("/api/users/7/preferences", json={"segments": ["student"]})
    assert answer.json()["segments"] == ["regular"]


async def test_the_shop_can_clear_segments(shop: Shop) -> None:
    """An empty list is a list: it says that there are none."""
    shop.behind.store.save_preferences("7", Preferences(segments=("regular",)))
    async with shop.secret() as client:
        answer = await client.put("/api/users/7/preferences", json={"segments": []})
    assert answer.json()["segments"] == []


async def test_an_unknown_shopper_has_no_preferences_and_the_default_consent(shop: Shop) -> None:
    """Not an error: everybody is a new shopper once."""
    async with shop.secret() as client:
        preferences = await client.get("/api/users/new/preferences")
        consent = await client.get("/api/users/new/consent")
    assert preferences.json()["interests"] == []
    assert consent.json() == {"personalization": "session", "llmProcessing": False}


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"budget": -1}, "budget"),
        ({"budget": "cheap"}, "budget"),
        ({"budget": True}, "budget"),
        ({"budget": "10.001"}, "budget"),
        ({"currency": "USD"}, "currency"),
        ({"interests": ["x"] * 51}, "interests"),
        ({"avoid": ["x" * 101]}, "avoid.0"),
        ({"sizes": [""]}, "sizes.0"),
        ({"styleTags": ["a\x00b"]}, "styleTags.0"),
        ({"style_tags": []}, "style_tags"),
        ({"shoeSize": 43}, "shoeSize"),
        ({"country": 49}, "country"),
    ],
)
async def test_wrong_preferences_are_named_and_not_stored(shop: Shop, body: dict[str, object], field: str) -> None:
    """422 says which field; nothing is written."""
    async with shop.secret() as client:
        answer = await client.put("/api/users/7/preferences", json=body)
    assert answer.status_code == 422
    assert [e["field"] for e in answer.json()["errors"]] == [field]
    assert shop.behind.store.shoppers == {}


async def test_consent_is_stored_as_chosen(shop: Shop) -> None:
    """PUT answers with what holds from the next request on."""
    chosen = {"personalization": "full", "llmProcessing": True}
    async with shop.secret() as client:
        put = await client.put("/api/users/7/consent", json=chosen)
        read = await client.get("/api/users/7/consent")
    assert put.json() == read.json() == chosen
    ConsentBody.model_validate_json(read.content)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"personalization": "full"}, "llmProcessing"),
        ({"personalization": "full", "llmProcessing": 1}, "llmProcessing"),
        ({"personalization": "full", "llmProcessing": "true"}, "llmProcessing"),
        ({"personalization": "some", "llmProcessing": True}, "personalization"),
        ({"personalization": None, "llmProcessing": True}, "personalization"),
        ([], "body"),
    ],
)
async def test_consent_is_never_guessed(shop: Shop, body: object, field: str) -> None:
    """Only both answers, spelled out, count as a choice."""
    async with shop.secret() as client:
        answer = await client.put("/api/users/7/consent", json=body)
    assert answer.status_code == 422
    assert [e["field"] for e in answer.json()["errors"]] == [field]
    assert shop.behind.store.shoppers == {}


async def test_a_token_names_its_shopper_and_its_end(shop: Shop) -> None:
    """The shop's server gets a token to hand to the browser."""
    async with shop.secret() as client:
        answer = await client.post("/api/users/7/token")
    TokenAnswer.model_validate_json(answer.content)
    assert answer.json()["userId"] == "7"
    async with shop.publishable(answer.json()["token"]) as client:
        assert (await client.get("/api/users/7/consent")).status_code == 200


async def test_without_a_token_secret_no_token_is_made(open_shop: OpenShop) -> None:
    """503 says which setting is missing."""
    async with open_shop(api_keys_secret=SECRET) as shop, shop.secret() as client:
        answer = await client.post("/api/users/7/token")
    assert (answer.status_code, answer.json()["code"]) == (503, "tokens_not_configured")
    assert "SHELFWISE_TOKEN_SECRET" in answer.json()["detail"]


@pytest.mark.parametrize("user_id", ["a/b@x", "7/consent", "/", "a%2Fb", "ä/ö"])
async def test_an_id_with_a_slash_is_one_id(shop: Shop, user_id: str) -> None:
    """Events accept such ids, so their shoppers must be able to state, read, export, opt out and erase as well."""
    address = f"/api/users/{quote(user_id, safe='')}"
    async with shop.secret() as client:
        stated = await client.put(f"{address}/consent", json={"personalization": "none", "llmProcessing": False})
        preferences = await client.put(f"{address}/preferences", json=FULL)
        token = (await client.post(f"{address}/token")).json()
    assert (stated.status_code, preferences.status_code) == (200, 200)
    assert shop.behind.store.shopper(user_id).consent.personalization == "none"
    assert token["userId"] == user_id
    async with shop.publishable(token["token"]) as client:
        exported = await client.get(address)
        read = await client.get(f"{address}/consent")
        erased = await client.delete(address)
        other = await client.get("/api/users/someone")
    assert exported.json()["userId"] == user_id
    assert read.json()["personalization"] == "none"
    assert erased.status_code == 200
    assert other.status_code == 403


async def test_a_slash_that_is_not_encoded_stays_one_of_the_address(shop: Shop) -> None:
    """`DELETE …/7/consent` must never be read as the erasure of a shopper of that name."""
    async with shop.secret() as client:
        answers = [await client.delete("/api/users/7/consent"), await client.get("/api/users/a/b@x")]
    assert [answer.status_code for answer in answers] == [405, 404]
