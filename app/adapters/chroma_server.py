"""One `chroma run` on loopback for several workers, started, watched and replaced by the process above them."""

from __future__ import annotations

import http.client
import multiprocessing
import os
import secrets
import signal
import socket
import sys
import time
from collections.abc import Callable
from multiprocessing.process import BaseProcess
from pathlib import Path

import structlog

from app.adapters import generations
from app.adapters.chroma_address import ServerAddress
from app.adapters.parent_watch import end_with_parent
from app.domain.errors import IndexUnavailable

log = structlog.get_logger(__name__)

START_S = 60.0
"""How long a server may take to answer; loading half a million vectors takes seconds."""

BEAT_S = 2.0
BEAT_TIMEOUT_S = 0.5
MISSED_BEATS = 3
FIRST_PAUSE_S = 0.5
LONGEST_PAUSE_S = 30.0
STEADY_S = 60.0
"""A server that ran for so long is started again at once when it dies."""

_spawn = multiprocessing.get_context("spawn")


class ChromaServer:
    """Keeps a server running on the current store of a folder, while that store is large enough to need one.

    `look` does all the work and returns soon; call it about twice a second, from one thread. The address is in the
    folder while the server answers (ServerAddress).
    """

    def __init__(self, root: Path, *, more_than: int, clock: Callable[[], float] = time.monotonic) -> None:
        """Args: root: the folder of stores; more_than: rows up to which no server is needed."""
        self._root, self._more_than, self._clock = root, more_than, clock
        self._process: BaseProcess | None = None
        self._address: ServerAddress | None = None
        self._answers = False
        self._started_at = self._beat_at = self._start_at = clock()
        self._missed = self._failures = 0
        self._newer: str | None = None  # a generation that was pointed to at the last look

    @property
    def pid(self) -> int | None:
        """Of the server's process, None where none runs."""
        return None if self._process is None else self._process.pid

    def look(self) -> None:
        """Starts, asks, replaces or stops the server, as it is needed now."""
        now = self._clock()
        if self._process is None:
            wanted = self._wanted()
            if wanted is not None and now >= self._start_at:
                self._start(wanted, now)
        elif not self._process.is_alive():
            self._died(f"ended with {self._process.exitcode}", now)
        elif self._moved():
            self._failures = 0
            self.stop()
            self._start_at = now
        elif now >= self._beat_at:
            self._beat(now)

    def stop(self) -> None:
        """Ends the server, within seconds."""
        ServerAddress.path(self._root).unlink(missing_ok=True)
        if self._process is not None:
            end(self._process, 3.0)
            self._process = None

    def _wanted(self) -> str | None:
        """The generation to serve, None where there is none or exact search does as well."""
        name = generations.pointed_to(self._root)
        rows = 0 if name is None else generations.fact(self._root / name, "rows")
        return name if isinstance(rows, int) and rows > self._more_than else None

    def _moved(self) -> bool:
        """Whether another store became current, two looks in a row: its builder has closed it by then."""
        name, before = generations.pointed_to(self._root), self._newer
        self._newer = name
        return self._address is not None and name not in {None, self._address.generation} and name == before

    def _start(self, generation: str, now: float) -> None:
        port = _free_port()
        self._address = ServerAddress(port=port, generation=generation, token=secrets.token_hex(8))
        self._answers, self._missed = False, 0
        self._started_at = self._beat_at = now
        self._process = _spawn.Process(target=_serve, args=(self._root, generation, port), name="chroma")
        self._process.start()

    def _beat(self, now: float) -> None:
        if self._address is None:
            return
        if _answers(self._address.port):
            self._missed = 0
            self._beat_at = now + BEAT_S
            if not self._answers:
                self._answers = True
                generations.replace_text(ServerAddress.path(self._root), self._address.model_dump_json())
                log.info("chroma_server_ready", pid=self.pid, store=self._address.generation)
            return
        self._missed += 1
        late = self._missed >= MISSED_BEATS if self._answers else now - self._started_at > START_S
        if late and self._process is not None:
            self._process.kill()
            self._process.join()
            self._died("does not answer", now)

    def _died(self, how: str, now: float) -> None:
        ServerAddress.path(self._root).unlink(missing_ok=True)
        self._process = None
        self._failures = 1 if now - self._started_at > STEADY_S else self._failures + 1
        pause_s = 0.0 if self._failures == 1 else min(FIRST_PAUSE_S * 2 ** (self._failures - 2), LONGEST_PAUSE_S)
        self._start_at = now + pause_s
        log.error("chroma_server_died", how=how, again_in_s=pause_s, meanwhile="exact search")


def end(process: BaseProcess, grace_s: float) -> None:
    """SIGTERM, and SIGKILL where that is not enough within the time."""
    process.terminate()
    process.join(grace_s)
    if process.is_alive():
        process.kill()
        process.join()


def _serve(root: Path, generation: str, port: int) -> None:
    """The server's process. It holds the folder's lock itself, so that no other owner comes in while it runs."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the supervisor ends us last
    end_with_parent()
    try:
        lock = generations.take_lock(root, "the Chroma server")
        generations.verify(root / generation)  # a damaged graph file would kill the server again and again
    except IndexUnavailable as error:
        sys.exit(f"chroma: {error}")
    os.environ.setdefault("RUST_LOG", "error")  # it logs every request otherwise
    quiet = os.open(os.devnull, os.O_WRONLY)
    os.dup2(quiet, 1)
    import chromadb_rust_bindings

    folder = str(root / generation)
    chromadb_rust_bindings.cli(["chroma", "run", "--path", folder, "--host", "127.0.0.1", "--port", str(port)])
    lock.close()


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port


def _answers(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=BEAT_TIMEOUT_S)
    try:
        connection.request("GET", "/api/v2/heartbeat")
        answer = connection.getresponse()
        return answer.status == 200 and b"heartbeat" in answer.read()
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
