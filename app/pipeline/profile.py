"""What is known about a shopper for one request, within the consent given."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from app.domain.catalog import IntArray, Snapshot
from app.domain.interactions import KINDS, NO_HISTORY, EventKind, History, Interaction, Preferences, Shopper, Signal
from app.pipeline.catalogue_codes import CatalogueCodes
from app.pipeline.decay import SessionWeight, decayed_weights
from app.pipeline.evidence_facts import Affinity
from app.pipeline.statements import overridden

_CODE = {kind: code for code, kind in enumerate(KINDS)}
NO_SESSION_WEIGHT = SessionWeight(boost=0.0, half_life_s=1.0)
_UNWANTED = frozenset({EventKind.DISMISS, EventKind.REFUND})
_WANTED = frozenset({EventKind.PURCHASE, EventKind.ADD_TO_CART, EventKind.WISHLIST})
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
    interactions: Sequence[Interaction],
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
    seen = _seen(interactions, snapshot, now)
    preferences = shopper.preferences
    stated = preferences != Preferences(updated_at=preferences.updated_at)
    if not seen:
        return Profile(preferences=preferences, used=stated)

    rows = np.array([row for _, row in seen], dtype=np.int32)
    kinds = np.array([_CODE[i.kind] for i, _ in seen], dtype=np.int8)
    times = np.array([i.timestamp for i, _ in seen], dtype=np.float64)
    values = np.array([i.value for i, _ in seen], dtype=np.float32)  # numpy reads None as NaN
    weights = decayed_weights(kinds, times, now, signals, half_life_scale, values)
    if session_id is not None and session.boost:
        here = np.array([i.session_id == session_id for i, _ in seen], dtype=np.bool_)
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
        owned=_owned(seen),
        dismissed=_dismissed(seen),
        categories=_affinities(snapshot.category[speaking], speaking_weights, snapshot.categories),
        brands=_affinities(snapshot.brand[speaking], speaking_weights, snapshot.brands),
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


def _seen(interactions: Sequence[Interaction], snapshot: Snapshot, now: float) -> list[tuple[Interaction, int]]:
    """What happened to products of the snapshot up to now, with their rows; oldest first, of one instant as it came."""
    row_of = snapshot.row_of
    seen = [
        (i, row)
        for i in interactions
        if i.product_id is not None and i.timestamp <= now and (row := row_of.get(i.product_id)) is not None
    ]
    seen.reverse()
    seen.sort(key=lambda pair: pair[0].timestamp)
    newest = {row: n for n, (i, row) in enumerate(seen) if i.kind is EventKind.RATING}
    if not newest:
        return seen
    return [pair for n, pair in enumerate(seen) if pair[0].kind is not EventKind.RATING or newest[pair[1]] == n]


def _history(
    seen: Sequence[tuple[Interaction, int]],
    rows: IntArray,
    kinds: NDArray[np.int8],
    times: NDArray[np.float64],
    values: NDArray[np.float32],
) -> History:
    codes: dict[str, int] = {}
    orders = [-1 if i.transaction_id is None else codes.setdefault(i.transaction_id, len(codes)) for i, _ in seen]
    return History(rows, kinds, times, np.array(orders, dtype=np.int32), values)


def _owned(seen: Sequence[tuple[Interaction, int]]) -> dict[int, float]:
    """Rows bought and not given back since, with the time of the last purchase."""
    owned: dict[int, float] = {}
    for interaction, row in seen:
        if interaction.kind is EventKind.PURCHASE:
            owned[row] = interaction.timestamp
        elif interaction.kind is EventKind.REFUND:
            owned.pop(row, None)
    return owned


def _dismissed(seen: Sequence[tuple[Interaction, int]]) -> IntArray:
    """Rows that the shopper dismissed or gave back, and has not bought, saved or put into the cart since."""
    dismissed: set[int] = set()
    for interaction, row in seen:
        if interaction.kind in _UNWANTED:
            dismissed.add(row)
        elif dismissed and interaction.kind in _WANTED:
            dismissed.discard(row)
    return np.asarray(sorted(dismissed), dtype=np.int32)


def _affinities(codes: IntArray, weights: Sequence[float], names: Sequence[str]) -> dict[str, Affinity]:
    """Share and count per category or brand, largest share first."""
    weight: dict[int, float] = defaultdict(float)
    count: dict[int, int] = defaultdict(int)
    for code, value in zip(codes.tolist(), weights, strict=True):
        if code >= 0:
            weight[code] += value
            count[code] += 1
    total = sum(weight.values())
    if total <= 0:
        return {}
    ranked = sorted(weight.items(), key=lambda pair: (-pair[1], names[pair[0]]))
    return {names[code]: Affinity(share=value / total, count=count[code]) for code, value in ranked}
