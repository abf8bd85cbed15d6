"""How much the model's order counts, per segment: the shape of rules/gate.yaml and the line that holds for a request.

A segment is a history bucket and whether the shopper stated an intent (a query, a chat, an explicit budget or
occasion). Shipped weights are priors (the decision record names their source); a shop replaces them by what it has
measured, for one model and one prompt. A measurement that does not exclude a loss turns the model off.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from typing import Annotated, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, StringConstraints
from pydantic.alias_generators import to_camel

from app.domain.ranking import HISTORY_BUCKETS

History = Literal["0", "1-3", "4-10", "11+"]
Intent = Literal["none", "stated"]

INTENTS: tuple[Intent, ...] = get_args(Intent)


class GateSpec(BaseModel):
    """One line of the file."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, alias_generator=to_camel)

    history: History
    intent: Intent
    w: float = Field(ge=0, le=1)
    max_lift: int = Field(ge=0, le=24)
    source: Literal["prior", "measured"]
    model: Annotated[str, StringConstraints(min_length=1, max_length=120)] | None = None
    prompt_hash: Annotated[str, StringConstraints(min_length=8, max_length=64)] | None = None
    n: int | None = Field(default=None, ge=1)
    interval: Annotated[tuple[float, ...], Field(min_length=2, max_length=2, strict=False)] | None = None


class GateFile(BaseModel):
    """The whole file."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, alias_generator=to_camel)

    version: int = Field(ge=1, le=1)
    lines: tuple[GateSpec, ...] = Field(strict=False)


@dataclass(frozen=True, slots=True)
class GateLine:
    """The line that holds for a request. `w` 0 = the model is not asked."""

    history: str
    intent: Intent
    w: float  # 0..1, the model's share in the fusion
    max_lift: int  # most positions that an item may gain
    source: Literal["prior", "measured"]
    model: str | None = None  # measured lines only, as are the rest
    prompt_hash: str | None = None
    n: int | None = None  # cases measured
    interval: tuple[float, ...] | None = None  # (low, high), 95% of the difference in NDCG@10 to the baseline

    @property
    def name(self) -> str:
        """For `meta.gate`: "11+/none"."""
        return f"{self.history}/{self.intent}"

    @property
    def key(self) -> str:
        """For the cache key: everything that changes an order."""
        return f"{self.name}:{self.source}:w={self.w:g}:lift={self.max_lift}"


@dataclass(frozen=True, slots=True)
class Gate:
    """All lines: one prior per segment, and what was measured on top."""

    priors: Mapping[tuple[str, str], GateLine]
    measured: Mapping[tuple[str, str, str, str], GateLine] = field(default_factory=dict)  # … model, prompt hash


@dataclass(frozen=True, slots=True)
class GateProblem:
    """One thing that is wrong in the file: where (keys and indexes from the root) and what to do."""

    path: tuple[str | int, ...]
    message: str


def gate_line(gate: Gate, history_bucket: str, intent: Intent, model: str, prompt_hash: str) -> GateLine:
    """The line for a segment: what was measured with this model and prompt, else the prior.

    Raises: KeyError: no such bucket; see app.domain.ranking.history_bucket.
    """
    measured = gate.measured.get((history_bucket, intent, model, prompt_hash))
    return gate.priors[history_bucket, intent] if measured is None else measured


def build_gate(file: GateFile) -> Gate:
    """The gate of a file without problems. Raises ValueError with the first problem otherwise."""
    for problem in gate_problems(file):
        raise ValueError(f"{'.'.join(map(str, problem.path))}: {problem.message}")
    lines = [
        GateLine(s.history, s.intent, s.w, s.max_lift, s.source, s.model, s.prompt_hash, s.n, s.interval)
        for s in file.lines
    ]
    return Gate(
        priors={(line.history, line.intent): line for line in lines if line.source == "prior"},
        measured={
            (line.history, line.intent, line.model or "", line.prompt_hash or ""): line
            for line in lines
            if line.source == "measured"
        },
    )


def gate_problems(file: GateFile) -> list[GateProblem]:
    """What is wrong beyond the shape, in the order of the lines; empty for a file that can be used."""
    found: list[GateProblem] = []
    for i, spec in enumerate(file.lines):
        found += _line_problems(("lines", i), spec)
    found += _repeated(file.lines)
    there = {(spec.history, spec.intent) for spec in file.lines if spec.source == "prior"}
    for history, intent in product(HISTORY_BUCKETS, INTENTS):
        if (history, intent) not in there:
            text = f'no prior for history "{history}" and intent {intent}; add a line with `source: prior`'
            found.append(GateProblem(("lines",), text))
    return found


def _line_problems(path: tuple[str | int, ...], spec: GateSpec) -> Iterator[GateProblem]:
    evidence: dict[str, object] = {
        "model": spec.model,
        "promptHash": spec.prompt_hash,
        "n": spec.n,
        "interval": spec.interval,
    }
    if spec.source == "prior":
        for key, value in evidence.items():
            if value is not None:
                yield GateProblem((*path, key), f"a prior has no {key}; write `source: measured` or delete it")
        return
    missing = [key for key, value in evidence.items() if value is None]
    if missing:
        yield GateProblem(path, f"a measured line needs {', '.join(missing)}")
    if spec.interval is None:
        return
    low, high = spec.interval
    if not -1.0 <= low <= high <= 1.0:
        yield GateProblem((*path, "interval"), f"[{low}, {high}] is no interval of NDCG differences; low before high")
    elif low < 0 and spec.w > 0:
        text = f"[{low}, {high}] does not exclude a loss, so w must be 0, not {spec.w:g}"
        yield GateProblem((*path, "w"), text)


def _repeated(lines: Sequence[GateSpec]) -> Iterator[GateProblem]:
    seen: set[tuple[object, ...]] = set()
    for i, spec in enumerate(lines):
        key = (spec.history, spec.intent, spec.source, spec.model, spec.prompt_hash)
        if key in seen:
            yield GateProblem(("lines", i), f'a second {spec.source} line for "{spec.history}" and {spec.intent}')
        seen.add(key)
