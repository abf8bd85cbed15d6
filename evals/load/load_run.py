"""Runs scenarios: starts what they need, sends their plans, and says what held."""

from __future__ import annotations

import contextlib
import datetime as dt
import functools
import itertools
import math
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from evals.load.generator import Driven
from evals.load.latency import figures
from evals.load.legs import STEP
from evals.load.measured import Leg, Result, generator_of, measures
from evals.load.open_loop import Planned, Reply
from evals.load.running import Provider, Service, Switch, Way, provider, send, serving
from evals.load.scenarios import OUTAGE_REQUESTS, SCENARIOS, Name, Scenario
from evals.load.traffic import THINK_S, Crowd, Traffic
from evals.ranking.results import machine

RAMP_FACTOR = 1.35
RAMP_STEPS = 18
RAMP_ENDS = 0.8
"""A step is too much when fewer than this share of its slates come in time."""

RAMP_FINE = 1.06
"""A ramp ends when what was too much and what was not lie so close together."""

FLAP_S = 10.0
DOWN: tuple[Way, ...] = ("refused", "hang", "error500")
WAY_NAMES = {"refused": "refuses", "hang": "silent", "error500": "500s"}
TURN_S = 5.0
ROUND_S = 60.0
"""Seconds of an outage in which the provider fails in one way before it fails in the next."""

SETTLE_S = 3.0
"""Of each turn of an overload, before its figures count: what limits it has to find its limit."""

OVERLOAD_TURNS = 4
IN_TURNS = (0.6, 0.8, 1.0, 1.2)
"""Shares of a ramp's peak that are asked for again beside the overload."""

Say = Callable[[str], None]
Seen = tuple[Planned, Reply]


@dataclass(frozen=True, slots=True)
class Wish:
    """What is asked of a run. None: as the scenario has it."""

    data: Path
    seconds: float | None = None
    requests: int | None = None
    rate: float | None = None
    seed: int = 20260101
    workers: int = 1
    outside: Service | None = None  # a service that runs already, in place of one on a copy of `data`
    host: str = "localhost"
    headers: Mapping[str, str] = field(default_factory=dict)
    writes: bool = True


class Place:
    """Where a scenario's plans are sent, and what came back of all of them."""

    def __init__(self, services: Sequence[Service], switched: Provider | None) -> None:
        self.services, self.provider = services, switched
        self.driven: list[Driven] = []
        self._load, self._cpu = os.getloadavg()[0], self._spent()

    def sent(self, plan: Sequence[Planned], switches: Sequence[Switch] = ()) -> list[Seen]:
        """Sends a plan; each request with what became of it."""
        driven = send(plan, self.services, switches)
        self.driven.append(driven)
        return list(zip(plan, driven.replies, strict=True))

    def result(
        self, scenario: Scenario, wish: Wish, legs: Sequence[Leg], found: Mapping[str, float], notes: Sequence[str] = ()
    ) -> Result:
        """The scenario's result, its must-holds judged."""
        generator = generator_of(self.driven)
        cpu_s, wall_s = self._spent() - self._cpu, sum(one.wall_s for one in self.driven)
        asked = sum(reply.verdict.worth != "refused" for one in self.driven for reply in one.replies)
        said = list(notes)
        if generator.behind:
            said.append(
                f"The generator itself was behind its plan (p99 {generator.lag_p99_ms:.0f} ms): slow answers of this "
                "scenario may be its own."
            )
        return Result(
            name=scenario.name,
            says=scenario.says,
            provider="of the running service" if wish.outside is not None else scenario.provider,
            workers=None if wish.outside is not None else wish.workers,
            legs=legs,
            measures=found,
            missed=[missed for hold in scenario.holds if (missed := hold.missed(found)) is not None],
            notes=said,
            generator=generator,
            service_cpu_ms=cpu_s * 1000.0 / asked if asked else math.nan,
            service_cores=cpu_s / wall_s if wall_s else math.nan,
            service_mb=sum(service.memory_mb() for service in self.services),
            load_before=self._load,
            load_after=os.getloadavg()[0],
            seed=wish.seed,
            machine=machine(),
            measured_on=dt.datetime.now(dt.UTC).date().isoformat(),
        )

    def _spent(self) -> float:
        return sum(service.cpu_s() for service in self.services)


