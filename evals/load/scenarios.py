"""The scenarios, as data: what traffic, what provider, for how long, and what must hold.

Rates are slates (pages) a second; the events between pages come on top, as the shop's own sessions have them, and so
do the other requests of `beside`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from evals.load.verdict import Kind

Name = Literal["steady", "ramp", "overload", "outage", "flapping", "cold", "mixed", "shoppers"]
Provider = Literal["none", "up", "down", "flapping"]

DEADLINE_MS = 500.0
"""LLM_DEADLINE_MS, at which the service is started."""

IN_TIME_MS = DEADLINE_MS + 50.0
OUTAGE_REQUESTS = 100_000
"""Slates from which on the availability of an outage says what is asked for."""


@dataclass(frozen=True, slots=True)
class Hold:
    """Something that must hold: a measure of the scenario (see `measured.measures`) and its bound."""

    measure: str
    says: str  # how the measure is called in a sentence
    at_most: float | None = None
    at_least: float | None = None
    unit: str = ""

    def missed(self, measures: Mapping[str, float]) -> str | None:
        """One sentence where it does not hold, or was not measured; None where it does."""
        value = measures.get(self.measure)
        if value is None or math.isnan(value):
            return f"{self.says} was not measured: there was nothing to measure it on."
        bound = self.at_most if self.at_most is not None else self.at_least
        if self.at_most is not None and value > self.at_most:
            return f"{self.says} is {figure(value)}{self.unit}, asked: at most {figure(bound)}{self.unit}."
        if self.at_least is not None and value < self.at_least:
            return f"{self.says} is {figure(value)}{self.unit}, asked: at least {figure(bound)}{self.unit}."
        return None


def figure(value: float | None) -> str:
    """A measure in words: no digits that say nothing, and none lost where nearly one is not one."""
    if value is None or math.isnan(value):
        return "–"
    if 0.99 < value < 1.0:
        return f"{value:.6f}".rstrip("0")
    return f"{value:,.0f}" if abs(value) >= 1000 or value == int(value) else f"{value:.3g}"


@dataclass(frozen=True, slots=True)
class Scenario:
    """One scenario."""

    name: Name
    says: str
    rate: float  # slates a second; of a ramp where it begins, of an overload how many times the peak
    seconds: float  # measured; of a ramp for each step
    provider: Provider
    holds: tuple[Hold, ...]
    beside: Mapping[Kind, float] = field(default_factory=dict)  # other requests per slate
    shoppers: int = 0  # closed loops with think times in place of a rate
    warm_up_s: float = 5.0  # of the same traffic, not counted
    starts_service: bool = False  # can't be asked of a service that runs already


_AVAILABLE = Hold("availability", "The share of pages with a slate", at_least=0.9999)
_IN_TIME = Hold("p99_ms", "p99 of slates", at_most=IN_TIME_MS, unit=" ms")
_CLEAN = Hold("errors", "The number of wrong, cut or missing answers of any kind", at_most=0.0)

SCENARIOS: Mapping[Name, Scenario] = {
    s.name: s
    for s in (
        Scenario(
            "steady",
            "An ordinary hour: a provider that answers, shoppers who do things between pages.",
            rate=8.0,
            seconds=60.0,
            provider="up",
            holds=(_AVAILABLE, _IN_TIME, _CLEAN),
        ),
        Scenario(
            "ramp",
            "No model, ever more pages a second until fewer slates come in time: the peak goodput.",
            rate=20.0,
            seconds=8.0,
            provider="none",
            holds=(Hold("peak_goodput", "The peak goodput", at_least=0.001, unit=" slates/s"),),
        ),
        Scenario(
            "overload",
            "No model, three times the slates of the peak just found with its events, in turns with the "
            "steps of a ramp around it; then three times the events, too. What is too much is refused at once.",
            rate=3.0,
            seconds=20.0,
            provider="none",
            holds=(
                Hold("goodput_of_peak", "Goodput under overload, as a share of the peak,", at_least=0.8),
                Hold("wrong", "The number of wrong or cut answers (a refusal is 503 with Retry-After)", at_most=0.0),
                Hold("refused_p99_ms", "p99 of refusals", at_most=20.0, unit=" ms"),
            ),
        ),
        Scenario(
            "outage",
            "The provider is down in three ways (refuses, says nothing, answers 500), in turns with a service that has "
            "no model, under the same requests.",
            rate=15.0,
            seconds=90.0,
            provider="down",
            holds=(
                _AVAILABLE,
                _IN_TIME,
                Hold("p99_to_no_model", "p99 of slates with the provider down, to that without a model,", at_most=1.2),
            ),
            starts_service=True,
        ),
        Scenario(
            "flapping",
            "The provider answers for ten seconds and fails for ten, by turns with 500 and with silence.",
            rate=8.0,
            seconds=80.0,
            provider="flapping",
            holds=(_AVAILABLE, _IN_TIME, _CLEAN),
            starts_service=True,
        ),
        Scenario(
            "cold",
            "The first requests after a start, with every cache empty.",
            rate=8.0,
            seconds=15.0,
            provider="up",
            holds=(_AVAILABLE, _IN_TIME, _CLEAN),
            warm_up_s=0.0,
            starts_service=True,
        ),
        Scenario(
            "mixed",
            "Everything at once: slates, events, searches, similar products, the assistant, the shop's report, and "
            "stocks that change.",
            rate=6.0,
            seconds=60.0,
            provider="up",
            holds=(_AVAILABLE, _IN_TIME, _CLEAN),
            beside={"search": 0.3, "similar": 0.4, "chat": 0.03, "report": 0.02, "catalogue": 0.06},
        ),
        Scenario(
            "shoppers",
            "No model, a thousand shoppers at a time who think between pages (log-normal, 10 s on average).",
            rate=0.0,
            seconds=60.0,
            provider="none",
            holds=(Hold("p95_ms", "p95 of slates", at_most=100.0, unit=" ms"), _CLEAN),
            shoppers=1000,
            warm_up_s=15.0,
        ),
    )
}
