"""Whether a newly trained model is worse than the current one: an honest comparison, then a verdict."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from app.adapters.baseline.blend import Blend
from app.adapters.baseline.ensemble import Ensemble, Ranker
from app.adapters.baseline.facts import fit_facts
from app.adapters.baseline.manifest import DataWindow
from app.adapters.baseline.matrix import Signals
from app.adapters.baseline.model import BlendedBaseline
from app.adapters.baseline.ndcg import interval
from app.adapters.baseline.parameters import Parameters
from app.adapters.baseline.popularity import bestsellers
from app.adapters.baseline.sources import Sources, fit_sources
from app.adapters.baseline.validation import Slice, make_slice, ndcg_of_ranker
from app.domain.catalog import FloatArray
from app.domain.interactions import History, InteractionLog
from app.ports import Progress

ENOUGH_UNSEEN_ACTORS = 100
SMALL_SLICE = 200
"""Under this many actors the interval is too wide to find a real loss, so a relative drop counts as well."""
RELATIVE_DROP = 0.05
SHRUNK = 0.5


@dataclass(frozen=True, slots=True)
class Candidate:
    """The new model as far as it has been validated: fitted on what came before the slice."""

    parameters: Parameters
    blend: Blend
    sources: Sources
    ensemble: Ensemble | None = None
    bestsellers: bool = False  # whether new shoppers get them


@dataclass(frozen=True, slots=True)
class Comparison:
    """Mean NDCG@10 (novel) of both models on the same actors.

    method: as_served = the current artefact itself, which ends before the slice; unseen = the artefact itself on what
    came after its data, against the new parameters fitted up to there; refitted = the current model's parameters and
    blend, fitted on the same data as the new ones, both without an ensemble.
    """

    method: Literal["as_served", "unseen", "refitted"]
    actors: int
    new: float
    current: float
    interval: tuple[float, float]  # 95% bootstrap of the mean paired difference new - current

    @property
    def worse(self) -> bool:
        """The interval excludes "no loss", or on a small slice the mean fell by more than 5%."""
        if self.actors == 0:
            return False
        fell = self.actors < SMALL_SLICE and self.new < (1.0 - RELATIVE_DROP) * self.current
        return self.interval[1] < 0.0 or fell


def compare(
    log: InteractionLog,
    part: Slice,
    candidate: Candidate,
    current: BlendedBaseline,
    signals: Signals,
    *,
    seed: int,
    progress: Progress,
) -> Comparison:
    """Both models on data that neither has seen, by the first method of `Comparison` that is possible."""
    seen_until = current.manifest.window.last
    if seen_until is None or seen_until < part.start:
        new = _score(candidate, part, signals, progress)
        return _paired("as_served", new, _score_served(current, log, part, progress), seed)
    unseen = make_slice(log, float(np.nextafter(seen_until, np.inf)), part.end, signals, seed)
    if unseen.n_novel >= ENOUGH_UNSEEN_ACTORS:
        refitted = Candidate(
            candidate.parameters,
            candidate.blend,
            fit_sources(unseen.before, unseen.start, signals, candidate.parameters, seed=seed, progress=progress),
            _refreshed(candidate.ensemble, unseen, signals),
            candidate.bestsellers,
        )
        new = _score(refitted, unseen, signals, progress)
        return _paired("unseen", new, _score_served(current, log, unseen, progress), seed)
    parameters = current.manifest.parameters
    sources = candidate.sources
    if parameters != candidate.parameters:
        sources = fit_sources(part.before, part.start, signals, parameters, seed=seed, progress=progress)
    # The current trees have learned from this slice, so both are compared without: trees are learned anew every time.
    new = _score(replace(candidate, ensemble=None, bestsellers=False), part, signals, progress)
    old = _score(Candidate(parameters, current.blend, sources), part, signals, progress)
    return _paired("refitted", new, old, seed)


def shrunk(new: DataWindow, current: DataWindow) -> str | None:
    """What shrank to under half of what the current model was made from, in words; None when nothing did."""
    for name, now, before in (
        ("interactions", new.events, current.events),
        ("products with interactions", new.products, current.products),
    ):
        if now < SHRUNK * before:
            return f"there are {now:,} {name}, the current model was made from {before:,}"
    return None


def _score(candidate: Candidate, part: Slice, signals: Signals, progress: Progress) -> FloatArray:
    scale = candidate.parameters.half_life_scale
    plain = bestsellers(part.before, signals) if candidate.bestsellers else None
    ranker = Ranker(candidate.sources, candidate.blend, signals, scale, candidate.ensemble, plain)
    return ndcg_of_ranker(ranker.score, part, "compare: new", progress)


def _refreshed(ensemble: Ensemble | None, part: Slice, signals: Signals) -> Ensemble | None:
    """The same trees with the facts at a slice's start."""
    return None if ensemble is None else replace(ensemble, facts=fit_facts(part.before, part.start, signals))


def _score_served(current: BlendedBaseline, log: InteractionLog, part: Slice, progress: Progress) -> FloatArray:
    return ndcg_of_ranker(_as_served(current, log.product_ids), part, "compare: current", progress)


def _as_served(model: BlendedBaseline, product_ids: tuple[str, ...]) -> Callable[[History, float], NDArray[np.float32]]:
    """The model behind the columns of another log; products that it does not know score 0."""
    column_of = model.columns_of(product_ids)
    known = column_of >= 0

    def score(history: History, now: float) -> NDArray[np.float32]:
        usable = known[history.product]
        kept = history.of(usable)
        own = replace(kept, product=column_of[kept.product])
        result = np.zeros(len(product_ids), dtype=np.float32)
        result[known] = model.ranked(own, now)[column_of[known]]
        return result

    return score


def _paired(
    method: Literal["as_served", "unseen", "refitted"], new: FloatArray, current: FloatArray, seed: int
) -> Comparison:
    scored = ~(np.isnan(new) | np.isnan(current))
    if not scored.any():
        return Comparison(method, 0, float("nan"), float("nan"), (float("nan"), float("nan")))
    new, current = new[scored], current[scored]
    return Comparison(
        method, int(scored.sum()), float(new.mean()), float(current.mean()), interval(new - current, seed)
    )
