"""The learned ensemble: what it sees, what it must not see, when it serves."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from structlog.testing import capture_logs

from app.adapters.baseline.artefact import load_current
from app.adapters.baseline.blend import available_sources, blended, prior_blend
from app.adapters.baseline.ensemble import Ensemble, Ranker
from app.adapters.baseline.facts import FACTS, NEVER, fit_facts
from app.adapters.baseline.features import FEATURES, feature_rows, taken
from app.adapters.baseline.forest import Forest, fit_forest
from app.adapters.baseline.learning import judged, learn, make_examples, ndcg_of_examples, origins
from app.adapters.baseline.matrix import confidence_matrix, rows_between
from app.adapters.baseline.parameters import Parameters
from app.adapters.baseline.pasts import Pasts, folded, strong_kinds
from app.adapters.baseline.sources import fit_sources
from app.adapters.baseline.training import train
from app.adapters.baseline.validation import make_slice, ndcg_of_ranker
from app.domain.interactions import KINDS, NO_HISTORY, History, InteractionLog
from app.domain.ranking import HISTORY_BUCKETS, history_bucket
from tests.adapters.baseline.shops import DAY, NOW, SIGNALS, K, Row, log_of, silent, two_tastes

PARAMETERS = Parameters(half_life_scale=1.0, als_factors=8)
STRONG = strong_kinds(SIGNALS)
PURCHASE, VIEW = KINDS.index(K.PURCHASE), KINDS.index(K.VIEW)


def regulars(n_actors: int = 300, n_products: int = 40, seed: int = 2) -> InteractionLog:
    """Every actor buys two staples of its own again and again, and with every other order what nobody buys twice.

    What is new to a shopper in a later slice is thus never a staple, which trees can see (`taken_again`) and the
    sources can't. Were it any product, novel would be chance, and the verdict that of the processor's rounding.
    """
    chance = np.random.default_rng(seed)
    staples = n_products // 2
    rows: list[Row] = []
    order = 0
    for a in range(n_actors):
        own = chance.choice(staples, 2, replace=False)
        once = iter(chance.permutation(np.arange(staples, n_products)).tolist())
        for day in chance.uniform(0, 120, 9):
            order += 1
            rows += [(a, int(p), K.PURCHASE, float(day), order) for p in own]
            if chance.random() < 0.5:
                rows.append((a, next(once), K.PURCHASE, float(day), order))
    return log_of(rows, n_products)


@pytest.fixture(scope="module")
def shop() -> InteractionLog:
    return regulars()


@pytest.fixture(scope="module")
def models(shop: InteractionLog, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with one published model of the shop of regulars."""
    folder = tmp_path_factory.mktemp("models")
    report = train(shop, SIGNALS, folder, now=NOW, tune=False)
    assert report.published
    return folder


def history_of(*rows: tuple[int, int, float, int]) -> History:
    """A history from (product, kind, days before NOW, order), oldest first."""
    product, kind, days, order = zip(*rows, strict=True)
    return History(
        np.array(product, np.int32), np.array(kind, np.int8), NOW - DAY * np.array(days), np.array(order, np.int32)
    )


def test_taken_counts_occasions_not_lines() -> None:
    """Two lines of one order are one occasion; views take nothing; days are since the first and the last."""
    had = taken(
        history_of((3, PURCHASE, 40, 7), (3, PURCHASE, 40, 7), (1, VIEW, 20, -1), (3, PURCHASE, 10, 8)), NOW, STRONG
    )
    assert had.columns.tolist() == [3]
    assert had.times.tolist() == [2.0]
    assert (had.since.tolist(), had.first.tolist()) == ([10.0], [40.0])
    assert had.occasions == 2


def test_without_order_ids_a_day_is_an_occasion() -> None:
    """Purchases without a transaction on two days are two occasions, on one day one."""
    had = taken(history_of((0, PURCHASE, 5.4, -1), (0, PURCHASE, 5.3, -1), (0, PURCHASE, 2, -1)), NOW, STRONG)
    assert had.times.tolist() == [2.0]


