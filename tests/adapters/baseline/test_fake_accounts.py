"""An account is one shopper however many visits it makes, and what nobody can be tied to is not louder than usual."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from app.adapters.baseline.copurchase import fit_copurchase
from app.adapters.baseline.facts import FACTS, NEVER, fit_facts
from app.adapters.baseline.matrix import QUIET, once_per_holder, saturated, trusted
from app.adapters.baseline.parameters import Parameters
from app.adapters.baseline.popularity import bestsellers, popularity, robust, trend
from app.adapters.baseline.sources import fit_sources, foldable
from app.adapters.baseline.validation import make_slice
from app.domain.interactions import KINDS, InteractionLog
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


def _vouched(rows: Sequence[tuple[Row, int]], n_products: int, unreported: Sequence[int]) -> InteractionLog:
    """As `_held`; what these holders bought only a browser says, of the others the shop reported every order."""
    log = _held(rows, n_products)
    assert log.holder is not None
    bought = log.kind == KINDS.index(K.PURCHASE)
    first = {
        holder: float(log.timestamp[bought & (log.holder == holder)].min(initial=np.inf))
        for holder in set(log.holder.tolist()) - {-1, *unreported}
    }
    return replace(log, vouched_at=np.asarray([first.get(holder, np.inf) for holder in log.holder.tolist()]))


def _shop_with_fakes(fakes: int = 7, times: int = 20) -> tuple[InteractionLog, InteractionLog]:
    """40 products, 60 honest buyers of 6 each, product 40 bought by 3 of them; and the same with accounts that only
    claim to have bought product 40, again and again, each time with products 0 and 7."""
    rows: list[tuple[Row, int]] = [
        ((shopper, (shopper * 7 + i * i) % 40, K.PURCHASE, 1.0 + i), shopper) for shopper in range(60) for i in range(6)
    ]
    rows += [((shopper, 40, K.PURCHASE, 3.0), shopper) for shopper in range(3)]
    claims: list[tuple[Row, int]] = [
        ((60 + fake, product, K.PURCHASE, 0.1 + time / 10), 60 + fake)
        for fake in range(fakes)
        for time in range(times)
        for product in (40, 0, 7)
    ]
    return _vouched(rows, 41, []), _vouched([*rows, *claims], 41, range(60, 60 + fakes))


def test_a_log_that_ends_earlier_knows_of_no_later_order() -> None:
    """What validation learns from must not say who will buy in the part that is held back."""
    rows: list[tuple[Row, int]] = [((0, 0, K.VIEW, 9.0), 0), ((0, 0, K.PURCHASE, 1.0), 0), ((1, 0, K.PURCHASE, 9.5), 1)]
    log = _vouched(rows, 1, [])
    assert log.vouched().all()
    assert make_slice(log, NOW - 2.0 * DAY, NOW, SIGNALS, 0).before.vouched().tolist() == [True, False]


def test_a_shop_that_reported_nothing_until_then_tells_nobody_apart() -> None:
    """Not a slice in which everybody is quiet: one in which everybody counts in full."""
    rows: list[tuple[Row, int]] = [((0, 0, K.VIEW, 9.0), 0), ((0, 0, K.PURCHASE, 1.0), 0)]
    log = _vouched(rows, 1, [])
    assert log.as_known_at(NOW - 2.0 * DAY).vouched_at is None
    assert log.as_known_at(NOW).vouched_at is not None
    nobodys = replace(log, actor=np.full(2, -1, dtype=np.int32), holder=np.full(2, -1, dtype=np.int32))
    assert nobodys.as_known_at(NOW).vouched_at is None


def test_who_only_claims_is_hardly_heard_where_shoppers_are_counted() -> None:
    """And is believed a quarter: seven accounts are less than half a taker, take nothing today and have no habits."""
    honest, attacked = _shop_with_fakes()
    before, after = fit_facts(honest, NOW, SIGNALS).table, fit_facts(attacked, NOW, SIGNALS).table
    takers = FACTS.index("takers")
    assert np.expm1(before[40, takers]) == pytest.approx(3.0, rel=1e-5)
    assert np.expm1(after[40, takers]) == pytest.approx(3.0 + 7 * QUIET**2, rel=1e-5)
    for habit in ("untaken", "taken_again", "times_per_taker"):
        assert after[:, FACTS.index(habit)].tolist() == before[:, FACTS.index(habit)].tolist()
    believed = replace(attacked, vouched_at=None)
    for scores in (lambda log: bestsellers(log, SIGNALS), lambda log: popularity(log, NOW, SIGNALS, 30.0)):
        was, now, undefended = (scores(log)[40] for log in (honest, attacked, believed))  # type: ignore[no-untyped-call]
        assert was < now < was + 0.5 * (undefended - was)
    rise = popularity(attacked, NOW, SIGNALS, 30.0)[40] - popularity(honest, NOW, SIGNALS, 30.0)[40]
    assert rise < 0.2 * (popularity(believed, NOW, SIGNALS, 30.0)[40] - popularity(honest, NOW, SIGNALS, 30.0)[40])


def test_what_the_shop_says_that_guests_bought_was_taken() -> None:
    """Nobody is known to have bought product 0, but the shop's own orders hold it; a claim by nobody says nothing."""
    rows: list[tuple[Row, int]] = [((-1, 0, K.PURCHASE, 2.0), -1), ((0, 1, K.PURCHASE, 5.0), 0)]
    rows += [((-1, product, K.PURCHASE, 1.0), -1) for product in (1, 2)]
    log = _held(rows, 3)
    reported = np.isin(np.round((NOW - log.timestamp) / DAY), [2, 5])
    log = replace(log, vouched_at=np.where(reported, log.timestamp, np.inf)).as_known_at(NOW)
    untaken = fit_facts(log, NOW, SIGNALS).table[:, FACTS.index("untaken")]
    assert untaken.tolist() == [2.0, 5.0, NEVER]


