"""Addresses with an id that holds a slash: `/api/users/a%2Fb/consent` is about the shopper `a/b`."""

from __future__ import annotations

from urllib.parse import unquote

from fastapi.routing import APIRoute
from starlette.routing import Match
from starlette.types import Scope


class EncodedIdRoute(APIRoute):
    """A route that tells `%2F` in an id from the slashes of the address.

    The server hands over the path decoded, where both are alike; a route that took slashes into the id would read
    `DELETE /api/users/7/consent` as the erasure of a shopper `7/consent`.
    """

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """As any route; where the path came with an encoded slash it is matched first and decoded then."""
        raw: bytes = scope.get("raw_path") or b""
        if scope["type"] != "http" or b"%2f" not in raw.lower():
            return super().matches(scope)
        match, child = super().matches({**scope, "path": raw.decode("ascii", "replace")})
        if match is not Match.NONE:
            child["path_params"] = {name: unquote(str(value)) for name, value in child["path_params"].items()}
        return match, child
