"""What OpenAI's strict mode demands of a schema, and the smallest value that fits one."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import BaseModel, ConfigDict

from evals.simulated.strict_schema import smallest_instance, strictness_error
from tests.support.rerank_prompts import STRICT_SCHEMA


def with_property(schema: object) -> dict[str, Any]:
    return {"type": "object", "additionalProperties": False, "required": ["x"], "properties": {"x": schema}}


class Inner(BaseModel):
    model_config = ConfigDict(extra="forbid")
    id: str


class Outer(BaseModel):
    model_config = ConfigDict(extra="forbid")
    items: list[Inner]
    note: str | None


def test_strict_schemas_pass() -> None:
    """The rerank schema, one that pydantic makes with references, and one that refers to itself."""
    assert strictness_error(STRICT_SCHEMA) is None
    assert strictness_error(Outer.model_json_schema()) is None
    assert strictness_error(with_property({"anyOf": [{"$ref": "#"}, {"type": "null"}]})) is None
    assert strictness_error(with_property({"enum": ["a", "b"]})) is None


@pytest.mark.parametrize(
    ("schema", "said"),
    [
        (None, "object"),
        ({"type": "array", "items": {"type": "string"}}, "root"),
        ({"type": "object"}, "additionalProperties"),
        (
            {"type": "object", "additionalProperties": False, "required": [], "properties": {"x": {"type": "string"}}},
            "'x'",
        ),
        (with_property({}), "'type' key"),
        (with_property({"type": "array"}), "items"),
        (with_property({"type": "string", "maxLength": 3}), "'maxLength'"),
        (with_property({"type": "string", "default": "a"}), "'default'"),
        (with_property({"type": "object", "properties": {}}), "('properties', 'x')"),
        (with_property({"type": "array", "items": {"type": "object"}}), "('properties', 'x', 'items')"),
        (with_property({"anyOf": [{"type": "string"}, {"type": "object"}]}), "'anyOf', '1'"),
        (with_property({"$ref": "#/$defs/Absent"}), "Absent"),
        (with_property({"type": ["object", "null"], "properties": {}}), "additionalProperties"),
    ],
)
def test_a_schema_that_is_not_strict_is_named(schema: object, said: str) -> None:
    """The message holds the place or the keyword."""
    error = strictness_error(schema)
    assert error is not None
    assert said in error


def test_depth_and_size_are_limited() -> None:
    """Eleven levels or 5,001 properties are too many."""
    deep: dict[str, Any] = {"type": "string"}
    for _ in range(10):
        deep = with_property(deep)
    assert "nested" in str(strictness_error(deep))
    names = [f"p{i}" for i in range(5001)]
    wide = {"type": "object", "additionalProperties": False, "required": names}
    assert "5000" in str(strictness_error(wide | {"properties": {name: {"type": "string"} for name in names}}))


def test_the_smallest_value_fits_its_schema() -> None:
    """Empty arrays, first of an enum, null where it may be."""
    assert smallest_instance(STRICT_SCHEMA) == {"order": [], "why": []}
    assert Outer.model_validate(smallest_instance(Outer.model_json_schema())) == Outer(items=[], note=None)
    kinds = {"a": {"type": "integer", "minimum": 2}, "b": {"type": "boolean"}, "c": {"enum": ["x"]}, "d": {"const": 4}}
    whole = {
        "type": "object",
        "properties": kinds | {"e": {"type": "array", "minItems": 2, "items": {"type": "number"}}},
    }
    assert smallest_instance(whole) == {"a": 2, "b": False, "c": "x", "d": 4, "e": [0, 0]}
