"""docs/benchmarks.md, written from docs/benchmarks.json so that page and figures can't differ."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

TARGETS = {
    "demo": "home p95 ≤ 12 ms",
    "synthetic 100000": "home p95 ≤ 25 ms, memory ≤ 2 GiB, ready ≤ 15 s",
    "synthetic 500000": "measured once, no target",
    "retail": "import < 60 s, train ≤ 3 min, tune ≤ 15 min",
}
NAMES = {
    "demo": "Demo shop",
    "synthetic 100000": "100,000 synthetic products",
    "synthetic 500000": "500,000 synthetic products",
    "retail": "Online Retail II",
}


def write_page(measured: Mapping[str, Any], path: Path) -> None:
    """Writes the page."""
    path.write_text("\n".join(_lines(measured)) + "\n")


def _lines(measured: Mapping[str, Any]) -> Iterator[str]:
    machine = measured["machine"]
    yield "# Benchmarks"
    yield ""
    yield "Written by `make bench` from `docs/benchmarks.json`; do not edit by hand."
    yield ""
    yield (
        f"Machine of the last run: {machine['cores']} cores ({machine['cpu']}), {machine['memory_gib']} GiB, "
        f"Python {machine['python']}. Latency is what a caller of `RecommendationService.recommend` waits, one request "
        "at a time, limit 5, template reasons, in a process of its own after 50 requests of warm-up. "
        "Ready is from process start, imports included, to the first request that can be answered. "
        "Memory is the peak resident size of that process, memory-mapped files included. "
        "Synthetic shops have random vectors and say nothing about ranking."
    )
    yield ""
    yield "| shop | request | p50 ms | p95 ms | p99 ms | ready s | memory MiB | asked for |"
    yield "|---|---|---|---|---|---|---|---|"
    for key, name in _known(measured):
        result = measured[key]
        for i, (kind, ms) in enumerate(result["latency_ms"].items()):
            rest = f"{result['ready_s']:.1f} | {result['peak_mib']:.0f} | {TARGETS.get(key, '')}" if i == 0 else " | | "
            figures = " | ".join(f"{ms[p]:.1f}" for p in ("p50", "p95", "p99"))
            yield f"| {name if i == 0 else ''} | {kind} | {figures} | {rest} |"
    yield ""
    yield "Median milliseconds per stage of a home request:"
    yield ""
    yield "| shop | profile | candidates | ranking | reasons |"
    yield "|---|---|---|---|---|"
    for key, name in _known(measured):
        stages = measured[key]["stages_ms"]
        yield (
            f"| {name} | "
            + " | ".join(f"{stages[s]:.2f}" for s in ("profile", "candidates", "ranking", "reasons"))
            + " |"
        )
    yield ""
    yield "| shop | import s | embedding s (products) | train s | train --tune s |"
    yield "|---|---|---|---|---|"
    for key, name in _known(measured):
        result = measured[key]
        if "train_s" in result:
            embedded = f"{result['embed_s']:.1f} ({result['embedded']:,})" if "embed_s" in result else "-"
            seconds = [
                f"{result[k]:.1f}" if result.get(k) is not None else "-" for k in ("import_s", "train_s", "tune_s")
            ]
            yield f"| {name} | {seconds[0]} | {embedded} | {seconds[1]} | {seconds[2]} |"
    if "model" in measured:
        yield from _model(measured["model"])
    if "shelves" in measured:
        yield from _shelves(measured["shelves"])
    for key, name in _known(measured):
        for part, why in measured[key]["degraded"].items():
            yield f"\n{name} ran degraded: {part}: {why}"
    if "events" in measured:
        yield from _events(measured["events"])
    if "paths" in measured:
        yield from _paths(measured["paths"])


def _paths(found: Mapping[str, Any]) -> Iterator[str]:
    yield ""
    yield "## Paths of a request"
    yield ""
    yield (
        f"`python -m evals.load.path_bench`: one worker over HTTP, {found['connections']} connections, beside an "
        f"endpoint that computes nothing and returns as many bytes ({found['bytes']:,}) from the same cores. CPU is "
        f"the serving process's, per request. Load average before it began: {found['load_before']:.1f}. "
        "What bounds each path: docs/capacity.md."
    )
    yield ""
    yield "| path | requests/s | CPU ms | p50 ms | p95 ms | of bare, requests/s | of bare, CPU |"
    yield "|---|---|---|---|---|---|---|"
    for name, path in sorted(found["paths"].items(), key=lambda entry: float(entry[1]["cpu_ms"])):
        yield (
            f"| {name} | {path['per_s']:,.0f} | {path['cpu_ms']:.3f} | {path['p50']:.2f} | {path['p95']:.2f} "
            f"| {path['of_bare_wall']:.3f} | {path['of_bare']:.3f} |"
        )


def _model(model: Mapping[str, Any]) -> Iterator[str]:
    yield ""
    yield "## The model stage, against the simulated provider"
    yield ""
    yield (
        "`python -m evals.load.model_bench`. The provider is a program (docs/simulated.md): these are times, tokens "
        "and counts, and none is the quality of a model. Prices are those of gpt-4o-mini."
    )
    yield ""
    yield "| what | p50 | p95 | p99 | asked for |"
    yield "|---|---|---|---|---|"
    for key, name, unit, target in (
        ("added_ms", "model path beyond the provider's own time", "ms", "p95 ≤ 12 ms"),
        ("late_ms", "answer at a deadline of 500 ms, provider takes 3 s, 8 at a time", "ms", "p99 ≤ 550 ms"),
        ("cached_ms", "answer from the cache", "ms", "p95 ≤ 4 ms"),
        ("first_event_ms", "first event of a stream", "ms", "≤ 50 ms"),
        ("first_event_of_four_ms", "first event of a stream, four streams at a time", "ms", "≤ 50 ms"),
        ("tokens_in", "tokens in, limit 5", "", "≤ 2,000"),
        ("tokens_out", "tokens out, limit 5", "", "≤ 300"),
    ):
        if key not in model:
            continue  # a run of an earlier version
        figures = " | ".join(f"{model[key][p]:,.1f} {unit}".strip() for p in ("p50", "p95", "p99"))
        yield f"| {name} | {figures} | {target} |"
    dollars = " | ".join(f"${model['usd'][p]:.5f}" for p in ("p50", "p95", "p99"))
    yield f"| cost of a call | {dollars} | ≤ $0.0005 |"
    yield ""
    yield f"Model prose that was proved and shown: {model['prose_shown']:.0%} of the items of {model['calls']} slates."
    yield ""
    yield "Share of a slate that the model's order reached by the deadline (first token 150 ms, 150 tokens a second):"
    yield ""
    kept = sorted((int(deadline), share) for deadline, share in model["kept_by_deadline"].items())
    yield "| deadline ms | " + " | ".join(str(deadline) for deadline, _ in kept) + " |"
    yield "|---" * (len(kept) + 1) + "|"
    yield "| share | " + " | ".join(f"{share:.2f}" for _, share in kept) + " |"


def _events(events: Mapping[str, Any]) -> Iterator[str]:
    yield ""
    yield "## Events over HTTP"
    yield ""
    yield (
        "`python -m evals.load.events_bench`: one worker on a copy of the demo shop, a client on the same cores, every "
        "event on the disk before its answer. Milliseconds are from when a request was due. Load average "
        f"when it began, beside this measurement: {events['load_before']:.1f}."
    )
    yield ""
    yield "| measured | figure | asked for |"
    yield "|---|---|---|"
    yield f"| events a second, batches of 50, 8 at a time | {events['events_per_s']:,.0f} | ≥ 2,000 |"
    for name, key in (
        (f"answer to a batch of 50 at {events['paced_events_per_s']:,.0f} events a second", "batch_ms"),
        ("answer to a single event, 50 a second", "single_ms"),
    ):
        yield f"| {name} | {_said(events[key])} | - |"
    yield f"| a dismissal and the next slate, without the product | {_said(events['changed_ms'])} | p95 ≤ 100 ms |"
    yield f"| accepted events that the database lacks, of {events['accepted']:,} | {events['missing']} | 0 |"


def _said(ms: Mapping[str, float]) -> str:
    return ", ".join(f"{p} {ms[p]:.1f} ms" for p in ("p50", "p95", "p99"))


def _shelves(shelves: Mapping[str, Any]) -> Iterator[str]:
    yield ""
    yield "## Shelves"
    yield ""
    yield (
        f"`python -m evals.load.shelf_bench`: {shelves['products']:,} synthetic products, {shelves['requests']:,} "
        "requests of each kind, one at a time, through `ShelfService.show`, without reasons; half for a shopper with "
        "a history. Search texts are new ones, so that each is embedded, but for 30 in `everything matches`."
    )
    yield ""
    yield "| shelf | p50 ms | p95 ms | p99 ms | asked for |"
    yield "|---|---|---|---|---|"
    for name, ms in shelves["latency_ms"].items():
        target = 30 if name.startswith("search") else 8
        yield f"| {name} | " + " | ".join(f"{ms[p]:.1f}" for p in ("p50", "p95", "p99")) + f" | p95 ≤ {target} ms |"
    yield ""
    yield (
        f"The events of the last five weeks are read and counted in {shelves['events_counted_s']:.1f} s after the "
        f"start and in {shelves['events_counted_again_s']:.1f} s again, in a thread of its own."
    )
    for part, why in shelves["degraded"].items():
        yield f"\nThe shelves ran degraded: {part}: {why}"


def _known(measured: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for key in measured:
        if key not in ("machine", "model", "events", "shelves", "paths"):
            yield key, NAMES.get(key, key)
