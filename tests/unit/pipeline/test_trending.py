"""What trends: counted by shopper, decayed, and not to be bought by one of them."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from app.pipeline.trending import (
    MIN_SHOPPERS,
    NO_EVENTS,
    NOBODY,
    WINDOW_DAYS,
    RecentEvents,
    Trend,
    shoppers_of,
    trend_of,
)

NOW = 1_790_000_000.0
DAY = 86_400.0
ROWS = 6


def events(*lines: tuple[int, int, float, float]) -> RecentEvents:
    """Events from (actor, row, days ago, strength)."""
    columns = list(zip(*lines, strict=True))
    n = len(lines)
    return RecentEvents(
        actor=np.asarray(columns[0], dtype=np.int64),
        row=np.asarray(columns[1], dtype=np.int32),
        at=NOW - DAY * np.asarray(columns[2], dtype=np.float64),
        strength=np.asarray(columns[3], dtype=np.float32),
        country=np.full(n, -1, dtype=np.int32),
        age_band=np.full(n, -1, dtype=np.int32),
    )


def bought_by(shoppers: range, row: int, days_ago: float) -> list[tuple[int, int, float, float]]:
    """One purchase each."""
    return [(shopper, row, days_ago, 1.0) for shopper in shoppers]


def order(trend: Trend) -> list[int]:
    """Rows, best first."""
    return [int(row) for row in trend.rows]


def test_what_grows_comes_before_what_always_sold() -> None:
    """Ten shoppers this week and none before beat forty a week, every week."""
    steady = [line for week in range(5) for line in bought_by(range(1, 41), 0, 7 * week + 2.5)]
    grown = bought_by(range(100, 110), 1, 2.5)
    assert order(trend_of(events(*steady, *grown), ROWS, NOW)) == [1, 0]


def test_a_bulk_order_counts_as_one_shopper() -> None:
    """A thousand lines of one buyer stay behind six shoppers with one purchase each."""
    bulk = [(7, 0, 0.1 + i / 1e5, 1.0) for i in range(1000)]
    many = bought_by(range(10, 16), 1, 0.1)
    found = trend_of(events(*bulk, *many), ROWS, NOW)
    assert order(found) == [1, 0]
    alone = trend_of(events((7, 0, 0.1, 1.0), *many), ROWS, NOW)
    assert found.scores.tolist() == alone.scores.tolist()


def test_buying_every_day_adds_no_more_than_one_shopper() -> None:
    """Seven daily orders of one buyer weigh what one of today does."""
    daily = [(7, 0, day + 0.5, 1.0) for day in range(7)]
    two = bought_by(range(1, 3), 1, 0.5)
    assert order(trend_of(events(*daily, *two), ROWS, NOW)) == [1, 0]


def test_few_shoppers_do_not_grow() -> None:
    """Under MIN_SHOPPERS a product stays among what is merely taken up; from there on it may lead."""
    hot = bought_by(range(100, 130), 0, 1.0) + [
        line for week in range(1, 5) for line in bought_by(range(100, 300), 0, 7 * week + 1.0)
    ]
    few = bought_by(range(1, MIN_SHOPPERS), 1, 0.1)
    enough = bought_by(range(1, MIN_SHOPPERS + 1), 1, 0.1)
    assert order(trend_of(events(*hot, *few), ROWS, NOW)) == [0, 1]
    assert order(trend_of(events(*hot, *enough), ROWS, NOW)) == [1, 0]


def test_the_newer_counts_more() -> None:
    """The same shoppers today and six days ago: today's first."""
    found = trend_of(events(*bought_by(range(1, 9), 0, 6.5), *bought_by(range(1, 9), 1, 0.5)), ROWS, NOW)
    assert order(found) == [1, 0]


def test_what_nobody_can_be_tied_to_counts_by_its_logarithm() -> None:
    """Events without an actor are neither one shopper nor as many as there are."""
    untied = [(NOBODY, 0, 0.5, 1.0)] * 63
    three, seven = bought_by(range(1, 4), 1, 0.5), bought_by(range(1, 8), 2, 0.5)
    scores = trend_of(events(*untied, *three, *seven), ROWS, NOW)
    heat = dict(zip(order(scores), scores.scores.tolist(), strict=True))
    assert order(scores)[0] == 2  # grows: seven that can be told apart
    assert heat[0] > heat[1]


def test_the_future_and_the_distant_past_say_nothing() -> None:
    """Events after now or before the window are not counted, nor are rows that are not there yet."""
    lines = [(1, 0, -0.1, 1.0), (1, 1, WINDOW_DAYS + 0.1, 1.0), (1, ROWS, 0.5, 1.0)]
    assert order(trend_of(events(*lines), ROWS, NOW)) == []
    assert order(trend_of(NO_EVENTS, ROWS, NOW)) == []
    assert order(trend_of(events(*bought_by(range(9), 2, 20.0)), ROWS, NOW)) == []  # nothing this week


def test_shoppers_are_counted_once() -> None:
    """Different actors, nobody not among them."""
    assert shoppers_of(events((1, 0, 1, 1.0), (1, 2, 1, 1.0), (2, 0, 1, 1.0), (NOBODY, 0, 1, 1.0))) == 2


lines = st.tuples(st.integers(0, 9), st.integers(0, ROWS), st.floats(-3, 50), st.floats(0, 1, width=32))


@settings(max_examples=60, deadline=None)
@given(st.lists(lines, min_size=1, max_size=60), st.randoms(use_true_random=False))
def test_the_order_of_events_changes_nothing(given_lines: list[tuple[int, int, float, float]], random) -> None:
    """Rows are unique, scores fall, and shuffled events give the same answer."""
    found = trend_of(events(*given_lines), ROWS, NOW)
    assert len(set(order(found))) == len(found.rows)
    assert (np.diff(found.scores) <= 0).all()
    assert (found.scores > 0).all()
    shuffled = random.sample(given_lines, len(given_lines))
    again = trend_of(events(*shuffled), ROWS, NOW)
    assert order(again) == order(found)
