"""What is known about a shopper for one request, within the consent given."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from operator import attrgetter

import numpy as np
from numpy.typing import NDArray

from app.domain.catalog import IntArray, Snapshot
from app.domain.interactions import (
    KINDS,
    NO_HISTORY,
    EventKind,
    History,
    Interaction,
    PastInteraction,
    Preferences,
    Shopper,
    Signal,
)
from app.pipeline.catalogue_codes import CatalogueCodes
from app.pipeline.decay import SessionWeight, decayed_weights
from app.pipeline.evidence_facts import Affinity
from app.pipeline.statements import overridden

_CODE = {kind: code for code, kind in enumerate(KINDS)}
NO_SESSION_WEIGHT = SessionWeight(boost=0.0, half_life_s=1.0)
_UNWANTED = (_CODE[EventKind.DISMISS], _CODE[EventKind.REFUND])
_WANTED = (_CODE[EventKind.PURCHASE], _CODE[EventKind.ADD_TO_CART], _CODE[EventKind.WISHLIST])
_BOUGHT, _GIVEN_BACK = _CODE[EventKind.PURCHASE], _CODE[EventKind.REFUND]
_timestamp = attrgetter("timestamp")
Past = Interaction | PastInteraction
_NO_ROWS: IntArray = np.empty(0, dtype=np.int32)
_NO_WEIGHTS: NDArray[np.float32] = np.empty(0, dtype=np.float32)


@dataclass(frozen=True, slots=True)
class Profile:
    """Decayed implicit signals and stated preferences of one shopper; rows are those of one snapshot."""

    preferences: Preferences = Preferences()
    rows: IntArray = field(default_factory=lambda: _NO_ROWS)  # products with positive weight, heaviest first
    weights: NDArray[np.float32] = field(default_factory=lambda: _NO_WEIGHTS)  # same order, positive
    strongest: Mapping[int, EventKind] = field(default_factory=dict)  # row → kind of its weightiest interaction
    interactions: int = 0  # number of interactions that speak for a product
    history: History = NO_HISTORY  # every interaction with a product of the snapshot, by row
    owned: Mapping[int, float] = field(default_factory=dict)  # row → epoch seconds of the last purchase kept
    dismissed: IntArray = field(default_factory=lambda: _NO_ROWS)
    categories: Mapping[str, Affinity] = field(default_factory=dict)
    brands: Mapping[str, Affinity] = field(default_factory=dict)
    used: bool = False  # whether anything stored about the shopper shaped this profile


def build_profile(
    shopper: Shopper,
    interactions: Sequence[Past],
    snapshot: Snapshot,
    signals: Mapping[EventKind, Signal],
    *,
    now: float,
    half_life_scale: float = 1.0,
    codes: CatalogueCodes | None = None,
    session_id: str | None = None,
    session: SessionWeight = NO_SESSION_WEIGHT,
) -> Profile:
    """The profile that consent allows; an empty one under consent `none`.

    Of several ratings of one product the newest counts. What is said in the session under way counts more, the more the
    fresher it is. What the shopper stated overrides what was done before it (see `statements`).

    Args:    interactions: only those that consent lets in (see `allowed_ids`), in any order, of one instant the later
             arrived first; ones stamped after `now` are left out, so that a fixed AS_OF never sees the future.
             signals, half_life_scale: see `decayed_weights`; the scale is the one the baseline was trained with.
             codes: of the snapshot; made where they are needed and not given. session_id: of the visit under way.
    """
    if shopper.consent.personalization == "none":
        return Profile()
    seen, rows = _seen(interactions, snapshot, now)
    preferences = shopper.preferences
    stated = preferences != Preferences(updated_at=preferences.updated_at)
    if not seen:
        return Profile(preferences=preferences, used=stated)

    kinds = np.array([_CODE[i.kind] for i in seen], dtype=np.int8)
    times = np.array([i.timestamp for i in seen], dtype=np.float64)
    values = np.array([i.value for i in seen], dtype=np.float32)  # numpy reads None as NaN
    weights = decayed_weights(kinds, times, now, signals, half_life_scale, values)
    if session_id is not None and session.boost:
        here = np.array([i.session_id == session_id for i in seen], dtype=np.bool_)
        weights = weights * session.factors(here, now - times)
    dropped, share = overridden(preferences, rows, times, snapshot=snapshot, codes=codes, now=now)
    weights = np.where(dropped, np.float32(0.0), weights * share)

    unique, inverse = np.unique(rows, return_inverse=True)
    total = np.zeros(len(unique), dtype=np.float32)
    np.add.at(total, inverse, weights)
    order = np.argsort(-total, kind="stable")
    order = order[total[order] > 0]
    speaks = (weights > 0) & (total > 0)[inverse]
    speaking, speaking_weights = rows[speaks], weights[speaks].tolist()

    strongest: dict[int, EventKind] = {}
    most: dict[int, float] = {}
    for row, code, weight in zip(speaking.tolist(), kinds[speaks].tolist(), speaking_weights, strict=True):
        if weight > most.get(row, 0.0):
            most[row] = weight
            strongest[row] = KINDS[code]
    return Profile(
        preferences=preferences,
        rows=unique[order].astype(np.int32),
        weights=total[order],
        strongest=strongest,
        interactions=len(speaking),
        history=_history(seen, rows, kinds, times, values).of(~dropped),
        owned=_owned(rows, kinds, times),
        dismissed=_dismissed(rows, kinds),
        categories=_affinities(snapshot.category[speaking], weights[speaks], snapshot.categories),
        brands=_affinities(snapshot.brand[speaking], weights[speaks], snapshot.brands),
        used=True,
    )


def allowed_ids(
    shopper: Shopper, *, anonymous_id: str | None, session_id: str | None
) -> tuple[str | None, str | None, str | None]:
    """(user_id, anonymous_id, session_id) whose interactions may be read under the shopper's consent.

    `full`: all three; `session`: this session only; `none`: nothing.
    """
    match shopper.consent.personalization:
        case "none":
            return None, None, None
        case "session":
            return None, None, session_id
        case "full":
            return shopper.user_id, anonymous_id, session_id


def _seen(interactions: Sequence[Past], snapshot: Snapshot, now: float) -> tuple[list[Past], IntArray]:
    """What happened to products of the snapshot up to now, oldest first, of one instant as it came; and their rows.

    Of several ratings of one product only the newest.
    """
    row_of = snapshot.row_of
    seen = [i for i in interactions if i.product_id in row_of and i.timestamp <= now]
    seen.reverse()
    seen.sort(key=_timestamp)
    rows = np.array([row_of[i.product_id] for i in seen if i.product_id is not None], dtype=np.int32)
    newest = {row: n for n, (i, row) in enumerate(zip(seen, rows.tolist(), strict=True)) if i.kind is EventKind.RATING}
    if newest:
        kept = [
            n
            for n, (i, row) in enumerate(zip(seen, rows.tolist(), strict=True))
            if i.kind is not EventKind.RATING or newest[row] == n
        ]
        seen, rows = [seen[n] for n in kept], rows[kept]
    return seen, rows


def _history(
    seen: Sequence[Past],
    rows: IntArray,
    kinds: NDArray[np.int8],
    times: NDArray[np.float64],
    values: NDArray[np.float32],
) -> History:
    codes: dict[str, int] = {}
    orders = [-1 if i.transaction_id is None else codes.setdefault(i.transaction_id, len(codes)) for i in seen]
    return History(rows, kinds, times, np.array(orders, dtype=np.int32), values)


def _owned(rows: IntArray, kinds: NDArray[np.int8], times: NDArray[np.float64]) -> dict[int, float]:
    """Rows bought and not given back since, with the time of the last purchase."""
    owned: dict[int, float] = {}
    for at in np.flatnonzero((kinds == _BOUGHT) | (kinds == _GIVEN_BACK)).tolist():
        if kinds[at] == _BOUGHT:
            owned[int(rows[at])] = float(times[at])
        else:
            owned.pop(int(rows[at]), None)
    return owned


def _dismissed(rows: IntArray, kinds: NDArray[np.int8]) -> IntArray:
    """Rows that the shopper dismissed or gave back, and has not bought, saved or put into the cart since."""
    dismissed: set[int] = set()
    if np.isin(kinds, _UNWANTED).any():
        for row, kind in zip(rows.tolist(), kinds.tolist(), strict=True):
            if kind in _UNWANTED:
                dismissed.add(row)
            elif kind in _WANTED:
                dismissed.discard(row)
    return np.asarray(sorted(dismissed), dtype=np.int32)


def _affinities(codes: IntArray, weights: NDArray[np.float32], names: Sequence[str]) -> dict[str, Affinity]:
    """Share and count per category or brand, largest share first."""
    known = codes >= 0
    codes = codes[known]
    weight = np.bincount(codes, weights=weights[known])
    total = float(weight.sum())
    if total <= 0:
        return {}
    count = np.bincount(codes)
    ranked = sorted(np.flatnonzero(count).tolist(), key=lambda code: (-weight[code], names[code]))
    return {names[code]: Affinity(share=float(weight[code]) / total, count=int(count[code])) for code in ranked}
