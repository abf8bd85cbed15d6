"""What a shopper stated, against what the shopper did before stating it: the statement counts."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from app.domain.catalog import BoolArray, IntArray, Snapshot
from app.domain.interactions import Preferences
from app.pipeline.catalogue_codes import CatalogueCodes

OLDER_SHARE = 0.5
"""How much of its weight keeps what was done before interests were stated and fits none of them. A prior, not measured:
half, so that a statement outweighs the past without making somebody a stranger."""


def overridden(
    preferences: Preferences,
    rows: IntArray,
    times: NDArray[np.float64],
    *,
    snapshot: Snapshot,
    codes: CatalogueCodes | None,
    now: float,
) -> tuple[BoolArray, NDArray[np.float32]]:
    """What a statement leaves of older interactions.

    Args:    rows: products, shape (n,); times: epoch seconds, shape (n,); codes: of the snapshot, made here if None. A
             statement from after `now` (a fixed AS_OF, or one imported into a shop of the past) overrides nothing:
             what is older than it can't be told.
    Returns: which interactions say nothing any more, since their product is now avoided, shape (n,); and the share that
             the others keep, shape (n,).
    """
    none, whole = np.zeros(len(rows), dtype=np.bool_), np.ones(len(rows), dtype=np.float32)
    stated_at = preferences.updated_at
    if stated_at is None or stated_at > now or not len(rows):
        return none, whole
    older = times < stated_at
    codes = CatalogueCodes(snapshot) if codes is None else codes
    wanted = (*preferences.interests, *preferences.style_tags)
    dropped = older & _named(preferences.avoid, rows, snapshot, codes) if preferences.avoid else none
    if wanted:
        whole[older & ~_named(wanted, rows, snapshot, codes)] = OLDER_SHARE
    return dropped, whole


def _named(terms: Sequence[str], rows: IntArray, snapshot: Snapshot, codes: CatalogueCodes) -> BoolArray:
    """Which products are of a brand, in a category or carry a tag of one of these names; shape (n,)."""
    found: BoolArray = codes.named_brands(terms)[snapshot.brand[rows]]
    found = found | codes.named_categories(terms)[snapshot.category[rows]]
    for tag in {term.strip().lower() for term in terms}:
        if tag in snapshot.tag_rows:
            found = found | np.isin(rows, snapshot.tag_rows[tag])
    return found