def run(scenario: Scenario, crowd: Crowd, wish: Wish, say: Say, peak: float | None = None) -> Result:
    """One scenario.

    Args:   peak: the peak goodput, for an overload that need not find it again.
    Raises: ServiceNotReady.
    """
    scenario = _as_wished(scenario, wish)
    traffic = Traffic(
        crowd,
        wish.seed,
        host=wish.host,
        headers=wish.headers,
        writes=wish.writes,
        strangers=wish.outside is not None,
        label="" if wish.outside is None else f"{time.time():.0f}-",
    )
    say(f"{scenario.name}: {scenario.says}")
    with _place(scenario, wish) as place:
        special: dict[Name, Callable[[], Result]] = {
            "ramp": lambda: _ramp(scenario, traffic, place, wish, say)[0],
            "overload": lambda: _overload(scenario, traffic, place, wish, say, peak),
            "outage": lambda: _outage(scenario, traffic, place, wish, say),
        }
        if scenario.name in special:
            return special[scenario.name]()
        return _one_leg(scenario, traffic, place, wish)


def _as_wished(scenario: Scenario, wish: Wish) -> Scenario:
    rate = scenario.rate if wish.rate is None else wish.rate
    shoppers = scenario.shoppers
    if shoppers and wish.rate is not None:
        shoppers = max(1, round(wish.rate * THINK_S))
    seconds = scenario.seconds if wish.seconds is None else wish.seconds
    if wish.requests is not None:
        seconds = max(1.0, wish.requests / (shoppers / THINK_S if shoppers else rate))
    warm_up_s = min(scenario.warm_up_s, seconds / 2.0)
    return replace(scenario, rate=rate, seconds=seconds, shoppers=shoppers, warm_up_s=warm_up_s)


@contextmanager
def _place(scenario: Scenario, wish: Wish) -> Iterator[Place]:
    with contextlib.ExitStack() as running:
        if wish.outside is not None:
            yield Place([wish.outside], None)
            return
        base, switched = None, None
        if scenario.provider != "none":
            switched = running.enter_context(provider("refused" if scenario.provider == "down" else "up"))
            base = switched.base
        wait = scenario.name != "cold"
        services = [running.enter_context(serving(wish.data, base, wish.workers, wait=wait))]
        if scenario.name == "outage":
            services.append(running.enter_context(serving(wish.data, None, wish.workers)))
        yield Place(services, switched)


def _one_leg(scenario: Scenario, traffic: Traffic, place: Place, wish: Wish) -> Result:
    whole = scenario.warm_up_s + scenario.seconds
    if scenario.shoppers:
        plan = traffic.shoppers(scenario.shoppers, whole)
    else:
        plan = traffic.open(scenario.rate, whole, beside=scenario.beside)
    seen = place.sent(plan, _flaps(scenario, place.provider))
    counted = [(p, r) for p, r in seen if p.due_s >= scenario.warm_up_s]
    found = figures(counted, scenario.warm_up_s, scenario.seconds)
    rate = sum(p.kind == "slate" for p, _ in counted) / scenario.seconds
    notes = []
    told = measures(found)
    if scenario.name == "cold":
        told["ready_s"] = place.services[0].ready_s
        first = [r.ms for p, r in counted if p.kind == "slate"][:1]
        notes = [
            f"Ready {place.services[0].ready_s:.1f} s after the start of the process; "
            f"the first slate took {first[0]:.0f} ms."
            if first
            else "No slate was planned."
        ]
    return place.result(scenario, wish, [Leg(scenario.name, rate, found)], told, notes)


def _flaps(scenario: Scenario, switched: Provider | None) -> list[Switch]:
    """Up, 500s, up, silence, and again, each for ten seconds after the warm-up."""
    if scenario.name != "flapping" or switched is None:
        return []
    ways: tuple[Way, ...] = ("up", "error500", "up", "hang")
    switches = []
    for turn, way in zip(range(math.ceil(scenario.seconds / FLAP_S)), itertools.cycle(ways), strict=False):
        switches.append(Switch(scenario.warm_up_s + turn * FLAP_S, functools.partial(switched.become, way)))
    return switches


