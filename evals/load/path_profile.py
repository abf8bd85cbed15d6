"""What bounds each path: CPU time per stage, and per function of each kind of thread, of requests in this process.

python -m evals.load.path_profile                 prints the tables
python -m evals.load.path_profile --data DIR      a trained demo shop (default: var/bench/demo of evals.load.bench)
"""

from __future__ import annotations

import argparse
import asyncio
import cProfile
import json
import logging
import pstats
import shutil
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from app.bootstrap import Application, build
from app.domain.interactions import EventKind, Interaction
from app.main import create_app
from app.settings import Settings
from app.telemetry import configure_logging
from evals.load.model_bench import MODEL, PRICE_USD, provider
from evals.load.stage_clock import StageClock

ROOT = Path(__file__).resolve().parents[2]
TOP = 14
ROUNDS = 5
ASKED = 200
WARM = 20
AT_ONCE = ("--ttft-ms", "0", "--tokens-per-s", "0")

_EVENT_LOOP, _REQUESTS, _SEARCHES = "event loop", "requests", "searches"


def main() -> None:
    """Prints what each path spends its time on."""
    from evals.load.bench import WORK

    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path, default=WORK / "demo")
    given = parser.parse_args()
    users = [json.loads(line)["userId"] for line in (ROOT / "fixtures/shop/users.jsonl").read_text().splitlines()]
    sys.stdout.write(tables(profiles(given.data, users)))


def tables(paths: Mapping[str, Any]) -> str:
    """The figures as lines of text."""
    lines = []
    for path, spent in paths.items():
        lines.append(f"{path}: {spent['cpu_ms']:.3f} CPU ms a request, of which")
        rest = spent["cpu_ms"] - sum(spent["stages_ms"].values())
        for stage, ms in {**spent["stages_ms"], "HTTP, rendering, threads": rest}.items():
            lines.append(f"  {ms:8.3f}  {stage}")
        for kind, functions in spent["own_ms"].items():
            lines.append(f"  under the profiler, {kind}:")
            lines += [f"    {ms:8.3f}  {name}" for name, ms in functions.items()]
    return "\n".join(lines) + "\n"


def profiles(data: Path, users: Sequence[str]) -> dict[str, Any]:
    """Path → CPU ms of a request, of its stages (StageClock), and per kind of thread the functions with the most time
    of their own under a profiler, which makes small functions look two to four times as dear as they are.
    """
    configure_logging()
    for handler in logging.getLogger().handlers:
        if isinstance(handler, logging.StreamHandler):
            handler.setStream(Path("/dev/null").open("w"))  # noqa: SIM115 - lines are formatted as ever
    shop: dict[str, Any] = {"as_of": "last-event", "currency": "EUR", "consent_default": "full,true"}
    chosen = users[: ASKED + WARM]
    with tempfile.TemporaryDirectory(prefix="profile-") as folder, provider(*AT_ONCE) as base:
        shutil.copytree(data, Path(folder) / "without")
        shutil.copytree(data, Path(folder) / "with")
        found = asyncio.run(_without_model(Settings(data_dir=Path(folder) / "without", **shop), chosen))
        model: dict[str, Any] = {"llm_model": MODEL, "llm_api_base": base, "llm_api_key": "none"}
        model |= {"llm_price_input_usd": PRICE_USD[0], "llm_price_output_usd": PRICE_USD[1]}
        settings = Settings(data_dir=Path(folder) / "with", **shop, **model)
        return found | asyncio.run(_with_model(settings, chosen))


async def _with_model(settings: Settings, users: Sequence[str]) -> dict[str, Any]:
    """Slates of stored model orders, for another length than was asked before."""
    application = build(settings)
    app = create_app(lambda: application)
    async with app.router.lifespan_context(app):
        await asyncio.sleep(6.0)  # the model's library is imported behind the start
        for user in users:
            await _ask(app, f"userId={user}&deadlineMs=2000")
        await asyncio.sleep(1.0)  # orders are written

        async def ask(chosen: Sequence[str]) -> None:
            for user in chosen:
                await _ask(app, f"userId={user}&limit=4")

        await ask(users[:WARM])
        return {"cached, anew": await _profiled(application, ask, users[WARM:])}


