"""The same application behind a real server on a real socket."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator

import httpx
import pytest
import uvicorn

from app.domain.errors import ConfigurationError
from app.main import create_app, server_config
from tests.api.conftest import SECRET, FakeApplication, settings_with


@pytest.fixture
async def port(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[int]:
    """Of a running server without keys; it must have stopped cleanly at the end."""
    monkeypatch.setenv("FORWARDED_ALLOW_IPS", "*")
    settings = settings_with()
    behind = FakeApplication(settings)
    config = server_config(create_app(lambda: behind), settings, host="127.0.0.1", port=0)
    server = uvicorn.Server(config)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        task = asyncio.create_task(server.serve(sockets=[listener]))
        while not server.started:  # noqa: ASYNC110  (the server has no event for it)
            await asyncio.sleep(0.01)
        yield listener.getsockname()[1]
        server.should_exit = True
        await asyncio.wait_for(task, 5)
    assert behind.log == ["start", "close"]


async def test_it_answers_over_a_socket(port: int) -> None:
    """One request, end to end, without naming the server software."""
    async with httpx.AsyncClient(trust_env=False) as client:
        answer = await client.get(f"http://127.0.0.1:{port}/api/recommendations?userId=123&limit=5")
    assert answer.status_code == 200
    assert len(answer.json()["recommendations"]) == 2
    assert "server" not in answer.headers


async def test_a_forwarding_header_is_not_believed(port: int) -> None:
    """Even where the environment tells the server to believe every proxy."""
    async with httpx.AsyncClient(trust_env=False) as client:
        answer = await client.get(f"http://127.0.0.1:{port}/livez", headers={"X-Forwarded-For": "127.0.0.1"})
    assert answer.json()["code"] == "loopback_only"


async def test_a_body_that_is_too_large_ends_the_connection(port: int) -> None:
    """The refusal comes before the body has been sent."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(
        b"POST /api/recommendations HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        b"Content-Length: 1000000000\r\n\r\n{"
    )
    answer = await asyncio.wait_for(reader.read(), 5)
    assert answer.startswith(b"HTTP/1.1 413")
    writer.close()
    await writer.wait_closed()


@pytest.mark.parametrize("values", [{}, {"api_keys_secret": SECRET, "api_keys_publishable": SECRET}])
def test_a_dangerous_configuration_does_not_serve(values: dict[str, object]) -> None:
    """Open to others without a key, or with keys that contradict each other: refused before anything starts."""
    settings = settings_with(**values)
    app = create_app(lambda: FakeApplication(settings))
    with pytest.raises(ConfigurationError):
        server_config(app, settings, host="0.0.0.0", port=8000)
