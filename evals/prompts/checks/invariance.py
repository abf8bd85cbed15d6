"""Whether an order depends on where things stand in the prompt. It must not: the lines come in no particular order.

Measured over the shuffles of one scenario. Two orders of ten are compared by Kendall's tau-b over the products that
either names; a product that one leaves out is tied behind its last (Fagin, Kumar & Sivakumar 2003 discuss top-k lists).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import fmean

from scipy import stats

from evals.prompts.checks.family import Family, answered, family, judged, lines_of
from evals.prompts.checks.ranking import mrr
from evals.prompts.finding import Check, Finding
from evals.prompts.outcome import Outcome

TAU_MIN = 0.5
"""Mean agreement with the plain order under which a scenario fails."""
FLIPS_MAX = 0.5
"""Share of shuffles with another first product above which a scenario fails."""
COPIED = 0.9
"""Agreement of an order with the prompt's lines, either way round, from which it counts as copied."""
COPIED_ITEMS_MIN = 8
"""With fewer products an order agrees with the lines by chance too often."""
BIAS_TAU, BIAS_P = 0.2, 0.001
"""A position bias is reported as a failure when it is both of this size and this unlikely."""


def tau(first: Sequence[str], second: Sequence[str]) -> float | None:
    """Kendall's tau-b of two orders, -1 to 1; None where it isn't defined (under two products)."""
    everything = sorted({*first, *second})
    if len(everything) < 2 or not first or not second:
        return None
    places = [{p: i for i, p in enumerate(order)} for order in (first, second)]
    ranks = [[place.get(p, len(everything)) for p in everything] for place in places]
    value = float(stats.kendalltau(*ranks).statistic)
    return None if math.isnan(value) else value


def _told(outcomes: Sequence[Outcome]) -> tuple[Family, tuple[Outcome, ...]] | None:
    """The scenario with those of its shuffles that have an order; None where nothing can be compared."""
    found = family(outcomes)
    if found is None or not found.plain.order:
        return None
    shuffles = tuple(o for o in found.shuffles if o.order)
    return (found, shuffles) if shuffles else None


def kendall_tau(outcomes: Sequence[Outcome]) -> Sequence[Finding]:
    """Mean agreement of the shuffles' orders with the plain one."""
    told = _told(outcomes)
    if told is None:
        return []
    plain = told[0].plain
    found = [t for o in told[1] if (t := tau(plain.order, o.order)) is not None]
    if not found:
        return []
    value = fmean(found)
    return [judged("invariance.kendall_tau", plain, value=value, passed=value >= TAU_MIN, detail=f"tau {value:.2f}")]


def top1_flips(outcomes: Sequence[Outcome]) -> Sequence[Finding]:
    """Share of the shuffles that put another product first."""
    told = _told(outcomes)
    if told is None:
        return []
    plain, shuffles = told[0].plain, told[1]
    value = fmean(float(o.order[0] != plain.order[0]) for o in shuffles)
    firsts = len({o.order[0] for o in (plain, *shuffles)})
    detail = f"{firsts} products came first in {len(shuffles) + 1} orders"
    return [judged("invariance.top1_flips", plain, value=value, passed=value <= FLIPS_MAX, detail=detail)]


def position_bias(outcomes: Sequence[Outcome]) -> Sequence[Finding]:
    """How far a product's place in the prompt decides its place in the order, over all shuffles together.

    Kendall's tau of line against rank, pooled over shuffles: a product that is simply good stands anywhere in the
    prompt, so only a bias is left. Above 0 early lines are preferred, under 0 late ones.
    """
    told = _told(outcomes)
    if told is None:
        return []
    plain = told[0].plain
    lines: list[int] = []
    ranks: list[int] = []
    for outcome in (plain, *told[1]):
        place = {p: i for i, p in enumerate(lines_of(outcome.posed.given))}
        rank = {p: i for i, p in enumerate(outcome.order)}
        lines += place.values()
        ranks += [rank.get(p, len(place)) for p in place]
    result = stats.kendalltau(lines, ranks)
    value, p = float(result.statistic), float(result.pvalue)
    if math.isnan(value):
        return []
    biased = abs(value) >= BIAS_TAU and p < BIAS_P
    detail = f"tau of line and rank {value:.2f}, p {p:.2g}"
    return [judged("invariance.position_bias", plain, value=abs(value), passed=not biased, detail=detail)]


def copies_lines(outcomes: Sequence[Outcome]) -> Sequence[Finding]:
    """The order is not that of the prompt's lines, nor its reverse."""
    if not outcomes or not outcomes[0].order or not answered(outcomes[0]):
        return []
    plain = outcomes[0]
    place = {p: i for i, p in enumerate(lines_of(plain.posed.given))}
    told = [place[p] for p in plain.order if p in place]
    if len(told) < COPIED_ITEMS_MIN:
        return []
    value = abs(float(stats.kendalltau(range(len(told)), told).statistic))
    detail = f"tau with the prompt's lines {value:.2f}"
    return [judged("invariance.copies_lines", plain, value=value, passed=value < COPIED, detail=detail)]


def best_slot(outcomes: Sequence[Outcome]) -> Sequence[Finding]:
    """Quality by where the best product stood: reciprocal rank with it in the first third of lines less in the last.

    `extra` has the mean reciprocal rank of each third that occurred: first, middle, last.
    """
    told = _told(outcomes)
    if told is None or max(told[0].plain.scenario.grades.values(), default=0) <= 0:
        return []
    plain = told[0].plain
    grades = plain.scenario.grades
    best = max(grades.values())
    thirds: dict[str, list[float]] = {"first": [], "middle": [], "last": []}
    for outcome in (plain, *told[1]):
        lines = lines_of(outcome.posed.given)
        places = [i for i, p in enumerate(lines) if grades.get(p, 0) == best]
        value = mrr(outcome.order, grades)
        if value is not None and len(places) == 1:
            thirds[("first", "middle", "last")[min(2, 3 * places[0] // len(lines))]].append(value)
    extra = {name: fmean(values) for name, values in thirds.items() if values}
    value = extra["first"] - extra["last"] if {"first", "last"} <= set(extra) else None
    return [Finding("invariance.best_slot", plain.scenario.id, None, value, "", extra)]


CHECKS: tuple[Check, ...] = (
    Check("invariance.kendall_tau", "invariance", "higher", kendall_tau, explains="Shuffled lines give the same order"),
    Check("invariance.top1_flips", "invariance", "lower", top1_flips, explains="Shuffled lines give the same first"),
    Check("invariance.position_bias", "invariance", "lower", position_bias, explains="Lines early or late fare alike"),
    Check("invariance.copies_lines", "invariance", "lower", copies_lines, explains="The order is not the prompt's own"),
    Check("invariance.best_slot", "invariance", "lower", best_slot, explains="The best is found wherever it stands"),
)
