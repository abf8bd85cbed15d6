"""The budgets and rations that the settings name, and what a worker remembers of them between two reservations.

The ledger alone decides whether a call may be made. What is remembered here spares asking it in vain, and says which
model is asked: beyond a soft budget the cheap one.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

import structlog

from app.domain.budgets import TOTAL, Budget, Budgets, Payer, Ration, Reservation, key_id
from app.domain.errors import ConfigurationError
from app.pipeline.pseudonym import Pseudonyms
from app.settings import Settings

log = structlog.get_logger(__name__)

REMEMBERED_S: Mapping[str, float] = MappingProxyType({"budget": 1.0, "ration": 10.0})
"""How long a refusal is repeated without asking the ledger: a settlement may free part of a budget at any moment, a
ration only as its slots of five minutes go by."""

_REMEMBERED_AT_MOST = 10_000


def budgets_of(settings: Settings) -> Budgets:
    """The budgets of the settings, the daily one among them where it or its soft half is set.

    Raises: ConfigurationError: one is for an API key that is not configured.
    """
    found = {scope: Budget(scope, limits.soft, limits.hard) for scope, limits in settings.llm_budgets.items()}
    known = {
        f"key:{key_id(key.get_secret_value().encode())}"
        for key in (*settings.api_keys_secret, *settings.api_keys_publishable)
    }
    unknown = sorted(scope for scope in found if scope.startswith("key:") and scope not in known)
    if unknown:
        raise ConfigurationError(
            f"SHELFWISE_LLM_BUDGETS limits {', '.join(unknown)}, and no API key has that id. The configured keys are "
            f"{', '.join(sorted(known)) or 'none'}; a key's id is the start of its SHA-256."
        )
    soft = found[TOTAL].soft_usd if TOTAL in found else None
    if soft is not None or settings.llm_daily_budget_usd is not None:
        found[TOTAL] = Budget(TOTAL, soft, settings.llm_daily_budget_usd)
    return Budgets(MappingProxyType(found))


@dataclass(frozen=True, slots=True)
class Rationing:
    """How many model calls an hour each shopper, session or address may cause; 0 = as many as they like."""

    pseudonyms: Pseudonyms
    per_shopper: int = 0
    per_address: int = 0

    def of(self, payer: Payer) -> tuple[Ration, ...]:
        """The rations that hold for a call of this payer."""
        return tuple(
            Ration(self.pseudonyms.of(name, kind), calls)
            for kind, name in payer.parties
            if (calls := self.per_address if kind == "address" else self.per_shopper) > 0
        )


class BudgetWatch:
    """What one worker knows of the day's budgets. Lives on one event loop."""

    def __init__(self, budgets: Budgets, cheap_model: str | None, clock: Callable[[], float] = time.monotonic) -> None:
        """Args: cheap_model: for the log; None: there is none, beyond a soft budget nothing changes."""
        self.budgets = budgets
        self._cheap_model = cheap_model
        self._clock = clock
        self._over: dict[str, str] = {}  # scope → the day on which it was beyond its soft budget
        self._refused: dict[str, tuple[float, Literal["budget", "ration"]]] = {}  # scope or party → until when, why
        self._told: set[tuple[str, str, str]] = set()

    def over_soft(self, scopes: Sequence[str], day: str) -> bool:
        """Whether one of the scopes was beyond its soft budget at the newest reservation of that day."""
        return any(self._over.get(scope) == day for scope in scopes)

    def refused(self, scopes: Sequence[str], rations: Sequence[Ration]) -> Literal["budget", "ration"] | None:
        """Why a call would be refused, as it was a moment ago; None when the ledger has to be asked."""
        for name in (*scopes, *(ration.party for ration in rations)):
            found = self._refused.get(name)
            if found is not None and self._clock() < found[0]:
                return found[1]
        return None

    def note(self, reservation: Reservation, scopes: Sequence[str], day: str) -> None:
        """Remembers the ledger's answer, and tells the log of each budget once a day."""
        for scope in scopes:
            self._over.pop(scope, None)
        for scope in reservation.over_soft:
            self._over[scope] = day
            action = f"asks {self._cheap_model}" if self._cheap_model else "none: SHELFWISE_LLM_CHEAP_MODEL is not set"
            self._tell("budget_soft_exceeded", scope, day, action)
        if reservation.reason == "":
            return
        if len(self._refused) >= _REMEMBERED_AT_MOST:
            now = self._clock()
            self._refused = {name: found for name, found in self._refused.items() if now < found[0]}
        if len(self._refused) < _REMEMBERED_AT_MOST:
            until = self._clock() + REMEMBERED_S[reservation.reason]
            self._refused[reservation.refused_by] = (until, reservation.reason)
        if reservation.reason == "budget":
            self._tell("budget_exhausted", reservation.refused_by, day, "the baseline is served")

    def _tell(self, event: str, scope: str, day: str, action: str) -> None:
        if (event, scope, day) in self._told:
            return
        self._told = {told for told in self._told if told[2] == day} | {(event, scope, day)}
        budget = self.budgets.by_scope.get(scope)
        limit = None if budget is None else budget.soft_usd if event == "budget_soft_exceeded" else budget.hard_usd
        log.warning(event, scope=scope, day=day, budget_usd=limit, action=action)
