"""Whatever is sent, the answer is never a 500 and names what was wrong."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from contextlib import AsyncExitStack
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.api.answer_schemas import ProblemAnswer
from tests.api.conftest import Shop, running, settings_with

JSON = {"content-type": "application/json"}


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("limit=0", "limit"),
        ("limit=51", "limit"),
        ("limit=-1", "limit"),
        ("limit=x", "limit"),
        ("limit=", "limit"),
        ("limit=5.0", "limit"),
        ("limit=1e1", "limit"),
        ("limit=%205", "limit"),
        ("limit=1_0", "limit"),
        ("limit=%D9%A5", "limit"),
        ("limit=" + "9" * 5000, "limit"),
        ("limit=true", "limit"),
        ("limit=5&limit=6", "limit"),
        ("budget=NaN", "budget"),
        ("budget=nan", "budget"),
        ("budget=inf", "budget"),
        ("budget=-Infinity", "budget"),
        ("budget=-1", "budget"),
        ("budget=1e3", "budget"),
        ("budget=1_000", "budget"),
        ("budget=", "budget"),
        ("budget=10.005", "budget"),
        ("budget=999999999999999", "budget"),
        ("budget=" + "9" * 5000, "budget"),
        ("userId=", "userId"),
        ("userId=" + "x" * 10_240, "userId"),
        ("userId=" + "x" * 201, "userId"),
        ("userId=a%00b", "userId"),
        ("userId=a%0Ab", "userId"),
        ("anonymousId=%7F", "anonymousId"),
        ("sessionId=%C2%85", "sessionId"),
        ("productId=%E2%80%A8", "productId"),
        ("placement=kitchen", "placement"),
        ("placement=HOME", "placement"),
        ("reasons=all", "reasons"),
        ("deadlineMs=-1", "deadlineMs"),
        ("deadlineMs=2001", "deadlineMs"),
        ("deadlineMs=x", "deadlineMs"),
        ("query=", "query"),
        ("query=%20%20", "query"),
        ("query=" + "x" * 501, "query"),
        ("query=a%00b", "query"),
        ("user_id=7", "user_id"),
        ("unknown=1", "unknown"),
        ("cart=p1", "cart"),
    ],
    ids=lambda v: v[:24],
)
async def test_a_wrong_parameter_is_named(shop: Shop, query: str, field: str) -> None:
    """422 with exactly the parameter that is wrong; the service is not asked."""
    async with shop.secret() as client:
        answer = await client.get(f"/api/recommendations?{query}")
    assert answer.status_code == 422
    assert [e["field"] for e in answer.json()["errors"]] == [field]
    assert len(answer.content) < 2000
    assert shop.behind.service.queries == []


@pytest.mark.parametrize(
    ("query", "limit"), [("limit=1", 1), ("limit=50", 50), ("budget=0", 5), ("userId=" + "x" * 200, 5)]
)
async def test_the_bounds_themselves_are_valid(shop: Shop, query: str, limit: int) -> None:
    """Zero is a budget, and the largest values are values."""
    async with shop.secret() as client:
        assert (await client.get(f"/api/recommendations?{query}")).status_code == 200
    assert shop.behind.service.queries[0].limit == limit


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ('{"limit":"5"}', "limit"),
        ('{"limit":5.0}', "limit"),
        ('{"limit":true}', "limit"),
        ('{"limit":null}', "limit"),
        ('{"limit":1e400}', "limit"),
        ('{"deadlineMs":"0"}', "deadlineMs"),
        ('{"budget":NaN}', "budget"),
        ('{"budget":Infinity}', "budget"),
        ('{"budget":1e400}', "budget"),
        ('{"budget":1e-7}', "budget"),
        ('{"budget":true}', "budget"),
        ('{"budget":[1]}', "budget"),
        ('{"budget":' + "9" * 4000 + "}", "budget"),
        ('{"userId":7}', "userId"),
        ('{"userId":"\\ud800"}', "userId"),
        ('{"userId":"\\u0000"}', "userId"),
        ('{"query":"gift \\udc00"}', "query"),
        ('{"filters":{"brands":["\\ud800"]}}', "filters.brands.0"),
        ('{"cart":"p1"}', "cart"),
        ('{"cart":[1]}', "cart.0"),
        ('{"cart":["p1",""]}', "cart.1"),
        ('{"cart":' + json.dumps(["x"] * 101) + "}", "cart"),
        ('{"excludeIds":' + json.dumps(["x"] * 201) + "}", "excludeIds"),
        ('{"exclude_ids":[]}', "exclude_ids"),
        ('{"filters":{"brands":["a","b",3]}}', "filters.brands.2"),
        ('{"filters":{"price":{"min":-1}}}', "filters.price.min"),
        ('{"filters":{"price":{"min":2,"max":1}}}', "filters.price"),
        ('{"filters":{"price":{"max":"1.234"}}}', "filters.price.max"),
        ('{"filters":{"colour":["red"]}}', "filters.colour"),
        ('{"filters":[]}', "filters"),
        ("[]", "body"),
        ("null", "body"),
        ('"text"', "body"),
        ("", "body"),
    ],
    ids=lambda v: v[:40],
)
async def test_a_wrong_field_is_named(shop: Shop, body: str, field: str) -> None:
    """422 with the field's path as the client wrote it; numbers are numbers and nothing is converted."""
    async with shop.secret() as client:
        answer = await client.post("/api/recommendations", content=body, headers=JSON)
    assert answer.status_code == 422
    assert [e["field"] for e in answer.json()["errors"]] == [field]
    assert len(answer.content) < 2000
    assert shop.behind.service.queries == []


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"{'a':1}",
        b"\xff\xfe\x00",
        b"\x80abc",
        b'{"userId":"a\nb"}',
        b"[" * 100_000,
        b'{"a":' * 40_000,
        b'{"limit":' + b"9" * 5000 + b"}",
        b"{}{}",
    ],
    ids=lambda v: repr(v[:12]),
)
async def test_a_body_that_is_no_json_is_refused(shop: Shop, body: bytes) -> None:
    """400, also for nesting and numbers beyond what the parser takes."""
    async with shop.secret() as client:
        answer = await client.post("/api/recommendations", content=body, headers=JSON)
    assert (answer.status_code, answer.json()["code"]) == (400, "malformed_json")


