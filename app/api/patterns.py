"""Regular expressions by which the OpenAPI document says what a text may hold: those of JSON Schema (ECMA 262).

They only describe; what is refused is decided by the validators of schemas.py and app/ingest. tests/fuzz poses what
they allow and what they rule out, and fails where document and service disagree.
"""

from __future__ import annotations

from typing import Any

from pydantic import Field

_CONTROL = r"\u0000-\u001f\u007f-\u009f\u2028\u2029"
_INVISIBLE = r"\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff"

ONE_LINE = rf"^[^{_CONTROL}]*$"
"""No control characters, no line separators."""

NOT_BLANK = rf"^[^{_CONTROL}]*[^\s{_CONTROL}][^{_CONTROL}]*$"
"""The same, and at least one character that is no white space."""

VISIBLE = rf"[^\s{_CONTROL}{_INVISIBLE}]"
"""At least one character that is left when control characters and white space are taken away."""

STORED_ID = rf"^[^\s{_CONTROL}{_INVISIBLE}]([^{_CONTROL}{_INVISIBLE}]*[^\s{_CONTROL}{_INVISIBLE}])?$"
"""An id that is stored as it is written: nothing invisible, no white space around it."""

NAMED_VALUE = rf"^[^:{_CONTROL}]*[^:\s{_CONTROL}][^:{_CONTROL}]*:[^{_CONTROL}]*[^\s{_CONTROL}][^{_CONTROL}]*$"
"""name:value, neither of them blank."""

_TAG = r'(W/)?"[!#-~]*"'
ENTITY_TAGS = rf"^(\*|{_TAG}(, ?{_TAG})*)$"
"""`*`, or tags in quotes."""

DAY_OR_TIME = (
    r"^(197[1-9]|19[89][0-9]|20[0-9][0-9])-(0[1-9]|1[0-2])-(0[1-9]|1[0-9]|2[0-8])"
    r"(T([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9](\.[0-9]{1,6})?)?(Z|[+-](0[0-9]|1[0-3]):[0-5][0-9]))?$"
)
"""Days that every month has; the last ones of a month are taken as well."""

AMOUNT = r"^0{0,5}[0-9]{1,10}(\.[0-9]{1,6})?$"
"""An amount below ten thousand million: what a currency with two decimals can be here."""


def says(pattern: str) -> Any:
    """The part of a type that describes it by this pattern, without checking anything."""
    return Field(json_schema_extra={"pattern": pattern})
