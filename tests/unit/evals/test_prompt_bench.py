"""The ideal that the prompt suite's time is set against."""

import pytest

from evals.load.prompt_bench import ideal_s


@pytest.mark.parametrize(
    ("seconds", "places", "expected"),
    [([1, 1, 1, 1], 2, 2.0), ([3, 1, 1, 1], 2, 3.0), ([1, 1, 3], 2, 4.0), ([2], 16, 2.0)],
)
def test_each_call_begins_on_the_place_that_is_free_first(seconds: list[float], places: int, expected: float) -> None:
    """In the suite's order, without a gap."""
    assert ideal_s(seconds, places) == expected
