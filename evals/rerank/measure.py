"""Baseline, model and fusion compared on the same cases, and the weight that each gate segment has earned.

The weight is chosen on one half of a segment's shoppers and its interval taken from the other half, which chose
nothing: a best of seven is better than it looks on the cases that made it the best.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from app.domain.catalog import BoolArray, FloatArray
from app.domain.ranking import HISTORY_BUCKETS
from app.pipeline.gate_schema import INTENTS, Gate, gate_line
from evals.rerank.cases import Case
from evals.rerank.orders import UNCAPPED, Answered, ndcg
from evals.rerank.replies import RecordedReply
from evals.statistics import Bootstrap, Estimate

WEIGHTS = (0.1, 0.2, 0.35, 0.5, 0.65, 0.8, 1.0)
LIFTS = (3, 5, 8, 12, UNCAPPED)
FEWEST = 20
"""Cases of the half that reports under which a segment keeps its prior: no interval would mean anything."""
USABLE = 0.9
"""Share of replies that must be usable before a gate is written: else a provider's bad day would be measured."""


@dataclass(frozen=True, slots=True)
class CurvePoint:
    """The fusion at one weight and one lift, over all cases of a segment."""

    w: float
    max_lift: int
    ndcg: Estimate
    uplift: Estimate  # paired, over the baseline


@dataclass(frozen=True, slots=True)
class Earned:
    """What a segment's line of the gate says after measuring. Not written where `why_not` says why."""

    w: float  # 0 where the interval does not lie above 0
    max_lift: int  # as the gate in force has it; 0 where w is
    tried_w: float  # best on the half that chose
    choosing: Estimate  # its uplift there: what a choice on the same cases would have claimed
    reporting: Estimate  # its uplift on the other half
    interval: tuple[float, float]  # of `reporting`, rounded outwards to four decimals
    why_not: str = ""


@dataclass(frozen=True, slots=True)
class Segment:
    """One gate segment, or all together. Uplifts are paired differences in NDCG@10 to the baseline."""

    name: str  # "11+/none"
    history: str
    intent: str
    n: int
    cut: int  # of them with a history cut to its last interactions
    baseline: Estimate
    raw: Estimate  # the model's order alone: w 1, no lift cap
    raw_uplift: Estimate
    gate_w: float  # of the gate in force
    gate_max_lift: int
    gate_source: str
    fused: Estimate  # under the gate in force
    fused_uplift: Estimate
    lift_cost: Estimate  # what that maxLift costs at that w: with the cap minus without; below 0 = it costs
    raw_lift_cost: Estimate  # the same at w 1
    curve: Sequence[CurvePoint]
    earned: Earned | None  # None for all together


@dataclass(frozen=True, slots=True)
class Service:
    """How the model answered. Shares are of the replies used."""

    replies: int
    outcomes: Mapping[str, int]
    complete: float  # all that was asked for, in order
    partial: float
    unusable: float  # the baseline stayed
    repaired: float  # something had to be set right
    repairs: Mapping[str, int]
    seconds_p50: float
    seconds_p95: float
    in_time: float  # ended within the deadline of a request
    deadline_ms: int
    input_tokens: float  # mean
    output_tokens: float  # mean
    cost_usd: float | None  # of all replies used, when it was paid; None where a cost is not known
    cost_per_1000_usd: float | None


def segments(
    found: Sequence[Answered], gate: Gate, model: str, prompt_hash: str, *, seed: int, resamples: int
) -> list[Segment]:
    """All cases together, then every gate segment that has any, in the gate's order."""
    result = [_segment("all", "", "", list(found), gate, model, prompt_hash, seed=seed, resamples=resamples)]
    for intent in INTENTS:
        for history in HISTORY_BUCKETS:
            own = [one for one in found if (one.case.history, one.case.intent) == (history, intent)]
            if own:
                name = f"{history}/{intent}"
                result.append(
                    _segment(name, history, intent, own, gate, model, prompt_hash, seed=seed, resamples=resamples)
                )
    return result


