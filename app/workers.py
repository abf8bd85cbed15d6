"""`shelfwise serve --workers N`: N processes on one listening socket, and the Chroma server that they share.

This process only watches: it opens no database and no model. Why it is not uvicorn's supervisor: docs/decisions/016.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import signal
import socket
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing import connection
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess
from types import FrameType
from typing import TYPE_CHECKING, Literal

import structlog

from app.adapters.chroma_server import ChromaServer
from app.adapters.embedder_source import resolve_source
from app.adapters.parent_watch import end_with_parent
from app.adapters.prometheus import forget_worker, make_folder
from app.domain.errors import ConfigurationError, EmbedderUnavailable, ShelfwiseError, WorkersFailed
from app.settings import Settings
from app.telemetry import LINES_WAIT_S, configure_logging

if TYPE_CHECKING:
    import uvicorn

log = structlog.get_logger(__name__)

LOOK_S = 0.5
START_S = 180.0
"""How long a worker may take to serve; half a million products take seconds."""

HUNG_S = 30.0
"""A worker whose event loop has not turned for so long is replaced."""

AFTER_GRACE_S = 12.0
"""8 s for running model calls, and what is queued."""

STEADY_S = 10.0
FIRST_PAUSE_S = 0.5
LONGEST_PAUSE_S = 30.0
STARTS = 3
"""Starts in a row that may fail while no worker serves, before the service gives up."""

_spawn = multiprocessing.get_context("spawn")


@dataclass(slots=True)
class _Worker:
    """One place in the service, and the process that fills it now."""

    number: int
    process: SpawnProcess | None = None
    news: Connection | None = None  # beats, or why it could not start
    started_at: float = 0.0
    beat_at: float | None = None  # None: it does not serve yet
    failures: int = 0  # starts in a row that ended soon
    start_at: float = 0.0


def serve(settings: Settings, *, host: str, port: int, workers: int) -> None:
    """Serves with several workers until SIGTERM or SIGINT; what is under way then is finished (app/server.py).

    Raises: ConfigurationError: the address can't be used, or a setting is wrong. WorkersFailed: none can start.
    """
    listener = _bound(host, port)
    try:
        Supervisor(settings, listener, host=host, workers=workers).run()
    finally:
        listener.close()


class Supervisor:
    """Starts workers, replaces those that die or hang, and ends them all. Lives in the main thread."""

    def __init__(
        self,
        settings: Settings,
        listener: socket.socket,
        *,
        host: str,
        workers: int,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._settings, self._listener, self._host, self._clock = settings, listener, host, clock
        self._workers = [_Worker(number) for number in range(1, workers + 1)]
        self._chroma = _chroma(settings)
        self._metrics = settings.data_dir / "metrics"
        self._signals: list[int] = []
        self._all_ready = False

    def run(self) -> None:
        """Until a signal. The first worker starts alone, so that what is wrong is said once and by one."""
        make_folder(self._metrics)
        woken, wake = socket.socketpair()
        woken.setblocking(False)
        wake.setblocking(False)
        before = {number: signal.signal(number, self._signalled) for number in (signal.SIGTERM, signal.SIGINT)}
        fd_before = signal.set_wakeup_fd(wake.fileno())
        try:
            while not self._signals:
                self._look()
                self._wait(woken)
        finally:
            self._end()
            signal.set_wakeup_fd(fd_before)
            for number, handler in before.items():
                signal.signal(number, handler)
            woken.close()
            wake.close()

    @property
    def pids(self) -> Sequence[int]:
        """Of the workers that run."""
        return [w.process.pid for w in self._workers if w.process is not None and w.process.pid is not None]

    def _signalled(self, number: int, _frame: FrameType | None) -> None:
        self._signals.append(number)

    def _wait(self, woken: socket.socket) -> None:
        """Until something happens, at most LOOK_S."""
        running = [w for w in self._workers if w.process is not None and w.news is not None]
        connection.wait(
            [woken, *(w.process.sentinel for w in running if w.process), *(w.news for w in running if w.news)], LOOK_S
        )
        with suppress(BlockingIOError):
            woken.recv(64)

    def _look(self) -> None:
        if self._chroma is not None:
            self._chroma.look()
        for worker in self._workers:
            self._look_at(worker)
        if not self._all_ready and all(w.beat_at is not None for w in self._workers):
            self._all_ready = True
            log.info("workers_ready", pids=self.pids)

    def _look_at(self, worker: _Worker) -> None:
        now = self._clock()
        if worker.process is None:
            first = self._workers[0]
            if now >= worker.start_at and (worker is first or first.beat_at is not None or self._all_ready):
                self._start(worker, now)
            return
        self._hear(worker, now)
        if not worker.process.is_alive():
            self._died(worker, f"ended with {worker.process.exitcode}", now)
        elif worker.beat_at is None and now - worker.started_at > START_S:
            self._kill(worker, f"did not serve within {START_S:g} s", now)
        elif worker.beat_at is not None and now - worker.beat_at > HUNG_S:
            self._kill(worker, f"hung for {HUNG_S:g} s", now)

    def _start(self, worker: _Worker, now: float) -> None:
        worker.news, theirs = _spawn.Pipe(duplex=False)
        worker.process = _spawn.Process(
            target=_work, args=(self._settings, self._listener, theirs, self._host), name=f"worker-{worker.number}"
        )
        worker.process.start()
        theirs.close()
        worker.started_at, worker.beat_at = now, None

    def _hear(self, worker: _Worker, now: float) -> None:
        """Raises ConfigurationError where a worker says that it can't start, and none serves without it."""
        if worker.news is None:
            return
        try:
            while worker.news.poll():
                message = worker.news.recv_bytes()
                if message:
                    self._refused(message.decode())
                worker.beat_at = now
        except (EOFError, OSError):
            worker.news.close()
            worker.news = None

    def _refused(self, reason: str) -> None:
        if not any(w.beat_at is not None for w in self._workers):
            raise ConfigurationError(reason)
        log.error("worker_refused", reason=reason)

    def _kill(self, worker: _Worker, why: str, now: float) -> None:
        if worker.process is not None:
            worker.process.kill()
            worker.process.join()
        self._died(worker, why, now)

    def _died(self, worker: _Worker, how: str, now: float) -> None:
        pid = None if worker.process is None else worker.process.pid
        if pid is not None:
            forget_worker(self._metrics, pid)
        served = worker.beat_at is not None
        worker.failures = 1 if served and now - worker.started_at > STEADY_S else worker.failures + 1
        worker.process, worker.beat_at = None, None
        if worker.news is not None:
            worker.news.close()
            worker.news = None
        steady = served and worker.failures == 1
        pause_s = 0.0 if steady else min(FIRST_PAUSE_S * 2 ** (worker.failures - 1), LONGEST_PAUSE_S)
        worker.start_at = now + pause_s
        log.error("worker_died", worker=worker.number, pid=pid, how=how, again_in_s=pause_s)
        if worker.failures >= STARTS and not served and not any(w.beat_at is not None for w in self._workers):
            raise WorkersFailed(
                f"{worker.failures} starts of worker {worker.number} in a row failed and no other serves; the last one "
                f"{how}. The log above says why; `shelfwise doctor` may say what to do."
            )

    def _end(self) -> None:
        """Running requests end first, Chroma last. A second signal ends everything at once."""
        self._listener.close()
        running = [w.process for w in self._workers if w.process is not None]
        for process in running:
            process.terminate()
        grace = self._settings.drain_s + self._settings.grace_s + AFTER_GRACE_S
        asked, until = len(self._signals), self._clock() + grace
        while (alive := [p for p in running if p.is_alive()]) and self._clock() < until:
            connection.wait([p.sentinel for p in alive], 0.2)
            if len(self._signals) > max(1, asked):
                break
        for process in alive:
            log.error("worker_killed", pid=process.pid, reason="did not end in time")
            process.kill()
            process.join()
        if self._chroma is not None:
            self._chroma.stop()