def _ramp(scenario: Scenario, traffic: Traffic, place: Place, wish: Wish, say: Say) -> tuple[Result, float]:
    legs: list[Leg] = []
    rate, kept_up, gave_way = scenario.rate, 0.0, math.inf
    place.sent(traffic.open(rate, scenario.warm_up_s))
    while len(legs) < RAMP_STEPS and gave_way > RAMP_FINE * kept_up:
        found = figures(place.sent(traffic.open(rate, scenario.seconds)), 0.0, scenario.seconds)
        legs.append(Leg(f"{rate:.0f} {STEP}", rate, found))
        say(f"  {rate:.0f} slates/s: {found.goodput:.1f} in time")
        if found.goodput >= RAMP_ENDS * found.slates.planned / scenario.seconds:
            kept_up = rate
        else:
            gave_way = rate
        rate = rate * RAMP_FACTOR if gave_way == math.inf else math.sqrt(max(kept_up, gave_way / 2.0) * gave_way)
    legs.sort(key=lambda leg: leg.rate)
    best = max(legs, key=lambda leg: leg.figures.goodput)
    told = {**measures(best.figures), "peak_goodput": best.figures.goodput, "peak_at": best.rate}
    notes = [f"The peak is {best.figures.goodput:.1f} slates a second in time, at {best.rate:.0f} asked for."]
    if gave_way == math.inf:
        notes.append("The last step was still answered in time: the peak may lie higher.")
    return place.result(scenario, wish, legs, told, notes), best.figures.goodput


def _overload(scenario: Scenario, traffic: Traffic, place: Place, wish: Wish, say: Say, peak: float | None) -> Result:
    """The overload in turns with a ramp from three fifths of the peak, then three times the events, then half of it.

    What must hold is the share of the ramp's peak. The share of the best step of the turns is told too: a machine's own
    speed varies, and histories grow as they are written. The lower steps are there for a service that has fallen at
    its peak already: they would be the best.
    """
    legs: list[Leg] = []
    if peak is None:
        ramp, peak = _ramp(SCENARIOS["ramp"], traffic, place, wish, say)
        legs += ramp.legs
    else:
        place.sent(traffic.open(peak / 2.0, scenario.warm_up_s))
    rate, turn_s = scenario.rate * peak, scenario.seconds / OVERLOAD_TURNS
    asked = {"overload": (rate, 1.0 / scenario.rate)}
    asked |= {f"{share:.0%} of the peak": (share * peak, 1.0) for share in IN_TURNS}
    seen: dict[str, list[Seen]] = {name: [] for name in asked}
    for turn in range(OVERLOAD_TURNS):
        for name, (slates, doing) in reversed(asked.items()):
            seen[name] += _settled(place.sent(traffic.open(slates, SETTLE_S + turn_s, doing=doing)), turn * turn_s)
    found = {name: figures(those, 0.0, scenario.seconds) for name, those in seen.items()}
    busier = place.sent(traffic.open(rate, SETTLE_S + scenario.seconds))
    events_too = figures(_settled(busier, 0.0), 0.0, scenario.seconds)
    again = figures(place.sent(traffic.open(peak / 2.0, scenario.warm_up_s)), 0.0, scenario.warm_up_s)
    legs += [Leg(name, asked[name][0], of_it) for name, of_it in found.items()]
    legs.append(Leg("as many events more", rate, events_too))
    legs.append(Leg("after it, half of the peak", peak / 2.0, again))
    kept, beside = found["overload"].goodput, max(found[name].goodput for name in asked if name != "overload")
    told = {**measures(found["overload"]), "peak_goodput": peak, "goodput_of_peak": kept / peak}
    told |= {"goodput_in_turns": kept / beside, "with_events_goodput_of_peak": events_too.goodput / peak}
    return place.result(scenario, wish, legs, {**told, "available_after": again.availability})


