"""Served slates, one row each."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Any

import orjson

from app.domain.ranking import Evidence, Filters, Query, RankedItem, Slate

_INSERT = (
    "INSERT OR IGNORE INTO slates (recommendation_id, user_key, served_at, placement, query, items, meta, strategy, "
    "prompt_version, products, propensity) VALUES (?,?,?,?,?,?,?,?,?,?,?)"
)
_META = (
    "strategy",
    "fallback_reason",
    "gate",
    "model",
    "prompt_version",
    "rules_version",
    "baseline_version",
    "candidates",
    "excluded",
    "latency_ms",
    "profiling_used",
    "propensity",
)


def insert(cursor: sqlite3.Cursor, slates: Sequence[Slate], user_keys: Sequence[str | None]) -> None:
    """Writes slates; one written before is left as it is. Raises ValueError when the two differ in length."""
    items: dict[int, str] = {}  # a slate that was remembered comes many times in a batch, with the very same items
    rows = [_values(slate, user_key, items) for slate, user_key in zip(slates, user_keys, strict=True)]
    cursor.executemany(_INSERT, rows)


def read(cursor: sqlite3.Cursor, recommendation_id: str) -> Slate | None:
    """A served slate as it was, None when there is none of this id."""
    row = cursor.execute(
        "SELECT recommendation_id, query, items, served_at, meta FROM slates WHERE recommendation_id = ?",
        (recommendation_id,),
    ).fetchone()
    if row is None:
        return None
    return Slate(
        recommendation_id=row[0],
        query=_query_from(orjson.loads(row[1])),
        items=tuple(_item_from(item) for item in orjson.loads(row[2])),
        served_at=row[3],
        **orjson.loads(row[4]),
    )


def purge(cursor: sqlite3.Cursor, before: float) -> int:
    """Deletes slates served before this time; how many."""
    return cursor.execute("DELETE FROM slates WHERE served_at < ?", (before,)).rowcount


def _values(slate: Slate, user_key: str | None, items: dict[int, str]) -> tuple[Any, ...]:
    written = items.get(id(slate.items))
    if written is None:
        written = items[id(slate.items)] = _json(slate.items)
    return (
        slate.recommendation_id,
        user_key,
        slate.served_at,
        slate.query.placement,
        _json(slate.query),
        written,
        _json({name: getattr(slate, name) for name in _META}),
        slate.strategy,
        slate.prompt_version,
        "\n" + "".join(f"{item.product_id}\n" for item in slate.items),
        slate.propensity,
    )


def _json(value: Any) -> str:
    """Dataclasses, tuples, enumerations and numpy numbers as JSON text."""
    return orjson.dumps(value, default=_plain, option=orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_NON_STR_KEYS).decode()


def _plain(value: Any) -> Any:
    # Mappings that are not dicts (read-only views) and sets come as evidence values.
    if hasattr(value, "keys"):
        return dict(value)
    if isinstance(value, (set, frozenset)):
        return sorted(value)
    raise TypeError(f"{type(value).__name__} can't be stored in a slate")


def _query_from(values: dict[str, Any]) -> Query:
    filters = values.pop("filters")
    lists = ("cart", "exclude_ids")
    filter_lists = ("categories", "brands")
    filters["attributes"] = tuple((name, value) for name, value in filters.get("attributes", ()))
    return Query(
        **values | {name: tuple(values[name]) for name in lists},
        filters=Filters(**filters | {name: tuple(filters[name]) for name in filter_lists}),
    )


def _item_from(values: dict[str, Any]) -> RankedItem:
    evidence = tuple(Evidence(**fact) for fact in values.pop("evidence"))
    refused = tuple(values.pop("refused", ()))  # absent of slates of earlier versions
    return RankedItem(**values, evidence=evidence, refused=refused)