def test_flat_sales_do_not_trend_because_visitors_are_quiet() -> None:
    """Twenty visitors a week who never buy, every week: neither window of the trend hears more of them."""
    rows: list[tuple[Row, int]] = [
        ((week * 20 + one, 0, K.VIEW, 7.0 * week + 3.0), week * 20 + one) for week in range(5) for one in range(20)
    ]
    rows += [((100 + week, 1, K.PURCHASE, 7.0 * week + 3.0), 100 + week) for week in range(5)]
    assert trend(_vouched(rows, 2, []), NOW, SIGNALS).tolist() == [0.0, 0.0]


def test_what_is_learned_from_claims_is_quiet_and_gains_nothing_by_repeating() -> None:
    """Entries of a single signal at most, times the root of a quarter; whom the shop vouches for is left alone."""
    _, attacked = _shop_with_fakes()
    plain = saturated(foldable(attacked, NOW, SIGNALS, Parameters()).matrix, 10.0, 1.0)
    found = trusted(plain, attacked, float(np.log1p(1.0)))
    assert found[:60].toarray().tolist() == plain[:60].toarray().tolist()
    assert plain[60:].max() > 2.0 * np.log1p(1.0)
    assert found[60:].max() == pytest.approx(np.log1p(1.0) * np.sqrt(QUIET), rel=1e-5)
    assert found[60:].nnz == 21


def test_a_product_cannot_be_buried_by_looking_at_it() -> None:
    """The weight of what honest shoppers say doesn't depend on how many others came."""
    crowd: list[tuple[Row, int]] = [((100 + one, 40, K.VIEW, 1.0), 100 + one) for one in range(50)]
    rows: list[tuple[Row, int]] = [((one, p, K.VIEW, 1.0), one) for one in range(10) for p in (40, 6)]
    rows += [((90, 1, K.PURCHASE, 1.0), 90)]

    def strength(some: Sequence[tuple[Row, int]]) -> float:
        log = _vouched(some, 41, [])
        folded = saturated(foldable(log, NOW, SIGNALS, Parameters()).matrix, 10.0, 1.0)
        return float(trusted(folded, log, 1.0)[:10].sum())

    assert strength([*rows, *crowd]) == strength(rows) > 0


def test_who_dismisses_and_gives_back_lowers_nobody_elses_say() -> None:
    """Accounts that speak against a product take away from what they said themselves, and from nothing else."""
    honest, _ = _shop_with_fakes()
    rows: list[tuple[Row, int]] = [
        ((shopper, (shopper * 7 + i * i) % 40, K.PURCHASE, 1.0 + i), shopper) for shopper in range(60) for i in range(6)
    ]
    rows += [((shopper, 40, K.PURCHASE, 3.0), shopper) for shopper in range(3)]
    against: list[tuple[Row, int]] = [
        ((60 + one, p, kind, 0.5), 60 + one) for one in range(30) for p in (0, 7, 40) for kind in (K.DISMISS, K.REFUND)
    ]
    attacked = _vouched([*rows, *against], 41, range(60, 90))
    for scores in (lambda log: bestsellers(log, SIGNALS), lambda log: popularity(log, NOW, SIGNALS, 30.0)):
        assert scores(attacked).tolist() == scores(honest).tolist()  # type: ignore[no-untyped-call]
    folded = [foldable(log, NOW, SIGNALS, Parameters()).matrix for log in (honest, attacked)]
    assert folded[1][60:].nnz == 0
    assert folded[1][:60].toarray().tolist() == folded[0].toarray().tolist()


def test_a_visit_with_an_order_of_the_shops_own_is_vouched_for_whole() -> None:
    """The page knew the visitor only; the server named the account: one visit, and its views are a customer's."""
    rows: list[tuple[Row, int]] = [((0, 0, K.PURCHASE, 2.0), 0), ((0, 1, K.VIEW, 1.0), 1), ((1, 1, K.VIEW, 1.5), 2)]
    log = _vouched(rows, 2, [])
    folded = foldable(log, NOW, SIGNALS, Parameters()).matrix
    found = trusted(folded, log, 100.0)
    assert found[0].toarray().tolist() == folded[0].toarray().tolist()
    assert found[1].sum() == pytest.approx(folded[1].sum() * np.sqrt(QUIET), rel=1e-5)
