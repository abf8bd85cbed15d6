"""Pure ASGI middleware, outermost first: request context, time, gate (loopback guard and keys), rates, body.

Written against ASGI itself because a `@app.middleware("http")` function passes each request through a task group and
streams of its own.
"""

from __future__ import annotations

import asyncio
import re

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.api.context import ApiContext
from app.api.errors import RETRY_AFTER_S, Code, problem
from app.api.head import is_api
from app.api.keys import KeyScope, why_not_local
from app.api.limits import OFF
from app.api.security_headers import security_headers
from app.telemetry import begin_request, context_headers, end_request

MAX_BODY_BYTES = 256 * 1024
MAX_BATCH_BYTES = 1024 * 1024  # reading it keeps the event loop for about 10 ms
_BATCHES = frozenset({"/api/products:batch"})
"""Paths whose body holds many things: the shop itself (a secret key) may send MAX_BATCH_BYTES there."""

BODY_TIMEOUT_S = 10.0
TOTAL_S = 30.0
_NEVER_LIMITED = frozenset({"/livez", "/readyz", "/metrics"})
_UNEXPECTED, _LEFT = 500, 499
_REQUEST_ID = re.compile(rb"[A-Za-z0-9._-]{1,64}")
_WITH_BODY = frozenset({"POST", "PUT", "PATCH", "DELETE"})
_JSON = re.compile(rb"application/(json|[a-z0-9.+-]{1,60}\+json)\s*(;.*)?", re.IGNORECASE)


def _header(scope: Scope, wanted: bytes) -> bytes | None:
    """The first value of a header; ASGI gives names in lower case."""
    for name, value in scope["headers"]:
        if name == wanted:
            return bytes(value)
    return None


class RequestContext:
    """Gives each request an id (the client's own, where it is harmless) and each answer the common headers."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One ASGI call."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        sent = _header(scope, b"x-request-id")
        begin_request(scope, sent.decode() if sent and _REQUEST_ID.fullmatch(sent) else None)
        status = 0

        async def send_with_context(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = [*message.get("headers", ())]
                given = {name for name, _ in headers}
                headers += context_headers(scope)
                if b"cache-control" not in given and is_api(scope):
                    headers.append((b"cache-control", b"private, no-store"))
                headers += security_headers(scope, given)
                message = {**message, "headers": headers}
            await send(message)

        try:
            await self._app(scope, receive, send_with_context)
        except BaseException as error:
            # Outside of this the framework answers what is unexpected; somebody who left gets nothing.
            status = status or (_UNEXPECTED if isinstance(error, Exception) else _LEFT)
            raise
        finally:
            endpoint, seconds = end_request(scope, status or _LEFT)
            ApiContext.of(scope).metering.http_ended(endpoint, scope["method"], status or _LEFT, seconds)


class Gate:
    """Lets a request under /api through with a known key; with no key configured, from this machine only.

    Runs before the body is read, so a stranger can't make the service parse anything.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One ASGI call."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        keys = ApiContext.of(scope).keys
        client = scope.get("client")
        scope["state"]["address"] = ApiContext.of(scope).addresses.of(scope)
        if keys.empty:
            refusal = why_not_local(client[0] if client else None, scope["headers"])
            if refusal is not None:
                detail = (
                    f"{refusal} No API key is configured: set SHELFWISE_API_KEYS_SECRET to be called from elsewhere."
                )
                await problem(scope, Code.LOOPBACK_ONLY, detail)(scope, receive, send)
                return
            scope["state"]["key_scope"] = KeyScope.SECRET
        else:
            key = _header(scope, b"x-api-key")
            known = keys.known(key) if key else None
            found = None if known is None else known.scope
            if found is None and (key or is_api(scope)):
                # Who tries keys is counted as any caller of this address, and on a probe as well, which tells a secret
                # key more; see docs/decisions/022 for what that is not.
                context = ApiContext.of(scope)
                too_many, _ = context.limits.check([(context.limits.address, scope["state"]["address"])])
                if too_many is not None:
                    answer = problem(scope, Code.RATE_LIMITED, too_many.detail, headers=too_many.headers)
                    await answer(scope, receive, send)
                    return
            if found is None and is_api(scope):
                code = Code.API_KEY_UNKNOWN if key else Code.API_KEY_MISSING
                detail = "Send a key of this service in the X-API-Key header."
                challenge = {"www-authenticate": 'ApiKey realm="shelfwise"'}
                await problem(scope, code, detail, headers=challenge)(scope, receive, send)
                return
            scope["state"]["key_scope"] = found
            scope["state"]["key_id"] = "" if known is None else known.id
        await self._app(scope, receive, send)


