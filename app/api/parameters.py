"""Checks on query strings that a model of single values can't make."""

from __future__ import annotations

from fastapi import Depends, Request

from app.api.errors import ApiError, Code, FieldError


async def _single_values(request: Request) -> None:
    """Refuses `limit=5&limit=50`: which one counts would be a guess, and two readers may guess differently."""
    read_values(request, frozenset())


async def _single_values_but_lists(request: Request) -> None:
    """The same where some parameters are lists."""
    read_values(request, LISTS)


def read_values(request: Request, lists: frozenset[str]) -> dict[str, str | list[str]]:
    """The values of a query string by name; of those in `lists` all, in their order.

    Raises: ApiError (422 invalid_request): another one is given several times.
    """
    values: dict[str, str | list[str]] = {}
    for name, value in request.query_params.multi_items():
        if name in lists:
            several = values.setdefault(name, [])
            assert isinstance(several, list)
            several.append(value)
        elif name in values:
            errors = [FieldError(name, "must be given once")]
            raise ApiError(Code.INVALID_REQUEST, f"Not valid: {name}.", errors=errors)
        else:
            values[name] = value
    return values


LISTS = frozenset({"categories", "brands", "attributes"})
"""Parameters of a search that may be given several times."""

SingleValues = Depends(_single_values)
SingleValuesButLists = Depends(_single_values_but_lists)
