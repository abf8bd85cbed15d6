"""How much a past interaction still says."""

import numpy as np

from app.domain.interactions import KINDS, EventKind, Signal
from app.pipeline.decay import DAY_S, SessionWeight, decayed_weights

SIGNALS = {EventKind.PURCHASE: Signal(10.0, 100.0), EventKind.DISMISS: Signal(-4.0, 10.0)}
NOW = 1_000 * DAY_S


def _weights(kind: EventKind, age_days: float, scale: float = 1.0) -> float:
    codes = np.asarray([KINDS.index(kind)], dtype=np.int8)
    return float(decayed_weights(codes, np.asarray([NOW - age_days * DAY_S]), NOW, SIGNALS, scale)[0])


def test_halves_after_one_half_life() -> None:
    """After its half-life an interaction says half as much, and the scale stretches the half-life."""
    assert _weights(EventKind.PURCHASE, 0) == 10.0
    assert _weights(EventKind.PURCHASE, 100) == 5.0
    assert _weights(EventKind.PURCHASE, 100, scale=0.5) == 2.5


def test_negative_kinds_stay_negative() -> None:
    """A dismissal speaks against the product and fades too."""
    assert _weights(EventKind.DISMISS, 10) == -2.0


def test_unlisted_kinds_say_nothing_and_the_future_counts_as_now() -> None:
    """A kind without a signal weighs 0; a stamp after `now` is age 0, not more than full weight."""
    assert _weights(EventKind.VIEW, 0) == 0.0
    assert _weights(EventKind.PURCHASE, -50) == 10.0


def test_stars_turn_a_rating() -> None:
    """5 speak for it fully, 4 half, 3 not at all, 2 and 1 against; without stars it counts as listed."""
    signals = {
        EventKind.RATING: Signal(3.0, 100.0),
        EventKind.REVIEW: Signal(2.0, 100.0),
        EventKind.VIEW: Signal(1.0, 1.0),
    }
    kinds = [EventKind.RATING] * 6 + [EventKind.REVIEW, EventKind.VIEW, EventKind.RATING]
    codes = np.asarray([KINDS.index(kind) for kind in kinds], dtype=np.int8)
    stars = np.asarray([5, 4, 3, 2, 1, np.nan, 1, 1, 9], dtype=np.float32)
    weights = decayed_weights(codes, np.full(9, NOW), NOW, signals, value=stars)
    assert weights.tolist() == [3.0, 1.5, 0.0, -1.5, -3.0, 3.0, -2.0, 1.0, 3.0]


def test_the_visit_under_way_counts_more_while_it_is_fresh() -> None:
    """Twice as much now, one and a half times after a half-life, as much as ever elsewhere."""
    factors = SessionWeight(boost=1.0, half_life_s=60.0).factors(
        np.array([True, True, False]), np.array([0.0, 60.0, 0.0])
    )
    assert factors.tolist() == [2.0, 1.5, 1.0]
