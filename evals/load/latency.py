"""Figures of replies: percentiles by rank, shares, and how they went over time."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated

from pydantic import BeforeValidator

from evals.load.open_loop import Planned, Reply
from evals.load.verdict import Kind, Worth

PATIENCE_MS = 550.0
"""A slate that comes later than this after it was due (the deadline and 50 ms) is no goodput."""

PLOTTED = (50.0, 75.0, 90.0, 95.0, 99.0, 99.5, 99.9, 99.95, 99.99)
"""Percentiles that are told; those beyond the sample are left out (`known`)."""

_MOST_BINS = 120


def _or_nan(value: object) -> object:
    return math.nan if value is None else value


Measure = Annotated[float, BeforeValidator(_or_nan)]
"""A figure that may be NaN, of nothing; JSON holds null for it."""


def percentile(values: Sequence[float], q: float) -> float:
    """The smallest value that q percent of the values don't exceed (nearest rank); NaN of none."""
    if not values:
        return math.nan
    ordered = sorted(values)
    return ordered[max(0, math.ceil(len(ordered) * q / 100.0 - 1e-9) - 1)]


def known(n: int, q: float) -> bool:
    """Whether n values say anything of this percentile: one of them at least lies beyond it."""
    return n * (100.0 - q) / 100.0 >= 1.0 - 1e-9


@dataclass(frozen=True, slots=True)
class Spread:
    """Milliseconds of n replies."""

    n: int
    p: Mapping[str, Measure]  # "50", "99.9" → ms; without percentiles that the sample is too small for
    most: Measure


def spread(values: Iterable[float]) -> Spread:
    """The percentiles of the values."""
    ordered = sorted(values)
    found = {f"{q:g}": percentile(ordered, q) for q in PLOTTED if known(len(ordered), q)}
    return Spread(len(ordered), found, ordered[-1] if ordered else math.nan)


@dataclass(frozen=True, slots=True)
class KindFigures:
    """What became of the requests of one kind."""

    planned: int
    worth: Mapping[Worth, int]
    details: Mapping[str, int]  # of what was short, wrong, broken or late
    answered: Spread  # every one that was not refused: who was given up counts with the time until then
    refused: Spread


@dataclass(frozen=True, slots=True)
class Bin:
    """A slice of the run: slates planned in it."""

    at_s: float  # its middle, from the beginning of the measurement
    planned: int
    in_time: int  # good within PATIENCE_MS
    refused: int
    other: int  # wrong, broken, late or good too late
    p50: Measure
    p99: Measure


@dataclass(frozen=True, slots=True)
class Figures:
    """One measurement."""

    seconds: float
    kinds: Mapping[Kind, KindFigures]
    goodput: float  # good slates within PATIENCE_MS, a second
    availability: Measure  # share of the planned slates that came with 200, whole or as short as rules left them
    strategies: Mapping[str, int]
    fallbacks: Mapping[str, int]  # fallbackReason → slates; those without are not in it
    memo_share: Measure  # of the slates, answered from memory
    bins: Sequence[Bin]

    @property
    def slates(self) -> KindFigures:
        """Of the pages."""
        return self.kinds["slate"]


def figures(seen: Sequence[tuple[Planned, Reply]], start_s: float, seconds: float) -> Figures:
    """The figures of a stretch of the plan, which began at `start_s` and was `seconds` long."""
    by_kind: dict[Kind, list[Reply]] = {"slate": []}
    for planned, reply in seen:
        by_kind.setdefault(planned.kind, []).append(reply)
    slates = by_kind["slate"]
    full = [r for r in slates if r.verdict.worth in ("good", "short")]
    in_time = sum(r.ms <= PATIENCE_MS for r in full)
    return Figures(
        seconds=seconds,
        kinds={kind: _of_kind(replies) for kind, replies in by_kind.items()},
        goodput=in_time / seconds,
        availability=len(full) / len(slates) if slates else math.nan,
        strategies=dict(sorted(Counter(r.verdict.strategy for r in full).items())),
        fallbacks=dict(sorted(Counter(r.verdict.fallback for r in full if r.verdict.fallback).items())),
        memo_share=sum(r.verdict.memo for r in full) / len(full) if full else math.nan,
        bins=_bins([(p, r) for p, r in seen if p.kind == "slate"], start_s, seconds),
    )


def _of_kind(replies: Sequence[Reply]) -> KindFigures:
    details = Counter(
        f"{r.verdict.worth}: {r.verdict.detail}" for r in replies if r.verdict.worth not in ("good", "refused")
    )
    return KindFigures(
        planned=len(replies),
        worth=dict(Counter(r.verdict.worth for r in replies)),
        details=dict(details.most_common()),
        answered=spread(r.ms for r in replies if r.verdict.worth != "refused"),
        refused=spread(r.ms for r in replies if r.verdict.worth == "refused"),
    )


def _bins(seen: Sequence[tuple[Planned, Reply]], start_s: float, seconds: float) -> list[Bin]:
    width = max(1.0, seconds / _MOST_BINS)
    held: list[list[Reply]] = [[] for _ in range(max(1, math.ceil(seconds / width - 1e-9)))]
    for planned, reply in seen:
        held[min(len(held) - 1, int((planned.due_s - start_s) / width))].append(reply)
    found = []
    for place, replies in enumerate(held):
        in_time = sum(r.verdict.worth in ("good", "short") and r.ms <= PATIENCE_MS for r in replies)
        refused = sum(r.verdict.worth == "refused" for r in replies)
        answered = [r.ms for r in replies if r.verdict.worth != "refused"]
        found.append(
            Bin(
                at_s=(place + 0.5) * width,
                planned=len(replies),
                in_time=in_time,
                refused=refused,
                other=len(replies) - in_time - refused,
                p50=percentile(answered, 50),
                p99=percentile(answered, 99),
            )
        )
    return found
