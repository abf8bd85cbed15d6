"""The scenarios against services whose speed is known: what they find, and what they call missed."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from evals.load import load_run
from evals.load.http_connection import Answer
from evals.load.load_run import Wish, run
from evals.load.measured import Result
from evals.load.running import Service, Way
from evals.load.scenarios import SCENARIOS, Name
from tests.unit.evals.load.toy_crowd import CROWD, ToySender, ToyService

REFUSAL = Answer(503, True, b"{}")


@dataclass
class ToyProvider:
    """Notes which way it was turned."""

    ways: list[Way] = field(default_factory=list)
    base: str = "http://provider/v1"

    def become(self, way: Way) -> None:
        self.ways.append(way)


class Stage:
    """Runs a scenario against toy services in place of processes."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._patch = monkeypatch
        self.provider = ToyProvider()
        self.started: list[str | None] = []

    def run(self, name: Name, *services: ToyService, peak: float | None = None, **wish: float | int) -> Result:
        self.sender = ToySender(services)

        @contextlib.contextmanager
        def serving(_data: Path, base: str | None, *_: object, **__: object) -> Iterator[Service]:
            self.started.append(base)
            yield Service("toy", len(self.started), None, 1.5)

        @contextlib.contextmanager
        def provider(way: Way) -> Iterator[ToyProvider]:
            self.provider.become(way)
            yield self.provider

        for attribute, value in (("serving", serving), ("provider", provider), ("send", self.sender)):
            self._patch.setattr(load_run, attribute, value)
        return run(SCENARIOS[name], CROWD, Wish(Path("nowhere"), **wish), lambda _: None, peak)  # type: ignore[arg-type]


@pytest.fixture
def stage(monkeypatch: pytest.MonkeyPatch) -> Stage:
    return Stage(monkeypatch)


def test_a_ramp_finds_the_peak(stage: Stage) -> None:
    """A service that makes 50 slates a second: its peak goodput is near that, and steps beyond it are not taken."""
    found = stage.run("ramp", ToyService(slate_s=0.02))
    assert found.measures["peak_goodput"] == pytest.approx(50.0, rel=0.15)
    assert found.legs[-1].rate < 80.0
    rates = [leg.rate for leg in found.legs]
    assert rates == sorted(rates)
    assert not found.missed


def test_overload_without_shedding_is_a_miss(stage: Stage) -> None:
    """Everybody waits, nobody is served in time, and nobody is refused: three must-holds, three sentences."""
    found = stage.run("overload", ToyService(slate_s=0.08), seconds=8.0, peak=11.0)
    assert found.measures["goodput_of_peak"] < 0.2
    assert [sentence.split(",")[0] for sentence in found.missed] == [
        "Goodput under overload",
        "p99 of refusals was not measured: there was nothing to measure it on.",
    ]


def test_overload_with_shedding_holds(stage: Stage) -> None:
    """A service that refuses at once what it can't serve soon keeps its goodput, and is calm afterwards."""
    shedding = ToyService(slate_s=0.04, refuses=lambda waiting: REFUSAL if waiting >= 8 else None)
    found = stage.run("overload", shedding, seconds=6.0)
    assert not found.missed
    assert found.measures["goodput_of_peak"] > 0.9
    assert found.measures["refused_p99_ms"] < 1.0
    assert found.measures["available_after"] == 1.0


def test_a_machine_that_slows_down_is_told_apart_and_still_a_miss(stage: Stage) -> None:
    """Half the speed after the ramp: half of its peak is kept, and all of what was done in the turns beside it."""
    slower = ToyService(slate_s=0.05, refuses=lambda waiting: REFUSAL if waiting >= 8 else None)
    found = stage.run("overload", slower, seconds=8.0, peak=40.0)
    assert found.measures["goodput_of_peak"] == pytest.approx(0.5, rel=0.1)
    assert found.measures["goodput_in_turns"] > 0.9
    assert [sentence.split(",")[0] for sentence in found.missed] == ["Goodput under overload"]


def _breaking(slate_s: float, broken_s: float, *, refuses_from: int) -> ToyService:
    """A service that takes longer for each slate while five or more wait."""
    toy = ToyService(slate_s=slate_s)

    def refuses(waiting: int) -> Answer | None:
        toy.slate_s = slate_s if waiting < 5 else broken_s
        return REFUSAL if waiting >= refuses_from else None

    toy.refuses = refuses
    return toy


def test_goodput_that_falls_under_overload_is_a_miss(stage: Stage) -> None:
    """Whoever works more slowly the more it is asked for keeps no peak, however late it is asked for again."""
    found = stage.run("overload", _breaking(0.04, 0.08, refuses_from=8), seconds=8.0, peak=20.0)
    assert found.measures["goodput_in_turns"] < 0.8
    assert found.missed