class RateLimits:
    """Refuses the calls of a key or an address beyond its rate, before a body is read; 429 with Retry-After."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One ASGI call."""
        limits = ApiContext.of(scope).limits if scope["type"] == "http" else OFF
        if limits.counter is None or scope["path"] in _NEVER_LIMITED:
            await self._app(scope, receive, send)
            return
        state = scope["state"]
        # All shoppers of a shop that calls with its secret key come from its own server's address.
        address = None if state.get("key_scope") is KeyScope.SECRET else state.get("address")
        refusal, headers = limits.check([(limits.key, state.get("key_id") or None), (limits.address, address)])
        if refusal is not None:
            await problem(scope, Code.RATE_LIMITED, refusal.detail, headers=refusal.headers)(scope, receive, send)
            return
        told = [(name.encode(), value.encode()) for name, value in headers.items()]

        async def send_told(message: Message) -> None:
            if message["type"] == "http.response.start" and not any(
                name == b"ratelimit" for name, _ in message.get("headers", ())
            ):
                message = {**message, "headers": [*message.get("headers", ()), *told]}
            await send(message)

        await self._app(scope, receive, send_told)


class TimeLimit:
    """Ends what takes longer than 30 s with 503, or the connection once the answer has begun; streams may go on.

    Of a stream each piece must be taken within that time: a reader who stops reading holds nothing for ever.
    """

    def __init__(self, app: ASGIApp, total_s: float = TOTAL_S) -> None:
        self._app = app
        self._total_s = total_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One ASGI call."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begun = False
        loop = asyncio.get_running_loop()
        timer = asyncio.timeout(self._total_s)

        async def send_timed(message: Message) -> None:
            nonlocal begun
            streams = _is_stream(message) if message["type"] == "http.response.start" else timer.when() is None
            begun = True
            if not streams:
                await send(message)
                return
            timer.reschedule(loop.time() + self._total_s)
            await send(message)
            timer.reschedule(None)

        try:
            async with timer:
                await self._app(scope, receive, send_timed)
        except TimeoutError:
            if not timer.expired():
                raise
            if begun:  # the server sees an answer without its end and closes the connection
                return
            detail = f"No answer within {self._total_s:g} s; what was asked for may have been done all the same."
            await problem(scope, Code.TIMED_OUT, detail, headers={"retry-after": RETRY_AFTER_S})(scope, receive, send)


class BodyBuffer:
    """Reads a body of bounded size in bounded time before anything else sees it, and refuses what is not JSON.

    Insisting on a JSON content type also makes browsers ask first before they send one from another site.
    """

    def __init__(self, app: ASGIApp, max_bytes: int = MAX_BODY_BYTES, timeout_s: float = BODY_TIMEOUT_S) -> None:
        self._app = app
        self._max_bytes = max_bytes
        self._timeout_s = timeout_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One ASGI call."""
        if scope["type"] != "http" or scope["method"] not in _WITH_BODY:
            await self._app(scope, receive, send)
            return
        most = self._most(scope)
        try:
            async with asyncio.timeout(self._timeout_s):
                body = await self._read(scope, receive, most)
        except TimeoutError:
            await self._refuse(scope, receive, send, Code.BODY_TIMEOUT, f"Send it within {self._timeout_s:g} s.")
            return
        except _TooLarge:
            await self._refuse(scope, receive, send, Code.BODY_TOO_LARGE, f"At most {most} bytes are read.")
            return
        if body is None:  # the client has gone
            return
        if body and not self._is_plain_json(scope):
            detail = "Send Content-Type: application/json, without a Content-Encoding."
            await self._refuse(scope, receive, send, Code.UNSUPPORTED_MEDIA_TYPE, detail)
            return
        await self._app(scope, _replayed(body, receive), send)

    def _most(self, scope: Scope) -> int:
        if scope["path"] in _BATCHES and scope["state"].get("key_scope") is KeyScope.SECRET:
            return max(self._max_bytes, MAX_BATCH_BYTES)
        return self._max_bytes

    async def _read(self, scope: Scope, receive: Receive, most: int) -> bytes | None:
        """The whole body, None when the client hung up. Raises: _TooLarge."""
        announced = _header(scope, b"content-length")
        if announced is not None and announced.isdigit() and (len(announced) > 18 or int(announced) > most):
            raise _TooLarge
        chunks: list[bytes] = []
        size = 0
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                return None
            chunk: bytes = message.get("body", b"")
            size += len(chunk)
            if size > most:
                raise _TooLarge
            chunks.append(chunk)
            if not message.get("more_body", False):
                return b"".join(chunks)

    @staticmethod
    def _is_plain_json(scope: Scope) -> bool:
        encoding = _header(scope, b"content-encoding")
        if encoding is not None and encoding.strip().lower() != b"identity":
            return False
        media_type = _header(scope, b"content-type")
        return media_type is not None and _JSON.fullmatch(media_type.strip()) is not None

    @staticmethod
    async def _refuse(scope: Scope, receive: Receive, send: Send, code: Code, detail: str) -> None:
        # The rest of the body may still be coming: the connection can't be used again.
        await problem(scope, code, detail, headers={"connection": "close"})(scope, receive, send)


class _TooLarge(Exception):
    """More bytes than a body may have."""


def _replayed(body: bytes, receive: Receive) -> Receive:
    """A receive channel that gives the body once, then whatever the server says (a disconnect)."""
    given = False

    async def replay() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replay


def _is_stream(message: Message) -> bool:
    for name, value in message.get("headers", ()):
        if name == b"content-type" and value.startswith(b"text/event-stream"):
            return True
    return False
