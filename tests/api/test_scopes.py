"""Who may do what: every endpoint with every kind of caller, and what a publishable key never sees."""

from __future__ import annotations

import json
import time

import httpx
import jwt
import pytest

from tests.api.conftest import PUBLISHABLE, SECRET, TOKEN_SECRET, OpenShop, Shop

PREFERENCES = {"budget": "10"}
CONSENT = {"personalization": "none", "llmProcessing": False}
CHAT = {"messages": [{"role": "user", "parts": [{"type": "text", "text": "hello"}]}]}
EVENT_OF_7 = {"type": "view", "userId": "7", "anonymousId": "a", "productId": "p1"}
ITEM = {"item_id": "p1"}
GA4_VIEW = {"name": "view_item", "params": {"items": [ITEM]}}

# method, path, body, then the status for: none, wrong, publishable, publishable with the shopper's own token,
# with another shopper's token, secret. "rec1" was made for shopper 7, "rec2" for the anonymous visitor a.
MATRIX = [
    ("GET", "/api/recommendations", None, 401, 401, 200, 200, 200, 200),
    ("GET", "/api/recommendations?anonymousId=a&sessionId=s", None, 401, 401, 200, 200, 200, 200),
    ("GET", "/api/recommendations?userId=7", None, 401, 401, 403, 200, 403, 200),
    ("GET", "/api/recommendations?userId=7&anonymousId=a", None, 401, 401, 403, 200, 403, 200),
    ("GET", "/api/recommendations/stream?anonymousId=a", None, 401, 401, 200, 200, 200, 200),
    ("GET", "/api/recommendations/stream?userId=7", None, 401, 401, 403, 200, 403, 200),
    ("POST", "/api/recommendations", {"sessionId": "s"}, 401, 401, 200, 200, 200, 200),
    ("POST", "/api/recommendations", {"userId": "7"}, 401, 401, 403, 200, 403, 200),
    ("GET", "/api/recommendations/rec1/why/p1", None, 401, 401, 404, 200, 404, 200),
    ("GET", "/api/recommendations/rec1/why/p1?anonymousId=a", None, 401, 401, 404, 200, 404, 200),
    ("GET", "/api/recommendations/rec2/why/p1", None, 401, 401, 404, 404, 404, 200),
    ("GET", "/api/recommendations/rec2/why/p1?anonymousId=a", None, 401, 401, 200, 200, 200, 200),
    ("GET", "/api/recommendations/rec2/why/p1?anonymousId=b", None, 401, 401, 404, 404, 404, 200),
    ("GET", "/api/products/p1", None, 401, 401, 200, 200, 200, 200),
    ("GET", "/api/products/p1/similar", None, 401, 401, 200, 200, 200, 200),
    ("GET", "/api/products/p1/similar?userId=7", None, 401, 401, 403, 200, 403, 200),
    ("GET", "/api/products/p1/bought-together", None, 401, 401, 200, 200, 200, 200),
    ("GET", "/api/products/p1/bought-together?userId=7", None, 401, 401, 403, 200, 403, 200),
    ("GET", "/api/trending", None, 401, 401, 200, 200, 200, 200),
    ("GET", "/api/trending?userId=7", None, 401, 401, 403, 200, 403, 200),
    ("GET", "/api/search?q=a", None, 401, 401, 200, 200, 200, 200),
    ("GET", "/api/search?q=a&userId=7", None, 401, 401, 403, 200, 403, 200),
    ("PUT", "/api/products/p1", {"name": "Mug"}, 401, 401, 403, 403, 403, 200),
    ("PATCH", "/api/products/p1", {"stock": 1}, 401, 401, 403, 403, 403, 200),
    ("DELETE", "/api/products/p1", None, 401, 401, 403, 403, 403, 204),
    ("POST", "/api/products:batch", {"products": [{"productId": "p1", "name": "Mug"}]}, 401, 401, 403, 403, 403, 200),
    ("GET", "/api/users/7", None, 401, 401, 403, 200, 403, 200),
    ("DELETE", "/api/users/7", None, 401, 401, 403, 200, 403, 200),
    ("GET", "/api/users/7/preferences", None, 401, 401, 403, 200, 403, 200),
    ("PUT", "/api/users/7/preferences", PREFERENCES, 401, 401, 403, 200, 403, 200),
    ("GET", "/api/users/7/consent", None, 401, 401, 403, 200, 403, 200),
    ("PUT", "/api/users/7/consent", CONSENT, 401, 401, 403, 200, 403, 200),
    (
        "POST",
        "/api/events",
        {"events": [{"type": "view", "anonymousId": "a", "productId": "p1"}]},
        401,
        401,
        *4 * (202,),
    ),
    ("POST", "/api/events", {"events": [{"type": "view", "sessionId": "s", "productId": "p1"}]}, 401, 401, *4 * (202,)),
    ("POST", "/api/events", {"events": [EVENT_OF_7]}, 401, 401, 403, 202, 403, 202),
    ("POST", "/api/events", {"events": [EVENT_OF_7 | {"userId": 7}]}, 401, 401, 403, 202, 403, 202),
    (
        "POST",
        "/api/events",
        {"name": "view_item", "user_id": "7", "params": {"items": [ITEM]}},
        401,
        401,
        403,
        202,
        403,
        202,
    ),
    ("POST", "/api/events", {"user_id": "7", "events": [GA4_VIEW]}, 401, 401, 403, 202, 403, 202),
    (
        "POST",
        "/api/feedback",
        {"recommendationId": "rec1", "productId": "p1", "vote": "up"},
        401,
        401,
        404,  # as one that does not exist
        202,
        404,
        202,
    ),
    ("POST", "/api/feedback", {"recommendationId": "rec2", "productId": "p1", "vote": "up"}, 401, 401, *4 * (202,)),
    ("POST", "/api/users/7/token", None, 401, 401, 403, 403, 403, 200),
    ("POST", "/api/chat", CHAT | {"anonymousId": "a"}, 401, 401, 200, 200, 200, 200),
    ("POST", "/api/chat", CHAT | {"userId": "7"}, 401, 401, 403, 200, 403, 200),
    ("GET", "/api/metrics/business", None, 401, 401, 403, 403, 403, 200),
    ("GET", "/api/costs", None, 401, 401, 403, 403, 403, 200),
    ("GET", "/api", None, 401, 401, 404, 404, 404, 404),
    ("GET", "/api/nothing", None, 401, 401, 404, 404, 404, 404),
    ("GET", "/metrics", None, 401, 401, 403, 403, 403, 200),
    ("GET", "/livez", None, 200, 200, 200, 200, 200, 200),
    ("GET", "/readyz", None, 200, 200, 200, 200, 200, 200),
    ("GET", "/openapi.json", None, 200, 200, 200, 200, 200, 200),
    ("GET", "/docs", None, 404, 404, 404, 404, 404, 404),
    ("GET", "/redoc", None, 404, 404, 404, 404, 404, 404),
]


