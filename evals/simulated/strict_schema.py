"""Whether a JSON schema is strict as OpenAI's structured outputs demand, and the smallest reply that fits one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

FORBIDDEN = frozenset(
    {
        "allOf",
        "not",
        "oneOf",
        "if",
        "then",
        "else",
        "dependentRequired",
        "dependentSchemas",
        "patternProperties",
        "unevaluatedProperties",
        "propertyNames",
        "minProperties",
        "maxProperties",
        "contains",
        "minContains",
        "maxContains",
        "uniqueItems",
        "unevaluatedItems",
        "minLength",
        "maxLength",
        "default",
    }
)
MAX_DEPTH = 10
MAX_PROPERTIES = 5000

Schema = Mapping[str, Any]


def strictness_error(schema: object) -> str | None:
    """What keeps a schema from being strict, with its place; None when it is strict.

    Demanded: an object at the root without anyOf, every object closed (additionalProperties false) with all its
    properties required, only supported keywords, at most 10 levels and 5,000 properties.
    """
    if not isinstance(schema, dict):
        return "the schema must be an object"
    if schema.get("type") != "object" or "anyOf" in schema:
        return "in context=(), the root must have the type 'object' and no 'anyOf'"
    counted = [0]
    error = _fault_of(schema, schema, (), 1, counted)
    if error is None and counted[0] > MAX_PROPERTIES:
        return f"the schema has more than {MAX_PROPERTIES} properties"
    return error


def _fault_of(root: Schema, node: object, context: tuple[str, ...], depth: int, counted: list[int]) -> str | None:
    where = f"in context={context}, "
    if not isinstance(node, dict):
        return f"{where}a schema must be an object"
    if depth > MAX_DEPTH:
        return f"{where}the schema is nested deeper than {MAX_DEPTH} levels"
    if refused := sorted(FORBIDDEN & node.keys()):
        return f"{where}'{refused[0]}' is not permitted"
    if "$ref" in node:
        return (
            None
            if _resolved(root, node["$ref"]) is not None
            else f"{where}reference {node['$ref']!r} can't be resolved"
        )
    children: list[tuple[tuple[str, ...], object]] = [
        (("$defs", name), child) for name, child in _mapping(node.get("$defs")).items()
    ]
    if "anyOf" in node:
        children += [(("anyOf", str(i)), child) for i, child in enumerate(node["anyOf"])]
    elif "type" not in node and "enum" not in node and "const" not in node:
        return f"{where}schema must have a 'type' key"
    kinds = node.get("type")
    kinds = kinds if isinstance(kinds, list) else [kinds]
    if "object" in kinds:
        properties = _mapping(node.get("properties"))
        counted[0] += len(properties)
        if node.get("additionalProperties") is not False:
            return f"{where}'additionalProperties' is required to be supplied and to be false"
        missing = sorted(set(properties) ^ set(node.get("required", [])))
        if missing:
            return f"{where}'required' must list every property and nothing else; wrong: '{missing[0]}'"
        children += [(("properties", name), child) for name, child in properties.items()]
    if "array" in kinds:
        if "items" not in node:
            return f"{where}array schema missing items"
        children.append((("items",), node["items"]))
    for step, child in children:
        error = _fault_of(root, child, (*context, *step), depth + 1, counted)
        if error is not None:
            return error
    return None


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _resolved(root: Schema, reference: object) -> Schema | None:
    """What a reference inside the document points to: "#" or "#/$defs/Name"."""
    if not isinstance(reference, str) or not reference.startswith("#"):
        return None
    node: Any = root
    for step in reference.removeprefix("#").strip("/").split("/") if reference not in {"#", "#/"} else []:
        node = node.get(step) if isinstance(node, dict) else None
    return node if isinstance(node, dict) else None


def smallest_instance(schema: Schema, root: Schema | None = None, depth: int = 0) -> Any:
    """A value that fits a schema: empty arrays where allowed, first enum value, no more than needed."""
    root = schema if root is None else root
    if depth > MAX_DEPTH * 2:
        return None
    if "$ref" in schema:
        target = _resolved(root, schema["$ref"])
        return smallest_instance(target, root, depth + 1) if target is not None else None
    if "const" in schema:
        return schema["const"]
    if schema.get("enum"):
        return schema["enum"][0]
    if schema.get("anyOf"):
        return smallest_instance(schema["anyOf"][-1], root, depth + 1)
    kind = schema.get("type")
    kind = kind[0] if isinstance(kind, list) and kind else kind
    if kind == "object":
        return {
            name: smallest_instance(child, root, depth + 1)
            for name, child in _mapping(schema.get("properties")).items()
        }
    if kind == "array":
        return [smallest_instance(schema["items"], root, depth + 1) for _ in range(int(schema.get("minItems", 0)))]
    return {"string": "simulated", "integer": schema.get("minimum", 0), "number": schema.get("minimum", 0)}.get(
        str(kind), False if kind == "boolean" else None
    )
