"""Types of single values that cross from a shop's files into the service: checked, cleaned, in our units."""

from __future__ import annotations

import math
import re
import unicodedata
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import lru_cache
from typing import Annotated, Any

import orjson
from pydantic import BeforeValidator, Field, ValidationInfo, WithJsonSchema

from app.domain.errors import BadInput
from app.domain.money import parse_minor

MAX_ID = 200
_EARLIEST, _LATEST = 0.0, 4_102_444_800.0  # 1970 and 2100
_MILLISECONDS_FROM = 1e11  # as seconds that would be the year 5138
# Control and format characters, line separators, lone surrogates: two ids that look alike must be alike.
_NOT_IN_IDS = re.compile("[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ud800-\udfff]")
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class RowContext:
    """What the rows of one import share; `seen` counts what is worth a note."""

    currency: str
    seen: Counter[str] = field(default_factory=Counter)


def context_of(info: ValidationInfo) -> RowContext:
    """The context that validation was called with."""
    context = info.context
    if not isinstance(context, RowContext):
        raise TypeError("validate rows with context=RowContext(...)")
    return context


def identifier(value: object) -> str:
    """An id as text, without white space around it.

    Raises: ValueError: a fraction (a file that lost leading zeros), empty, too long or with control characters.
    """
    # First the usual case: an import asks this some times per row.
    if type(value) is str and value.isalnum() and value.isascii() and len(value) <= MAX_ID:
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str):
        raise ValueError(f"{_short(value)} is not an id; write it as text")  # noqa: TRY004
    text = value.strip()
    if not text:
        raise ValueError("is empty")
    if len(text) > MAX_ID:
        raise ValueError(f"{_short(text)} is longer than {MAX_ID} characters")
    if not text.isprintable() and _NOT_IN_IDS.search(text):
        raise ValueError(f"{_short(text)} contains control characters")
    return text


def clean_text(value: object) -> str:
    """Text in NFC without control characters (line breaks and tabs stay), lone surrogates and white space around it."""
    if isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value):
        value = number_text(value)
    if not isinstance(value, str):
        raise ValueError(f"{_short(value)} is not text")  # noqa: TRY004
    if value.isascii() and value.isprintable():
        return value.strip()
    return unicodedata.normalize("NFC", _CONTROL.sub("", value)).strip()


def number_text(value: float) -> str:
    """A number as a person writes it: 32000.0 → "32000"."""
    return str(int(value)) if float(value).is_integer() else repr(value)


def moment(value: object) -> float:
    """Epoch seconds of an ISO text, a number of seconds or milliseconds, or a datetime; UTC where no zone is given."""
    if type(value) is float and _EARLIEST <= value <= _LATEST:  # as Parquet's come
        return value
    if isinstance(value, str):
        value = _moment_from_text(value.strip())
    elif isinstance(value, datetime):
        value = (value if value.tzinfo else value.replace(tzinfo=UTC)).timestamp()
    elif isinstance(value, date):
        value = datetime(value.year, value.month, value.day, tzinfo=UTC).timestamp()
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        raise ValueError(f"{_short(value)} is not a time; write 2026-09-30T20:00:00Z")
    seconds = value / 1000.0 if value >= _MILLISECONDS_FROM else float(value)
    if not _EARLIEST <= seconds <= _LATEST:
        raise ValueError(f"{_short(value)} is not a time between 1970 and 2100")
    return seconds


def _moment_from_text(text: str) -> float:
    try:
        parsed = datetime.fromisoformat(text)
    except ValueError:
        # 8 digits are a date to fromisoformat, more are none: epoch seconds or milliseconds as text.
        try:
            return float(text)
        except ValueError as error:
            raise ValueError(f"{_short(text)} is not a time; write 2026-09-30T20:00:00Z") from error
    return (parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)).timestamp()


@lru_cache(maxsize=65_536, typed=True)
def _minor(value: str | int | float | Decimal, currency: str) -> int:
    try:
        return parse_minor(value, currency)
    except BadInput as error:
        raise ValueError(str(error)) from error


def _money(value: object, info: ValidationInfo) -> int:
    if not isinstance(value, (str, int, float, Decimal)):
        raise ValueError(f"{_short(value)} is not an amount of money; write 129.90")  # noqa: TRY004
    return _minor(value, context_of(info).currency)


def _number(value: object) -> object:
    if isinstance(value, bool):
        raise ValueError(f"{value} is not a number")  # noqa: TRY004
    return value


def _texts(value: object) -> object:
    """A list from a list, a JSON list or a|b, each text cleaned, empty and repeated ones left out."""
    if isinstance(value, str):
        value = json_value(value, list) if value.lstrip().startswith("[") else value.split("|")
    if not isinstance(value, (list, tuple)):
        raise ValueError(f'{_short(value)} is not a list; write ["a", "b"] or a|b')  # noqa: TRY004
    cleaned = (clean_text(item) for item in value if item is not None)
    return tuple(dict.fromkeys(text for text in cleaned if text))


def json_value(text: str, kind: type[Any]) -> Any:
    """The value of a JSON text of the given kind (list or dict). Raises ValueError."""
    try:
        value = orjson.loads(text)
    except (orjson.JSONDecodeError, UnicodeEncodeError) as error:
        raise ValueError(f"{_short(text)} is not JSON") from error
    if not isinstance(value, kind):
        raise ValueError(f"{_short(text)} is not a JSON {'object' if kind is dict else 'list'}")  # noqa: TRY004
    return value


def json_object(value: object) -> object:
    """An object, or what the JSON text of one says."""
    return json_value(value, dict) if isinstance(value, str) else value


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "…"


Identifier = Annotated[str, BeforeValidator(identifier)]
Moment = Annotated[float, BeforeValidator(moment), WithJsonSchema({"type": "string", "format": "date-time"})]
Money = Annotated[
    int, BeforeValidator(_money), WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "number", "minimum": 0}]})
]
# Constraints stand before the cleaning: then they are checked by pydantic's core, with its messages, and fast.
Count = Annotated[int, Field(ge=0, le=1_000_000_000), BeforeValidator(_number)]
Amount = Annotated[float, Field(ge=0, le=1e9, allow_inf_nan=False), BeforeValidator(_number)]
Number = Annotated[float, Field(ge=-1e12, le=1e12, allow_inf_nan=False), BeforeValidator(_number)]
Stars = Annotated[float, Field(ge=0, le=5, allow_inf_nan=False), BeforeValidator(_number)]
Texts = Annotated[tuple[Annotated[str, Field(max_length=200)], ...], Field(max_length=200), BeforeValidator(_texts)]
