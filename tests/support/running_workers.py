"""`shelfwise serve --workers N` as a real service for a test: its processes, and a connection to each worker.

Which worker answers a connection is read from /proc (Linux): nothing in the service says so.
"""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from app.adapters.chroma_address import ServerAddress

ROOT = Path(__file__).resolve().parents[2]
START_S = 90.0
_T = TypeVar("_T")


@dataclass
class RunningWorkers:
    """A running service. `log` is everything that it wrote so far."""

    process: subprocess.Popen[bytes]
    port: int
    data_dir: Path
    log_file: Path
    connections: dict[int, http.client.HTTPConnection] = field(default_factory=dict)

    @property
    def log(self) -> str:
        return self.log_file.read_text()

    def events(self, name: str) -> list[dict[str, Any]]:
        """Log lines of one event."""
        lines = [line for line in self.log.splitlines() if line.startswith("{")]
        return [entry for line in lines if (entry := json.loads(line))["event"] == name]

    def family(self) -> set[int]:
        """All processes of the service."""
        return {self.process.pid, *descendants(self.process.pid)}

    def workers(self) -> set[int]:
        """Processes below the supervisor that have the listening socket."""
        inode = _listening_inode(self.port)
        return {pid for pid in descendants(self.process.pid) if inode in _socket_inodes(pid)}

    def chroma(self) -> int:
        """The process that listens where the Chroma server is said to be."""
        (root,) = (self.data_dir / "chroma").iterdir()
        address = wait_for(lambda: ServerAddress.read(root), "a Chroma server")
        inode = _listening_inode(address.port)
        (pid,) = [pid for pid in descendants(self.process.pid) if inode in _socket_inodes(pid)]
        return pid

    def leader(self) -> int | None:
        """The worker that holds the lease now."""
        with closing(sqlite3.connect(self.data_dir / "shop.db")) as connection:
            row = connection.execute(
                "SELECT owner FROM leases WHERE key = 'leader' AND until > ?", (time.time(),)
            ).fetchone()
        return None if row is None else int(row[0].split("-")[0])

    def calls(self) -> list[str]:
        """Ids of the model calls in the ledger, whichever worker made them."""
        with closing(sqlite3.connect(self.data_dir / "shop.db")) as connection:
            return [row[0] for row in connection.execute("SELECT call_id FROM model_calls")]

    def ask(self, pid: int, path: str, method: str = "GET", body: object = None) -> Any:
        """The answer of one worker, as JSON, on a connection that is kept."""
        if pid not in self.connections:
            self.connect()
        connection = self.connections[pid]
        connection.request(
            method, path, None if body is None else json.dumps(body), {"content-type": "application/json"}
        )
        answer = connection.getresponse()
        content = json.loads(answer.read())
        assert answer.status < 300, content
        return content

    def connect(self) -> None:
        """A connection to every worker that has none."""
        for _ in range(300):
            missing = self.workers() - set(self.connections)
            if not missing:
                return
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
            connection.request("GET", "/livez")
            connection.getresponse().read()
            pid = self._answering(connection)
            if pid in missing:
                self.connections[pid] = connection
            else:
                connection.close()
        raise AssertionError(f"workers {missing} accept no connection")

    def forget(self, pid: int) -> None:
        """Drops the connection to a worker that is gone."""
        if (connection := self.connections.pop(pid, None)) is not None:
            connection.close()

    def _answering(self, connection: http.client.HTTPConnection) -> int:
        assert connection.sock is not None
        inode = _inode(self.port, connection.sock.getsockname()[1])
        (pid,) = [pid for pid in descendants(self.process.pid) if inode in _socket_inodes(pid)]
        return pid


@contextmanager
def start_workers(data_dir: Path, *, workers: int = 2, **environment: str) -> Iterator[RunningWorkers]:
    """A service whose workers all answer. At the end it is ended by SIGTERM, and whatever is left is killed."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    log_file = data_dir.with_name(f"{data_dir.name}-{port}.log")
    settings = {"SHELFWISE_DATA_DIR": str(data_dir), "SHELFWISE_AS_OF": "last-event", "SHELFWISE_CURRENCY": "EUR"}
    kept = {name: value for name, value in os.environ.items() if not name.startswith("SHELFWISE_")}
    command = [
        sys.executable,
        "-c",
        "from app.cli import main; main()",
        "serve",
        "--workers",
        str(workers),
        "--port",
        str(port),
    ]
    with log_file.open("wb") as log:
        process = subprocess.Popen(
            command, cwd=ROOT, env=kept | settings | environment, stdout=log, stderr=log, start_new_session=True
        )
    service = RunningWorkers(process, port, data_dir, log_file)
    try:
        wait_for(lambda: bool(service.events("workers_ready")) or process.poll() is not None, "workers", START_S)
        yield service
    finally:
        for pid in list(service.connections):
            service.forget(pid)
        everyone = service.family()
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        for pid in everyone:
            if alive(pid):
                os.kill(pid, signal.SIGKILL)


def wait_for(look: Callable[[], _T | None], what: str, timeout_s: float = 20.0) -> _T:
    """What `look` returns as soon as that is true."""
    ends = time.monotonic() + timeout_s
    while time.monotonic() < ends:
        found = look()
        if found:
            return found
        time.sleep(0.02)
    raise AssertionError(f"no {what} within {timeout_s:g} s")


def alive(pid: int) -> bool:
    """Whether a process runs (a zombie does not)."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def descendants(pid: int) -> set[int]:
    """Running processes below one, at any depth."""
    parents: dict[int, int] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                state, parent = (entry / "stat").read_text().rsplit(")", 1)[1].split()[:2]
            except OSError:
                continue
            if state != "Z":
                parents[int(entry.name)] = int(parent)
    found: set[int] = set()
    while more := {child for child, parent in parents.items() if parent in found | {pid}} - found:
        found |= more
    return found


def _socket_inodes(pid: int) -> set[str]:
    found = set()
    try:
        for entry in Path(f"/proc/{pid}/fd").iterdir():
            try:
                found.add(str(entry.readlink()))
            except OSError:
                continue
    except OSError:
        return set()
    return {link[8:-1] for link in found if link.startswith("socket:[")}


def _listening_inode(port: int) -> str:
    return _inode(port, 0)


def _inode(local_port: int, remote_port: int) -> str:
    """Of the socket on this machine with these ports; a remote port of 0 means the listening one."""
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        columns = line.split()
        ports = tuple(int(column.split(":")[1], 16) for column in columns[1:3])
        if ports == (local_port, remote_port):
            return columns[9]
    return "none"
