"""Keyed pseudonyms: what stands for a shopper in cache keys, logs and traces, so that no raw id leaves the store."""

from __future__ import annotations

import hashlib
import hmac
from typing import Literal

Kind = Literal["user", "anonymous", "session"]

_PURPOSE = b"shelfwise pseudonym"
_HEX_DIGITS = 32  # 128 bits: no collision among any number of shoppers that a shop can have


def pseudonym_key(secret: bytes) -> bytes:
    """The key of pseudonyms, derived from the deployment's secret, 32 bytes.

    Derived, so that the same secret may sign shopper tokens: what one use gives away says nothing about the other.
    """
    return hmac.new(secret, _PURPOSE, hashlib.sha256).digest()


def pseudonym(shopper_id: str, key: bytes, version: int, kind: Kind = "user") -> str:
    """What stands for a shopper, such as "v1.9f2c…": HMAC-SHA256, 32 hexadecimal digits.

    Args:    key: see `pseudonym_key`; version: number of the key, so that pseudonyms of different keys can be told
             apart; kind: of the id, so that a session that is called like a user is somebody else.
    Returns: the same for the same arguments, and without the key not to be linked to the id.
    """
    message = f"{version}\0{kind}\0{shopper_id}".encode("utf-8", "surrogatepass")
    return f"v{version}.{hmac.new(key, message, hashlib.sha256).hexdigest()[:_HEX_DIGITS]}"
