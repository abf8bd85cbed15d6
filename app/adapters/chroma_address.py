"""Where the Chroma server of a data folder is found. Imports little: the supervisor lives with it."""

from __future__ import annotations

from pathlib import Path
from typing import Self

from pydantic import BaseModel, ConfigDict, ValidationError

_ADDRESS = "server.json"


class ServerAddress(BaseModel):
    """Where a running server is found, and what it serves. Kept in a file beside the store while it answers."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    port: int
    generation: str  # folder name of the store that it serves
    token: str  # another one for every start

    @classmethod
    def read(cls, root: Path) -> Self | None:
        """The address in a folder of stores, None where no server answers."""
        try:
            return cls.model_validate_json((root / _ADDRESS).read_bytes())
        except (OSError, ValidationError):
            return None

    @staticmethod
    def path(root: Path) -> Path:
        """The file that `read` reads."""
        return root / _ADDRESS
