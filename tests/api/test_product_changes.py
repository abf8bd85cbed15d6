"""PUT, PATCH, DELETE and batch of products: what is stored, what is refused, and under which conditions."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.api.answer_schemas import ProductAnswer
from app.api.product_batch import BatchAnswer
from tests.api.conftest import NOW, PRODUCTS, Shop

WHOLE = {
    "productId": "new/1",
    "name": "Lamp",
    "description": "Bends.",
    "brand": "Glow",
    "category": "Home > Lamps",
    "price": "49.90",
    "listPrice": 59.9,
    "currency": "EUR",
    "cost": "20",
    "stock": 0,
    "available": True,
    "imageUrl": "/lamp.jpg",
    "url": "https://shop.example/lamp",
    "tags": ["brass"],
    "attributes": {"watts": "40", "sizes": ["S", "M"]},
    "rating": {"value": 4, "count": 3},
    "createdAt": "2026-09-01T00:00:00Z",
    "seasons": ["winter"],
}


async def test_a_product_is_stored_whole_and_read_back(shop: Shop) -> None:
    """201 and then 200; what GET answers can be sent back as it is; what is left out is unknown afterwards."""
    async with shop.secret() as client:
        created = await client.put("/api/products/new%2F1", json=WHOLE)
        assert created.status_code == 201
        ProductAnswer.model_validate_json(created.content)
        read = await client.get("/api/products/new%2F1")
        assert read.json() == created.json()
        assert read.json() == WHOLE | {"listPrice": "59.90", "cost": "20.00", "rating": {"value": 4.0, "count": 3}}
        again = await client.put("/api/products/new%2F1", json=read.json())
        assert (again.status_code, again.json(), again.headers["etag"]) == (200, read.json(), read.headers["etag"])
        less = await client.put("/api/products/new%2F1", json={"name": "Lamp"})
    assert (less.json()["stock"], less.json()["price"], less.json()["tags"]) == (None, None, [])
    assert shop.behind.changes == 3


async def test_a_patch_changes_what_it_names(shop: Shop) -> None:
    """RFC 7396: null takes away, an object is merged, a list is replaced; everything else keeps its exact value."""
    before = PRODUCTS["p1"]
    patch = {"price": "99.00", "attributes": {"colour": None, "battery": "30 h"}, "tags": ["new"], "brand": None}
    async with shop.secret() as client:
        answer = await client.request(
            "PATCH",
            "/api/products/p1",
            content=json.dumps(patch),
            headers={"content-type": "application/merge-patch+json"},
        )
    assert answer.status_code == 200
    after = shop.behind.store.catalogue["p1"]
    assert (after.price_minor, after.tags, after.brand) == (9900, ("new",), None)
    assert after.attributes == {"sizes": ("S", "M"), "battery": "30 h"}
    assert (after.cost_minor, after.stock, after.created_at) == (before.cost_minor, before.stock, before.created_at)


async def test_a_patch_does_not_round_what_it_leaves_alone(shop: Shop) -> None:
    """A time is answered to the second; a patch of the stock must not cut the stored one."""
    from dataclasses import replace

    shop.behind.store.catalogue["p1"] = replace(PRODUCTS["p1"], created_at=NOW + 0.75)
    async with shop.secret() as client:
        await client.patch("/api/products/p1", json={"stock": 0})
    after = shop.behind.store.catalogue["p1"]
    assert (after.created_at, after.stock) == (NOW + 0.75, 0)


async def test_a_deleted_product_is_gone(shop: Shop) -> None:
    """204, then 404 for everything but storing it again."""
    async with shop.secret() as client:
        assert (await client.delete("/api/products/p2")).status_code == 204
        for method in ("GET", "PATCH", "DELETE"):
            content = b"{}" if method == "PATCH" else None
            answer = await client.request(
                method, "/api/products/p2", content=content, headers={"content-type": "application/json"}
            )
            assert (answer.status_code, answer.json()["code"]) == (404, "unknown_product")
        assert (await client.put("/api/products/p2", json={"name": "Mug"})).status_code == 201


async def test_a_tag_is_strong_and_belongs_to_what_was_sent(shop: Shop) -> None:
    """The same bytes, the same tag; and a publishable key's tag does not hang on the cost it may not see."""
    async with shop.secret() as secret, shop.publishable() as public:
        first = await secret.get("/api/products/p1")
        shown = await public.get("/api/products/p1")
        assert first.headers["etag"] == (await secret.get("/api/products/p1")).headers["etag"]
        assert first.headers["etag"] != shown.headers["etag"]
        assert first.headers["etag"].startswith('"')
        await secret.patch("/api/products/p1", json={"cost": "1.00"})
        assert (await secret.get("/api/products/p1")).headers["etag"] != first.headers["etag"]
        assert (await public.get("/api/products/p1")).headers["etag"] == shown.headers["etag"]
        assert shown.headers["vary"] == "X-API-Key"


