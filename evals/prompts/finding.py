"""What a check says of an outcome, and what a check is."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from evals.prompts.outcome import Outcome

Group = Literal[
    "contract",
    "rules",
    "ranking",
    "invariance",
    "metamorphic",
    "grounding",
    "faithfulness",
    "injection",
    "fairness",
    "operations",
]


Direction = Literal["higher", "lower"]
"""Which way a value is good."""


@dataclass(frozen=True, slots=True)
class Finding:
    """The verdict of one check on one scenario. `value` None: it could not be computed, which is not a zero."""

    check: str
    scenario: str
    passed: bool | None  # None for a check that only measures
    value: float | None
    detail: str = ""  # what was found, for a person; never longer than a line
    extra: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Check:
    """A small named function over the outcomes of one scenario: the plain one first, then shuffles and variants.

    `of` returns no finding where the check says nothing about a scenario (no grades, no hostile seller, …).
    """

    name: str  # "contract.unknown_alias"
    group: Group
    better: Direction  # which way `value` is good
    of: Callable[[Sequence[Outcome]], Sequence[Finding]]
    must_be_zero: bool = False  # one failure is a verdict: rules
    explains: str = ""  # one line for reports


@dataclass(frozen=True, slots=True)
class SuiteCheck:
    """A figure of a whole run, which no scenario has alone: percentiles, inequality. Its findings have scenario ""."""

    name: str
    group: Group
    better: Direction
    of: Callable[[Sequence[Sequence[Outcome]]], Sequence[Finding]]  # the outcomes of each scenario, as for a Check
    explains: str = ""
