"""An account is one shopper however many visits it makes, and what nobody can be tied to is not louder than usual."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from app.adapters.baseline.copurchase import fit_copurchase
from app.adapters.baseline.facts import FACTS, fit_facts
from app.adapters.baseline.matrix import once_per_holder
from app.adapters.baseline.parameters import Parameters
from app.adapters.baseline.popularity import bestsellers, popularity, robust, trend
from app.adapters.baseline.sources import fit_sources, foldable
from app.adapters.baseline.validation import make_slice
from app.domain.interactions import InteractionLog
from tests.adapters.baseline.shops import DAY, NOW, SIGNALS, K, Row, log_of, silent

VISITS = 50


def _held(rows: Sequence[tuple[Row, int]], n_products: int) -> InteractionLog:
    """A log whose rows name a holder each; -1: none."""
    ordered = sorted(rows, key=lambda one: -one[0][3])  # as log_of orders them
    log = log_of([row for row, _ in ordered], n_products)
    return replace(log, holder=np.asarray([holder for _, holder in ordered], dtype=np.int32))


def _one_account_many_visits() -> InteractionLog:
    """Account 0 bought product 0 in 50 visits that may not be tied together; six others bought product 1 once each."""
    rows: list[tuple[Row, int]] = [((visit, 0, K.PURCHASE, 0.5), 0) for visit in range(VISITS)]
    rows += [((VISITS + one, 1, K.PURCHASE, 0.5), 1 + one) for one in range(6)]
    return _held(rows, 2)


def test_holders_are_accounts_then_actors_then_nobody_but_the_row() -> None:
    """Two visits of an account are one, two actors without an account are two, and so are two rows of nobody."""
    rows: list[tuple[Row, int]] = [
        ((0, 0, K.VIEW, 6.0), 0),
        ((1, 0, K.VIEW, 5.0), 0),
        ((2, 0, K.VIEW, 4.0), -1),
        ((2, 0, K.VIEW, 3.0), -1),
        ((-1, 0, K.VIEW, 2.0), -1),
        ((-1, 0, K.VIEW, 1.0), -1),
        ((-1, 0, K.VIEW, 0.5), 0),
    ]
    log = _held(rows, 1)
    found = log.holders()
    assert found[0] == found[1] == found[6]
    assert found[2] == found[3]
    assert len(set(found.tolist())) == 4
    assert log.nobodys().tolist() == [False] * 4 + [True, True, False]
    assert len(set(log.holder_of_actor().tolist())) == 2


@pytest.mark.parametrize(
    "scores",
    [
        lambda log: popularity(log, NOW, SIGNALS, 7.0),
        lambda log: bestsellers(log, SIGNALS),
        lambda log: trend(log, NOW, SIGNALS),
        lambda log: np.expm1(fit_facts(log, NOW, SIGNALS).table[:, FACTS.index("takers")]) / 6,
    ],
    ids=["popularity", "bestsellers", "trend", "takers"],
)
def test_an_account_with_fifty_visits_is_one_shopper(scores: object) -> None:
    """It loses to six shoppers wherever shoppers are counted."""
    found = scores(_one_account_many_visits())  # type: ignore[operator]
    assert found[1] == pytest.approx(1.0)
    assert found[0] < 0.2  # a sixth, and what has faded of the six


def test_rows_of_one_account_weigh_as_one_in_what_is_learned() -> None:
    """The squares of a product's column, which every personal source sums, are an account's once, not fifty times."""
    log = _one_account_many_visits()
    matrix = foldable(log, NOW, SIGNALS, Parameters()).matrix
    once = once_per_holder(matrix, log)
    assert once[:, 0].sum() == pytest.approx(matrix[0, 0], rel=1e-5)
    assert once[:, 1].sum() == pytest.approx(matrix[:, 1].sum(), rel=1e-6)
    plain = replace(log, holder=None)
    assert (once_per_holder(matrix, plain) != matrix).nnz == 0


def test_the_sources_are_fitted_on_accounts() -> None:
    """One account's fifty visits with products 0 and 1 tie them no closer than one honest shopper's purchases do."""
    rows: list[tuple[Row, int]] = []
    for visit in range(VISITS):
        rows += [((visit, product, K.PURCHASE, 1.0), 0) for product in (0, 1)]
    for one in range(8):
        rows += [((VISITS + one, product, K.PURCHASE, 1.0), 1 + one) for product in (1, 2)]
    log = _held(rows, 4)

    def strength(shop: InteractionLog) -> float:
        ease = fit_sources(shop, NOW, SIGNALS, Parameters(), seed=0, progress=silent).ease
        assert ease is not None
        scores = ease.score(np.asarray([1], dtype=np.int32), np.ones(1, dtype=np.float32))
        return float(scores[0] - scores[2])

    assert strength(log) < 0 < strength(replace(log, holder=None))


def test_one_account_is_no_support_for_a_pair() -> None:
    """Orders of five visits of an account don't make a pair; those of three shoppers do."""
    rows: list[tuple[Row, int]] = []
    for order in range(5):
        rows += [((order, product, K.PURCHASE, 1.0, order), 0) for product in (0, 1)]
    for order in range(5, 8):
        rows += [((order, product, K.PURCHASE, 1.0, order), order) for product in (2, 3)]
    pairs = fit_copurchase(_held(rows, 5), silent)
    assert pairs.bought_with(0, 5) == []
    assert [column for column, _, _ in pairs.bought_with(2, 5)] == [3]


def test_validation_asks_an_account_once() -> None:
    """Of the visits of one account in the slice one is an actor; visits of different accounts all are."""
    rows: list[tuple[Row, int]] = [((99, 0, K.PURCHASE, 20.0), 99), ((98, 1, K.PURCHASE, 20.0), 98)]
    rows += [((visit, 0, K.PURCHASE, 1.0), 0) for visit in range(10)]
    rows += [((10 + one, 1, K.PURCHASE, 1.0), 1 + one) for one in range(5)]
    part = make_slice(_held(rows, 2), NOW - 10 * DAY, NOW, SIGNALS, 0)
    assert len(part) == 6
    assert part.novel.sum(axis=0).tolist() == [[1, 5]]


def test_unknown_shoppers_count_as_many_as_is_usual() -> None:
    """At most the median of the other products' unknown per known shopper; below 30 products all count."""
    known = np.full(40, 10.0)
    unknown = np.full(40, 5.0)
    unknown[0] = 1_000.0
    found = robust(known, unknown)
    assert found[0] == found[1] == 15.0
    assert robust(known[:20], unknown[:20])[0] == 1_010.0
    unknown[1:] = 0.0
    assert robust(known, unknown).tolist() == [10.0] * 40


def test_a_night_of_clicks_by_nobody_makes_no_bestseller() -> None:
    """In a shop of 40 products with known shoppers, a thousand events that name nobody change no order."""
    rows: list[tuple[Row, int]] = [
        ((shopper, (shopper * 7 + i) % 40, K.PURCHASE, 1.0 + i), shopper) for shopper in range(30) for i in range(6)
    ]
    honest = _held(rows, 41)
    attacked = _held([*rows, *[((-1, 3, K.PURCHASE, 0.5), -1) for _ in range(1_000)]], 41)
    assert popularity(attacked, NOW, SIGNALS, 30.0).tolist() == popularity(honest, NOW, SIGNALS, 30.0).tolist()
    assert bestsellers(attacked, SIGNALS).tolist() == bestsellers(honest, SIGNALS).tolist()
