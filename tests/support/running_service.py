"""`shelfwise serve` as a process of its own for a test."""

from __future__ import annotations

import os
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

ROOT = Path(__file__).resolve().parents[2]
START_S = 90.0


@dataclass
class RunningService:
    """A running service."""

    process: subprocess.Popen[bytes]
    http: httpx.Client
    data_dir: Path
    log_file: Path

    def slate(self, user: str = "gamer", **more: object) -> dict[str, Any]:
        """A full slate; AssertionError for anything else."""
        answer = self.http.get("/api/recommendations", params={"userId": user, "limit": 5, **more})
        assert answer.status_code == 200, answer.text
        told: dict[str, Any] = answer.json()
        assert len(told["recommendations"]) == 5, told
        return told

    def send(self, *numbers: int) -> httpx.Response:
        """Posts the events of these numbers."""
        return self.http.post("/api/events", json={"events": [event(number) for number in numbers]})

    def held(self) -> set[str]:
        """Ids of the events sent by `send` that the database holds."""
        with closing(sqlite3.connect(self.data_dir / "shop.db")) as connection:
            return {row[0] for row in connection.execute("SELECT event_id FROM events WHERE event_id LIKE 'own-%'")}

    def outcomes(self) -> list[str]:
        """Of every model call in the ledger."""
        with closing(sqlite3.connect(self.data_dir / "shop.db")) as connection:
            return [row[0] for row in connection.execute("SELECT outcome FROM model_calls")]

    def whole(self) -> bool:
        """Whether the database is in order."""
        with closing(sqlite3.connect(self.data_dir / "shop.db")) as connection:
            return bool(connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)])

    def stop(self) -> int:
        """SIGTERM; the exit status."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(30)


def event(number: int) -> dict[str, Any]:
    """A view, with a text that takes room."""
    return {
        "eventId": f"own-{number}",
        "type": "search",
        "userId": f"own{number % 20}",
        "query": f"lamp {number} " + "long words " * 15,
        "timestamp": "2026-09-01T10:00:00Z",
    }


@contextmanager
def start_service(data_dir: Path, *, before: Sequence[str] = (), **environment: str) -> Iterator[RunningService]:
    """A service that is ready; at the end it is stopped, and killed where that takes longer than 15 s.

    Args: before: what the command line begins with; environment: settings, and anything else.
    """
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    settings = {"SHELFWISE_DATA_DIR": str(data_dir), "SHELFWISE_AS_OF": "last-event", "SHELFWISE_CURRENCY": "EUR"}
    kept = {name: value for name, value in os.environ.items() if not name.startswith("SHELFWISE_")}
    command = [*before, sys.executable, "-c", "from app.cli import main; main()", "serve", "--port", str(port)]
    log_file = data_dir.parent / f"{data_dir.name}-{port}.log"
    with log_file.open("wb") as log:
        process = subprocess.Popen(command, cwd=ROOT, env=kept | settings | environment, stdout=log, stderr=log)
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=25) as http:
            ends = time.monotonic() + START_S
            while not _ready(http):
                assert process.poll() is None, log_file.read_text()
                assert time.monotonic() < ends, log_file.read_text()
                time.sleep(0.1)
            yield RunningService(process, http, data_dir, log_file)
    finally:
        if process.poll() is None:
            process.terminate()
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _ready(http: httpx.Client) -> bool:
    try:
        return http.get("/readyz").status_code == 200
    except httpx.TransportError:
        return False
