"""Keyed pseudonyms: what stands for a shopper in cache keys, logs and traces, so that no raw id leaves the store.

Keys have versions: a pseudonym says which key it was made with, a new key takes over for new ones, and what was made
with an older one can still be told (an erasure must hold for ever).
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

Kind = Literal["user", "anonymous", "session", "address"]

_PURPOSE = b"shelfwise pseudonym"
_HEX_DIGITS = 32  # 128 bits: no collision among any number of shoppers that a shop can have


def pseudonym_key(secret: bytes) -> bytes:
    """The key of pseudonyms, derived from the deployment's secret, 32 bytes.

    Derived, so that the same secret may sign shopper tokens: what one use gives away says nothing about the other.
    """
    return hmac.new(secret, _PURPOSE, hashlib.sha256).digest()


def pseudonym(shopper_id: str, key: bytes, version: int, kind: Kind = "user") -> str:
    """What stands for a shopper, such as "p1:9f2c…": HMAC-SHA256, 32 hexadecimal digits.

    Args:    key: see `pseudonym_key`; version: number of the key, so that pseudonyms of different keys can be told
             apart; kind: of the id, so that a session that is called like a user is somebody else.
    Returns: the same for the same arguments, and without the key not to be linked to the id.
    """
    message = f"{version}\0{kind}\0{shopper_id}".encode("utf-8", "surrogatepass")
    return f"p{version}:{hmac.digest(key, message, 'sha256').hex()[:_HEX_DIGITS]}"


@dataclass(frozen=True, slots=True)
class Pseudonyms:
    """Makes pseudonyms with the newest of some keys. The keys are left out of its repr."""

    keys: Mapping[int, bytes]  # version → key (see `pseudonym_key`), at least one

    @classmethod
    def of_secrets(cls, secrets: Mapping[int, bytes]) -> Pseudonyms:
        """With a key derived from each secret, by version."""
        return cls(MappingProxyType({version: pseudonym_key(secret) for version, secret in sorted(secrets.items())}))

    @property
    def version(self) -> int:
        """Of the key that makes new pseudonyms: the highest."""
        return max(self.keys)

    def of(self, shopper_id: str, kind: Kind = "user") -> str:
        """The pseudonym of now."""
        return pseudonym(shopper_id, self.keys[self.version], self.version, kind)

    def every(self, shopper_id: str, kind: Kind = "user") -> Sequence[str]:
        """The pseudonyms under every key, oldest first."""
        return [pseudonym(shopper_id, key, version, kind) for version, key in sorted(self.keys.items())]

    def fingerprints(self) -> Mapping[int, str]:
        """Version → 16 hexadecimal digits by which a changed key is told; they say nothing about the key."""
        return {v: hmac.digest(key, b"fingerprint", "sha256").hex()[:16] for v, key in self.keys.items()}

    def __repr__(self) -> str:
        return f"Pseudonyms(versions={sorted(self.keys)})"
