"""A restored backup: whoever was erased since it was made goes again, and nobody else does."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from app.adapters.personal_data import open_personal_data
from app.adapters.sql_store import SqlStore
from app.adapters.tombstone_file import read_tombstones, write_tombstones
from app.domain.catalog import Product
from app.domain.errors import BadInput, ConfigurationError
from app.domain.interactions import Consent, EventKind, Interaction, Preferences
from app.pipeline.pseudonym import Pseudonyms

KEYS = Pseudonyms.of_secrets({1: b"k" * 32})
BACKED_UP, ERASED, RESTORED = 1_000_000.0, 1_000_500.0, 1_001_000.0
CANARY = "canary-9c41d2"

Opener = Callable[..., SqlStore]


class _Wall:
    at = BACKED_UP

    def __call__(self) -> float:
        return self.at


@pytest.fixture
def wall() -> _Wall:
    return _Wall()


@pytest.fixture
def open_(tmp_path: Path, wall: _Wall) -> Iterator[Opener]:
    opened: list[SqlStore] = []

    def open_store(name: str = "live", keys: Pseudonyms = KEYS) -> SqlStore:
        (tmp_path / name).mkdir(exist_ok=True)
        url = f"sqlite:///{tmp_path}/{name}/shop.db"
        store = SqlStore.open(url, currency="EUR", consent_default=Consent("full"), now=wall, pseudonyms=keys)
        opened.append(store)
        return store

    yield open_store
    for store in opened:
        store.close()


def _event(event_id: str, at: float = BACKED_UP - 50, **stated: object) -> Interaction:
    values: dict[str, object] = {"kind": EventKind.VIEW, "product_id": "p1"} | stated
    return Interaction(event_id, timestamp=at, **values)  # type: ignore[arg-type]


@pytest.fixture
def backup(open_: Opener, tmp_path: Path) -> Path:
    """A copy of a shop with two shoppers, a visitor and a session; the live one goes on."""
    live = open_()
    live.upsert_products([Product("p1", "Lamp", price_minor=100)], BACKED_UP - 100)
    live.insert_events(
        [
            _event(f"{CANARY}-a1", user_id=CANARY, anonymous_id=f"{CANARY}-v", session_id=f"{CANARY}-s"),
            _event("bo-1", user_id="bo"),
            _event(f"{CANARY}-w1", anonymous_id=f"{CANARY}-w"),
            _event(f"{CANARY}-t1", session_id=f"{CANARY}-t"),
            _event("cy-1", user_id="cy"),
        ]
    )
    live.save_preferences(CANARY, Preferences(interests=("lamps",)))
    live.close()
    return Path(shutil.copytree(tmp_path / "live", tmp_path / "backup"))


@pytest.fixture
def kept(backup: Path, open_: Opener, wall: _Wall, tmp_path: Path) -> Path:
    """The tombstones of the live shop, after two shoppers and a visitor were erased there."""
    wall.at = ERASED
    live = open_()
    # The sign-in that ties this session to the shopper comes after the backup.
    live.insert_events([_event(f"{CANARY}-t2", at=ERASED - 5, user_id=CANARY, session_id=f"{CANARY}-t")])
    privacy = open_personal_data(tmp_path / "live", live)
    privacy.erase(CANARY)
    privacy.erase(f"{CANARY}-w", "anonymous")
    privacy.erase("never-seen-before-the-backup")
    write_tombstones(tmp_path / "kept.jsonl", privacy.tombstones(), live.privacy.fingerprints())
    wall.at = RESTORED
    return tmp_path / "kept.jsonl"


def _replayed(store: SqlStore, folder: Path, kept: Path) -> int:
    stones = read_tombstones(kept, store.privacy.fingerprints())
    receipts = open_personal_data(folder, store).replay(stones)
    assert not any(receipt.pending for receipt in receipts)
    return len(receipts)


def test_who_was_erased_after_the_backup_goes_again(kept: Path, backup: Path, open_: Opener) -> None:
    """No byte of the shopper, the visitor or the session that the sign-in tied to them is left; others keep theirs."""
    store = open_("backup")
    assert any(CANARY.encode() in file.read_bytes() for file in backup.iterdir())
    assert _replayed(store, backup, kept) == 3
    assert {event.user_id for event in store.privacy.holdings("bo").events} == {"bo"}
    assert len(store.privacy.holdings("cy").events) == 1
    assert store.privacy.holdings(CANARY).events == ()
    store.close()
    for file in backup.iterdir():
        assert CANARY.encode() not in file.read_bytes(), file.name


def test_a_second_replay_changes_nothing(kept: Path, backup: Path, open_: Opener) -> None:
    """What came after the erasure is a new beginning, and a replay that is repeated leaves it alone."""
    store = open_("backup")
    _replayed(store, backup, kept)
    store.insert_events([_event("anew", at=RESTORED, user_id=CANARY)])
    assert _replayed(store, backup, kept) == 0
    assert [event.event_id for event in store.privacy.holdings(CANARY).events] == ["anew"]


def test_nobody_comes_back_by_an_import(kept: Path, backup: Path, open_: Opener) -> None:
    """Tombstones that name nobody in the backup hold there all the same, at the time of the first erasure."""
    store = open_("backup")
    _replayed(store, backup, kept)
    late = store.insert_events(
        [
            _event("old", at=ERASED, user_id="never-seen-before-the-backup"),
            _event("new", at=ERASED + 1, user_id="never-seen-before-the-backup"),
        ]
    )
    assert late[0] == 1
    assert store.privacy.key_problem() is None


def test_a_backup_younger_than_an_erasure_keeps_the_new_profile(
    kept: Path, open_: Opener, tmp_path: Path, wall: _Wall
) -> None:
    """A tombstone that the restored database holds itself is passed over."""
    live = open_()
    live.insert_events([_event("anew", at=RESTORED, user_id=CANARY)])
    assert _replayed(live, tmp_path / "live", kept) == 0
    assert len(live.privacy.holdings(CANARY).events) == 1


def test_other_keys_are_refused(kept: Path, backup: Path, open_: Opener) -> None:
    """With the keys lost, a file that seems to name nobody is an error and not a success."""
    store = open_("backup", Pseudonyms.of_secrets({1: b"x" * 32}))
    with pytest.raises(ConfigurationError, match="another key p1"):
        read_tombstones(kept, store.privacy.fingerprints())


@pytest.mark.parametrize(
    ("line", "number"),
    [(b"", 1), (b"{}", 1), (b'{"pseudonym": "ada", "erasedAt": 1, "receiptId": "r"}', 3), (b"\xff\xfe", 3)],
)
def test_a_damaged_file_changes_nothing(kept: Path, line: bytes, number: int) -> None:
    """The message begins with file and line, and nothing of the file is used."""
    lines = kept.read_bytes().splitlines()
    damaged = [line, *lines[1:]] if number == 1 else [*lines[:2], line, *lines[2:]]
    kept.write_bytes(b"\n".join(damaged))
    with pytest.raises(BadInput, match=rf"^kept\.jsonl:{number}: "):
        read_tombstones(kept, KEYS.fingerprints())
    kept.unlink()
    with pytest.raises(BadInput, match="can't be read"):
        read_tombstones(kept, KEYS.fingerprints())
