"""A request for recommendations, and the slate that answers it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

MAX_ID_CHARS = 200
"""Longest id that a request may name."""
MAX_QUERY_CHARS = 500
"""Longest search text of a request; runs of white space count as one character."""


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens and cost of one model call. `cost_usd` None = the price is unknown; unknown is never 0."""

    input_tokens: int
    output_tokens: int
    cached_tokens: int = 0  # of the input tokens
    cost_usd: float | None = None
    estimated: bool = False  # the provider sent no usable figures


Placement = Literal["home", "product", "cart", "search", "email"]
ShelfKind = Literal["similar", "bought_together", "trending", "search"]
"""The lists that are not a shopper's recommendations: each has an endpoint, and never a model call."""
ReasonsWanted = Literal["llm", "template", "none"]
Strategy = Literal["llm", "partial", "cache", "stale", "baseline"]
FallbackReason = Literal[
    "timeout",
    "provider_error",
    "invalid_output",
    "budget_exhausted",
    "circuit_open",
    "overloaded",
    "no_model",
    "gate",
    "opted_out",
    "not_requested",
]
PublicReason = Literal["out_of_stock", "over_budget", "not_for_you", "already_owned", "shop_policy"]
EvidenceKind = Literal[
    "price_vs_budget",
    "price_vs_category",
    "discount",
    "promotion",
    "bought_together",
    "same_brand",
    "category_affinity",
    "attribute_match",
    "rating",
    "trending",
    "new_arrival",
    "back_in_stock",
    "low_stock",
    "query_match",
]


@dataclass(frozen=True, slots=True)
class Filters:
    """Hard limits that the caller set for this request."""

    categories: tuple[str, ...] = ()
    brands: tuple[str, ...] = ()
    price_min_minor: int | None = None
    price_max_minor: int | None = None
    in_stock: bool = False  # only what the shop says it has, pieces known and above 0
    attributes: tuple[tuple[str, str], ...] = ()  # (name, value), all of them; shelves only


@dataclass(frozen=True, slots=True)
class Query:
    """One request, already validated."""

    user_id: str | None = None
    anonymous_id: str | None = None
    session_id: str | None = None
    limit: int = 5
    placement: Placement = "home"
    product_id: str | None = None
    cart: tuple[str, ...] = ()
    budget_minor: int | None = None  # per item; overrides the stored budget
    text: str | None = None
    reasons: ReasonsWanted = "llm"
    deadline_ms: int | None = None
    exclude_ids: tuple[str, ...] = ()
    filters: Filters = Filters()
    shelf: ShelfKind | None = None  # None: recommendations


@dataclass(frozen=True, slots=True)
class Evidence:
    """A checkable fact about an item or a profile.

    `value` holds the numbers and names that `text` states, in machine form; money is in minor units under keys that
    end in `_minor`. `sensitive` facts never reach a reason.
    """

    id: str  # unique within the slate: "e3"
    kind: EvidenceKind
    text: str
    value: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class RankedItem:
    """One position of a slate."""

    product_id: str
    position: int  # 1-based
    relevance: float  # 0..1, non-increasing over positions
    ranked_by: Literal["llm", "baseline"] = "baseline"
    promoted: bool = False
    reason: str | None = None
    reason_source: Literal["llm", "template"] | None = None
    evidence: tuple[Evidence, ...] = ()
    refused: tuple[str, ...] = ()  # kinds of failure for which the model's sentence was not shown


@dataclass(frozen=True, slots=True)
class Slate:
    """The ordered answer to one query, with what happened on the way."""

    recommendation_id: str
    query: Query
    items: tuple[RankedItem, ...]
    served_at: float  # epoch seconds of the service's clock (AS_OF)
    strategy: Strategy = "baseline"
    fallback_reason: FallbackReason | None = "no_model"
    gate: str | None = None
    model: str | None = None
    prompt_version: str | None = None
    rules_version: str = ""
    baseline_version: str | None = None
    candidates: int = 0  # products that were retrieved for this request, before the rules
    excluded: Mapping[str, int] = field(default_factory=dict)  # rule id → products it excluded
    latency_ms: Mapping[str, float] = field(default_factory=dict)
    profiling_used: bool = False
    usage: Usage | None = None  # of the model call, where it ended in time and this request waited for it
    call_of: str | None = None  # the recommendation that the model call behind it was made for; None: no call
    sentences: int = 0  # of the model, for these items; what was proved says reason_source
    propensity: float | None = None  # that the serving policy chose this slate; None: the policy is not random

    def given_again(
        self, recommendation_id: str, query: Query, served_at: float, latency_ms: Mapping[str, float]
    ) -> Slate:
        """The same slate as the answer to another request.

        What `dataclasses.replace` would make, in half its time: a remembered answer is little else.
        """
        return Slate(
            recommendation_id,
            query,
            self.items,
            served_at,
            self.strategy,
            self.fallback_reason,
            self.gate,
            self.model,
            self.prompt_version,
            self.rules_version,
            self.baseline_version,
            self.candidates,
            self.excluded,
            latency_ms,
            self.profiling_used,
            self.usage,
            self.call_of,
            self.sentences,
            self.propensity,
        )


@dataclass(frozen=True, slots=True)
class Fate:
    """What became of one product in one request: served at a position, or dropped at a stage."""

    product_id: str
    stage: Literal["served", "not_a_candidate", "rule", "slate_rule", "ranked_lower"]
    rule: str | None = None  # rule id for stage rule and slate_rule
    public_reason: PublicReason | None = None
    position: int | None = None  # 1-based position in the order, where it has one
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why a product is, or is not, in a served slate. For a product that was not served, `fate` is recomputed now."""

    slate: Slate
    fate: Fate
    evaluated_at: float  # epoch seconds of the service's clock
    reason: str | None = None
    reason_source: Literal["llm", "template"] | None = None
    evidence: tuple[Evidence, ...] = ()


HISTORY_BUCKETS = ("0", "1-3", "4-10", "11+")


def history_bucket(interactions: int) -> str:
    """The history bucket of a number of interactions: "0", "1-3", "4-10" or "11+"."""
    if interactions <= 0:
        return "0"
    if interactions <= 3:
        return "1-3"
    return "4-10" if interactions <= 10 else "11+"
