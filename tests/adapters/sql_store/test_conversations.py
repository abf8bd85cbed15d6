"""What the store keeps of conversations."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from app.adapters.sql_store import conversations
from app.adapters.sql_store.store import SqlStore
from app.domain.chat import Remembered, Talker
from app.domain.interactions import Consent

NOW = 1_000_000.0
ANN = Talker(user_id="ann", session_id="s")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqlStore]:
    """Empty, at a fixed time."""
    opened = SqlStore.open(
        f"sqlite:///{tmp_path / 'shop.db'}", currency="EUR", consent_default=Consent(), now=lambda: NOW
    )
    yield opened
    opened.close()


def test_it_comes_back_as_it_was(store: SqlStore) -> None:
    """Every field, for the same talker and conversation."""
    memory = Remembered(5000, "mouse", ("A > B",), ("Drakkon",), ("leather",), ("p1", "p2"), "r1", "p2", True, ("hi",))
    store.remember(ANN, "c1", memory)
    assert store.recall(ANN, "c1") == memory


def test_nobody_else_gets_it(store: SqlStore) -> None:
    """Neither another user nor the same id as a visitor or session, nor another conversation."""
    store.remember(ANN, "c1", Remembered(search="secret"))
    for talker in (Talker(user_id="bob", session_id="s"), Talker(anonymous_id="ann"), Talker(session_id="s"), Talker()):
        assert store.recall(talker, "c1") == Remembered()
    assert store.recall(ANN, "c2") == Remembered()


def test_it_is_capped(store: SqlStore) -> None:
    """The oldest messages go first."""
    store.remember(ANN, None, Remembered(said=("old " * 600, "mid " * 600, "new " * 200)))
    said = store.recall(ANN, None).said
    assert said[-1].startswith("new")
    assert not any(one.startswith("old") for one in said)


def test_erased_with_the_shopper_and_with_the_visitor_they_were(store: SqlStore) -> None:
    """Both are gone; others stay."""
    store.remember(ANN, "c1", Remembered(search="a"))
    store.remember(Talker(anonymous_id="visitor"), None, Remembered(search="b"))
    store.remember(Talker(user_id="bob"), None, Remembered(search="c"))
    with store.transaction() as transaction:
        cursor = transaction._cursor
        assert len(conversations.held(cursor, "ann", ["visitor"])) == 2
        assert conversations.erase(cursor, "ann", ["visitor"]) == 2
    assert store.recall(ANN, "c1") == Remembered()
    assert store.recall(Talker(anonymous_id="visitor"), None) == Remembered()
    assert store.recall(Talker(user_id="bob"), None).search == "c"


def test_old_ones_are_purged(store: SqlStore) -> None:
    """Those not continued since; a message keeps one alive."""
    store.remember(ANN, None, Remembered(search="a"))
    assert store.purge_conversations(NOW) == 0
    assert store.purge_conversations(NOW + 1) == 1