async def callers(shop: Shop) -> list[httpx.AsyncClient]:
    """Clients in the order of the matrix's columns."""
    return [
        shop.client(),
        shop.client(x_api_key="sk-wrong"),
        shop.publishable(),
        shop.publishable(await shop.token("7")),
        shop.publishable(await shop.token("8")),
        shop.secret(),
    ]


@pytest.mark.parametrize("row", MATRIX, ids=lambda row: f"{row[0]} {row[1]}")
async def test_every_endpoint_opens_to_its_callers_only(shop: Shop, row: tuple[object, ...]) -> None:
    """The scope matrix, cell by cell."""
    method, path, body, *expected = row
    async with shop.secret() as client:
        await client.get("/api/recommendations?userId=7")
        await client.get("/api/recommendations?anonymousId=a")
    found = []
    for client in await callers(shop):
        async with client:
            found.append((await client.request(str(method), str(path), json=body)).status_code)
    assert found == expected


async def test_the_matrix_names_every_endpoint(shop: Shop) -> None:
    """A new endpoint must say who may call it."""
    async with shop.client() as client:
        document = (await client.get("/openapi.json")).json()
    described = {
        (method.upper(), path.split("{")[0], path.count("{"))
        for path, operations in document["paths"].items()
        for method in operations
    }
    concrete = {(str(row[0]), str(row[1]).split("?")[0]) for row in MATRIX}
    for method, prefix, parameters in described:
        assert any(m == method and p.startswith(prefix) for m, p in concrete), (method, prefix, parameters)


@pytest.mark.parametrize(
    "path",
    [
        "/api/recommendations",
        "/api/products/p1/similar",
        "/api/products/p1/bought-together",
        "/api/trending",
        "/api/search?q=headphones",
        "/api/products/p1",
        "/api/recommendations/rec1/why/p1",
        "/api/recommendations/rec1/why/p2",
    ],
)
async def test_a_publishable_key_sees_no_cost_margin_model_or_usage(shop: Shop, path: str) -> None:
    """Neither as a name nor as a value, and rules appear under their public reason."""
    async with shop.publishable() as client:
        await client.get("/api/recommendations")
        answer = await client.get(path)
    assert answer.status_code == 200
    for hidden in ("cost", "margin", "usage", '"model"', "secret-model", "47.11", "4711"):
        assert hidden not in answer.text.replace("costs €", "")


async def test_exclusions_are_counted_by_public_reason(shop: Shop) -> None:
    """Rules with the same public reason are summed; one without any counts as shop policy."""
    async with shop.publishable() as client:
        answer = await client.get("/api/recommendations")
    assert answer.json()["meta"]["excluded"] == {"out_of_stock": 3, "shop_policy": 6}


async def test_a_dropped_product_has_a_public_reason_only(shop: Shop) -> None:
    """The rule's id and the detail of its decision stay with the shop."""
    async with shop.publishable() as client:
        await client.get("/api/recommendations")
        answer = await client.get("/api/recommendations/rec1/why/gone")
    assert (answer.json()["rule"], answer.json()["detail"]) == ("shop_policy", None)


