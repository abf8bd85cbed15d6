"""The clock that says which stage of a request takes the CPU time."""

from __future__ import annotations

import itertools

import app.finder
from app.domain.interactions import Consent
from app.domain.ranking import Query
from app.finder import Finder
from evals.load import stage_clock
from evals.load.stage_clock import STAGES, StageClock


def outer() -> None:
    """Runs a stage inside a stage."""
    inner()


def inner() -> None:
    """Does nothing."""


def test_a_stage_is_counted_without_the_stages_inside_it() -> None:
    """Each reading of this clock is a second later: the inner stage takes one, the outer one three less that one."""
    readings = itertools.count()
    clock = StageClock(clock=lambda: float(next(readings)))
    with clock.running(((f"{__name__}:outer", "out"), (f"{__name__}:inner", "in"))):
        outer()
    assert clock.ms_each(1) == {"out": 2_000.0, "in": 1_000.0}


def test_every_stage_exists_and_is_put_back() -> None:
    """The functions that are timed are those that a request runs, and they are themselves again afterwards."""
    before = [getattr(*stage_clock._owner(path)) for path, _ in STAGES]
    clock = StageClock()
    with clock.running():
        assert all(getattr(*stage_clock._owner(path)) is not b for (path, _), b in zip(STAGES, before, strict=True))
        finder = Finder(store=None, embedder=None, searches=None, consent_default=Consent())
        finder.shopper(Query())
    assert [getattr(*stage_clock._owner(path)) for path, _ in STAGES] == before
    assert list(clock.ms_each(1)) == ["shopper, from the store"]
    assert app.finder.Finder.shopper is Finder.shopper
