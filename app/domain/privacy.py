"""What is held about one shopper, and what an erasure leaves behind: a receipt."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from app.domain.chat import Remembered
from app.domain.interactions import Interaction, Shopper
from app.domain.ranking import Slate

ErasedKind = Literal["user", "anonymous"]

PendingPart = Literal["answers", "database", "traces"]
"""What of an erasure could not be done at once: `answers` of the model cache; `database`, bytes in its files;
`traces`, in Langfuse."""


@dataclass(frozen=True, slots=True)
class Holdings:
    """Everything that the store holds about one shopper, as one state of it."""

    shopper: Shopper
    stated_consent: bool  # False: the shopper never chose, `shopper.consent` is what holds all the same
    created_at: float | None  # when the shopper was first stored, epoch seconds; None: no row
    anonymous_ids: tuple[str, ...] = ()  # tied to the shopper, in order
    events: tuple[Interaction, ...] = ()  # oldest first, those under tied anonymous ids included
    slates: tuple[Slate, ...] = ()  # oldest first
    conversations: tuple[Remembered, ...] = ()  # with the assistant, oldest first
    erased_at: float | None = None  # of an earlier erasure


@dataclass(frozen=True, slots=True)
class Tombstone:
    """Who was erased and when, without saying who: a keyed pseudonym."""

    pseudonym: str
    erased_at: float  # epoch seconds of the wall clock
    receipt_id: str


@dataclass(frozen=True, slots=True)
class Receipt:
    """What one erasure did. Holds no personal data, so that it can be kept."""

    receipt_id: str
    erased_at: float  # epoch seconds of the wall clock
    stores: Mapping[str, int] = field(default_factory=dict)  # store → rows deleted
    baseline_version: str | None = None  # model in use that was trained while the events were held; None: none such
    pending: tuple[PendingPart, ...] = ()


@dataclass(frozen=True, slots=True)
class Erasure:
    """A receipt with what its bearer needs to finish the work, and nobody else."""

    receipt: Receipt
    pseudonyms: tuple[str, ...] = ()  # of the shopper and of everything tied to it: what caches go by
    traces: tuple[str, ...] = ()  # raw ids that must not be found in any file any more; never stored
    again: bool = False  # nothing was held: the receipt is that of the erasure before
