"""Reference price and restock time from the histories."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.adapters.sql_store.price_facts import price_facts, restocked_at

DAY = 86_400.0


def _days(*entries: tuple[float, int]) -> list[tuple[float, int]]:
    return [(day * DAY, value) for day, value in entries]


@pytest.mark.parametrize(
    ("history", "current", "since_day", "reference"),
    [
        ([(0, 100)], 100, 0, None),
        ([(0, 100), (50, 80)], 80, 50, 100),
        ([(0, 100), (50, 80), (60, 80)], 80, 50, 100),
        # A short dip within the window is the reference, one before the window is not.
        ([(0, 100), (30, 70), (31, 100), (50, 80)], 80, 50, 70),
        ([(0, 100), (10, 70), (11, 100), (50, 80)], 80, 50, 100),
        # Set before the window and still in force when it began: it counts.
        ([(0, 60), (25, 100), (50, 80)], 80, 50, 60),
        # Exactly at the start of the window a price that ended there was not in force in it.
        ([(0, 60), (20, 100), (50, 80)], 80, 50, 100),
        # Sold for two days only before the change.
        ([(48, 100), (50, 80)], 80, 50, 100),
        # A planned price and an unknown current one.
        ([(0, 100), (50, 80), (90, 120)], 80, 50, 100),
        ([(0, 100)], None, None, None),
        ([(0, 100)], 90, None, None),
        ([], 90, None, None),
        # A price that rises has a reference, too: the caller sees that it is no discount.
        ([(0, 80), (50, 100)], 100, 50, 80),
    ],
)
def test_price_facts(
    history: list[tuple[float, int]], current: int | None, since_day: float | None, reference: int | None
) -> None:
    """The price of today holds since its run began; before that the lowest in force within 30 days counts."""
    since = None if since_day is None else since_day * DAY
    assert price_facts(_days(*history), current) == (since, reference)


@given(st.lists(st.tuples(st.integers(0, 200), st.integers(1, 5)), min_size=1, unique_by=lambda entry: entry[0]))
def test_reference_is_the_minimum_over_every_moment_of_the_window(entries: list[tuple[int, int]]) -> None:
    """Looked at day by day, nothing lower was in force, and the reference itself was."""
    history = sorted(entries)
    current = history[-1][1]
    since, reference = price_facts(_days(*history), current)
    assert since is not None
    since_day = round(since / DAY)
    in_force = []
    for day in range(max(since_day - 30, history[0][0]), since_day):
        in_force.append([price for start, price in history if start <= day][-1])
    assert reference == (min(in_force) if in_force else None)


@pytest.mark.parametrize(
    ("history", "day"),
    [
        ([], None),
        ([(0, 5)], None),
        ([(0, 0)], None),
        ([(0, 5), (1, 0)], None),
        ([(0, 0), (1, 4), (2, 9)], 1),
        ([(0, 0), (1, 4), (2, 0), (3, 1), (4, 0)], 3),
    ],
)
def test_restocked_at_is_the_last_step_from_none_to_some(history: list[tuple[float, int]], day: float | None) -> None:
    """A first delivery is no restock; a later sell-out does not undo one."""
    assert restocked_at(_days(*history)) == (None if day is None else day * DAY)
