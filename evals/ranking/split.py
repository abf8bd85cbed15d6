"""What is known, and what is to be foreseen: the protocols.

novel            before the cut is train; relevant is what a shopper bought after it for the first time, among the
                 products that existed before it; what was bought before is excluded from every ranking.
any              the same split; relevant is everything bought after the cut; nothing is excluded.
leave-last-out   of each shopper the last day with a purchase is held out and everything else is train; nothing is
                 excluded. Others' later purchases are in train, so this looks into the future of the shop: it is here
                 to compare with papers, not to predict what a shop would see.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from app.domain.catalog import BoolArray, FloatArray, IntArray
from app.domain.errors import BadInput
from app.domain.interactions import KINDS, EventKind, Signal
from app.pipeline.decay import DAY_S
from evals.ranking.shop_data import NOBODY, ShopData, existing

Protocol = Literal["novel", "any", "leave-last-out"]
Signals = Mapping[EventKind, Signal]

SHARES = (1 / 7, 0.2, 0.3, 0.4)
"""Shares of the time window tried as the test part, until it holds ENOUGH shoppers."""
MOST_DAYS = 92.0
ENOUGH = 200
FEWEST = 20
"""Below this many shoppers no interval would mean anything: the evaluation is refused."""
MOST_TESTED = 5000
SEED = 20260101


@dataclass(frozen=True, slots=True)
class Split:
    """One train part and what is to be foreseen from it. Columns are `product_ids`, rows of `train` are `user_ids`."""

    protocol: Protocol
    as_of: float  # epoch seconds: the moment of the rankings
    train_events: BoolArray  # (n_events of the data,)
    product_ids: tuple[str, ...]  # that existed at as_of
    item_of_product: IntArray  # (n_products of the data,) column, NOBODY where it did not exist
    user_ids: tuple[str, ...]  # shoppers with an interaction in train
    train: sp.csr_matrix  # (n_users, n_items) summed weight of interactions, 1 for one of the strongest kind
    tested: tuple[str, ...]  # shoppers with at least one relevant product
    rows: IntArray  # (n_tested,) their row of train, -1 for one without history
    relevant: sp.csr_matrix  # (n_tested, n_items)
    foreseen: sp.csr_matrix  # (n_tested, n_items) everything bought in the test part, owned before or not
    owned: sp.csr_matrix  # (n_tested, n_items) bought in train
    histories: sp.csr_matrix  # (n_tested, n_items) their rows of train
    interactions: IntArray  # (n_tested,) how many interactions each has in train
    relevant_kinds: tuple[str, ...]
    left_out: int  # shoppers active in the test part without a relevant product

    @property
    def excludes_owned(self) -> bool:
        """Whether what was bought is kept out of rankings."""
        return self.protocol == "novel"

    @property
    def with_history(self) -> BoolArray:
        """Tested shoppers with an interaction in train: those that the headline figures are over."""
        there: BoolArray = self.interactions > 0
        return there

    @property
    def there(self) -> BoolArray:
        """Which products of the data existed, shape (n_products,)."""
        exists: BoolArray = self.item_of_product != NOBODY
        return exists

    @property
    def buyers(self) -> FloatArray:
        """Distinct shoppers of each item in train, shape (n_items,)."""
        return np.asarray(self.train.getnnz(axis=0), dtype=np.float64)


def temporal_split(data: ShopData, signals: Signals, protocol: Protocol, cut: float, until: float = np.inf) -> Split:
    """Train before `cut`, test from there to `until` (exclusive); both epoch seconds.

    Raises: BadInput: fewer than FEWEST shoppers to test on.
    """
    train = data.timestamp < cut
    test = (data.timestamp >= cut) & (data.timestamp < until)
    return _split(data, signals, protocol, cut, train=train, test=test)


def last_out_split(data: ShopData, signals: Signals, within: BoolArray | None = None) -> Split:
    """Of each shopper the last day with a relevant interaction is test, what lies before it train.

    Args:   within: only these events exist, shape (n_events,); for a validation split inside a train part.
    Raises: BadInput: fewer than FEWEST shoppers to test on.
    """
    here = np.ones(len(data.user), dtype=np.bool_) if within is None else within
    kinds = _kinds(signals)[0]
    counted = here & np.isin(data.kind, kinds) & (data.user != NOBODY)
    if not counted.any():
        counted = here & np.isin(data.kind, _kinds(signals)[-1]) & (data.user != NOBODY)
    day = np.floor(data.timestamp / DAY_S)
    last = np.full(len(data.user_ids), -np.inf)
    np.maximum.at(last, data.user[counted], day[counted])
    named = data.user != NOBODY
    held_out = here & named & (day >= last[data.user])
    first = np.full(len(data.user_ids), np.inf)
    np.minimum.at(first, data.user[here & named], day[here & named])
    held_out &= (first < last)[data.user]  # whoever came on one day only has nothing to be foreseen from
    train = here & ~held_out
    as_of = float(data.timestamp[train].max()) + 1.0
    return _split(data, signals, "leave-last-out", as_of, train=train, test=held_out)


def _kinds(signals: Signals) -> list[NDArray[np.int64]]:
    """Kinds that count as relevant, strictest first: purchases; cart or stronger; all that speak for a product."""
    positive = {kind: s.weight for kind, s in signals.items() if s.weight > 0}
    cart = positive.get(EventKind.ADD_TO_CART, max(positive.values()))
    choices = ([EventKind.PURCHASE], [k for k, w in positive.items() if w >= cart], list(positive))
    return [np.asarray([KINDS.index(kind) for kind in kinds]) for kinds in choices]


def _split(
    data: ShopData, signals: Signals, protocol: Protocol, as_of: float, *, train: BoolArray, test: BoolArray
) -> Split:
    there = existing(data, train, as_of)
    item_of_product = np.full(len(there), NOBODY, dtype=np.int32)
    item_of_product[there] = np.arange(int(there.sum()))
    item = np.where(data.product == NOBODY, NOBODY, item_of_product[data.product])
    usable = (data.user != NOBODY) & (item != NOBODY)
    weight = np.asarray([max(0.0, signals[k].weight) if k in signals else 0.0 for k in KINDS])
    weight /= weight.max()
    speaks = train & usable & (weight[data.kind] > 0)
    shape = (len(data.user_ids), int(there.sum()))

    def pairs(chosen: BoolArray, values: FloatArray | None = None) -> sp.csr_matrix:
        data_of = np.ones(int(chosen.sum())) if values is None else values[chosen]
        matrix = sp.csr_matrix((data_of, (data.user[chosen], item[chosen])), shape=shape)
        matrix.sum_duplicates()
        return matrix.astype(np.float32)

    strength = pairs(speaks, weight[data.kind])
    best: tuple[int, NDArray[np.int64], sp.csr_matrix, sp.csr_matrix, sp.csr_matrix] | None = None
    for kinds in _kinds(signals):
        counted = np.isin(data.kind, kinds)
        owned = pairs(train & usable & counted)
        relevant = foreseen = pairs(test & usable & counted)
        if protocol == "novel":
            relevant = relevant - relevant.multiply(owned > 0)
            relevant.eliminate_zeros()
        n = int((relevant.getnnz(axis=1) > 0).sum())
        if best is None or n > best[0]:
            best = (n, kinds, relevant.tocsr(), foreseen, owned)
        if n >= ENOUGH:
            break
    if best is None or best[0] < FEWEST:
        found = 0 if best is None else best[0]
        raise BadInput(
            f"Only {found} shoppers of {data.name} have anything to be foreseen after "
            f"{dt.datetime.fromtimestamp(as_of, dt.UTC):%Y-%m-%d}; at least {FEWEST} are needed. Give an earlier --cut."
        )
    _, kinds, relevant, foreseen, owned = best
    users = np.flatnonzero(relevant.getnnz(axis=1))
    if len(users) > MOST_TESTED:
        users = np.sort(np.random.default_rng(SEED).choice(users, MOST_TESTED, replace=False))
    trained = np.flatnonzero(strength.getnnz(axis=1))
    row_of = np.full(shape[0], NOBODY, dtype=np.int32)
    row_of[trained] = np.arange(len(trained))
    active = len(np.unique(data.user[test & (data.user != NOBODY)]))
    return Split(
        protocol=protocol,
        as_of=as_of,
        train_events=train,
        product_ids=tuple(p for p, exists in zip(data.product_ids, there, strict=True) if exists),
        item_of_product=item_of_product,
        user_ids=tuple(data.user_ids[u] for u in trained.tolist()),
        train=strength[trained].tocsr(),
        tested=tuple(data.user_ids[u] for u in users.tolist()),
        rows=row_of[users],
        relevant=_ones(relevant[users]),
        foreseen=_ones(foreseen[users]),
        owned=_ones(owned[users]),
        histories=strength[users].tocsr(),
        interactions=np.bincount(data.user[speaks], minlength=shape[0])[users].astype(np.int32),
        relevant_kinds=tuple(KINDS[int(kind)].value for kind in kinds),
        left_out=active - len(np.flatnonzero(relevant.getnnz(axis=1))),
    )


def _ones(matrix: sp.csr_matrix) -> sp.csr_matrix:
    matrix = matrix.tocsr()
    matrix.data[:] = 1.0
    matrix.sort_indices()
    return matrix


@dataclass(frozen=True, slots=True)
class Cuts:
    """Where the validation slice and the test part begin, epoch seconds; the slice ends where the test part begins."""

    validation: float
    test: float


def choose_cuts(data: ShopData, signals: Signals, protocol: Protocol) -> Cuts:
    """The last seventh of the time window as test, at most 92 days, and as much before it for validation.

    Whole UTC days. Where fewer than 200 shoppers with a history would be tested, larger shares are tried (a fifth, 0.3,
    0.4). No figure of any model is looked at.
    """
    named = data.timestamp[data.user != NOBODY]
    if len(named) == 0:
        raise BadInput(f"No event of {data.name} names a user; an evaluation needs shoppers who come back.")
    first, last = float(named.min()), float(named.max())
    found: Cuts | None = None
    for share in SHARES:
        length = min(share * (last - first), MOST_DAYS * DAY_S)
        cut = np.floor((last - length) / DAY_S) * DAY_S
        found = Cuts(validation=max(first, np.floor((cut - length) / DAY_S) * DAY_S), test=float(cut))
        try:
            split = temporal_split(data, signals, protocol, found.test)
        except BadInput:
            continue
        if int(split.with_history.sum()) >= ENOUGH:
            break
    if found is None:
        raise BadInput(f"{data.name} has no time window to split.")
    return found
