"""What Langfuse is told: observations of a trace, and scores. Plain data; ids follow from the request's id alone.

Nothing here holds text of a prompt, a profile, a query or a reason: what a trace says of a request are names from
closed lists, counts, versions and the ids of products shown (docs/decisions says why). Only evaluations, whose shoppers
are made up, add texts of their own as attributes (evals/prompts/langfuse_experiment.py).
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Kind = Literal["span", "agent", "tool", "retriever", "guardrail", "generation"]
"""Langfuse's types of observation that are used here."""

Value = str | int | float | bool
"""Of metadata."""


def observation_id_of(request_id: str, role: str) -> str:
    """The observation with this role in the request's trace ("root", "generation" …), 16 hexadecimal digits."""
    return hashlib.blake2b(f"{role}\0{request_id}".encode(), digest_size=8).hexdigest()


@dataclass(frozen=True, slots=True)
class About:
    """What every observation of a trace carries."""

    trace_name: str
    user: str | None = None  # pseudonym; None without consent
    session: str | None = None  # pseudonym; likewise
    tags: tuple[str, ...] = ()  # variant, cohort

    @property
    def anonymous(self) -> About:
        """The same of nobody."""
        return About(self.trace_name, tags=self.tags)


@dataclass(frozen=True, slots=True)
class Figures:
    """Model, prompt, tokens and cost of a generation. The three counts of tokens don't overlap."""

    model: str
    prompt_name: str
    prompt_version: int | None
    input_tokens: int = 0  # without the cached ones
    cached_tokens: int = 0
    output_tokens: int = 0
    cost_usd: float | None = 0.0  # None: unknown, and then none is stated


@dataclass(frozen=True, slots=True)
class Observation:
    """One node of a trace. Times are epoch seconds of the wall clock."""

    trace_id: str
    id: str
    parent_id: str | None  # None: the root
    kind: Kind
    name: str
    started_at: float
    ended_at: float
    about: About
    warning: str | None = None  # why it is not as it should be
    metadata: Mapping[str, Value] = field(default_factory=dict)
    products: tuple[str, ...] = ()  # shown, in their order: the root's output
    figures: Figures | None = None  # of a generation
    attributes: Mapping[str, str] = field(default_factory=dict)  # further ones, by full name: evaluations have some


@dataclass(frozen=True, slots=True)
class Score:
    """A shopper's deed upon a recommendation. The same deed has the same id and time, and so counts once."""

    id: str
    trace_id: str
    observation_id: str
    name: str
    at: float  # epoch seconds: when the slate was served, so that a rate per day has deed and slate on one day


def prompt_of(prompt_id: str) -> tuple[str, int | None]:
    """Name and number of a prompt: "rerank/v1" is ("rerank", 1)."""
    name, _, version = prompt_id.partition("/")
    number = version.removeprefix("v")
    return name, int(number) if number.isdigit() else None
