"""Rates that processes count together in one mapped file."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from app.adapters.shared_buckets import NAME, SharedBuckets

WORKER = """
import sys
from pathlib import Path
from app.adapters import shared_buckets
shared_buckets._PATIENCE_S = 60.0
buckets = shared_buckets.SharedBuckets.open(Path(sys.argv[1]), clock=lambda: 1000.0)
print(sum(buckets.take("ann", 1.0, 500).allowed for _ in range(400)))
"""


STOPPED = """
import fcntl, sys
from pathlib import Path
held = open(Path(sys.argv[1]) / sys.argv[2], "r+b")
fcntl.lockf(held, fcntl.LOCK_EX)
print("held", flush=True)
sys.stdin.read()
"""


class Clock:
    """Stands still until it is set."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def buckets(tmp_path: Path, clock: Clock) -> Iterator[SharedBuckets]:
    made = SharedBuckets.open(tmp_path, clock=clock)
    yield made
    made.close()


def test_a_burst_and_then_the_rate(buckets: SharedBuckets, clock: Clock) -> None:
    """Five at once, then one every half second; a refusal takes nothing and says how long to wait."""
    taken = [buckets.take("ann", 2.0, 5) for _ in range(7)]
    assert [t.allowed for t in taken] == [True] * 5 + [False] * 2
    assert [t.remaining for t in taken] == [4, 3, 2, 1, 0, 0, 0]
    assert [t.wait_s for t in taken[5:]] == pytest.approx([0.5, 0.5])
    clock.now += 0.5
    assert [buckets.take("ann", 2.0, 5).allowed for _ in range(2)] == [True, False]
    assert buckets.take("bob", 2.0, 5).allowed
    clock.now += 100.0
    assert sum(buckets.take("ann", 2.0, 5).allowed for _ in range(9)) == 5


def test_a_clock_that_began_anew_empties_no_bucket(buckets: SharedBuckets, clock: Clock) -> None:
    """After a reboot the monotonic clock is small again: what the file says of the future can't be so."""
    for _ in range(6):
        buckets.take("ann", 0.01, 5)
    clock.now = 3.0
    assert buckets.take("ann", 0.01, 5).remaining == 4


def test_a_new_start_goes_on_with_the_same_counts(tmp_path: Path, clock: Clock, buckets: SharedBuckets) -> None:
    """A restart grants no second burst."""
    assert all(buckets.take("ann", 1.0, 5).allowed for _ in range(5))
    again = SharedBuckets.open(tmp_path, clock=clock)
    assert not again.take("ann", 1.0, 5).allowed
    again.close()


@pytest.mark.parametrize("held", [b"", b"rates-0\0" + b"x" * 100, b"\xff" * 3_000_000])
def test_a_file_of_something_else_is_made_anew(tmp_path: Path, held: bytes) -> None:
    """Too short, of another version, or damaged."""
    (tmp_path / NAME).write_bytes(held)
    made = SharedBuckets.open(tmp_path)
    assert made.take("ann", 1.0, 5).remaining == 4
    made.close()


def test_without_a_file_this_process_counts_alone(tmp_path: Path) -> None:
    """And says so."""
    with capture_logs() as logs:
        made = SharedBuckets.open(tmp_path / "missing")
    assert [line["event"] for line in logs] == ["rates_not_shared"]
    assert [made.take("ann", 1.0, 1).allowed for _ in range(2)] == [True, False]
    made.close()


def test_no_name_is_in_the_file(tmp_path: Path, buckets: SharedBuckets) -> None:
    """Keyed digests only, and a surrogate is a name like another."""
    buckets.take("203.0.113.9 canary", 1.0, 5)
    buckets.take("\ud800", 1.0, 5)
    assert b"canary" not in (tmp_path / NAME).read_bytes()


def test_a_flood_of_names_frees_nobody_who_is_limited(buckets: SharedBuckets) -> None:
    """The name that is next to full gives way: an attacker's own bucket is the emptiest of its set."""
    for _ in range(50):
        buckets.take("attacker", 0.1, 50)
    for n in range(20_000):
        buckets.take(f"name-{n}", 0.1, 50)
    assert not buckets.take("attacker", 0.1, 50).allowed


def test_processes_share_a_bucket(tmp_path: Path) -> None:
    """Three processes that ask 400 times each get 500 together, to the call."""
    arguments = [sys.executable, "-c", WORKER, str(tmp_path)]
    workers = [subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    assert sum(int(worker.communicate(timeout=120)[0]) for worker in workers) == 500


def test_a_worker_that_was_stopped_with_a_lock_holds_up_the_others_once(
    tmp_path: Path, buckets: SharedBuckets, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The set is waited for for as long as a scheduler may take, once; after that it is counted as well as can be."""
    slept: list[float] = []
    monkeypatch.setattr("app.adapters.shared_buckets._PATIENCE_S", 0.01)
    stopped = subprocess.Popen(
        [sys.executable, "-c", STOPPED, str(tmp_path), NAME], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    try:
        assert stopped.stdout is not None
        assert stopped.stdout.readline() == b"held\n"
        with monkeypatch.context() as patched:
            patched.setattr("app.adapters.shared_buckets.time.sleep", slept.append)
            assert [buckets.take("ann", 2.0, 1).allowed for _ in range(2)] == [True, False]
            assert slept
            slept.clear()
            assert not buckets.take("ann", 2.0, 1).allowed
            assert not slept
    finally:
        stopped.communicate(b"")
    assert not buckets.take("ann", 2.0, 1).allowed
    assert not slept
