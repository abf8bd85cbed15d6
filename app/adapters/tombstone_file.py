"""The file in which tombstones are kept apart from backups: JSON lines, the first of which says what it is.

It holds pseudonyms and times, no id. Without the pseudonym keys nobody can tell whom it names, and neither can we:
the first line carries the keys' fingerprints, so that a file of other keys is refused and not taken for one that names
nobody here.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Literal

import orjson
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError
from pydantic.alias_generators import to_camel

from app.domain.errors import BadInput, ConfigurationError
from app.domain.privacy import Tombstone

FORMAT: Literal["shelfwise-tombstones/1"] = "shelfwise-tombstones/1"


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, alias_generator=to_camel, populate_by_name=True)


class _Head(_Strict):
    format: Literal["shelfwise-tombstones/1"]
    keys: dict[Annotated[str, StringConstraints(pattern=r"^p[1-9][0-9]*$")], str]


class _Line(_Strict):
    pseudonym: Annotated[str, StringConstraints(pattern=r"^p[1-9][0-9]*:[0-9a-f]{32}$")]
    erased_at: float = Field(ge=0, allow_inf_nan=False)
    receipt_id: Annotated[str, StringConstraints(min_length=1, max_length=64)]


def write_tombstones(path: Path, tombstones: Sequence[Tombstone], fingerprints: Mapping[int, str]) -> None:
    """Replaces the file in one step. Raises BadInput where it can't be written."""
    head = _Head(format=FORMAT, keys={f"p{version}": print_ for version, print_ in fingerprints.items()})
    lines = [head.model_dump(by_alias=True)]
    lines += [
        {"pseudonym": stone.pseudonym, "erasedAt": stone.erased_at, "receiptId": stone.receipt_id}
        for stone in tombstones
    ]
    try:
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False) as file:
            file.write(b"".join(orjson.dumps(line) + b"\n" for line in lines))
            file.flush()
            os.fsync(file.fileno())
        Path(file.name).replace(path)
    except OSError as error:
        raise BadInput(f"{path} can't be written: {error.strerror}") from error


def read_tombstones(path: Path, fingerprints: Mapping[int, str]) -> list[Tombstone]:
    """The tombstones of a file, checked whole before any is used.

    Args:   fingerprints: of the keys in use, see Pseudonyms.
    Raises: BadInput: no such file, or a line is wrong (`file:line:`); ConfigurationError: made with other keys.
    """
    try:
        lines = path.read_bytes().splitlines()
    except OSError as error:
        raise BadInput(f"{path} can't be read: {error.strerror}") from error
    found = []
    number = 1
    try:
        head = _Head.model_validate_json(lines[0] if lines else b"")
        for number, line in enumerate(lines[1:], start=2):  # noqa: B007 - the error below names it
            one = _Line.model_validate_json(line)
            found.append(Tombstone(one.pseudonym, one.erased_at, one.receipt_id))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise BadInput(f"{path.name}:{number}: no file of tombstones: {where}: {first['msg']}") from error
    ours = {f"p{version}": print_ for version, print_ in fingerprints.items()}
    used = {stone.pseudonym.partition(":")[0] for stone in found}
    strange = sorted(
        version for version in used if ours.get(version) is None or ours[version] != head.keys.get(version)
    )
    if strange:
        raise ConfigurationError(
            f"{path.name}: made with another key {', '.join(strange)} than PSEUDONYM_KEYS (or secret.key) has now; "
            "restore the keys first: without them nobody can be told"
        )
    return found
