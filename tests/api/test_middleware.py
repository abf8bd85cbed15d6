"""Request ids, timing and bodies."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from starlette.types import Message, Receive, Scope, Send

from app.api.middleware import MAX_BODY_BYTES, BodyBuffer
from tests.api.conftest import Shop

JSON = {"content-type": "application/json"}


async def test_a_harmless_request_id_is_taken_over(shop: Shop) -> None:
    """So a shop can follow a request through its own logs."""
    async with shop.secret() as client:
        answer = await client.get("/livez", headers={"X-Request-Id": "Req_1.a-b"})
    assert answer.headers["x-request-id"] == "Req_1.a-b"


@pytest.mark.parametrize("sent", ["", "a b", "x" * 65, 'a"b', "<script>", "ä", "a;b"])
async def test_any_other_request_id_is_replaced(shop: Shop, sent: str) -> None:
    """What could break a log line or a header is not repeated."""
    async with shop.secret() as client:
        answer = await client.get("/livez", headers={"X-Request-Id": sent.encode()})
    assert len(answer.headers["x-request-id"]) == 32
    assert answer.headers.get_list("x-request-id") == [answer.headers["x-request-id"]]


async def test_generated_request_ids_differ(shop: Shop) -> None:
    """One id, one request."""
    async with shop.secret() as client:
        ids = {(await client.get("/livez")).headers["x-request-id"] for _ in range(5)}
    assert len(ids) == 5


async def test_server_timing_names_the_stages_and_the_total(shop: Shop) -> None:
    """The service's own total is `service`; `total` is the whole request."""
    async with shop.secret() as client:
        slate = await client.get("/api/recommendations")
        live = await client.get("/livez")
    assert slate.headers["server-timing"].startswith("service;dur=4.2, profile;dur=1.0, total;dur=")
    assert live.headers["server-timing"].startswith("total;dur=")


async def test_answers_are_private_and_not_sniffed(shop: Shop) -> None:
    """Everything under /api may be personal or priced for one caller."""
    async with shop.secret() as client:
        for path in ("/api/recommendations", "/api/products/p1", "/api/users/7/consent"):
            answer = await client.get(path)
            assert answer.headers["cache-control"] == "private, no-store"
            assert answer.headers["x-content-type-options"] == "nosniff"


async def test_a_body_of_the_full_size_is_read(shop: Shop) -> None:
    """256 KiB are allowed, one byte more is not; with and without an announced length."""
    exact = b'{"userId":"1"}'.ljust(MAX_BODY_BYTES)

    async def dripped(body: bytes) -> AsyncIterator[bytes]:
        for start in range(0, len(body), 65_536):
            yield body[start : start + 65_536]

    async with shop.secret() as client:
        for body, status in ((exact, 200), (exact + b" ", 413)):
            whole = await client.post("/api/recommendations", content=body, headers=JSON)
            chunked = await client.post("/api/recommendations", content=dripped(body), headers=JSON)
            assert whole.status_code == chunked.status_code == status
        assert whole.headers["connection"] == "close"


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"content-type": "text/plain"},
        {"content-type": "application/x-www-form-urlencoded"},
        {"content-type": "multipart/form-data; boundary=x"},
        {"content-type": "application/jsonx"},
        {"content-type": "application/json", "content-encoding": "gzip"},
    ],
)
async def test_a_body_must_be_plain_json(shop: Shop, headers: dict[str, str]) -> None:
    """Forms and text are what a browser sends across sites without asking; compressed bodies could be bombs."""
    async with shop.secret() as client:
        answer = await client.post("/api/recommendations", content=b"{}", headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (415, "unsupported_media_type")


@pytest.mark.parametrize("media_type", ["application/json; charset=utf-8", "APPLICATION/JSON", "application/ld+json"])
async def test_every_spelling_of_json_is_taken(shop: Shop, media_type: str) -> None:
    """Parameters, case and structured suffixes."""
    async with shop.secret() as client:
        answer = await client.post("/api/recommendations", content=b"{}", headers={"content-type": media_type})
    assert answer.status_code == 200


async def call(scope: dict[str, object], receive: Receive) -> list[Message]:
    """What a BodyBuffer with a short patience sends; the application behind it must not be reached."""

    async def unreachable(_scope: Scope, _receive: Receive, _send: Send) -> None:
        raise AssertionError("the application was called")

    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    whole = {"type": "http", "method": "POST", "path": "/api/x", "headers": [], "state": {}, **scope}
    await BodyBuffer(unreachable, timeout_s=0.05)(whole, receive, send)
    return sent


async def test_a_body_that_never_ends_is_given_up() -> None:
    """408 after a bounded time, one byte at a time or none at all."""

    async def drip() -> Message:
        await asyncio.sleep(0.01)
        return {"type": "http.request", "body": b" ", "more_body": True}

    sent = await call({}, drip)
    assert sent[0]["status"] == 408


async def test_a_client_that_hangs_up_gets_no_answer() -> None:
    """And the application is not bothered with half a body."""

    async def hang_up() -> Message:
        return {"type": "http.disconnect"}

    assert await call({}, hang_up) == []


async def test_an_announced_length_is_enough_to_refuse() -> None:
    """Nothing is read of a body that says it is too large."""

    async def never() -> Message:
        raise AssertionError("the body was read")

    sent = await call({"headers": [(b"content-length", b"9" * 30)]}, never)
    assert sent[0]["status"] == 413