async def test_somebody_elses_recommendation_looks_like_none(shop: Shop) -> None:
    """An id that exists and one that doesn't can't be told apart."""
    async with shop.secret() as client:
        await client.get("/api/recommendations?userId=7")
    async with shop.publishable(await shop.token("8")) as client:
        foreign = await client.get("/api/recommendations/rec1/why/p1")
        absent = await client.get("/api/recommendations/rec9/why/p1")
    assert foreign.status_code == absent.status_code == 404
    assert foreign.json()["detail"].replace("rec1", "") == absent.json()["detail"].replace("rec9", "")
    assert foreign.json()["code"] == absent.json()["code"]


def forged(subject: object = "7", key: str = TOKEN_SECRET, algorithm: str = "HS256", **changes: object) -> str:
    """A token like ours, with something wrong."""
    now = int(time.time())
    claims = {"sub": subject, "aud": "shelfwise:shopper", "iat": now, "exp": now + 60, **changes}
    kept = {name: value for name, value in claims.items() if value is not None}
    return jwt.encode(kept, key, algorithm=algorithm)


def test_forgeries_differ_from_a_good_token_in_one_thing_only() -> None:
    """The control for the next test: unchanged, the same claims are accepted."""
    assert jwt.decode(forged(), TOKEN_SECRET, algorithms=["HS256"], audience="shelfwise:shopper")["sub"] == "7"


BAD_TOKENS = {
    "empty": "",
    "garbage": "garbage",
    "three parts": "a.b.c",
    "long": "x" * 10_000,
    "alg none": jwt.encode({"sub": "7", "aud": "shelfwise:shopper", "iat": 0, "exp": 2**40}, None, algorithm="none"),
    "other algorithm": forged(algorithm="HS512", key=TOKEN_SECRET * 2),
    "other key": forged(key="o" * 40),
    "expired": forged(exp=int(time.time()) - 1),
    "no expiry": forged(exp=None),
    "no subject": forged(subject=None),
    "number as expiry": forged(exp=1e12),
    "other audience": forged(aud="somebody"),
    "no audience": forged(aud=None),
    "other subject": forged(subject="8"),
    "subject in another case": forged(subject="7 "),
}


@pytest.mark.parametrize("kind", sorted(BAD_TOKENS))
@pytest.mark.parametrize("path", ["/api/users/7/preferences", "/api/recommendations?userId=7"])
async def test_a_token_that_proves_nothing_opens_nothing(shop: Shop, kind: str, path: str) -> None:
    """403 shopper_token_required, whatever is wrong with it."""
    async with shop.publishable(BAD_TOKENS[kind]) as client:
        answer = await client.get(path)
    assert (answer.status_code, answer.json()["code"]) == (403, "shopper_token_required")


async def test_the_control_token_opens_its_shoppers_data(shop: Shop) -> None:
    """What the forgeries are made from would have been let in."""
    async with shop.publishable(forged()) as client:
        assert (await client.get("/api/users/7/preferences")).status_code == 200


async def test_without_a_token_secret_every_token_is_refused(open_shop: OpenShop) -> None:
    """An unset secret must not turn into an empty key that anybody can sign with."""
    async with open_shop(api_keys_publishable=PUBLISHABLE) as shop:
        for key in ("", "x" * 32):
            token = forged(key=key) if key else BAD_TOKENS["alg none"]
            async with shop.publishable(token) as client:
                answer = await client.get("/api/users/7/preferences")
            assert (answer.status_code, answer.json()["code"]) == (403, "shopper_token_required")


async def test_with_publishable_keys_only_nobody_is_the_shop(open_shop: OpenShop) -> None:
    """No secret key configured is not the same as no key configured."""
    async with open_shop(api_keys_publishable=PUBLISHABLE) as shop:
        async with shop.client(x_api_key=SECRET) as client:
            assert (await client.get("/api/products/p1")).status_code == 401
        async with shop.publishable() as client:
            assert (await client.post("/api/users/7/token")).status_code == 403


async def test_a_key_is_asked_for_before_the_body_is_read(shop: Shop) -> None:
    """A stranger learns nothing about what a valid body would be, and can't make the service parse one."""
    async with shop.client() as client:
        answer = await client.post("/api/recommendations", content=b"[" * 300_000)
    assert answer.status_code == 401
    assert "ApiKey" in answer.headers["www-authenticate"]


async def test_a_root_path_is_no_way_past_the_gate(shop: Shop) -> None:
    """Behind a prefix the same endpoints ask for the same keys."""
    for root_path in ("/shop", "/api", "/ap"):
        transport = httpx.ASGITransport(shop.app, root_path=root_path)
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            for prefix in (root_path, ""):
                answer = await client.get(f"{prefix}/api/products/p1")
                assert answer.status_code in (401, 404), (root_path, prefix)


async def test_readyz_tells_details_to_the_shop_only(shop: Shop) -> None:
    """Probes carry no key; what is wrong in detail could name files."""
    async with shop.client() as probe, shop.secret() as client:
        assert "details" not in (await probe.get("/readyz")).json()
        assert json.loads((await client.get("/readyz")).text)["details"] == {"baseline": "v1"}
