"""The Protocols of the service; those of an import are in import_ports.py.

A port exists where two implementations or an I/O fake need it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from app.domain.budgets import Budget, Ration, Reservation
from app.domain.catalog import BoolArray, IntArray, Product, Snapshot
from app.domain.chat import Remembered, Talker
from app.domain.deadline import Deadline
from app.domain.interactions import (
    Consent,
    History,
    InteractionLog,
    PastInteraction,
    Preferences,
    Shopper,
    ShoppersChanged,
)
from app.domain.model_calls import LedgerRow, ModelCall, ModelReply, StoredOrder
from app.domain.ranking import Slate
from app.domain.searching import WordMatches

Progress = Callable[[str, int, int | None], None]
"""progress(label, done, total): called as long work advances; total None means unknown."""

Vectors = NDArray[np.float32]
"""Shape (n, dimensions), rows of unit length."""


class ShopStore(Protocol):
    """Reads and small writes that requests need. Every method may be called from any thread."""

    def load_snapshot(self) -> Snapshot:
        """All products, column-wise, at the current change sequence."""
        ...

    def sequence(self) -> int:
        """Number of the newest catalogue change, 0 for an empty store."""
        ...

    def changed_product_ids(self, after_sequence: int) -> tuple[int, Sequence[str]]:
        """The newest sequence and the ids of products changed after the given one, oldest first."""
        ...

    def products(self, product_ids: Sequence[str]) -> Mapping[str, Product]:
        """The products with these ids; unknown ids are left out."""
        ...

    def shopper(self, user_id: str) -> Shopper:
        """Preferences and consent; an unknown id gives a new shopper with `known` False and the default consent."""
        ...

    def frequent_interests(self, limit: int) -> Sequence[str]:
        """The interests and styles that most shoppers state, most frequent first, at most `limit`."""
        ...

    def save_preferences(self, user_id: str, preferences: Preferences, *, asked_at: float | None = None) -> None:
        """Replaces what the shopper stated.

        Raises: ShopperErased: the shopper was erased at or after `asked_at`, epoch seconds of the wall clock.
        """
        ...

    def save_consent(self, user_id: str, consent: Consent, *, asked_at: float | None = None) -> None:
        """Replaces what the shopper agreed to. Raises ShopperErased: as save_preferences."""
        ...

    def interactions(
        self, *, user_id: str | None, anonymous_id: str | None, session_id: str | None, limit: int
    ) -> Sequence[PastInteraction]:
        """The newest interactions (with a product or a search text) of any of the given ids, newest first.

        What a visitor did belongs also to the shopper that the visitor turned out to be, and to no other; what carries
        a user id belongs to that user. Impressions are left out.
        """
        ...

    def interaction_log(self) -> InteractionLog:
        """All interactions with a known product of every kind but search, ordered by time."""
        ...

    def last_event_at(self) -> float | None:
        """Epoch seconds of the newest event, None without events."""
        ...

    def save_slates(
        self, slates: Sequence[Slate], user_keys: Sequence[str | None], begun_at: Sequence[float] | None = None
    ) -> None:
        """Writes served slates, one row each; a slate written before is left as it is.

        Left out are those whose request had begun (epoch seconds of the wall clock) when their shopper was erased;
        those of shoppers who agreed to no personalisation are kept as nobody's.
        """
        ...

    def slate(self, recommendation_id: str) -> Slate | None:
        """A served slate, None when unknown or past retention."""
        ...

    def ping(self) -> None:
        """Raises when the store can't be read."""
        ...


class ShopperChanges(Protocol):
    """What any process writes about shoppers, as far as profiles are made of it. Any thread may look."""

    def look(self) -> ShoppersChanged | None:
        """What was committed since the last look, by whichever process; None: nothing. Takes microseconds.

        Raises: StoreUnavailable: it can't be told.
        """
        ...


class ChatMemory(Protocol):
    """What conversations keep. Every method may be called from any thread."""

    def recall(self, talker: Talker, conversation_id: str | None) -> Remembered:
        """What is remembered of this talker's conversation; nothing of a new one."""
        ...

    def remember(
        self, talker: Talker, conversation_id: str | None, memory: Remembered, *, begun_at: float | None = None
    ) -> None:
        """Replaces what is remembered, within a cap of bytes; nothing, when the talker was erased since `begun_at`."""
        ...


class Embedder(Protocol):
    """Turns text into vectors. `key` names model and weights: vectors of different keys can't be compared."""

    key: str
    dimensions: int

    def encode(self, texts: Sequence[str], progress: Progress | None = None) -> Vectors:
        """Unit vectors, one row per text, in order; shape (len(texts), dimensions)."""
        ...


class VectorIndex(Protocol):
    """Nearest products by vector."""

    def search(self, vector: NDArray[np.float32], k: int) -> tuple[Sequence[str], NDArray[np.float32]]:
        """Product ids and cosine similarities of the at most k nearest products, nearest first."""
        ...


class LexicalIndex(Protocol):
    """Nearest products by words (BM25)."""

    def search(self, text: str, k: int) -> tuple[Sequence[str], NDArray[np.float32]]:
        """Product ids and BM25 scores (> 0) of at most k products, best first."""
        ...

    def scores(self, text: str, product_ids: Sequence[str]) -> NDArray[np.float32]:
        """The scores that `search` gives these products, in their order; 0 for one that it would not find."""
        ...

    def matches(self, text: str) -> WordMatches:
        """What the words of a text find in the whole catalogue, not only the best of it."""
        ...


