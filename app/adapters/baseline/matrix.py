"""From the interaction log to the confidence matrix: decay, negatives, caps, saturation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from app.domain.catalog import IntArray
from app.domain.interactions import EventKind, InteractionLog, Signal
from app.pipeline.decay import decayed_weights

CONFIDENCE_CAP = 5.0
"""One actor's confidence in one product counts up to this many strongest signals, however often it was repeated."""

ENOUGH_KNOWN = 30
"""Products with known shoppers under which nothing is known of how many unknown ones are usual."""

Signals = Mapping[EventKind, Signal]


def strongest(signals: Signals) -> float:
    """The largest positive weight of any kind, 1 where there is none: the unit of saturation and caps."""
    return max((s.weight for s in signals.values() if s.weight > 0), default=1.0)


def rows_between(log: InteractionLog, start: float, end: float) -> InteractionLog:
    """The interactions with start <= timestamp < end, and nothing that was known only later.

    Codes, actors and products stay as they are; arrays are views.
    """
    first, last = np.searchsorted(log.timestamp, [start, end], side="left")
    part = slice(int(first), int(last))
    return replace(
        log,
        actor=log.actor[part],
        product=log.product[part],
        kind=log.kind[part],
        timestamp=log.timestamp[part],
        quantity=log.quantity[part],
        order=log.order[part],
        value=None if log.value is None else log.value[part],
        holder=None if log.holder is None else log.holder[part],
        vouched_at=None if log.vouched_at is None else _known_by(end, log.vouched_at[part]),
    )


