"""Row 21: what happens to the service's own files, clock and process. Each with `shelfwise serve` as a real process."""

from __future__ import annotations

import ctypes.util
import os
import shutil
import signal
import sqlite3
import subprocess
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from tests.support.fault_server import FaultServer
from tests.support.faulted_service import MODEL
from tests.support.provider_faults import after, good
from tests.support.running_service import RunningService, start_service
from tests.support.running_workers import wait_for

pytestmark = pytest.mark.slow

STOPPED = (0, -signal.SIGTERM)
"""Exit statuses of a clean stop: uvicorn ends what runs, then lets the signal have its usual effect."""
GARBAGE = b"\x00\xffgarbage" * 4096


def with_model(provider: FaultServer) -> dict[str, str]:
    """Settings for a model behind this provider."""
    return {
        "SHELFWISE_LLM_MODEL": MODEL,
        "SHELFWISE_LLM_API_BASE": provider.url,
        "SHELFWISE_LLM_API_KEY": "none",
        "SHELFWISE_LLM_PRICE_INPUT_USD": "0.15",
        "SHELFWISE_LLM_PRICE_OUTPUT_USD": "0.60",
    }


def warmed(service: RunningService) -> None:
    """Returns when a model has ordered a slate: its library takes seconds to load."""
    wait_for(lambda: service.slate("student", deadlineMs=2000)["meta"]["strategy"] in {"llm", "cache"}, "model", 40)


@pytest.mark.parametrize("what", ["chroma", "vectors", "lexical", "models"])
def test_a_damaged_index_costs_no_slate(demo_copy: Path, what: str) -> None:
    """Every file of it garbage before the start: full slates and products found all the same; it says what lacks."""
    for file in (demo_copy / what).rglob("*"):
        if file.is_file():
            file.write_bytes(GARBAGE)
    with start_service(demo_copy, SHELFWISE_VECTOR_EXACT_UP_TO="100") as service:
        service.slate()
        service.slate("nobody-known")
        found = service.http.get("/api/search", params={"q": "headphones", "limit": 5})
        assert found.status_code == 200, found.text
        assert found.json()["recommendations"]
        assert service.http.get("/readyz").json()["degraded"]


def test_an_index_damaged_while_it_is_used(demo_copy: Path) -> None:
    """What can't be read any more is done without: full slates, a search that answers, and `/readyz` says so."""
    with start_service(demo_copy, SHELFWISE_VECTOR_EXACT_UP_TO="100") as service:
        service.slate()
        for folder in ("chroma", "vectors", "lexical"):
            for file in (demo_copy / folder).rglob("*"):
                if file.is_file():
                    spoilt = file.with_name(file.name + ".new")
                    spoilt.write_bytes(GARBAGE)
                    spoilt.replace(file)  # as a file system that lost it shows it: mapped pages stay readable
        wait_for(lambda: service.http.get("/readyz").json()["degraded"], "word of the damage", 20)
        for user in ("gamer", "student", "nobody-known"):
            service.slate(user)
        assert service.http.get("/api/search", params={"q": "headphones", "limit": 5}).status_code == 200


def test_a_cache_that_goes(demo_copy: Path) -> None:
    """Its folder is deleted under the service, then a file stands in its place: slates go on, and models are asked."""
    with FaultServer() as provider:
        provider.fault = good
        with start_service(demo_copy, **with_model(provider)) as service:
            warmed(service)
            shutil.rmtree(demo_copy / "cache")
            for user in ("gamer", "student", "123"):
                service.slate(user, deadlineMs=2000)
            shutil.rmtree(demo_copy / "cache", ignore_errors=True)
            (demo_copy / "cache").write_bytes(b"no folder")
            for user in ("gamer", "student", "123"):
                service.slate(user, deadlineMs=2000, placement="email")
        (demo_copy / "cache").unlink(missing_ok=True)


def test_a_start_without_a_cache(demo_copy: Path) -> None:
    """A file stands where its folder should be: the service starts, serves and asks models."""
    shutil.rmtree(demo_copy / "cache", ignore_errors=True)
    (demo_copy / "cache").write_bytes(b"no folder")
    with FaultServer() as provider:
        provider.fault = good
        with start_service(demo_copy, **with_model(provider)) as service:
            wait_for(lambda: service.slate("student", deadlineMs=2000)["meta"]["strategy"] == "llm", "model", 40)


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Another process's write lock on a database."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("BEGIN EXCLUSIVE")
        yield
        connection.execute("ROLLBACK")


