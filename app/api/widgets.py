"""The web components, as files: what a shop's pages load with one script element (docs/widgets.md)."""

from __future__ import annotations

import asyncio
import gzip
import hashlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Header
from starlette.responses import Response

from app.api.errors import ApiError, Code

router = APIRouter(prefix="/static/widgets", include_in_schema=False)

FOLDER = Path(__file__).resolve().parents[1] / "web" / "static"
NAMES = ("shelf-recommendations.js", "shelf-chat.js")

KEPT = "public, max-age=300, stale-while-revalidate=86400"
"""A page that names a file without its version sees a new release after five minutes."""

KEPT_FOR_GOOD = "public, max-age=31536000, immutable"
"""With `?v=` and the file's own version it can't change: another release has another version."""


@dataclass(frozen=True, slots=True)
class Widget:
    """A file as it is sent: plain, gzipped, and the version that its content gives it (16 hex digits)."""

    plain: bytes
    gzipped: bytes
    version: str


@cache
def widget(name: str) -> Widget:
    """One of NAMES, read once per process."""
    plain = (FOLDER / name).read_bytes()
    return Widget(plain, gzip.compress(plain, 9, mtime=0), hashlib.sha256(plain).hexdigest()[:16])


@router.api_route("/{name}", methods=["GET", "HEAD"], operation_id="getWidget")
async def get_widget(
    name: str,
    v: str | None = None,
    accept_encoding: Annotated[str, Header()] = "",
    if_none_match: Annotated[str, Header()] = "",
) -> Response:
    """The file; 304 where the browser has it. Pages of every origin may load it: nothing in it is secret."""
    if name not in NAMES:
        raise ApiError(Code.UNKNOWN_ROUTE, f"There is no widget {name!r}; there are {' and '.join(NAMES)}.")
    found = await asyncio.to_thread(widget, name)
    tag = f'"{found.version}"'
    headers = {
        "cache-control": KEPT_FOR_GOOD if v == found.version else KEPT,
        "etag": tag,
        "vary": "accept-encoding",
        "access-control-allow-origin": "*",
        "cross-origin-resource-policy": "cross-origin",
    }
    if tag in if_none_match:
        return Response(status_code=304, headers=headers)
    if not _takes_gzip(accept_encoding):
        return Response(found.plain, headers=headers, media_type="text/javascript")
    return Response(found.gzipped, headers=headers | {"content-encoding": "gzip"}, media_type="text/javascript")


def _takes_gzip(accept_encoding: str) -> bool:
    for coding in accept_encoding.lower().split(","):
        name, _, weight = coding.partition(";")
        if name.strip() == "gzip":
            return weight.replace(" ", "") not in ("q=0", "q=0.0", "q=0.00", "q=0.000")
    return False