async def test_thousands_of_errors_are_not_repeated(shop: Shop) -> None:
    """A hostile body gets a short answer."""
    body = {f"wrong{i}": i for i in range(10_000)}
    async with shop.secret() as client:
        answer = await client.post("/api/recommendations", json=body)
    assert answer.status_code == 422
    assert len(answer.json()["errors"]) == 20


@pytest.mark.parametrize(
    "path",
    ["/api/users/{}/preferences", "/api/users/{}/consent", "/api/products/{}", "/api/recommendations/{}/why/p1"],
)
@pytest.mark.parametrize("identifier", ["x" * 201, "a%00b", "a%09b", "%C2%80"])
async def test_ids_in_paths_are_checked_like_all_others(shop: Shop, path: str, identifier: str) -> None:
    """Too long or with control characters: 422 names the id."""
    async with shop.secret() as client:
        answer = await client.get(path.format(identifier))
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] in {"userId", "productId", "recommendationId"}


scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
documents = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4)
)
names = st.sampled_from(
    ["userId", "anonymousId", "limit", "budget", "deadlineMs", "query", "cart", "excludeIds", "filters", "price", "x"]
)
bodies = st.dictionaries(names, documents | st.dictionaries(names, documents, max_size=3), max_size=6) | documents
relaxed = settings(
    max_examples=150, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck), database=None
)


class Requests:
    """One started application and one event loop for many requests (hypothesis runs outside the test's loop)."""

    def __init__(self) -> None:
        self._runner = asyncio.Runner()
        self._lifetime = AsyncExitStack()
        self._shop = self._runner.run(self._lifetime.enter_async_context(running(settings_with())))

    def __call__(self, method: str, path: str, **kwargs: Any) -> tuple[int, bytes]:
        async def request() -> tuple[int, bytes]:
            async with self._shop.client() as client:
                answer = await client.request(method, path, **kwargs)
                return answer.status_code, answer.content

        return self._runner.run(request())

    def close(self) -> None:
        self._runner.run(self._lifetime.aclose())
        self._runner.close()


@pytest.fixture(scope="module")
def requested() -> Iterator[Requests]:
    """Sends a request, returns status and content."""
    requests = Requests()
    yield requests
    requests.close()


def check(status: int, content: bytes) -> None:
    """A valid answer, or a refusal in the one shape; never a fault of the service."""
    assert status < 500, content
    if status != 200:
        assert ProblemAnswer.model_validate_json(content).status == status


@relaxed
@given(body=bodies)
def test_no_json_document_is_a_server_error(requested: Requests, body: object) -> None:
    """POST recommendations takes any JSON document calmly, NaN and lone surrogates included."""
    check(*requested("POST", "/api/recommendations", content=json.dumps(body).encode(), headers=JSON))


@relaxed
@given(resource=st.sampled_from(["preferences", "consent"]), body=bodies)
def test_no_document_about_a_shopper_is_a_server_error(requested: Requests, resource: str, body: object) -> None:
    """PUT preferences and consent likewise."""
    check(*requested("PUT", f"/api/users/7/{resource}", content=json.dumps(body).encode(), headers=JSON))


@relaxed
@given(body=st.binary(max_size=200))
def test_no_bytes_are_a_server_error(requested: Requests, body: bytes) -> None:
    """A body need not even be text."""
    check(*requested("POST", "/api/recommendations", content=body, headers=JSON))


@relaxed
@given(params=st.dictionaries(names | st.text(max_size=8), st.text(max_size=40), max_size=5))
def test_no_query_string_is_a_server_error(requested: Requests, params: dict[str, str]) -> None:
    """GET recommendations with any text under any name."""
    encoded = {k.encode("utf-8", "replace"): v.encode("utf-8", "replace") for k, v in params.items()}
    check(*requested("GET", "/api/recommendations", params=encoded))


@relaxed
@given(path=st.text(max_size=60))
def test_no_path_is_a_server_error(requested: Requests, path: str) -> None:
    """Any characters, encoded as a browser would."""
    check(*requested("GET", "/api/products/" + quote(path.encode("utf-8", "replace"), safe="")))
