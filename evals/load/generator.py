"""The generator's process: reads a plan, sends it, writes what became of it. Nothing else happens in it.

    python -m evals.load.generator PLAN_FILE REPLIES_FILE

Started by evals.load.running; both files are its own format. Its one line of output is the moment at which the plan
begins, in seconds of the machine's monotonic clock. It imports nothing of the service.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import resource
import sys
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from evals.load.http_connection import Answer, Broken, Connection
from evals.load.open_loop import TIMEOUT_S, Planned, Reply, drive
from evals.load.verdict import Verdict

IDLE_S = 8.0
"""A connection that was idle for longer is not used again: the service ends one after 15 s."""

START_S = 0.3
"""From the first line of the process's work to the first arrival."""

_SPARE_FILES = 64


@dataclass(frozen=True, slots=True)
class Driven:
    """What a generator measured."""

    replies: Sequence[Reply]  # in the plan's order
    cpu_s: float  # its own
    wall_s: float
    connections: int  # opened in all
    most_open: int  # at a time, at most


class Clients:
    """Connections to the services, kept open and used again, the last used first. A lane has its own."""

    def __init__(self, targets: Sequence[tuple[str, int]], most: int) -> None:
        self._targets = targets
        self._idle: list[deque[Connection]] = [deque() for _ in targets]
        self._of_lane: dict[tuple[int, int], Connection] = {}
        self._places = asyncio.Semaphore(most)
        self.opened = 0
        self.busy = self.most_busy = 0

    async def ask(self, planned: Planned) -> Answer:
        """One request; a kept connection that the service has ended meanwhile is replaced, once. Raises OSError."""
        async with self._places:
            self.busy += 1
            self.most_busy = max(self.busy, self.most_busy)
            try:
                kept = self._kept(planned)
                if kept is not None:
                    try:
                        return await self._exchange(kept, planned)
                    except Broken as broken:
                        if broken.begun:
                            raise
                return await self._exchange(await self._open(planned.target), planned)
            finally:
                self.busy -= 1

    async def _exchange(self, connection: Connection, planned: Planned) -> Answer:
        try:
            answer = await connection.ask(planned.request)
        except BaseException:
            connection.close()
            raise
        if connection.usable:
            connection.idle_since = time.monotonic()
            if planned.lane >= 0:
                self._of_lane[planned.target, planned.lane] = connection
            else:
                self._idle[planned.target].append(connection)
        return answer

    def _kept(self, planned: Planned) -> Connection | None:
        now = time.monotonic()
        if planned.lane >= 0:
            own = self._of_lane.pop((planned.target, planned.lane), None)
            return own if own is not None and self._fresh(own, now) else None
        idle = self._idle[planned.target]
        while idle:
            connection = idle.pop()
            if self._fresh(connection, now):
                return connection
        return None

    @staticmethod
    def _fresh(connection: Connection, now: float) -> bool:
        if connection.usable and now - connection.idle_since <= IDLE_S:
            return True
        connection.close()
        return False

    async def _open(self, target: int) -> Connection:
        self.opened += 1
        return await Connection.open(*self._targets[target])

    def close(self) -> None:
        """Ends every connection that nobody is using."""
        for idle in self._idle:
            for connection in idle:
                connection.close()
        for connection in self._of_lane.values():
            connection.close()


async def generate(plan: Sequence[Planned], targets: Sequence[tuple[str, int]], timeout_s: float = TIMEOUT_S) -> Driven:
    """Sends a plan to these addresses."""
    clients = Clients(targets, _files())
    began, cpu = time.monotonic() + START_S, time.process_time()
    sys.stdout.write(f"{began}\n")
    sys.stdout.flush()
    try:
        replies = await drive(plan, clients.ask, clock=time.monotonic, began=began, timeout_s=timeout_s)
    finally:
        clients.close()
    cpu_s, wall_s = time.process_time() - cpu, time.monotonic() - began
    return Driven(replies, cpu_s, wall_s, clients.opened, clients.most_busy)


def write_plan(
    path: Path, plan: Sequence[Planned], targets: Sequence[tuple[str, int]], timeout_s: float = TIMEOUT_S
) -> None:
    """Writes the first of the two files."""
    rows = [(p.due_s, p.kind, p.request.decode(), p.target, p.lane) for p in plan]
    path.write_bytes(orjson.dumps({"targets": targets, "timeout_s": timeout_s, "plan": rows}))


def read_driven(path: Path) -> Driven:
    """Reads the second of the two files."""
    found = orjson.loads(path.read_bytes())
    replies = [Reply(lag, ms, status, Verdict(*verdict)) for lag, ms, status, verdict in found.pop("replies")]
    return Driven(replies, **found)


def _read_plan(path: Path) -> tuple[list[Planned], list[tuple[str, int]], float]:
    found: dict[str, Any] = orjson.loads(path.read_bytes())
    plan = [Planned(due, kind, request.encode(), target, lane) for due, kind, request, target, lane in found["plan"]]
    return plan, [(host, port) for host, port in found["targets"]], found["timeout_s"]


def _write_driven(path: Path, driven: Driven) -> None:
    rows = []
    for r in driven.replies:
        v = r.verdict
        rows.append((round(r.lag_ms, 3), round(r.ms, 3), r.status, (v.worth, v.detail, v.strategy, v.fallback, v.memo)))
    told = {
        "cpu_s": driven.cpu_s,
        "wall_s": driven.wall_s,
        "connections": driven.connections,
        "most_open": driven.most_open,
    }
    path.write_bytes(orjson.dumps({"replies": rows, **told}))


def _files() -> int:
    """How many connections may be open: what the system allows this process, less a few."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    allowed, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return max(1, min(allowed, 20_000) - _SPARE_FILES)


def main() -> None:
    """Sends one plan."""
    plan, targets, timeout_s = _read_plan(Path(sys.argv[1]))
    gc.collect()
    gc.freeze()  # the plan is thousands of objects: a collection in the middle would be lag
    try:
        import uvloop
    except ImportError:
        driven = asyncio.run(generate(plan, targets, timeout_s))
    else:
        driven = uvloop.run(generate(plan, targets, timeout_s))
    _write_driven(Path(sys.argv[2]), driven)


if __name__ == "__main__":
    main()
