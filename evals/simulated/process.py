"""The simulated provider as a process of its own on a free port of loopback, for evaluations and benches."""

from __future__ import annotations

import selectors
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

START_S = 30.0
_STOP_S = 6.0
_ROOT = Path(__file__).resolve().parents[2]


@contextmanager
def simulated_provider(knobs: Mapping[str, object] | None = None) -> Iterator[str]:
    """Starts it with these options of its command line (`ttft_ms`, `quality`, …; True is a bare flag).

    Yields: its address, http://127.0.0.1:<port>/v1. It is stopped at the end.
    Raises: RuntimeError: it did not start; the message holds what it said.
    """
    command = [sys.executable, "-m", "evals.simulated", "--port", "0"]
    for name, value in (knobs or {}).items():
        command.append("--" + name.replace("_", "-"))
        if value is not True:
            command.append(str(value))
    process = subprocess.Popen(  # noqa: S603 - our own module with options of our own
        command, cwd=_ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        yield _ready(process).split(" ", 1)[0]
    finally:
        process.terminate()
        try:
            process.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        for stream in (process.stdout, process.stderr):
            if stream is not None:
                stream.close()


def _ready(process: subprocess.Popen[str]) -> str:
    """The line with which it says that it answers."""
    out, ends = process.stdout, time.monotonic() + START_S
    with selectors.DefaultSelector() as selector:
        if out is not None:
            selector.register(out, selectors.EVENT_READ)
        while out is not None and time.monotonic() < ends:
            if selector.select(timeout=0.2):
                line = out.readline()
                if line:
                    return line.strip()
                said = "" if process.stderr is None else process.stderr.read().strip()
                raise RuntimeError(f"The simulated provider ended at its start with {process.wait()}. {said}")
    raise RuntimeError(f"The simulated provider was not ready within {START_S:.0f} s.")
