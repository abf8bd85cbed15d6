"""Every error the API answers with: one shape (RFC 9457), one list of codes, one place that knows the statuses.

docs/errors.md describes each code; a test fails when one is missing there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from urllib.parse import quote

import orjson
import structlog
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match
from starlette.types import Scope

from app.api.head import is_api
from app.api.security_headers import security_headers
from app.domain.errors import (
    BadInput,
    Degraded,
    Overloaded,
    ShopperErased,
    StoreUnavailable,
    UnknownProduct,
    UnknownRecommendation,
)
from app.telemetry import context_headers

PROBLEM_JSON = "application/problem+json"
RETRY_AFTER_S = "1"
"""Seconds after which what was refused for want of room or of the database may be sent again."""
_MAX_ERRORS = 20  # a hostile body can be wrong in thousands of places; nobody reads more than a few
_MAX_TEXT = 300
_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")


class Code(StrEnum):
    """The stable, machine-readable name of an error; clients branch on this and never on the text."""

    MALFORMED_JSON = "malformed_json"
    BAD_REQUEST = "bad_request"
    API_KEY_MISSING = "api_key_missing"
    API_KEY_UNKNOWN = "api_key_unknown"
    LOOPBACK_ONLY = "loopback_only"
    SECRET_KEY_REQUIRED = "secret_key_required"  # noqa: S105
    SHOPPER_TOKEN_REQUIRED = "shopper_token_required"  # noqa: S105
    UNKNOWN_ROUTE = "unknown_route"
    UNKNOWN_PRODUCT = "unknown_product"
    UNKNOWN_RECOMMENDATION = "unknown_recommendation"
    METHOD_NOT_ALLOWED = "method_not_allowed"
    BODY_TIMEOUT = "body_timeout"
    PRECONDITION_FAILED = "precondition_failed"
    BODY_TOO_LARGE = "body_too_large"
    TOO_MANY_EVENTS = "too_many_events"
    TOO_MANY_PRODUCTS = "too_many_products"
    UNSUPPORTED_MEDIA_TYPE = "unsupported_media_type"
    SHOPPER_ERASED = "shopper_erased"
    INVALID_REQUEST = "invalid_request"
    INTERNAL_ERROR = "internal_error"
    NOT_READY = "not_ready"
    TOKENS_NOT_CONFIGURED = "tokens_not_configured"
    RATE_LIMITED = "rate_limited"
    OVERLOADED = "overloaded"
    TIMED_OUT = "timed_out"
    UNAVAILABLE = "unavailable"


_STATUS_AND_TITLE: Mapping[Code, tuple[int, str]] = {
    Code.MALFORMED_JSON: (400, "The body is not JSON"),
    Code.BAD_REQUEST: (400, "The request can't be handled"),
    Code.API_KEY_MISSING: (401, "An API key is required"),
    Code.API_KEY_UNKNOWN: (401, "The API key is not known"),
    Code.LOOPBACK_ONLY: (403, "Without API keys only this machine may call"),
    Code.SECRET_KEY_REQUIRED: (403, "A secret key is required"),
    Code.SHOPPER_TOKEN_REQUIRED: (403, "A token of this shopper is required"),
    Code.UNKNOWN_ROUTE: (404, "Nothing is at this address"),
    Code.UNKNOWN_PRODUCT: (404, "Unknown product"),
    Code.UNKNOWN_RECOMMENDATION: (404, "Unknown recommendation"),
    Code.METHOD_NOT_ALLOWED: (405, "This address does not take this method"),
    Code.BODY_TIMEOUT: (408, "The body did not arrive in time"),
    Code.PRECONDITION_FAILED: (412, "A condition of the request does not hold"),
    Code.SHOPPER_ERASED: (409, "The shopper was erased meanwhile"),
    Code.BODY_TOO_LARGE: (413, "The body is too large"),
    Code.TOO_MANY_EVENTS: (413, "Too many events at once"),
    Code.TOO_MANY_PRODUCTS: (413, "Too many products at once"),
    Code.UNSUPPORTED_MEDIA_TYPE: (415, "The body must be plain JSON"),
    Code.INVALID_REQUEST: (422, "The request is not valid"),
    Code.RATE_LIMITED: (429, "Too many calls"),
    Code.INTERNAL_ERROR: (500, "An unexpected error"),
    Code.NOT_READY: (503, "Not ready"),
    Code.TOKENS_NOT_CONFIGURED: (503, "Shopper tokens are not set up"),
    Code.TIMED_OUT: (503, "The answer took too long"),
    Code.OVERLOADED: (503, "Too much is waiting"),
    Code.UNAVAILABLE: (503, "A part of the service is unavailable"),
}


@dataclass(frozen=True, slots=True)
class FieldError:
    """One wrong input: its name as the client wrote it ("filters.price.min"), and what is wrong with it."""

    field: str
    message: str


class ApiError(Exception):
    """Raised by routers and the code they call; answered as a problem with the status of its code."""

    def __init__(
        self,
        code: Code,
        detail: str,
        *,
        errors: Sequence[FieldError] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail
        self.errors = tuple(errors)
        self.headers = dict(headers or {})


@dataclass(frozen=True, slots=True)
class _Facts:
    """What a problem says beside its code."""

    detail: str
    errors: Sequence[FieldError] = ()
    headers: Mapping[str, str] = field(default_factory=dict)
    status: int | None = None  # where a framework error has a status that no code stands for


def status_of(code: Code) -> int:
    """The HTTP status that a code is answered with."""
    return _STATUS_AND_TITLE[code][0]


def problem(scope: Scope, code: Code, detail: str, *, headers: Mapping[str, str] | None = None) -> Response:
    """A problem+json response for code outside the routers (ASGI middleware)."""
    return _respond(scope, code, _Facts(detail, headers=headers or {}))


def _respond(scope: Scope, code: Code, facts: _Facts) -> Response:
    status, title = _STATUS_AND_TITLE[code]
    body: dict[str, object] = {
        "type": f"urn:shelfwise:problem:{code.value}",
        "title": title,
        "status": status if facts.status is None else facts.status,
        "detail": _safe(facts.detail),
        "instance": quote(_safe(str(scope.get("path", "")), 1000)),
        "code": code.value,
        "requestId": scope.get("state", {}).get("request_id"),
    }
    if facts.errors:
        body["errors"] = [{"field": _safe(e.field, 100), "message": _safe(e.message)} for e in facts.errors]
    return Response(
        orjson.dumps(body),
        status_code=status if facts.status is None else facts.status,
        media_type=PROBLEM_JSON,
        headers={"cache-control": "no-store", **facts.headers},
    )


def _safe(text: str, limit: int = _MAX_TEXT) -> str:
    """Text that any JSON reader takes: no lone surrogates (a client can send them escaped), bounded length."""
    clean = text.encode("utf-8", "replace").decode("utf-8")
    return clean if len(clean) <= limit else clean[: limit - 1] + "…"


def install(app: FastAPI) -> None:
    """Makes every error that can leave `app` a problem, the unexpected ones and the framework's own included."""

    async def on_api_error(request: Request, error: ApiError) -> Response:
        return _respond(request.scope, error.code, _Facts(error.detail, error.errors, error.headers))

    async def on_bad_input(request: Request, error: BadInput) -> Response:
        code = _code_of(error)
        named = (FieldError(error.field, str(error)),) if error.field and code is Code.INVALID_REQUEST else ()
        return _respond(request.scope, code, _Facts(str(error), named))

    async def on_broken_part(request: Request, error: Degraded | StoreUnavailable) -> Response:
        structlog.get_logger(__name__).error("part_unavailable", error=type(error).__name__, exc_info=error)
        facts = _Facts("A part that this request needs is unavailable.", headers={"retry-after": RETRY_AFTER_S})
        return _respond(request.scope, Code.UNAVAILABLE, facts)

    async def on_overloaded(request: Request, error: Overloaded) -> Response:
        return _respond(request.scope, Code.OVERLOADED, _Facts(str(error), headers={"retry-after": RETRY_AFTER_S}))

    async def on_invalid(request: Request, error: RequestValidationError) -> Response:
        return _invalid(request.scope, error)

    async def on_http_error(request: Request, error: HTTPException) -> Response:
        return _framework_error(app, request.scope, error)

    async def on_unexpected(request: Request, error: Exception) -> Response:
        # This handler runs outside all other middleware: it has to add their headers itself.
        structlog.get_logger(__name__).error(
            "unexpected_error", route=_route_of(request.scope), error=type(error).__name__, exc_info=error
        )
        detail = "Something went wrong here; the log of the service says what, under this request id."
        response = _respond(request.scope, Code.INTERNAL_ERROR, _Facts(detail))
        response.raw_headers.extend(context_headers(request.scope))
        response.raw_headers.extend(security_headers(request.scope, [name for name, _ in response.raw_headers]))
        return response

    # Starlette types handlers by the root exception only; each is registered for exactly what it takes.
    app.add_exception_handler(ApiError, on_api_error)  # type: ignore[arg-type]
    app.add_exception_handler(BadInput, on_bad_input)  # type: ignore[arg-type]
    app.add_exception_handler(Degraded, on_broken_part)  # type: ignore[arg-type]
    app.add_exception_handler(StoreUnavailable, on_broken_part)  # type: ignore[arg-type]
    app.add_exception_handler(Overloaded, on_overloaded)  # type: ignore[arg-type]
    app.add_exception_handler(RequestValidationError, on_invalid)  # type: ignore[arg-type]
    app.add_exception_handler(HTTPException, on_http_error)  # type: ignore[arg-type]
    app.add_exception_handler(Exception, on_unexpected)


