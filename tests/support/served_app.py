"""The application in this process, asked from outside its event loop: for tests that hypothesis drives."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AsyncExitStack, contextmanager
from typing import Any

import httpx

from app.bootstrap import Application, build
from app.main import create_app
from app.settings import Settings
from tests.support.loop_thread import LoopThread


class ServedApp:
    """A started application and a client of it. Answers come whole, streams too."""

    def __init__(self, settings: Settings) -> None:
        self._loop = LoopThread("served app")
        self._lifetime = AsyncExitStack()
        self.app = create_app(lambda: build(settings))
        self._client = self._loop.call(self._open())
        self.behind: Application = self.app.state.application

    def request(
        self, method: str, path: str, *, headers: Mapping[str, str] | None = None, json: object = None
    ) -> httpx.Response:
        """One request, with these headers and this JSON body (None: no body)."""
        values: dict[str, Any] = {} if json is None else {"json": json}
        return self._loop.call(self._client.request(method, path, headers=dict(headers or {}), **values))

    def close(self) -> None:
        """Ends the application as a server would."""
        self._loop.call(self._lifetime.aclose())
        self._loop.stop()

    async def _open(self) -> httpx.AsyncClient:
        await self._lifetime.enter_async_context(self.app.router.lifespan_context(self.app))
        transport = httpx.ASGITransport(self.app, raise_app_exceptions=False)
        return await self._lifetime.enter_async_context(
            httpx.AsyncClient(transport=transport, base_url="http://localhost")
        )


@contextmanager
def served_app(settings: Settings) -> Iterator[ServedApp]:
    """Starts it, and ends it afterwards."""
    served = ServedApp(settings)
    try:
        yield served
    finally:
        served.close()
