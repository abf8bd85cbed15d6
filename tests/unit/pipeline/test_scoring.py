"""Scores: percentiles, the two modes, the factors, and the relevance that an answer shows."""

import datetime as dt

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from app.pipeline.rules_schema import FactorWeights
from app.pipeline.scoring import (
    FACTORS,
    freshness_factor,
    inventory_factor,
    percentile,
    relevance_scores,
    score,
    season_factor,
)

NAN = np.nan
DAY = 86_400.0
arrays = hnp.arrays(np.float64, st.integers(0, 30), elements=st.one_of(st.just(NAN), st.integers(-5, 5).map(float)))
SPRING, SUMMER, AUTUMN, WINTER = 1, 2, 4, 8


def at(month: int, day: int) -> float:
    return dt.datetime(2026, month, day, tzinfo=dt.UTC).timestamp()


def test_percentiles_by_hand() -> None:
    """Ties share the middle of their ranks; unknown stays unknown and does not count."""
    assert percentile(np.asarray([10.0, 30.0, 20.0, 20.0])) == pytest.approx([0.125, 0.875, 0.5, 0.5])
    assert percentile(np.asarray([NAN, 1.0, 2.0])) == pytest.approx([NAN, 0.25, 0.75], nan_ok=True)
    assert percentile(np.asarray([7.0])).tolist() == [0.5]
    assert percentile(np.asarray([3.0, 3.0, 3.0])).tolist() == [0.5, 0.5, 0.5]
    assert np.isnan(percentile(np.asarray([NAN]))).all()
    assert percentile(np.asarray([])).tolist() == []


@given(arrays)
def test_percentiles_lie_inside_0_and_1_and_keep_the_order(values) -> None:
    """Larger never gets a smaller percentile, equal gets equal, unknown stays unknown; known ones average 0.5."""
    found = percentile(values)
    known = ~np.isnan(values)
    assert (np.isnan(found) == ~known).all()
    assert ((found[known] > 0) & (found[known] < 1)).all()
    differences = np.sign(values[known][:, None] - values[known][None, :])
    assert (np.sign(found[known][:, None] - found[known][None, :]) == differences).all()
    if known.any():
        assert found[known].mean() == pytest.approx(0.5)


@given(arrays, st.floats(0.1, 10))
def test_percentiles_do_not_depend_on_the_unit(values, factor) -> None:
    """Scaling a factor changes nothing: only order counts."""
    assert np.array_equal(percentile(values), percentile(values * factor), equal_nan=True)


def test_relevance_mode_orders_by_the_user_match_alone() -> None:
    """Other factors say nothing, and an unknown match comes last."""
    factors = {"userMatch": np.asarray([1.0, 3.0, NAN]), "margin": np.asarray([9.0, 0.0, 9.0])}
    assert score("relevance", {"userMatch": 0.1, "margin": 0.9}, factors).tolist() == [0.25, 0.75, 0.0]


def test_shop_mode_is_the_weighted_mean_of_percentiles() -> None:
    """0.4 of the match and 0.1 of the margin, over their sum."""
    factors = {"userMatch": np.asarray([1.0, 3.0]), "margin": np.asarray([9.0, 0.0])}
    expected = [(0.4 * 0.25 + 0.1 * 0.75) / 0.5, (0.4 * 0.75 + 0.1 * 0.25) / 0.5]
    assert score("shop", FactorWeights().as_mapping(), factors) == pytest.approx(expected)


def test_an_unknown_factor_is_dropped_for_that_item_only() -> None:
    """The item's other weights are scaled up; its missing value is not a zero."""
    factors = {"userMatch": np.asarray([1.0, 2.0, 3.0]), "margin": np.asarray([0.1, NAN, 0.2])}
    found = score("shop", {"userMatch": 0.5, "margin": 0.5}, factors)
    assert found == pytest.approx([(1 / 6 + 0.25) / 2, 0.5, (5 / 6 + 0.75) / 2])


def test_a_factor_unknown_for_all_changes_nothing() -> None:
    """A catalogue without costs is scored by the remaining factors."""
    match = np.asarray([2.0, 1.0])
    weights = FactorWeights().as_mapping()
    with_unknown = score("shop", weights, {"userMatch": match, "margin": np.full(2, NAN)})
    assert with_unknown.tolist() == score("shop", weights, {"userMatch": match}).tolist()


def test_an_item_of_which_nothing_is_known_lies_in_the_middle() -> None:
    """Also where the only known factor has the weight 0."""
    factors = {"userMatch": np.asarray([NAN, 1.0]), "trend": np.asarray([5.0, 1.0])}
    assert score("shop", {"userMatch": 1.0, "trend": 0.0}, factors).tolist() == [0.5, 0.5]


