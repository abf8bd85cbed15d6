"""What every check makes of planted faults and of good outputs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from evals.hypotheses import Share, share
from evals.prompts.checks import ALL
from evals.prompts.checks.grounding import unproved_claims
from evals.prompts.checks.sentences import sentences
from evals.prompts.finding import Check
from evals.prompts.golden import load_rerank
from evals.prompts.outcome import Outcome
from evals.prompts.planted import faults_of_form, faults_of_order, faults_of_words
from evals.prompts.planted.fault import Fault, Planted
from evals.prompts.planted.good import Desk, Good

CASES = 30
"""Planted cases of each kind."""
CLEAN = 150
"""Good outputs, each with its shuffles, that false alarms are counted on."""
DETECTION_MIN, FALSE_ALARM_MAX = 0.95, 0.02

FAULTS: tuple[Fault, ...] = (*faults_of_form.FAULTS, *faults_of_words.FAULTS, *faults_of_order.FAULTS)

PER_SENTENCE = "grounding.claim_precision"
"""Its false alarms are counted by sentence, and by output beside it: one refused sentence fails an output of five."""


@dataclass(slots=True)
class Kind:
    """One kind of fault: how many were planted, and which checks failed on them that passed without."""

    fault: Fault
    planted: int = 0
    caught: int = 0  # by a check whose own fault it is
    by_check: Counter[str] = field(default_factory=Counter)
    missed: list[str] = field(default_factory=list)  # scenarios in which no own check failed

    @property
    def share(self) -> Share:
        """The share that was caught."""
        return share(self.caught, self.planted)


@dataclass(slots=True)
class Alarm:
    """One check on good outputs."""

    judged: int = 0
    false: int = 0
    examples: list[str] = field(default_factory=list)

    @property
    def share(self) -> Share:
        """The share of false alarms."""
        return share(self.false, self.judged)


@dataclass(slots=True)
class Table:
    """Everything that was found."""

    kinds: Mapping[str, Kind]
    alarms: Mapping[str, Alarm]  # by check; only those that say pass or fail
    sentences: Alarm  # of PER_SENTENCE, by sentence

    def detection(self, check: str) -> Share:
        """Of the planted faults that this check has to catch alone or with others, the share that it caught itself."""
        own = [kind for kind in self.kinds.values() if check in kind.fault.caught_by]
        return share(sum(k.by_check[check] for k in own), sum(k.planted for k in own))

    def misses(self, *, cases: int = CASES) -> list[str]:
        """What is not as promised, one line each; none when everything is."""
        found = []
        for kind in self.kinds.values():
            if kind.planted < cases:
                found.append(f"{kind.fault.name}: {kind.planted} planted, not {cases}")
            if kind.planted and kind.share.value < DETECTION_MIN:
                found.append(f"{kind.fault.name}: {kind.caught} of {kind.planted} caught")
        for name, alarm in self.alarms.items():
            told = self.sentences if name == PER_SENTENCE else alarm
            if told.judged and told.share.value > FALSE_ALARM_MAX:
                found.append(f"{name}: {told.false} false alarms in {told.judged}")
        return found


def measure(
    *,
    cases: int = CASES,
    clean: int = CLEAN,
    seed: int = 0,
    checks: Sequence[Check] = ALL,
    own_only: bool = False,
    scenarios: int | None = None,
) -> Table:
    """The table for these many cases of each kind and good outputs; the same for the same arguments.

    Args: own_only: planted faults are shown only to the checks that have to catch them, which is quicker;
          scenarios: how many golden scenarios are used, None = all.
    """
    desk = Desk()
    golden = load_rerank()
    step = 1 if scenarios is None else max(1, len(golden) // scenarios)
    goods = list(desk.goods(golden[::step], seed=seed))
    kinds = {fault.name: _kind(fault, goods, cases, checks, own_only=own_only) for fault in FAULTS}
    alarms: dict[str, Alarm] = {}
    by_sentence = Alarm()
    for good in goods[:clean]:
        _alarms((good.outcome, *good.shuffled), checks, alarms)
        _sentence_alarms(good.outcome, by_sentence)
    return Table(kinds, alarms, by_sentence)


def _kind(fault: Fault, goods: Sequence[Good], cases: int, checks: Sequence[Check], *, own_only: bool) -> Kind:
    kind = Kind(fault)
    wanted = [c for c in checks if not own_only or c.name in fault.caught_by]
    # Kinds begin at different outputs, so that not all of them rest on the same few.
    start = sum(map(ord, fault.name)) % max(1, len(goods))
    for good in (*goods[start:], *goods[:start]):
        if kind.planted == cases:
            break
        planted = fault.plant(good)
        if planted is not None:
            _count(kind, planted, wanted)
    return kind


def _count(kind: Kind, planted: Planted, checks: Sequence[Check]) -> None:
    """Counts a case. One in which a check whose fault it is fails already without the fault shows nothing: left out."""
    before = failing(planted.clean, checks)
    if before & set(kind.fault.caught_by):
        return
    new = failing(planted.faulty, checks) - before
    kind.planted += 1
    kind.by_check.update(new)
    if new & set(kind.fault.caught_by):
        kind.caught += 1
    else:
        kind.missed.append(planted.faulty[-1].scenario.id)


def failing(outcomes: Sequence[Outcome], checks: Sequence[Check]) -> set[str]:
    """Names of the checks that fail on these outcomes."""
    return {f.check for check in checks for f in check.of(outcomes) if f.passed is False}


def _alarms(outcomes: Sequence[Outcome], checks: Sequence[Check], alarms: dict[str, Alarm]) -> None:
    for check in checks:
        for found in check.of(outcomes):
            if found.passed is None:
                continue
            alarm = alarms.setdefault(check.name, Alarm())
            alarm.judged += 1
            if not found.passed:
                alarm.false += 1
                alarm.examples.append(f"{found.scenario}: {found.detail}")


def _sentence_alarms(outcome: Outcome, alarm: Alarm) -> None:
    for said in sentences(outcome):
        alarm.judged += 1
        if unproved_claims(outcome, said)[0]:
            alarm.false += 1
            alarm.examples.append(f"{said.alias} {said.bare}")