class BaselineModel(Protocol):
    """A trained implicit-feedback model, item side only: shoppers are folded in at request time."""

    version: str
    product_ids: tuple[str, ...]  # column order of every array below
    half_life_scale: float  # factor on the half-lives of rules/scoring.yaml that training chose
    trained_until: float | None  # newest interaction it has seen, epoch seconds; None without any

    def scores(self, columns: IntArray, weights: NDArray[np.float32]) -> Mapping[str, NDArray[np.float32]]:
        """One score per product for each personal source ("ease", "item_item", "als"), from a history.

        Args:    columns: model columns of the products interacted with, unique, shape (h,); weights: their decayed
                 confidence, positive, shape (h,).
        Returns: source → shape (n_products,), scaled so that the best product of the source scores 1; a product
                 that the source can't score is 0. Empty for an empty history.
        """
        ...

    @property
    def learned_buckets(self) -> frozenset[str]:
        """History buckets that `ranked` serves; empty where nothing was measured to be better than the blend."""
        ...

    def ranked(self, history: History, now: float) -> NDArray[np.float32]:
        """The score per product by which such a history is served, shape (n_products,), 0..1.

        Args: history: everything the shopper did, `product` in model columns, nothing later than `now`.
        """
        ...

    @property
    def blend(self) -> Mapping[str, Mapping[str, float]]:
        """History bucket ("0", "1-3", "4-10", "11+") → source → weight, chosen on the validation slice."""
        ...

    @property
    def popularity(self) -> NDArray[np.float32]:
        """Decayed distinct-shopper popularity per product, scaled to a maximum of 1; shape (n_products,)."""
        ...

    @property
    def trend(self) -> NDArray[np.float32]:
        """How much faster a product sells now than before, scaled to a maximum of 1; shape (n_products,)."""
        ...

    def bought_with(self, column: int, k: int) -> Sequence[tuple[int, int, float]]:
        """(column, orders in common, lift) of the products most bought together with one, best first."""
        ...

    def alike(self, column: int, k: int) -> Sequence[tuple[int, float]]:
        """(column, likeness) of the products that the same shoppers took up, best first; the best of them is 1."""
        ...


class ModelRun(Protocol):
    """A model call that is under way. It goes on whoever stops waiting."""

    def text(self) -> str:
        """Everything received so far, decoded."""
        ...

    async def wait(self, timeout_s: float) -> ModelReply | None:
        """The reply if it ends within the time, else None; cancelling the wait does not cancel the call."""
        ...


class ModelClient(Protocol):
    """A language model behind a provider."""

    model: str

    def refusal(self) -> Literal["circuit_open", "overloaded"] | None:
        """Why a call would not be made now, None when it would."""
        ...

    def start(self, call: ModelCall, deadline: Deadline, on_end: Callable[[ModelReply], None]) -> ModelRun:
        """Starts a call at once and returns without waiting; `on_end` gets its reply exactly once, whatever happens.

        Args: deadline: when the caller stops waiting; it bounds retries, not the call itself (at most 8 s).
        """
        ...

    async def close(self) -> None:
        """Waits at most 8 s for running calls, then ends."""
        ...


class Ledger(Protocol):
    """A durable row per model call, and the daily budget. Any process of one machine may use the same ledger."""

    def reserve(
        self,
        row: LedgerRow,
        worst_case_usd: float,
        daily_budget_usd: float | None,
        budgets: Sequence[Budget] = (),
        rations: Sequence[Ration] = (),
    ) -> Reservation:
        """Writes the pending row if spent + reserved + worst case fits every hard budget of the day, and the call
        every ration; all of them at once, across processes.
        """
        ...

    def settle(self, call_id: str, row: LedgerRow) -> None:
        """Replaces the pending row by the final one and frees the reservation. Idempotent."""
        ...

    def spent_usd(self, day: str) -> tuple[float, float]:
        """(settled, reserved) US dollars of a UTC day."""
        ...


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of one call that a rate counts."""

    allowed: bool
    remaining: int  # that may come at once now
    wait_s: float  # until the next is allowed; 0 when this one is


class RateCounter(Protocol):
    """Buckets that refill steadily, by name, shared by the workers of one machine. Costs microseconds."""

    def take(self, name: str, per_s: float, burst: int) -> Taken:
        """Takes one call out of a bucket of `burst`, which gets `per_s` back; a refused one takes nothing."""
        ...


class OrderCache(Protocol):
    """Complete model answers by key. Loses entries rather than failing a request."""

    def get(self, key: str) -> tuple[StoredOrder, float] | None:
        """The answer and its age in seconds; None when absent, older than `CACHE_STALE_S`, or unreadable."""
        ...

    def put(self, key: str, order: StoredOrder) -> None:
        """Queues the answer for writing and returns at once."""
        ...

    def drop(self, shopper_key: str) -> None:
        """Forgets the answers made for one pseudonymous shopper."""
        ...


class Leases(Protocol):
    """Leases that all processes of one shop share. Raises of every method: StoreUnavailable."""

    def try_acquire(self, key: str, owner: str, ttl_s: float) -> bool:
        """Whether `owner` holds the lease now, for `ttl_s` seconds; one that holds it already gets it anew."""
        ...

    def release(self, key: str, owner: str) -> None:
        """Gives the lease back; does nothing when somebody else has it by now."""
        ...

    def held(self, key: str) -> bool:
        """Whether anybody holds the lease now."""
        ...


class Clock(Protocol):
    """The only wall clock of the service (AS_OF)."""

    def now(self) -> float:
        """Epoch seconds, UTC."""
        ...


__all__ = [
    "BaselineModel",
    "BoolArray",
    "ChatMemory",
    "Clock",
    "Embedder",
    "Leases",
    "Ledger",
    "LexicalIndex",
    "ModelClient",
    "ModelRun",
    "OrderCache",
    "Progress",
    "RateCounter",
    "ShopStore",
    "ShopperChanges",
    "Taken",
    "VectorIndex",
    "Vectors",
]
