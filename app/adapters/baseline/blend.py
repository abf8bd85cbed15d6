"""Weights of the sources per history bucket, found on the validation slice."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from app.adapters.baseline.matrix import Histories
from app.adapters.baseline.ndcg import K, ndcg_of_pools, ndcg_of_top, top_columns
from app.adapters.baseline.parameters import PERSONAL_SOURCES, SOURCES
from app.adapters.baseline.sources import Sources
from app.adapters.baseline.validation import Slice, row
from app.domain.catalog import BoolArray, FloatArray, IntArray
from app.domain.ranking import HISTORY_BUCKETS, history_bucket
from app.ports import Progress

Blend = Mapping[str, Mapping[str, float]]

POOL_PER_SOURCE = 100
SHRINK_ACTORS = 100.0
"""A bucket with this many actors lies half way between its own weights and the weights of all."""
_RANDOM_STARTS = 60
_STEPS = (0.2, 0.1, 0.05)

_PRIOR = {"ease": 0.4, "item_item": 0.15, "als": 0.1, "popularity": 0.25, "trend": 0.1}


def prior_blend(available: BoolArray) -> Blend:
    """Weights for a shop that is too small to measure. available: (len(SOURCES),), which sources were trained."""
    prior = np.array([_PRIOR[s] for s in SOURCES])
    return _by_bucket(dict.fromkeys(HISTORY_BUCKETS, prior), available)


def available_sources(sources: Sources) -> BoolArray:
    """Which of SOURCES have anything to say; shape (len(SOURCES),)."""
    return np.array(
        [
            sources.ease is not None,
            sources.item_item is not None,
            sources.als is not None,
            bool(sources.popularity.any()),
            bool(sources.trend.any()),
        ]
    )


def all_scores(sources: Sources, columns: IntArray, weights: NDArray[np.float32]) -> NDArray[np.float32]:
    """Scores of every source, shape (len(SOURCES), n_products), 0 where a source can't score."""
    scores = np.zeros((len(SOURCES), len(sources.popularity)), dtype=np.float32)
    personal = sources.personal(columns, weights)
    for i, name in enumerate(PERSONAL_SOURCES):
        if name in personal:
            scores[i] = personal[name]
    scores[-2], scores[-1] = sources.popularity, sources.trend
    return scores


def blended(
    sources: Sources, blend: Blend, columns: IntArray, weights: NDArray[np.float32], interactions: int
) -> NDArray[np.float32]:
    """Σ weight · score with the weights of the bucket that `interactions` falls into."""
    return weighed(sources, blend[history_bucket(interactions)], sources.personal(columns, weights))


def weighed(
    sources: Sources, line: Mapping[str, float], personal: Mapping[str, NDArray[np.float32]]
) -> NDArray[np.float32]:
    """Σ weight · score of one line of a blend, from `Sources.personal`'s scores; shape (n_products,)."""
    impersonal = {"popularity": sources.popularity, "trend": sources.trend}
    total = np.zeros(len(sources.popularity), dtype=np.float32)
    for name, scores in {**personal, **impersonal}.items():
        if line.get(name, 0.0) > 0.0:
            total += np.float32(line[name]) * scores
    return total


@dataclass(frozen=True, slots=True)
class Pools:
    """Each actor's best products of every source: what a blend can put into its top 10."""

    scores: NDArray[np.float32]  # (n, pool, len(SOURCES)), -1 where there is no candidate
    relevant: BoolArray  # (n, pool)
    n_relevant: NDArray[np.int64]  # (n,)
    bucket: NDArray[np.int64]  # (n,) index into HISTORY_BUCKETS
    by_source: FloatArray  # (n, len(SOURCES)) exact NDCG@10 of each source alone

    def quality(self, blend: Blend) -> float:
        """Mean NDCG@10 of a blend over the pools; -1 without actors."""
        if len(self.bucket) == 0:
            return -1.0
        lines = np.array([[blend[b][s] for s in SOURCES] for b in HISTORY_BUCKETS], dtype=np.float32)
        mixed = np.einsum("nps,ns->np", self.scores, lines[self.bucket])
        return float(ndcg_of_pools(mixed, self.relevant, self.n_relevant).mean())


