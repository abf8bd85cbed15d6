"""Rates per key, address and shopper over HTTP; whose address a request has; time limits; headers of every answer."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from starlette.types import Message

from app.adapters.shared_buckets import SharedBuckets
from app.api import punctual
from app.api.limits import Addresses
from app.api.middleware import TimeLimit
from app.domain.errors import ConfigurationError
from app.main import create_app, server_config
from tests.api.conftest import PUBLISHABLE, SECRET, FakeApplication, OpenShop, Shop, settings_with


@asynccontextmanager
async def limited(folder: Path, **values: object) -> AsyncIterator[Shop]:
    """A shop with both keys whose clock of rates stands still."""
    settings = settings_with(api_keys_secret=SECRET, api_keys_publishable=PUBLISHABLE, **values)
    behind = FakeApplication(settings)
    behind.rates = SharedBuckets.open(folder, clock=lambda: 1000.0)
    app = create_app(lambda: behind)
    async with app.router.lifespan_context(app):
        yield Shop(app, behind)
    behind.rates.close()


async def statuses(
    shop: Shop, path: str, times: int, address: str = "203.0.113.9", key: str = PUBLISHABLE
) -> list[int]:
    """Of so many calls with this key from this address."""
    async with shop.client(address=address, x_api_key=key) as client:
        return [(await client.get(path.format(n=n))).status_code for n in range(times)]


async def test_an_address_that_calls_too_often_is_told_when_to_call_again(tmp_path: Path) -> None:
    """RFC 9457, Retry-After and RateLimit; ever new visitor ids change nothing, another address goes on."""
    async with limited(tmp_path, rate_limit_address_per_min=36) as shop:
        found = await statuses(shop, "/api/recommendations?anonymousId=v{n}", 8)
        async with shop.client(address="203.0.113.9", x_api_key=PUBLISHABLE) as client:
            refused = await client.get("/api/trending")
        other = await statuses(shop, "/api/trending", 1, address="203.0.113.10")
    assert found == [200] * 6 + [429] * 2
    assert other == [200]
    assert (refused.json()["code"], refused.headers["content-type"]) == ("rate_limited", "application/problem+json")
    assert (refused.headers["retry-after"], refused.headers["ratelimit"]) == ("2", '"address";r=0;t=2')
    assert refused.headers["ratelimit-policy"] == '"address";q=6;w=10'
    assert refused.headers["x-content-type-options"] == "nosniff"


async def test_an_answer_says_what_is_left(tmp_path: Path) -> None:
    """Of the rate that is scarcest."""
    async with (
        limited(tmp_path, rate_limit_address_per_min=36) as shop,
        shop.client(address="203.0.113.9", x_api_key=PUBLISHABLE) as client,
    ):
        answer = await client.get("/api/trending")
    assert answer.headers["ratelimit"] == '"address";r=5;t=0'


async def test_who_tries_keys_is_counted(tmp_path: Path) -> None:
    """A key that is not known, or none at all, counts for its address; a known secret key is heard all the same.

    Else one wrong key that is sent again and again, as after a rotation, would lock out the right one beside it.
    """
    async with limited(tmp_path, rate_limit_address_per_min=36) as shop:
        tried = await statuses(shop, "/api/trending", 5, key="sk-guessed")
        async with shop.client(address="203.0.113.9") as client:
            bare = [await client.get("/api/trending") for _ in range(2)]
        shoppers = await statuses(shop, "/api/trending", 1)
        own = await statuses(shop, "/api/trending", 1, key=SECRET)
        elsewhere = await statuses(shop, "/api/trending", 1, key="sk-guessed", address="203.0.113.10")
    assert (tried, [answer.status_code for answer in bare]) == ([401] * 5, [401, 429])
    assert (bare[1].json()["code"], bare[1].headers["retry-after"]) == ("rate_limited", "2")
    assert (shoppers, own, elsewhere) == ([429], [200], [401])


@pytest.mark.parametrize(
    ("path", "headers", "first"),
    [
        ("/readyz", {"x-api-key": "sk-guessed"}, 200),
        ("/metrics", {"x-api-key": "sk-guessed"}, 401),
        ("/metrics", {"authorization": "Bearer guessed"}, 401),
    ],
)
async def test_no_probe_tells_a_key_without_counting(
    tmp_path: Path, path: str, headers: dict[str, str], first: int
) -> None:
    """Probes are never limited, but who presents a key that is not known is, there too; without one they go on."""
    async with limited(tmp_path, rate_limit_address_per_min=30) as shop, shop.client(address="203.0.113.9") as client:
        tried = [(await client.get(path, headers=headers)).status_code for _ in range(6)]
        plain = [(await client.get("/readyz")).status_code for _ in range(3)]
    assert (tried, plain) == ([first] * 5 + [429], [200] * 3)


async def test_the_shop_s_own_server_is_not_limited_by_its_address(tmp_path: Path) -> None:
    """All its shoppers share that; its key has a rate of its own, and each shopper too."""
    async with limited(tmp_path, rate_limit_address_per_min=30, rate_limit_shopper_per_min=30) as shop:
        many = await statuses(shop, "/api/recommendations?userId=u{n}", 9, key=SECRET)
        one = await statuses(shop, "/api/recommendations?userId=ann", 7, key=SECRET)
    assert (many, one) == ([200] * 9, [200] * 5 + [429] * 2)
    other = tmp_path / "other"
    other.mkdir()
    async with limited(other, rate_limit_key_per_min=30) as shop:
        assert await statuses(shop, "/api/trending", 7, key=SECRET) == [200] * 5 + [429] * 2
        assert await statuses(shop, "/livez", 7, key=SECRET) == [200] * 7


async def test_without_keys_nothing_is_counted(open_shop: OpenShop) -> None:
    """A developer's machine, and every measurement on it."""
    async with open_shop(rate_limit_key_per_min=1, rate_limit_address_per_min=1) as shop:
        found = await statuses(shop, "/api/trending", 20, address="127.0.0.1", key="none")
    assert set(found) == {200}


