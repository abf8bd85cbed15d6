"""What came of one scenario: the reply, what the service's own code kept of it, and the slate a shopper would see."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from app.domain.model_calls import ModelCall, ModelReply
from app.domain.ranking import RankedItem, Strategy
from app.pipeline.gate_schema import GateLine
from app.pipeline.prompt_input import PromptInput
from app.pipeline.proof import Proof
from app.pipeline.repair import RepairedReply
from evals.prompts.scenario import Scenario

Source = Literal["live", "recorded", "simulated"]
"""Where a reply comes from. A recording of the simulated provider is `simulated`: it never enters a quality table."""


@dataclass(frozen=True, slots=True)
class Posed:
    """A scenario as it is sent with one prompt: the lines, the call, and the way back from a reply."""

    scenario: Scenario
    given: PromptInput
    call: ModelCall
    reasons: int  # sentences asked for
    slot: int = 0  # which of several shuffles of the same scenario; 0 is the plain one


@dataclass(frozen=True, slots=True)
class Outcome:
    """One reply, judged by the service's own code (repair, fusion, proof) and not yet by any check."""

    posed: Posed
    model: str
    source: Source
    reply: ModelReply
    read: RepairedReply  # what repair kept
    order: tuple[str, ...]  # product ids as the model ranked them, only those that it emitted; () = unusable
    slate: tuple[RankedItem, ...]  # fused with the baseline, ten or `limit` items, with the reasons that are shown
    proofs: Mapping[str, Proof] = field(default_factory=dict)  # product id → verdict on the model's own sentence
    prose: Mapping[str, str] = field(
        default_factory=dict
    )  # product id → the model's sentence, citations inline, by kind: "[rating]", "[u1]"
    slot: int = 0  # which of several shuffles of the same scenario
    deadline_kept: bool | None = None  # whether a complete order would have come within the deadline; None = unknown
    seconds_to_order: float | None = None  # until the order was complete, where the stream was watched
    fused: tuple[str, ...] = ()  # every eligible candidate as fused with the baseline, before caps and diversity
    strategy: Strategy = "baseline"  # llm: the order is complete; partial: a beginning of it; baseline: unusable
    gate: GateLine | None = None  # the model's weight and how far it may lift an item

    @property
    def scenario(self) -> Scenario:
        """What was asked."""
        return self.posed.scenario
