"""Are the verdicts right? Two runs of the golden set whose quality is known, compared 200 times with other seeds.

    python -m evals.prompts.verdict_trials [--runs 200] [--docs docs]

A model of known quality ranks every scenario: the simulated provider's own ranking code (evals/simulated/utility.py),
in process, with the scenarios' grades planted as its hidden preferences. From run to run its noise differs, drawn
anew for either side. Both sides are then compared by `evals.prompts.verdicts` as two prompts are.

Three pairings: the better one new (0.8 against 0.5), the worse one new, and both alike. Right is: "better" of the whole
set for every graded check and "worse" nowhere; the mirror of that; and no verdict at all in any row of the table.
Ends with 1 when a pairing is right in fewer than 95% of its runs.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from app.adapters.gate_file import load_gate
from app.domain.model_calls import ModelReply
from app.domain.ranking import RankedItem, Usage
from app.pipeline.fusion import fuse
from app.pipeline.gate_schema import Gate
from app.pipeline.repair import ORDER_MAX, RepairedReply
from app.prompts import Prompt, load_prompt
from app.settings import shipped_directory
from evals.hypotheses import share
from evals.prompts.checks.ranking import CHECKS, CONTROLS
from evals.prompts.finding import Check, Finding
from evals.prompts.golden import load_rerank
from evals.prompts.outcome import Outcome, Posed
from evals.prompts.posing import pose
from evals.prompts.scenario import Scenario
from evals.prompts.verdicts import EVERYTHING, Verdict, verdicts
from evals.simulated.knobs import Knobs
from evals.simulated.reading import RerankPrompt, Turn, read_rerank
from evals.simulated.utility import Preferences, ranked, utilities

ROOT = Path(__file__).resolve().parents[2]
RUNS = 200
RIGHT_MIN = 0.95
GRADED = ("ranking.ndcg", "ranking.mrr", "ranking.slate_ndcg")
"""Checks that must tell 0.8 from 0.5 on the whole set."""
TRIED: tuple[Check, ...] = tuple(c for c in CHECKS if c not in CONTROLS and c.name != "ranking.over_baseline")
"""The family of a trial. What is over the baseline is left out: its difference is that of ndcg, to the last digit."""


@dataclass(frozen=True, slots=True)
class Pairing:
    """Two qualities of the provider, and the verdict that is right."""

    name: str
    new: float
    old: float
    right: Literal["better", "worse", "no evidence"]


PAIRINGS = (
    Pairing("better", 0.8, 0.5, "better"),
    Pairing("worse", 0.5, 0.8, "worse"),
    Pairing("equal", 0.8, 0.8, "no evidence"),
    Pairing("equal, both weak", 0.5, 0.5, "no evidence"),
)


@dataclass(slots=True)
class Trial:
    """What 200 comparisons of one pairing came to."""

    pairing: Pairing
    runs: int = 0
    right: int = 0
    false_rows: Counter[str] = field(default_factory=Counter)  # "check segment outlook" → runs with that false verdict
    found: Counter[str] = field(default_factory=Counter)  # "check segment" → runs with the right verdict
    rows: int = 0  # hypotheses in a table
    cases: int = 0
    shoppers: int = 0
    detectable: float = 0.0  # of ranking.ndcg over the whole set, mean over runs
    difference: float = 0.0  # likewise


@dataclass(frozen=True, slots=True)
class Ready:
    """A scenario posed once, with what the provider makes of it before its noise."""

    posed: Posed
    prompt: RerankPrompt
    hidden: Mapping[str, float]


class Bench:
    """The golden scenarios with grades, ready to be ranked at any quality."""

    def __init__(self, scenarios: Sequence[Scenario], prompt: Prompt, gate: Gate) -> None:
        self._gate = gate
        self.ready = [made for s in scenarios if max(s.grades.values(), default=0) > 0 and (made := _ready(s, prompt))]
        self.scenarios = {one.posed.scenario.id: one.posed.scenario for one in self.ready}

    def findings(self, quality: float, seed: int) -> list[Finding]:
        """The graded checks over one run at this quality."""
        knobs = Knobs(quality=quality, seed=seed)
        outcomes = [self.outcome(one, knobs) for one in self.ready]
        return [found for check in TRIED for outcome in outcomes for found in check.of([outcome])]

    def outcome(self, one: Ready, knobs: Knobs) -> Outcome:
        """What the provider's ranking makes of one scenario: the order, and the slate fused without slate rules."""
        scenario, given = one.posed.scenario, one.posed.given
        aliases = ranked(one.prompt, one.hidden, knobs)[:ORDER_MAX]
        order = tuple(given.product_of[alias] for alias in aliases)
        ids = [c.product.product_id for c in scenario.candidates]
        line = self._gate.priors[scenario.history, scenario.intent]
        place = {p: i for i, p in enumerate(ids)}
        fused = fuse(range(len(ids)), [place[p] for p in order], line.w, line.max_lift)
        slate = tuple(RankedItem(ids[i], n, 1.0) for n, i in enumerate(fused[:10], start=1))
        reply = ModelReply("complete", "", Usage(0, 0), "simulated", 0.0)
        read = RepairedReply(order=tuple(aliases), complete_order=True, valid=True)
        return Outcome(one.posed, "simulated", "simulated", reply, read, order, slate, gate=line)