async def _without_model(settings: Settings, users: Sequence[str]) -> dict[str, Any]:
    application = build(settings)
    app = create_app(lambda: application)
    found: dict[str, Any] = {}
    async with app.router.lifespan_context(app):
        await asyncio.sleep(3.0)  # what is warmed behind the start
        for user in users[:WARM]:
            await _ask(app, f"userId={user}&limit=7")
        asked = users[WARM:]

        async def ask(chosen: Sequence[str]) -> None:
            for user in chosen:
                await _ask(app, f"userId={user}")

        found["baseline, first"] = await _profiled(application, ask, asked)
        found["remembered"] = await _profiled(application, ask, list(asked) * ROUNDS, anew=False)
        _one_more_event(application, asked)
        found["baseline, next page"] = await _profiled(application, ask, asked)
    return found


def _one_more_event(application: Application, users: Sequence[str]) -> None:
    """Every shopper looks at one more product."""
    products = application.keeper.served().shelf.snapshot.product_ids
    now = application.clock.now()
    for n, user in enumerate(users):
        seen = products[(7 * n) % len(products)]
        event = Interaction(f"page-{n}", EventKind.VIEW, now - 1.0, user_id=user, product_id=seen)
        application.store.record_events([[event]])


async def _profiled(
    application: Application, ask: Callable[[Sequence[str]], Any], users: Sequence[str], *, anew: bool = True
) -> dict[str, Any]:
    """The figures of a path. Args: anew: a question can be asked once, so each figure is taken from other shoppers."""
    third = len(users) // 3 if anew else 0
    parts = [users[:third], users[third : 2 * third], users[2 * third :]] if anew else [users] * 3
    cpu_before = time.process_time()
    await ask(parts[0])
    cpu_ms = (time.process_time() - cpu_before) / len(parts[0]) * 1000.0
    clock = StageClock()
    with clock.running():
        await ask(parts[1])
    with _all_threads(application) as seen:
        await ask(parts[2])
    own_ms = {kind: _own_ms(of_kind, len(parts[2])) for kind, of_kind in seen.items() if of_kind}
    return {"cpu_ms": round(cpu_ms, 4), "stages_ms": clock.ms_each(len(parts[1])), "own_ms": own_ms}


@contextmanager
def _all_threads(application: Application) -> Iterator[Mapping[str, list[cProfile.Profile]]]:
    """Profiles the event loop, and the pools' threads while they work on a request; by the CPU time of each thread."""
    here = cProfile.Profile(time.thread_time)
    seen: dict[str, list[cProfile.Profile]] = {_EVENT_LOOP: [here], _REQUESTS: [], _SEARCHES: []}
    pools = dict(zip((_REQUESTS, _SEARCHES), application.pools, strict=True))
    given = {kind: pool.submit for kind, pool in pools.items()}
    for kind, pool in pools.items():
        pool.submit = _submitting(given[kind], seen[kind])  # type: ignore[method-assign]
    here.enable()
    try:
        yield seen
    finally:
        here.disable()
        for pool in pools.values():
            del pool.submit


def _submitting(submit: Callable[..., Future[Any]], seen: list[cProfile.Profile]) -> Callable[..., Future[Any]]:
    of_thread = threading.local()

    def profiled(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        profile: cProfile.Profile | None = getattr(of_thread, "profile", None)
        if profile is None:
            profile = of_thread.profile = cProfile.Profile(time.thread_time)
            seen.append(profile)
        return profile.runcall(function, *args, **kwargs)

    return lambda function, *args, **kwargs: submit(profiled, function, *args, **kwargs)


def _own_ms(seen: Sequence[cProfile.Profile], requests: int) -> dict[str, float]:
    stats = pstats.Stats(*seen).stats  # type: ignore[attr-defined]
    own = sorted(((spent[2], where) for where, spent in stats.items()), reverse=True)[:TOP]
    return {_name(where): round(seconds / requests * 1000.0, 4) for seconds, where in own}


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


if __name__ == "__main__":
    main()
