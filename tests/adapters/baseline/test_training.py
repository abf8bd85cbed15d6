"""Training: tiny shops, the kept-back branches, and that a report says what happened."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from app.adapters.baseline.artefact import current_version, load_current
from app.adapters.baseline.manifest import DataWindow
from app.adapters.baseline.model import BlendedBaseline
from app.adapters.baseline.parameters import Parameters
from app.adapters.baseline.sources import Sources
from app.adapters.baseline.training import TrainReport, train
from app.domain.interactions import InteractionLog
from tests.adapters.baseline.shops import DAY, NOW, SIGNALS, K, log_of, two_tastes

TINY = {
    "nothing": log_of([], 0),
    "products without events": log_of([], 3),
    "one product": log_of([(a, 0, K.PURCHASE, 1.0 + a) for a in range(30)], 1),
    "one actor": log_of([(0, p, K.PURCHASE, 1.0 + p) for p in range(5)], 8),
    "one instant": log_of([(a, p, K.PURCHASE, 3.0) for a in range(40) for p in range(6) if (a + p) % 3], 7),
    "one event": log_of([(0, 0, K.VIEW, 1.0)], 2),
    "only untied": log_of([(-1, p % 3, K.VIEW, 1.0 + p) for p in range(50)], 4, n_actors=0),
    "only negatives": log_of([(a, 0, K.DISMISS, 1.0) for a in range(30)], 2),
    "only impressions": log_of([(a, 0, K.IMPRESSION, 1.0) for a in range(30)], 2),
    "long ago": log_of([(a, a % 4, K.PURCHASE, 4000.0 + a) for a in range(60)], 4),
    "the future": log_of([(a, a % 4, K.PURCHASE, -30.0) for a in range(60)], 4),
}


@pytest.fixture(autouse=True)
def _short_lesson(monkeypatch: pytest.MonkeyPatch) -> None:
    """One origin and few trees: these tests are about publishing, and train two dozen models."""
    monkeypatch.setattr("app.adapters.baseline.learning.ORIGINS", 1)
    monkeypatch.setattr("app.adapters.baseline.forest._ROUNDS", 20)


@pytest.mark.parametrize("tune", [False, True])
@pytest.mark.parametrize("name", TINY)
def test_any_log_gives_a_usable_model(name: str, tune: bool, tmp_path: Path) -> None:
    """However little there is, training writes a model that loads and scores without an error or a NaN."""
    log = TINY[name]
    report = train(log, SIGNALS, tmp_path, now=NOW, tune=tune)
    assert report.published
    model = load_current(tmp_path)
    n = len(log.product_ids)
    assert model.popularity.shape == model.trend.shape == (n,)
    columns = np.arange(min(n, 2), dtype=np.int32)
    for scores in (*model.scores(columns, np.ones(len(columns), np.float32)).values(), model.popularity, model.trend):
        assert scores.shape == (n,)
        assert np.isfinite(scores).all()
    for line in model.blend.values():
        assert sum(line.values()) == pytest.approx(1.0, abs=1e-3)
    assert n == 0 or model.bought_with(0, 5) == [] or name == "one instant"


def test_interactions_after_now_are_not_seen(tmp_path: Path) -> None:
    """With AS_OF in the past nothing later is trained on."""
    log = two_tastes(n_actors=40, n_products=12)
    train(log, SIGNALS, tmp_path, now=NOW - 50 * DAY, tune=False)
    window = load_current(tmp_path).manifest.window
    assert window.last is not None
    assert window.last <= NOW - 50 * DAY
    assert window.events < len(log)


@pytest.fixture(scope="module")
def shop() -> InteractionLog:
    return two_tastes()


@pytest.fixture(scope="module")
def report(shop: InteractionLog, tmp_path_factory: pytest.TempPathFactory) -> TrainReport:
    return train(shop, SIGNALS, tmp_path_factory.mktemp("m"), now=NOW, tune=False)


def test_quality_beats_the_controls(report: TrainReport) -> None:
    """On a shop with two tastes the blend beats popularity and chance, and the interval holds the mean."""
    quality = report.quality
    assert quality.actors > 150
    assert quality.novel_interval is not None
    blend, popular, shuffle = (quality.novel[k] for k in ("blend", "popular", "shuffle"))
    assert blend is not None
    assert popular is not None
    assert shuffle is not None
    assert blend > max(popular, shuffle) * 1.2
    assert quality.novel_interval[0] < blend < quality.novel_interval[1]
    assert set(quality.novel) == {"blend", "popular", "shuffle", "ease", "item_item", "als", "popularity", "trend"}
    assert sum(n for n, _ in quality.by_bucket.values()) == quality.actors
    assert "Published" in report.message


@pytest.mark.slow
def test_progress_is_reported(shop: InteractionLog, tmp_path: Path) -> None:
    """Every stage calls back with what is done."""
    labels = set()
    train(shop, SIGNALS, tmp_path, now=NOW, tune=False, progress=lambda label, _d, _t: labels.add(label))
    assert {"ease: solve", "als", "validation", "blend", "bought together", "write model"} <= labels


def until(log: InteractionLog, days_before_now: float) -> InteractionLog:
    end = int(np.searchsorted(log.timestamp, NOW - days_before_now * DAY))
    return replace(
        log,
        actor=log.actor[:end],
        product=log.product[:end],
        kind=log.kind[:end],
        timestamp=log.timestamp[:end],
        quantity=log.quantity[:end],
        order=log.order[:end],
    )


def rebuilt(model: BlendedBaseline, **changes: object) -> BlendedBaseline:
    return BlendedBaseline(
        manifest=model.manifest.model_copy(update=changes),
        product_ids=model.product_ids,
        sources=model._sources,
        copurchase=model._copurchase,
    )


@pytest.mark.slow
def test_an_older_model_is_compared_as_served(shop: InteractionLog, tmp_path: Path) -> None:
    """A current model that ends before the slice is scored itself; the new one, with more data, replaces it."""
    old = train(until(shop, 50), SIGNALS, tmp_path, now=NOW - 50 * DAY, tune=False)
    new = train(shop, SIGNALS, tmp_path, now=NOW, tune=False)
    assert new.comparison is not None
    assert new.comparison.method == "as_served"
    assert new.comparison.actors > 150
    assert new.published
    assert current_version(tmp_path) == new.version != old.version


FORGETFUL = Parameters(half_life_scale=1e-4)
"""Everything is forgotten within hours: only popularity is left."""


@pytest.mark.slow
def test_a_model_worse_than_the_served_one_is_kept_back(
    shop: InteractionLog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A new model that knows only popularity loses to the older one as served, which stays; --force wins."""
    train(until(shop, 50), SIGNALS, tmp_path, now=NOW - 50 * DAY, tune=False)
    before = current_version(tmp_path)
    monkeypatch.setattr("app.adapters.baseline.training.tuned", lambda *_a, **_k: FORGETFUL)
    kept = train(shop, SIGNALS, tmp_path, now=NOW, tune=True)
    assert kept.comparison is not None
    assert kept.comparison.method == "as_served"
    assert kept.comparison.interval[1] < 0
    assert not kept.published
    assert current_version(tmp_path) == before
    assert "NDCG@10" in kept.message
    assert "--force" in kept.message
    forced = train(shop, SIGNALS, tmp_path, now=NOW, tune=True, force=True)
    assert forced.published
    assert "by force" in forced.message
    assert current_version(tmp_path) == forced.version


