"""What shoppers did, what they prefer, and what they agreed to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray


class EventKind(StrEnum):
    """The kinds of event that the contract knows."""

    VIEW = "view"
    CLICK = "click"
    ADD_TO_CART = "add_to_cart"
    REMOVE_FROM_CART = "remove_from_cart"
    PURCHASE = "purchase"
    REFUND = "refund"
    WISHLIST = "wishlist"
    SEARCH = "search"
    RATING = "rating"
    REVIEW = "review"
    DISMISS = "dismiss"
    IMPRESSION = "impression"


@dataclass(frozen=True, slots=True)
class Interaction:
    """A timestamped user-item event. Any of the three ids may be None; without any it counts for figures only."""

    event_id: str
    kind: EventKind
    timestamp: float  # epoch seconds, UTC
    user_id: str | None = None
    anonymous_id: str | None = None
    session_id: str | None = None
    product_id: str | None = None
    quantity: float | None = None
    price_minor: int | None = None
    transaction_id: str | None = None
    query: str | None = None
    dwell_ms: int | None = None
    value: float | None = None
    recommendation_id: str | None = None
    position: int | None = None
    note: str | None = None  # what a shopper wrote; written only, no request ever reads it
    claimed: bool = False  # by a browser: what the shop's server reports of the same order line takes its place


class PastInteraction(NamedTuple):
    """What of a stored interaction shapes a profile: read by the hundred on every request, so no more than that."""

    event_id: str
    kind: EventKind
    timestamp: float  # epoch seconds, UTC
    session_id: str | None
    product_id: str | None
    transaction_id: str | None
    value: float | None


@dataclass(frozen=True, slots=True)
class Preferences:
    """What a shopper stated. Stated preferences override older implicit signals."""

    budget_minor: int | None = None  # per item
    interests: tuple[str, ...] = ()
    style_tags: tuple[str, ...] = ()
    sizes: tuple[str, ...] = ()
    avoid: tuple[str, ...] = ()  # brands, categories or tags
    segments: tuple[str, ...] = ()  # groups that the shop put the shopper in: promotions' audience
    country: str | None = None  # cohort trending only; never in a prompt, reason or trace
    age_band: str | None = None  # likewise
    extra: Mapping[str, str] = field(default_factory=dict)
    updated_at: float | None = None  # epoch seconds


Personalization = Literal["none", "session", "full"]


@dataclass(frozen=True, slots=True)
class Consent:
    """What may be used: none = popular only, session = this session's events only, full = everything held."""

    personalization: Personalization = "session"
    llm_processing: bool = False


@dataclass(frozen=True, slots=True)
class Shopper:
    """A stored shopper. `known` is False for an id that the store has never seen."""

    user_id: str | None
    preferences: Preferences = Preferences()
    consent: Consent = Consent()
    known: bool = False


Subject = tuple[Literal["user", "anonymous", "session"], str]
"""One id under which something is held about somebody."""


@dataclass(frozen=True, slots=True)
class ShoppersChanged:
    """About whom something was written since the last look; `subjects` None: it may be anybody."""

    subjects: frozenset[Subject] | None


@dataclass(frozen=True, slots=True)
class Signal:
    """How much one interaction of a kind says, and how fast that fades. A negative weight speaks against the item."""

    weight: float
    half_life_days: float


KINDS: tuple[EventKind, ...] = tuple(EventKind)
"""Code i of an InteractionLog's `kind` column stands for KINDS[i]."""


@dataclass(frozen=True, slots=True)
class History:
    """One shopper's interactions with products, column-wise, ordered by time. Every array has the shape (n,)."""

    product: NDArray[np.int32]  # snapshot rows or model columns, as the one who asks for it says
    kind: NDArray[np.int8]  # code into KINDS
    timestamp: NDArray[np.float64]  # epoch seconds, UTC
    order: NDArray[np.int32]  # code of the transaction, -1 where unknown
    value: NDArray[np.float32] | None = None  # stars of ratings and reviews, NaN where not stated; None: nowhere stated

    def __len__(self) -> int:
        return len(self.product)

    def of(self, chosen: NDArray[np.bool_] | slice) -> History:
        """The chosen interactions."""
        value = None if self.value is None else self.value[chosen]
        return History(self.product[chosen], self.kind[chosen], self.timestamp[chosen], self.order[chosen], value)


