"""Addresses with an id that holds a slash: `/api/users/a%2Fb/consent` is about the shopper `a/b`."""

from __future__ import annotations

import re
from urllib.parse import unquote

from fastapi.routing import APIRoute
from starlette.routing import Match
from starlette.types import Scope

_SHELF = re.compile(r"/api/products/.+/(similar|bought-together)$")


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


class ProductRoute(EncodedIdRoute):
    """A route whose product id may hold plain slashes, as article numbers do, but not the address of a shelf.

    `PUT /api/products/7/similar` would else store a product `7/similar`, which `GET` never finds: that address is the
    shelf of 7. Written `7%2Fsimilar` it is an id like any other.
    """

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """As any route, except for the address of a shelf."""
        match, child = super().matches(scope)
        if match is Match.NONE:
            return match, child
        raw: bytes = scope.get("raw_path") or b""
        path = raw.decode("ascii", "replace") if b"%2f" in raw.lower() else str(scope["path"])
        return (Match.NONE, {}) if _SHELF.search(path) else (match, child)
