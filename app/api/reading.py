"""Pages that show the OpenAPI document to a person; there only while no key is configured (a developer's machine)."""

from __future__ import annotations

from fastapi import APIRouter
from fastapi.openapi.docs import get_redoc_html, get_swagger_ui_html
from starlette.exceptions import HTTPException
from starlette.responses import Response

from app.api.context import ApiContext, Context

router = APIRouter(include_in_schema=False)

_POLICY = (
    "default-src 'none'; script-src 'unsafe-inline' https://cdn.jsdelivr.net; style-src 'unsafe-inline' "
    "https://cdn.jsdelivr.net; img-src data: https:; connect-src 'self'; worker-src blob:; frame-ancestors 'none'"
)


@router.get("/docs")
async def get_swagger(context: Context) -> Response:
    """Swagger UI; its script comes from a public CDN."""
    _only_without_keys(context)
    return _readable(get_swagger_ui_html(openapi_url="/openapi.json", title="Shelfwise API"))


@router.get("/redoc")
async def get_redoc(context: Context) -> Response:
    """ReDoc; its script comes from a public CDN."""
    _only_without_keys(context)
    return _readable(get_redoc_html(openapi_url="/openapi.json", title="Shelfwise API", with_google_fonts=False))


def _readable(page: Response) -> Response:
    page.headers["content-security-policy"] = _POLICY
    return page


def _only_without_keys(context: ApiContext) -> None:
    if not context.keys.empty:
        raise HTTPException(404)