async def test_a_reader_who_knows_it_gets_304(shop: Shop) -> None:
    """Without a body while the tag holds; in full afterwards."""
    async with shop.secret() as client:
        tag = (await client.get("/api/products/p1")).headers["etag"]
        for condition in (tag, f'"other", W/{tag}', "*"):
            answer = await client.get("/api/products/p1", headers={"If-None-Match": condition})
            assert (answer.status_code, answer.content, answer.headers["etag"]) == (304, b"", tag)
        await client.patch("/api/products/p1", json={"stock": 6})
        assert (await client.get("/api/products/p1", headers={"If-None-Match": tag})).status_code == 200


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE"])
async def test_of_two_writers_with_one_tag_one_wins(shop: Shop, method: str) -> None:
    """The second learns that somebody was faster (412), and nothing of the first is lost."""
    body = None if method == "DELETE" else {"name": "Second"}
    async with shop.secret() as client:
        tag = (await client.get("/api/products/p1")).headers["etag"]
        first = await client.patch("/api/products/p1", json={"stock": 3}, headers={"If-Match": f'"x", {tag}'})
        second = await client.request(method, "/api/products/p1", json=body, headers={"If-Match": tag})
        assert first.status_code == 200
        assert (second.status_code, second.json()["code"]) == (412, "precondition_failed")
        assert first.headers["etag"] in second.json()["detail"]
        weak = await client.request(
            method, "/api/products/p1", json=body, headers={"If-Match": f"W/{first.headers['etag']}"}
        )
        assert weak.status_code == 412
        assert shop.behind.store.catalogue["p1"].stock == 3
        assert shop.behind.store.catalogue["p1"].name == "Headphones"
        third = await client.request(method, "/api/products/p1", json=body, headers={"If-Match": first.headers["etag"]})
        assert third.status_code in (200, 204)


async def test_create_only_creates_only(shop: Shop) -> None:
    """If-None-Match: * on an existing product is 412; If-Match on a missing one too, * included."""
    async with shop.secret() as client:
        exists = await client.put("/api/products/p1", json={"name": "x"}, headers={"If-None-Match": "*"})
        missing = await client.put("/api/products/p9", json={"name": "x"}, headers={"If-Match": "*"})
        created = await client.put("/api/products/p9", json={"name": "x"}, headers={"If-None-Match": "*"})
    assert (exists.status_code, missing.status_code, created.status_code) == (412, 412, 201)
    assert shop.behind.store.catalogue["p1"] == PRODUCTS["p1"]


@pytest.mark.parametrize("header", ["If-Match", "If-None-Match"])
@pytest.mark.parametrize("value", ["abc", '"abc', 'W/abc"', '"a" "b"', '"a",', "*, *", '"' + "x" * 5000 + '"'])
async def test_a_condition_that_can_not_be_read_is_refused(shop: Shop, header: str, value: str) -> None:
    """422 naming the header: taken as a condition that fails, a missing quotation mark would look like a conflict."""
    async with shop.secret() as client:
        answer = await client.patch("/api/products/p1", json={"stock": 1}, headers={header: value})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == header


