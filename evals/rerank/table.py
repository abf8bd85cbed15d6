"""What `--rerank` found, for a terminal."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

from evals.rerank.measure import Segment
from evals.rerank.orders import UNCAPPED
from evals.rerank.run import RerankEvaluation
from evals.statistics import Estimate


def print_rerank(result: RerankEvaluation, console: Console) -> None:
    """The label where there is one, the segments, the weights, how the model answered, and the gate."""

    def say(line: str, style: str | None = None) -> None:
        console.print(line, style=style, highlight=False, markup=False)

    if result.label:
        say(f"*** {result.label} ***", "bold red")
    say(
        f"{result.data}, {result.protocol}, cut {result.cut[:10]}: {result.model}, prompt {result.prompt_id} "
        f"{result.prompt_hash}; {result.used} of {result.cases} requests with a reply "
        f"({result.calls} calls made, {result.from_book} on file or asked already)"
    )
    if result.misses:
        say(f"{result.misses} requests have no reply and are left out: {result.miss_reason}", "yellow")
    for reason, n in result.not_asked.items():
        say(f"{n} requests left out: {reason}", "dim")
    if not result.searches:
        say("No shopper's search was followed by a purchase, so no stated intent could be measured.", "dim")
    console.print(_segments(result.segments))
    console.print(_weights(result.segments[0]))
    console.print(_lines(result.segments))
    s = result.service
    say(
        f"Replies: {s.complete:.1%} complete, {s.partial:.1%} partial, {s.unusable:.1%} unusable; {s.repaired:.1%} "
        f"needed repair {dict(s.repairs)}; outcomes {dict(s.outcomes)}"
    )
    cost = "cost not known" if s.cost_usd is None else f"${s.cost_usd:.4f}, ${s.cost_per_1000_usd:.4f} per 1,000"
    say(
        f"p50 {s.seconds_p50 * 1000:,.0f} ms, p95 {s.seconds_p95 * 1000:,.0f} ms, {s.in_time:.1%} ended within "
        f"{s.deadline_ms} ms; {s.input_tokens:,.0f} tokens in, {s.output_tokens:,.0f} out; {cost}; "
        f"this run paid ${result.spent_usd:.4f}"
    )
    say(
        "Uplift: paired difference in NDCG@10 to the baseline, 95% interval. The gate's figures are those of the half "
        "of the shoppers that did not choose the weight.",
        "dim",
    )
    if result.gate_written:
        say(result.gate_written, "red" if result.gate_refused else None)
    if result.label:
        say(f"*** {result.label} ***", "bold red")


def _segments(found: Sequence[Segment]) -> Table:
    table = _table("segment", "n (cut)", "baseline", "model alone", "uplift", "gate w, lift", "fused", "uplift", "cap")
    for s in found:
        gate = "by segment" if not s.intent else f"{s.gate_w:g}, {s.gate_max_lift} ({s.gate_source})"
        table.add_row(
            s.name,
            f"{s.n} ({s.cut})",
            f"{s.baseline.value:.4f}",
            f"{s.raw.value:.4f}",
            _difference(s.raw_uplift),
            gate,
            f"{s.fused.value:.4f}",
            _difference(s.fused_uplift),
            _difference(s.lift_cost),
        )
    return table


def _weights(everything: Segment) -> Table:
    lifts = sorted({point.max_lift for point in everything.curve})
    names = ["none" if lift == UNCAPPED else str(lift) for lift in lifts]
    table = _table("uplift, all; w", *(f"lift cap {name}" for name in names))
    at = {(point.w, point.max_lift): point.uplift for point in everything.curve}
    for w in sorted({point.w for point in everything.curve}):
        table.add_row(f"{w:g}", *(_difference(at[w, lift]) for lift in lifts))
    return table


def _lines(found: Sequence[Segment]) -> Table:
    table = _table("gate from this", "w tried", "half that chose", "half that reports", "n", "line")
    for s in found:
        e = s.earned
        if e is not None:
            line = f"none: {e.why_not}" if e.why_not else f"w {e.w:g}, maxLift {e.max_lift}"
            table.add_row(
                s.name, f"{e.tried_w:g}", _difference(e.choosing), _difference(e.reporting), str(e.reporting.n), line
            )
    return table


def _table(*headings: str) -> Table:
    table = Table(box=None, pad_edge=False)
    for i, heading in enumerate(headings):
        table.add_column(heading, justify="left" if i == 0 else "right")
    return table


def _difference(e: Estimate) -> str:
    return "–" if e.n == 0 else f"{e.value:+.4f} [{e.low:+.4f}, {e.high:+.4f}]"
