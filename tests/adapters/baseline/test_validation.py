"""The slice, the metric and the blend."""

import numpy as np
import pytest

from app.adapters.baseline.blend import Pools, blended, fit_blend, prior_blend
from app.adapters.baseline.matrix import rows_between
from app.adapters.baseline.ndcg import interval, ndcg_of_pools, ndcg_of_top, top_columns
from app.adapters.baseline.parameters import SOURCES, Parameters
from app.adapters.baseline.sources import fit_sources, foldable
from app.adapters.baseline.validation import choose_slice, make_slice, mean, ndcg_by_actor
from app.domain.ranking import HISTORY_BUCKETS
from tests.adapters.baseline.shops import DAY, NOW, SIGNALS, K, checkerboard, log_of, silent, two_tastes

ALL = np.ones(len(SOURCES), dtype=np.bool_)


def test_ndcg_by_hand() -> None:
    """Relevant at positions 1 and 3 of three relevant: (1 + 1/2) / (1 + 1/log2(3) + 1/2)."""
    found = ndcg_of_top(np.array([7, 1, 8]), np.array([7, 8, 9], np.int32))
    assert found == pytest.approx(1.5 / (1.5 + 1 / np.log2(3)))


def test_more_relevant_than_places_can_still_be_perfect() -> None:
    """The ideal has min(10, relevant) products: ten hits of fifty are 1."""
    assert ndcg_of_top(np.arange(10), np.arange(50, dtype=np.int32)) == pytest.approx(1.0)


def test_top_columns_orders_and_breaks_ties_by_column() -> None:
    """Best first, equal scores by column, excluded (-inf) never."""
    scores = np.array([0.5, -np.inf, 0.9, 0.5, 0.5], np.float32)
    assert top_columns(scores, 3).tolist() == [2, 0, 3]
    assert top_columns(scores, 9).tolist() == [2, 0, 3, 4]


def test_pooled_ndcg_equals_the_one_of_single_users() -> None:
    """Many users at once give what each gives alone."""
    generator = np.random.default_rng(1)
    scores = generator.random((30, 40), dtype=np.float32)
    relevant = generator.random((30, 40)) < 0.2
    relevant[:, 0] = True
    together = ndcg_of_pools(scores, relevant, relevant.sum(axis=1))
    alone = [ndcg_of_top(top_columns(s, 10), np.flatnonzero(r)) for s, r in zip(scores, relevant, strict=True)]
    np.testing.assert_allclose(together, alone)


def test_interval_is_seeded_and_holds_the_mean() -> None:
    """The same seed gives the same interval; it contains the mean and shrinks with n."""
    values = np.random.default_rng(4).random(400)
    assert interval(values, 1) == interval(values, 1)
    low, high = interval(values, 1)
    assert low < values.mean() < high
    assert high - low < interval(values[:40], 1)[1] - interval(values[:40], 1)[0]


def test_relevant_is_strong_known_and_for_novel_not_owned() -> None:
    """Views don't count, products unknown before neither; what was bought before is relevant only for `any`."""
    rows = [(0, p, K.PURCHASE, 50.0) for p in (0, 1)] + [(1, 2, K.PURCHASE, 50.0)]
    rows += [(0, 0, K.PURCHASE, 5.0), (0, 2, K.PURCHASE, 5.0), (0, 1, K.VIEW, 5.0), (0, 3, K.PURCHASE, 5.0)]
    rows += [(a, 2, K.ADD_TO_CART, 5.0) for a in range(2, 300)]
    part = make_slice(log_of(rows, 4), NOW - 10 * DAY, NOW, SIGNALS, 1)
    assert part.strong
    assert part.anything[0].indices.tolist() == [0, 2]
    assert part.novel[0].indices.tolist() == [2]
    assert part.owned[0].indices.tolist() == [0, 1]


def test_any_positive_signal_counts_where_strong_ones_are_rare() -> None:
    """A shop that only sends views is validated on views."""
    rows = [(a, a % 4, K.VIEW, day) for a in range(150) for day in (50.0, 5.0)]
    part = make_slice(log_of(rows, 4), NOW - 10 * DAY, NOW, SIGNALS, 1)
    assert not part.strong
    assert part.n_novel == 150


