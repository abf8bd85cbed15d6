"""`train`: validate on the last slice, choose, refit on everything, compare with the current model, publish."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as installed_version
from pathlib import Path

import numpy as np
from threadpoolctl import threadpool_limits

from app.adapters.baseline.artefact import Trained, load_current, publish, write_version
from app.adapters.baseline.blend import Blend, Pools, available_sources, blended, fit_blend, make_pools, prior_blend
from app.adapters.baseline.comparison import Candidate, Comparison, compare, shrunk
from app.adapters.baseline.copurchase import fit_copurchase
from app.adapters.baseline.ensemble import Ensemble, Ranker
from app.adapters.baseline.facts import fit_facts
from app.adapters.baseline.first_visit import first_visit
from app.adapters.baseline.learning import Learned, learn
from app.adapters.baseline.manifest import DataWindow, FirstVisit, Manifest, Quality, Verdict
from app.adapters.baseline.matrix import Histories, rows_between, strongest
from app.adapters.baseline.model import BlendedBaseline
from app.adapters.baseline.ndcg import interval
from app.adapters.baseline.parameters import SOURCES, Parameters
from app.adapters.baseline.popularity import bestsellers
from app.adapters.baseline.sources import Sources, fit_sources, foldable
from app.adapters.baseline.tuning import choose_popularity, choose_scale, tuned
from app.adapters.baseline.validation import Slice, choose_slice, mean, ndcg_by_actor
from app.domain.errors import ModelUnavailable
from app.domain.interactions import EventKind, InteractionLog, Signal
from app.domain.ranking import HISTORY_BUCKETS
from app.ports import Progress

DEFAULT_SEED = 20260101


@dataclass(frozen=True, slots=True)
class TrainReport:
    """What came of a training run. `version` is None when the model was kept back."""

    version: str | None
    kept_back: tuple[str, ...]  # why it is, or without --force would have been, not published; empty = nothing wrong
    quality: Quality
    comparison: Comparison | None  # None: no current model, or nobody to compare on
    parameters: Parameters
    blend: Blend
    ensemble: Verdict
    window: DataWindow
    seconds: float

    @property
    def published(self) -> bool:
        """Whether the new model is current now."""
        return self.version is not None

    @property
    def message(self) -> str:
        """One paragraph for a person: what happened, with figures, and what to do."""
        return " ".join(filter(None, (self._published(), self._ordered_by())))

    def _ordered_by(self) -> str:
        e = self.ensemble
        if not e.buckets or e.novel is None or e.blend_novel is None:
            return ""
        return f"A learned ensemble orders products: NDCG@10 {e.novel:.4f}, the blend {e.blend_novel:.4f}."

    def _published(self) -> str:
        reasons = "; ".join(self.kept_back)
        if self.version is None:
            return f"Kept back: {reasons}. The current model stays. Publish it anyway with `shelfwise train --force`."
        text = f"Published baseline model {self.version}"
        if self.kept_back:
            return f"{text} by force, although {reasons}."
        if self.comparison is not None and self.comparison.actors:
            c = self.comparison
            return f"{text}: NDCG@10 {c.new:.4f}, before {c.current:.4f} ({c.actors} shoppers, {c.method})."
        return f"{text}."


def train(
    log: InteractionLog,
    signals: Mapping[EventKind, Signal],
    models_dir: Path,
    *,
    now: float,
    tune: bool,
    force: bool = False,
    seed: int = DEFAULT_SEED,
    progress: Progress = lambda _label, _done, _total: None,
    current: BlendedBaseline | None = None,
    validation_start: float | None = None,
) -> TrainReport:
    """Trains, validates and publishes a baseline model, unless it is worse than the current one.

    Without tuning the parameters of the current model are used again; where there is none, the defaults, with the
    half-life scale picked from four. Blend weights, the half-life of popularity and the learned ensemble are fitted
    every time; the ensemble serves where it is measurably better than the blend (docs/decisions/007). Works for
    any log: what is too small to train a source on gets a model with fewer sources, at least popularity.

    Args:    log: ordered by time; interactions later than `now` are left out. now: epoch seconds, the only clock
             here; it also stamps the version. tune: search (minutes) instead of fixed parameters.
             force: publish even when worse. current: the model to compare with; None = the one in models_dir.
             validation_start: where the validation slice begins; None = chosen from the log.
    Returns: the report; nothing is written when the model was kept back.
    """
    # One BLAS thread except where EASE asks for more: scoring one history after the other is too small to share out.
    with threadpool_limits(1, "blas"):
        return _train(
            log,
            signals,
            models_dir,
            now=now,
            tune=tune,
            force=force,
            seed=seed,
            progress=progress,
            current=current,
            validation_start=validation_start,
        )


def _train(
    log: InteractionLog,
    signals: Mapping[EventKind, Signal],
    models_dir: Path,
    *,
    now: float,
    tune: bool,
    force: bool,
    seed: int,
    progress: Progress,
    current: BlendedBaseline | None,
    validation_start: float | None,
) -> TrainReport:
    started = time.monotonic()
    end = float(np.nextafter(now, np.inf))
    log = rows_between(log, -np.inf, end).as_known_at(end)
    current = current if current is not None else _opened(models_dir)
    parameters = Parameters() if current is None else current.manifest.parameters
    window = _window(log)
    problems = []
    comparison = None
    part = choose_slice(log, signals, seed, validation_start)
    learned = Learned(Verdict(reason="too few interactions to measure"), None, None)
    visit = FirstVisit()
    if part is None:
        quality, blend = Quality(), None
    else:
        if tune:
            parameters = tuned(part, signals, parameters, seed=seed, progress=progress)
        elif current is None:
            parameters = choose_scale(part, signals, parameters, seed=seed, progress=progress)
        parameters = choose_popularity(part, signals, parameters, progress)
        folded = foldable(part.before, part.start, signals, parameters)
        fitted = fit_sources(part.before, part.start, signals, parameters, seed=seed, progress=progress)
        pools = make_pools(fitted, part, folded, progress)
        blend = fit_blend(pools, available_sources(fitted), seed, progress)
        quality = _quality(fitted, blend, part, folded, pools=pools, seed=seed, progress=progress)
        del pools
        learned = learn(log, part, fitted, signals, parameters, seed=seed, progress=progress)
        ranker = Ranker(fitted, blend, signals, parameters.half_life_scale, learned.blind)
        visit = first_visit(part, ranker, signals, seed=seed, progress=progress)
        if current is not None:
            candidate = Candidate(parameters, blend, fitted, learned.blind, visit.bestsellers)
            comparison = compare(log, part, candidate, current, signals, seed=seed, progress=progress)
            if comparison.worse:
                problems.append(_loss(comparison, current.version))
    if current is not None and (less := shrunk(window, current.manifest.window)) is not None:
        problems.append(less)

    version = None
    if force or not problems:
        sources = fit_sources(log, now, signals, parameters, seed=seed, progress=progress)
        if blend is None:
            blend = prior_blend(available_sources(sources))
        ensemble = None
        if learned.forest is not None:
            ensemble = Ensemble(learned.forest, fit_facts(log, now, signals), frozenset(learned.verdict.buckets))
        plain = bestsellers(log, signals) if visit.bestsellers else None
        trained = Trained(log.product_ids, sources, fit_copurchase(log, progress), ensemble, plain)
        moment = datetime.fromtimestamp(now, UTC)
        manifest = Manifest(
            version="",
            created=moment.isoformat(timespec="seconds"),
            code_version=_code_version(),
            seed=seed,
            window=window,
            parameters=parameters,
            unit=strongest(signals),
            blend={bucket: dict(line) for bucket, line in blend.items()},
            quality=quality,
            signals={kind.value: (s.weight, s.half_life_days) for kind, s in signals.items()},
            ensemble=learned.verdict,
            first_visit=visit,
            files={},
        )
        progress("write model", 0, None)
        version = write_version(models_dir, trained, manifest, moment.strftime("%Y%m%dT%H%M%SZ")).version
        publish(models_dir, version)
    return TrainReport(
        version=version,
        kept_back=tuple(problems),
        quality=quality,
        comparison=comparison,
        parameters=parameters,
        blend=blend if blend is not None else {},
        ensemble=learned.verdict,
        window=window,
        seconds=time.monotonic() - started,
    )


def _opened(models_dir: Path) -> BlendedBaseline | None:
    try:
        return load_current(models_dir)
    except ModelUnavailable:
        return None


def _window(log: InteractionLog) -> DataWindow:
    empty = len(log) == 0
    return DataWindow(
        first=None if empty else float(log.timestamp[0]),
        last=None if empty else float(log.timestamp[-1]),
        events=len(log),
        actors=len(np.unique(log.actor[log.actor >= 0])),
        products=len(np.unique(log.product)),
    )


def _quality(
    fitted: Sources,
    blend: Blend,
    part: Slice,
    folded: Histories,
    *,
    pools: Pools,
    seed: int,
    progress: Progress,
) -> Quality:
    by_actor = ndcg_by_actor(
        lambda c, w, n: blended(fitted, blend, c, w, n), part, folded, "validation: blend", progress
    )
    scored = by_actor[~np.isnan(by_actor)]
    anything = ndcg_by_actor(
        lambda c, w, n: blended(fitted, blend, c, w, n), part, folded, "validation: any", progress, novel=False
    )
    # Two standing controls: what sells most without any decay, and chance.
    n_products = len(part.before.product_ids)
    counts = np.bincount(part.before.product, minlength=n_products).astype(np.float32)
    chance = np.random.default_rng(seed)
    popular = ndcg_by_actor(lambda _c, _w, _n: counts, part, folded, "validation: popular", progress)
    shuffle = ndcg_by_actor(
        lambda _c, _w, _n: chance.random(n_products, dtype=np.float32), part, folded, "validation: shuffle", progress
    )
    novel = {"blend": mean(by_actor), "popular": mean(popular), "shuffle": mean(shuffle)}
    novel |= {name: float(pools.by_source[:, i].mean()) for i, name in enumerate(SOURCES) if len(pools.by_source)}
    return Quality(
        start=part.start,
        end=part.end,
        actors=len(scored),
        strong_signals=part.strong,
        novel={name: _known(value) for name, value in novel.items()},
        novel_interval=interval(scored, seed) if len(scored) else None,
        anything=_known(mean(anything)),
        by_bucket={
            name: (int(members.sum()), float(scored[members].mean()))
            for code, name in enumerate(HISTORY_BUCKETS)
            if (members := pools.bucket == code).any()
        },
    )


def _known(value: float) -> float | None:
    return None if math.isnan(value) else value


def _loss(comparison: Comparison, version: str) -> str:
    low, high = comparison.interval
    return (
        f"it ranks worse than {version}: NDCG@10 {comparison.new:.4f} against {comparison.current:.4f} on "
        f"{comparison.actors} shoppers ({comparison.method}; difference {low:+.4f} to {high:+.4f})"
    )


def _code_version() -> str:
    try:
        return installed_version("shelfwise")
    except PackageNotFoundError:
        return "unknown"