def test_facts_by_hand() -> None:
    """Takers, returning takers, age and the last weeks of one product, counted by shopper."""
    rows: list[Row] = [(0, 0, K.PURCHASE, 50.0, 1), (0, 0, K.PURCHASE, 20.0, 2), (1, 0, K.PURCHASE, 5.0, 3)]
    rows += [(2, 1, K.VIEW, 3.0)]
    table = fit_facts(log_of(rows, 3), NOW, SIGNALS).table
    found = dict(zip(FACTS, table[0].tolist(), strict=True))
    assert found["takers"] == pytest.approx(np.log(3))
    assert found["taken_again"] == pytest.approx(1.4 / 4)
    assert found["times_per_taker"] == pytest.approx(1.5)
    assert (found["age"], found["untaken"]) == (50.0, 5.0)
    assert [found[f"taken_{d}"] for d in (7, 30, 90)] == pytest.approx([np.log(2), np.log(3), np.log(3)])
    assert found["growth"] == pytest.approx(np.log(3) - np.log(2))
    seen, unknown = (dict(zip(FACTS, table[i].tolist(), strict=True)) for i in (1, 2))
    assert (seen["age"], seen["untaken"], seen["takers"]) == (3.0, NEVER, 0.0)
    assert (unknown["age"], unknown["untaken"]) == (NEVER, NEVER)


def test_feature_rows_say_how_the_shopper_stands_to_the_product() -> None:
    """What was taken carries its counts and days; what was not carries NEVER and 0; every value is finite."""
    facts = fit_facts(log_of([(0, p, K.PURCHASE, 3.0) for p in range(4)], 4), NOW, SIGNALS)
    history = history_of((2, PURCHASE, 30, 1), (2, PURCHASE, 10, 2))
    raw = {"ease": np.array([0.0, 4.0, 1.0, 2.0], np.float32)}
    candidates = np.array([1, 2], np.int32)
    found = feature_rows(candidates, raw, facts, taken(history, NOW, STRONG), folded(history, NOW, SIGNALS, 1.0), 10.0)
    other, own = (dict(zip(FEATURES, row.tolist(), strict=True)) for row in found)
    assert np.isfinite(found).all()
    assert (other["ease_raw"], other["ease_share"], own["ease_share"]) == (4.0, 1.0, 0.25)
    assert (other["times"], other["since"], other["cycle"], other["confidence"]) == (0.0, NEVER, NEVER, 0.0)
    assert (own["times"], own["since"], own["first"], own["own_share"]) == (2.0, 10.0, 30.0, 1.0)
    assert own["cycle"] == pytest.approx(10 / 20)
    assert own["confidence"] == pytest.approx(2 ** (-30 / 120) + 2 ** (-10 / 120), rel=1e-5)
    assert (own["occasions"], own["span"], own["recency"]) == (2.0, 20.0, 10.0)


def test_an_empty_history_has_features() -> None:
    """A shopper about whom nothing is known gets the popular products, with finite features."""
    facts = fit_facts(log_of([(0, 0, K.PURCHASE, 3.0)], 2), NOW, SIGNALS)
    rows = feature_rows(
        np.array([0, 1], np.int32),
        {},
        facts,
        taken(NO_HISTORY, NOW, STRONG),
        folded(NO_HISTORY, NOW, SIGNALS, 1.0),
        10.0,
    )
    assert np.isfinite(rows).all()
    assert facts.ready.tolist() == [0]


def test_a_history_adds_up_as_the_confidence_matrix_does() -> None:
    """Serving's fold-in of one history equals the row of training's matrix, negatives included."""
    rows: list[Row] = [(0, 0, K.PURCHASE, 9.0), (0, 0, K.VIEW, 4.0), (0, 1, K.VIEW, 3.0), (0, 1, K.DISMISS, 2.0)]
    rows += [(1, 2, K.PURCHASE, 1.0)]
    log = log_of(rows, 3)
    matrix = confidence_matrix(log, NOW, SIGNALS, 0.5, 1000)
    for actor in (0, 1):
        columns, weights, _ = folded(Pasts(log).of(actor), NOW, SIGNALS, 0.5)
        assert columns.tolist() == matrix[actor].indices.tolist()
        np.testing.assert_allclose(weights, matrix[actor].data, rtol=1e-5)
    assert folded(Pasts(log).of(0), NOW, SIGNALS, 0.5)[2] == 2


