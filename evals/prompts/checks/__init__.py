"""Every check of the suite, by group. `ALL` looks at the outcomes of one scenario, `SUITE` at those of a whole run."""

from __future__ import annotations

from evals.prompts.checks import (
    contract,
    fairness,
    faithfulness,
    grounding,
    injection,
    invariance,
    metamorphic,
    operations,
    ranking,
    rules,
)
from evals.prompts.finding import Check, SuiteCheck

ALL: tuple[Check, ...] = (
    *contract.CHECKS,
    *rules.CHECKS,
    *ranking.CHECKS,
    *invariance.CHECKS,
    *metamorphic.CHECKS,
    *grounding.CHECKS,
    *faithfulness.CHECKS,
    *injection.CHECKS,
    *fairness.CHECKS,
    *operations.CHECKS,
)

SUITE: tuple[SuiteCheck, ...] = (*fairness.SUITE, *operations.SUITE)

CONTROLS: tuple[str, ...] = tuple(check.name for check in ranking.CONTROLS)
"""Checks whose figure no prompt can change, or only by its lines: told beside the others, never part of a verdict."""

TESTED: tuple[Check, ...] = tuple(check for check in ALL if check.name not in CONTROLS)
"""The checks that verdicts are about."""
