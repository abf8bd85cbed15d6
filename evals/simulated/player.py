"""Plays a script over one connection, in time, until it ends or the client leaves."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import Literal

from starlette.types import Receive, Scope, Send

from evals.simulated.script import Piece, Script

LABEL_HEADER = (b"x-simulated", b"true")
MERGE_BYTES = 65_536

Played = Literal["sent", "left"]


class ScriptResponse:
    """An ASGI response. `on_end` hears "sent" when the script was played, "left" when the client went first."""

    def __init__(self, script: Script, started: float, on_end: Callable[[Played], None]) -> None:
        self._script = script
        self._started = started  # the event loop's time when the request had been read
        self._on_end = on_end

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Plays the script; an aborted one returns without ending the message, and the server closes the connection."""
        playing = asyncio.ensure_future(self._play(send))
        leaving = asyncio.ensure_future(_disconnected(receive))
        played: Played = "left"
        try:
            await asyncio.wait({playing, leaving}, return_when=asyncio.FIRST_COMPLETED)
            if playing.done():
                playing.result()
                played = "sent"
        finally:
            for task in (playing, leaving):
                task.cancel()
            await asyncio.gather(playing, leaving, return_exceptions=True)
            self._on_end(played)

    async def _play(self, send: Send) -> None:
        script = self._script
        if not script.answers:
            await asyncio.Event().wait()
        await self._until(
            min(script.pieces[0].at_s, script.start_s or script.pieces[0].at_s) if script.pieces else script.start_s
        )
        await send({"type": "http.response.start", "status": script.status, "headers": self._headers()})
        for data, at_s in _merged(script.pieces, self._elapsed):
            await self._until(at_s)
            await send({"type": "http.response.body", "body": data, "more_body": True})
        while script.ending == "repeat":
            await send({"type": "http.response.body", "body": script.repeated, "more_body": True})
            await asyncio.sleep(script.repeat_s)
        if script.ending == "silence":
            await asyncio.Event().wait()
        if script.ending == "complete":
            await send({"type": "http.response.body", "body": b"", "more_body": False})

    def _headers(self) -> list[tuple[bytes, bytes]]:
        script = self._script
        headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in script.headers]
        if script.ending == "complete" and len(script.pieces) < 2 and script.status != 204:
            headers.append((b"content-length", str(len(script.body)).encode()))
        return [*headers, LABEL_HEADER]

    def _elapsed(self) -> float:
        return asyncio.get_running_loop().time() - self._started

    async def _until(self, at_s: float) -> None:
        wait = at_s - self._elapsed()
        if wait > 0:
            await asyncio.sleep(wait)


def _merged(pieces: tuple[Piece, ...], elapsed: Callable[[], float]) -> Iterator[tuple[bytes, float]]:
    """(bytes, time) per write: pieces that are already due go out together, as a kernel would send them."""
    place = 0
    while place < len(pieces):
        now = elapsed()
        parts, size, at_s = [pieces[place].data], len(pieces[place].data), pieces[place].at_s
        place += 1
        while place < len(pieces) and pieces[place].at_s <= max(now, at_s) and size < MERGE_BYTES:
            parts.append(pieces[place].data)
            size += len(pieces[place].data)
            place += 1
        yield b"".join(parts), at_s


async def _disconnected(receive: Receive) -> None:
    """Returns when the client has gone."""
    while (await receive())["type"] != "http.disconnect":
        pass