def test_pasts_are_the_newest_in_order_of_time() -> None:
    """Only an actor's own interactions, oldest first, at most so many; rows without an actor are nobody's."""
    log = log_of([(-1, 0, K.VIEW, 5.0), (1, 1, K.VIEW, 4.0), (0, 2, K.VIEW, 3.0), (1, 3, K.VIEW, 2.0)], 4, n_actors=3)
    pasts = Pasts(log)
    assert pasts.of(1).product.tolist() == [1, 3]
    assert pasts.of(1, newest=1).product.tolist() == [3]
    assert len(pasts.of(2)) == 0


def grouped(seed: int = 3) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Groups of 20 rows in which the third feature says what is relevant."""
    chance = np.random.default_rng(seed)
    rows = chance.normal(size=(6000, 5)).astype(np.float32)
    return rows, rows[:, 2] > 1.0, np.full(300, 20)


def test_a_forest_learns_and_is_evaluated_exactly() -> None:
    """The ONNX graph orders by the feature that matters, and equals LightGBM's own evaluation of the same trees."""
    import lightgbm

    from app.adapters.baseline import forest

    rows, relevant, groups = grouped()
    graph = fit_forest(rows, relevant, groups, seed=1, threads=1, progress=silent)
    scores = Forest(graph).scores(rows)
    assert scores[relevant].min() > np.median(scores)
    settings = {**forest._SETTINGS, "seed": 1, "num_threads": 1}
    data = lightgbm.Dataset(rows, relevant.astype(np.float32), group=groups, params=settings)
    own = lightgbm.train(settings, data, forest._ROUNDS).predict(rows)
    np.testing.assert_allclose(scores, own, atol=1e-4)


def test_the_same_examples_give_the_same_forest() -> None:
    """Byte for byte with one seed; another seed gives other trees."""
    examples = grouped()
    first, second = (fit_forest(*examples, seed=1, threads=2, progress=silent) for _ in range(2))
    assert first == second != fit_forest(*examples, seed=2, threads=2, progress=silent)


def test_a_forest_without_a_split_is_a_forest() -> None:
    """Too few examples to split on give trees of one leaf, which score everything alike."""
    rows = np.arange(20, dtype=np.float32)[:, None]
    forest = Forest(fit_forest(rows, rows[:, 0] > 15, np.array([20]), seed=1, threads=1, progress=silent))
    assert np.ptp(forest.scores(rows)) == 0.0
    assert forest.scores(rows[:0]).shape == (0,)


def test_a_forest_of_something_else_is_refused() -> None:
    """Bytes that are no graph raise ValueError, which opens as a damaged model."""
    with pytest.raises(ValueError, match="not a graph"):
        Forest(b"trees")


def planted(log: InteractionLog, start: float, product: int) -> InteractionLog:
    """The same log in which everybody's interactions from `start` on hit one product."""
    later = log.timestamp >= start
    return replace(log, product=np.where(later, np.int32(product), log.product).astype(np.int32))


def test_nothing_after_the_origin_moves_a_feature_or_a_score(shop: InteractionLog) -> None:
    """A product that everybody will buy after the origin, and nobody did before: no input of the trees knows it."""
    start = NOW - 30 * DAY
    log = replace(shop, product=np.where(shop.product == 7, np.int32(8), shop.product).astype(np.int32))
    first = int(np.flatnonzero(log.timestamp < start)[0])
    log.product[first] = 7  # known, hardly
    rows, relevant, scores = [], [], []
    for seen in (log, planted(log, start, 7)):
        part = make_slice(seen, start, NOW, SIGNALS, 1)
        everyone = replace(part, actors=np.arange(40, dtype=np.int32))
        sources = fit_sources(part.before, start, SIGNALS, PARAMETERS, seed=1, progress=silent)
        facts = fit_facts(part.before, start, SIGNALS)
        found = make_examples(everyone, sources, facts, SIGNALS, PARAMETERS, seed=None, progress=silent)
        rows.append(found.rows)
        relevant.append(found.relevant.sum())
        scores.append([sources.raw(*folded(Pasts(part.before).of(a), start, SIGNALS, 1.0)[:2]) for a in range(5)])
    assert relevant[0] != relevant[1]  # the labels did change
    np.testing.assert_array_equal(rows[0], rows[1])
    for before, after in zip(*scores, strict=True):
        for name in before:
            np.testing.assert_array_equal(before[name], after[name])


