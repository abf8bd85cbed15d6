"""How much a past interaction still says: the one formula that training and serving share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from app.domain.interactions import KINDS, EventKind, Signal

DAY_S = 86_400.0
NEUTRAL_STARS = 3.0
"""A rating of so many stars speaks neither for nor against: 4 speaks for, 5 fully, 2 against, 1 fully."""
_WITH_STARS = np.array([kind in {EventKind.RATING, EventKind.REVIEW} for kind in KINDS])


@dataclass(frozen=True, slots=True)
class SessionWeight:
    """How much more counts what is done in the visit under way: 1 + boost · 2^(-age / half-life)."""

    boost: float
    half_life_s: float

    def factors(self, here: NDArray[np.bool_], age_s: NDArray[np.float64]) -> NDArray[np.float32]:
        """The factor of each interaction, 1 outside the visit; both arguments and the result have the shape (n,)."""
        fresh = np.exp2(-np.maximum(0.0, age_s) / self.half_life_s)
        return np.where(here, 1.0 + self.boost * fresh, 1.0).astype(np.float32)


def decayed_weights(
    kind: NDArray[np.int8],
    timestamp: NDArray[np.float64],
    now: float,
    signals: Mapping[EventKind, Signal],
    half_life_scale: float = 1.0,
    value: NDArray[np.float32] | None = None,
) -> NDArray[np.float32]:
    """weight(kind) · direction(value) · 2^(-age / half-life(kind)) for each interaction.

    Exponential forgetting as in Koren (2009).

    Args:    kind: codes into KINDS, shape (n,); timestamp: epoch seconds, shape (n,); now: epoch seconds, later
             timestamps count as age 0; signals: kinds that are absent say nothing (weight 0); half_life_scale:
             factor on every half-life, chosen by training on the validation slice; value: see `undecayed_weights`.
    Returns: shape (n,), negative for what speaks against the item.
    """
    half_life_s = np.full(len(KINDS), DAY_S, dtype=np.float64)
    for code, name in enumerate(KINDS):
        if name in signals:
            half_life_s[code] = signals[name].half_life_days * DAY_S * half_life_scale
    age_s = np.maximum(0.0, now - timestamp)
    return (undecayed_weights(kind, value, signals) * np.exp2(-age_s / half_life_s[kind])).astype(np.float32)


def undecayed_weights(
    kind: NDArray[np.int8], value: NDArray[np.float32] | None, signals: Mapping[EventKind, Signal]
) -> NDArray[np.float64]:
    """What each interaction says at the moment it happens, shape (n,).

    Args: value: stars of ratings and reviews, NaN where not stated, shape (n,); None: nowhere stated. Stars turn their
          kind's weight: 5 is all of it, 3 nothing, 1 all of it against. Without stars they count as they are listed.
    """
    weight = np.array([signals[kind].weight if kind in signals else 0.0 for kind in KINDS], dtype=np.float64)[kind]
    if value is None:
        return weight
    starred = _WITH_STARS[kind] & ~np.isnan(value)
    weight[starred] *= np.clip((value[starred].astype(np.float64) - NEUTRAL_STARS) / 2.0, -1.0, 1.0)
    return weight
