"""Which product a shopper means by a name or by its place among the cards."""

from __future__ import annotations

from app.domain.catalog import Snapshot
from app.finder import Served
from app.pipeline.candidates import named
from app.pipeline.seller_text import folded_words

_LOOKED_AT = 40
_MIN_SHARE = 0.6
"""Of the words of a name that must be the product's own."""


def product_named(served: Served, name: str, near: tuple[str, ...] = ()) -> str | None:
    """The id of the product that a name means, sold-out ones included; None where no product has most of its words.

    Args: near: ids that are more probably meant, such as the cards shown; they win among equals.
    """
    snapshot = served.shelf.snapshot
    if name in snapshot.row_of:
        return name
    wanted = set(folded_words(name))
    if not wanted:
        return None
    candidates = dict.fromkeys(p for p in near if p in snapshot.row_of)
    if served.words is not None:
        candidates |= dict.fromkeys(p for p in served.words.search(name, _LOOKED_AT)[0] if p in snapshot.row_of)
    else:
        rows = named(served.shelf, name, _LOOKED_AT).rows
        candidates |= dict.fromkeys(snapshot.product_ids[row] for row in rows.tolist())
    best: tuple[float, float, str] | None = None
    for product_id in candidates:
        own = set(_words(snapshot, product_id))
        share = len(wanted & own) / len(wanted)
        if share < _MIN_SHARE:
            continue
        rank = (share + 0.01 * (product_id in near), len(wanted & own) / max(len(own), 1), product_id)
        if best is None or rank[:2] > best[:2]:
            best = rank
    return None if best is None else best[2]


def product_at(shown: tuple[str, ...], place: str) -> str | None:
    """The card meant by "#0" (the first) or "#-1" (the last); None where there is none."""
    try:
        return shown[int(place.removeprefix("#"))]
    except (IndexError, ValueError):
        return None


def _words(snapshot: Snapshot, product_id: str) -> tuple[str, ...]:
    return folded_words(snapshot.names[snapshot.row_of[product_id]])
