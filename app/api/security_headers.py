"""What every answer forbids a browser to do with it, unless the answer says otherwise itself."""

from __future__ import annotations

from collections.abc import Collection

from starlette.types import Scope

_DEFAULTS = (
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-frame-options", b"DENY"),
)
_TLS = (b"strict-transport-security", b"max-age=31536000")


def security_headers(scope: Scope, given: Collection[bytes]) -> list[tuple[bytes, bytes]]:
    """The headers that an answer lacks.

    Args: given: names of the answer's own, in lower case; a page brings a policy that allows its scripts.
    """
    missing = [header for header in _DEFAULTS if header[0] not in given]
    if scope["app"].state.api.behind_tls:
        missing.append(_TLS)
    return missing
