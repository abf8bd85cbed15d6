"""The learned ensemble: trees that order a shopper's candidates by all sources, item facts and history at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from app.adapters.baseline.blend import Blend, weighed
from app.adapters.baseline.facts import ItemFacts
from app.adapters.baseline.features import Taken, feature_rows, taken
from app.adapters.baseline.forest import Forest
from app.adapters.baseline.matrix import Signals, strongest
from app.adapters.baseline.pasts import folded, strong_kinds
from app.adapters.baseline.sources import Sources, best_is_one
from app.domain.catalog import IntArray
from app.domain.interactions import History
from app.domain.ranking import HISTORY_BUCKETS, history_bucket

NEW = HISTORY_BUCKETS[0]
"""The bucket of shoppers of whom nothing is known."""

DEPTH = 80
"""Best products of each personal source that become candidates, and as many that the shopper does not have yet."""

_ROOM_FOR_TAKEN = 200  # products at the top of a source that may be the shopper's own before new ones get fewer
_TAKEN_DEPTH = 80  # products of the shopper's own that become candidates
_DAYS_PER_OCCASION = 30.0  # how much more recent a product must be to come before one that was taken once more


@dataclass(frozen=True, slots=True)
class Ensemble:
    """Trees, the facts they read, and for whom they were measured not to be worse than the blend."""

    forest: Forest
    facts: ItemFacts
    buckets: frozenset[str]  # history buckets


@dataclass(frozen=True, slots=True)
class Considered:
    """One shopper's candidates as the trees see them."""

    columns: IntArray  # (k,) unique, ascending
    rows: NDArray[np.float32]  # (k, len(FEATURES))


@dataclass(frozen=True, slots=True)
class Ranker:
    """From a history to a score per product: by the ensemble where it serves such a history, else by the blend.

    `bestsellers`, shape (n_products,), go before both where nothing is known of the shopper; None = they don't.
    """

    sources: Sources
    blend: Blend
    signals: Signals
    half_life_scale: float
    ensemble: Ensemble | None
    bestsellers: NDArray[np.float32] | None = None

    @property
    def buckets(self) -> frozenset[str]:
        """History buckets that are not served by the blend."""
        learned = frozenset[str]() if self.ensemble is None else self.ensemble.buckets
        return learned if self.bestsellers is None else learned | {NEW}

    def score(self, history: History, now: float) -> NDArray[np.float32]:
        """Scores, shape (n_products,), 0..1, comparable within this call: bestsellers for new shoppers, where given.

        Bestsellers take over the order, not the scale: their counts fall so steeply that stated interests, which are
        mixed in later, would have nothing to be weighed against (docs/decisions/010).
        """
        confidence = folded(history, now, self.signals, self.half_life_scale)
        scores = self._otherwise(history, now, confidence)
        if self.bestsellers is None or history_bucket(confidence[2]) != NEW:
            return scores
        reordered = np.empty_like(scores)
        reordered[np.argsort(-self.bestsellers, kind="stable")] = np.sort(scores)[::-1]
        return reordered

    def _otherwise(
        self, history: History, now: float, confidence: tuple[IntArray, NDArray[np.float32], int]
    ) -> NDArray[np.float32]:
        """Scores, shape (n_products,), 0..1, comparable within this call.

        By the ensemble its candidates score from 0.5 to 1 and all other products below, in the order of the blend.

        Args: confidence: `folded` of the history.
        """
        columns, weights, interactions = confidence
        bucket = history_bucket(interactions)
        raw = self.sources.raw(columns, weights)
        blended = weighed(self.sources, self.blend[bucket], {name: best_is_one(s) for name, s in raw.items()})
        ensemble = self.ensemble
        if ensemble is None or bucket not in ensemble.buckets:
            return blended
        had = taken(history, now, strong_kinds(self.signals))
        considered = consider(raw, ensemble.facts, had, confidence, strongest(self.signals))
        found = ensemble.forest.scores(considered.rows)
        blended *= np.float32(0.499)  # no weight is above 1, so no blend is
        blended[considered.columns] = 0.5 + 0.5 * _stretched(found)
        return blended


def consider(
    raw: Mapping[str, NDArray[np.float32]],
    facts: ItemFacts,
    had: Taken,
    confidence: tuple[IntArray, NDArray[np.float32], int],
    unit: float,
) -> Considered:
    """The candidates of one shopper with their features; arguments as for `feature_rows`.

    What every personal source finds best with and without the shopper's own products, what is popular, and what the
    shopper took often or lately: a slate may leave the shopper's own out or not.
    """
    found: list[NDArray[np.integer]] = [facts.ready]
    n = len(facts.table)
    is_new = np.ones(n, dtype=np.bool_)
    is_new[had.columns] = False
    k = min(DEPTH + min(len(had.columns), _ROOM_FOR_TAKEN), n)
    for scores in raw.values():
        best = np.argpartition(-scores, k - 1)[:k]
        best = best[np.argsort(-scores[best], kind="stable")]
        best = best[scores[best] > 0]
        new = best[is_new[best]]
        found += [best[:DEPTH], new[:DEPTH]]
    regular = np.argsort(had.since - _DAYS_PER_OCCASION * had.times, kind="stable")[:_TAKEN_DEPTH]
    found.append(had.columns[regular])
    columns = np.unique(np.concatenate(found)).astype(np.int32)
    return Considered(columns, feature_rows(columns, raw, facts, had, confidence, unit))


def _stretched(scores: NDArray[np.float32]) -> NDArray[np.float32]:
    """Scores moved to 0..1; all 0.5 where all are equal."""
    if len(scores) == 0:
        return scores
    low, high = float(scores.min()), float(scores.max())
    if high <= low:
        return np.full(len(scores), 0.5, dtype=np.float32)
    return (scores - np.float32(low)) / np.float32(high - low)
