"""What the OpenAPI document says an operation takes, reference by reference."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

Document = Mapping[str, Any]


def operations(document: Document) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    """(path, method in upper case, operation) of everything documented."""
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield path, method.upper(), operation


def named_inputs(document: Document, operation: Mapping[str, Any]) -> set[str]:
    """Names of every parameter and of every field of the body, at any depth."""
    names = {str(parameter["name"]) for parameter in operation.get("parameters", ())}
    for content in operation.get("requestBody", {}).get("content", {}).values():
        names |= set(_fields(document, content["schema"]))
    return names


def _fields(document: Document, schema: Any) -> Iterator[str]:
    if isinstance(schema, list):
        for one in schema:
            yield from _fields(document, one)
    elif isinstance(schema, dict):
        if "$ref" in schema:
            yield from _fields(document, document["components"]["schemas"][schema["$ref"].rsplit("/", 1)[1]])
        for name, inner in schema.get("properties", {}).items():
            yield name
            yield from _fields(document, inner)
        for name in ("anyOf", "oneOf", "allOf", "items", "additionalProperties"):
            yield from _fields(document, schema.get(name))
