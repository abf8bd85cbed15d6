"""What bounds each path: where an in-process request spends its time, by function."""

from __future__ import annotations

import asyncio
import cProfile
import logging
import pstats
import shutil
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from app.bootstrap import build
from app.main import create_app
from app.settings import Settings
from app.telemetry import configure_logging

TOP = 14
ROUNDS = 5


def profiles(data: Path, users: Sequence[str]) -> dict[str, Any]:
    """Path → CPU ms of a request without the profiler, and the functions with the most time of their own in ms."""
    with tempfile.TemporaryDirectory(prefix="profile-") as folder:
        shutil.copytree(data, Path(folder) / "data")
        settings = Settings(
            data_dir=Path(folder) / "data", as_of="last-event", currency="EUR", consent_default="full,true"
        )
        return asyncio.run(_profiles(settings, [f"userId={user}" for user in users[:200]]))


async def _profiles(settings: Settings, homes: Sequence[str]) -> dict[str, Any]:
    configure_logging()
    for handler in logging.getLogger().handlers:
        if isinstance(handler, logging.StreamHandler):
            handler.setStream(Path("/dev/null").open("w"))  # noqa: ASYNC230, SIM115 - lines are formatted as ever
    application = build(settings)
    app = create_app(lambda: application)
    async with app.router.lifespan_context(app):
        await asyncio.sleep(3.0)  # what is warmed behind the start
        for home in homes[:20]:
            await _ask(app, f"{home}&limit=7")
        first = await _profiled(app, homes[20:], rounds=1)
        again = await _profiled(app, homes[20:], rounds=ROUNDS)
    return {"baseline, first": first, "remembered": again}


async def _profiled(app: Any, queries: Sequence[str], *, rounds: int) -> dict[str, Any]:
    half = len(queries) // 2 if rounds == 1 else 0
    cpu_before = time.process_time()
    timed = queries[:half] if half else list(queries) * rounds
    for query in timed:
        await _ask(app, query)
    cpu_ms = (time.process_time() - cpu_before) / len(timed) * 1000.0
    profile = cProfile.Profile(time.thread_time)  # not the wall: others are at work on the machine
    profiled = queries[half:] if half else list(queries) * rounds
    profile.enable()
    for query in profiled:
        await _ask(app, query)
    profile.disable()
    stats = pstats.Stats(profile).stats  # type: ignore[attr-defined]
    own = sorted(((spent[2], where) for where, spent in stats.items()), reverse=True)[:TOP]
    return {
        "cpu_ms": round(cpu_ms, 4),
        "own_ms": {_name(where): round(seconds / len(profiled) * 1000.0, 4) for seconds, where in own},
    }


def _name(where: tuple[str, int, str]) -> str:
    file, line, function = where
    return function if line == 0 else f"{'/'.join(Path(file).parts[-2:])}:{line} {function}"


async def _ask(app: Any, query: str) -> None:
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": "/api/recommendations",
        "raw_path": b"/api/recommendations",
        "query_string": query.encode(),
        "root_path": "",
        "headers": [(b"host", b"localhost")],
        "client": ("127.0.0.1", 4000),
        "server": ("127.0.0.1", 8000),
        "state": {},
    }

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        if message["type"] == "http.response.start" and message["status"] != 200:
            raise RuntimeError(f"{query}: {message['status']}")

    await app(scope, receive, send)
