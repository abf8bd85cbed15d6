"""What the ensemble's trees see: one row of numbers per shopper and candidate.

The one code path of training and serving. Only what happened before `now` goes in: the history, and sources and item
facts that were fitted on a log ending there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from app.adapters.baseline.facts import FACTS, NEVER, ItemFacts
from app.adapters.baseline.parameters import PERSONAL_SOURCES
from app.adapters.baseline.pasts import occasions
from app.domain.catalog import BoolArray, IntArray
from app.domain.interactions import History
from app.pipeline.decay import DAY_S

PAIR = ("times", "since", "first", "own_share", "cycle", "confidence")
"""How the shopper stands to the product: occasions on which it was taken, days since the last and the first, share of
the shopper's occasions, days since the last in units of the usual distance, decayed confidence in strongest signals."""

SHOPPER = ("occasions", "products", "recency", "span", "interactions", "times_per_product", "mainstream")
"""The shopper alone: occasions and products taken, days since the last and between first and last, interactions that
speak for a product, occasions per product, mean `taken_90` of the products taken."""

FEATURES = (
    *(f"{name}_{form}" for name in PERSONAL_SOURCES for form in ("raw", "share")),
    *FACTS,
    *PAIR,
    *SHOPPER,
)
"""Columns of a feature matrix. `raw` is a source's score, `share` the same relative to the shopper's best product."""

_AT = {name: column for column, name in enumerate(FEATURES)}
_FACTS_AT = slice(_AT[FACTS[0]], _AT[FACTS[-1]] + 1)
_TAKEN_90 = FACTS.index("taken_90")


@dataclass(frozen=True, slots=True)
class Taken:
    """What a shopper took (strong interactions), product by product."""

    columns: IntArray  # (h,) unique, ascending
    times: NDArray[np.float64]  # (h,) occasions
    since: NDArray[np.float64]  # (h,) days since the last
    first: NDArray[np.float64]  # (h,) days since the first
    occasions: int


def taken(history: History, now: float, strong: BoolArray) -> Taken:
    """Sums a history up. strong: by kind, see `pasts.strong_kinds`."""
    chosen = strong[history.kind]
    product, timestamp = history.product[chosen], history.timestamp[chosen]
    columns, inverse = np.unique(product, return_inverse=True)
    names, occasion = np.unique(occasions(history.order[chosen], timestamp), return_inverse=True)
    last, first = np.full(len(columns), -np.inf), np.full(len(columns), np.inf)
    np.maximum.at(last, inverse, timestamp)
    np.minimum.at(first, inverse, timestamp)
    unique = np.unique(inverse * max(len(names), 1) + occasion)
    times = np.bincount(unique // max(len(names), 1), minlength=len(columns)).astype(np.float64)
    return Taken(columns.astype(np.int32), times, (now - last) / DAY_S, (now - first) / DAY_S, len(names))


def feature_rows(
    candidates: IntArray,
    raw: Mapping[str, NDArray[np.float32]],
    facts: ItemFacts,
    had: Taken,
    confidence: tuple[IntArray, NDArray[np.float32], int],
    unit: float,
) -> NDArray[np.float32]:
    """The feature matrix of one shopper's candidates, shape (len(candidates), len(FEATURES)), every value finite.

    Args:    raw: source → raw scores, shape (n_products,); confidence: see `pasts.folded`; unit: of the confidence.
    """
    rows = np.zeros((len(candidates), len(FEATURES)), dtype=np.float32)
    for name, scores in raw.items():
        found = scores[candidates]
        best = float(scores.max())
        rows[:, _AT[f"{name}_raw"]] = found
        if best > 0:
            rows[:, _AT[f"{name}_share"]] = found / best
    rows[:, _FACTS_AT] = facts.table[candidates]
    _fill_pair(rows, candidates, had)
    weighed, weights, interactions = confidence
    at, known = _positions(weighed, candidates)
    rows[known, _AT["confidence"]] = weights[at[known]] / unit
    products = len(had.columns)
    shopper = {
        "occasions": had.occasions,
        "products": products,
        "recency": had.since.min() if products else NEVER,
        "span": had.first.max() - had.since.min() if products else 0.0,
        "interactions": interactions,
        "times_per_product": had.times.sum() / products if products else 0.0,
        "mainstream": facts.table[had.columns, _TAKEN_90].mean() if products else 0.0,
    }
    for name, value in shopper.items():
        rows[:, _AT[name]] = value
    return rows


def _fill_pair(rows: NDArray[np.float32], candidates: IntArray, had: Taken) -> None:
    at, known = _positions(had.columns, candidates)
    rows[:, [_AT["since"], _AT["first"], _AT["cycle"]]] = NEVER
    at = at[known]
    times, since, first = had.times[at], had.since[at], had.first[at]
    rows[known, _AT["times"]] = times
    rows[known, _AT["since"]] = since
    rows[known, _AT["first"]] = first
    rows[known, _AT["own_share"]] = times / max(had.occasions, 1)
    distance = np.maximum((first - since) / np.maximum(times - 1.0, 1.0), 1.0)
    rows[known, _AT["cycle"]] = np.where(times > 1, since / distance, NEVER)


def _positions(ascending: IntArray, wanted: IntArray) -> tuple[NDArray[np.int64], BoolArray]:
    """Position of each wanted value in an ascending array, and whether it is there."""
    if len(ascending) == 0:
        return np.zeros(len(wanted), dtype=np.int64), np.zeros(len(wanted), dtype=np.bool_)
    at = np.searchsorted(ascending, wanted)
    at[at == len(ascending)] = 0
    return at, ascending[at] == wanted
