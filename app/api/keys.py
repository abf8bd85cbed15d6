"""API keys, what they open, and the guard that keeps a service without keys on its own machine."""

from __future__ import annotations

import functools
import hashlib
import hmac
import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import urlsplit

from app.domain.budgets import key_id
from app.domain.errors import ConfigurationError
from app.settings import Settings, is_loopback

_HOST = re.compile(r"(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9.-]+)(:[0-9]{1,5})?")
_is_local = functools.lru_cache(maxsize=256)(is_loopback)  # asked of every request, nearly always of the same
_FORWARDING = frozenset({b"forwarded", b"x-forwarded-for", b"x-forwarded-host", b"x-real-ip"})


class KeyScope(StrEnum):
    """What a key opens: everything, or what a browser may do."""

    SECRET = "secret"  # noqa: S105
    PUBLISHABLE = "publishable"


@dataclass(frozen=True, slots=True)
class KnownKey:
    """What a request may do by its key, and on whose account it goes."""

    scope: KeyScope
    id: str  # see app.domain.budgets.key_id


class KeyRing:
    """The configured keys, held as SHA-256 digests only; keys are random, so no slow hash is needed."""

    def __init__(self, *, secret: Sequence[str], publishable: Sequence[str]) -> None:
        """Takes the keys as configured.

        Raises: ConfigurationError: one key is in both lists, so its scope is in doubt.
        """
        if set(secret) & set(publishable):
            raise ConfigurationError(
                "One key is in both SHELFWISE_API_KEYS_SECRET and SHELFWISE_API_KEYS_PUBLISHABLE; "
                "remove it from one of them."
            )
        self._known = [(_digest(key.encode()), KnownKey(KeyScope.SECRET, key_id(key.encode()))) for key in secret]
        self._known += [
            (_digest(key.encode()), KnownKey(KeyScope.PUBLISHABLE, key_id(key.encode()))) for key in publishable
        ]

    @classmethod
    def from_settings(cls, settings: Settings) -> KeyRing:
        """The keys of the settings. Raises: ConfigurationError, as above."""
        return cls(
            secret=[key.get_secret_value() for key in settings.api_keys_secret],
            publishable=[key.get_secret_value() for key in settings.api_keys_publishable],
        )

    @property
    def empty(self) -> bool:
        """Whether no key is configured: callers are then trusted, and must be on this machine."""
        return not self._known

    def known(self, key: bytes) -> KnownKey | None:
        """Scope and id of a presented key, None when it is not known. Compares all digests in constant time."""
        presented = _digest(key)
        found: KnownKey | None = None
        for digest, one in self._known:
            if hmac.compare_digest(digest, presented):
                found = one
        return found

    def scope_of(self, key: bytes) -> KeyScope | None:
        """The scope alone."""
        found = self.known(key)
        return None if found is None else found.scope


def _digest(key: bytes) -> bytes:
    return hashlib.sha256(key).digest()


def check_bind(host: str, settings: Settings) -> None:
    """Refuses to listen where others could call while no key is configured.

    Raises: ConfigurationError: `host` is not a loopback name or address and there are no keys.
    """
    if settings.has_keys or is_loopback(host):
        return
    raise ConfigurationError(
        f"Without API keys the service listens on loopback only, and {host!r} is not loopback. "
        "Set SHELFWISE_API_KEYS_SECRET (and SHELFWISE_API_KEYS_PUBLISHABLE for browsers), or use --host 127.0.0.1."
    )


def why_not_local(client: str | None, headers: Sequence[tuple[bytes, bytes]]) -> str | None:
    """Why a request does not surely come from a program on this machine; None when it does.

    Beside the peer's address this looks at Host and Origin (a web page elsewhere can point a browser here, by DNS
    rebinding or directly) and at forwarding headers: they grant nothing, but where one is present a proxy speaks for
    somebody else.

    Args: client: the peer's address; headers: names in lower case, as ASGI gives them.
    """
    if client is None or not _is_local(client):
        return "The caller is not on this machine."
    hosts, origins, forwarded = [], [], False
    for name, value in headers:
        if name == b"host":
            hosts.append(value)
        elif name == b"origin":
            origins.append(value)
        elif name in _FORWARDING:
            forwarded = True
    if len(hosts) != 1 or not _names_loopback(hosts[0].decode("latin-1")):
        return "The Host header does not name this machine as localhost, 127.0.0.1 or [::1]."
    if forwarded:
        return "The request was forwarded by a proxy."
    for origin in origins:
        if not _names_loopback(_authority(origin.decode("latin-1"))):
            return "The request comes from a web page of another machine."
    return None


def _authority(origin: str) -> str:
    try:
        return urlsplit(origin).netloc
    except ValueError:  # unbalanced brackets: no origin that a browser sends
        return ""


def _names_loopback(host: str) -> bool:
    match = _HOST.fullmatch(host)
    return match is not None and _is_local(match.group(1).strip("[]").lower())
