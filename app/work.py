"""A recommendation request between its stages, what a stream says of it, and where its slate goes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, Protocol

from app.domain.interactions import Consent
from app.domain.model_calls import ProfileFact
from app.domain.ranking import FallbackReason, Query, RankedItem, Slate
from app.finder import Served, Stopwatch
from app.flight import Plan
from app.observer import NO_CONSENT
from app.pipeline.item_evidence import RowEvidence, Scene
from app.pipeline.model_order import ModelOrder
from app.pipeline.profile import Profile
from app.pipeline.prompt_input import PromptItem
from app.pipeline.ranker import Ranking
from app.slate_memo import Remembered


class SlateLog(Protocol):
    """Where served slates go. Never blocks a request."""

    def offer(self, slate: Slate, user_key: str | None) -> None:
        """Queues one slate for writing."""
        ...

    def get(self, recommendation_id: str) -> Slate | None:
        """A served slate, written or still queued; None when unknown."""
        ...


@dataclass(frozen=True, slots=True)
class Told:
    """What a prompt is made of, and the scene that it was read from."""

    items: tuple[PromptItem, ...] = ()
    facts: tuple[ProfileFact, ...] = ()
    percentiles: tuple[float, ...] = ()  # of the items, how well they match the shopper
    scene: Scene | None = None  # None: nothing was told, or it was told as of a stranger
    evidence: Mapping[int, RowEvidence] = field(default_factory=dict)  # by snapshot row


@dataclass(frozen=True, slots=True)
class Work:
    """A request between its two halves: everything before the model is done, nothing after it."""

    id: str  # of the recommendation
    query: Query
    now: float
    served: Served
    profile: Profile
    plan: Plan | FallbackReason  # why no model is asked, where none is
    ranking: Ranking
    watch: Stopwatch
    known: ModelOrder | None = None  # a cached answer
    told: Told = Told()
    consent: Consent = NO_CONSENT
    shopper: Remembered | None = None  # whose profile it is


@dataclass(frozen=True, slots=True)
class Streamed:
    """One event of a stream: a whole slate, or one item of it whose sentence was proved since."""

    event: Literal["baseline", "slate", "reason"]
    slate: Slate
    item: RankedItem | None = None


def too_short(query: Query, known: ModelOrder) -> bool:
    """Whether a cached answer was asked for fewer sentences than this query has use for."""
    return query.reasons == "llm" and known.reasons_asked < min(query.limit, len(known.order))
