"""The trials of the verdicts: a small number here, 200 of each pairing by the command."""

from __future__ import annotations

import pytest

from evals.prompts.golden import load_rerank
from evals.prompts.verdict_trials import PAIRINGS, Bench, bench, row_of, try_pairing
from evals.simulated.answer import answer_rerank
from evals.simulated.knobs import Knobs
from evals.simulated.reading import Turn
from evals.simulated.utility import Preferences


@pytest.fixture(scope="module")
def on() -> Bench:
    """Every third golden scenario."""
    return bench(load_rerank()[::3])


@pytest.mark.parametrize("pairing", PAIRINGS, ids=lambda p: p.name)
def test_known_qualities_get_the_right_verdict(on: Bench, pairing: object) -> None:
    """Better, worse and equal are told apart on a third of the set, in all but one of four comparisons.

    Not in every one: a table may hold a false verdict in 5% of its runs, and of these four one does.
    """
    trial = try_pairing(on, pairing, 4, resamples=200)
    assert trial.right >= 3, trial.false_rows
    assert row_of(trial)["runs"] == 4


@pytest.mark.slow
@pytest.mark.parametrize("pairing", PAIRINGS, ids=lambda p: p.name)
def test_verdicts_are_right_in_nearly_all_runs(pairing: object) -> None:
    """At least 95% of 40 runs over the whole set; the command does 200."""
    trial = try_pairing(bench(), pairing, 40)
    assert trial.right >= 38, trial.false_rows


def test_the_short_way_ranks_as_the_provider_s_reply_does(on: Bench) -> None:
    """The order taken without writing and reading a reply is the order of the reply."""
    for one in on.ready[:10]:
        knobs = Knobs(quality=0.6, seed=7)
        grades = {c.product.name: float(c.grade) for c in one.posed.scenario.candidates if c.grade is not None}
        turns = [Turn(m.role, m.content) for m in one.posed.call.messages]
        told = answer_rerank(one.prompt, turns, knobs, Preferences(grades=grades))
        assert on.outcome(one, knobs).read.order == told.order


def test_the_same_seed_gives_the_same_run(on: Bench) -> None:
    """Noise is a function of the seed."""
    assert on.findings(0.5, 3) == on.findings(0.5, 3)
    assert on.findings(0.5, 3) != on.findings(0.5, 4)