def _code_of(error: BadInput) -> Code:
    if isinstance(error, UnknownProduct):
        return Code.UNKNOWN_PRODUCT
    if isinstance(error, UnknownRecommendation):
        return Code.UNKNOWN_RECOMMENDATION
    if isinstance(error, ShopperErased):
        return Code.SHOPPER_ERASED
    return Code.INVALID_REQUEST


def _invalid(scope: Scope, error: RequestValidationError) -> Response:
    found = error.errors()
    if any(e["type"] == "json_invalid" for e in found):
        return _respond(scope, Code.MALFORMED_JSON, _Facts("The body can't be read as JSON."))
    errors = tuple(FieldError(_field_name(e["loc"]), _message(e["msg"])) for e in found[:_MAX_ERRORS])
    names = ", ".join(dict.fromkeys(e.field for e in errors))
    return _respond(scope, Code.INVALID_REQUEST, _Facts(f"Not valid: {names}.", errors))


def _field_name(location: Sequence[str | int]) -> str:
    """The input's name without the part of the request that it came in: ("query", "limit") → "limit"."""
    parts = [str(part) for part in location]
    return ".".join(parts[1:]) if len(parts) > 1 else parts[0]


def _message(text: str) -> str:
    return text.removeprefix("Value error, ")


def _framework_error(app: FastAPI, scope: Scope, error: HTTPException) -> Response:
    if error.status_code == 404:
        return _respond(scope, Code.UNKNOWN_ROUTE, _Facts("No endpoint has this path; /openapi.json lists them."))
    if error.status_code == 405:
        allowed = _allowed_methods(app, scope)
        facts = _Facts(f"This path takes {', '.join(allowed)}.", headers={"allow": ", ".join(allowed)})
        return _respond(scope, Code.METHOD_NOT_ALLOWED, facts)
    if error.status_code == 400:
        return _respond(scope, Code.MALFORMED_JSON, _Facts("The body can't be read as JSON."))
    facts = _Facts(str(error.detail), headers=dict(error.headers or {}), status=error.status_code)
    return _respond(scope, Code.BAD_REQUEST, facts)


def _allowed_methods(app: FastAPI, scope: Scope) -> list[str]:
    """Methods of every route at this path; the framework's own header names those of the first route only."""
    tried = {key: scope[key] for key in ("type", "path", "raw_path", "root_path", "headers") if key in scope}
    found = [
        method
        for method in _METHODS
        if any(route.matches({**tried, "method": method})[0] is Match.FULL for route in app.routes)
    ]
    if "GET" in found and "HEAD" not in found and not is_api(scope):
        found.insert(1, "HEAD")
    return found


def _route_of(scope: Scope) -> str | None:
    """The route's template; never the path, which can hold a shopper's id."""
    path = getattr(scope.get("route"), "path", None)
    return path if isinstance(path, str) else None
