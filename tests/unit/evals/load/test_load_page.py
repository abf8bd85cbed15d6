"""What is written down can be read again, and is told in words."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import pytest

from app.domain.errors import BadInput
from evals.load.latency import figures
from evals.load.load_page import circumstances, read_run, row, told
from evals.load.measured import LABEL, Generator, Leg, Result, Run, measures, missed
from evals.load.open_loop import Planned, Reply
from evals.load.scenarios import SCENARIOS
from evals.load.verdict import Verdict
from evals.ranking.results import write_json

SEEN = [(Planned(n / 10.0, "slate", b""), Reply(0.1, 10.0 + n, 200, Verdict("good", "", "llm"))) for n in range(100)]
REFUSED = [(Planned(9.99, "slate", b""), Reply(0.1, 2.0, 503, Verdict("refused")))]
QUIET = Generator(101, 0.1, 0.4, 0.9, 0.02, 12, 5)


def result(name: str = "steady", seen: list[tuple[Planned, Reply]] = SEEN, misses: tuple[str, ...] = ()) -> Result:
    found = figures(seen, 0.0, 10.0)
    return Result(
        name=name,  # type: ignore[arg-type]
        says="What happens.",
        provider="up",
        workers=1,
        legs=[Leg(name, 10.0, found)],
        measures=measures(found),
        missed=misses,
        notes=[],
        generator=QUIET,
        service_cpu_ms=4.56,
        service_cores=0.5,
        service_mb=400.0,
        load_before=0.1,
        load_after=1.2,
        seed=1,
        machine={"cores": 2},
        measured_on="2026-01-01",
    )


def test_results_are_read_as_they_were_written(tmp_path: Path) -> None:
    """Figures of nothing among them: JSON has no NaN."""
    run = Run(LABEL, [result()])
    write_json(run, tmp_path / "load.json")
    [back] = read_run(tmp_path).results
    before, after = run.results[0].legs[0].figures, back.legs[0].figures
    assert (after.slates.worth, after.slates.answered) == (before.slates.worth, before.slates.answered)
    assert math.isnan(after.slates.refused.most)
    assert after.bins == before.bins
    assert math.isnan(back.measures["refused_p99_ms"])
    assert back.measures["p99_ms"] == 108.0


def test_earlier_results_of_other_scenarios_are_kept() -> None:
    """A run replaces its own scenarios, and all stand in the table's order."""
    first = Run(LABEL, ()).with_results([result("mixed"), result("steady")])
    second = first.with_results([result("steady", misses=("It broke.",))])
    assert [one.name for one in second.results] == ["steady", "mixed"]
    assert missed(second.results) == ["steady: It broke."]
    assert read_run(Path("nowhere")).results == ()


@pytest.mark.parametrize("text", ["{", '{"label": 1}', "[]"])
def test_a_file_that_is_something_else_is_refused(tmp_path: Path, text: str) -> None:
    """Before anything is measured that could then not be written."""
    (tmp_path / "load.json").write_text(text)
    with pytest.raises(BadInput, match="choose another --out"):
        read_run(tmp_path)


def test_what_is_told_of_a_scenario() -> None:
    """Misses first; refusals beside their own times; the memory's share; what can't be known is a dash."""
    held = told(result())
    assert held[0].startswith("Held: the share of pages with a slate at least 0.9999; p99 of slates at most 550 ms;")
    assert held[-1] == "Answered from a worker's memory (`latencyMs.memo`): 0.0% of the slates."
    assert told(result(misses=("It broke.",)))[0] == "**Missed.** It broke."
    cells = row(result(seen=SEEN + REFUSED).legs[0])
    assert cells[:4] == ("101", "10.0", "10.0", "0.990099")
    assert cells[7] == "–"
    assert cells[-1] == "1 (p50 –, p99 –)"


def test_the_circumstances_name_what_figures_depend_on() -> None:
    """Day, workers, cores, load, processor time and the generator's lag; nothing is claimed of a foreign service."""
    own = circumstances(result())
    assert "2 cores, load average 0.1 before and 1.2 after" in own
    assert "4.6 CPU ms" in own
    assert "its own lag p50 0.1, p99 0.4" in own
    foreign = circumstances(replace(result(), workers=None, service_cpu_ms=math.nan))
    assert "CPU ms" not in foreign
    assert "a service that ran already" in foreign


def test_the_generator_says_when_it_was_behind() -> None:
    """By its p99, not by one slip."""
    assert not replace(QUIET, lag_most_ms=80.0).behind
    assert replace(QUIET, lag_p99_ms=12.0).behind


def test_every_measure_that_must_hold_is_made() -> None:
    """A bound on a measure that nothing makes would be a miss for ever."""
    made = set(measures(figures(SEEN, 0.0, 10.0))) | {"peak_goodput", "goodput_of_peak", "p99_to_no_model"}
    assert {hold.measure for scenario in SCENARIOS.values() for hold in scenario.holds} <= made
