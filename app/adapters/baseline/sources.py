"""The fitted sources together: one way from a history to scores, used by validation and by requests alike."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from app.adapters.baseline.ease import Ease, fit_ease
from app.adapters.baseline.factors import Factors, fit_factors
from app.adapters.baseline.matrix import (
    QUIET,
    Histories,
    Signals,
    histories,
    once_per_holder,
    saturate,
    saturated,
    strongest,
    trusted,
)
from app.adapters.baseline.neighbours import Neighbours, fit_neighbours
from app.adapters.baseline.parameters import Parameters
from app.adapters.baseline.popularity import popularity, trend
from app.domain.catalog import IntArray
from app.domain.interactions import InteractionLog
from app.ports import Progress


class Scoring(Protocol):
    """One fitted personal source."""

    def score(self, columns: IntArray, values: NDArray[np.float32]) -> NDArray[np.float32]:
        """Raw scores, shape (n_products,), of a saturated, non-empty history."""
        ...


def cores() -> int:
    """Processors that this process may use, at most 8: more gain nothing here."""
    return min(8, len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1)


@dataclass(frozen=True, slots=True)
class Sources:
    """Everything that scores. A personal source that could not be trained is None and scores nothing."""

    ease: Ease | None
    item_item: Neighbours | None
    als: Factors | None
    popularity: NDArray[np.float32]  # (n_products,), maximum 1
    trend: NDArray[np.float32]  # (n_products,), maximum 1
    unit: float  # weight of the strongest signal
    saturation: float  # in units

    def personal(self, columns: IntArray, weights: NDArray[np.float32]) -> Mapping[str, NDArray[np.float32]]:
        """Source → scores, shape (n_products,), at least 0, best 1 (all 0 where nothing is positive).

        Args:    columns: unique model columns, shape (h,); weights: decayed confidence, shape (h,). Entries that
                 are not finite and positive are ignored.
        Returns: the trained personal sources; empty for an empty history.
        """
        return {name: best_is_one(scores) for name, scores in self.raw(columns, weights).items()}

    def raw(self, columns: IntArray, weights: NDArray[np.float32]) -> Mapping[str, NDArray[np.float32]]:
        """Source → scores as the source gives them, shape (n_products,), finite; arguments as for `personal`."""
        usable = np.isfinite(weights) & (weights > 0)
        if not usable.any():
            return {}
        if not usable.all():
            columns, weights = columns[usable], weights[usable]
        values = saturate(weights, self.unit, self.saturation)
        found: dict[str, NDArray[np.float32]] = {}
        for name, source in (("ease", self.ease), ("item_item", self.item_item), ("als", self.als)):
            if source is not None:
                scores = source.score(columns, values)
                if not np.isfinite(scores).all():
                    scores = np.nan_to_num(scores, nan=0.0, posinf=0.0, neginf=0.0)
                found[name] = scores
        return found


def best_is_one(raw: NDArray[np.float32]) -> NDArray[np.float32]:
    """Scores divided by their maximum, negatives 0, shape kept; all 0 where no score is finite and positive."""
    best = float(raw.max()) if len(raw) else 0.0
    if not np.isfinite(best):
        raw = np.nan_to_num(raw, nan=0.0, posinf=0.0, neginf=0.0)
        best = float(raw.max())
    if best <= 0.0:
        return np.zeros_like(raw)
    scaled = raw / np.float32(best)
    np.maximum(scaled, 0.0, out=scaled)
    return scaled


def foldable(log: InteractionLog, now: float, signals: Signals, parameters: Parameters) -> Histories:
    """What a request at `now` would fold in for each actor."""
    return histories(log, now, signals, parameters.half_life_scale, parameters.max_products_per_actor)


def fit_sources(
    log: InteractionLog, now: float, signals: Signals, parameters: Parameters, *, seed: int, progress: Progress
) -> Sources:
    """All sources on one log at one time, with one choice of parameters. Deterministic for the same seed and cores."""
    progress("interactions", 0, None)
    # Interactions fade relative to the newest one: a shop that paused for years still has its structure.
    newest = min(now, float(log.timestamp[-1])) if len(log) else now
    unit = strongest(signals)
    folded = foldable(log, newest, signals, parameters).matrix
    most = saturate(np.asarray([QUIET * unit], dtype=np.float32), unit, parameters.saturation)[0]
    matrix = once_per_holder(trusted(saturated(folded, unit, parameters.saturation), log, float(most)), log)
    threads = cores()
    return Sources(
        ease=fit_ease(matrix, parameters.ease_regularisation, threads, progress),
        item_item=fit_neighbours(matrix, parameters.neighbour_kind, parameters.neighbours, threads, progress),
        als=fit_factors(
            matrix,
            factors=parameters.als_factors,
            regularisation=parameters.als_regularisation,
            alpha=parameters.als_alpha,
            iterations=parameters.als_iterations,
            seed=seed,
            threads=threads,
            progress=progress,
        ),
        popularity=popularity(log, now, signals, parameters.popularity_half_life_days),
        trend=trend(log, now, signals),
        unit=unit,
        saturation=parameters.saturation,
    )
