"""Better, worse or no evidence: two runs of the same scenarios compared, per check and segment.

Every difference is paired by scenario and clustered by shopper. The family that Holm's correction is over is every
check of every segment that could be tested, so that one false verdict anywhere in a table is as rare as 5%.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal, Protocol

import numpy as np

from app.domain.catalog import FloatArray
from evals.hypotheses import (
    cluster_estimate,
    holm,
    mcnemar_p,
    minimum_detectable,
    rule_of_three,
    share,
    sign_flip_p,
)
from evals.prompts.finding import Check, Direction, Finding
from evals.statistics import RESAMPLES, SEED, Estimate

ALPHA = 0.05
"""Chance of any false verdict in one table."""
CLUSTERS_MIN = 6
"""With fewer shoppers no p reaches 0.05 by flipping signs: the segment is shown and not tested."""
EVERYTHING = "all"
"""The name of the segment that holds every scenario."""

Outlook = Literal["better", "worse", "no evidence"]


class Grouped(Protocol):
    """What of a scenario decides who it is compared with; rerank and chat scenarios are both."""

    @property
    def shopper(self) -> str:
        """The cluster."""
        ...

    @property
    def segment(self) -> str:
        """The gate segment."""
        ...


@dataclass(frozen=True, slots=True)
class Flip:
    """A scenario that passes on one side only."""

    scenario: str
    now: Literal["passes", "fails"]
    detail: str = ""  # of the finding that fails


@dataclass(frozen=True, slots=True)
class Verdict:
    """One check in one segment: the new run against the old."""

    check: str
    segment: str
    outlook: Outlook
    new: float  # mean value, or share of passes, over the paired cases; NaN without any
    old: float
    difference: Estimate  # new - old with its 95% interval, of one draw of shoppers after another
    p: float  # two-sided, of this row alone; NaN = not tested
    p_holm: float  # corrected over the family; NaN = not tested
    detectable: float  # smallest true difference that would have been seen 8 times in 10, uncorrected; NaN = none
    cases: int
    shoppers: int
    left_out: int  # cases that one side or both could not compute
    method: Literal["sign flip", "mcnemar", "too few shoppers", "must be zero"]
    flips: tuple[Flip, ...] = ()  # pass/fail checks: in order of scenario


@dataclass(frozen=True, slots=True)
class Zero:
    """A check that must never fail, over a whole run: how often it did, and how often it may still do unseen."""

    check: str
    failures: int
    n: int
    at_most: float  # 95% upper bound of the true share: the rule of three where nothing failed
    scenarios: tuple[str, ...] = ()  # that failed

    @property
    def holds(self) -> bool:
        """Whether there was a case at all, and none failed."""
        return self.n > 0 and self.failures == 0


def zeros(findings: Iterable[Finding], checks: Sequence[Check]) -> tuple[Zero, ...]:
    """One row per check that must be zero, in the order of the checks."""
    by_check = _by_check(findings)
    rows = []
    for check in (c for c in checks if c.must_be_zero):
        judged = [f for f in by_check.get(check.name, {}).values() if f.passed is not None]
        failed = sorted(f.scenario for f in judged if not f.passed)
        bound = rule_of_three(len(judged)) if not failed else share(len(failed), len(judged)).high
        rows.append(Zero(check.name, len(failed), len(judged), bound, tuple(failed)))
    return tuple(rows)


def verdicts(
    new: Iterable[Finding],
    old: Iterable[Finding],
    scenarios: Mapping[str, Grouped],
    checks: Sequence[Check],
    *,
    alpha: float = ALPHA,
    seed: int = SEED,
    resamples: int = RESAMPLES,
    segments: Mapping[str, frozenset[str]] | None = None,
) -> tuple[Verdict, ...]:
    """Every check in every segment that has findings of it on both sides; "all" first, segments by name.

    A check that says only pass or fail is tested by McNemar (the larger of its p and the clustered one: McNemar takes
    a shopper's cases for independent); one that measures, by sign flips of shoppers.

    Args:    scenarios: by id; findings of other scenarios are left out. segments: name → scenario ids; None = the gate
             segments of the scenarios. seed: of bootstrap and flips.
    Returns: a row is "better" or "worse" where the corrected p is under alpha and the interval leaves out 0.
    """
    groups = _segments(scenarios) if segments is None else segments
    groups = {EVERYTHING: frozenset(scenarios), **groups}
    sides = _by_check(new), _by_check(old)
    rows: list[Verdict] = []
    for check in checks:
        mine, theirs = (side.get(check.name, {}) for side in sides)
        shared = [s for s in scenarios if s in mine and s in theirs]
        for name, members in groups.items():
            ids = sorted(s for s in shared if s in members)
            if ids:
                rows.append(_row(check, name, ids, mine, theirs, scenarios, seed, resamples))
    corrected = holm([row.p for row in rows])
    directions = {check.name: check.better for check in checks}
    return tuple(_judged(row, p, directions[row.check], alpha) for row, p in zip(rows, corrected, strict=True))


def _row(
    check: Check,
    segment: str,
    ids: Sequence[str],
    new: Mapping[str, Finding],
    old: Mapping[str, Finding],
    scenarios: Mapping[str, Grouped],
    seed: int,
    resamples: int,
) -> Verdict:
    binary = all(_says_only_pass(side[s]) for side in (new, old) for s in ids)
    mine, theirs = (_figures([side[s] for s in ids], binary=binary) for side in (new, old))
    paired = ~np.isnan(mine) & ~np.isnan(theirs)
    differences = np.where(paired, mine - theirs, np.nan)
    clusters = [scenarios[s].shopper for s in ids]
    shoppers = len({c for c, scored in zip(clusters, paired.tolist(), strict=True) if scored})
    method: Literal["sign flip", "mcnemar", "too few shoppers"] = "mcnemar" if binary else "sign flip"
    p = math.nan
    if shoppers < CLUSTERS_MIN:
        method = "too few shoppers"
    else:
        p = sign_flip_p(differences, clusters, seed=seed)
        if binary:
            p = max(p, mcnemar_p(int((differences > 0).sum()), int((differences < 0).sum())))
    return Verdict(
        check=check.name,
        segment=segment,
        outlook="no evidence",
        new=float(mine[paired].mean()) if paired.any() else math.nan,
        old=float(theirs[paired].mean()) if paired.any() else math.nan,
        difference=cluster_estimate(differences, clusters, seed=seed, resamples=resamples),
        p=p,
        p_holm=math.nan,
        detectable=minimum_detectable(differences, clusters),
        cases=int(paired.sum()),
        shoppers=shoppers,
        left_out=int((~paired).sum()),
        method=method,
        flips=_flips(ids, new, old),
    )


def _judged(row: Verdict, p_holm: float, better: Direction, alpha: float) -> Verdict:
    outlook: Outlook = "no evidence"
    apart = row.difference.above_zero or row.difference.below_zero
    if not math.isnan(p_holm) and p_holm < alpha and apart:
        # A share of passes is always better higher, whichever way the check's own value is good.
        upward = True if row.method == "mcnemar" else better == "higher"
        outlook = "better" if row.difference.above_zero == upward else "worse"
    return replace(row, outlook=outlook, p_holm=p_holm)


def _says_only_pass(finding: Finding) -> bool:
    """Whether nothing more than pass or fail is known: no value, or one that repeats the verdict."""
    return finding.passed is not None and finding.value in (None, 0.0, 1.0)


def _figures(findings: Sequence[Finding], *, binary: bool) -> FloatArray:
    if binary:
        return np.asarray([math.nan if f.passed is None else float(f.passed) for f in findings], dtype=np.float64)
    return np.asarray([math.nan if f.value is None else f.value for f in findings], dtype=np.float64)


def _flips(ids: Sequence[str], new: Mapping[str, Finding], old: Mapping[str, Finding]) -> tuple[Flip, ...]:
    flips = []
    for s in ids:
        mine, theirs = new[s], old[s]
        if mine.passed is None or theirs.passed is None or mine.passed == theirs.passed:
            continue
        flips.append(Flip(s, "passes" if mine.passed else "fails", (theirs if mine.passed else mine).detail))
    return tuple(flips)


def _by_check(findings: Iterable[Finding]) -> dict[str, dict[str, Finding]]:
    found: dict[str, dict[str, Finding]] = defaultdict(dict)
    for finding in findings:
        found[finding.check][finding.scenario] = finding
    return found


def _segments(scenarios: Mapping[str, Grouped]) -> dict[str, frozenset[str]]:
    groups: dict[str, set[str]] = defaultdict(set)
    for name, scenario in scenarios.items():
        groups[scenario.segment].add(name)
    return {name: frozenset(groups[name]) for name in sorted(groups)}
