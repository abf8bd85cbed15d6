"""Whether the process runs, and whether it can answer. Neither depends on a model provider."""

from __future__ import annotations

import asyncio

from fastapi import APIRouter, Request
from starlette.responses import Response

from app.api.answer_schemas import LiveAnswer, ReadyAnswer
from app.api.answers import Json, respond
from app.api.context import Context
from app.api.errors import ApiError, Code
from app.api.keys import KeyScope
from app.api.openapi import probe_answers

router = APIRouter(tags=["health"])


@router.get("/livez", operation_id="getLive", responses=probe_answers(LiveAnswer))
async def get_live() -> Response:
    """The process runs and its event loop turns."""
    return respond({"status": "ok"})


@router.get("/readyz", operation_id="getReady", responses=probe_answers(ReadyAnswer, Code.NOT_READY))
async def get_ready(request: Request, context: Context) -> Response:
    """200 `ok`; 200 `degraded` with the parts that are missing or broken; 503 when requests can't be answered."""
    if context.door.draining:
        raise ApiError(Code.NOT_READY, "The service is stopping.")
    health = await asyncio.to_thread(context.health)
    if not health.ready:
        raise ApiError(Code.NOT_READY, "Not working: " + ", ".join(health.degraded or ("start",)) + ".")
    body: Json = {"status": "degraded" if health.degraded else "ok", "degraded": list(health.degraded)}
    # Probes carry no key; what exactly is wrong with a part is for the shop alone.
    if request.scope["state"].get("key_scope") is KeyScope.SECRET:
        body["details"] = dict(health.details)
    return respond(body)