@pytest.mark.slow
def test_a_signal_of_the_slice_does_not_reach_the_trees_that_are_judged(shop: InteractionLog) -> None:
    """What happens in the validation slice changes its labels, and not one score of the trees measured on it."""
    start = NOW - 20 * DAY
    found = []
    for log in (shop, planted(shop, start, 7)):
        part = make_slice(log, start, NOW, SIGNALS, 1)
        fitted = fit_sources(part.before, start, SIGNALS, PARAMETERS, seed=1, progress=silent)
        assert all(o + (part.end - part.start) <= part.start + 1e-6 for o in origins(log, part))
        learned = learn(log, part, fitted, SIGNALS, PARAMETERS, seed=1, progress=silent)
        found.append(None if learned.blind is None else learned.blind.forest.graph)
    assert found[0] is not None
    assert found[1] is None or found[1] == found[0]


def test_origins_leave_as_much_log_before_as_they_foresee(shop: InteractionLog) -> None:
    """Newest first, half a window apart; a slice without enough log before it has none."""
    part = make_slice(shop, NOW - 20 * DAY, NOW, SIGNALS, 1)
    found = origins(shop, part)
    np.testing.assert_allclose(np.diff(found) / DAY, -10.0)
    assert found[0] == pytest.approx(NOW - 40 * DAY)
    assert min(found) - shop.timestamp[0] >= 20 * DAY
    assert origins(shop, make_slice(shop, NOW - 70 * DAY, NOW, SIGNALS, 1)) == []


def figures(seed: int, gain: float, n: int = 400) -> tuple[np.ndarray, np.ndarray]:
    chance = np.random.default_rng(seed)
    base = chance.uniform(0, 0.4, n)
    return base + gain + chance.normal(0, 0.02, n), base


def test_it_serves_where_it_gains_and_loses_nowhere() -> None:
    """A gain in one protocol serves if the other does not lose; a loss in either, or no gain, does not."""
    bucket = np.full(400, 3)

    def verdict(novel: float, anything: float) -> tuple[str, ...]:
        (a, b), (c, d) = figures(1, novel), figures(2, anything)
        return judged((a, c), (b, d), bucket, 1).buckets

    assert "11+" in verdict(0.05, 0.05)
    assert "11+" in verdict(0.0, 0.05)
    assert verdict(-0.02, 0.05) == ()
    assert verdict(0.05, -0.02) == ()
    assert verdict(0.0, 0.0) == ()


def test_a_bucket_that_loses_stays_with_the_blend() -> None:
    """New shoppers lose, others gain: the blend goes on serving new shoppers."""
    (a, b), (c, d) = figures(1, 0.06), figures(2, 0.06)
    bucket = np.where(np.arange(400) < 80, 0, 3)
    a[bucket == 0] -= 0.12
    found = judged((a, c), (b, d), bucket, 1)
    assert "0" not in found.buckets
    assert "11+" in found.buckets


def test_nobody_to_measure_is_no_verdict() -> None:
    """Without relevant products nothing is claimed."""
    nothing = np.full(5, np.nan)
    assert judged((nothing, nothing), (nothing, nothing), np.zeros(5, np.int64), 1).buckets == ()


def test_it_beats_the_blend_on_a_shop_of_regulars(models: Path) -> None:
    """Who buys the same again is foreseen by the trees and not by the sources; the manifest says by how much."""
    manifest = load_current(models).manifest
    assert manifest.ensemble.buckets
    assert manifest.ensemble.anything_interval is not None
    assert manifest.ensemble.anything_interval[0] > 0.05


def test_what_is_owned_is_ranked_and_not_masked(models: Path, shop: InteractionLog) -> None:
    """The shopper's own products come first; excluding them is the rules' business."""
    model = load_current(models)
    history = Pasts(shop).of(4)
    own = np.bincount(history.product, minlength=40).argsort()[-2:]
    scores = model.ranked(history, NOW)
    assert set(np.argsort(-scores)[:2].tolist()) == set(own.tolist())
    assert scores.min() >= 0.0
    assert scores.max() == 1.0


def test_the_artefact_holds_no_shopper_and_falls_back_when_damaged(models: Path, shop: InteractionLog) -> None:
    """Facts are per product; a changed byte of the forest is found by its hash."""
    folder = next(p for p in models.iterdir() if p.is_dir())
    assert np.load(folder / "fact_table.npy").shape == (40, len(FACTS))
    graph = (folder / "forest.onnx").read_bytes()
    (folder / "forest.onnx").write_bytes(graph[:-1] + bytes([graph[-1] ^ 1]))
    try:
        with capture_logs(), pytest.raises(Exception, match=r"forest\.onnx does not match"):
            load_current(models)
    finally:
        (folder / "forest.onnx").write_bytes(graph)
    assert load_current(models).learned_buckets


