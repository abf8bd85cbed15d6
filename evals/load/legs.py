"""Which legs of a result are told and drawn."""

from __future__ import annotations

from evals.load.measured import Leg, Result

STEP = "a second"
"""How the name of a ramp's step ends."""

_MOST_LINES = 6


def steps_of(result: Result) -> list[Leg]:
    """The steps of a ramp, also of one that another scenario began with."""
    return [leg for leg in result.legs if leg.name.endswith(STEP)]


def main_leg(result: Result) -> Leg:
    """The leg that the scenario is about: of a ramp its peak."""
    return legs_shown(result)[0]


def legs_shown(result: Result) -> list[Leg]:
    """The legs that are drawn beside each other; of a ramp the peak alone, for its steps have a plot of their own."""
    steps = steps_of(result)
    if result.name == "ramp":
        return [max(steps, key=lambda leg: leg.figures.goodput)]
    return [leg for leg in result.legs if leg not in steps][:_MOST_LINES]
