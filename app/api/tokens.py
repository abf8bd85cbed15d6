"""Shopper tokens: the shop's server vouches that the browser it talks to belongs to one shopper."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import jwt

LIFETIME_S = 900
_AUDIENCE = "shelfwise:shopper"
_ALGORITHM = "HS256"
_MAX_LENGTH = 4096


@dataclass(frozen=True, slots=True)
class ShopperToken:
    """A signed token and when it ends, epoch seconds."""

    text: str
    expires_at: float


class TokenRefused(Exception):
    """The token proves nothing; the message says why, in words for the caller."""


class ShopperTokens:
    """Makes and checks tokens (JWT, HS256 and nothing else) with one secret."""

    def __init__(self, secret: str, now: Callable[[], float] = time.time) -> None:
        """Takes the secret (32 characters or more) and the wall clock that tokens are stamped with.

        The wall clock, not AS_OF: how long a token holds is a matter of security, not of the shop's season.
        """
        if not secret:
            raise ValueError("an empty secret would verify anybody's token")
        self._secret = secret
        self._now = now

    def mint(self, user_id: str) -> ShopperToken:
        """A token for one shopper that holds for 15 minutes."""
        issued_at = int(self._now())
        expires_at = issued_at + LIFETIME_S
        claims = {"sub": user_id, "aud": _AUDIENCE, "iat": issued_at, "exp": expires_at}
        return ShopperToken(jwt.encode(claims, self._secret, algorithm=_ALGORITHM), float(expires_at))

    def subject(self, text: str) -> str:
        """The shopper that a token stands for.

        Raises: TokenRefused: expired, forged, for another audience, another algorithm, or no token at all.
        """
        if len(text) > _MAX_LENGTH:
            raise TokenRefused("The shopper token is not valid.")
        try:
            claims = jwt.decode(
                text,
                self._secret,
                algorithms=[_ALGORITHM],
                audience=_AUDIENCE,
                # The expiry is checked below against the clock that was passed in.
                options={"require": ["sub", "aud", "iat", "exp"], "verify_exp": False, "verify_iat": False},
            )
        except jwt.InvalidTokenError as error:
            raise TokenRefused("The shopper token is not valid.") from error
        expires_at = claims["exp"]
        if isinstance(expires_at, bool) or not isinstance(expires_at, int):
            raise TokenRefused("The shopper token is not valid.")
        if self._now() >= expires_at:
            raise TokenRefused("The shopper token has expired; ask the shop's server for a new one.")
        return str(claims["sub"])
