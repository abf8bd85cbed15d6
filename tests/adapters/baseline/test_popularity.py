"""Popularity and trend count shoppers, not pieces."""

from dataclasses import replace

import numpy as np

from app.adapters.baseline.popularity import bestsellers, popularity, trend
from tests.adapters.baseline.shops import NOW, SIGNALS, K, Row, log_of


def test_one_buyer_of_many_orders_counts_once() -> None:
    """Fifty orders of one actor lose to two actors."""
    rows = [(0, 0, K.PURCHASE, 1.0) for _ in range(50)] + [(1, 1, K.PURCHASE, 1.0), (2, 1, K.PURCHASE, 1.0)]
    scores = popularity(log_of(rows, 3), NOW, SIGNALS, 7.0)
    assert scores[0] < 0.6 < scores[1]
    assert scores[2] == 0.0


def test_popularity_fades() -> None:
    """After one half-life a purchase counts half."""
    scores = popularity(log_of([(0, 0, K.PURCHASE, 7.0), (1, 1, K.PURCHASE, 0.0)], 2), NOW, SIGNALS, 7.0)
    np.testing.assert_allclose(scores, [0.5, 1.0])


def test_interactions_without_an_actor_count_for_popularity() -> None:
    """Rows that may not be tied to anyone are one actor each."""
    rows = [(-1, 0, K.PURCHASE, 0.0), (-1, 0, K.PURCHASE, 0.0), (0, 1, K.PURCHASE, 0.0)]
    assert popularity(log_of(rows, 2, n_actors=1), NOW, SIGNALS, 7.0).tolist() == [1.0, 0.5]


def test_dismissals_and_refunds_add_nothing() -> None:
    """An actor's negatives can take back its own interest, never another's."""
    rows = [(0, 0, K.PURCHASE, 0.0), (0, 0, K.REFUND, 0.0), (1, 0, K.DISMISS, 0.0), (2, 0, K.PURCHASE, 0.0)]
    rows.append((3, 1, K.PURCHASE, 0.0))
    assert popularity(log_of(rows, 2), NOW, SIGNALS, 7.0).tolist() == [1.0, 1.0]


def test_trend_finds_what_grows_and_ignores_steady_sellers() -> None:
    """A product bought by 12 this week after 4 in four weeks leads; a bestseller at a steady rate has no trend."""
    rows = [(a, 0, K.PURCHASE, 1.0) for a in range(12)] + [(20 + a, 0, K.PURCHASE, 20.0) for a in range(4)]
    rows += [(100 + a, 1, K.PURCHASE, 0.5 + a * 0.345) for a in range(100)]
    scores = trend(log_of(rows, 3), NOW, SIGNALS)
    assert scores[0] == 1.0
    assert scores[1] < 0.35
    assert scores[2] == 0.0


def test_one_bulk_buyer_makes_no_trend() -> None:
    """A hundred purchases by one actor grow less than six actors' single ones."""
    rows = [(0, 0, K.PURCHASE, 1.0) for _ in range(100)] + [(a, 1, K.PURCHASE, 1.0) for a in range(1, 7)]
    scores = trend(log_of(rows, 2), NOW, SIGNALS)
    assert scores[1] == 1.0
    assert scores[0] < 0.4


def test_a_trend_needs_five_shoppers() -> None:
    """Four takers in a week are no trend, five are."""
    rows = [(a, 0, K.PURCHASE, 1.0) for a in range(4)] + [(10 + a, 1, K.PURCHASE, 1.0) for a in range(5)]
    assert trend(log_of(rows, 2), NOW, SIGNALS).tolist() == [0.0, 1.0]


def test_small_counts_do_not_lead() -> None:
    """Two new buyers of an unsold product stay behind thirty of one that sold twenty a week."""
    rows = [(a, 0, K.PURCHASE, 1.0) for a in range(2)] + [(100 + a, 1, K.PURCHASE, 2.0) for a in range(40)]
    rows += [(200 + a, 1, K.PURCHASE, 8.0 + a * 0.3) for a in range(80)]
    scores = trend(log_of(rows, 2), NOW, SIGNALS)
    assert scores[0] < scores[1] == 1.0


def test_nothing_happened_lately() -> None:
    """Without recent interactions trend is 0 everywhere, and an empty log gives zeros of the right length."""
    assert trend(log_of([(0, 0, K.PURCHASE, 90.0)], 2), NOW, SIGNALS).tolist() == [0.0, 0.0]
    assert popularity(log_of([], 2), NOW, SIGNALS, 7.0).tolist() == [0.0, 0.0]


def test_a_bad_rating_is_no_popularity() -> None:
    """Five stars count, one star takes back what the same shopper's look added."""
    rows = [(0, 0, K.RATING, 0.0), (1, 1, K.RATING, 0.0), (1, 1, K.VIEW, 0.0), (2, 2, K.RATING, 0.0)]
    stars = np.asarray([5.0, 1.0, np.nan, np.nan], dtype=np.float32)
    scores = popularity(replace(log_of(rows, 3), value=stars), NOW, SIGNALS, 7.0)
    assert scores.tolist() == [1.0, 0.0, 1.0]


def test_what_was_given_back_counts_for_nobody() -> None:
    """Views and their weight taken back sum to nothing, in whatever order: a rest of 1e-17 is no shopper."""
    rows: list[Row] = [(0, 0, K.VIEW, 5.0 - i / 10) for i in range(30)]
    rows += [(0, 0, K.REFUND, 1.5), (0, 0, K.DISMISS, 1.2), (0, 0, K.DISMISS, 1.0), (1, 1, K.PURCHASE, 1.0)]
    assert bestsellers(log_of(rows, 2), SIGNALS).tolist() == [0.0, 1.0]


def test_flat_sales_to_regulars_do_not_trend() -> None:
    """Twenty who buy every week are no news, whether the shop knows them or not: each counts once in every week."""
    rows: list[Row] = [(one, 0, K.PURCHASE, 7.0 * week + 3.0) for week in range(5) for one in range(20)]
    rows += [(20 + one, 1, K.PURCHASE, 3.0) for one in range(6)]
    assert trend(log_of(rows, 2), NOW, SIGNALS).tolist() == [0.0, 1.0]
    log = replace(
        log_of(rows, 2),
        vouched_at=np.asarray([np.inf if row[0] < 20 else 0.0 for row in sorted(rows, key=lambda r: -r[3])]),
    )
    assert trend(log, NOW, SIGNALS).tolist() == [0.0, 1.0]
