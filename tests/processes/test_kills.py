"""kill -9 in the middle of writing events, again and again: what was acknowledged is there, once."""

from __future__ import annotations

import random
import sqlite3
from contextlib import closing, suppress
from pathlib import Path

import pytest

from tests.support.ingest_process import event, open_shop, writing

REPLAYED = 20
"""Events before the last acknowledged one that a sender sends again: it can't know what was written."""


def written_until_killed(data_dir: Path, first: int, dice: random.Random, *, hasty: bool) -> int:
    """Starts the writer, kills it at a random moment; the number up to which events were acknowledged."""
    acknowledged = first
    with writing(data_dir, first, hasty=hasty) as (process, told):
        assert told.poll(60)
        assert told.recv_bytes() == b"ready"
        for _ in range(dice.randint(0, 12)):  # some die before their first batch, some in the middle of a later one
            acknowledged = int(told.recv_bytes())
        process.kill()
        with suppress(EOFError):
            while True:
                acknowledged = int(told.recv_bytes())
    return acknowledged


def check_kills(data_dir: Path, kills: int, seed: int, *, hasty: bool = False) -> int:
    """So many kills, then a look at what is there. Returns how many events were acknowledged."""
    dice, acknowledged = random.Random(seed), 0
    for _ in range(kills):
        first = max(0, acknowledged - REPLAYED)
        acknowledged = max(acknowledged, written_until_killed(data_dir, first, dice, hasty=hasty))
    with closing(sqlite3.connect(data_dir / "shop.db")) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        held = [row[0] for row in connection.execute("SELECT event_id FROM events WHERE event_id LIKE 'kill-%'")]
    assert len(held) == len(set(held)), "an event is held twice"
    missing = {f"kill-{n}" for n in range(acknowledged)} - set(held)
    assert not missing, f"{len(missing)} acknowledged events are lost"
    return acknowledged


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A shop with nothing in it."""
    open_shop(tmp_path).close()
    return tmp_path


def test_ten_kills_lose_nothing(shop: Path) -> None:
    """Each while events are being written."""
    assert check_kills(shop, 10, seed=1) > 0


@pytest.mark.slow
def test_two_hundred_kills_lose_nothing(shop: Path) -> None:
    """0 acknowledged events lost, 0 held twice, and the database is whole."""
    acknowledged = check_kills(shop, 200, seed=2)
    print(f"200 kills, {acknowledged} events acknowledged")
    assert acknowledged > 1000


@pytest.mark.slow
def test_an_early_acknowledgement_is_noticed(shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The test of the test: a writer that answers before the disk has it loses events under kills."""
    monkeypatch.setattr("tests.processes.test_kills.REPLAYED", 0)
    with pytest.raises(AssertionError, match="lost"):
        check_kills(shop, 30, seed=3, hasty=True)


@pytest.mark.slow
def test_ten_thousand_replayed_events_are_held_once(shop: Path) -> None:
    """Sent twice over, in other batches the second time: 10,000 held, 10,000 told as duplicates."""
    store = open_shop(shop)
    events = [event(n) for n in range(10_000)]
    try:
        first = store.record_events([events[at : at + 500] for at in range(0, 10_000, 500)])
        again = store.record_events([events[at : at + 333] for at in range(0, 10_000, 333)])
    finally:
        store.close()
    assert [outcome for one in first for outcome in one] == ["accepted"] * 10_000
    assert [outcome for one in again for outcome in one] == ["duplicate"] * 10_000
    with closing(sqlite3.connect(shop / "shop.db")) as connection:
        assert connection.execute("SELECT COUNT(*) FROM events").fetchone() == (10_000,)