NO_HISTORY = History(
    np.empty(0, dtype=np.int32), np.empty(0, dtype=np.int8), np.empty(0, dtype=np.float64), np.empty(0, dtype=np.int32)
)


@dataclass(frozen=True, slots=True)
class InteractionLog:
    """All interactions with a product, column-wise, ordered by time. Every array has the shape (n_interactions,).

    An actor is what may be tied together under the consent given: a shopper who agreed to full personalisation,
    else one session, else one anonymous id. -1 where nothing may be tied: such rows count for popularity only.
    """

    actor: NDArray[np.int32]  # code, or -1
    n_actors: int
    product: NDArray[np.int32]  # code into product_ids
    product_ids: tuple[str, ...]
    kind: NDArray[np.int8]  # code into KINDS
    timestamp: NDArray[np.float64]  # epoch seconds, UTC
    quantity: NDArray[np.float32]  # 1 where unknown
    order: NDArray[np.int32]  # code of the transaction, -1 where unknown
    value: NDArray[np.float32] | None = None  # stars of ratings and reviews, NaN where not stated; None: nowhere stated
    holder: NDArray[np.int32] | None = None  # code of the account or browser that it came from, -1 where it names none
    vouched_at: NDArray[np.float64] | None = None  # when the shop first reported an order of the holder; inf: never

    def __len__(self) -> int:
        return len(self.product)

    def holders(self) -> NDArray[np.int64]:
        """Whom each row counts for where shoppers are counted, shape (n,): the account or browser, else the actor,
        else nobody but itself.

        Consent says what may be tied together into a history, and nothing here becomes one; but an account whose
        visits may not be tied must not count as a shopper for each of them (docs/decisions/033).
        """
        holder = np.full(len(self), -1, dtype=np.int64) if self.holder is None else self.holder.astype(np.int64)
        n_holders = int(holder.max(initial=-1)) + 1
        by_actor = np.flatnonzero((holder < 0) & (self.actor >= 0))
        holder[by_actor] = n_holders + self.actor[by_actor]
        alone = np.flatnonzero(holder < 0)
        holder[alone] = n_holders + self.n_actors + np.arange(len(alone))
        return holder

    def nobodys(self) -> NDArray[np.bool_]:
        """Which rows count for nobody but themselves, shape (n,): neither actor, account nor browser is known."""
        alone: NDArray[np.bool_] = self.actor < 0
        return alone if self.holder is None else alone & (self.holder < 0)

    def vouched(self) -> NDArray[np.bool_]:
        """Which rows the shop vouches for, shape (n,): orders that it reported itself, and all rows of their holders.

        Anybody can open accounts and have a browser say what it likes; an order that the shop's own server reports was
        placed and paid for (docs/decisions/034). Without `vouched_at`: all rows.
        """
        return np.ones(len(self), dtype=np.bool_) if self.vouched_at is None else np.isfinite(self.vouched_at)

    def as_known_at(self, end: float) -> InteractionLog:
        """The log without what only orders at `end` (epoch seconds) or later told of earlier rows.

        Nobody is told apart, and `vouched_at` is None, where the shop had reported no order of anybody until then.
        """
        if self.vouched_at is None:
            return self
        known = self.vouched_at < end
        somebody = bool((known & ~self.nobodys()).any())
        return replace(self, vouched_at=np.where(known, self.vouched_at, np.inf) if somebody else None)

    def holder_of_actor(self) -> NDArray[np.int64]:
        """The holder of each actor, shape (n_actors,), as `holders` numbers them; -1 for one without a row."""
        found = np.full(self.n_actors, -1, dtype=np.int64)
        tied = self.actor >= 0
        found[self.actor[tied]] = self.holders()[tied]
        return found