@pytest.mark.slow
def test_an_unseen_loss_is_kept_back(shop: InteractionLog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same on overlapping data."""
    train(until(shop, 10), SIGNALS, tmp_path, now=NOW - 10 * DAY, tune=False)
    monkeypatch.setattr("app.adapters.baseline.training.tuned", lambda *_a, **_k: FORGETFUL)
    kept = train(shop, SIGNALS, tmp_path, now=NOW, tune=True)
    assert kept.comparison is not None
    assert kept.comparison.method == "unseen"
    assert not kept.published


@pytest.mark.slow
def test_overlapping_data_is_compared_on_what_neither_saw(shop: InteractionLog, tmp_path: Path) -> None:
    """The current model ends inside the slice: only what came after its data counts, and both are blind to it."""
    train(until(shop, 10), SIGNALS, tmp_path, now=NOW - 10 * DAY, tune=False)
    new = train(shop, SIGNALS, tmp_path, now=NOW, tune=False)
    assert new.comparison is not None
    assert new.comparison.method == "unseen"
    assert new.comparison.actors >= 100
    assert new.published


@pytest.mark.slow
def test_the_same_data_again_is_compared_by_refitting(shop: InteractionLog, tmp_path: Path) -> None:
    """Nothing is unseen: the current model's parameters are refitted on the same slice; equal ones are equal."""
    train(shop, SIGNALS, tmp_path, now=NOW, tune=False)
    again = train(shop, SIGNALS, tmp_path, now=NOW, tune=False)
    assert again.comparison is not None
    assert again.comparison.method == "refitted"
    assert again.comparison.new == again.comparison.current
    assert again.published


@pytest.mark.slow
def test_a_refitted_loss_is_kept_back(shop: InteractionLog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Worse parameters than the current ones, on the same slice, are not published."""
    train(shop, SIGNALS, tmp_path, now=NOW, tune=False)
    monkeypatch.setattr("app.adapters.baseline.training.tuned", lambda *_a, **_k: FORGETFUL)
    kept = train(shop, SIGNALS, tmp_path, now=NOW, tune=True)
    assert kept.comparison is not None
    assert kept.comparison.method == "refitted"
    assert not kept.published


@pytest.mark.slow
def test_data_that_shrank_is_kept_back(shop: InteractionLog, tmp_path: Path) -> None:
    """Under half of the interactions or products of the current model: something went wrong before training."""
    train(shop, SIGNALS, tmp_path, now=NOW, tune=False)
    before = current_version(tmp_path)
    kept = train(until(shop, 60), SIGNALS, tmp_path, now=NOW, tune=False)
    assert not kept.published
    assert any("interactions" in reason for reason in kept.kept_back)
    assert current_version(tmp_path) == before
    few = replace(shop, product=shop.product % 10)
    assert any("products" in reason for reason in train(few, SIGNALS, tmp_path, now=NOW, tune=False).kept_back)


@pytest.mark.slow
def test_a_given_current_model_is_the_one_compared_with(shop: InteractionLog, tmp_path: Path) -> None:
    """The caller's current model counts, also where the folder holds none; other product columns are matched by id."""
    train(until(shop, 50), SIGNALS, tmp_path / "a", now=NOW - 50 * DAY, tune=False)
    current = load_current(tmp_path / "a")
    turned = replace(shop, product=39 - shop.product, product_ids=shop.product_ids[::-1])
    straight = train(shop, SIGNALS, tmp_path / "b", now=NOW, tune=False, current=current)
    reversed_ = train(turned, SIGNALS, tmp_path / "c", now=NOW, tune=False, current=current)
    assert straight.comparison is not None
    assert reversed_.comparison is not None
    assert straight.comparison.method == "as_served"
    assert reversed_.comparison.current == pytest.approx(straight.comparison.current, abs=0.02)


@pytest.mark.slow
def test_parameters_are_taken_over_from_the_current_model(shop: InteractionLog, tmp_path: Path) -> None:
    """Retraining without tuning uses what an earlier tuning chose."""
    train(shop, SIGNALS, tmp_path, now=NOW, tune=False)
    model = load_current(tmp_path)
    chosen = replace(model.manifest.parameters, neighbours=7)
    again = train(shop, SIGNALS, tmp_path, now=NOW, tune=False, current=rebuilt(model, parameters=chosen))
    assert again.parameters.neighbours == 7
    assert load_current(tmp_path).manifest.parameters.neighbours == 7


def test_small_slices_count_a_relative_drop() -> None:
    """On few shoppers the interval can't find a loss, so a drop of over 5% of the mean holds a model back."""
    from app.adapters.baseline.comparison import Comparison

    wide = (-0.05, 0.03)
    assert Comparison("refitted", 50, 0.094, 0.1, wide).worse
    assert not Comparison("refitted", 50, 0.096, 0.1, wide).worse
    assert not Comparison("refitted", 500, 0.094, 0.1, wide).worse
    assert Comparison("refitted", 500, 0.09, 0.1, (-0.015, -0.001)).worse
    assert not Comparison("refitted", 0, float("nan"), float("nan"), wide).worse


def test_a_model_without_data_is_always_older(shop: InteractionLog, tmp_path: Path) -> None:
    """A current model trained on an empty shop is compared as served and replaced."""
    train(log_of([], 40), SIGNALS, tmp_path, now=NOW - 1, tune=False)
    new = train(shop, SIGNALS, tmp_path, now=NOW, tune=False)
    assert new.comparison is not None
    assert new.comparison.method == "as_served"
    assert new.published


def test_no_actor_is_in_an_artefact(shop: InteractionLog, tmp_path: Path) -> None:
    """Erasure needs no retraining: no array of a model has a row per shopper."""
    version = train(shop, SIGNALS, tmp_path, now=NOW, tune=False).version
    assert version is not None
    for path in (tmp_path / version).glob("*.npy"):
        assert shop.n_actors not in np.load(path, mmap_mode="r").shape
    assert Sources.__slots__ == ("ease", "item_item", "als", "popularity", "trend", "unit", "saturation")
    assert DataWindow.model_fields.keys() == {"first", "last", "events", "actors", "products"}
