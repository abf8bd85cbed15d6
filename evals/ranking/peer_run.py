"""Tunes a peer on the validation slice, fits it on the whole train part, and ranks with it."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp

from app.domain.catalog import IntArray
from evals.ranking.memory import added_memory
from evals.ranking.metrics import EMPTY, K, accuracy
from evals.ranking.peers import Peer, Scorer, Scores, Setting
from evals.ranking.pipeline import DEPTH
from evals.ranking.split import Split

_BATCH = 256


@dataclass(frozen=True, slots=True)
class Tried:
    """One setting of a grid and its NDCG@10 on the validation slice."""

    setting: Setting
    ndcg: float


@dataclass(frozen=True, slots=True)
class Fitted:
    """A peer with its best setting, fitted on the whole train part."""

    peer: Peer
    setting: Setting
    tried: Sequence[Tried]
    scorer: Scorer
    fit_s: float
    fit_mib: float | None  # peak while fitting, beyond what was resident before


def fit_peer(peer: Peer, validation: Split | None, split: Split) -> Fitted:
    """The setting with the best NDCG@10 of shoppers with a history on the slice, refitted on all of train.

    Args: validation: None = the first setting of the grid, untried.
    """
    tried = []
    if validation is not None and len(peer.grid) > 1:
        known = validation.with_history
        for setting in peer.grid:
            top, _ = rank_with(peer.fit(validation.train, setting), validation, k=K)
            ndcg = accuracy(top, validation.relevant)["ndcg"][known]
            tried.append(Tried(setting, float(np.nanmean(ndcg)) if len(ndcg) else 0.0))
    setting = max(tried, key=lambda t: t.ndcg).setting if tried else peer.grid[0]
    began = time.perf_counter()
    with added_memory() as added:
        scorer = peer.fit(split.train, setting)
    return Fitted(peer, setting, tried, scorer, time.perf_counter() - began, added.mib)


def rank_with(
    scorer: Scorer,
    split: Split,
    *,
    k: int = DEPTH,
    histories: sp.csr_matrix | None = None,
    hidden: sp.csr_matrix | None = None,
    strangers_get_popular: bool = True,
) -> tuple[IntArray, float]:
    """The k best items of each tested shopper, best first, and the milliseconds that one shopper took on average.

    Args:    histories: in place of the shoppers' own; hidden: items kept out of each ranking, in place of what was
             bought where the protocol says so.
    Returns: shape (n_tested, k), EMPTY where fewer items are left; equal scores in the order of the columns. A shopper
             without a history gets what is popular, whatever the method (unless switched off): that is what anybody
             would serve.
    """
    known = split.histories if histories is None else histories
    out = hidden if hidden is not None else split.owned if split.excludes_owned else None
    buyers = split.buyers.astype(np.float32)
    parts = []
    began = time.perf_counter()
    for start in range(0, len(split.tested), _BATCH):
        chosen = slice(start, start + _BATCH)
        scores = np.array(scorer(split.rows[chosen], known[chosen]), dtype=np.float32)
        if strangers_get_popular:
            scores[known[chosen].getnnz(axis=1) == 0] = buyers
        parts.append(top_items(scores, k, None if out is None else out[chosen]))
    seconds = time.perf_counter() - began
    return np.concatenate(parts), seconds * 1000.0 / max(1, len(split.tested))


def top_items(scores: Scores, k: int, hidden: sp.csr_matrix | None) -> IntArray:
    """Columns of the k highest scores of each row, best first, shape (n, k), EMPTY where none is left.

    Args: scores: overwritten where hidden; hidden: columns to leave out, of the same shape.
    """
    if hidden is not None:
        scores[hidden.nonzero()] = -np.inf
    depth = min(k, scores.shape[1])
    top = np.argpartition(-scores, depth - 1, axis=1)[:, :depth]
    values = np.take_along_axis(scores, top, axis=1)
    order = np.lexsort((top, -values), axis=1)
    top = np.take_along_axis(top, order, axis=1)
    top[np.take_along_axis(values, order, axis=1) == -np.inf] = EMPTY
    filled = np.full((len(scores), k), EMPTY, dtype=np.int32)
    filled[:, :depth] = top
    return filled