PROXIES = Addresses.from_settings(settings_with(trusted_proxies="10.0.0.0/8, 2001:db8::1"))


@pytest.mark.parametrize(
    ("peer", "forwarded", "found"),
    [
        ("203.0.113.9", "198.51.100.1", "203.0.113.9"),
        ("10.0.0.1", "198.51.100.1", "198.51.100.1"),
        ("10.0.0.1", "6.6.6.6, 198.51.100.1, 10.9.9.9", "198.51.100.1"),
        ("10.0.0.1", "6.6.6.6, rubbish", "10.0.0.1"),
        ("10.0.0.1", "", "10.0.0.1"),
        ("::ffff:10.0.0.1", "198.51.100.1", "198.51.100.1"),
        ("2001:db8::1", "2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("rubbish", "198.51.100.1", None),
    ],
)
def test_only_a_trusted_proxy_is_believed(peer: str, forwarded: str, found: str | None) -> None:
    """And of its header only what another proxy of ours did not write itself; a caller's own words come before that."""
    headers = [(b"x-forwarded-for", forwarded.encode())]
    assert PROXIES.of({"type": "http", "client": (peer, 1), "headers": headers}) == found
    assert Addresses().of({"type": "http", "client": ("10.0.0.1", 1), "headers": headers}) == "10.0.0.1"


def test_a_proxy_that_is_no_address_stops_the_start() -> None:
    """With the setting's name."""
    with pytest.raises(ConfigurationError, match="SHELFWISE_TRUSTED_PROXIES"):
        Addresses.from_settings(settings_with(trusted_proxies="proxy.example"))


@pytest.mark.parametrize("path", ["/livez", "/api/nothing", "/nothing", "/openapi.json"])
async def test_every_answer_forbids_what_it_does_not_need(shop: Shop, open_shop: OpenShop, path: str) -> None:
    """Scripts, frames, sniffing and referrers; https by setting only. A page's own policy stands."""
    async with shop.secret() as client:
        answer = await client.get(path)
    assert answer.headers["content-security-policy"] == "default-src 'none'; frame-ancestors 'none'"
    told = [answer.headers[name] for name in ("referrer-policy", "x-frame-options", "x-content-type-options")]
    assert told == ["no-referrer", "DENY", "nosniff"]
    assert "strict-transport-security" not in answer.headers
    async with open_shop(behind_tls=True) as secure, secure.client() as client:
        assert (await client.get(path)).headers["strict-transport-security"] == "max-age=31536000"
        page = await client.get("/")
    assert page.headers.get_list("content-security-policy")[0].startswith("default-src")
    assert len(page.headers.get_list("content-security-policy")) == 1


async def through(app: Any) -> list[Message]:
    """What a client gets of an application behind a limit of 20 ms."""
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    async def receive() -> Message:
        return {"type": "http.request"}

    await TimeLimit(app, total_s=0.02)({"type": "http", "path": "/x", "headers": [], "state": {}}, receive, send)
    return sent


async def test_what_takes_too_long_is_ended() -> None:
    """503 before the answer has begun, its end missing after that; an event stream may go on."""

    def answering(kind: bytes, *, late: bool) -> Any:
        async def app(scope: Any, receive: Any, send: Any) -> None:
            if late:
                await asyncio.sleep(10)
            await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", kind)]})
            await asyncio.sleep(0.06 if kind.startswith(b"text/event") else 10)
            await send({"type": "http.response.body", "body": b"end"})

        return app

    late, broken = (
        await through(answering(b"application/json", late=True)),
        await through(answering(b"a/b", late=False)),
    )
    assert (late[0]["status"], [message["type"] for message in broken]) == (503, ["http.response.start"])
    assert len(await through(answering(b"text/event-stream; charset=utf-8", late=False))) == 2


@pytest.mark.parametrize(
    ("fields", "begun"),
    [
        (b"", b""),
        (b"", b"GET /livez HTTP/1.1\r\nHost: localh"),
        (b"", b"\r\n"),
        (b"Content-Length: 100\r\n", b"x"),
        (b"Transfer-Encoding: chunked\r\n", b"1\r\nx\r\n"),
    ],
)
async def test_a_head_that_does_not_come_ends_the_connection(
    monkeypatch: pytest.MonkeyPatch, fields: bytes, begun: bytes
) -> None:
    """Slow headers hold no connection, neither the first nor, on a kept one, the next; a whole head is answered.

    Nor do bytes after an answer that begin no request: an empty line, or the rest of a body that nobody waited for.
    """
    monkeypatch.setattr(punctual, "HEAD_TIMEOUT_S", 0.15)
    settings = settings_with()
    app = create_app(lambda: FakeApplication(settings))
    server = uvicorn.Server(server_config(app, settings, host="127.0.0.1", port=0))
    with socket.create_server(("127.0.0.1", 0)) as listener:
        task = asyncio.create_task(server.serve(sockets=[listener]))
        while not server.started:  # noqa: ASYNC110  (the server has no event for it)
            await asyncio.sleep(0.01)
        reader, writer = await asyncio.open_connection("127.0.0.1", listener.getsockname()[1])
        if begun:
            writer.write(b"GET /livez HTTP/1.1\r\nHost: localhost\r\n" + fields + b"\r\n")
            assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200")
        writer.write(begun)
        ended = await asyncio.wait_for(reader.read(), 5)
        assert b"HTTP/1.1" not in ended
        writer.close()
        server.should_exit = True
        await asyncio.wait_for(task, 5)
