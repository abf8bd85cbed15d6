"""What the store keeps of conversations."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from app.adapters.sql_store.store import SqlStore
from app.domain.chat import Remembered, Talker
from app.domain.interactions import Consent
from app.pipeline.pseudonym import Pseudonyms

NOW = 1_000_000.0
ANN = Talker(user_id="ann", session_id="s")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqlStore]:
    """Empty, at a fixed time."""
    opened = SqlStore.open(
        f"sqlite:///{tmp_path / 'shop.db'}",
        currency="EUR",
        consent_default=Consent(),
        now=lambda: NOW,
        pseudonyms=Pseudonyms({1: b"k" * 32}),
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


def test_erased_and_exported_with_the_shopper(store: SqlStore) -> None:
    """The shopper's own go with a count on the receipt; others stay."""
    store.remember(ANN, "c1", Remembered(search="a"))
    store.remember(Talker(user_id="bob"), None, Remembered(search="c"))
    assert [memory.search for memory in store.privacy.holdings("ann").conversations] == ["a"]
    erasure = store.privacy.erase("ann", "user", baseline_version=None)
    assert erasure.receipt.stores["conversations"] == 1
    assert store.recall(ANN, "c1") == Remembered()
    assert store.recall(Talker(user_id="bob"), None).search == "c"


def test_a_visitors_conversations_are_erased_too(store: SqlStore) -> None:
    """By the anonymous id alone."""
    visitor = Talker(anonymous_id="visitor", session_id="s")
    store.remember(visitor, None, Remembered(search="b"))
    assert store.privacy.erase("visitor", "anonymous", baseline_version=None).receipt.stores["conversations"] == 1
    assert store.recall(visitor, None) == Remembered()


def test_an_answer_begun_before_the_erasure_leaves_nothing(store: SqlStore) -> None:
    """A turn that was under way when its shopper was erased brings nothing back; a later one begins anew."""
    store.privacy.erase("ann", "user", baseline_version=None)
    store.remember(ANN, "c1", Remembered(search="a"), begun_at=NOW - 1)
    assert store.recall(ANN, "c1") == Remembered()
    store.remember(ANN, "c1", Remembered(search="a"), begun_at=NOW + 1)
    assert store.recall(ANN, "c1").search == "a"


def test_old_ones_are_purged(store: SqlStore) -> None:
    """Those not continued since; a message keeps one alive."""
    store.remember(ANN, None, Remembered(search="a"))
    assert store.purge_conversations(NOW) == 0
    assert store.purge_conversations(NOW + 1) == 1
