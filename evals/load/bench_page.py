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
    for key, name in _known(measured):
        for part, why in measured[key]["degraded"].items():
            yield f"\n{name} ran degraded: {part}: {why}"


def _known(measured: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for key in measured:
        if key != "machine":
            yield key, NAMES.get(key, key)
