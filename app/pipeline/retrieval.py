"""Which lists of products are looked up for a request, beside the vector and word indexes."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from app.domain.catalog import IntArray
from app.domain.interactions import EventKind
from app.domain.ranking import Query
from app.pipeline.candidates import FloatScores, Retrieved, bought_with
from app.pipeline.profile import Profile
from app.pipeline.shelf import Shelf, top_rows

PERSONAL_DEPTH = 300
NEIGHBOURS = 100
"""Nearest products asked of the vector index; top-100 costs about 2 ms at 100,000 products."""
READY_MADE_DEPTH = 100
NEW_DEPTH = 50
RECENT_PURCHASES = 5
"""Purchases whose bought-together partners become candidates."""


def context_rows(shelf: Shelf, query: Query) -> IntArray:
    """What the shopper is looking at or about to buy: the page's product first, then the cart."""
    ids = ([query.product_id] if query.product_id is not None else []) + list(query.cart)
    return shelf.snapshot.rows(list(dict.fromkeys(ids)))


def stated_interests(profile: Profile) -> tuple[str, ...]:
    """The stated interests and styles, each a text to embed.

    One by one rather than as one text: shoppers share their words, so that nearly all are embedded once (5 ms each).
    """
    return tuple(dict.fromkeys([*profile.preferences.interests, *profile.preferences.style_tags]))


def behaviour_sources(
    shelf: Shelf,
    profile: Profile,
    *,
    personal: FloatScores,
    context: IntArray,
    around: FloatScores | None,
) -> Mapping[str, Retrieved]:
    """The candidate lists that need no index: personal, context, bought together, popular, trending, new.

    Args: personal: `personal_scores`; context: `context_rows`; around: `context_scores`.
    """
    sources = {
        "personal": _top(personal, PERSONAL_DEPTH),
        "popular": _ready(shelf.popular_rows, shelf.popularity, READY_MADE_DEPTH),
        "trending": _ready(shelf.trending_rows, shelf.trend, READY_MADE_DEPTH),
        "new": Retrieved(shelf.new_rows[:NEW_DEPTH], _falling(len(shelf.new_rows[:NEW_DEPTH]))),
    }
    if sum(len(source.rows) for source in sources.values()) < PERSONAL_DEPTH:
        # Little is known (no model, a tiny shop): any product may be a candidate, so that rules can say why not.
        sources["catalogue"] = Retrieved(shelf.catalogue_rows, _falling(len(shelf.catalogue_rows)))
    if around is not None:
        sources["context"] = _top(around, PERSONAL_DEPTH)
    bought = [row for row, kind in profile.strongest.items() if kind is EventKind.PURCHASE]
    latest = sorted(bought, key=lambda row: (-profile.owned.get(row, 0.0), row))[:RECENT_PURCHASES]
    anchors = list(dict.fromkeys([*context.tolist(), *latest]))
    if anchors:
        sources["bought_together"] = bought_with(shelf, anchors)
    return sources


def _top(scores: FloatScores, k: int) -> Retrieved:
    rows = top_rows(scores, k)
    return Retrieved(rows, scores[rows])


def _ready(rows: IntArray, scores: FloatScores, k: int) -> Retrieved:
    return Retrieved(rows[:k], scores[rows[:k]])


def _falling(n: int) -> FloatScores:
    return np.linspace(1.0, 0.0, n, endpoint=False, dtype=np.float32)
