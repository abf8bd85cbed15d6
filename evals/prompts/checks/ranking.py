"""How good the model's order is where graded relevance is known, beside orders that no model made.

NDCG@10 with gain 2^grade - 1, discount log2(position + 1), over all graded candidates of the scenario; a candidate
without a grade gains nothing (Järvelin & Kekäläinen 2002). The model's order is completed with what it left out, in
baseline order, as fusion does. A reply that can't be used scores what an empty order scores, 0: the prompt failed. A
reply that the provider never gave is not computed. Scenarios without a positive grade have no findings here.

The controls are the same metric of orders that need no model: the baseline's, the prompt's own lines (what a model that
copies its input gets), and the expected value of a random permutation, which is exact and needs no draw.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

from app.pipeline.seller_text import folded_words
from evals.prompts.checks.family import answered, baseline_of, completed, judged, lines_of
from evals.prompts.finding import Check, Direction, Finding
from evals.prompts.outcome import Outcome
from evals.prompts.scenario import Candidate

K = 10


def ndcg(order: Sequence[str], grades: Mapping[str, int], k: int = K) -> float | None:
    """NDCG@k of product ids against grades; None where no grade is above 0."""
    ideal = _dcg(sorted(grades.values(), reverse=True)[:k])
    if ideal <= 0.0:
        return None
    return _dcg([grades.get(p, 0) for p in order[:k]]) / ideal


def _dcg(grades: Sequence[int]) -> float:
    return sum((2.0**grade - 1.0) / math.log2(place + 1) for place, grade in enumerate(grades, start=1))


def mrr(order: Sequence[str], grades: Mapping[str, int]) -> float | None:
    """1 / position of the first product of the best grade that occurs; 0 where it is not in the order."""
    best = max(grades.values(), default=0)
    if best <= 0:
        return None
    return next((1.0 / place for place, p in enumerate(order, start=1) if grades.get(p, 0) == best), 0.0)


def shuffled_ndcg(grades: Mapping[str, int], n: int, k: int = K) -> float | None:
    """The expected NDCG@k of a random permutation of n candidates."""
    ideal = _dcg(sorted(grades.values(), reverse=True)[:k])
    if ideal <= 0.0 or n == 0:
        return None
    mean_gain = sum(2.0**grade - 1.0 for grade in grades.values()) / n
    return mean_gain * sum(1.0 / math.log2(place + 1) for place in range(1, min(k, n) + 1)) / ideal


def _model_order(outcome: Outcome) -> tuple[str, ...]:
    return completed(outcome.order, baseline_of(outcome)) if outcome.order else ()


Figure = Callable[[Outcome], float | None]


def _measured(name: str, figure: Figure) -> Callable[[Sequence[Outcome]], Sequence[Finding]]:
    def of(outcomes: Sequence[Outcome]) -> Sequence[Finding]:
        if not outcomes or max(outcomes[0].scenario.grades.values(), default=0) <= 0:
            return []
        outcome = outcomes[0]
        value = figure(outcome) if answered(outcome) else None
        return [judged(f"ranking.{name}", outcome, value=value, passed=None)]

    return of


def model_ndcg(outcome: Outcome) -> float | None:
    """NDCG@10 of the model's own order."""
    return ndcg(_model_order(outcome), outcome.scenario.grades)


def model_mrr(outcome: Outcome) -> float | None:
    """One over the position of the first best product in the model's own order."""
    return mrr(_model_order(outcome), outcome.scenario.grades)


def slate_ndcg(outcome: Outcome) -> float | None:
    """NDCG@10 of the slate that a shopper sees, fused with the baseline."""
    return ndcg([item.product_id for item in outcome.slate], outcome.scenario.grades)


def over_baseline(outcome: Outcome) -> float | None:
    """NDCG@10 of the model's own order less the baseline's."""
    mine, control = model_ndcg(outcome), baseline_ndcg(outcome)
    return None if mine is None or control is None else mine - control


def baseline_ndcg(outcome: Outcome) -> float | None:
    """Control: NDCG@10 of the baseline's order."""
    return ndcg(baseline_of(outcome), outcome.scenario.grades)


def lines_ndcg(outcome: Outcome) -> float | None:
    """Control: NDCG@10 of the order of the prompt's lines."""
    return ndcg(lines_of(outcome.posed.given), outcome.scenario.grades)


def shuffle_ndcg(outcome: Outcome) -> float | None:
    """Control: expected NDCG@10 of a random order."""
    return shuffled_ndcg(outcome.scenario.grades, len(outcome.scenario.candidates))


def good_first(outcomes: Sequence[Outcome]) -> Sequence[Finding]:
    """What stands first is not one that no good answer puts there."""
    if not outcomes or not outcomes[0].scenario.must_not_lead or not outcomes[0].order:
        return []
    outcome = outcomes[0]
    first = outcome.order[0]
    bad = first in outcome.scenario.must_not_lead
    return [judged("ranking.good_first", outcome, value=float(bad), passed=not bad, detail=first if bad else "")]


def query_answered(outcomes: Sequence[Outcome]) -> Sequence[Finding]:
    """Of the first three products one answers the query: it shares a word with it, or is known to be relevant.

    Nothing is said where no candidate answers it, or nearly all do.
    """
    if not outcomes or outcomes[0].scenario.query is None or not outcomes[0].order:
        return []
    outcome = outcomes[0]
    wanted = {word for word in folded_words(outcome.scenario.query or "") if len(word) > 2}
    fitting = {c.product.product_id for c in outcome.scenario.candidates if _answers(c, wanted)}
    if not fitting or 2 * len(fitting) > len(outcome.scenario.candidates):
        return []
    good = any(p in fitting for p in outcome.order[:3])
    detail = "" if good else f"none of the first three of {len(fitting)} that do answers {outcome.scenario.query!r}"
    return [judged("ranking.query_answered", outcome, value=float(good), passed=good, detail=detail)]


def _answers(candidate: Candidate, wanted: set[str]) -> bool:
    if candidate.grade is not None:
        return candidate.grade >= 2
    if any(fact.kind == "query_match" for fact in candidate.facts):
        return True
    return bool(wanted & set(folded_words(candidate.product.name)))


def _check(name: str, figure: Figure, *, better: Direction = "higher") -> Check:
    told = (figure.__doc__ or "").strip()
    return Check(f"ranking.{name}", "ranking", better, _measured(name, figure), explains=told)


CONTROLS: tuple[Check, ...] = (
    _check("baseline_ndcg", baseline_ndcg),
    _check("lines_ndcg", lines_ndcg),
    _check("shuffle_ndcg", shuffle_ndcg),
)
"""Orders that no model made: the same for every prompt but the prompt's lines, and never part of a verdict."""

CHECKS: tuple[Check, ...] = (
    _check("ndcg", model_ndcg),
    _check("mrr", model_mrr),
    _check("slate_ndcg", slate_ndcg),
    _check("over_baseline", over_baseline),
    *CONTROLS,
    Check("ranking.good_first", "ranking", "lower", good_first, explains=(good_first.__doc__ or "").strip()),
    Check(
        "ranking.query_answered",
        "ranking",
        "higher",
        query_answered,
        explains="Of the first three products one answers the query.",
    ),
)
