"""The installation's own secret, for deployments that configured none."""

from __future__ import annotations

import contextlib
import os
import secrets
from pathlib import Path

from app.domain.errors import ConfigurationError
from app.pipeline.pseudonym import Pseudonyms
from app.settings import Settings

NAME = "secret.key"
_BYTES = 32


def installation_secret(folder: Path) -> bytes:
    """32 random bytes that stay the same for this data folder; made on the first call, by whichever process is first.

    Kept in `secret.key`, readable by its owner only. Without it pseudonyms of before can't be told any more, so it
    belongs to a backup of the folder.

    Raises: ConfigurationError: the file can't be read or made, or holds something else.
    """
    path = folder / NAME
    try:
        if not path.exists():
            _create(path)
        text = path.read_text(encoding="ascii").strip()
        if path.stat().st_mode & 0o077:
            path.chmod(0o600)  # a copy or a restored backup: nobody else needs to read it
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{path} can't be used: {error}. {_ADVICE}") from error
    try:
        secret = bytes.fromhex(text)
    except ValueError:
        secret = b""
    if len(secret) != _BYTES:
        raise ConfigurationError(f"{path} holds no secret of {2 * _BYTES} hexadecimal digits. {_ADVICE}")
    return secret


_ADVICE = (
    "Restore it from a backup, remove it to get a new one (cached answers are then made anew), or set TOKEN_SECRET."
)


def _create(path: Path) -> None:
    """Written whole under another name, then linked: of two processes one wins and no one reads half a secret."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{NAME}.{os.getpid()}.{secrets.token_hex(4)}")
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(handle, "w", encoding="ascii") as file:
            file.write(secrets.token_hex(_BYTES) + "\n")
            file.flush()
            os.fsync(file.fileno())
        with contextlib.suppress(FileExistsError):
            os.link(draft, path)
    finally:
        draft.unlink()


def open_pseudonyms(settings: Settings) -> Pseudonyms:
    """What makes shoppers' pseudonyms: the keys of the settings, else one from the installation's own secret.

    Raises: ConfigurationError: there is no secret and none can be made.
    """
    return Pseudonyms.of_secrets(settings.pseudonym_secrets or {1: installation_secret(settings.data_dir)})