def _chroma(settings: Settings) -> ChromaServer | None:
    try:
        key = resolve_source(settings.embedder, allow_download=False).key
    except EmbedderUnavailable:
        return None  # the workers say so
    return ChromaServer(settings.data_dir / "chroma" / key, more_than=settings.vector_exact_up_to)


def _bound(host: str, port: int) -> socket.socket:
    """A socket bound to the address. It does not listen: nobody is kept waiting before a worker serves."""
    bound = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind((host, port))
    except OSError as error:
        bound.close()
        raise ConfigurationError(
            f"{host}:{port} can't be used: {error.strerror}. Choose another --host or --port, or end what has it."
        ) from error
    return bound


def _work(settings: Settings, listener: socket.socket, news: Connection, host: str) -> None:
    """A worker's process: one uvicorn server, as without --workers, on a socket that others have too."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # until the server takes it: Ctrl-C reaches the whole group
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    end_with_parent()
    style: Literal["json", "console"] = "console" if sys.stderr.isatty() else "json"
    configure_logging(style=style)
    try:
        from app.bootstrap import open_pseudonyms

        configure_logging(style=style, stand_in=open_pseudonyms(settings).of, lines_wait_s=LINES_WAIT_S)
        server = _server(settings, news, host)
    except ShelfwiseError as error:
        news.send_bytes(str(error).encode())
        sys.exit(1)
    server.run(sockets=[listener])


def _server(settings: Settings, news: Connection, host: str) -> uvicorn.Server:
    from app.bootstrap import build
    from app.main import create_app, server_config
    from app.server import Server

    application = build(settings, workers=True)
    app = create_app(lambda: application)
    config = server_config(app, settings, host=host, port=0)
    os.set_blocking(news.fileno(), False)

    async def beat() -> None:
        """Called about once a second while the event loop turns; the first call comes when requests are served."""
        await asyncio.sleep(0)
        with suppress(OSError):  # the supervisor is gone or busy
            news.send_bytes(b"")

    config.callback_notify = beat
    config.timeout_notify = 1
    return Server(config, app, drain_s=settings.drain_s)
