"""`shelfwise eval load`: what was asked for, checked before anything is started; then the scenarios, one by one."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from app.domain.errors import BadInput
from evals.load.legs import main_leg
from evals.load.load_page import read_run, write_reports
from evals.load.load_run import Say, Wish, run
from evals.load.measured import Result, missed
from evals.load.running import Service
from evals.load.scenarios import SCENARIOS, Scenario, figure
from evals.load.traffic import read_crowd

_DETAILS = 3
"""Kinds of slates that were not whole that are told while the run goes on; the report has all."""


@dataclass(frozen=True, slots=True)
class Asked:
    """The command line."""

    scenarios: tuple[str, ...]
    seconds: float | None
    requests: int | None
    rate: float | None
    seed: int
    folder: Path
    data: Path
    workers: int
    url: str | None
    write: bool
    key_file: Path | None


def run_load(asked: Asked, say: Say) -> list[str]:
    """Runs the scenarios and writes the reports after each. A sentence for everything that must hold and does not.

    Raises: BadInput, before anything is started; ServiceNotReady.
    """
    scenarios, wish = chosen(asked), wished(asked)
    try:
        asked.folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BadInput(f"--out {asked.folder} can't be written to: {error.strerror}.") from error
    written = read_run(asked.folder)
    crowd = read_crowd(asked.data)
    found: list[Result] = []
    peak = None
    for scenario in scenarios:
        result = run(scenario, crowd, wish, say, peak)
        peak = result.measures.get("peak_goodput", peak)
        found.append(result)
        written = written.with_results([result])
        paths = write_reports(written, asked.folder)
        told = main_leg(result).figures
        say(
            f"  {told.slates.planned:,} slates, available {figure(told.availability)}, p50 "
            f"{figure(result.measures['p50_ms'])} ms, p99 {figure(result.measures['p99_ms'])} ms; "
            f"{'missed' if result.missed else 'held'}"
        )
        for what, count in list(told.slates.details.items())[:_DETAILS]:
            say(f"  {count:,} {what}")
        for note in result.notes:
            say(f"  {note}")
    say(f"Written: {', '.join(str(path) for path in paths)}")
    return missed(found)


def chosen(asked: Asked) -> list[Scenario]:
    """The scenarios in the table's order. Raises BadInput: one is unknown, or can't be asked of a running service."""
    names = [name for given in asked.scenarios for name in (SCENARIOS if given == "all" else (given,))]
    for name in names:
        if name not in SCENARIOS:
            raise BadInput(f"--scenario {name!r} is none; choose from {', '.join(SCENARIOS)} and all.")
    if asked.rate is not None and len(set(names)) > 1:
        raise BadInput("--rate means something else in each scenario; choose one of them.")
    if asked.requests is not None and {"ramp", "overload"} & set(names):
        raise BadInput("--requests does not go with ramp and overload, which find their rate; give --seconds.")
    found = [scenario for name, scenario in SCENARIOS.items() if name in names]
    if asked.url is None:
        return found
    startable = [scenario for scenario in found if not scenario.starts_service]
    left_out = [scenario.name for scenario in found if scenario.starts_service]
    if left_out and "all" not in asked.scenarios:
        starts = "starts" if len(left_out) == 1 else "start"
        raise BadInput(f"{', '.join(left_out)} {starts} a service and can't be asked of --url.")
    return startable


def wished(asked: Asked) -> Wish:
    """The wish. Raises BadInput: options that contradict each other, an address or a key file that can't be used."""
    if asked.seconds is not None and asked.requests is not None:
        raise BadInput("--seconds and --requests say the same thing; give one of them.")
    outside, headers = None, {}
    if asked.url is None:
        if asked.write or asked.key_file is not None:
            raise BadInput(
                "--write and --key-file go with --url; a service that is started here is a copy, without keys."
            )
    else:
        outside = _service_at(asked.url)
        if asked.key_file is not None:
            headers = {"X-API-Key": _key(asked.key_file)}
    return Wish(
        data=asked.data,
        seconds=asked.seconds,
        requests=asked.requests,
        rate=asked.rate,
        seed=asked.seed,
        workers=asked.workers,
        outside=outside,
        host="localhost" if outside is None else f"{outside.host}:{outside.port}",
        headers=headers,
        writes=outside is None or asked.write,
    )


def _service_at(url: str) -> Service:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise BadInput(f"--url {url!r} is no address: {error}. Write http://127.0.0.1:8000.") from error
    if parts.scheme != "http" or not parts.hostname or parts.path not in ("", "/") or parts.query:
        raise BadInput(
            f"--url {url!r} can't be used; write http://127.0.0.1:8000 (no https: measure behind the proxy)."
        )
    return Service(parts.hostname, 80 if port is None else port, None, float("nan"))


def _key(path: Path) -> str:
    try:
        key = path.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"--key-file {path} can't be read: {error}.") from error
    if not key or any(not 33 <= ord(c) < 127 for c in key):
        raise BadInput(f"--key-file {path} holds no key: one line, without spaces.")
    return key
