"""Every fault of the model provider, through the real service: a full, lawful slate in time, and the truth about it."""

from __future__ import annotations

import pytest

from tests.adapters.llm.llm_calls import LIBRARY_WARNINGS
from tests.faults.case import Bench, Case, check
from tests.faults.reply_cases import REPLY_CASES
from tests.faults.wire_cases import WIRE_CASES

pytestmark = LIBRARY_WARNINGS

CASES = (*WIRE_CASES, *REPLY_CASES)


@pytest.mark.parametrize("case", [pytest.param(c, id=c.id, marks=[pytest.mark.slow] if c.slow else []) for c in CASES])
def test_the_slate_is_right_whatever_the_provider_does(bench: Bench, case: Case) -> None:
    """200 within the deadline and slack, rules kept, reason given, one call in the ledger, nothing cached or leaked."""
    check(case, bench)
