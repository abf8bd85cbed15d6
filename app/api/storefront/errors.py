"""Errors as pages: where a person's browser asks, and the storefront is served, a problem becomes something to read."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response

from app.api.storefront.pages import page

Handler = Callable[[Request, Exception], Awaitable[Response]]

_WORDS: Mapping[int, tuple[str, str]] = {
    404: ("This shelf is empty", "The page or product that you were looking for is not in the shop, or not any more."),
    422: ("That can't be looked up", "Something in the address is not what this page understands."),
    405: ("Not this way", "This address is not a page to open."),
    503: ("Back in a moment", "The shop is up, but a part that this page needs is not answering. Try again shortly."),
}
_OTHER = ("Something went wrong", "It is us, not you. The log of the service says what happened.")


def install(app: FastAPI) -> None:
    """Puts pages before the problems that the API answers with; both keep their status. After `errors.install`."""
    for kind, handler in list(app.exception_handlers.items()):
        app.add_exception_handler(kind, _as_page(handler))  # type: ignore[arg-type]


def _as_page(inner: Handler) -> Handler:
    async def handle(request: Request, error: Exception) -> Response:
        problem = await inner(request, error)
        if not _wants_page(request):
            return problem
        title, text = _WORDS.get(problem.status_code, _OTHER)
        answer = page("error.html", request, status=problem.status_code, title=title, text=text)
        for name in ("retry-after", "allow", "x-request-id", "server-timing"):
            if name in problem.headers:
                answer.headers[name] = problem.headers[name]
        return answer

    return handle


def _wants_page(request: Request) -> bool:
    shop = getattr(request.app.state, "storefront", None)
    path = request.url.path
    if shop is None or not shop.served or path.startswith(("/api", "/static/", "/docs", "/openapi")):
        return False
    return "text/html" in request.headers.get("accept", "")