def _known_by(end: float, moments: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.where(moments < end, moments, np.inf)


def confidence_matrix(
    log: InteractionLog, now: float, signals: Signals, half_life_scale: float, max_products_per_actor: int
) -> sp.csr_matrix:
    """Decayed positive confidence of each actor in each product, before saturation.

    Negative signals (refund, removal, dismissal) subtract; what is not above 0 afterwards is left out. Quantities
    don't count: a bulk order says no more about taste than one piece.

    Args:    now: epoch seconds; half_life_scale: factor on every half-life; max_products_per_actor: only an actor's
             strongest products are kept (ties: lowest column), a bound on wholesalers and bots.
    Returns: shape (n_actors, n_products), float32, sorted indices, every stored value > 0. Rows without an actor
             (-1) are not in it.
    """
    shape = (log.n_actors, len(log.product_ids))
    weight = decayed_weights(log.kind, log.timestamp, now, signals, half_life_scale, log.value)
    used = (log.actor >= 0) & (weight != 0)
    matrix = sp.csr_matrix((weight[used].astype(np.float64), (log.actor[used], log.product[used])), shape=shape)
    matrix.sum_duplicates()
    matrix.data[matrix.data <= 0] = 0.0
    matrix.eliminate_zeros()
    _keep_strongest(matrix, max_products_per_actor)
    return matrix.astype(np.float32)


@dataclass(frozen=True, slots=True)
class Histories:
    """What a request would fold in for each actor at one time."""

    matrix: sp.csr_matrix  # (n_actors, n_products) confidence before saturation
    interactions: NDArray[np.int64]  # (n_actors,) interactions that speak for a product, as a profile counts them

    def of(self, actor: int) -> tuple[IntArray, NDArray[np.float32], int]:
        """Columns (h,), weights (h,) and the number of interactions of one actor."""
        line = slice(self.matrix.indptr[actor], self.matrix.indptr[actor + 1])
        return self.matrix.indices[line], self.matrix.data[line], int(self.interactions[actor])


def histories(
    log: InteractionLog, now: float, signals: Signals, half_life_scale: float, max_products_per_actor: int
) -> Histories:
    """The histories of all actors at `now`; arguments as for `confidence_matrix`."""
    matrix = confidence_matrix(log, now, signals, half_life_scale, max_products_per_actor)
    weight = decayed_weights(log.kind, log.timestamp, now, signals, half_life_scale, log.value)
    speaks = np.flatnonzero((log.actor >= 0) & (weight > 0))
    # A pair whose negatives outweigh its positives is not in the matrix, and its interactions don't count.
    n = max(matrix.shape[1], 1)
    kept = np.repeat(np.arange(matrix.shape[0], dtype=np.int64), np.diff(matrix.indptr)) * n + matrix.indices
    pair = log.actor[speaks].astype(np.int64) * n + log.product[speaks]
    at = np.searchsorted(kept, pair)
    at[at == len(kept)] = 0
    counted = speaks[kept[at] == pair] if len(kept) else speaks[:0]
    return Histories(matrix, np.bincount(log.actor[counted], minlength=log.n_actors).astype(np.int64))


def _keep_strongest(matrix: sp.csr_matrix, limit: int) -> None:
    for row in np.flatnonzero(np.diff(matrix.indptr) > limit):
        part = slice(matrix.indptr[row], matrix.indptr[row + 1])
        order = np.argsort(-matrix.data[part], kind="stable")
        matrix.data[part][order[limit:]] = 0.0
    matrix.eliminate_zeros()


def saturate(weights: NDArray[np.float32], unit: float, saturation: float) -> NDArray[np.float32]:
    """log(1 + w / (saturation · unit)): the second purchase says less than the first.

    Training and serving share it: the matrix's values and a shopper's folded-in history go through here. Measured
    on Online Retail II it beat linear and square-root weights (docs/decisions/002-baseline.md).

    Args:    weights: confidence, > 0; unit: weight of the strongest signal; saturation: in units.
    Returns: the same shape, > 0, bounded by the cap of CONFIDENCE_CAP units.
    """
    capped = np.minimum(weights, CONFIDENCE_CAP * unit)
    return np.log1p(capped / (saturation * unit)).astype(np.float32)


def robust(known: NDArray[np.float64], unknown: NDArray[np.float64]) -> NDArray[np.float64]:
    """Known shoppers of each product and, beside them, the unknown: at most as many per known one as is usual.

    Unknown shoppers may be many people or one who clicks all night. What is usual is the median over products with
    known shoppers, which an attack on a few products does not move, and each product is granted one known shopper more
    than it has; with fewer than ENOUGH_KNOWN such products all count (docs/decisions/033, 034). Arguments and result:
    shape (n_products,).
    """
    there = known > 0
    if int(there.sum()) < ENOUGH_KNOWN:
        return known + unknown
    return known + np.minimum(unknown, float(np.median(unknown[there] / known[there])) * (known + 1.0))


def trusted(matrix: sp.csr_matrix, log: InteractionLog) -> sp.csr_matrix:
    """A copy in which no shopper is louder than one, and those whom nobody vouches for are no louder than is usual.

    Visits that consent does not let be tied together are rows of their own: together they speak for a product no louder
    than one of them. What a shopper says whom nobody vouches for (`InteractionLog.unvouched`) counts at most like the
    median of what the others say, and for a product at most as much as `robust` lets it.

    Args: matrix: shape (log.n_actors, n_products), saturated.
    """
    result = matrix.copy()
    n = max(matrix.shape[1], 1)
    row = np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr))
    pair = log.holder_of_actor()[row] * n + matrix.indices
    pairs, inverse, rows = np.unique(pair, return_inverse=True, return_counts=True)
    result.data = (matrix.data / rows[inverse]).astype(matrix.dtype)
    doubtful = _unvouched_actors(log)[row]
    if log.vouched_at is None or doubtful.all():
        return result
    doubted = np.zeros(len(pairs), dtype=np.bool_)
    doubted[inverse] = doubtful
    known, unknown = (
        np.bincount(pairs[some] % n, minlength=matrix.shape[1]).astype(np.float64) for some in (~doubted, doubted)
    )
    share = (robust(known, unknown) - known) / np.maximum(unknown, 1.0)
    most = float(np.median(result.data[~doubtful]))
    quiet = np.minimum(result.data, most / rows[inverse]) * share[matrix.indices]
    result.data = np.where(doubtful, quiet, result.data).astype(matrix.dtype)
    result.eliminate_zeros()
    return result


def _unvouched_actors(log: InteractionLog) -> NDArray[np.bool_]:
    """Which actors nobody vouches for, shape (n_actors,)."""
    found = np.zeros(log.n_actors, dtype=np.bool_)
    tied = log.actor >= 0
    found[log.actor[tied]] = log.unvouched()[tied]
    return found


def saturated(matrix: sp.csr_matrix, unit: float, saturation: float) -> sp.csr_matrix:
    """A copy of the matrix with saturated values."""
    result = matrix.copy()
    result.data = saturate(matrix.data, unit, saturation)
    return result
