"""Which product a shopper means by a name or by its place among the cards."""

from __future__ import annotations

from collections.abc import Sequence

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
    best: tuple[float, int, float, str] | None = None
    for product_id in candidates:
        own = set(_words(snapshot, product_id))
        share = len(wanted & own) / len(wanted)
        if share < _MIN_SHARE:
            continue
        together = _together(folded_words(name), _words(snapshot, product_id))
        rank = (share, together, 0.5 * (product_id in near) + len(wanted & own) / max(len(own), 1), product_id)
        if best is None or rank[:3] > best[:3]:
            best = rank
    return None if best is None else best[3]


def product_at(shown: tuple[str, ...], place: str) -> str | None:
    """The card meant by "#0" (the first) or "#-1" (the last); None where there is none."""
    try:
        return shown[int(place.removeprefix("#"))]
    except (IndexError, ValueError):
        return None


def _together(wanted: Sequence[str], own: Sequence[str]) -> int:
    """Most words of one that stand together, in their order, in the other: "Mira 40" is not "Mira Buds 40"."""
    best = 0
    for i in range(len(wanted)):
        for j in range(len(own)):
            n = 0
            while i + n < len(wanted) and j + n < len(own) and wanted[i + n] == own[j + n]:
                n += 1
            best = max(best, n)
    return best


def _words(snapshot: Snapshot, product_id: str) -> tuple[str, ...]:
    return folded_words(snapshot.names[snapshot.row_of[product_id]])
