"""What shoppers stated and agreed to."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import orjson

from app.adapters.sql_store.product_rows import strings_from
from app.domain.imports import StatedShopper, Written
from app.domain.interactions import Consent, Preferences, Shopper

_STATED = "budget_minor, interests, style_tags, sizes, avoid, segments, country, age_band, extra"
_READ = f"SELECT {_STATED}, preferences_at, personalization, llm_processing FROM shoppers WHERE user_id = ?"  # noqa: S608
_SEEN = "SELECT EXISTS (SELECT 1 FROM events WHERE user_id = ?)"
_INTERESTS = (
    "SELECT value FROM (SELECT value FROM shoppers, json_each(interests) WHERE personalization IS NOT 'none' "
    "UNION ALL SELECT value FROM shoppers, json_each(style_tags) WHERE personalization IS NOT 'none') "
    "GROUP BY value ORDER BY count(*) DESC, value LIMIT ?"
)
_SAVE_PREFERENCES = (
    f"INSERT INTO shoppers (user_id, {_STATED}, preferences_at, created_at) VALUES (?,?,?,?,?,?,?,?,?,?,?,?) "  # noqa: S608
    "ON CONFLICT (user_id) DO UPDATE SET "
    + ", ".join(f"{c} = excluded.{c}" for c in (*_STATED.split(", "), "preferences_at"))
)
_SAVE_CONSENT = (
    "INSERT INTO shoppers (user_id, personalization, llm_processing, created_at) VALUES (?,?,?,?) "
    "ON CONFLICT (user_id) DO UPDATE SET personalization = excluded.personalization, "
    "llm_processing = excluded.llm_processing"
)
_SAVE_MISSING_CONSENT = _SAVE_CONSENT + " WHERE personalization IS NULL"


def read(cursor: sqlite3.Cursor, user_id: str, default_of: Callable[[sqlite3.Cursor, str], Consent]) -> Shopper:
    """What is held about the preferences and consent of one shopper.

    Args: default_of: the consent that holds for one who stated none.
    """
    row = cursor.execute(_READ, (user_id,)).fetchone()
    if row is None:
        seen = cursor.execute(_SEEN, (user_id,)).fetchone()[0]
        return Shopper(user_id, consent=default_of(cursor, user_id), known=bool(seen))
    preferences = Preferences(
        budget_minor=row[0],
        interests=strings_from(row[1]),
        style_tags=strings_from(row[2]),
        sizes=strings_from(row[3]),
        avoid=strings_from(row[4]),
        segments=strings_from(row[5]),
        country=row[6],
        age_band=row[7],
        extra={} if row[8] == "{}" else orjson.loads(row[8]),
        updated_at=row[9],
    )
    consent = default_of(cursor, user_id) if row[10] is None else Consent(row[10], bool(row[11]))
    return Shopper(user_id, preferences, consent, known=True)


def frequent_interests(cursor: sqlite3.Cursor, limit: int) -> list[str]:
    """The interests and styles that most shoppers state, most frequent first."""
    return [str(value) for (value,) in cursor.execute(_INTERESTS, (limit,))]


def created_at(cursor: sqlite3.Cursor, user_id: str) -> tuple[float | None, bool]:
    """When a shopper was first stored (None: never), and whether the shopper stated a consent."""
    row = cursor.execute(
        "SELECT created_at, personalization IS NOT NULL FROM shoppers WHERE user_id = ?", (user_id,)
    ).fetchone()
    return (None, False) if row is None else (row[0], bool(row[1]))


def save_preferences(cursor: sqlite3.Cursor, user_id: str, preferences: Preferences, at: float) -> None:
    """Replaces what the shopper stated; `at` stands where the preferences carry no time of their own."""
    changed_at = at if preferences.updated_at is None else preferences.updated_at
    cursor.execute(_SAVE_PREFERENCES, (user_id, *_stated_values(preferences), changed_at, at))


def save_consent(cursor: sqlite3.Cursor, user_id: str, consent: Consent, at: float) -> None:
    """Replaces what the shopper agreed to."""
    cursor.execute(_SAVE_CONSENT, (user_id, consent.personalization, int(consent.llm_processing), at))


def upsert(cursor: sqlite3.Cursor, shoppers: Sequence[StatedShopper], at: float) -> Written:
    """Stores what shoppers stated; only what differs from the stored is written. Ids must be unique."""
    ids = orjson.dumps([shopper.user_id for shopper in shoppers]).decode()
    stored = {
        row[0]: row[1:]
        for row in cursor.execute(
            f"SELECT user_id, {_STATED}, preferences_at, personalization, llm_processing "  # noqa: S608
            "FROM shoppers WHERE user_id IN (SELECT value FROM json_each(?))",
            (ids,),
        )
    }
    inserted = updated = 0
    for shopper in shoppers:
        held = stored.get(shopper.user_id)
        preferences, consent = shopper.preferences, shopper.consent
        changed = held is None
        if held is None:
            cursor.execute("INSERT INTO shoppers (user_id, created_at) VALUES (?, ?)", (shopper.user_id, at))
        if preferences is not None and (held is None or not _holds(held, preferences)):
            save_preferences(cursor, shopper.user_id, preferences, at)
            changed = True
        if consent is not None and (held is None or held[-2:] != (consent.personalization, consent.llm_processing)):
            save_consent(cursor, shopper.user_id, consent, at)
            changed = True
        inserted += held is None
        updated += changed and held is not None
    return Written(inserted, updated, len(shoppers) - inserted - updated)


def stated_since(shopper: StatedShopper, erased_at: float | None) -> bool:
    """Whether what a file states of a shopper may be stored: always, or stamped after the shopper was erased."""
    if erased_at is None:
        return True
    stamped = None if shopper.preferences is None else shopper.preferences.updated_at
    return stamped is not None and stamped > erased_at


def add_missing(cursor: sqlite3.Cursor, user_ids: Iterable[str], consent: Consent, at: float) -> int:
    """Gives this consent to those who have stated none, storing unknown ids; the number it was given to."""
    cursor.executemany(
        _SAVE_MISSING_CONSENT,
        [(user_id, consent.personalization, int(consent.llm_processing), at) for user_id in user_ids],
    )
    return max(cursor.rowcount, 0)


def _stated_values(preferences: Preferences) -> tuple[Any, ...]:
    return (
        preferences.budget_minor,
        *(
            orjson.dumps(part).decode()
            for part in (
                preferences.interests,
                preferences.style_tags,
                preferences.sizes,
                preferences.avoid,
                preferences.segments,
            )
        ),
        preferences.country,
        preferences.age_band,
        orjson.dumps(dict(preferences.extra)).decode(),
    )


def _holds(held: tuple[Any, ...], preferences: Preferences) -> bool:
    """Whether a stored row says the same; a time is compared where one is stated."""
    same_time = preferences.updated_at is None or preferences.updated_at == held[9]
    return same_time and held[9] is not None and held[:9] == _stated_values(preferences)
