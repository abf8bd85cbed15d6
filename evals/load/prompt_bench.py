"""What the prompt suite adds to the time of the provider: 360 scenarios, 16 calls at a time.

    python -m evals.load.prompt_bench        writes docs/prompt-bench.json

The provider is the SIMULATED one (docs/simulated.md) with 300 ms to the first token and 80 tokens a second; it tells
its own seconds per request, from the request read to the last byte written. An ideal caller would keep 16 of them
running without a gap: each call, in the suite's order, on the place that is free first. The suite's time runs from the
first call to the last finding of the last check; beforehand are imports, the golden set, posing and the warm-up.
"""

from __future__ import annotations

import argparse
import asyncio
import heapq
import json
import os
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx

from app.adapters.llm_library import import_litellm
from app.prompts import load_prompt
from app.settings import Settings
from evals.prompts import checks
from evals.prompts.golden import load_rerank
from evals.prompts.judging import Judge
from evals.prompts.providers import answers_of_simulated
from evals.prompts.suite import Plan, arun_suite
from evals.ranking.results import machine
from evals.rerank.asking import Pace
from evals.simulated.process import simulated_provider

ROOT = Path(__file__).resolve().parents[2]
OUT = ROOT / "docs" / "prompt-bench.json"
CONCURRENCY = 16
KNOBS = {"ttft_ms": 300, "tokens_per_s": 80, "requests_kept": 2000}


def ideal_s(seconds: Sequence[float], places: int) -> float:
    """When the last of these calls would end, each begun in their order on the place that is free first."""
    free = [0.0] * places
    for one in seconds:
        heapq.heappush(free, heapq.heappop(free) + one)
    return max(free)


def measure(scenarios: int) -> dict[str, Any]:
    """Seconds of the suite, of the provider and of an ideal caller, and the share that the suite adds."""
    settings = Settings()
    given = list(load_rerank())
    again = [replace(s, id=f"{s.id}-again", shuffle=f"{s.seed}/again") for s in given]
    prompt = load_prompt(settings.prompts_dir, "rerank", "v1")
    plan = Plan((prompt,), tuple([*given, *again][:scenarios]), checks.ALL, max_usd=10.0, pace=Pace(CONCURRENCY))
    import_litellm()
    with tempfile.TemporaryDirectory() as folder, simulated_provider(KNOBS) as base:
        model = answers_of_simulated(base, KNOBS, settings, Path(folder), CONCURRENCY)
        judge = Judge.of(settings.rules_dir)
        started, spent = time.perf_counter(), time.process_time()
        suite = asyncio.run(arun_suite(plan, [model], judge))
        whole_s, cpu_s = time.perf_counter() - started, time.process_time() - spent
        seen = httpx.get(base.removesuffix("/v1") + "/simulated/requests", timeout=10, trust_env=False).json()
    own = [float(one["seconds"]) for one in seen]
    ideal = ideal_s(own, CONCURRENCY)
    wall = suite.rounds[0].wall_s
    return {
        "scenarios": scenarios,
        "concurrency": CONCURRENCY,
        "calls": len(own),
        "provider_s": sum(own),
        "ideal_s": ideal,
        "suite_s": wall,
        "added_share": wall / ideal - 1.0,
        "with_posing_s": whole_s,
        "cpu_s": cpu_s,
        "load": os.getloadavg()[0],
        "findings": len(suite.runs[0].findings),
        "machine": machine(),
    }


def main() -> None:
    """Measures and writes docs/prompt-bench.json."""
    parser = argparse.ArgumentParser(prog="python -m evals.load.prompt_bench")
    parser.add_argument("--scenarios", type=int, default=360)
    parser.add_argument("--out", type=Path, default=OUT)
    given = parser.parse_args()
    text = json.dumps(measure(given.scenarios), indent=1, sort_keys=True) + "\n"
    given.out.write_text(text)
    print(text, end="")


if __name__ == "__main__":
    main()
