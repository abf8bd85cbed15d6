"""The golden set: loads evals/prompts/golden/, and refuses what is wrong with file and line.

rerank.jsonl    generated scenarios (python -m evals.prompts.generate)
written.jsonl   scenarios that a person thought up, compiled from written.yaml
chat.jsonl, chat_written.yaml    conversations (chat_scenario.py)
facts.jsonl     every fact cited, under a key made from its content
manifest.json   id → version and content hash: who changes a scenario raises its version, a test insists
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from app.domain.errors import BadInput
from evals.prompts.golden_lines import FactLine, ScenarioLine, scenario_hash, scenario_of
from evals.prompts.scenario import Scenario
from evals.prompts.shop_records import shop_products

GOLDEN = Path(__file__).parent / "golden"
RERANK_FILES = ("rerank.jsonl", "written.jsonl")
FACTS_FILE = "facts.jsonl"
MANIFEST_FILE = "manifest.json"

_Row = TypeVar("_Row", bound=BaseModel)


def load_rerank(folder: Path = GOLDEN, files: Sequence[str] = RERANK_FILES) -> tuple[Scenario, ...]:
    """Every rerank scenario, in the order of the files.

    Raises: BadInput: a file is missing, or a line is wrong; the message begins with `file:line:`.
    """
    facts: dict[str, FactLine] = {}
    for number, fact in read_lines(folder / FACTS_FILE, FactLine):
        if fact.key in facts:
            raise BadInput(f"{FACTS_FILE}:{number}: the fact {fact.key} is there twice")
        facts[fact.key] = fact
    products = shop_products()
    found: dict[str, Scenario] = {}
    for name in files:
        for number, line in read_lines(folder / name, ScenarioLine):
            if line.id in found:
                raise BadInput(f"{name}:{number}: the id {line.id} is there twice")
            try:
                found[line.id] = scenario_of(line, products, facts)
            except ValueError as error:
                raise BadInput(f"{name}:{number}: {error}") from error
    return tuple(found.values())


def read_lines(path: Path, row: type[_Row]) -> Iterator[tuple[int, _Row]]:
    """(line number, checked row) of a JSON Lines file; blank lines are passed over.

    Raises: BadInput: the file can't be read, or a line is wrong; the message begins with `file:line:`.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"{path.name}:1: can't be read: {error}") from error
    for number, content in enumerate(text.split("\n"), start=1):
        if not content.strip():
            continue
        try:
            yield number, row.model_validate_json(content)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            where = ".".join(str(part) for part in first["loc"]) or "line"
            raise BadInput(f"{path.name}:{number}: {where}: {first['msg']}") from error


def write_lines(path: Path, rows: Sequence[BaseModel]) -> None:
    """Rows as JSON Lines, what stands at its default left out."""
    text = "".join(
        json.dumps(row.model_dump(mode="json", exclude_defaults=True), ensure_ascii=False, separators=(",", ":")) + "\n"
        for row in rows
    )
    path.write_text(text, encoding="utf-8", newline="\n")


def manifest_of(scenarios: Sequence[Scenario]) -> dict[str, str]:
    """Id → "version:content hash"."""
    return {scenario.id: f"{scenario.version}:{scenario_hash(scenario)}" for scenario in scenarios}


def read_manifest(folder: Path = GOLDEN) -> Mapping[str, str]:
    """What manifest.json says; {} where there is none."""
    path = folder / MANIFEST_FILE
    found: Mapping[str, str] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    return found


def unraised(before: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    """Ids whose content changed while their version did not go up."""
    wrong = []
    for name, entry in now.items():
        version, _, content = entry.partition(":")
        old_version, _, old_content = before.get(name, "").partition(":")
        if old_version and content != old_content and int(version) <= int(old_version):
            wrong.append(name)
    return wrong


def write_manifest(entries: Mapping[str, str], folder: Path = GOLDEN) -> None:
    """Writes manifest.json over, for ids of the same kind of scenario as well as others.

    Raises: BadInput: a scenario changed and its version was not raised.
    """
    before = read_manifest(folder)
    if wrong := unraised(before, entries):
        raise BadInput(
            f"{', '.join(wrong[:5])}{' and others' if len(wrong) > 5 else ''}: changed, but the version is the same. "
            "Raise it: figures over a scenario are comparable only while it stays what it was."
        )
    merged = dict(sorted({**before, **entries}.items()))
    (folder / MANIFEST_FILE).write_text(json.dumps(merged, indent=0) + "\n", encoding="utf-8", newline="\n")