WRONG = [
    ({"currency": "USD"}, "currency"),
    ({"price": "-1"}, "price"),
    ({"price": -0.01}, "price"),
    ({"price": "1.999"}, "price"),
    ({"listPrice": 0.001}, "listPrice"),
    ({"cost": "1e999"}, "cost"),
    ({"price": True}, "price"),
    ({"price": "NaN"}, "price"),
    ({"price": []}, "price"),
    ({"name": ""}, "name"),
    ({"name": None}, "name"),
    ({"name": "x" * 501}, "name"),
    ({"name": "\ud800"}, "name"),
    ({"description": "x" * 20_001}, "description"),
    ({"brand": 7.5, "stock": -1}, "stock"),
    ({"stock": "many"}, "stock"),
    ({"stock": 10**30}, "stock"),
    ({"stock": 1.5}, "stock"),
    ({"available": "maybe"}, "available"),
    ({"imageUrl": "javascript:alert(1)"}, "imageUrl"),
    ({"url": "ftp://x"}, "url"),
    ({"tags": "a|b"}, "tags"),
    ({"tags": [f"t{i}" for i in range(201)]}, "tags"),
    ({"tags": [{"a": 1}]}, "tags"),
    ({"tags": ["x" * 201]}, "tags.0"),
    ({"attributes": {"box": {"w": 1}}}, "attributes"),
    ({"attributes": {str(i): "x" for i in range(501)}}, "attributes"),
    ({"attributes": {"a": "x" * 10_001}}, "attributes"),
    ({"rating": {"value": 6, "count": 1}}, "rating.value"),
    ({"rating": {"value": 4, "count": -1}}, "rating.count"),
    ({"createdAt": "yesterday"}, "createdAt"),
    ({"seasons": ["monsoon"]}, "seasons"),
    ({"productId": "p2"}, "productId"),
    ({"margin": 5}, "margin"),
    ({"rating_value": 5}, "rating_value"),
    ({"list_price": 5}, "list_price"),
    ({"attributes": {"a": [[["deep"]]]}}, "attributes"),
]


@pytest.mark.parametrize(("wrong", "field"), WRONG, ids=[f"{f}-{i}" for i, (_, f) in enumerate(WRONG)])
@pytest.mark.parametrize("method", ["PUT", "PATCH"])
async def test_a_wrong_field_is_named_and_nothing_is_stored(
    shop: Shop, method: str, wrong: dict[str, Any], field: str
) -> None:
    """422 with the field as the client wrote it, by PUT and by PATCH alike."""
    if method == "PATCH" and wrong.get("name", "") is None:
        field = "name"  # null takes the name away, and a product needs one
    body = wrong if method == "PATCH" else {"name": "Lamp", **wrong}
    async with shop.secret() as client:
        answer = await client.request(
            method, "/api/products/p1", content=json.dumps(body), headers={"content-type": "application/json"}
        )
    assert answer.status_code == 422, answer.text
    assert field in [e["field"] for e in answer.json()["errors"]]
    assert shop.behind.store.catalogue["p1"] == PRODUCTS["p1"]
    assert shop.behind.changes == 0


async def test_a_batch_says_what_became_of_each(shop: Shop) -> None:
    """Good ones are stored, the others are listed with their fields; of two with one id the first counts."""
    items = [
        {"productId": "p1", "name": "Headphones 2"},
        {"productId": "n1", "name": "New", "price": "5"},
        {"productId": "n2", "name": "", "price": "-5"},
        {"productId": "n1", "name": "Newer"},
        {"name": "No id"},
        "no object",
        {"productId": " n3", "name": "White space"},
    ]
    async with shop.secret() as client:
        answer = await client.post("/api/products:batch", json={"products": items})
    BatchAnswer.model_validate_json(answer.content)
    body = answer.json()
    assert (body["created"], body["stored"], body["rejected"]) == (1, 1, 5)
    assert [(r["index"], r["status"], r.get("code")) for r in body["results"]] == [
        (0, "stored", None),
        (1, "created", None),
        (2, "rejected", "invalid_request"),
        (3, "rejected", "duplicate_in_batch"),
        (4, "rejected", "invalid_request"),
        (5, "rejected", "invalid_request"),
        (6, "rejected", "invalid_request"),
    ]
    assert {e["field"] for e in body["results"][2]["errors"]} == {"name", "price"}
    assert shop.behind.store.catalogue["n1"].name == "New"
    assert shop.behind.store.catalogue["p1"].price_minor is None
    assert shop.behind.changes == 1


