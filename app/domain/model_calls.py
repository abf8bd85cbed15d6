"""One call of a language model: what goes out, what comes back, what it cost, and what is kept of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from app.domain.budgets import NOBODY, TOTAL, Payer
from app.domain.ranking import Placement, Usage

Purpose = Literal["rerank", "chat", "warm_up"]

CallOutcome = Literal[
    "complete",  # the reply ended by itself
    "cut",  # the stream broke or stopped at a length limit; what came before counts
    "timeout",
    "rate_limited",
    "refused",  # content filter, refusal field
    "empty",
    "too_large",  # more than the byte cap
    "malformed",  # not an answer of the protocol: HTML with 200, wrong content type, another model's name
    "unauthorized",  # 400, 401, 403, 404, 413, context overflow: configuration, never retried
    "provider_error",  # 5xx after the one retry, connection or TLS failure
]
"""How a call ended. Each maps to one fallbackReason (pipeline/fusion or the rerank stage decides)."""


@dataclass(frozen=True, slots=True)
class ToolSpec:
    """A tool that a model may ask for."""

    name: str
    description: str
    parameters: Mapping[str, object]  # JSON schema of its arguments


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A tool that a model asked for, as it came: neither the name nor the arguments are checked."""

    id: str
    name: str
    arguments: str  # JSON, or what the model took for it


@dataclass(frozen=True, slots=True)
class Message:
    """One chat message. A `tool` message answers the call whose id it carries."""

    role: Literal["system", "user", "assistant", "tool"]
    content: str
    tool_calls: tuple[ToolCall, ...] = ()  # of an assistant's message
    tool_call_id: str | None = None


@dataclass(frozen=True, slots=True)
class ModelCall:
    """What goes out."""

    call_id: str  # unique; the ledger's key
    request_id: str
    purpose: Purpose
    placement: Placement
    prompt_id: str  # "rerank/v1"
    prompt_hash: str  # hash of the prompt file's content
    messages: tuple[Message, ...]
    max_output_tokens: int
    schema: Mapping[str, object] | None = None  # strict JSON schema of the reply, None for free text
    schema_name: str = "reply"
    tools: tuple[ToolSpec, ...] = ()
    payer: Payer = NOBODY

    @property
    def scopes(self) -> tuple[str, ...]:
        """The budgets that it counts against; see `budget_scopes`."""
        return budget_scopes(self.purpose, self.placement, self.payer.key_id)


@dataclass(frozen=True, slots=True)
class ModelReply:
    """How a call ended. `text` is everything that was received, decoded, at most the byte cap."""

    outcome: CallOutcome
    text: str
    usage: Usage
    model: str  # as the provider names it, else as configured
    seconds: float
    seconds_to_first: float | None = None  # first content; None when there was none
    detail: str = ""  # for logs: status code, exception type; never provider text
    tool_calls: tuple[ToolCall, ...] = ()  # in the order of the reply


@dataclass(frozen=True, slots=True)
class LedgerRow:
    """One model call, durable. Times are epoch seconds, UTC, of the wall clock."""

    call_id: str
    at: float
    day: str  # UTC, 2026-09-30: the day whose budget it counts against
    request_id: str
    purpose: Purpose
    placement: Placement
    model: str
    prompt_id: str
    prompt_hash: str
    outcome: str  # a CallOutcome; "pending" while it runs, "lost" when the process died meanwhile; a Refusal: not made
    input_tokens: int = 0
    output_tokens: int = 0
    cached_tokens: int = 0
    cost_usd: float | None = None
    estimated: bool = False
    seconds: float = 0.0
    background: bool = False  # nobody waited for it any more when it ended
    key_id: str = ""  # of the API key that it was made for; "" without one

    @property
    def scopes(self) -> tuple[str, ...]:
        """The budgets that it counts against; see `budget_scopes`."""
        return budget_scopes(self.purpose, self.placement, self.key_id)


def budget_scopes(purpose: str, placement: str, key_id: str) -> tuple[str, ...]:
    """What a call counts against: everything, its place, and its API key where there is one.

    The assistant is a place of its own ("chat"), although its rows carry the placement `search`: a chat is no slot of
    a page, and the contract's placements are such slots.
    """
    place = "chat" if purpose == "chat" else placement
    return (TOTAL, place, f"key:{key_id}") if key_id else (TOTAL, place)


CostGrouping = Literal["model", "placement", "prompt", "day"]


@dataclass(frozen=True, slots=True)
class CostGroup:
    """What the model calls of one group came to. A cost that is unknown is counted, never taken for 0."""

    name: str
    calls: int
    input_tokens: int
    output_tokens: int
    cached_tokens: int
    cost_usd: float  # of the calls whose cost is known
    unknown_cost: int  # ended calls whose cost is not
    pending: int
    lost: int
    background: int
    charged_usd: float  # what counts against budgets: worst cases where the cost is unknown or still open


@dataclass(frozen=True, slots=True)
class ProfileFact:
    """A line about the shopper that a prompt may hold and a reason may cite: `u1 bought Iron Pan`."""

    id: str  # "u1"
    kind: Literal[
        "budget", "interest", "style", "size", "category", "brand", "bought", "viewed", "query", "page", "cart"
    ]
    text: str


@dataclass(frozen=True, slots=True)
class StoredOrder:
    """What the cache keeps of a complete model answer. Prices, stock, rules and proofs are applied on every read."""

    candidates: tuple[str, ...]  # product ids in baseline order, at most 24
    order: tuple[str, ...]  # product ids as the model ranked them, only those that it emitted
    prose: Mapping[str, str]  # product id → its sentence with citations, aliases replaced: "… [u2] … [rating]"
    percentiles: tuple[float, ...] = ()  # user-match percentile of each candidate when it was asked about
    reasons: int = 0  # sentences asked for
    profile_facts: tuple[ProfileFact, ...] = ()  # the u-lines of that prompt
    model: str = ""
    prompt_id: str = ""
    stored_at: float = 0.0  # epoch seconds of the wall clock
    gate: str = ""
    extra: Mapping[str, str] = field(default_factory=dict)


__all__ = [
    "CallOutcome",
    "LedgerRow",
    "Message",
    "ModelCall",
    "ModelReply",
    "ProfileFact",
    "Purpose",
    "StoredOrder",
    "Usage",
]