def make_pools(sources: Sources, part: Slice, history: Histories, progress: Progress) -> Pools:
    """Scores every actor with a novel relevant product once and keeps POOL_PER_SOURCE products of each source."""
    chosen = np.flatnonzero(np.diff(part.novel.indptr))
    width = POOL_PER_SOURCE * len(SOURCES)
    n = len(chosen)
    pooled = np.full((n, width, len(SOURCES)), -1.0, dtype=np.float32)
    relevant = np.zeros((n, width), dtype=np.bool_)
    by_source = np.zeros((n, len(SOURCES)))
    bucket = np.zeros(n, dtype=np.int64)
    for place, i in enumerate(chosen.tolist()):
        if place % 50 == 0:
            progress("validation", place, n)
        columns, weights, interactions = history.of(int(part.actors[i]))
        scores = all_scores(sources, columns, weights)
        bucket[place] = HISTORY_BUCKETS.index(history_bucket(interactions))
        wanted, owned = row(part.novel, i), row(part.owned, i)
        candidates = []
        for s in range(len(SOURCES)):
            open_scores = scores[s].copy()
            open_scores[owned] = -np.inf
            top = top_columns(open_scores, POOL_PER_SOURCE)
            by_source[place, s] = ndcg_of_top(top[:K], wanted) if scores[s].any() else 0.0
            candidates.append(top)
        pool = np.unique(np.concatenate(candidates))
        pooled[place, : len(pool)] = scores[:, pool].T
        relevant[place, : len(pool)] = np.isin(pool, wanted)
    return Pools(pooled, relevant, np.diff(part.novel.indptr)[chosen].astype(np.int64), bucket, by_source)


def fit_blend(pools: Pools, available: BoolArray, seed: int, progress: Progress) -> Blend:
    """Weights per bucket that maximise NDCG@10, each shrunk towards the weights found for all actors with a history.

    The search is deterministic: corners, the prior and seeded points of the simplex, then coordinate steps from the
    best. Without a history only popularity and trend can weigh.
    """
    prior = np.array([_PRIOR[s] for s in SOURCES]) * available
    warm = pools.bucket > 0
    everyone = _search(pools, warm, available, prior, seed) if warm.any() else prior
    found = {}
    for code, name in enumerate(HISTORY_BUCKETS):
        progress("blend", code, len(HISTORY_BUCKETS))
        members = pools.bucket == code
        usable = _usable(name, available)
        start = (everyone if code > 0 else prior) * usable
        if not members.any():
            found[name] = start
            continue
        own = _search(pools, members, usable, start, seed)
        trust = members.sum() / (members.sum() + SHRINK_ACTORS)
        found[name] = trust * own + (1.0 - trust) * _normalised(start)
    return _by_bucket(found, available)


def _usable(bucket: str, available: BoolArray) -> BoolArray:
    usable = available.copy()
    if bucket == "0":
        usable[: len(PERSONAL_SOURCES)] = False
    return usable


def _by_bucket(weights: Mapping[str, FloatArray], available: BoolArray) -> Blend:
    result = {}
    for bucket, vector in weights.items():
        normalised = _normalised(vector * _usable(bucket, available))
        result[bucket] = {s: round(float(w), 4) for s, w in zip(SOURCES, normalised, strict=True)}
    return result


def _normalised(weights: FloatArray) -> FloatArray:
    total = float(weights.sum())
    if total > 0:
        normalised: FloatArray = weights / total
        return normalised
    fallback = np.zeros(len(SOURCES))
    fallback[SOURCES.index("popularity")] = 1.0
    return fallback


def _search(pools: Pools, members: BoolArray, usable: BoolArray, start: FloatArray, seed: int) -> FloatArray:
    chosen = np.flatnonzero(usable)
    if len(chosen) == 0:
        return _normalised(start)
    scores, relevant, n_relevant = pools.scores[members], pools.relevant[members], pools.n_relevant[members]

    def quality(weights: FloatArray) -> float:
        return float(ndcg_of_pools(scores @ weights.astype(np.float32), relevant, n_relevant).mean())

    generator = np.random.default_rng(seed)
    points = [_normalised(start), *np.eye(len(SOURCES))[chosen]]
    for drawn in generator.dirichlet(np.full(len(chosen), 0.7), _RANDOM_STARTS):
        point = np.zeros(len(SOURCES))
        point[chosen] = drawn
        points.append(point)
    weights: FloatArray = max(points, key=quality)  # the first of equals
    best = quality(weights)
    for step in _STEPS:
        improved = True
        while improved:
            improved = False
            for s in chosen:
                for sign in (1.0, -1.0):
                    stepped = weights.copy()
                    stepped[s] = max(0.0, stepped[s] + sign * step)
                    if stepped.sum() <= 0:
                        continue
                    moved = _normalised(stepped)
                    value = quality(moved)
                    if value > best + 1e-6:
                        best, weights, improved = value, moved, True
    return weights
