"""Routes that the framework describes, and whose parameters are read in one step.

The framework looks at the types of every parameter anew for every request, which takes as long as all else that a new
question does on the event loop. Here that is done once, when the route is made; what is described, refused and passed
on stays the same (tests/unit/api/test_quick_route.py asks both ways).
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, get_args, get_origin, get_type_hints

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from fastapi.params import Path, Query
from fastapi.routing import APIRoute
from pydantic import BaseModel, TypeAdapter, ValidationError
from starlette.responses import Response

from app.api.context import ApiContext, Context, CurrentCaller, caller_of
from app.api.encoded_ids import EncodedIdRoute
from app.api.parameters import LISTS, SingleValues, SingleValuesButLists, read_values


class QuickRoute(APIRoute):
    """Reads a request itself where its endpoint takes nothing but context, caller, path and one model of the query."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """See APIRoute; the framework's own for any other endpoint."""
        reading = _Reading.of(self)
        return super().get_route_handler() if reading is None else reading.answer


class QuickEncodedIdRoute(QuickRoute, EncodedIdRoute):
    """The same for addresses with an id that may hold a slash."""


@dataclass(frozen=True, slots=True)
class _Reading:
    """What an endpoint is called with: names of its parameters, None where it has none of a kind."""

    endpoint: Callable[..., Awaitable[Response]]
    lists: frozenset[str]  # parameters of the query that may come several times
    request: str | None
    context: str | None
    caller: str | None
    path: tuple[tuple[str, str, TypeAdapter[Any]], ...]  # parameter, name in the path, its type
    query: str
    model: type[BaseModel]

    @classmethod
    def of(cls, route: APIRoute) -> _Reading | None:
        """How to read the requests of a route; None where it takes what is not known here."""
        if not inspect.iscoroutinefunction(route.endpoint) or len(route.dependencies) != 1:
            return None
        lists = {id(SingleValues): frozenset[str](), id(SingleValuesButLists): LISTS}.get(id(route.dependencies[0]))
        found: dict[str, str] = {}
        path: list[tuple[str, str, TypeAdapter[Any]]] = []
        models: list[type[BaseModel]] = []
        for name, hint in _parameters(route.endpoint).items():
            of_path, of_query = _marked(hint, Path), _marked(hint, Query)
            if hint is Request:
                found["request"] = name
            elif hint == Context:
                found["context"] = name
            elif hint == CurrentCaller:
                found["caller"] = name
            elif of_path is not None:
                path.append((name, of_path.alias or name, TypeAdapter(hint)))
            elif of_query is not None and _is_model(get_args(hint)[0]):
                found["query"] = name
                models.append(get_args(hint)[0])
            else:
                return None
        if lists is None or len(models) != 1 or _lists_of(models[0]) != lists:
            return None
        named = {kind: found.get(kind) for kind in ("request", "context", "caller")}
        return cls(route.endpoint, lists, **named, path=tuple(path), query=found["query"], model=models[0])

    async def answer(self, request: Request) -> Response:
        """What the endpoint answers. Raises as the framework does: first for the caller, then for all parameters."""
        scope = request.scope
        values = read_values(request, self.lists)
        given: dict[str, Any] = {}
        if self.request is not None:
            given[self.request] = request
        if self.context is not None:
            given[self.context] = ApiContext.of(scope)
        if self.caller is not None:
            given[self.caller] = caller_of(scope)
        wrong: list[Mapping[str, Any]] = []
        for name, alias, adapter in self.path:
            try:
                given[name] = adapter.validate_python(scope["path_params"][alias])
            except ValidationError as error:
                wrong += _located(error, "path", alias)
        try:
            given[self.query] = self.model.model_validate(values)
        except ValidationError as error:
            wrong += _located(error, "query")
        if wrong:
            raise RequestValidationError(wrong)
        return await self.endpoint(**given)


def _parameters(endpoint: Callable[..., Any]) -> Mapping[str, Any]:
    hints = get_type_hints(endpoint, include_extras=True)
    hints.pop("return", None)
    return hints


def _marked(hint: Any, kind: type[Any]) -> Any:
    """What says where a parameter comes from, None where it is of no such kind."""
    if get_origin(hint) is not Annotated:
        return None
    return next((mark for mark in get_args(hint)[1:] if isinstance(mark, kind)), None)


def _is_model(kind: Any) -> bool:
    return inspect.isclass(kind) and issubclass(kind, BaseModel)


def _lists_of(model: type[BaseModel]) -> frozenset[str]:
    """The names in a query of a model's lists."""
    fields = model.model_fields
    return frozenset(
        field.alias or name for name, field in fields.items() if get_origin(field.annotation) in (list, tuple, set)
    )


def _located(error: ValidationError, *where: str) -> list[Mapping[str, Any]]:
    return [{**one, "loc": (*where, *one["loc"])} for one in error.errors(include_url=False)]
