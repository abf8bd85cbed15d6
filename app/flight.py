"""One call of a model under way, shared by every request for its key, and what may be read of it at any moment."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from app.domain.budgets import NOBODY, Payer
from app.domain.deadline import Deadline
from app.domain.interactions import Consent
from app.domain.model_calls import ModelCall, ModelReply, StoredOrder
from app.domain.ranking import FallbackReason
from app.pipeline.gate_schema import GateLine
from app.pipeline.model_order import ModelOrder, portable
from app.pipeline.prompt_input import PromptInput
from app.pipeline.repair import RepairedReply, read_reply
from app.ports import ModelRun

FALLBACK_OF: Mapping[str, FallbackReason] = {
    "timeout": "timeout",
    "rate_limited": "provider_error",
    "refused": "invalid_output",
    "empty": "invalid_output",
    "too_large": "invalid_output",
    "malformed": "invalid_output",
    "unauthorized": "provider_error",
    "provider_error": "provider_error",
    "cut": "provider_error",
    "complete": "invalid_output",
}
"""Call outcome → why the baseline was served although a call was made."""

_UNUSABLE = frozenset({"refused", "malformed"})
"""Outcomes of which no part counts, however well it begins."""


@dataclass(frozen=True, slots=True)
class Plan:
    """A request that a model may order: under which key and gate line."""

    key: str
    gate: GateLine
    consent: Consent
    shopper: str | None  # pseudonym
    model: str = ""  # that is asked
    payer: Payer = NOBODY
    paid_key: str | None = None  # of the usual model's answer, while the cheap one is asked


@dataclass(frozen=True, slots=True)
class Asked:
    """What a call was made for."""

    given: PromptInput
    candidates: tuple[str, ...]  # product ids in baseline order
    percentiles: tuple[float, ...]  # user-match percentile of each candidate
    reasons: int  # sentences asked for


def usable_text(reply: ModelReply) -> str:
    """What may be read of a reply that has ended; "" where no part counts, however well it begins."""
    return "" if reply.outcome in _UNUSABLE else reply.text


def order_of(read: RepairedReply, asked: Asked, *, gate: GateLine, fallback: FallbackReason) -> ModelOrder:
    """The order and the sentences that a repaired reply gives for what was asked: the one way for requests and evals.

    Args:    fallback: why a part is missing, where one is.
    Returns: strategy `llm` for a complete order, `partial` for a beginning, `baseline` where nothing can be used.
    """
    common = ModelOrder("baseline", fallback, candidates=asked.candidates, gate=gate)
    if not read.valid:
        return common
    return replace(
        common,
        strategy="llm" if read.complete_order else "partial",
        fallback=None if read.complete_order else fallback,
        order=tuple(asked.given.product_of[alias] for alias in read.order),
        prose=portable(read.why, asked.given),
        profile_facts=tuple(asked.given.profile_of.values()),
    )


@dataclass(slots=True)
class Flight:
    """A call, and what its aliases stand for. Lives on one event loop."""

    plan: Plan
    asked: Asked
    call: ModelCall
    model: str  # that is asked
    run: ModelRun | None = None  # None until the reservation is written, and for good where the call was not made
    refusal: FallbackReason = "overloaded"  # why it was not made
    ready: asyncio.Event = field(default_factory=asyncio.Event)  # the call was started, or it will not be
    answer: ModelOrder | None = None  # another worker's, where that was asking already
    left_behind: bool = False  # somebody stopped waiting before it ended

    async def started(self, deadline: Deadline) -> bool:
        """Whether the call was started by the deadline."""
        if not self.ready.is_set():
            try:
                async with asyncio.timeout(deadline.remaining_s()):
                    await self.ready.wait()
            except TimeoutError:
                return False
        return self.run is not None

    def not_started(self, late: FallbackReason) -> ModelOrder:
        """The baseline, because the call was not made, or has not begun yet (`late`); or another worker's answer."""
        if self.answer is not None:
            return self.answer
        self.left_behind = True
        # A call that starts in the very turn of the loop in which the wait for it ends has been made all the same.
        if self.ready.is_set() and self.run is None:
            return ModelOrder("baseline", self.refusal, gate=self.plan.gate)
        return ModelOrder("baseline", late, gate=self.plan.gate, call_of=self.call.request_id)

    def read(self, limit: int, *, reply: ModelReply | None, late: FallbackReason) -> ModelOrder:
        """What is certain of a reply that has ended, or of what was received until now.

        Args: limit: items that the slate holds; late: why a part is missing while the reply has not ended.
        """
        if reply is None:
            text, fallback = "" if self.run is None else self.run.text(), late
        else:
            text, fallback = usable_text(reply), FALLBACK_OF[reply.outcome]
        read = read_reply(text, self.asked.given.product_of, complete=reply is not None, limit=limit)
        order = order_of(read, self.asked, gate=self.plan.gate, fallback=fallback)
        return replace(
            order,
            model=self.model,
            prompt_version=self.call.prompt_id,
            usage=None if reply is None else reply.usage,
            call_of=self.call.request_id,
        )

    def stored(self, read: RepairedReply, stored_at: float) -> StoredOrder:
        """What the cache keeps of a complete reply; `stored_at` in epoch seconds."""
        given = self.asked.given
        return StoredOrder(
            candidates=self.asked.candidates,
            percentiles=self.asked.percentiles,
            order=tuple(given.product_of[alias] for alias in read.order),
            prose=portable(read.why, given),
            reasons=self.asked.reasons,
            profile_facts=tuple(given.profile_of.values()),
            model=self.model,
            prompt_id=self.call.prompt_id,
            stored_at=stored_at,
            gate=self.plan.gate.name,
            extra={} if self.plan.shopper is None else {"shopper": self.plan.shopper},
        )
