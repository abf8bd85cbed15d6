"""Percentiles by rank, what a sample is too small for, and figures over time."""

from __future__ import annotations

import math

import pytest

from evals.load.latency import figures, known, percentile, spread
from evals.load.open_loop import Planned, Reply
from evals.load.scenarios import SCENARIOS, Hold, figure
from evals.load.verdict import Verdict, Worth


def test_percentiles_are_by_rank() -> None:
    """A percentile is a value that was measured: of 1 to 100 the nth is n, also at fractions."""
    hundred = [float(n) for n in range(100, 0, -1)]
    assert [percentile(hundred, q) for q in (0, 1, 50, 99, 99.5, 100)] == [1.0, 1.0, 50.0, 99.0, 100.0, 100.0]
    assert percentile([7.0], 50) == 7.0
    assert math.isnan(percentile([], 99))


def test_a_sample_is_silent_on_what_it_does_not_reach() -> None:
    """p99.9 of a hundred values would be their maximum under another name: it is left out."""
    assert known(100, 99)
    assert not known(99, 99)
    assert list(spread(float(n) for n in range(1000)).p) == ["50", "75", "90", "95", "99", "99.5", "99.9"]
    assert list(spread([1.0, 2.0]).p) == ["50"]
    assert math.isnan(spread([]).most)


def reply(due_s: float, ms: float, worth: Worth = "good", kind: str = "slate") -> tuple[Planned, Reply]:
    verdict = Verdict(worth, "why" if worth not in ("good", "refused") else "", "baseline", "timeout", due_s == 0.0)
    return Planned(due_s, kind, b""), Reply(0.0, ms, 200, verdict)  # type: ignore[arg-type]


SEEN = [
    reply(0.0, 10.0),
    reply(0.5, 549.0, "short"),
    reply(1.0, 551.0),
    reply(1.5, 3.0, "refused"),
    reply(2.0, 10_000.0, "late"),
    reply(2.5, 20.0, "wrong"),
    reply(2.6, 5.0, "good", "events"),
]


def test_the_figures_of_a_stretch() -> None:
    """Late is served but no goodput; refusals have a latency of their own; who was given up counts until then."""
    found = figures(SEEN, 0.0, 4.0)
    assert found.goodput == 0.5
    assert found.availability == 0.5
    assert found.memo_share == pytest.approx(1 / 3)
    assert found.strategies == {"baseline": 3}
    assert found.slates.worth == {"good": 2, "short": 1, "refused": 1, "late": 1, "wrong": 1}
    assert found.slates.refused.most == 3.0
    assert (found.slates.answered.n, found.slates.answered.most) == (5, 10_000.0)
    assert found.slates.details == {"short: why": 1, "late: why": 1, "wrong: why": 1}
    assert found.kinds["events"].planned == 1


def test_every_slate_is_in_one_slice_of_time() -> None:
    """By when it was due; an empty slice is there, and has no latency."""
    bins = figures(SEEN, 0.0, 4.0).bins
    assert [(b.at_s, b.planned, b.in_time, b.refused, b.other) for b in bins] == [
        (0.5, 2, 2, 0, 0),
        (1.5, 2, 0, 1, 1),
        (2.5, 2, 0, 0, 2),
        (3.5, 0, 0, 0, 0),
    ]
    assert math.isnan(bins[3].p99)


def test_a_miss_is_one_sentence_with_both_figures() -> None:
    """What was measured and what was asked; what could not be measured is a miss, too."""
    hold = Hold("p99_ms", "p99 of slates", at_most=550.0, unit=" ms")
    assert hold.missed({"p99_ms": 550.0}) is None
    assert hold.missed({"p99_ms": 551.4}) == "p99 of slates is 551 ms, asked: at most 550 ms."
    assert Hold("a", "A", at_least=0.9999).missed({"a": 0.99984}) == "A is 0.99984, asked: at least 0.9999."
    for nothing in ({}, {"p99_ms": math.nan}):
        assert hold.missed(nothing) == "p99 of slates was not measured: there was nothing to measure it on."


@pytest.mark.parametrize(
    ("value", "said"), [(0.99985, "0.99985"), (1.0, "1"), (0.0, "0"), (0.8, "0.8"), (12_345.6, "12,346"), (None, "–")]
)
def test_figures_are_told_as_they_are(value: float | None, said: str) -> None:
    """Nearly one is not one."""
    assert figure(value) == said


def test_every_scenario_says_what_must_hold() -> None:
    """Each has a name of its own, a bound for each must-hold, and something that must hold."""
    for name, scenario in SCENARIOS.items():
        assert name == scenario.name
        assert scenario.holds
        assert all((hold.at_most is None) != (hold.at_least is None) for hold in scenario.holds)