def test_goodput_that_fell_at_the_peak_already_is_seen_by_the_lower_steps(stage: Stage) -> None:
    """A service that breaks down below the ramp's lucky peak keeps all of what it does there, and half of its best."""
    found = stage.run("overload", _breaking(0.02, 0.07, refuses_from=6), seconds=16.0, peak=36.0)
    by_leg = {leg.name: leg.figures.goodput for leg in found.legs}
    assert by_leg["overload"] > 0.9 * by_leg["120% of the peak"]
    assert by_leg["60% of the peak"] > 1.3 * by_leg["overload"]
    assert found.measures["goodput_in_turns"] < 0.75


def test_a_refusal_without_retry_after_is_wrong(stage: Stage) -> None:
    """A 503 that does not say when to come again is no refusal."""
    bare = ToyService(slate_s=0.02, refuses=lambda waiting: Answer(503, False, b"") if waiting >= 10 else None)
    found = stage.run("overload", bare, seconds=4.0, peak=45.0)
    assert any(sentence.startswith("The number of wrong or cut answers") for sentence in found.missed)


def test_an_outage_asks_both_services_the_same(stage: Stage) -> None:
    """All three ways in turn; the service without a model is asked what the other was asked a turn before."""
    down, plain = ToyService(slate_s=0.02), ToyService(slate_s=0.01)
    found = stage.run("outage", down, plain, seconds=60.0, rate=4.0)
    assert stage.provider.ways == ["refused", "refused", "hang", "error500"]
    assert stage.started == ["http://provider/v1", None]
    for asked, beside in zip(down.plans[1:], plain.plans[1:], strict=True):
        twice = {p.request: p.due_s for p in asked}
        assert len(beside) == len(asked)
        assert all(p.due_s - twice[p.request] == pytest.approx(5.0) for p in beside)
    assert found.measures["slates"] == pytest.approx(240, rel=0.25)
    assert found.measures["slates"] == found.measures["no_model_slates"]
    assert found.measures["p50_to_no_model"] == pytest.approx(2.0, rel=0.1)
    assert [sentence.split(",")[0] for sentence in found.missed] == ["p99 of slates with the provider down"]
    assert "--requests 100000" in found.notes[0]


def test_the_turns_of_an_outage_stand_in_a_row(stage: Stage) -> None:
    """What is drawn over time has no gaps where the other service had its turn."""
    found = stage.run("outage", ToyService(), ToyService(), seconds=60.0, rate=10.0)
    for leg, seconds in (("provider down", 60.0), ("no model", 60.0), ("provider silent", 20.0)):
        [figures] = [one.figures for one in found.legs if one.name == leg]
        assert figures.seconds == seconds
        assert all(one.planned > 0 for one in figures.bins)


def test_a_provider_flaps_while_the_plan_is_sent(stage: Stage) -> None:
    """Every ten seconds after the warm-up, by turns with 500 and with silence."""
    found = stage.run("flapping", ToyService(), seconds=50.0)
    for switch in stage.sender.switches:
        switch.do()
    assert [switch.at_s for switch in stage.sender.switches] == [5.0, 15.0, 25.0, 35.0, 45.0]
    assert stage.provider.ways[1:] == ["up", "error500", "up", "hang", "up"]
    assert not found.missed


def test_shoppers_are_as_many_as_asked_for(stage: Stage) -> None:
    """A rate of five pages a second, at one page in ten seconds each, is fifty shoppers."""
    found = stage.run("shoppers", ToyService(slate_s=0.001), rate=5.0, seconds=60.0)
    assert len({p.lane for p in stage.sender.services[0].plans[0]}) == 50
    assert found.legs[0].rate == pytest.approx(5.0, rel=0.25)
    assert not found.missed


@pytest.mark.parametrize("name", ["steady", "cold", "mixed"])
def test_the_others_hold_where_nothing_is_amiss(stage: Stage, name: Name) -> None:
    """A quick service without errors meets what is asked of it; a slow one does not."""
    assert not stage.run(name, ToyService(slate_s=0.001), seconds=10.0).missed
    slow = stage.run(name, ToyService(slate_s=0.3), seconds=10.0)
    assert any(sentence.startswith("p99 of slates is") for sentence in slow.missed)


def test_requests_are_seconds(stage: Stage) -> None:
    """--requests is so many slates at the scenario's rate."""
    found = stage.run("steady", ToyService(), requests=400, rate=20.0)
    assert found.legs[0].figures.seconds == 20.0


def plans_of(stage: Stage, seed: int) -> list[Sequence[object]]:
    service = ToyService()
    stage.run("mixed", service, seconds=5.0, seed=seed)
    return [list(plan) for plan in service.plans]


def test_the_plan_follows_from_the_seed(stage: Stage) -> None:
    """The same seed asks the same at the same times, another seed something else."""
    assert plans_of(stage, 1) == plans_of(stage, 1)
    assert plans_of(stage, 1) != plans_of(stage, 2)
