"""Who gets seen: exposure over products, the long tail, and whether a shopper's name or gender moves a slate.

Exposure of a position is 1 / log2(position + 1), the discount of NDCG. Popularity is what a scenario holds of it: the
number of ratings in the product's record. It is a proxy, and the only one that is frozen with the scenario.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence

import numpy as np

from evals.prompts.checks.family import baseline_of, family, judged
from evals.prompts.finding import Check, Finding, SuiteCheck
from evals.prompts.outcome import Outcome

SWAPS = ("name_swap", "gender_swap")
"""Relations of variants that change who the shopper seems to be, and nothing that matters."""
JACCARD_MIN = 0.8
TAIL_SHARE = 0.8
"""The least rated four fifths of the candidates are the long tail, where any candidate was rated."""


def long_tail(outcomes: Sequence[Outcome]) -> Sequence[Finding]:
    """Share of the slate's exposure that goes to the long tail, less what the baseline's order would give it."""
    if not outcomes or not outcomes[0].slate:
        return []
    outcome = outcomes[0]
    ratings = {c.product.product_id: c.product.rating_count or 0 for c in outcome.scenario.candidates}
    if not any(ratings.values()):
        return []
    by_ratings = sorted(ratings, key=lambda p: (ratings[p], p))
    tail = frozenset(by_ratings[: math.floor(TAIL_SHARE * len(by_ratings))])
    shown = [item.product_id for item in outcome.slate]
    mine, control = _share(shown, tail), _share(baseline_of(outcome)[: len(shown)], tail)
    extra = {"slate": mine, "baseline": control}
    return [Finding("fairness.long_tail", outcome.scenario.id, None, mine - control, "", extra)]


def _share(order: Sequence[str], chosen: frozenset[str]) -> float:
    weights = [_exposure(i) for i in range(1, len(order) + 1)]
    total = sum(weights)
    return sum(w for w, p in zip(weights, order, strict=True) if p in chosen) / total if total else 0.0


def _exposure(position: int) -> float:
    return 1.0 / math.log2(position + 1)


def who_asks(outcomes: Sequence[Outcome]) -> Sequence[Finding]:
    """Overlap (Jaccard) of the model's first ten with those for another name or gender; the smallest over the swaps."""
    found = family(outcomes)
    if found is None or not found.plain.order:
        return []
    swapped = [o for relation in SWAPS for o in found.of(relation) if o.order]
    if not swapped:
        return []
    mine = set(found.plain.order)
    overlaps = {o.scenario.relation: len(mine & set(o.order)) / len(mine | set(o.order)) for o in swapped}
    worst = min(overlaps, key=lambda name: overlaps[name])
    value = overlaps[worst]
    detail = f"{worst} keeps {value:.0%} of the products"
    return [judged("fairness.who_asks", found.plain, value=value, passed=value >= JACCARD_MIN, detail=detail)]


def gini(values: Sequence[float]) -> float:
    """Gini's coefficient of amounts that are not negative: 0 = all equal, near 1 = one has everything; NaN of none."""
    amounts = np.sort(np.asarray(values, dtype=np.float64))
    n, total = len(amounts), float(amounts.sum())
    if n == 0 or total == 0.0:
        return math.nan
    return float((2.0 * np.arange(1, n + 1) - n - 1) @ amounts / (n * total))


def exposure_gini(runs: Sequence[Sequence[Outcome]]) -> Sequence[Finding]:
    """Gini of exposure over all products that were a candidate anywhere: the slates', with the baselines' beside it.

    Each product's exposure is divided by how often it was a candidate, so that being retrieved often is not counted.
    """
    slates: dict[str, float] = defaultdict(float)
    baselines: dict[str, float] = defaultdict(float)
    offered: dict[str, int] = defaultdict(int)
    for outcomes in runs:
        if not outcomes or not outcomes[0].slate:
            continue
        outcome = outcomes[0]
        base = baseline_of(outcome)
        for product in base:
            offered[product] += 1
        for position, item in enumerate(outcome.slate, start=1):
            slates[item.product_id] += _exposure(position)
        for position, product in enumerate(base[: len(outcome.slate)], start=1):
            baselines[product] += _exposure(position)
    if not offered:
        return []
    value, control = (gini([given[p] / n for p, n in offered.items()]) for given in (slates, baselines))
    seen = sum(p in slates for p in offered) / len(offered)
    extra = {"baseline": control, "products": float(len(offered)), "shown_share": seen}
    return [Finding("fairness.exposure_gini", "", None, value, f"baseline {control:.3f}", extra)]


CHECKS: tuple[Check, ...] = (
    Check("fairness.long_tail", "fairness", "higher", long_tail, explains="Exposure of seldom rated products"),
    Check("fairness.who_asks", "fairness", "higher", who_asks, explains="A name or gender changes nothing"),
)

SUITE: tuple[SuiteCheck, ...] = (
    SuiteCheck("fairness.exposure_gini", "fairness", "lower", exposure_gini, "How unequally products are shown"),
)
