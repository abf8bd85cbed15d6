"""Starts `python -m evals.simulated` as a real process for a test, on a free port of loopback.

    with start_simulated(ttft_ms=0, tokens_per_s=0, quality=1.0) as provider:
        client = openai.OpenAI(base_url=provider.base_url, api_key="any")

Options are the flags of the command line with underscores; True is a bare flag, a list repeats its flag.
"""

from __future__ import annotations

import os
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

ROOT = Path(__file__).resolve().parents[2]
START_S = 30.0
STOP_S = 6.0


@dataclass(frozen=True, slots=True)
class SimulatedProvider:
    """A running simulated provider."""

    base_url: str  # http://127.0.0.1:<port>/v1, what LLM_API_BASE takes
    ready_line: str
    process: subprocess.Popen[str]

    @property
    def root_url(self) -> str:
        """The address without /v1."""
        return self.base_url.removesuffix("/v1")

    def faults(self, *rules: dict[str, Any]) -> None:
        """Puts these fault rules in force and no others: {"mode", "detail", "share", "count", "by"}."""
        self._post("/simulated/faults", list(rules))

    def turn(self, **knobs: Any) -> None:
        """Turns some knobs from the next request on."""
        self._post("/simulated/knobs", knobs)

    def status(self) -> dict[str, Any]:
        """Knobs, counters and fault rules."""
        return self._get("/simulated/status")  # type: ignore[no-any-return]

    def requests(self) -> list[dict[str, Any]]:
        """The last 100 requests, oldest first: {"body", "fault"}, and "seconds" once over."""
        return self._get("/simulated/requests")  # type: ignore[no-any-return]

    def _post(self, path: str, body: object) -> None:
        httpx.post(self.root_url + path, json=body, trust_env=False, timeout=5).raise_for_status()

    def _get(self, path: str) -> Any:
        return httpx.get(self.root_url + path, trust_env=False, timeout=5).raise_for_status().json()


@contextmanager
def start_simulated(**options: object) -> Iterator[SimulatedProvider]:
    """A simulated provider that answers; it is stopped by SIGTERM at the end, and killed if that takes 6 s."""
    command = [sys.executable, "-m", "evals.simulated", *flags({"port": 0} | options)]
    process = subprocess.Popen(
        command, cwd=ROOT, env=dict(os.environ), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    try:
        line = _ready_line(process)
        yield SimulatedProvider(line.split(" ", 1)[0], line, process)
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        try:
            process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if process.stdout is not None:
            process.stdout.close()


def flags(options: dict[str, object]) -> list[str]:
    """Options as command line arguments."""
    arguments: list[str] = []
    for name, value in options.items():
        flag = "--" + name.replace("_", "-")
        if value is True:
            arguments.append(flag)
        elif isinstance(value, Sequence) and not isinstance(value, str):
            arguments += [part for one in value for part in (flag, str(one))]
        elif value is not None and value is not False:
            arguments += [flag, str(value)]
    return arguments


def _ready_line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        ends = time.monotonic() + START_S
        while time.monotonic() < ends:
            if selector.select(timeout=0.2):
                line = process.stdout.readline()
                if line:
                    return line.strip()
                raise RuntimeError(f"the simulated provider ended at its start with {process.wait()}")
    raise RuntimeError(f"the simulated provider was not ready within {START_S} s")
