"""Reads rules/reasons.yaml; refuses the start with file, line and the word that was meant."""

from __future__ import annotations

from pathlib import Path

from app.adapters.rule_files import parse_model, read_capped, shown_path
from app.domain.errors import RulesError
from app.pipeline.reasons_schema import ReasonConfig, ReasonsSpec, build_config, problems

FILE_NAME = "reasons.yaml"


def load_reasons(folder: Path) -> ReasonConfig:
    """The wordings, thresholds and word lists of `folder`/reasons.yaml.

    Raises: RulesError: the file is missing, unreadable or says something that can't be used; one problem a line, each
            beginning with `file:line:`.
    """
    path = folder / FILE_NAME
    return parse_reasons(read_capped(path), shown_path(path))


def parse_reasons(content: bytes, name: str) -> ReasonConfig:
    """The config in `content`; `name` is the file as messages shall call it. Raises RulesError as `load_reasons`."""
    spec, _, file = parse_model(content, name, ReasonsSpec)
    found = problems(spec)
    if found:
        raise RulesError("\n".join(f"{file.at(problem.path)}: {problem.message}" for problem in found))
    return build_config(spec)