def _ready(scenario: Scenario, prompt: Prompt) -> Ready | None:
    posed = pose(scenario, prompt)
    turns = [Turn(message.role, message.content) for message in posed.call.messages]
    read = read_rerank(turns)
    if read is None:
        return None
    planted = Preferences(grades={c.product.name: float(c.grade) for c in scenario.candidates if c.grade is not None})
    return Ready(posed, read, utilities(read, planted))


def bench(scenarios: Sequence[Scenario] | None = None) -> Bench:
    """The bench of the shipped prompt, gate and golden set."""
    prompt = load_prompt(shipped_directory("prompts"), "rerank", "v1")
    return Bench(load_rerank() if scenarios is None else scenarios, prompt, load_gate(shipped_directory("rules")))


def try_pairing(on: Bench, pairing: Pairing, runs: int, *, resamples: int = 400) -> Trial:
    """Compares the two sides `runs` times with noise of their own."""
    trial = Trial(pairing)
    for run in range(runs):
        new, old = on.findings(pairing.new, 2 * run), on.findings(pairing.old, 2 * run + 1)
        _count(trial, verdicts(new, old, on.scenarios, TRIED, seed=run, resamples=resamples))
    trial.detectable /= max(1, runs)
    trial.difference /= max(1, runs)
    return trial


def _count(trial: Trial, found: Sequence[Verdict]) -> None:
    right = trial.pairing.right
    trial.runs += 1
    trial.rows = len(found)
    false = [v for v in found if v.outlook not in (right, "no evidence")]
    trial.false_rows.update(f"{v.check} {v.segment} {v.outlook}" for v in false)
    trial.found.update(f"{v.check} {v.segment}" for v in found if v.outlook == right)
    whole = {v.check: v for v in found if v.segment == EVERYTHING}
    trial.right += not false and all(whole[name].outlook == right for name in GRADED)
    ndcg = whole["ranking.ndcg"]
    trial.cases, trial.shoppers = ndcg.cases, ndcg.shoppers
    trial.detectable += ndcg.detectable
    trial.difference += ndcg.difference.value


def row_of(trial: Trial) -> dict[str, Any]:
    """A trial as plain data."""
    told = share(trial.right, trial.runs)
    graded = {name.partition(" ")[2]: n for name, n in sorted(trial.found.items()) if name.startswith("ranking.ndcg ")}
    return {
        "pairing": trial.pairing.name,
        "newQuality": trial.pairing.new,
        "oldQuality": trial.pairing.old,
        "runs": trial.runs,
        "right": trial.right,
        "interval": [round(told.low, 4), round(told.high, 4)],
        "falseVerdicts": dict(trial.false_rows.most_common()),
        "ndcgRightBySegment": graded if trial.pairing.right != "no evidence" else {},
        "hypotheses": trial.rows,
        "cases": trial.cases,
        "shoppers": trial.shoppers,
        "ndcgDifference": round(trial.difference, 4),
        "ndcgDetectable": round(trial.detectable, 4),
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the trials and writes prompt-verdicts.json; 1 where a pairing is right too seldom."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=RUNS)
    parser.add_argument("--docs", type=Path, default=ROOT / "docs")
    parser.add_argument("--only", choices=[p.name for p in PAIRINGS], action="append", help="the rest stays as it was")
    given = parser.parse_args(arguments)
    path = given.docs / "prompt-verdicts.json"
    kept = json.loads(path.read_text(encoding="utf-8"))["runs"] if path.exists() and given.only else []
    rows = {row["pairing"]: row for row in kept}
    on = bench()
    for pairing in PAIRINGS:
        if given.only is None or pairing.name in given.only:
            trial = try_pairing(on, pairing, given.runs)
            rows[pairing.name] = row_of(trial)
            sys.stdout.write(f"{pairing.name}: right in {trial.right} of {trial.runs}\n")
            sys.stdout.flush()
    told = [rows[p.name] for p in PAIRINGS if p.name in rows]
    report = {"rightMin": RIGHT_MIN, "runs": told}
    path.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    return 0 if all(row["right"] >= RIGHT_MIN * row["runs"] for row in told) else 1


if __name__ == "__main__":
    sys.exit(main())
