"""Row 20 with two workers: each has a breaker of its own, and asks a provider that is down once per cool-down."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

import pytest

from app.adapters.llm_breaker import COOL_DOWN_S
from tests.support.fault_server import FaultServer
from tests.support.provider_faults import good, status
from tests.support.running_workers import RunningWorkers, start_workers, wait_for

WATCHED_S = 3 * COOL_DOWN_S
PAUSE_S = 0.1
SPARE = 1
"""A cool-down begins when its probe ends, so a stretch of three of them holds one more probe at most."""


def reason(service: RunningWorkers, pid: int, turn: int) -> str | None:
    """Why a shopper who was not seen before got no model's order from this worker; None: they got it."""
    question = f"/api/recommendations?userId=outage-{pid}-{turn}&query=tent+{pid}+{turn}&deadlineMs=1000"
    meta = service.ask(pid, question)["meta"]
    return None if meta["strategy"] in {"llm", "cache"} else str(meta["fallbackReason"])


@pytest.mark.slow
def test_one_probe_per_worker_and_cool_down(demo_data_dir: Path, tmp_path: Path) -> None:
    """Every worker opens within 20 calls, then one probe per cool-down; both recover within two cool-downs."""
    data_dir = Path(shutil.copytree(demo_data_dir, tmp_path / "data"))
    with FaultServer() as provider:
        provider.fault = status(500)
        model = {
            "SHELFWISE_LLM_MODEL": "openai/fault-model",
            "SHELFWISE_LLM_API_BASE": provider.url,
            "SHELFWISE_LLM_API_KEY": "none",
            "SHELFWISE_LLM_PRICE_INPUT_USD": "0.15",
            "SHELFWISE_LLM_PRICE_OUTPUT_USD": "0.60",
            "SHELFWISE_CONSENT_DEFAULT": "full,true",
        }
        with start_workers(data_dir, **model) as service:
            workers = sorted(service.workers())
            assert len(workers) == 2
            for pid in workers:
                told = [reason(service, pid, turn) for turn in range(40)]
                assert told[20:] == ["circuit_open"] * 20
            before = len(provider.requests)
            began, turn = time.monotonic(), 100
            while time.monotonic() - began < WATCHED_S:
                for pid in workers:
                    assert reason(service, pid, turn) in {"circuit_open", "provider_error"}
                turn += 1
                time.sleep(PAUSE_S)
            probes = len(provider.requests) - before
            assert len(workers) <= probes <= len(workers) * (WATCHED_S / COOL_DOWN_S + SPARE)
            provider.fault = good
            for pid in workers:
                turns = iter(range(turn + 1, 10**6))
                wait_for(
                    lambda pid=pid, turns=turns: reason(service, pid, next(turns)) is None, "order", 2 * COOL_DOWN_S
                )
