"""How much a past interaction still says: the one formula that training and serving share."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from app.domain.interactions import KINDS, EventKind, Signal

DAY_S = 86_400.0


def decayed_weights(
    kind: NDArray[np.int8],
    timestamp: NDArray[np.float64],
    now: float,
    signals: Mapping[EventKind, Signal],
    half_life_scale: float = 1.0,
) -> NDArray[np.float32]:
    """weight(kind) · 2^(-age / half-life(kind)) for each interaction; exponential forgetting as in Koren (2009).

    Args:    kind: codes into KINDS, shape (n,); timestamp: epoch seconds, shape (n,); now: epoch seconds, later
             timestamps count as age 0; signals: kinds that are absent say nothing (weight 0); half_life_scale:
             factor on every half-life, chosen by training on the validation slice.
    Returns: shape (n,), negative for kinds that speak against the item.
    """
    weight = np.zeros(len(KINDS), dtype=np.float64)
    half_life_s = np.full(len(KINDS), DAY_S, dtype=np.float64)
    for code, name in enumerate(KINDS):
        if name in signals:
            weight[code] = signals[name].weight
            half_life_s[code] = signals[name].half_life_days * DAY_S * half_life_scale
    age_s = np.maximum(0.0, now - timestamp)
    return (weight[kind] * np.exp2(-age_s / half_life_s[kind])).astype(np.float32)
