"""The processes of a load run: `shelfwise serve` on a copy of a shop, the simulated provider, and the generator."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import httpx

from app.adapters.disk_cache import DATABASE
from app.domain.errors import ShelfwiseError
from evals.load.generator import Driven, read_driven, write_plan
from evals.load.open_loop import TIMEOUT_S, Planned
from evals.load.scenarios import DEADLINE_MS
from evals.simulated.process import simulated_provider

ROOT = Path(__file__).resolve().parents[2]
START_S = 120.0
STOP_S = 30.0
_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE_MB = os.sysconf("SC_PAGE_SIZE") / 2**20
_IMPORT_S = 6.0
"""How long a service takes to import its model's library behind the start."""

Way = Literal["up", "refused", "error500", "hang"]
"""The provider answers; nobody listens; it answers 500; it takes a request and says nothing."""

KNOBS = {"ttft_ms": 150, "tokens_per_s": 200}


class ServiceNotReady(ShelfwiseError):
    """A service that was started for a run did not become ready."""


class LoadFailed(ShelfwiseError):
    """A run could not be made to its end."""


@dataclass(frozen=True, slots=True)
class Service:
    """A service that answers."""

    host: str
    port: int
    pid: int | None  # None: somebody else's
    ready_s: float  # from the start of the process to the first request that could be answered

    def cpu_s(self) -> float:
        """CPU seconds of the process and of all below it; NaN of somebody else's."""
        return float("nan") if self.pid is None else sum(_each(self.pid, _cpu_s))

    def memory_mb(self) -> float:
        """Resident memory of the same; pages that processes share count once for each. NaN of somebody else's."""
        return float("nan") if self.pid is None else sum(_each(self.pid, _memory_mb))


class Provider:
    """The SIMULATED provider on a fixed port. Which way it is, is said at any time."""

    def __init__(self) -> None:
        self._port = free_port()
        self._running: contextlib.ExitStack | None = None

    @property
    def base(self) -> str:
        """What LLM_API_BASE takes."""
        return f"http://127.0.0.1:{self._port}/v1"

    def become(self, way: Way) -> None:
        """Answers, or fails in this way, from now on; starting it takes a second or two."""
        if way == "refused":
            self.close()
        else:
            if self._running is None:
                self._running = contextlib.ExitStack()
                self._running.enter_context(simulated_provider({"port": self._port, **KNOBS}))
            self._post("faults", [] if way == "up" else [{"mode": way, "by": "arrival"}])

    def close(self) -> None:
        """Ends it."""
        if self._running is not None:
            self._running.close()
            self._running = None

    def _post(self, path: str, body: object) -> None:
        address = f"{self.base.removesuffix('/v1')}/simulated/{path}"
        httpx.post(address, json=body, timeout=10, trust_env=False).raise_for_status()


@contextmanager
def provider(way: Way) -> Iterator[Provider]:
    """A provider that begins in this way; ended at the end."""
    made = Provider()
    try:
        made.become(way)
        yield made
    finally:
        made.close()


