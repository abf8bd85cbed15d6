"""Each defence is needed: without it, the tests of its rows fail."""

from __future__ import annotations

import pytest

from tests.adapters.llm.llm_calls import LIBRARY_WARNINGS
from tests.faults.case import Bench, check
from tests.faults.defences import DEFENCES, Defence
from tests.faults.test_matrix import CASES

pytestmark = [*LIBRARY_WARNINGS, pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")]

BY_ID = {case.id: case for case in CASES}
CONTROLS = {"05 TLS as it should be"}
"""Cases without a fault: they show that the others fail for their own reason."""

PAIRS = [(defence, name) for defence in DEFENCES for name in defence.breaks]


def test_every_case_needs_a_defence() -> None:
    """A case that passes without any defence would show nothing."""
    needed = {name for _, name in PAIRS}
    assert needed <= set(BY_ID)
    assert set(BY_ID) - needed == CONTROLS


@pytest.mark.slow
@pytest.mark.parametrize(("defence", "name"), [pytest.param(d, n, id=f"{n} without: {d.name}") for d, n in PAIRS])
def test_a_row_fails_without_its_defence(bench: Bench, defence: Defence, name: str) -> None:
    """The defence is taken away: the case that it is there for does not pass."""
    with pytest.MonkeyPatch.context() as patch:
        defence.off(patch)
        with pytest.raises(AssertionError) as failed:
            check(BY_ID[name], bench)
    bench.service.leave()
    bench.provider.drop()
    assert failed.value is not None
