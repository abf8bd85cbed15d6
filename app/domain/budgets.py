"""What may be spent on models a day and by whom, how many calls one party may cause, and who pays for a call."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal

TOTAL = "total"
"""The scope of everything; its hard budget is LLM_DAILY_BUDGET_USD."""

PartyKind = Literal["user", "anonymous", "session", "address"]


def key_id(key: bytes) -> str:
    """What stands for an API key in the ledger: 8 hexadecimal digits of its SHA-256, by which nobody finds the key."""
    return hashlib.sha256(key).hexdigest()[:8]


@dataclass(frozen=True, slots=True)
class Payer:
    """On whose account a model call goes. Ids and address stay in memory: what is written are pseudonyms."""

    key_id: str = ""  # see `key_id`; "" where no key is configured
    parties: tuple[tuple[PartyKind, str], ...] = field(default=(), repr=False)  # whose calls are counted


NOBODY = Payer()
"""The machine's own: the command line, evaluations, and callers of a service without keys."""


@dataclass(frozen=True, slots=True)
class Budget:
    """US dollars per UTC day. Beyond `soft_usd` the cheap model is asked and an alert given, beyond `hard_usd` none."""

    scope: str  # "total", a placement, "chat", or "key:" and a key's id
    soft_usd: float | None = None
    hard_usd: float | None = None


@dataclass(frozen=True, slots=True)
class Ration:
    """How many model calls one party may cause in any hour."""

    party: str  # a pseudonym
    calls_per_hour: int


@dataclass(frozen=True, slots=True)
class Reservation:
    """Whether a call may be made. True in a condition when it may."""

    granted: bool
    refused_by: str = ""  # the scope whose hard budget, or the party whose ration, would be passed
    reason: Literal["budget", "ration", ""] = ""
    over_soft: tuple[str, ...] = ()  # the scopes beyond their soft budget, this call counted

    def __bool__(self) -> bool:
        return self.granted


@dataclass(frozen=True, slots=True)
class BudgetStanding:
    """A budget and what is charged to it on a day, worst cases of open calls included."""

    budget: Budget
    day: str
    charged_usd: float

    @property
    def soft_exceeded(self) -> bool:
        """Whether the alert holds and the cheap model is asked."""
        return self.budget.soft_usd is not None and self.charged_usd > self.budget.soft_usd

    @property
    def exhausted(self) -> bool:
        """Whether nothing is left. A call dearer than what is left is refused before that."""
        return self.budget.hard_usd is not None and self.charged_usd >= self.budget.hard_usd


@dataclass(frozen=True, slots=True)
class Budgets:
    """Every budget of a shop beside the daily one, by scope."""

    by_scope: Mapping[str, Budget] = field(default_factory=lambda: MappingProxyType({}))

    def of(self, scopes: Iterable[str]) -> tuple[Budget, ...]:
        """The budgets that hold for a call of these scopes."""
        return tuple(self.by_scope[scope] for scope in scopes if scope in self.by_scope)


NO_BUDGETS = Budgets()
