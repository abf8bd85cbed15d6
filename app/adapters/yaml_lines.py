"""YAML with the line of every key, from files that people write by hand.

The document is composed, not loaded, so that lines are kept. Left out of YAML on purpose: anchors and aliases (they
can make a small file enormous), tags of objects, duplicate keys, keys that are not text, and deep nesting.
"""

from __future__ import annotations

from typing import Any

import yaml

from app.domain.errors import RulesError
from app.pipeline.rules_schema import Location

MAX_DEPTH = 12


class _Composer(yaml.SafeLoader):
    """Nodes without aliases, and not deeper than any rule is. The parser is lazy: a bomb is refused as it is met."""

    depth = 0

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        event = self.peek_event()  # type: ignore[no-untyped-call]
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None) is not None:
            raise yaml.MarkedYAMLError(
                problem="anchors and aliases (& and *) are not read here", problem_mark=event.start_mark
            )
        if self.depth >= MAX_DEPTH:
            raise yaml.MarkedYAMLError(problem="nested too deeply", problem_mark=event.start_mark)
        self.depth += 1
        try:
            return super().compose_node(parent, index)
        finally:
            self.depth -= 1


def load_with_lines(content: bytes, name: str) -> tuple[Any, dict[Location, int]]:
    """One YAML document, and the 1-based line of each key and list element.

    Args:    name: the file as messages shall call it.
    Returns: mappings as dicts, sequences as tuples, scalars as PyYAML's safe loader reads them, {} for an empty file;
             lines by location, ("eligibility", 1, "min").
    Raises:  RulesError: not UTF-8, not YAML, or YAML that is not read here.
    """
    lines: dict[Location, int] = {(): 1}
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise RulesError(f"{name}:{line}: not UTF-8 text; save the file as UTF-8") from error
    try:
        loader = _Composer(text)
        node = loader.get_single_node()
        return ({} if node is None else _value(loader, node, (), lines)), lines
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = 1 if mark is None else mark.line + 1
        raise RulesError(f"{name}:{line}: {error.problem or error.context}") from error
    except yaml.reader.ReaderError as error:
        line = text[: error.position].count("\n") + 1
        raise RulesError(f"{name}:{line}: a control character; delete it") from error


def _value(loader: _Composer, node: yaml.Node, at: Location, lines: dict[Location, int]) -> Any:
    if isinstance(node, yaml.MappingNode):
        result: dict[str, Any] = {}
        for key_node, value_node in node.value:
            key = key_node.value
            if key_node.tag != "tag:yaml.org,2002:str":
                raise yaml.MarkedYAMLError(problem=f"the key {key!r} is not text", problem_mark=key_node.start_mark)
            if key in result:
                problem = f'the key "{key}" is there twice; first in line {lines[(*at, key)]}'
                raise yaml.MarkedYAMLError(problem=problem, problem_mark=key_node.start_mark)
            lines[(*at, key)] = key_node.start_mark.line + 1
            result[key] = _value(loader, value_node, (*at, key), lines)
        return result
    if isinstance(node, yaml.SequenceNode):
        for i, element in enumerate(node.value):
            lines[(*at, i)] = element.start_mark.line + 1
        return tuple(_value(loader, element, (*at, i), lines) for i, element in enumerate(node.value))
    try:
        return loader.construct_object(node)
    except ValueError as error:  # a date such as 2026-02-30, or a number of thousands of digits
        problem = f"{str(node.value)[:40]!r} can't be read: {error}"
        raise yaml.MarkedYAMLError(problem=problem, problem_mark=node.start_mark) from error
