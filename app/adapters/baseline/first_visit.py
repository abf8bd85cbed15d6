"""What shoppers without a history see: the trees or the blend, or plain bestsellers where those did better.

Neither trees nor blend are learned on many such shoppers, and the blend's popularity forgets at a rate that was chosen
for everybody. So bestsellers, the plainest order there is, stand by, and new shoppers of the validation slice decide.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from app.adapters.baseline.ensemble import Ranker
from app.adapters.baseline.manifest import FirstVisit
from app.adapters.baseline.matrix import Signals
from app.adapters.baseline.ndcg import interval
from app.adapters.baseline.pasts import Pasts, folded
from app.adapters.baseline.popularity import bestsellers
from app.adapters.baseline.validation import Slice, ndcg_of_ranker
from app.domain.interactions import History
from app.ports import Progress

FEWEST = 50
"""New shoppers under which nothing is decided: the order stays what it would be without this."""


def first_visit(part: Slice, ranker: Ranker, signals: Signals, *, seed: int, progress: Progress) -> FirstVisit:
    """Whether new shoppers get bestsellers: where these have the higher mean NDCG@10 (novel) over them on the slice.

    Args: ranker: what would serve otherwise, fitted on what came before the slice.
    """
    pasts = Pasts(part.before)
    known = [
        folded(pasts.of(actor), part.start, signals, ranker.half_life_scale)[2] > 0 for actor in part.actors.tolist()
    ]
    new = np.flatnonzero(~np.asarray(known, dtype=np.bool_))
    if len(new) < FEWEST:
        return FirstVisit(actors=len(new))
    few = replace(
        part, actors=part.actors[new], novel=part.novel[new], anything=part.anything[new], owned=part.owned[new]
    )
    plain = bestsellers(part.before, signals)

    def of_bestsellers(_history: History, _now: float) -> NDArray[np.float32]:
        return plain

    otherwise = ndcg_of_ranker(ranker.score, few, "first visit", progress)
    simple = ndcg_of_ranker(of_bestsellers, few, "first visit: bestsellers", progress)
    gain = (simple - otherwise)[~np.isnan(otherwise)]
    if len(gain) < FEWEST:
        return FirstVisit(actors=len(gain))
    return FirstVisit(
        bestsellers=bool(gain.mean() > 0.0),
        actors=len(gain),
        ndcg_bestsellers=float(np.nanmean(simple)),
        ndcg_otherwise=float(np.nanmean(otherwise)),
        interval=interval(gain, seed),
    )
