"""The server's HTTP protocol with a time limit on a request's head: uvicorn waits for one as long as it takes.

A client that sends a header now and then would hold its connection for ever (slowloris), and a few thousand of them
every connection there is.
"""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEAD_TIMEOUT_S = 10.0


class PunctualProtocol(HttpToolsProtocol):
    """Closes a connection whose request line and headers are not there within 10 s of its opening or their first byte.

    Without an answer: half a request has nobody who would understand one. Bodies and answers have limits of their own
    (app/api/middleware.py), idle connections uvicorn's.
    """

    _head_timer: asyncio.TimerHandle | None = None
    _in_head = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """A client has connected."""
        super().connection_made(transport)
        self._begin()

    def data_received(self, data: bytes) -> None:
        """Some bytes; nearly always they are a whole head, and no timer is needed.

        Any byte ends uvicorn's patience with an idle connection. Bytes that begin no request, the rest of a body that
        was answered before or an empty line, would leave a connection that nothing ever closes.
        """
        super().data_received(data)
        idle = self.cycle is None or self.cycle.response_complete
        if self._head_timer is None and (self._in_head or (idle and self.timeout_keep_alive_task is None)):
            self._begin()

    def on_message_begin(self) -> None:
        """The first byte of a request: its time begins."""
        super().on_message_begin()
        self._end()
        self._in_head = True

    def on_headers_complete(self) -> None:
        """The head is there."""
        self._end()
        self._in_head = False
        super().on_headers_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is gone."""
        self._end()
        super().connection_lost(exc)

    def _begin(self) -> None:
        self._end()
        self._head_timer = self.loop.call_later(HEAD_TIMEOUT_S, self._too_late)

    def _end(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _too_late(self) -> None:
        transport: Any = self.transport
        if transport is not None and not transport.is_closing():
            transport.close()
