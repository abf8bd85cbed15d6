"""Rows of what shoppers did, and ids for those that have none."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, BeforeValidator, Field

from app.domain.interactions import EventKind, Interaction
from app.ingest.fields import Amount, Count, Identifier, Moment, Money, Number, clean_text

Query = Annotated[str, Field(min_length=1, max_length=1_000), BeforeValidator(clean_text)]


class EventRow(BaseModel):
    """One event of a file."""

    event_id: Identifier | None = None
    type: EventKind
    timestamp: Moment
    user_id: Identifier | None = None
    anonymous_id: Identifier | None = None
    session_id: Identifier | None = None
    product_id: Identifier | None = None
    quantity: Amount | None = None
    price: Money | None = None
    transaction_id: Identifier | None = None
    query: Query | None = None
    dwell_ms: Count | None = None
    value: Number | None = None
    recommendation_id: Identifier | None = None
    position: Count | None = None

    def fault(self) -> str | None:
        """Why the fields can't stand together, None when they can."""
        if self.user_id is None and self.anonymous_id is None:
            return "user_id: neither a user_id nor an anonymous_id"
        if self.type is EventKind.SEARCH:
            return "query: a search without a text" if self.query is None else None
        return f"product_id: a {self.type.value} without a product" if self.product_id is None else None

    def interaction(self, event_id: str) -> Interaction:
        """The event that the row states, under this id."""
        return Interaction(
            event_id,
            self.type,
            self.timestamp,
            self.user_id,
            self.anonymous_id,
            self.session_id,
            self.product_id,
            self.quantity,
            self.price,
            self.transaction_id,
            self.query,
            self.dwell_ms,
            self.value,
            self.recommendation_id,
            self.position,
        )

    def fingerprint(self) -> bytes:
        """16 bytes that are the same for rows that state the same."""
        # Only what is stated: a field that a later version adds leaves the ids of older files as they are.
        content = "\x1f".join([f"{name}={value}" for name, value in self.__dict__.items() if value is not None])
        return hashlib.blake2b(content.encode(), digest_size=16).digest()


def derived_id(fingerprint: bytes, timestamp: float, occurrence: int) -> str:
    """The id of an event that came without one: the same file gives the same ids at every import.

    It begins with the time, so that ids of a file in order of time arrive in order of the id's index, which for
    many events is several times faster than an order at random.

    Args: occurrence: how many rows with this content came before it in the file.
    """
    return f"x{int(timestamp):09x}{fingerprint.hex()}{'' if occurrence == 0 else f'-{occurrence}'}"


class Occurrences:
    """Counts how often each content came, in 8 bytes a row.

    Sorted runs of doubling length, merged when a younger one has grown as long (a log-structured merge), hold the
    first half of each fingerprint. Two contents with the same half (one such pair is expected in six billion rows) only
    share their numbering.
    """

    def __init__(self) -> None:
        self._runs: list[NDArray[np.uint64]] = []

    def number(self, fingerprints: Sequence[bytes]) -> list[int]:
        """For each fingerprint how many equal ones were given before it, earlier calls included."""
        given = np.frombuffer(b"".join(fingerprints), dtype=np.uint64)[::2]
        order = np.argsort(given, kind="stable")
        ordered = given[order]
        before = np.arange(len(ordered)) - np.searchsorted(ordered, ordered, side="left")
        for run in self._runs:
            before += np.searchsorted(run, ordered, side="right") - np.searchsorted(run, ordered, side="left")
        numbers = np.empty(len(given), dtype=np.int64)
        numbers[order] = before
        self._add(ordered)
        return [int(number) for number in numbers]

    def _add(self, run: NDArray[np.uint64]) -> None:
        while self._runs and len(self._runs[-1]) <= len(run):
            run = np.sort(np.concatenate([self._runs.pop(), run]), kind="stable")
        self._runs.append(run)
