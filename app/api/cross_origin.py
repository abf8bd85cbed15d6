"""Lets the shop's own pages call the API from another address (CORS), for the origins that a setting names only."""

from __future__ import annotations

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.api.context import ApiContext

_PREFLIGHT = (
    (b"access-control-allow-methods", b"GET, POST, PUT"),
    (b"access-control-allow-headers", b"content-type, x-api-key, x-shopper-token"),
    (b"access-control-max-age", b"7200"),
)
_READABLE = (b"access-control-expose-headers", b"ratelimit, ratelimit-policy, retry-after, x-request-id")
"""What a page needs to wait as long as it is told to, and to say which request went wrong."""


class CrossOrigin:
    """Adds the CORS headers for an allowed origin, on refusals too, and answers its preflights without a key.

    Browsers send no key with a preflight, so this stands before the gate. Cookies are never allowed: nothing here
    reads one. An origin that is not named gets the answers as before, which its browser then keeps from the page.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One ASGI call."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        origin = next((value for name, value in scope["headers"] if name == b"origin"), None)
        if origin is None or origin.decode("latin-1") not in ApiContext.of(scope).allowed_origins:
            await self._app(scope, receive, send)
            return
        allowed = [(b"access-control-allow-origin", origin), (b"vary", b"origin")]
        if scope["method"] == "OPTIONS" and any(
            name == b"access-control-request-method" for name, _ in scope["headers"]
        ):
            await send({"type": "http.response.start", "status": 204, "headers": [*allowed, *_PREFLIGHT]})
            await send({"type": "http.response.body", "body": b""})
            return

        async def send_allowed(message: Message) -> None:
            if message["type"] == "http.response.start":
                given = [h for h in message.get("headers", ()) if h[0] != b"access-control-allow-origin"]
                message = {**message, "headers": [*given, *allowed, _READABLE]}
            await send(message)

        await self._app(scope, receive, send_allowed)