@given(st.data())
def test_shop_scores_stay_in_0_to_1(data) -> None:
    """Whatever is unknown, no score is NaN."""
    n = data.draw(st.integers(0, 8))
    values = hnp.arrays(np.float64, n, elements=st.one_of(st.just(NAN), st.floats(-1e6, 1e6)))
    factors = {name: data.draw(values) for name in FACTORS}
    for mode in ("relevance", "shop"):
        found = score(mode, FactorWeights().as_mapping(), factors)
        assert ((found >= 0) & (found <= 1)).all()


@pytest.mark.parametrize(
    "factors",
    [
        {"margin": np.zeros(2)},
        {"userMatch": np.zeros(2), "luck": np.zeros(2)},
        {"userMatch": np.zeros(2), "trend": np.zeros(3)},
    ],
)
def test_wrong_factors_are_refused(factors) -> None:
    """No match, an unknown name, or lengths that differ."""
    with pytest.raises(ValueError, match="factors"):
        score("shop", {}, factors)


def test_season_is_full_inside_and_fades_outside() -> None:
    """A coat is in season in January, half way in the middle of the neighbours, out in July; all year is neutral."""
    masks = np.asarray([WINTER, SUMMER, 0, SPRING | SUMMER | AUTUMN | WINTER, SPRING | WINTER], dtype=np.uint8)
    january = season_factor(masks, at(1, 15))
    assert january.tolist() == [1.0, 0.0, 0.5, 0.5, 1.0]
    october = season_factor(masks, at(10, 16))
    assert october[0] == pytest.approx(0.5, abs=0.02)
    assert october[1] == pytest.approx(0.5, abs=0.02)
    assert season_factor(masks, at(7, 16))[0] == 0.0


def test_season_does_not_jump() -> None:
    """From one day to the next it changes by little, also over New Year and at every start of a season."""
    days = [season_factor(np.asarray([1, 2, 4, 8], dtype=np.uint8), at(1, 1) + i * DAY) for i in range(366)]
    assert np.abs(np.diff(np.asarray(days), axis=0)).max() < 0.02
    middles = [season_factor(np.asarray([1, 2, 4, 8], dtype=np.uint8), at(month, 15)) for month in (4, 7, 10, 1)]
    assert [int(np.argmax(m)) for m in middles] == [0, 1, 2, 3]


def test_freshness_falls_to_nothing_in_180_days() -> None:
    """Beyond that all are equally old; the future counts as today; unknown stays unknown."""
    now = at(9, 30)
    created = np.asarray([now + DAY, now, now - 90 * DAY, now - 180 * DAY, now - 999 * DAY, NAN])
    assert freshness_factor(created, now) == pytest.approx([1, 1, 0.5, 0, 0, NAN], nan_ok=True)


def test_inventory_rises_until_there_is_enough() -> None:
    """Zero at none, one from 100 pieces, unknown stays unknown; a negative stock is none."""
    found = inventory_factor(np.asarray([-3.0, 0.0, 9.0, 100.0, 5000.0, NAN]))
    assert found == pytest.approx([0, 0, np.log(10) / np.log(101), 1, 1, NAN], nan_ok=True)


def test_relevance_is_the_running_minimum() -> None:
    """A better match further down does not rise again; unknown is 0."""
    assert relevance_scores(np.asarray([0.9, 0.5, 0.7, NAN, 0.6])).tolist() == [0.9, 0.5, 0.5, 0.0, 0.0]


def test_a_promoted_item_does_not_pull_the_others_down() -> None:
    """It shows the next ranked item's score, at the end the last one's."""
    promoted = np.asarray([True, False, False, True])
    assert relevance_scores(np.asarray([0.1, 0.9, 0.6, NAN]), promoted).tolist() == [0.9, 0.9, 0.6, 0.6]
    assert relevance_scores(np.asarray([0.2, 0.4]), np.asarray([True, True])).tolist() == [0.2, 0.2]
    assert relevance_scores(np.asarray([]), np.asarray([], dtype=bool)).tolist() == []


@given(st.lists(st.tuples(st.one_of(st.just(NAN), st.floats(0, 1)), st.booleans()), max_size=12))
def test_relevance_never_rises(items) -> None:
    """Non-increasing and within 0 and 1, with any mixture of promoted items."""
    values = np.asarray([v for v, _ in items], dtype=np.float64)
    found = relevance_scores(values, np.asarray([p for _, p in items], dtype=bool))
    assert len(found) == len(items)
    assert (np.diff(found) <= 0).all()
    assert ((found >= 0) & (found <= 1)).all()
