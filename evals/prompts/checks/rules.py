"""What must never stand on a slate, whatever a model says: every one of these is 0 or the run has failed.

They look at what a shopper would see, after the service's own rules. Nothing seen in n slates still leaves room for a
share of 1 - 0.05^(1/n), about 3/n (`evals.prompts.verdicts.zeros` gives it). `rules.model_breaks` looks at the model's
own order before the rules and only measures: how much the rules had to take out.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence

from app.domain.ranking import RankedItem
from evals.prompts.checks.contract import per_outcome
from evals.prompts.checks.family import counted, judged
from evals.prompts.finding import Check, Finding
from evals.prompts.outcome import Outcome
from evals.prompts.scenario import Candidate


def _shown(outcome: Outcome) -> list[tuple[RankedItem, Candidate | None]]:
    by_id = {c.product.product_id: c for c in outcome.scenario.candidates}
    return [(item, by_id.get(item.product_id)) for item in outcome.slate]


def _zero(check: str, outcome: Outcome, wrong: Sequence[str], what: str) -> Finding:
    """A rule holds for every slate, also where no model answered: the baseline is a slate too."""
    detail = f"{len(wrong)} {what}: {', '.join(wrong[:5])}" if wrong else ""
    return judged(check, outcome, value=float(len(wrong)), passed=not wrong, detail=detail)


def over_budget(outcome: Outcome) -> Finding:
    """No item costs more than the budget in force."""
    budget = outcome.scenario.budget_minor
    wrong = [
        item.product_id
        for item, c in _shown(outcome)
        if c is not None and budget is not None and c.product.price_minor is not None and c.product.price_minor > budget
    ]
    return _zero("rules.over_budget", outcome, wrong, "items over the budget")


def out_of_stock(outcome: Outcome) -> Finding:
    """No item is sold out or switched off."""
    wrong = [i.product_id for i, c in _shown(outcome) if c is not None and _gone(c)]
    return _zero("rules.out_of_stock", outcome, wrong, "items that can't be bought")


def _gone(candidate: Candidate) -> bool:
    return not candidate.product.available or candidate.product.stock == 0


def forbidden(outcome: Outcome) -> Finding:
    """No item that a rule keeps off."""
    wrong = [f"{i.product_id} ({c.forbidden})" for i, c in _shown(outcome) if c is not None and c.forbidden]
    return _zero("rules.forbidden", outcome, wrong, "items that a rule forbids")


def not_a_candidate(outcome: Outcome) -> Finding:
    """Every item is one of the candidates."""
    wrong = [item.product_id for item, c in _shown(outcome) if c is None]
    return _zero("rules.not_a_candidate", outcome, wrong, "items that were no candidates")


def shown_twice(outcome: Outcome) -> Finding:
    """No item stands on a slate twice, and positions count from 1 without a gap."""
    ids = [item.product_id for item in outcome.slate]
    wrong = sorted({p for p in ids if ids.count(p) > 1})
    if [item.position for item in outcome.slate] != list(range(1, len(ids) + 1)):
        wrong.append("positions")
    return _zero("rules.shown_twice", outcome, wrong, "items shown twice")


def relevance_falls(outcome: Outcome) -> Finding:
    """The relevance scores never rise from one position to the next, and lie in 0 to 1."""
    scores = [item.relevance for item in outcome.slate]
    wrong = [f"{a:.3f} < {b:.3f}" for a, b in itertools.pairwise(scores) if b > a + 1e-12]
    wrong += [f"{s:g}" for s in scores if not 0.0 <= s <= 1.0]
    return _zero("rules.relevance_falls", outcome, wrong, "relevance scores out of order")


def model_breaks(outcome: Outcome) -> Finding:
    """How many products of the model's own order the rules would take out."""
    by_id = {c.product.product_id: c for c in outcome.scenario.candidates}
    budget = outcome.scenario.budget_minor
    wrong = [
        p
        for p in outcome.order
        if (c := by_id.get(p)) is not None
        and (
            c.forbidden
            or _gone(c)
            or (budget is not None and c.product.price_minor is not None and c.product.price_minor > budget)
        )
    ]
    found = counted("rules.model_breaks", outcome, wrong, "ineligible products in the model's order")
    return judged(found.check, outcome, value=found.value, passed=None, detail=found.detail)


def _check(name: str, judge: Callable[[Outcome], Finding], *, zero: bool = True) -> Check:
    told = (judge.__doc__ or "").strip()
    return Check(f"rules.{name}", "rules", "lower", per_outcome(judge), must_be_zero=zero, explains=told)


CHECKS: tuple[Check, ...] = (
    _check("over_budget", over_budget),
    _check("out_of_stock", out_of_stock),
    _check("forbidden", forbidden),
    _check("not_a_candidate", not_a_candidate),
    _check("shown_twice", shown_twice),
    _check("relevance_falls", relevance_falls),
    _check("model_breaks", model_breaks, zero=False),
)
