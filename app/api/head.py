"""HEAD on pages, probes and files: what GET would answer, without the body (RFC 9110, section 9.3.2)."""

from __future__ import annotations

from starlette.types import ASGIApp, Message, Receive, Scope, Send

_TOLD = ("endpoint", "route", "path_params")


class HeadOfPages:
    """Answers HEAD where GET has an answer, outside /api: browsers, link checkers and uptime monitors ask so.

    Under /api the document names every method there is, and a HEAD would make, store and count a slate for nothing.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One ASGI call."""
        if scope["type"] != "http" or scope["method"] != "HEAD" or is_api(scope):
            await self._app(scope, receive, send)
            return
        asked = {**scope, "method": "GET"}

        async def send_head(message: Message) -> None:
            if message["type"] == "http.response.body":
                message = {**message, "body": b""}
            await send(message)

        try:
            await self._app(asked, receive, send_head)
        finally:  # what the log and the metrics go by
            scope.update({name: asked[name] for name in _TOLD if name in asked})


def is_api(scope: Scope) -> bool:
    """Whether a request is for the API: everything under /api, wherever the service is mounted."""
    # Servers put a root path before the path, and routing takes it off again: so must this, or it would be a way past.
    path, root = str(scope["path"]), str(scope.get("root_path", ""))
    if root and path.startswith(root + "/"):
        path = path[len(root) :]
    return path == "/api" or path.startswith("/api/")
