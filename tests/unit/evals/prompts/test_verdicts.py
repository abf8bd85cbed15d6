"""Verdicts: planted differences are called, chance is not, shoppers are the unit, and rules have a bound."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest

from evals.prompts.finding import Check, Finding
from evals.prompts.verdicts import Verdict, verdicts, zeros

QUALITY = Check("ranking.ndcg", "ranking", "higher", lambda _: [])
COST = Check("operations.usd", "operations", "lower", lambda _: [])
PASSES = Check("contract.schema", "contract", "lower", lambda _: [])
RULE = Check("rules.over_budget", "rules", "lower", lambda _: [], must_be_zero=True)


@dataclass(frozen=True)
class Case:
    shopper: str
    segment: str = "11+/none"


CASES = {f"c{i:03d}": Case(f"s{i // 2}", "11+/none" if i % 4 < 2 else "0/stated") for i in range(120)}
RNG = np.random.default_rng(11)
NOISE = {name: RNG.normal(0, 0.1) for name in CASES}


def measured(check: Check, of: Callable[[str], float | None]) -> list[Finding]:
    return [Finding(check.name, name, None, of(name)) for name in CASES]


def row(found: tuple[Verdict, ...], check: Check, segment: str = "all") -> Verdict:
    return next(v for v in found if (v.check, v.segment) == (check.name, segment))


def test_a_real_difference_is_better_and_the_other_way_round_worse() -> None:
    """The same numbers, sides exchanged, give the opposite verdict."""
    high = measured(QUALITY, lambda name: 0.6 + NOISE[name])
    low = measured(QUALITY, lambda name: 0.5 - NOISE[name])
    assert row(verdicts(high, low, CASES, [QUALITY]), QUALITY).outlook == "better"
    assert row(verdicts(low, high, CASES, [QUALITY]), QUALITY).outlook == "worse"


def test_lower_is_better_where_the_check_says_so() -> None:
    """A cost that falls is better."""
    dear = measured(COST, lambda name: 0.002 + 0.001 * abs(NOISE[name]))
    cheap = measured(COST, lambda name: 0.001 + 0.001 * abs(NOISE[name]))
    assert row(verdicts(cheap, dear, CASES, [COST]), COST).outlook == "better"


def test_equal_runs_are_no_evidence() -> None:
    """Identical findings have no difference, no flip and no verdict anywhere."""
    same = measured(QUALITY, lambda name: NOISE[name])
    for found in verdicts(same, same, CASES, [QUALITY]):
        assert (found.outlook, found.flips, found.difference.value) == ("no evidence", (), 0.0)


def test_pass_and_fail_go_through_mcnemar_with_their_flips() -> None:
    """Forty cases that pass only now are better; each is listed with why it failed before."""
    new = [Finding(PASSES.name, name, True, 0.0) for name in CASES]
    old = [Finding(PASSES.name, n, i >= 40, float(i < 40), "fence" if i < 40 else "") for i, n in enumerate(CASES)]
    found = row(verdicts(new, old, CASES, [PASSES]), PASSES)
    assert (found.outlook, found.method, len(found.flips)) == ("better", "mcnemar", 40)
    assert (found.flips[0].now, found.flips[0].detail) == ("passes", "fence")
    assert found.new == 1.0


def test_a_flip_the_other_way_is_worse() -> None:
    """Cases that newly fail are worse, and say so with what is wrong now."""
    old = [Finding(PASSES.name, name, True, 0.0) for name in CASES]
    new = [Finding(PASSES.name, n, i >= 40, float(i < 40), "fence") for i, n in enumerate(CASES)]
    found = row(verdicts(new, old, CASES, [PASSES]), PASSES)
    assert (found.outlook, found.flips[0].now) == ("worse", "fails")


def test_cases_of_one_shopper_are_one_observation() -> None:
    """A difference that one shopper's sixty cases show is no evidence about shoppers."""
    crowd = {name: Case("one" if i < 115 else f"s{i}") for i, name in enumerate(CASES)}
    new = measured(QUALITY, lambda name: 0.6 if crowd[name].shopper == "one" else 0.5)
    old = measured(QUALITY, lambda _: 0.5)
    assert row(verdicts(new, old, crowd, [QUALITY]), QUALITY).outlook == "no evidence"


def test_a_segment_of_few_shoppers_is_told_and_not_tested() -> None:
    """Under six shoppers there is a difference and an interval, and no p."""
    few = {name: Case(f"s{i % 3}") for i, name in enumerate(CASES)}
    new = measured(QUALITY, lambda _: 0.9)
    old = measured(QUALITY, lambda _: 0.1)
    found = row(verdicts(new, old, few, [QUALITY]), QUALITY)
    assert (found.method, found.outlook) == ("too few shoppers", "no evidence")
    assert math.isnan(found.p)
    assert found.difference.value == pytest.approx(0.8)


def test_what_could_not_be_computed_is_left_out_and_counted() -> None:
    """A None on either side takes the pair out; it is no zero."""
    new = measured(QUALITY, lambda name: None if name < "c010" else 0.5)
    old = measured(QUALITY, lambda _: 0.5)
    found = row(verdicts(new, old, CASES, [QUALITY]), QUALITY)
    assert (found.left_out, found.cases) == (10, 110)
    assert found.new == 0.5


def test_the_family_is_every_check_in_every_segment() -> None:
    """With more hypotheses the same p needs to be smaller: Holm's p never lies under the raw one."""

    def run(sign: float) -> list[Finding]:
        quality = measured(QUALITY, lambda name: 0.5 + sign * NOISE[name])
        return [*quality, *measured(COST, lambda name: 1.0 + sign * NOISE[name])]

    found = verdicts(run(1), run(-1), CASES, [QUALITY, COST])
    assert {v.segment for v in found} == {"all", "11+/none", "0/stated"}
    assert len(found) == 6
    assert all(v.p_holm >= v.p for v in found)


def test_the_same_findings_give_the_same_verdicts() -> None:
    """Everything random is seeded."""
    new = measured(QUALITY, lambda name: 0.5 + NOISE[name])
    old = measured(QUALITY, lambda _: 0.5)
    assert verdicts(new, old, CASES, [QUALITY]) == verdicts(new, old, CASES, [QUALITY])


def test_a_rule_that_held_has_the_bound_of_three() -> None:
    """No failure in 120 slates still leaves room for 2.5%; one failure is named and does not hold."""
    held = [Finding(RULE.name, name, True, 0.0) for name in CASES]
    [zero] = zeros(held, [RULE, QUALITY])
    assert zero.holds
    assert zero.at_most == pytest.approx(3 / 120, rel=0.02)
    [broken] = zeros([*held[1:], Finding(RULE.name, "c000", False, 1.0)], [RULE])
    assert (broken.holds, broken.scenarios) == (False, ("c000",))
    assert broken.at_most > zero.at_most


def test_a_rule_without_a_case_does_not_hold() -> None:
    """Nothing looked at is nothing shown."""
    [zero] = zeros([], [RULE])
    assert (zero.holds, zero.n, zero.at_most) == (False, 0, 1.0)
