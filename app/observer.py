"""What the service tells of its work, to whoever counts or traces it: one small interface, called at few places.

Nothing here waits, writes or knows a library. A teller hands over what it has anyway (a slate holds its stages'
milliseconds, a ledger row its tokens) and goes on; who listens does the work elsewhere. With nobody listening a told
request costs one small object.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

from app.domain.chat import Talker
from app.domain.interactions import Consent, Interaction
from app.domain.model_calls import LedgerRow
from app.domain.ranking import Slate

NO_CONSENT = Consent(personalization="none", llm_processing=False)
"""Of a request whose shopper is nobody's business outside this process."""


@dataclass(frozen=True, slots=True)
class RequestTold:
    """A slate that was just handed to the caller: recommendations, either slate of a stream, or a shelf.

    `slate.latency_ms` holds the stages in the order in which they ran, after "total"; they follow each other without
    gaps. `slate.call_of` says which recommendation the model call behind it was made for.
    """

    slate: Slate
    consent: Consent = NO_CONSENT
    interactions: int = 0  # that speak for a product, in the shopper's profile
    ended_at: float = field(default_factory=time.time)  # epoch seconds of the wall clock


@dataclass(frozen=True, slots=True)
class ToolTold:
    """A tool that the assistant used, or was asked for in vain. Without arguments: they may repeat a shopper."""

    name: str  # "unknown" where a model made one up
    outcome: Literal["done", "refused", "late"]
    ended_at: float  # epoch seconds of the wall clock
    seconds: float


@dataclass(frozen=True, slots=True)
class ChatTold:
    """One answer of the assistant, as far as it came. Its model calls carry the same `request_id` in the ledger."""

    request_id: str
    talker: Talker
    consent: Consent
    ended_at: float  # epoch seconds of the wall clock
    seconds: float
    with_model: bool
    failure: str = "none"  # none | late | broken | refused: what became of the model
    tools: tuple[ToolTold, ...] = ()
    sentences: int = 0  # of the model that were proved and shown
    removed: Mapping[str, int] = field(default_factory=dict)  # why others were not → how many


class Observer(Protocol):
    """Who listens. No method may wait, raise, or keep a caller for more than microseconds; any thread may call."""

    def request_ended(self, told: RequestTold) -> None:
        """A slate was handed to the caller."""
        ...

    def call_ended(self, row: LedgerRow) -> None:
        """A model call is over and in the ledger as told; `row.outcome` is a refusal where it was not made."""
        ...

    def chat_ended(self, told: ChatTold) -> None:
        """An answer of the assistant ended, also where the client left."""
        ...

    def events_taken(self, events: Sequence[Interaction]) -> None:
        """These events are on the disk; none was held before."""
        ...


@dataclass(frozen=True, slots=True)
class Observers:
    """Tells each of several, in order. Of none it is silence."""

    each: tuple[Observer, ...] = ()

    def request_ended(self, told: RequestTold) -> None:
        """See Observer."""
        for one in self.each:
            one.request_ended(told)

    def call_ended(self, row: LedgerRow) -> None:
        """See Observer."""
        for one in self.each:
            one.call_ended(row)

    def chat_ended(self, told: ChatTold) -> None:
        """See Observer."""
        for one in self.each:
            one.chat_ended(told)

    def events_taken(self, events: Sequence[Interaction]) -> None:
        """See Observer."""
        for one in self.each:
            one.events_taken(events)


SILENCE = Observers()
"""Nobody listens."""
