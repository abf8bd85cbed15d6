"""Checks on query strings that a model of single values can't make."""

from __future__ import annotations

from fastapi import Depends, Request

from app.api.errors import ApiError, Code, FieldError


async def _single_values(request: Request) -> None:
    """Refuses `limit=5&limit=50`: which one counts would be a guess, and two readers may guess differently."""
    _refuse_repeats(request, frozenset())


async def _single_values_but_lists(request: Request) -> None:
    """The same where some parameters are lists."""
    _refuse_repeats(request, LISTS)


def _refuse_repeats(request: Request, lists: frozenset[str]) -> None:
    seen: set[str] = set()
    for name, _ in request.query_params.multi_items():
        if name in seen and name not in lists:
            errors = [FieldError(name, "must be given once")]
            raise ApiError(Code.INVALID_REQUEST, f"Not valid: {name}.", errors=errors)
        seen.add(name)


LISTS = frozenset({"categories", "brands", "attributes"})
"""Parameters of a search that may be given several times."""

SingleValues = Depends(_single_values)
SingleValuesButLists = Depends(_single_values_but_lists)