def test_no_slice_is_too_small_to_mean_anything() -> None:
    """Under 20 actors nothing is measured."""
    assert choose_slice(log_of([(0, 0, K.PURCHASE, 1.0)], 1), SIGNALS, 1) is None
    assert choose_slice(log_of([], 1), SIGNALS, 1) is None


def test_the_slice_is_the_end_of_the_log_and_nothing_of_it_is_trained_on() -> None:
    """Everything before the start trains, everything after is foreseen."""
    log = two_tastes()
    part = choose_slice(log, SIGNALS, 1)
    assert part is not None
    assert part.before.timestamp.max() < part.start <= part.end
    assert len(part.before) + len(rows_between(log, part.start, part.end)) == len(log)


def test_actors_without_relevant_products_are_not_zeros() -> None:
    """They are NaN and left out of the mean."""
    rows = [(0, 0, K.PURCHASE, 50.0), (1, 1, K.PURCHASE, 50.0), (0, 0, K.PURCHASE, 5.0), (1, 0, K.PURCHASE, 5.0)]
    rows += [(a, 1, K.PURCHASE, 5.0) for a in range(2, 200)]
    log = log_of(rows, 2)
    part = make_slice(log, NOW - 10 * DAY, NOW, SIGNALS, 1)
    first = np.array([1.0, 0.0], np.float32)
    folded = foldable(part.before, part.start, SIGNALS, Parameters())
    by_actor = ndcg_by_actor(lambda _c, _w, _n: first, part, folded, "", silent)
    assert np.isnan(by_actor[0])
    assert by_actor[1] == 1.0
    assert mean(np.array([np.nan, 1.0])) == 1.0


def pools_where(source: int, n: int = 400) -> Pools:
    """Pools in which only one source knows what is relevant."""
    generator = np.random.default_rng(6)
    scores = generator.random((n, 30, len(SOURCES)), dtype=np.float32)
    relevant = np.zeros((n, 30), dtype=np.bool_)
    relevant[np.arange(n)[:, None], np.argsort(-scores[:, :, source], axis=1)[:, :4]] = True
    bucket = np.arange(n) % len(HISTORY_BUCKETS)
    return Pools(scores, relevant, np.full(n, 4), bucket, np.zeros((n, len(SOURCES))))


@pytest.mark.parametrize("source", range(len(SOURCES)))
def test_the_source_that_knows_gets_the_weight(source: int) -> None:
    """The search gives most weight to the only informative source; weights of a bucket add up to 1."""
    blend = fit_blend(pools_where(source), ALL, 1, silent)
    assert blend["11+"][SOURCES[source]] > 0.6
    for line in blend.values():
        assert sum(line.values()) == pytest.approx(1.0, abs=1e-3)
        assert min(line.values()) >= 0.0


def test_shoppers_without_history_get_no_personal_weight() -> None:
    """In bucket 0 only popularity and trend weigh, whatever the pools say."""
    line = fit_blend(pools_where(0), ALL, 1, silent)["0"]
    assert [line[s] for s in ("ease", "item_item", "als")] == [0.0, 0.0, 0.0]


def test_missing_sources_weigh_nothing() -> None:
    """A source that was not trained has weight 0 and the others make up for it; nothing at all falls to popularity."""
    some = np.array([False, True, False, True, False])
    for line in prior_blend(some).values():
        assert line["ease"] == line["als"] == line["trend"] == 0.0
        assert sum(line.values()) == pytest.approx(1.0)
    assert prior_blend(np.zeros(5, np.bool_))["0"]["popularity"] == 1.0


def test_blended_is_the_weighted_sum() -> None:
    """What validation measures is Σ weight · score with the bucket's weights."""
    sources = fit_sources(checkerboard(), NOW, SIGNALS, Parameters(als_factors=4), seed=1, progress=silent)
    blend = {b: {"ease": 0.5, "item_item": 0.2, "als": 0.0, "popularity": 0.3, "trend": 0.0} for b in HISTORY_BUCKETS}
    columns, weights = np.array([1, 3], np.int32), np.array([5.0, 2.0], np.float32)
    personal = sources.personal(columns, weights)
    expected = 0.5 * personal["ease"] + 0.2 * personal["item_item"] + 0.3 * sources.popularity
    np.testing.assert_allclose(blended(sources, blend, columns, weights, 5), expected, rtol=1e-5, atol=1e-7)
