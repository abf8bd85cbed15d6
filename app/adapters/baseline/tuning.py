"""The search over parameters, one source at a time, on the validation slice only."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from app.adapters.baseline.blend import available_sources, fit_blend, make_pools
from app.adapters.baseline.ease import EASE_PRODUCT_LIMIT, fit_ease
from app.adapters.baseline.factors import fit_factors
from app.adapters.baseline.matrix import Signals, saturate, saturated, strongest
from app.adapters.baseline.neighbours import fit_neighbours
from app.adapters.baseline.parameters import Parameters
from app.adapters.baseline.popularity import popularity
from app.adapters.baseline.sources import Scoring, cores, fit_sources, foldable
from app.adapters.baseline.validation import Slice, mean, ndcg_by_actor
from app.domain.catalog import IntArray
from app.ports import Progress

POPULARITY_HALF_LIVES = (2.0, 7.0, 14.0, 30.0, 90.0)
_HALF_LIFE_SCALES = (1 / 16, 1 / 8, 1 / 4, 1 / 2, 1.0, 2.0, 4.0)
_FEW_SCALES = (0.5, 0.25, 1.0, 2.0)
_QUICK_PRODUCTS = 6_000
_SATURATIONS = (0.1, 1.0, 10.0)
_EASE_REGULARISATIONS = (5.0, 20.0, 60.0)
_NEIGHBOUR_KINDS = ("tfidf", "bm25", "cosine")
_NEIGHBOURS = (20, 50, 200)
_ALS_REGULARISATIONS = (0.1, 0.4, 1.6)
_ALS_ALPHAS = (3.0, 10.0, 30.0)
_ALS_FACTORS = (64, 128)

Fit = Callable[[sp.csr_matrix, Parameters], Scoring | None]
Objective = Callable[[Parameters], float]


def choose_popularity(part: Slice, signals: Signals, parameters: Parameters, progress: Progress) -> Parameters:
    """The parameters with the half-life of popularity that foresees the slice best; cheap, so done at every training.

    How fast a shop's bestsellers change is its own affair, and shoppers without a history depend on nothing else.
    """
    histories = foldable(part.before, part.start, signals, parameters)
    best, chosen = -1.0, parameters
    for days in POPULARITY_HALF_LIVES:
        scores = popularity(part.before, part.start, signals, days)
        quality = mean(
            ndcg_by_actor(lambda _c, _w, _n, s=scores: s, part, histories, "popularity", progress)  # type: ignore[misc]
        )
        if quality > best:
            best, chosen = quality, replace(parameters, popularity_half_life_days=days)
    return chosen


def choose_scale(part: Slice, signals: Signals, parameters: Parameters, *, seed: int, progress: Progress) -> Parameters:
    """The parameters with the half-life scale of _FEW_SCALES that blends best on the slice.

    Done where a shop trains for the first time and does not tune: how fast taste fades differs more between shops
    than anything else, from 0.25 for a gift shop's seasons to 2 for the demo shop. Left as it is for catalogues on
    which EASE takes minutes.
    """
    if len(np.unique(part.before.product)) > _QUICK_PRODUCTS:
        return parameters
    candidates = [replace(parameters, half_life_scale=scale) for scale in _FEW_SCALES]
    return max(candidates, key=lambda p: _blend_quality(part, signals, p, seed=seed, progress=progress))


def tuned(part: Slice, signals: Signals, parameters: Parameters, *, seed: int, progress: Progress) -> Parameters:
    """Better parameters, by coordinate search from the given ones; deterministic.

    Each source's own parameters are chosen by that source alone. Decay and saturation, which all personal sources
    share, are chosen by the blend: what suits one source best was measured to cost the others more.
    """
    threads = cores()
    small = len(np.unique(part.before.product)) <= EASE_PRODUCT_LIMIT

    def ease(matrix: sp.csr_matrix, p: Parameters) -> Scoring | None:
        return fit_ease(matrix, p.ease_regularisation, threads, progress)

    def item_item(matrix: sp.csr_matrix, p: Parameters) -> Scoring | None:
        return fit_neighbours(matrix, p.neighbour_kind, p.neighbours, threads, progress)

    def als(matrix: sp.csr_matrix, p: Parameters) -> Scoring | None:
        return fit_factors(
            matrix,
            factors=p.als_factors,
            regularisation=p.als_regularisation,
            alpha=p.als_alpha,
            iterations=p.als_iterations,
            seed=seed,
            threads=threads,
            progress=progress,
        )

    def alone(fit: Fit) -> Objective:
        return lambda p: _source_quality(fit, part, signals, p, progress)

    def together(p: Parameters) -> float:
        return _blend_quality(part, signals, p, seed=seed, progress=progress)

    by_ease, by_item_item, by_als = alone(ease), alone(item_item), alone(als)
    search: list[tuple[Objective, str, Sequence[Any]]] = [
        (together, "half_life_scale", _HALF_LIFE_SCALES),
        (by_ease, "ease_regularisation", _EASE_REGULARISATIONS if small else ()),
        (by_item_item, "neighbour_kind", _NEIGHBOUR_KINDS),
        (by_item_item, "neighbours", _NEIGHBOURS),
        (by_als, "als_regularisation", _ALS_REGULARISATIONS),
        (by_als, "als_alpha", _ALS_ALPHAS),
        (by_als, "als_factors", _ALS_FACTORS),
        (together, "saturation", _SATURATIONS),
    ]
    known: dict[tuple[Objective, Parameters], float] = {}

    def quality(objective: Objective, candidate: Parameters) -> float:
        if (objective, candidate) not in known:
            known[objective, candidate] = objective(candidate)
        return known[objective, candidate]

    tried = [parameters]
    for step, (objective, field, values) in enumerate(search):
        progress(f"tune: {field}", step, len(search))
        for value in values:
            candidate = replace(parameters, **{field: value})
            if quality(objective, candidate) > quality(objective, parameters):
                parameters = candidate
        if objective is together:
            tried.append(parameters)
    # Sources that are better alone need not blend better: the best blend of those on the way is kept.
    tried.append(parameters)
    return max(tried, key=lambda p: quality(together, p))


def _blend_quality(part: Slice, signals: Signals, parameters: Parameters, *, seed: int, progress: Progress) -> float:
    """Mean NDCG@10 (novel) of the best blend that these parameters allow."""
    sources = fit_sources(part.before, part.start, signals, parameters, seed=seed, progress=progress)
    folded = foldable(part.before, part.start, signals, parameters)
    pools = make_pools(sources, part, folded, progress)
    blend = fit_blend(pools, available_sources(sources), seed, progress)
    return pools.quality(blend)


def _source_quality(fit: Fit, part: Slice, signals: Signals, parameters: Parameters, progress: Progress) -> float:
    """Mean NDCG@10 (novel) of one source alone, -1 when it can't be trained."""
    histories = foldable(part.before, part.start, signals, parameters)
    unit = strongest(signals)
    source = fit(saturated(histories.matrix, unit, parameters.saturation), parameters)
    if source is None:
        return -1.0
    nothing = np.zeros(histories.matrix.shape[1], dtype=np.float32)

    def score(columns: IntArray, weights: NDArray[np.float32], _interactions: int) -> NDArray[np.float32]:
        if len(columns) == 0:
            return nothing
        return source.score(columns, saturate(weights, unit, parameters.saturation))

    return mean(ndcg_by_actor(score, part, histories, "tune: validation", progress))
