"""Which column of a file means which field."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from app.domain.errors import ImportRejected
from app.domain.imports import FileKind

_FIELDS: dict[FileKind, str] = {
    "products": "product_id name description brand category price list_price currency cost stock available image_url "
    "url tags attributes rating rating_value rating_count created_at seasons",
    "price_history": "product_id price valid_from",
    "stock_history": "product_id stock at",
    "users": "user_id preferences consent budget interests style_tags sizes avoid segments country age_band "
    "updated_at personalization llm_processing",
    "events": "event_id type timestamp user_id anonymous_id session_id product_id quantity price transaction_id "
    "query dwell_ms value recommendation_id position",
}
_SYNONYMS: dict[FileKind, dict[str, str]] = {
    "products": {"title": "name", "unit_price": "price"},
    "price_history": {"unit_price": "price"},
    "stock_history": {},
    "users": {},
    "events": {"event": "type", "unit_price": "price", "order_id": "transaction_id"},
}
_REQUIRED: dict[FileKind, tuple[tuple[str, ...], ...]] = {  # of each group one
    "products": (("product_id",), ("name",)),
    "price_history": (("product_id",), ("price",), ("valid_from",)),
    "stock_history": (("product_id",), ("stock",), ("at",)),
    "users": (("user_id",),),
    "events": (("type",), ("timestamp",), ("user_id", "anonymous_id"), ("product_id", "query")),
}
_SILENT = {"users": {"persona"}}  # says why a made-up shopper behaves as they do; no business of the service
_WORD_START = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


@dataclass(frozen=True, slots=True)
class ColumnNames:
    """field_of: column name → field; ignored: columns that mean nothing here, in the file's order."""

    field_of: Mapping[str, str]
    ignored: tuple[str, ...]

    def values(self, row: Mapping[str, object]) -> dict[str, object]:
        """The row by field; unknown columns, nulls and empty texts are left out."""
        return {
            field: value
            for name, field in self.field_of.items()
            if (value := row.get(name)) is not None and value != ""
        }


def snake_case(name: str) -> str:
    """productId, "Product Id" and product_id are one name: product_id."""
    return _WORD_START.sub("_", name.strip()).replace("-", "_").replace(" ", "_").lower()


def column_names(file: str, kind: FileKind, columns: Iterable[str]) -> ColumnNames:
    """Finds the fields of a kind among a file's columns; a field's own name goes before a synonym.

    Raises: ImportRejected: a column without which no row can be used is missing.
    """
    given = list(columns)
    fields = set(_FIELDS[kind].split())
    field_of: dict[str, str] = {}
    for rename in ({field: field for field in fields}, _SYNONYMS[kind]):
        for column in given:
            field = rename.get(snake_case(column))
            if field is not None and column not in field_of and field not in field_of.values():
                field_of[column] = field
    for group in _REQUIRED[kind]:
        if not any(field in field_of.values() for field in group):
            synonyms = [s for s, field in _SYNONYMS[kind].items() if field in group]
            raise ImportRejected(
                f"{file} has no column {' or '.join((*group, *synonyms))}; its columns are "
                f"{', '.join(given)[:300] or 'none'}."
            )
    silent = _SILENT.get(kind, set())
    ignored = tuple(c for c in given if c not in field_of and snake_case(c) not in silent)
    return ColumnNames(field_of, ignored)
