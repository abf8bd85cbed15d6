"""The outcomes of one scenario sorted: the plain one, its shuffles, and the variants made from it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from app.domain.model_calls import CallOutcome
from app.pipeline.prompt_input import PromptInput
from evals.prompts.finding import Finding
from evals.prompts.outcome import Outcome

NOT_THE_MODEL: frozenset[CallOutcome] = frozenset({"rate_limited", "provider_error", "unauthorized", "timeout"})
"""Endings that say nothing about a prompt: what hangs on such a reply could not be computed."""


@dataclass(frozen=True, slots=True)
class Family:
    """The outcomes of one scenario. `plain` is the first; shuffles are of the same scenario in other slots."""

    plain: Outcome
    shuffles: tuple[Outcome, ...]
    variants: tuple[Outcome, ...]

    def of(self, relation: str) -> tuple[Outcome, ...]:
        """Variants of one relation, in the order given."""
        return tuple(v for v in self.variants if v.scenario.relation == relation)


def family(outcomes: Sequence[Outcome]) -> Family | None:
    """The outcomes sorted; None of none."""
    if not outcomes:
        return None
    plain = outcomes[0]
    rest = outcomes[1:]
    return Family(
        plain,
        tuple(o for o in rest if o.scenario.id == plain.scenario.id),
        tuple(o for o in rest if o.scenario.id != plain.scenario.id),
    )


def answered(outcome: Outcome) -> bool:
    """Whether the provider let the model answer at all."""
    return outcome.reply.outcome not in NOT_THE_MODEL


def lines_of(given: PromptInput) -> tuple[str, ...]:
    """Product ids in the order of the prompt's lines."""
    return tuple(given.product_of.values())


def completed(order: Sequence[str], everything: Iterable[str]) -> tuple[str, ...]:
    """The order, and what it leaves out behind it in the order of `everything` (the baseline's)."""
    ranked = dict.fromkeys(order)
    return (*ranked, *(p for p in everything if p not in ranked))


def baseline_of(outcome: Outcome) -> tuple[str, ...]:
    """Product ids in baseline order."""
    return tuple(c.product.product_id for c in outcome.scenario.candidates)


def judged(check: str, outcome: Outcome, *, value: float | None, passed: bool | None, detail: str = "") -> Finding:
    """A finding of the outcome's scenario; its detail on one line."""
    return Finding(check, outcome.scenario.id, passed, value, " ".join(detail.split())[:200])


def counted(check: str, outcome: Outcome, wrong: Sequence[str] | int, what: str = "") -> Finding:
    """A finding whose value is the number of faults; it passes without one. Unanswered: not computed."""
    if not answered(outcome):
        return judged(check, outcome, value=None, passed=None, detail=f"no reply: {outcome.reply.outcome}")
    n = wrong if isinstance(wrong, int) else len(wrong)
    named = "" if isinstance(wrong, int) else ": " + ", ".join(wrong[:5])
    return judged(check, outcome, value=float(n), passed=n == 0, detail=f"{n} {what}{named}" if n else "")