def _segment(
    name: str,
    history: str,
    intent: str,
    found: list[Answered],
    gate: Gate,
    model: str,
    prompt_hash: str,
    *,
    seed: int,
    resamples: int,
) -> Segment:
    lines = [gate_line(gate, one.case.history, one.case.intent, model, prompt_hash) for one in found]
    draw = Bootstrap(len(found), seed, resamples)
    base = ndcg(found, 0.0, 0)
    by_point = {(w, lift): ndcg(found, w, lift) for w in WEIGHTS for lift in LIFTS}
    fused, uncapped, raw_capped = (
        np.concatenate([ndcg([one], *at(line)) for one, line in zip(found, lines, strict=True)])
        for at in (
            lambda line: (line.w, line.max_lift),
            lambda line: (line.w, UNCAPPED),
            lambda line: (1.0, line.max_lift),
        )
    )
    raw = by_point[1.0, UNCAPPED]
    line = lines[0]
    earned = None
    if intent:
        # A segment that a measurement switched off has no lift of its own; the prior's bounds it again.
        cap = line.max_lift if line.w > 0 else gate.priors[line.history, line.intent].max_lift
        at_lift = {w: ndcg(found, w, cap) for w in WEIGHTS}
        earned = _earned(found, at_lift, base, cap, seed=seed, resamples=resamples)
    return Segment(
        name=name,
        history=history,
        intent=intent,
        n=len(found),
        cut=sum(one.case.cut for one in found),
        baseline=draw.estimate(base),
        raw=draw.estimate(raw),
        raw_uplift=draw.paired(raw, base),
        gate_w=line.w if intent else math.nan,
        gate_max_lift=line.max_lift if intent else 0,
        gate_source=line.source if intent else "by segment",
        fused=draw.estimate(fused),
        fused_uplift=draw.paired(fused, base),
        lift_cost=draw.paired(fused, uncapped),
        raw_lift_cost=draw.paired(raw_capped, raw),
        curve=[
            CurvePoint(w, lift, draw.estimate(values), draw.paired(values, base))
            for (w, lift), values in by_point.items()
        ],
        earned=earned,
    )


def _earned(
    found: Sequence[Answered],
    at_lift: Mapping[float, FloatArray],
    base: FloatArray,
    max_lift: int,
    *,
    seed: int,
    resamples: int,
) -> Earned:
    """The weight chosen on one half of the shoppers, and what it is worth on the other."""
    chooses = halves([one.case for one in found], seed)
    uplift = {w: values - base for w, values in at_lift.items()}
    means = {w: float(values[chooses].mean()) if chooses.any() else 0.0 for w, values in uplift.items()}
    tried = max(WEIGHTS, key=lambda w: (round(means[w], 9), -w))  # of equals the least trusting
    reports = ~chooses
    choosing = Bootstrap(int(chooses.sum()), seed, resamples).estimate(uplift[tried][chooses])
    reporting = Bootstrap(int(reports.sum()), seed, resamples).estimate(uplift[tried][reports])
    interval = outwards(reporting)
    # Where few cases differ, the lower end of a bootstrap is exactly 0 whatever the others would have been; and a
    # model that changes nothing is not worth a call.
    gains = interval[0] > 0.0
    few = reporting.n < FEWEST
    return Earned(
        w=tried if gains else 0.0,
        max_lift=max_lift if gains else 0,
        tried_w=tried,
        choosing=choosing,
        reporting=reporting,
        interval=interval,
        why_not=f"{reporting.n} cases report, {FEWEST} are needed" if few else "",
    )


def halves(cases: Sequence[Case], seed: int) -> BoolArray:
    """Which cases choose, shape (n,): a random half of the shoppers, drawn with the seed from their sorted ids."""
    users = sorted({case.user_id for case in cases})
    order = np.random.default_rng(seed).permutation(len(users))
    choosing = {users[place] for place in order[: len(users) // 2].tolist()}
    return np.asarray([case.user_id in choosing for case in cases], dtype=np.bool_)


def outwards(estimate: Estimate) -> tuple[float, float]:
    """The interval with four decimals, never narrower than it is: a loss of 0.00001 is not rounded away."""
    if estimate.n == 0:
        return -1.0, 1.0
    low, high = math.floor(estimate.low * 1e4) / 1e4, math.ceil(estimate.high * 1e4) / 1e4
    return low + 0.0, high + 0.0  # no minus zero


def service(found: Sequence[Answered], deadline_ms: int) -> Service:
    """Validity, repairs, latency and cost of the replies used."""
    replies: list[RecordedReply] = [one.reply for one in found]
    n = max(1, len(replies))
    seconds = np.asarray([reply.seconds for reply in replies] or [math.nan])
    costs = [reply.cost_usd for reply in replies]
    known = [cost for cost in costs if cost is not None]
    total = sum(known) if len(known) == len(costs) else None
    repairs: Counter[str] = Counter()
    for one in found:
        repairs.update(one.repairs)
    strategies = Counter(one.strategy for one in found)
    return Service(
        replies=len(replies),
        outcomes=dict(Counter(reply.outcome for reply in replies).most_common()),
        complete=strategies["llm"] / n,
        partial=strategies["partial"] / n,
        unusable=strategies["baseline"] / n,
        repaired=sum(bool(one.repairs) for one in found) / n,
        repairs=dict(repairs.most_common()),
        seconds_p50=float(np.percentile(seconds, 50)),
        seconds_p95=float(np.percentile(seconds, 95)),
        in_time=float((seconds <= deadline_ms / 1000.0).mean()),
        deadline_ms=deadline_ms,
        input_tokens=sum(reply.input_tokens for reply in replies) / n,
        output_tokens=sum(reply.output_tokens for reply in replies) / n,
        cost_usd=total,
        cost_per_1000_usd=None if total is None else 1000.0 * total / n,
    )
