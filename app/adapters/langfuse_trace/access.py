"""Where a Langfuse project is and how it is reached; nothing of it is imported or opened here."""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import urlsplit

from app import __version__
from app.domain.errors import ConfigurationError
from app.settings import Settings

CLOUD = "https://cloud.langfuse.com"


@dataclass(frozen=True, slots=True)
class Access:
    """One Langfuse project."""

    host: str  # https://cloud.langfuse.com, without a slash at its end
    public_key: str
    secret_key: str = field(repr=False)
    environment: str = "default"
    release: str = __version__


def access_of(settings: Settings) -> Access | None:
    """The project that the settings name; None without keys.

    Raises: ConfigurationError: one key is missing, or the host is no address.
    """
    public, secret = settings.langfuse_public_key, settings.langfuse_secret_key.get_secret_value()
    if not public and not secret:
        return None
    if not (public and secret):
        raise ConfigurationError(
            "Set both SHELFWISE_LANGFUSE_PUBLIC_KEY and SHELFWISE_LANGFUSE_SECRET_KEY, or neither."
        )
    host = settings.langfuse_host.rstrip("/") or CLOUD
    try:
        parts = urlsplit(host)
        known = parts.scheme in ("http", "https") and bool(parts.hostname)
    except ValueError:
        known = False
    if not known:
        raise ConfigurationError(f"SHELFWISE_LANGFUSE_HOST is {host!r}; write the server's address, such as {CLOUD}.")
    if settings.langfuse_environment.startswith("langfuse"):
        raise ConfigurationError(
            "SHELFWISE_LANGFUSE_ENVIRONMENT begins with langfuse; Langfuse keeps such names to itself."
        )
    return Access(host, public, secret, settings.langfuse_environment)
