"""What becomes of events that come while the shop is open."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Outcome = Literal["accepted", "duplicate", "erased"]
"""accepted: written now; duplicate: held already; erased: stamped before its shopper was erased, and refused."""


@dataclass(frozen=True, slots=True)
class Rejection:
    """An event that was not taken."""

    index: int  # of the event in the body, from 0
    code: str  # stable, listed in docs/events.md
    detail: str  # for a person


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of one body. One event of the body that names several products counts once for each of them."""

    accepted: int
    duplicates: int
    rejected: tuple[Rejection, ...]
