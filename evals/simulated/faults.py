"""Which fault a request meets: by header, by a rule with a share and a count, or none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from evals.simulated.dice import Dice, fingerprint
from evals.simulated.reply_faults import REPLY_FAULTS
from evals.simulated.wire_faults import WIRE_FAULTS

FAULT_HEADER = "x-simulated-fault"

TIMING_FAULTS: Mapping[str, str] = {"slow": "3 s to the first token; detail: milliseconds"}

FAULTS: Mapping[str, str] = {
    **TIMING_FAULTS,
    **{name: fault.says for name, fault in WIRE_FAULTS.items()},
    **{name: fault.says for name, fault in REPLY_FAULTS.items()},
}
"""Every fault mode with what it does."""


class UnknownFault(ValueError):
    """No fault has this name."""

    def __init__(self, mode: str) -> None:
        super().__init__(f"No fault is called {mode!r}. There are: {', '.join(sorted(FAULTS))}.")


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault for one request."""

    mode: str
    detail: str = ""


class FaultRule(BaseModel):
    """Faults for a share of the requests."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    mode: str
    detail: str = ""
    share: float = Field(default=1.0, ge=0, le=1)
    count: int | None = Field(default=None, ge=1)  # at most so many requests, None = without end
    by: Literal["request", "arrival"] = "request"  # whether the share is drawn per content or per arrival

    @field_validator("mode")
    @classmethod
    def _known(cls, mode: str) -> str:
        if mode not in FAULTS:
            raise UnknownFault(mode)
        return mode


def parse_fault(text: str) -> FaultRule:
    """A fault as command line and header name it: `mode`, `mode:detail`, `mode@share`, `mode:detail@share`.

    Raises: UnknownFault, or pydantic's ValidationError for a share that is none.
    """
    body, _, share = text.strip().partition("@") if "://" not in text else (text.strip(), "", "")
    mode, _, detail = body.partition(":")
    if mode not in FAULTS:
        raise UnknownFault(mode)
    return FaultRule.model_validate({"mode": mode, "detail": detail} | ({"share": share} if share else {}))


class FaultPlan:
    """The rules in force, first match wins, and how often each has struck."""

    def __init__(self, seed: int, rules: Sequence[FaultRule] = ()) -> None:
        self._seed = seed
        self._rules: list[FaultRule] = []
        self._struck: list[int] = []
        self.replace(rules)

    def replace(self, rules: Sequence[FaultRule]) -> None:
        """Puts other rules in force and starts their counts anew."""
        self._rules = list(rules)
        self._struck = [0] * len(self._rules)

    def next(self, request_hash: str, arrival: int, header: str | None) -> Fault | None:
        """The fault of one request; a header goes before every rule, and the header "none" means no fault.

        Args:   arrival: 1 for the first request since the start.
        Raises: UnknownFault: the header names none.
        """
        if header is not None:
            if header.strip() == "none":
                return None
            rule = parse_fault(header)
            return Fault(rule.mode, rule.detail)
        for place, rule in enumerate(self._rules):
            if rule.count is not None and self._struck[place] >= rule.count:
                continue
            drawn_for = request_hash if rule.by == "request" else arrival
            if Dice(fingerprint("fault", self._seed)).share(rule.mode, rule.detail, drawn_for) >= rule.share:
                continue
            self._struck[place] += 1
            return Fault(rule.mode, rule.detail)
        return None

    def shown(self) -> list[dict[str, object]]:
        """The rules in force with `struck`, how many requests each has met."""
        return [rule.model_dump() | {"struck": n} for rule, n in zip(self._rules, self._struck, strict=True)]
