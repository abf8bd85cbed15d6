"""Puts what was measured into rules/gate.yaml: its comments, its priors and other models' lines stay as they are."""

from __future__ import annotations

import json
import os
import re
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from app.adapters.gate_file import FILE_NAME, parse_gate
from app.domain.errors import BadInput
from evals.rerank.measure import USABLE, Segment, Service
from evals.rerank.replies import RecordedReply

LABEL = "simulated: not a model's quality"
"""What stands over every figure that a program's replies made."""

_ITEM = re.compile(r"^(\s*)- ")


def refusal(replies: Sequence[RecordedReply], service: Service, chosen: Sequence[Segment]) -> str | None:
    """Why these figures must not become a gate, None where they may."""
    simulated = sum(reply.simulated for reply in replies)
    if simulated:
        names = ", ".join(sorted({reply.told_model for reply in replies if reply.simulated}))
        return (
            f"{simulated} of {len(replies)} replies are of the simulated provider ({names}), which is a program: its "
            "order says nothing about a model's quality. Measure a model, with --model and its provider's address."
        )
    usable = service.complete + service.partial
    if usable < USABLE:
        return (
            f"only {usable:.0%} of {service.replies} replies could be used, {USABLE:.0%} are needed: a gate would "
            "measure the provider's bad day. Look at the outcomes above and measure again."
        )
    if not chosen:
        return "no segment has enough cases; raise --limit-users or use a shop with more shoppers."
    return None


def measured(found: Sequence[Segment]) -> list[Segment]:
    """The segments whose line can be written."""
    return [segment for segment in found if segment.earned is not None and not segment.earned.why_not]


def gate_text(before: str, found: Sequence[Segment], model: str, prompt_hash: str) -> str:
    """The file with the lines of these segments for this model and prompt in place of earlier ones.

    Raises: BadInput: the file's lines don't each stand on their own line, so that none can be replaced safely.
    """
    replaced = {(segment.history, segment.intent, model, prompt_hash) for segment in found}
    kept, indent = [], "  "
    for text in before.splitlines():
        item = _ITEM.match(text)
        if item is not None:
            indent = item[1]
            if _identity(text) in replaced:
                continue
        kept.append(text)
    while kept and not kept[-1].strip():
        kept.pop()
    lines = [indent + line for line in _lines(found, model, prompt_hash)]
    return "\n".join([*kept, *lines]) + "\n"


def write_gate(folder: Path, found: Sequence[Segment], model: str, prompt_hash: str) -> Path:
    """Replaces `folder`/gate.yaml, whole or not at all. Returns its path.

    Raises: BadInput: it can't be read or written. RulesError: it, or what would become of it, is no gate.
    """
    path = folder / FILE_NAME
    try:
        before = path.read_text(encoding="utf-8")
        parse_gate(before.encode(), FILE_NAME)
        after = gate_text(before, found, model, prompt_hash)
        parse_gate(after.encode(), FILE_NAME)
        with tempfile.NamedTemporaryFile("w", encoding="utf-8", dir=folder, delete=False) as file:
            file.write(after)
        Path(file.name).chmod(path.stat().st_mode & 0o777)
        os.replace(file.name, path)  # noqa: PTH105 - one step on every system
    except OSError as error:
        raise BadInput(f"{path} can't be changed: {error.strerror}. Give a folder of your own with --rules.") from error
    return path


def _identity(text: str) -> tuple[Any, ...] | None:
    """(history, intent, model, prompt hash) of a measured line, None of any other."""
    try:
        item = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise BadInput(
            f"gate.yaml: {text.strip()!r} goes on over several lines; write each line of `lines` on one line."
        ) from error
    line = item[0] if isinstance(item, list) and item else None
    if not isinstance(line, Mapping):
        return None
    if "w" not in line:
        raise BadInput(f"gate.yaml: {text.strip()!r} goes on below; write each line of `lines` on one line.")
    if line.get("source") != "measured":
        return None
    return line.get("history"), line.get("intent"), line.get("model"), line.get("promptHash")


def _lines(found: Sequence[Segment], model: str, prompt_hash: str) -> Iterator[str]:
    for segment in found:
        earned = segment.earned
        if earned is None:
            continue
        low, high = earned.interval
        yield (
            f'- {{ history: "{segment.history}", intent: {segment.intent}, w: {earned.w}, maxLift: {earned.max_lift}, '
            f"source: measured, model: {_quoted(model)}, promptHash: {_quoted(prompt_hash)}, "
            f"n: {earned.reporting.n}, interval: [{low}, {high}] }}"
        )


def _quoted(text: str) -> str:
    """A JSON string is a YAML string, and a hash of digits alone stays text."""
    return json.dumps(text, ensure_ascii=False)