def test_a_database_that_somebody_holds(demo_copy: Path) -> None:
    """Slates are served while it is held; events wait, and are taken when it is free; a call that can't be paid for is
    not made."""
    with FaultServer() as provider:
        provider.fault = good
        with start_service(demo_copy, **with_model(provider)) as service:
            warmed(service)
            asked = len(provider.requests)
            answers: list[int] = []
            sender = threading.Thread(target=lambda: answers.append(service.send(1, 2).status_code))
            with locked(demo_copy / "shop.db"):
                sender.start()
                for user in ("gamer", "student", "123"):
                    told = service.slate(user, placement="cart")
                    assert told["meta"]["strategy"] == "baseline"
                assert not answers, "an event was acknowledged while nothing could be written"
                assert len(provider.requests) == asked
            sender.join(20)
            assert answers == [202]
            assert service.held() == {"own-1", "own-2"}


def test_a_stop_settles_what_runs_behind(demo_copy: Path) -> None:
    """SIGTERM with a model call under way that nobody waits for: it ends and its cost is written."""
    with FaultServer() as provider:
        provider.fault = good
        with start_service(demo_copy, **with_model(provider)) as service:
            warmed(service)
            provider.fault = after(1.0, good)
            assert service.slate("gamer", deadlineMs=50)["meta"]["fallbackReason"] == "timeout"
            assert service.send(1).status_code == 202
            wait_for(lambda: provider.requests, "call behind the request", 5)
            assert service.stop() in STOPPED
            assert "pending" not in service.outcomes()
            assert service.held() == {"own-1"}
            assert service.whole()


@pytest.fixture
def small_disk(tmp_path: Path, demo_data_dir: Path) -> Iterator[Path]:
    """The demo shop on a disk with room for little more."""
    disk = tmp_path / "disk"
    disk.mkdir()
    used = sum(file.stat().st_size for file in demo_data_dir.rglob("*") if file.is_file())
    size = f"size={used // 1024 + 12_000}k"
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", size, "tmpfs", str(disk)], capture_output=True, check=False)
    if mounted.returncode:
        pytest.skip("a small disk can't be mounted here")
    try:
        yield Path(shutil.copytree(demo_data_dir, disk / "data"))
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=True)


def test_a_full_disk(small_disk: Path) -> None:
    """Slates go on; events are refused and not lost; with room again they are taken; the database is whole."""
    filler = small_disk.parent / "filler"
    with start_service(small_disk) as service:
        service.slate()
        with filler.open("wb") as file:
            _fill(file.fileno())
        taken: set[str] = set()
        refused = 0
        for batch in range(200):
            numbers = range(batch * 50, batch * 50 + 50)
            answer = service.send(*numbers)
            if answer.status_code == 202:
                taken |= {f"own-{number}" for number in numbers}
            else:
                assert answer.status_code == 503, answer.text
                refused += 1
                break
        assert refused, "the disk was never full"
        for user in ("gamer", "student", "nobody-known"):
            service.slate(user)
        assert taken <= service.held()
        filler.unlink()
        again = wait_for(lambda: service.send(100_000).status_code == 202, "room for events", 15)
        assert again
        service.slate()
        assert service.stop() in STOPPED
    assert taken | {"own-100000"} <= service.held()
    assert service.whole()


def _fill(descriptor: int) -> None:
    piece = b"x" * 65_536
    while piece:
        try:
            os.write(descriptor, piece)
        except OSError:
            piece = piece[: len(piece) // 2]


def _faketime() -> str | None:
    found = sorted(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))
    return str(found[0]) if found else ctypes.util.find_library("faketime")


def test_a_clock_that_jumps(demo_copy: Path, tmp_path: Path) -> None:
    """Two days ahead, then four back: slates, events, cached orders and a clean stop, whatever the wall says."""
    library = _faketime()
    if library is None:
        pytest.skip("libfaketime is not here (Debian: faketime)")
    moment = tmp_path / "moment"
    moment.write_text("+0")
    fake = {
        "LD_PRELOAD": library,
        "FAKETIME_TIMESTAMP_FILE": str(moment),
        "FAKETIME_NO_CACHE": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",  # a wall clock jumps, a monotonic one does not
        "FAKETIME_DONT_RESET": "1",
    }
    with FaultServer() as provider:
        provider.fault = good
        with start_service(demo_copy, **with_model(provider), **fake) as service:
            warmed(service)
            for number, jump in enumerate(("+2d", "-2d", "+0"), start=1):
                moment.write_text(jump)
                assert service.send(number).status_code == 202
                for user in ("gamer", "student", "123"):
                    assert service.slate(user, deadlineMs=2000)["meta"]["strategy"] in {"llm", "cache", "stale"}
            assert service.stop() in STOPPED
        assert service.held() == {"own-1", "own-2", "own-3"}
        assert service.whole()
        assert "pending" not in service.outcomes()
