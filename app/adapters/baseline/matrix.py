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

QUIET = 0.25
"""What a shopper counts whom the shop doesn't vouch for, beside one whom it does: see docs/decisions/034 for why."""

CONFIDENCE_CAP = 5.0
"""One actor's confidence in one product counts up to this many strongest signals, however often it was repeated."""

Signals = Mapping[EventKind, Signal]


def strongest(signals: Signals) -> float:
    """The largest positive weight of any kind, 1 where there is none: the unit of saturation and caps."""
    return max((s.weight for s in signals.values() if s.weight > 0), default=1.0)


def rows_between(log: InteractionLog, start: float, end: float) -> InteractionLog:
    """The interactions with start <= timestamp < end. Codes, actors and products stay as they are; arrays are views."""
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
        vouched_at=None if log.vouched_at is None else log.vouched_at[part],
    )


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


def once_per_holder(matrix: sp.csr_matrix, log: InteractionLog) -> sp.csr_matrix:
    """A copy in which several rows of one account or browser speak for a product no louder than one of them.

    Visits that consent does not let be tied together are rows of their own; without this, an account would weigh as
    much as it makes visits. Args: matrix: shape (log.n_actors, n_products).
    """
    result = matrix.copy()
    row = np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr))
    pair = log.holder_of_actor()[row] * max(matrix.shape[1], 1) + matrix.indices
    _, inverse, rows = np.unique(pair, return_inverse=True, return_counts=True)
    result.data = (matrix.data / rows[inverse]).astype(matrix.dtype)
    return result


def trusted(matrix: sp.csr_matrix, log: InteractionLog, most: float) -> sp.csr_matrix:
    """A copy in which whom the shop doesn't vouch for (`InteractionLog.vouched`) speaks quietly, once.

    Co-occurrence, which every personal source learns from, multiplies two entries of a row: the root of QUIET in each
    is QUIET in the product. Rows with anything vouched for stay as they are.

    Args: matrix: shape (log.n_actors, n_products), saturated; most: what repeating can bring such an entry to, before.
    """
    vouched = np.ones(log.n_actors, dtype=np.bool_)
    tied = log.actor >= 0
    vouched[log.actor[tied]] = False
    vouched[log.actor[tied & log.vouched()]] = True
    result = matrix.copy()
    quiet = np.repeat(~vouched, np.diff(matrix.indptr))
    result.data[quiet] = np.minimum(result.data[quiet], most) * np.sqrt(QUIET)
    return result


def saturated(matrix: sp.csr_matrix, unit: float, saturation: float) -> sp.csr_matrix:
    """A copy of the matrix with saturated values."""
    result = matrix.copy()
    result.data = saturate(matrix.data, unit, saturation)
    return result