def test_few_shoppers_keep_the_blend(tmp_path: Path) -> None:
    """Under FEWEST_SHOPPERS examples nothing is learned, and the model says why."""
    report = train(two_tastes(n_actors=30), SIGNALS, tmp_path, now=NOW, tune=False)
    assert report.ensemble.buckets == ()
    assert "too few" in report.ensemble.reason
    model = load_current(tmp_path)
    assert model.learned_buckets == frozenset()
    assert model.ranked(NO_HISTORY, NOW).shape == (40,)


def test_candidates_score_above_everything_else(shop: InteractionLog) -> None:
    """Ensemble candidates lie from 0.5 to 1, all others below; buckets that it does not serve get the blend."""
    wide = replace(shop, product_ids=tuple(f"p{i}" for i in range(60)))
    sources = fit_sources(wide, NOW, SIGNALS, PARAMETERS, seed=1, progress=silent)
    blend = prior_blend(available_sources(sources))
    rows = np.random.default_rng(2).normal(size=(6000, len(FEATURES))).astype(np.float32)
    forest = Forest(fit_forest(rows, rows[:, 0] > 1.0, np.full(300, 20), seed=1, threads=1, progress=silent))
    ensemble = Ensemble(forest, fit_facts(wide, NOW, SIGNALS), frozenset({"11+"}))
    ranker = Ranker(sources, blend, SIGNALS, 1.0, ensemble)
    scores = ranker.score(Pasts(wide).of(0), NOW)
    assert (scores[40:] < 0.5).all()
    assert scores[:40].max() <= 1.0
    assert (scores[:40] >= 0.5).any()
    short = Pasts(wide).of(0, newest=2)
    columns, weights, n = folded(short, NOW, SIGNALS, 1.0)
    np.testing.assert_array_equal(ranker.score(short, NOW), blended(sources, blend, columns, weights, n))


def test_examples_are_judged_as_served(models: Path, shop: InteractionLog) -> None:
    """NDCG over the candidates alone is what scoring the whole catalogue gives."""
    start = NOW - 15 * DAY
    part = make_slice(shop, start, NOW, SIGNALS, 1)
    sources = fit_sources(part.before, start, SIGNALS, PARAMETERS, seed=1, progress=silent)
    facts = fit_facts(part.before, start, SIGNALS)
    forest = Forest((next(p for p in models.iterdir() if p.is_dir()) / "forest.onnx").read_bytes())
    held = make_examples(part, sources, facts, SIGNALS, PARAMETERS, seed=None, progress=silent)
    alone = ndcg_of_examples(held, part, forest.scores(held.rows), novel=True)
    every = frozenset(("0", "1-3", "4-10", "11+"))
    ranker = Ranker(sources, prior_blend(available_sources(sources)), SIGNALS, 1.0, Ensemble(forest, facts, every))
    np.testing.assert_allclose(alone, ndcg_of_ranker(ranker.score, part, "", silent), atol=1e-9)


def test_cut_examples_include_cold_shoppers(shop: InteractionLog) -> None:
    """With a seed some histories are cut short, so the trees learn what to do with little; without one none are."""
    part = make_slice(shop, NOW - 20 * DAY, NOW, SIGNALS, 1)
    sources = fit_sources(part.before, part.start, SIGNALS, PARAMETERS, seed=1, progress=silent)
    facts = fit_facts(part.before, part.start, SIGNALS)
    whole, cut = (
        make_examples(part, sources, facts, SIGNALS, PARAMETERS, seed=seed, progress=silent) for seed in (None, 1)
    )
    lengths = [folded(Pasts(part.before).of(a), part.start, SIGNALS, 1.0)[2] for a in part.actors.tolist()]
    assert [HISTORY_BUCKETS[code] for code in whole.bucket.tolist()] == [history_bucket(n) for n in lengths]
    assert 0.1 < (cut.bucket < whole.bucket).mean() < 0.4
    assert len(rows_between(shop, part.start, NOW)) > 0
