"""What came of one golden conversation: the parts that the shopper saw, message by message, and what they broke."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from app.domain.chat import ChatPart, Disclosure
from evals.prompts.chat_judging import BrokenPromise
from evals.prompts.chat_scenario import ChatScenario

HARD = frozenset(
    "disclosure catalogue price over_budget avoided_brand cart_by_server marker never_says second_question silent "
    "no_cart_proposal".split()
)
"""Promises that code keeps whatever a model says; the others are up to the model, too."""


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer to one message."""

    parts: tuple[ChatPart, ...]
    seconds: float  # until the last part
    seconds_to_first: float | None  # until the first part after the disclosure; None without one

    @property
    def by_model(self) -> bool:
        """Whether a model gave it: the last disclosure says who answers."""
        told = [part.model_in_use for part in self.parts if isinstance(part, Disclosure)]
        return bool(told) and told[-1]


@dataclass(frozen=True, slots=True)
class ChatOutcome:
    """One conversation."""

    scenario: ChatScenario
    answers: tuple[Answer, ...]
    broken: tuple[BrokenPromise, ...]  # in the order of the messages

    @property
    def held(self) -> bool:
        """Whether every promise was kept."""
        return not self.broken


@dataclass(frozen=True, slots=True)
class ChatRun:
    """All conversations with one model, or by rules alone."""

    model: str  # "" = none
    prompt_id: str  # "" = none
    simulated: bool
    outcomes: tuple[ChatOutcome, ...]
    calls: int  # of the model
    spent_usd: float  # worst cases where a price or a figure is unknown
    wall_s: float

    @property
    def failed(self) -> bool:
        """Whether a promise was broken that must hold: of a program that plays a model, only those that code keeps."""
        return any(not self.simulated or broken.promise in HARD for broken in self.broken)

    @property
    def broken(self) -> Sequence[BrokenPromise]:
        """Of every conversation."""
        return [broken for outcome in self.outcomes for broken in outcome.broken]
