"""The files that pages load: the style sheet, the script, and a drawn picture per product."""

from __future__ import annotations

import asyncio
import hashlib
from typing import Annotated

from fastapi import APIRouter, Header
from starlette.exceptions import HTTPException
from starlette.responses import Response

from app.api.storefront.door import CurrentVisit
from app.domain.ranking import MAX_ID_CHARS
from app.web.illustrations import illustrate
from app.web.storefront.rendering import ASSETS, asset

router = APIRouter(prefix="/static", include_in_schema=False)

_FOR_GOOD = "public, max-age=31536000, immutable"
_FOR_A_WHILE = "public, max-age=3600"


@router.get("/storefront/{name}")
async def get_asset(name: str, seen: CurrentVisit, v: str = "") -> Response:
    """The style sheet or the script; kept for good under its version."""
    if name not in ASSETS:
        raise HTTPException(404)
    file = await asyncio.to_thread(asset, name)
    kept = _FOR_GOOD if v == file.version else _FOR_A_WHILE
    return Response(file.content, media_type=file.media_type, headers={"cache-control": kept})


@router.get("/shop/{name}.svg")
async def get_picture(name: str, seen: CurrentVisit, if_none_match: Annotated[str, Header()] = "") -> Response:
    """The drawn picture of a product; 304 where the browser has it."""
    product = None
    if len(name) <= MAX_ID_CHARS:
        product = (await asyncio.to_thread(seen.context.service.products, [name])).get(name)
    if product is None:
        raise HTTPException(404)
    drawn = illustrate(product).encode()
    tag = f'"{hashlib.blake2b(drawn, digest_size=8).hexdigest()}"'
    headers = {
        "cache-control": _FOR_A_WHILE,
        "etag": tag,
        # Opened as a page of its own, a picture may run and load nothing.
        "content-security-policy": "default-src 'none'; style-src 'none'; sandbox",
    }
    if tag in if_none_match:
        return Response(status_code=304, headers=headers)
    return Response(drawn, media_type="image/svg+xml", headers=headers)
