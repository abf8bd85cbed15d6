"""What a prompt costs in time, tokens and money, and what is left of its quality at a deadline.

Times of a simulated or recorded reply are what was recorded then. What a provider did not say is unknown, never 0.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from evals.prompts.checks.contract import per_outcome
from evals.prompts.checks.family import answered, baseline_of, judged
from evals.prompts.checks.ranking import baseline_ndcg, ndcg, slate_ndcg
from evals.prompts.finding import Check, Direction, Finding, SuiteCheck
from evals.prompts.outcome import Outcome

DEADLINES_MS = (250, 500, 1000, 2000, 4000)
"""Deadlines at which quality is told; the service's own default is 500."""

Figure = Callable[[Outcome], float | None]


def seconds(outcome: Outcome) -> float | None:
    """Seconds until the reply was complete."""
    return outcome.reply.seconds if answered(outcome) else None


def first_content(outcome: Outcome) -> float | None:
    """Seconds until the first content came."""
    return outcome.reply.seconds_to_first


def to_order(outcome: Outcome) -> float | None:
    """Seconds until the order was complete."""
    return outcome.seconds_to_order


def input_tokens(outcome: Outcome) -> float | None:
    """Tokens sent."""
    return float(outcome.reply.usage.input_tokens) if answered(outcome) else None


def output_tokens(outcome: Outcome) -> float | None:
    """Tokens received."""
    return float(outcome.reply.usage.output_tokens) if answered(outcome) else None


def usd(outcome: Outcome) -> float | None:
    """US dollars of the request; unknown where the price is."""
    return outcome.reply.usage.cost_usd


def failed_calls(outcome: Outcome) -> float | None:
    """1 where the provider gave no reply."""
    return 0.0 if answered(outcome) else 1.0


def deadline_kept(outcome: Outcome) -> Finding:
    """The order was complete within the deadline."""
    kept = outcome.deadline_kept
    value = None if kept is None else float(kept)
    return judged("operations.deadline_kept", outcome, value=value, passed=kept)


def quality_in_time(outcomes: Sequence[Outcome]) -> Sequence[Finding]:
    """NDCG@10 of what a shopper sees at the deadline: the slate if the order was complete, else the baseline."""
    if not outcomes or max(outcomes[0].scenario.grades.values(), default=0) <= 0:
        return []
    outcome = outcomes[0]
    value = None
    if outcome.deadline_kept is not None:
        value = slate_ndcg(outcome) if outcome.deadline_kept else baseline_ndcg(outcome)
    return [judged("operations.quality_in_time", outcome, value=value, passed=None)]


def percentiles(runs: Sequence[Sequence[Outcome]]) -> Sequence[Finding]:
    """p50 and p95 of seconds to the reply, to the first content and to the order, over the plain outcomes."""
    found = []
    for name, figure in (("seconds", seconds), ("first_content", first_content), ("to_order", to_order)):
        values = [v for outcomes in runs if outcomes and (v := figure(outcomes[0])) is not None]
        if values:
            p50, p95 = (float(x) for x in np.percentile(values, (50, 95)))
            extra = {"p50": p50, "p95": p95, "n": float(len(values))}
            found.append(Finding(f"operations.{name}_percentiles", "", None, p95, f"p50 {p50:.3f} s", extra))
    return found


def money(runs: Sequence[Sequence[Outcome]]) -> Sequence[Finding]:
    """US dollars per request, and of how many requests the price is unknown."""
    plain = [outcomes[0] for outcomes in runs if outcomes and answered(outcomes[0])]
    known = [cost for outcome in plain if (cost := usd(outcome)) is not None]
    value = sum(known) / len(known) if known else None
    extra = {"known": float(len(known)), "unknown": float(len(plain) - len(known)), "usd": sum(known)}
    return [Finding("operations.usd_per_request", "", None, value, "", extra)] if plain else []


def quality_by_deadline(runs: Sequence[Sequence[Outcome]]) -> Sequence[Finding]:
    """Mean NDCG@10 of what shoppers see under each of several deadlines; the baseline's where the order came later.

    `extra` has it by milliseconds. Only scenarios with a known time to the order, or an unusable reply, count.
    """
    rows: list[tuple[float, float, float]] = []
    for outcomes in runs:
        if not outcomes:
            continue
        outcome = outcomes[0]
        with_model = ndcg([i.product_id for i in outcome.slate], outcome.scenario.grades)
        without = ndcg(baseline_of(outcome), outcome.scenario.grades)
        when = outcome.seconds_to_order if outcome.order else float("inf")
        if with_model is not None and without is not None and when is not None:
            rows.append((when, with_model, without))
    if not rows:
        return []
    extra = {
        str(ms): float(np.mean([good if when * 1000 <= ms else without for when, good, without in rows]))
        for ms in DEADLINES_MS
    }
    extra["never"] = float(np.mean([without for _, _, without in rows]))
    extra["whenever"] = float(np.mean([good for _, good, _ in rows]))
    return [Finding("operations.quality_by_deadline", "", None, extra["500"], f"of {len(rows)} scenarios", extra)]


def _measured(name: str, figure: Figure, better: Direction = "lower") -> Check:
    def judge(outcome: Outcome) -> Finding:
        return judged(f"operations.{name}", outcome, value=figure(outcome), passed=None)

    told = (figure.__doc__ or "").strip()
    return Check(f"operations.{name}", "operations", better, per_outcome(judge), explains=told)


CHECKS: tuple[Check, ...] = (
    _measured("seconds", seconds),
    _measured("first_content", first_content),
    _measured("to_order", to_order),
    _measured("input_tokens", input_tokens),
    _measured("output_tokens", output_tokens),
    _measured("usd", usd),
    _measured("failed_calls", failed_calls),
    Check(
        "operations.deadline_kept",
        "operations",
        "higher",
        per_outcome(deadline_kept),
        explains=(deadline_kept.__doc__ or ""),
    ),
    Check(
        "operations.quality_in_time",
        "operations",
        "higher",
        quality_in_time,
        explains="NDCG@10 of what a shopper sees at the deadline",
    ),
)

SUITE: tuple[SuiteCheck, ...] = (
    SuiteCheck("operations.percentiles", "operations", "lower", percentiles, "p50 and p95 of times"),
    SuiteCheck("operations.usd_per_request", "operations", "lower", money, "US dollars per request"),
    SuiteCheck(
        "operations.quality_by_deadline", "operations", "higher", quality_by_deadline, "NDCG@10 under each deadline"
    ),
)
