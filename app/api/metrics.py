"""The scrape of Prometheus, and who may make it."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from fastapi.security import HTTPBearer
from starlette.responses import Response

from app.api.context import ApiContext, Context
from app.api.errors import ApiError, Code
from app.api.keys import KeyScope
from app.api.openapi import metrics_answers

router = APIRouter(tags=["health"])

_BEARER = HTTPBearer(scheme_name="metricsToken", auto_error=False)  # only describes the header; below it is checked


@router.get("/metrics", operation_id="getMetrics", responses=metrics_answers(), response_class=Response)
async def get_metrics(request: Request, context: Context, _token: Annotated[object, Depends(_BEARER)]) -> Response:
    """Metrics of all workers, for Prometheus. Costs and models are in them: a publishable key does not open this."""
    _check(request, context)
    body, content_type = await asyncio.to_thread(context.metering.exposition, request.headers.get("accept", ""))
    return Response(body, headers={"content-type": content_type, "cache-control": "no-store"})


def _check(request: Request, context: ApiContext) -> None:
    """Who may scrape: a secret key, in X-API-Key or as a bearer token; the metrics token; this machine without keys.

    A caller on this machine is not let in for that alone once there are keys: behind a proxy everybody is on it.

    Raises: ApiError (401, 403): somebody else; (429): somebody who tries tokens.
    """
    scope: KeyScope | None = request.scope["state"].get("key_scope")
    if scope is KeyScope.SECRET:
        return
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    presented = token.strip().encode() if scheme.lower() == "bearer" else b""
    if presented and (_same(presented, context.metrics_token) or context.keys.scope_of(presented) is KeyScope.SECRET):
        return
    if scope is KeyScope.PUBLISHABLE or (presented and context.keys.scope_of(presented) is KeyScope.PUBLISHABLE):
        raise ApiError(Code.SECRET_KEY_REQUIRED, "Costs are in the metrics; a publishable key does not open them.")
    if presented:  # Gate counts who tries keys in its own header
        refusal, _ = context.limits.check([(context.limits.address, request.scope["state"].get("address"))])
        if refusal is not None:
            raise ApiError(Code.RATE_LIMITED, refusal.detail, headers=refusal.headers)
    given = bool(presented) or "x-api-key" in request.headers
    raise ApiError(
        Code.API_KEY_UNKNOWN if given else Code.API_KEY_MISSING,
        "Send SHELFWISE_METRICS_TOKEN as `Authorization: Bearer …`, or a secret key.",
        headers={"www-authenticate": 'Bearer realm="shelfwise metrics"'},
    )


def _same(presented: bytes, token: str) -> bool:
    """Whether this is the configured token, in a time that does not tell how much of it is right."""
    if not token:
        return False
    return hmac.compare_digest(hashlib.sha256(presented).digest(), hashlib.sha256(token.encode()).digest())