def _settled(seen: Sequence[Seen], start_s: float) -> list[Seen]:
    """What was due after SETTLE_S, as if it had begun at `start_s`."""
    return [(replace(p, due_s=p.due_s - SETTLE_S + start_s), r) for p, r in seen if p.due_s >= SETTLE_S]


def _outage(scenario: Scenario, traffic: Traffic, place: Place, wish: Wish, say: Say) -> Result:
    """Turns of five seconds of the service whose provider is down and of one without a model, asked the same.

    As many of each: what is asked stays with the shoppers as their history, and longer histories take longer.
    """
    if place.provider is None:
        raise ValueError("an outage needs a provider of its own")
    place.sent(_both(traffic.open(min(scenario.rate, 5.0), scenario.warm_up_s), scenario.warm_up_s))
    rounds = max(1, round(scenario.seconds / (ROUND_S * len(DOWN))))
    pairs = max(1, round(scenario.seconds / (rounds * len(DOWN) * TURN_S)))
    turn_s = scenario.seconds / (rounds * len(DOWN) * pairs)
    down: list[Seen] = []
    plain: list[Seen] = []
    by_way: dict[Way, list[Seen]] = {way: [] for way in DOWN}
    for place_in_run, (_, way) in enumerate(itertools.product(range(rounds), DOWN)):
        place.provider.become(way)
        seen = place.sent(_turns(traffic, scenario.rate, turn_s, pairs))
        before, of_way = place_in_run * pairs, place_in_run // len(DOWN) * pairs
        mine, other = ([(p, r) for p, r in seen if p.target == target] for target in (0, 1))
        down += _in_a_row(mine, turn_s, before)
        by_way[way] += _in_a_row(mine, turn_s, of_way)
        plain += _in_a_row(other, turn_s, before)
        asked = sum(p.kind == "slate" for p, _ in down)
        say(f"  {asked:,} slates asked of the service whose provider is down (last: {WAY_NAMES[way]})")
    legs = [
        Leg("provider down", scenario.rate, figures(down, 0.0, scenario.seconds)),
        *(
            Leg(f"provider {WAY_NAMES[way]}", scenario.rate, figures(seen, 0.0, scenario.seconds / len(DOWN)))
            for way, seen in by_way.items()
        ),
        Leg("no model", scenario.rate, figures(plain, 0.0, scenario.seconds)),
    ]
    told, without = measures(legs[0].figures), measures(legs[-1].figures)
    told |= {f"no_model_{name}": without[name] for name in ("slates", "p50_ms", "p99_ms", "availability")}
    told |= {f"{name}_to_no_model": told[f"{name}_ms"] / without[f"{name}_ms"] for name in ("p50", "p99")}
    notes = []
    if told["slates"] < OUTAGE_REQUESTS:
        notes.append(
            f"{told['slates']:,.0f} slates; the target of {OUTAGE_REQUESTS:,} needs --requests {OUTAGE_REQUESTS}."
        )
    return place.result(scenario, wish, legs, told, notes)


def _turns(traffic: Traffic, rate: float, turn_s: float, pairs: int) -> list[Planned]:
    """Turns of the service that is measured, and of the one beside it under the same requests."""
    plan: list[Planned] = []
    for pair in range(pairs):
        plan += _both(traffic.open(rate, turn_s, start_s=pair * 2.0 * turn_s), turn_s)
    return plan


def _in_a_row(seen: Sequence[Seen], turn_s: float, pairs_before: int) -> list[Seen]:
    """The requests to one of the two services as if the other's turns were not there, after so many pairs of turns."""
    found = []
    for planned, reply in seen:
        pair, within = divmod(planned.due_s, 2.0 * turn_s)
        at = (pairs_before + pair) * turn_s + within - planned.target * turn_s
        found.append((replace(planned, due_s=at), reply))
    return found


def _both(plan: Sequence[Planned], seconds: float) -> list[Planned]:
    """A plan for the first service, then the same for the second."""
    return [*plan, *(replace(p, due_s=p.due_s + seconds, target=1) for p in plan)]
