"""Reads rules/gate.yaml; refuses the start with file, line and what to change."""

from __future__ import annotations

from pathlib import Path

from app.adapters.rule_files import parse_model, read_capped, shown_path
from app.domain.errors import RulesError
from app.pipeline.gate_schema import Gate, GateFile, build_gate, gate_problems

FILE_NAME = "gate.yaml"


def load_gate(folder: Path) -> Gate:
    """The gate of `folder`/gate.yaml.

    Raises: RulesError: the file is missing, unreadable or says something that can't be used; one problem a line, each
            beginning with `file:line:`.
    """
    path = folder / FILE_NAME
    return parse_gate(read_capped(path), shown_path(path))


def parse_gate(content: bytes, name: str) -> Gate:
    """The gate in `content`; `name` is the file as messages shall call it. Raises RulesError as `load_gate`."""
    file, _, lines = parse_model(content, name, GateFile)
    found = gate_problems(file)
    if found:
        raise RulesError("\n".join(f"{lines.at(problem.path)}: {problem.message}" for problem in found))
    return build_gate(file)
