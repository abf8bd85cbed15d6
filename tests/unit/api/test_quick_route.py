"""The quick reading of a request passes on, refuses and describes what the framework's own does."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable
from contextlib import AsyncExitStack
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlencode

import pytest
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.datastructures import State
from starlette.responses import Response

from app.api import recommendations, search, shelves, stream
from app.api.errors import ApiError
from app.api.keys import KeyScope
from app.api.limits import OFF
from app.api.quick_route import QuickRoute

ROUTES = {
    route.operation_id: route
    for module in (recommendations, stream, search, shelves)
    for route in module.router.routes
    if isinstance(route, QuickRoute) and route.methods == {"GET"}
}
NAMES = [
    "userId", "user_id", "anonymousId", "sessionId", "limit", "placement", "productId", "budget", "query", "reasons",
    "deadlineMs", "q", "categories", "brands", "priceMin", "priceMax", "inStock", "attributes", "category", "Limit", "",
    "recommendationId",
]  # fmt: skip
VALUES = [
    "", "1", "5", "50", "51", "0", "-1", "5.0", " 5", "1e3", "1_0", "129.90", "0.001", "NaN", "x" * 300, "a\x00b",
    "true", "1.5", "home", "llm", "template", "colour:black", "colour:", "Audio > Headphones", "lamp", "\u2028", "ü",
    "a  b", "true ",
]  # fmt: skip


def test_every_reading_endpoint_is_quick() -> None:
    """Those that shoppers' pages ask; the rest is left to the framework."""
    assert set(ROUTES) == {
        "getRecommendations", "getWhy", "streamRecommendations", "getSearch", "getSimilar", "getBoughtTogether",
        "getTrending",
    }  # fmt: skip
    for route in ROUTES.values():
        assert route.get_route_handler().__qualname__ == "_Reading.answer"
    [post] = [route for route in recommendations.router.routes if route.methods == {"POST"}]
    assert post.get_route_handler().__qualname__ != "_Reading.answer"


def outcome(
    route: QuickRoute,
    handler_of: Callable[[QuickRoute], Callable[[Request], Any]],
    query: bytes,
    *,
    path: str = "p1",
    token: str | None = None,
    key: KeyScope | None = KeyScope.SECRET,
) -> object:
    """What the endpoint was called with, or the error raised."""
    called: dict[str, Any] = {}

    @functools.wraps(route.endpoint)
    async def endpoint(**arguments: Any) -> Response:
        called.update(arguments)
        return Response()

    spied = type(route)(
        route.path, endpoint, dependencies=route.dependencies, methods=["GET"], response_class=route.response_class
    )
    scope = scope_of(query, path, token, key)
    try:
        asyncio.run(handler_of(spied)(Request(scope)))
    except RequestValidationError as error:
        return [(one["type"], tuple(one["loc"]), one["msg"]) for one in error.errors()]
    except ApiError as error:
        return (error.code, error.detail, error.errors)
    called["request"] = None
    return called


def scope_of(query: bytes, path: str, token: str | None, key: KeyScope | None) -> dict[str, Any]:
    stack = SimpleNamespace()
    api = SimpleNamespace(tokens=None, limits=OFF)
    headers = [(b"host", b"localhost")] + ([] if token is None else [(b"x-shopper-token", token.encode())])
    return {
        "type": "http", "method": "GET", "path": "/x", "raw_path": b"/x", "root_path": "", "scheme": "http",
        "server": ("localhost", 80), "headers": headers, "query_string": query,
        "path_params": {"productId": path, "recommendationId": path},
        "app": SimpleNamespace(state=State({"api": api})),
        "state": {"key_scope": key, "key_id": "k", "address": "127.0.0.1"},
        "fastapi_middleware_astack": stack,
    }  # fmt: skip


def framework(route: APIRoute) -> Callable[[Request], Any]:
    """The framework's own handler of the same route."""
    handler = APIRoute.get_route_handler(route)

    async def answer(request: Request) -> Any:
        async with AsyncExitStack() as stack:
            for name in ("fastapi_inner_astack", "fastapi_function_astack", "fastapi_middleware_astack"):
                request.scope[name] = stack
            return await handler(request)

    return answer


def quick(route: QuickRoute) -> Callable[[Request], Any]:
    """The quick one."""
    return route.get_route_handler()


pairs = st.lists(st.tuples(st.sampled_from(NAMES), st.sampled_from(VALUES)), max_size=6)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(pairs, st.sampled_from(sorted(ROUTES)), st.sampled_from(["p1", "", "a/b", "x" * 200, "a\x00"]))
def test_any_query_means_the_same_both_ways(given_pairs: list[tuple[str, str]], operation: str, path: str) -> None:
    """The same model and ids, or the same errors in the same order."""
    query = urlencode(given_pairs).encode()
    route = ROUTES[operation]
    assert outcome(route, quick, query, path=path) == outcome(route, framework, query, path=path)


@pytest.mark.parametrize("operation", sorted(ROUTES))
@pytest.mark.parametrize("query", [b"", b"q=lamp", b"limit=0&x=1&q=a", b"limit=1&limit=2", b"%ff=%ff", b"a;b&&=&q"])
@pytest.mark.parametrize(("token", "key"), [("t.o.k", KeyScope.PUBLISHABLE), ("", KeyScope.SECRET), (None, None)])
def test_callers_are_the_same_both_ways(operation: str, query: bytes, token: str | None, key: KeyScope | None) -> None:
    """Also one whom the gate did not let in, before anything is said of the query."""
    route = ROUTES[operation]
    found = outcome(route, quick, query, token=token, key=key)
    assert found == outcome(route, framework, query, token=token, key=key)
    if isinstance(found, dict):
        assert found["caller"].token == (token or None)


def test_the_document_is_that_of_the_frameworks_routes() -> None:
    """Byte for byte."""
    documents = []
    for kind in (None, APIRoute):
        app = FastAPI()
        for route in ROUTES.values():
            app.router.add_api_route(
                route.path,
                route.endpoint,
                dependencies=route.dependencies,
                responses=route.responses,
                operation_id=route.operation_id,
                methods=["GET"],
                route_class_override=kind or type(route),
            )
        documents.append(app.openapi())
    assert documents[0] == documents[1]
    assert len(documents[0]["paths"]) == len(ROUTES)
