"""The door: before routing a request gets a place, waits a moment for one, or is refused with 503 (app/admission.py).

Innermost but for what costs nothing to answer: strangers, callers beyond their rate and half-sent bodies never get
here, and an answer that is remembered needs no place.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.admission import Place, Rank, hold, release
from app.api.context import ApiContext
from app.api.errors import Code, problem

_ALWAYS = frozenset({"/livez", "/readyz", "/metrics"})
"""Who asks these has to know how it is just when everything is full."""

_FILES = "/static/"
"""A page brings a dozen at once, each of which costs next to nothing: they would look like a crowd."""

_EXACT: Mapping[str, tuple[Rank, str]] = {
    "/api/recommendations": (Rank.SLATE, "recommendations"),
    "/api/recommendations/stream": (Rank.SLATE, "stream"),
    "/api/search": (Rank.SHELF, "search"),
    "/api/trending": (Rank.SHELF, "trending"),
    "/api/events": (Rank.WRITE, "events"),
    "/api/feedback": (Rank.WRITE, "feedback"),
    "/api/chat": (Rank.CHAT, "chat"),
}
_STREAMS = frozenset({"stream", "chat"})


class AdmitAtDoor:
    """Lets in as many requests as can be worked on, the important ones first."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One ASGI call."""
        if scope["type"] != "http" or scope["path"] in _ALWAYS or _path(scope).startswith(_FILES):
            await self._app(scope, receive, send)
            return
        door = ApiContext.of(scope).door
        rank, kind = class_of(scope)
        turn: asyncio.Future[None] | None = None

        def granted() -> None:
            if turn is not None and not turn.done():
                turn.set_result(None)

        def too_late() -> None:
            if door.too_late(place):
                granted()

        place = door.ask(rank, kind, granted, streams=kind in _STREAMS)
        try:
            if place.state == "waiting":
                loop = asyncio.get_running_loop()
                turn = loop.create_future()
                timer = loop.call_later(place.wait_s, too_late)
                try:
                    await turn
                finally:
                    timer.cancel()
            if place.state == "refused":
                ending = door.draining and kind in _STREAMS
                await self._refuse(scope, receive, send, door.back_after_s(rank), ending=ending)
                return
            await self._admitted(place, scope, receive, send)
        finally:
            place.end()

    async def _admitted(self, place: Place, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_watched(message: Message) -> None:
            if message["type"] == "http.response.start":
                place.answered()
            await send(message)

        token = hold(place)
        try:
            await self._app(scope, receive, send_watched)
        finally:
            release(token)

    @staticmethod
    async def _refuse(scope: Scope, receive: Receive, send: Send, back_after_s: int, *, ending: bool) -> None:
        what = (
            "This process is ending and begins no stream" if ending else "More is asked of this service than it can do"
        )
        detail = f"{what} now; ask again in {back_after_s} s."
        headers = {"retry-after": str(back_after_s)}
        await problem(scope, Code.OVERLOADED, detail, headers=headers)(scope, receive, send)


def class_of(scope: Scope) -> tuple[Rank, str]:
    """The class of a request, and its kind: requests of one kind cost about the same."""
    path = _path(scope)
    found = _EXACT.get(path) or _by_prefix(path, scope["method"])
    if found[0] is not Rank.WRITE and _only_suspected(scope):
        return Rank.REST, found[1]
    return found


def _path(scope: Scope) -> str:
    """The path below the address that a proxy gives the service."""
    path, root = str(scope["path"]), str(scope.get("root_path", ""))
    return path[len(root) :] if root and path.startswith(root + "/") else path


def _by_prefix(path: str, method: str) -> tuple[Rank, str]:
    reads = method in ("GET", "HEAD")
    if path.startswith("/api/users/"):
        if not reads:
            return Rank.WRITE, "shopper"  # consent, preferences, erasure, token
        return (Rank.SHELF, "shopper") if path.endswith(("/consent", "/preferences")) else (Rank.REST, "export")
    if path.startswith("/api/products/") and reads:
        shelf = path.rpartition("/")[2]
        return Rank.SHELF, shelf if shelf in ("similar", "bought-together") else "product"
    if path.startswith("/api/recommendations/"):
        return Rank.SHELF, "why"
    if path == "/api" or path.startswith("/api/"):
        return Rank.REST, "rest"
    return Rank.SHELF, "page"


def _only_suspected(scope: Scope) -> bool:
    """Whether a browser fetches this before anybody wants it."""
    return any(
        name in (b"sec-purpose", b"purpose") and value.startswith(b"prefetch") for name, value in scope["headers"]
    )
