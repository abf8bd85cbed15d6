"""Pairs of one order, supported by different shoppers."""

import numpy as np
import pytest

from app.adapters.baseline import copurchase
from app.adapters.baseline.copurchase import COPURCHASE_KEPT, fit_copurchase
from tests.adapters.baseline.shops import K, Row, log_of, silent


def together(actors: range, products: tuple[int, ...], first_order: int) -> list[Row]:
    """Each actor buys all the products in one order."""
    return [(a, p, K.PURCHASE, 1.0, first_order + i) for i, a in enumerate(actors) for p in products]


def test_counts_and_lift_by_hand() -> None:
    """4 of 8 orders hold 0 and 1 together, nothing else holds them: lift = (4/8) / (4/8 · 4/8) = 2, both ways."""
    rows = together(range(4), (0, 1), 0) + together(range(4, 8), (2,), 10)
    model = fit_copurchase(log_of(rows, 3), silent)
    assert model.bought_with(0, 5) == [(1, 4, 2.0)]
    assert model.bought_with(1, 5) == [(0, 4, 2.0)]
    assert model.bought_with(2, 5) == []


def test_one_actor_supports_no_pair() -> None:
    """Fifty orders of one actor are one supporter; three actors are enough."""
    rows: list[Row] = [(0, p, K.PURCHASE, 1.0, o) for o in range(50) for p in (0, 1)]
    rows += together(range(1, 4), (2, 3), 100)
    model = fit_copurchase(log_of(rows, 4), silent)
    assert model.bought_with(0, 5) == []
    assert [pair[:2] for pair in model.bought_with(2, 5)] == [(3, 3)]


def test_without_order_ids_a_day_of_one_actor_is_a_basket() -> None:
    """Purchases of the same actor on the same day pair up; on different days they don't."""
    rows: list[Row] = []
    for a in range(4):
        rows += [(a, 0, K.PURCHASE, 5.2), (a, 1, K.PURCHASE, 5.3), (a, 2, K.PURCHASE, 9.2)]
    pairs = fit_copurchase(log_of(rows, 3), silent).bought_with(0, 5)
    assert [p[:2] for p in pairs] == [(1, 4)]


def test_other_kinds_and_untied_lines_make_no_pairs() -> None:
    """Views don't pair, nor do purchases that belong to neither an order nor an actor."""
    rows: list[Row] = [(a, p, K.VIEW, 1.0) for a in range(5) for p in (0, 1)]
    rows += [(-1, p, K.PURCHASE, 1.0) for p in (0, 1) for _ in range(5)]
    assert fit_copurchase(log_of(rows, 2, n_actors=5), silent).bought_with(0, 5) == []


def test_an_order_without_an_actor_supports_as_one() -> None:
    """Guests' orders have ids: three of them support a pair."""
    rows: list[Row] = [(-1, p, K.PURCHASE, 1.0, o) for o in range(3) for p in (0, 1)]
    rows += [(-1, 2, K.PURCHASE, 1.0, o) for o in range(3, 9)]
    assert [p[:2] for p in fit_copurchase(log_of(rows, 3, n_actors=0), silent).bought_with(1, 1)] == [(0, 3)]


def test_chunks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Counting in many small chunks gives what one chunk gives, also for actors with several orders."""
    generator = np.random.default_rng(3)
    rows: list[Row] = []
    for o in range(200):
        basket = generator.choice(15, generator.integers(1, 6), replace=False)
        rows += [(o % 20, int(p), K.PURCHASE, 1.0, o) for p in basket]
    whole = fit_copurchase(log_of(rows, 15), silent)
    monkeypatch.setattr(copurchase, "_CHUNK_PAIRS", 7)
    parts = fit_copurchase(log_of(rows, 15), silent)
    np.testing.assert_array_equal(whole.columns, parts.columns)
    np.testing.assert_array_equal(whole.orders, parts.orders)
    assert whole.orders.max() >= 3


def test_only_the_best_are_kept() -> None:
    """A product of many pairs keeps its COPURCHASE_KEPT best, best first, and `k` cuts further."""
    rows: list[Row] = []
    for p in range(1, 31):
        rows += together(range(p * 10, p * 10 + 3), (0, p), p * 100)
    model = fit_copurchase(log_of(rows, 31), silent)
    assert len(model.bought_with(0, 100)) <= COPURCHASE_KEPT
    assert len(model.bought_with(5, 100)) <= 1
    assert len(model.bought_with(0, 2)) <= 2


def test_a_large_basket_chooses_no_pair_but_counts_in_the_orders_in_common(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two orders of 150 products hold 0 and 1, one of them 1 and 2 as well: what a reason states is the truth.

    Partners and lift are those without the two; products that only large baskets hold together stay apart.
    """
    small = together(range(4), (0, 1), 0) + together(range(4, 8), (1, 2), 10) + together(range(8, 20), (200,), 20)
    wholesale: list[Row] = [(30, p, K.PURCHASE, 1.0, 100) for p in (0, 1, *range(3, 151))]
    wholesale += [(31, p, K.PURCHASE, 1.0, 101) for p in (0, 1, 2, *range(3, 150))]
    wholesale += [(31, 0, K.PURCHASE, 1.0, 101)]  # a second line of the same product is no second order
    monkeypatch.setattr(copurchase, "_CHUNK_ROWS", 3)
    model = fit_copurchase(log_of(small + wholesale, 201), silent)
    assert {c: orders for c, orders, _ in model.bought_with(0, 5)} == {1: 6}
    assert {c: orders for c, orders, _ in model.bought_with(1, 5)} == {0: 6, 2: 5}
    assert {c: orders for c, orders, _ in model.bought_with(2, 5)} == {1: 5}
    assert model.bought_with(3, 5) == []
    lift = next(lift for c, _, lift in model.bought_with(0, 5) if c == 1)
    assert lift == pytest.approx(4 / (6 * 10 / 22))