@contextmanager
def serving(data_dir: Path, base: str | None, workers: int = 1, *, wait: bool = True) -> Iterator[Service]:
    """`shelfwise serve` on a copy of a data folder, its caches empty.

    Args:    base: the model provider's address; None: no model. wait: until the model's library is imported as well.
    Raises:  ServiceNotReady, with the last lines of what it said.
    """
    with tempfile.TemporaryDirectory(prefix="load-") as folder:
        copy = copy_of(data_dir, Path(folder) / "data")
        port = free_port()
        settings = {
            "DATA_DIR": str(copy),
            "AS_OF": "last-event",
            "CURRENCY": os.environ.get("SHELFWISE_CURRENCY", "EUR"),
            "LLM_DEADLINE_MS": f"{DEADLINE_MS:.0f}",
        }
        if base is not None:
            settings |= {"LLM_MODEL": "openai/simulated-ranker", "LLM_API_BASE": base, "LLM_API_KEY": "none"}
            settings |= {"LLM_PRICE_INPUT_USD": "0.15", "LLM_PRICE_OUTPUT_USD": "0.60"}
        kept = {name: value for name, value in os.environ.items() if not name.startswith("SHELFWISE_")}
        environment = kept | {f"SHELFWISE_{name}": value for name, value in settings.items()}
        command = [sys.executable, "-c", "from app.cli import main; main()", "serve", "--port", str(port)]
        command += ["--workers", str(workers)]
        said = Path(folder) / "serve.log"
        with said.open("wb") as log:
            process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=log)  # noqa: S603
        try:
            ready_s = _until_ready(port, process, said)
            if wait and base is not None:
                time.sleep(_IMPORT_S)
            if wait and workers > 1:
                time.sleep(_IMPORT_S)  # the other workers start after the first
            yield Service("127.0.0.1", port, process.pid, ready_s)
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(STOP_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def copy_of(data_dir: Path, target: Path) -> Path:
    """A copy of a data folder without the stored model orders."""

    def left_out(folder: str, names: list[str]) -> list[str]:
        return [name for name in names if (Path(folder) / name / DATABASE).exists()]

    return Path(shutil.copytree(data_dir, target, ignore=left_out))


def _until_ready(port: int, process: subprocess.Popen[bytes], said: Path) -> float:
    began = time.monotonic()
    while time.monotonic() < began + START_S and process.poll() is None:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1) as asked:
            asked.sendall(b"GET /readyz HTTP/1.0\r\nHost: localhost\r\n\r\n")
            if b" 200 " in asked.recv(64):
                return time.monotonic() - began
        time.sleep(0.02)
    lines = said.read_text(errors="replace").splitlines()[-5:]
    raise ServiceNotReady(f"The service that the run started was not ready within {START_S:g} s: {' | '.join(lines)}")


@dataclass(frozen=True, slots=True)
class Switch:
    """Something that happens while a plan is sent."""

    at_s: float  # of the plan's time
    do: Callable[[], None]


def send(
    plan: Sequence[Planned],
    services: Sequence[Service],
    switches: Sequence[Switch] = (),
    timeout_s: float = TIMEOUT_S,
) -> Driven:
    """Sends a plan from a process of its own, and switches meanwhile, in order.

    Raises: LoadFailed: the generator ended with an error, or something could not be switched.
    """
    with tempfile.TemporaryDirectory(prefix="load-plan-") as folder:
        asked, told = Path(folder) / "plan.json", Path(folder) / "replies.json"
        write_plan(asked, plan, [(service.host, service.port) for service in services], timeout_s)
        command = [sys.executable, "-m", "evals.load.generator", str(asked), str(told)]
        process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)  # noqa: S603
        ended, failed = threading.Event(), list[httpx.HTTPError]()
        switching = threading.Thread(target=_switch, args=(process, switches, ended, failed), daemon=True)
        switching.start()
        try:
            status = process.wait()
        finally:
            ended.set()
            if process.poll() is None:
                process.kill()
                process.wait()
            switching.join()
        if status != 0 or not told.exists():
            raise LoadFailed(f"The generator ended with {status}; what it said is above.")
        if failed:
            raise LoadFailed(f"The simulated provider could not be switched: {failed[0]}.")
        return read_driven(told)


def _switch(
    process: subprocess.Popen[str], switches: Sequence[Switch], ended: threading.Event, failed: list[httpx.HTTPError]
) -> None:
    """Switches by the clock that all processes share; the generator's one line says when its plan begins."""
    if process.stdout is None:
        return
    with process.stdout as said:
        line = said.readline()
    for switch in switches if line else ():
        if ended.wait(max(0.0, float(line) + switch.at_s - time.monotonic())):
            return
        try:
            switch.do()
        except httpx.HTTPError as error:
            failed.append(error)
            return


def _each(pid: int, read: Callable[[Path], float]) -> Iterator[float]:
    """What is read in /proc of a process and of each below it; those that have just ended are left out."""
    waiting = [pid]
    while waiting:
        one = Path(f"/proc/{waiting.pop()}")
        try:
            yield read(one)
            for task in (one / "task").iterdir():
                waiting += [int(child) for child in (task / "children").read_text().split()]
        except OSError:
            continue


def _cpu_s(process: Path) -> float:
    fields = (process / "stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def _memory_mb(process: Path) -> float:
    return int((process / "statm").read_text().split()[1]) * _PAGE_MB


def free_port() -> int:
    """A port of loopback that nobody listened at a moment ago."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port
