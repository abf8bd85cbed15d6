"""The server of one process: uvicorn, and a quiet end."""

from __future__ import annotations

import asyncio
import socket
from types import FrameType

import structlog
import uvicorn
from starlette.applications import Starlette

from app.garbage import collect_between_requests

log = structlog.get_logger(__name__)


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
        self._collecting: asyncio.Task[None] | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Opens everything, then the port."""
        await super().startup(sockets=sockets)
        self._loop = asyncio.get_running_loop()
        self._collecting = asyncio.create_task(collect_between_requests(self._busy))

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Closes the port, lets what is under way end, then closes everything."""
        if self._collecting is not None:
            self._collecting.cancel()
            [ended] = await asyncio.gather(self._collecting, return_exceptions=True)
            if not isinstance(ended, asyncio.CancelledError):
                log.error("collecting_failed", error=repr(ended), consequence="Python collected in its own time")
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

    def _busy(self) -> bool:
        context = getattr(self._app.state, "api", None)
        return context is not None and any(context.door.states.values())

    def _no_more_streams(self) -> None:
        context = getattr(self._app.state, "api", None)
        if context is not None:
            context.door.draining = True
