"""The events of the last weeks, column-wise, for what trends."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping

import numpy as np

from app.domain.interactions import EventKind, Personalization
from app.pipeline.trending import NOBODY, RecentEvents

# An actor is what consent lets be tied together, as in InteractionLog; country and age band are stated preferences,
# which consent `none` closes.
_READ = """
SELECT e.row, e.product_id, e.kind, e.timestamp,
    CASE
        WHEN e.user_id IS NULL OR coalesce(s.personalization, :default) = 'session'
            THEN coalesce('s' || e.session_id, 'a' || e.anonymous_id)
        WHEN coalesce(s.personalization, :default) = 'full' THEN 'u' || e.user_id
    END,
    CASE WHEN coalesce(s.personalization, :default) <> 'none' THEN s.country END,
    CASE WHEN coalesce(s.personalization, :default) <> 'none' THEN s.age_band END
FROM events e LEFT JOIN shoppers s ON s.user_id = e.user_id
WHERE {where} AND e.product_id IS NOT NULL
ORDER BY e.row
"""
_SINCE = _READ.format(where="e.timestamp >= :since")
_AFTER = _READ.format(where="e.row > :after AND e.timestamp >= :since")


def newest_row(cursor: sqlite3.Cursor) -> int:
    """Number of the newest event, 0 without any."""
    found: int | None = cursor.execute("SELECT max(row) FROM events").fetchone()[0]
    return 0 if found is None else found


def read(
    cursor: sqlite3.Cursor,
    *,
    after: int,
    since: float,
    default: Personalization,
    row_of: Mapping[str, int],
    strength: Mapping[EventKind, float],
    code_of: Callable[[str], int],
) -> RecentEvents:
    """Events newer than row `after` and than the time `since` whose kind and product say something.

    Args:    row_of: snapshot rows; strength: kind → 0..1, kinds that are left out say nothing;
             code_of: a country or age band → its code.
    Returns: actors as numbers that hold for this process only: no id is kept.
    """
    worth = {kind.value: value for kind, value in strength.items() if value > 0}
    statement = _AFTER if after > 0 else _SINCE
    actors, rows, times, strengths, countries, bands = [], [], [], [], [], []
    for _, product, kind, at, actor, country, band in cursor.execute(
        statement, {"after": after, "since": since, "default": default}
    ):
        row = row_of.get(product)
        value = worth.get(kind)
        if row is None or value is None:
            continue
        actors.append(NOBODY if actor is None else hash(actor) or 1)
        rows.append(row)
        times.append(at)
        strengths.append(value)
        countries.append(-1 if country is None else code_of(country))
        bands.append(-1 if band is None else code_of(band))
    return RecentEvents(
        actor=np.asarray(actors, dtype=np.int64),
        row=np.asarray(rows, dtype=np.int32),
        at=np.asarray(times, dtype=np.float64),
        strength=np.asarray(strengths, dtype=np.float32),
        country=np.asarray(countries, dtype=np.int32),
        age_band=np.asarray(bands, dtype=np.int32),
    )