async def test_a_batch_of_patches(shop: Shop) -> None:
    """`merge` changes what each item names, and can't make a product."""
    items = [{"productId": "p1", "stock": 0}, {"productId": "p2", "price": "1.00"}, {"productId": "p9", "stock": 1}]
    async with shop.secret() as client:
        answer = await client.post("/api/products:batch", json={"products": items, "mode": "merge"})
    assert [r["status"] for r in answer.json()["results"]] == ["stored", "stored", "rejected"]
    assert answer.json()["results"][2]["code"] == "unknown_product"
    stored = shop.behind.store.catalogue
    assert (stored["p1"].stock, stored["p1"].name, stored["p2"].price_minor) == (0, "Headphones", 100)


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"products": [{"productId": str(i), "name": "x"} for i in range(501)]}, 413, "too_many_products"),
        ({"products": [{"productId": "a", "name": "x" * 1_100_000}]}, 413, "body_too_large"),
        ({"products": []}, 422, "invalid_request"),
        ({"products": {}}, 422, "invalid_request"),
        ({}, 422, "invalid_request"),
        ({"products": [{}], "mode": "upsert"}, 422, "invalid_request"),
        ({"products": [{}], "mode": []}, 422, "invalid_request"),
        ({"items": []}, 422, "invalid_request"),
        ([], 422, "invalid_request"),
    ],
    ids=str,
)
async def test_a_batch_that_is_none_is_refused_whole(shop: Shop, body: Any, status: int, code: str) -> None:
    """Too many items or bytes are 413, a wrong shape 422; nothing is stored."""
    async with shop.secret() as client:
        answer = await client.post("/api/products:batch", json=body)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert shop.behind.changes == 0


async def test_only_the_shop_may_send_large_batches(shop: Shop) -> None:
    """500 products of a normal size fit; with a publishable key the limit of every body holds."""
    body = {"products": [{"productId": str(i), "name": "x", "description": "y" * 1_500} for i in range(500)]}
    async with shop.secret() as secret, shop.publishable() as public:
        assert (await secret.post("/api/products:batch", json=body)).json()["created"] == 500
        assert (await public.post("/api/products:batch", json=body)).status_code == 413


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from([*WHOLE, "x"]), inner, max_size=4),
    max_leaves=12,
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    body=st.dictionaries(st.sampled_from([*WHOLE, "x"]), JSON, max_size=5),
    way=st.sampled_from(["PUT", "PATCH", "POST"]),
)
async def test_no_json_document_is_a_server_error(shop: Shop, body: dict[str, Any], way: str) -> None:
    """Whatever a program sends as a product: stored or refused, never a 500."""
    path = "/api/products/p1"
    if way == "POST":
        body, path = {"products": [body, {**body, "productId": "p1"}], "mode": "merge"}, "/api/products:batch"
    async with shop.secret() as client:
        answer = await client.request(way, path, content=json.dumps(body), headers={"content-type": "application/json"})
    assert answer.status_code in (200, 400, 422), answer.text


@pytest.mark.parametrize("depth", [10, 400, 900])
@pytest.mark.parametrize("way", ["PUT", "PATCH"])
async def test_deep_nesting_is_refused(shop: Shop, way: str, depth: int) -> None:
    """4xx at any depth that the JSON reader still takes."""
    body = '{"name": "x", "attributes": ' + '{"a":' * depth + "1" + "}" * (depth + 1)
    async with shop.secret() as client:
        answer = await client.request(
            way, "/api/products/p1", content=body, headers={"content-type": "application/json"}
        )
    assert answer.status_code in (400, 422)


async def test_a_category_with_an_empty_part_is_refused(shop: Shop) -> None:
    """PUT and PATCH name the field; a stored one from elsewhere does not stand in the way of other changes."""
    async with shop.secret() as client:
        put = await client.put("/api/products/gap", json={"name": "Lamp", "category": "A >  > B"})
        good = await client.put("/api/products/gap", json={"name": "Lamp", "category": "A > B"})
        patch = await client.patch("/api/products/gap", json={"category": "A > "})
        held = shop.behind.store.products(["gap"])["gap"]
        shop.behind.store.upsert_products([replace(held, category="A >  > B")], 1.0)
        other = await client.patch("/api/products/gap", json={"stock": 3})
    assert [answer.status_code for answer in (put, good, patch, other)] == [422, 201, 422, 200]
    assert [error["field"] for error in put.json()["errors"]] == ["category"]
    assert [error["field"] for error in patch.json()["errors"]] == ["category"]
