"""The server of one process: uvicorn, and a quiet end."""

from __future__ import annotations

import asyncio
import gc
import socket
from types import FrameType

import structlog
import uvicorn
from starlette.applications import Starlette

log = structlog.get_logger(__name__)

FULL_COLLECTION_EVERY = 100
"""Younger collections before one of everything, in place of 10. What a worker remembers grows, so it came several times
in ten seconds of full load, found nothing and stopped all threads for 50 to 90 ms each."""


class Server(uvicorn.Server):
    """One process's server.

    SIGTERM and SIGINT: `/readyz` answers 503 at once, and no stream and no chat is begun any more; after `drain_s` the
    port is closed and what is under way is finished. In between a load balancer has time to look. A second signal
    doesn't wait for it.
    """

    def __init__(self, config: uvicorn.Config, app: Starlette, *, drain_s: float) -> None:
        super().__init__(config)
        self._app, self._drain_s = app, drain_s
        self._loop: asyncio.AbstractEventLoop | None = None
        self._draining = False
        self._collects = gc.get_threshold()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Opens everything, then the port."""
        await super().startup(sockets=sockets)
        self._loop = asyncio.get_running_loop()
        self._collects = gc.get_threshold()
        gc.set_threshold(*self._collects[:2], FULL_COLLECTION_EVERY)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Closes the port, lets what is under way end, then closes everything."""
        gc.set_threshold(*self._collects)
        await super().shutdown(sockets=sockets)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """A signal to end."""
        if self._loop is None or self._draining or self._drain_s <= 0:
            self._no_more_streams()
            super().handle_exit(sig, frame)
            return
        self._draining = True
        self._loop.call_soon_threadsafe(self._drain, sig)

    def _drain(self, sig: int) -> None:
        self._no_more_streams()
        log.info("draining", seconds=self._drain_s)
        asyncio.get_running_loop().call_later(self._drain_s, self._drained, sig)

    def _drained(self, sig: int) -> None:
        if not self.should_exit:  # a second signal came meanwhile; a third would cut off what is under way
            super().handle_exit(sig, None)

    def _no_more_streams(self) -> None:
        context = getattr(self._app.state, "api", None)
        if context is not None:
            context.door.draining = True
