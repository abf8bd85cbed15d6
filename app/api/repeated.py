"""The shortest way to an answer: a request that was asked before, and whose slate the service remembers."""

from __future__ import annotations

from starlette.types import ASGIApp, Receive, Scope, Send

from app.api.answers import note
from app.api.context import ApiContext, Caller, shopper_token
from app.api.errors import ApiError
from app.api.keys import KeyScope

PATH = "/api/recommendations"


class Repeated:
    """Answers a GET for recommendations that was asked before and whose slate the service remembers.

    Innermost of the middleware: who may call was settled before it. Whatever else is asked goes on to the router, which
    validates it and raises what there is to raise.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One ASGI call."""
        if scope["type"] == "http" and scope["path"] == PATH and scope["method"] == "GET":
            body = self._body(scope)
            if body is not None:
                length = str(len(body)).encode()
                headers = [(b"content-length", length), (b"content-type", b"application/json")]
                await send({"type": "http.response.start", "status": 200, "headers": headers})
                await send({"type": "http.response.body", "body": body})
                return
        await self._app(scope, receive, send)

    @staticmethod
    def _body(scope: Scope) -> bytes | None:
        context = ApiContext.of(scope)
        asked = context.asked.find(scope["query_string"])
        key_scope: KeyScope | None = scope["state"].get("key_scope")
        if asked is None or key_scope is None:
            return None
        secret = key_scope is KeyScope.SECRET
        if asked.query.user_id is not None and not secret:
            try:
                Caller(key_scope, shopper_token(scope), context.tokens).require_shopper(asked.query.user_id)
            except ApiError:
                return None  # the router tells of it
        slate = context.service.again(asked.query)
        if slate is None:
            return None
        scope.update(asked.route)
        note(scope, slate)
        return context.renderer.body(slate, secret=secret)
