"""What a run of scenarios measured, in the shape in which it is written down."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from evals.load.generator import Driven
from evals.load.latency import Figures, Measure, Spread, percentile
from evals.load.scenarios import SCENARIOS, Name
from evals.load.verdict import Worth

LABEL = "Model provider: SIMULATED, a program (docs/simulated.md). Times and counts; nothing here is a model's quality."

BEHIND_MS = 10.0
"""p99 of the generator's lag from which on slow answers may be its own."""


@dataclass(frozen=True, slots=True)
class Leg:
    """A stretch of a scenario whose figures stand by themselves."""

    name: str
    rate: float  # slates a second that were planned
    figures: Figures


@dataclass(frozen=True, slots=True)
class Generator:
    """How the generator itself did."""

    requests: int
    lag_p50_ms: Measure
    lag_p99_ms: Measure
    lag_most_ms: Measure
    cpu_share: Measure  # of one core
    connections: int
    most_open: int

    @property
    def behind(self) -> bool:
        """Whether it fell behind its own plan."""
        return self.lag_p99_ms > BEHIND_MS


@dataclass(frozen=True, slots=True)
class Result:
    """One scenario."""

    name: Name
    says: str
    provider: str
    workers: int | None  # None: a service that ran already
    legs: Sequence[Leg]
    measures: Mapping[str, Measure]
    missed: Sequence[str]  # a sentence for each must-hold that does not
    notes: Sequence[str]
    generator: Generator
    service_cpu_ms: Measure  # per request that was not refused; NaN where it can't be told
    service_cores: Measure  # busy on average
    service_mb: Measure  # resident at the end, all its processes
    load_before: float  # of the machine, so many processes wanted a core
    load_after: float
    seed: int
    machine: Mapping[str, object]
    measured_on: str  # the day, UTC


@dataclass(frozen=True, slots=True)
class Run:
    """What is written down: the last result of every scenario that was run into one folder."""

    label: str
    results: Sequence[Result]

    def with_results(self, fresh: Sequence[Result]) -> Run:
        """These results in place of earlier ones of the same scenarios, in the table's order."""
        held = {result.name: result for result in (*self.results, *fresh)}
        return Run(self.label, [held[name] for name in SCENARIOS if name in held])


def missed(results: Sequence[Result]) -> list[str]:
    """Every must-hold that does not, with its scenario."""
    return [f"{result.name}: {sentence}" for result in results for sentence in result.missed]


def generator_of(driven: Sequence[Driven]) -> Generator:
    """How the generator did over all its plans."""
    lags = [reply.lag_ms for one in driven for reply in one.replies]
    wall_s = sum(one.wall_s for one in driven)
    return Generator(
        requests=len(lags),
        lag_p50_ms=percentile(lags, 50),
        lag_p99_ms=percentile(lags, 99),
        lag_most_ms=max(lags, default=math.nan),
        cpu_share=sum(one.cpu_s for one in driven) / wall_s if wall_s else math.nan,
        connections=sum(one.connections for one in driven),
        most_open=max((one.most_open for one in driven), default=0),
    )


def measures(figures: Figures) -> dict[str, float]:
    """What must-holds of every scenario ask for.

    p95 and p99 are by rank also where the sample is small: a bound is not met by asking less.
    """
    slates = figures.slates
    amiss: tuple[Worth, ...] = ("wrong", "broken", "late", "refused")
    return {
        "slates": slates.planned,
        "availability": figures.availability,
        "goodput": figures.goodput,
        "p50_ms": at(slates.answered, 50),
        "p95_ms": at(slates.answered, 95),
        "p99_ms": at(slates.answered, 99),
        "refused": slates.worth.get("refused", 0),
        "refused_p50_ms": at(slates.refused, 50),
        "refused_p99_ms": at(slates.refused, 99),
        "wrong": sum(k.worth.get("wrong", 0) + k.worth.get("broken", 0) for k in figures.kinds.values()),
        "errors": sum(k.worth.get(worth, 0) for k in figures.kinds.values() for worth in amiss),
        "memo_share": figures.memo_share,
    }


def at(spread: Spread, q: float) -> float:
    """A percentile; the largest value where there are too few values for it; NaN of none."""
    return spread.p.get(f"{q:g}", spread.most)
