"""Slates are written behind the answers, soon, in batches, and never at a request's expense."""

import threading
from collections.abc import Sequence
from dataclasses import replace

from app.adapters.sql_store import SlateWriter
from app.domain.errors import StoreUnavailable
from app.domain.ranking import Query, Slate


def _slate(name: str) -> Slate:
    return Slate(name, Query(), (), 1.0)


class _Memory:
    """A store that keeps slates in a dict and can be held shut or made to fail."""

    def __init__(self) -> None:
        self.held: dict[str, Slate] = {}
        self.batches: list[int] = []
        self.open = threading.Event()
        self.open.set()
        self.written = threading.Event()
        self.began = threading.Event()
        self.failures = 0
        self.begun_at: Sequence[float] | None = None

    def save_slates(
        self, slates: Sequence[Slate], user_keys: Sequence[str | None], begun_at: Sequence[float] | None = None
    ) -> None:
        self.begun_at = begun_at
        self.began.set()
        assert self.open.wait(10)
        if self.failures:
            self.failures -= 1
            raise StoreUnavailable("held")
        self.batches.append(len(slates))
        self.held |= {slate.recommendation_id: slate for slate in slates}
        self.written.set()

    def slate(self, recommendation_id: str) -> Slate | None:
        return self.held.get(recommendation_id)


def test_an_offered_slate_is_written_soon_without_another_word() -> None:
    """No close, no second offer: it is written when its time is up."""
    store = _Memory()
    writer = SlateWriter.start(store, flush_after_s=0.01)
    writer.offer(_slate("a"), "key")
    assert store.written.wait(5)
    writer.close()
    assert list(store.held) == ["a"]


def test_a_full_batch_does_not_wait() -> None:
    """At the batch size the writer starts at once, however long it might have waited."""
    store = _Memory()
    writer = SlateWriter.start(store, flush_after_s=600.0, batch=3)
    for name in "abc":
        writer.offer(_slate(name), None)
    assert store.written.wait(5)
    assert store.batches == [3]
    writer.close()


def test_a_slate_can_be_read_before_it_is_written() -> None:
    """Queued, being written, written: `get` finds it at every moment."""
    store = _Memory()
    store.open.clear()
    writer = SlateWriter.start(store, flush_after_s=0.0, batch=1)
    writer.offer(_slate("being written"), None)
    assert store.began.wait(5)
    writer.offer(_slate("queued"), None)
    assert writer.get("being written") == _slate("being written")
    assert writer.get("queued") == _slate("queued")
    assert writer.get("unknown") is None
    store.open.set()
    writer.close()
    assert writer.get("queued") == _slate("queued")
    assert set(store.held) == {"being written", "queued"}


def test_a_full_queue_drops_the_oldest_and_counts() -> None:
    """An offer returns at once even when the store stands still."""
    store = _Memory()
    store.open.clear()
    writer = SlateWriter.start(store, capacity=2, flush_after_s=0.0, batch=1)
    writer.offer(_slate("in hand"), None)
    assert store.began.wait(5)
    for name in "abcd":
        writer.offer(_slate(name), None)
    assert writer.dropped == 2
    assert writer.get("a") is None
    store.open.set()
    writer.close()
    assert set(store.held) == {"in hand", "c", "d"}


def test_a_store_that_fails_for_a_while_loses_nothing() -> None:
    """The batch goes back to the head of the queue and is written later."""
    store = _Memory()
    store.failures = 2
    writer = SlateWriter.start(store, flush_after_s=0.0, retry_after_s=0.01)
    writer.offer(_slate("a"), None)
    assert store.written.wait(5)
    writer.close()
    assert (list(store.held), writer.dropped) == (["a"], 0)


def test_close_writes_what_waits_and_gives_up_on_a_broken_store() -> None:
    """Nothing hangs at the end; what is lost is counted."""
    store = _Memory()
    writer = SlateWriter.start(store, flush_after_s=600.0, batch=2)
    writer.offer(_slate("a"), None)
    writer.close()
    assert list(store.held) == ["a"]

    broken = _Memory()
    broken.failures = 99
    writer = SlateWriter.start(broken, flush_after_s=600.0)
    writer.offer(_slate("a"), None)
    writer.offer(_slate("b"), None)
    writer.close()
    assert writer.dropped == 2


def test_a_slate_says_when_its_request_began() -> None:
    """By what its making took, and a second earlier: what an erasure overtook is refused rather than kept."""
    store = _Memory()
    writer = SlateWriter(store, capacity=9, flush_after_s=0.0, batch=9, retry_after_s=0.0, wall=lambda: 1000.0)
    writer.offer(replace(_slate("a"), latency_ms={"total": 500.0}), "key")
    writer.offer(_slate("b"), None)
    writer.close()
    writer._thread = None
    batch = writer._next_batch()
    assert [begun for _, _, begun in batch] == [998.5, 999.0]


def test_a_slate_that_cannot_be_stored_takes_no_other_with_it() -> None:
    """Of a batch with a slate that no database takes, the others are written, and so are later ones."""

    class Refusing(_Memory):
        def save_slates(
            self, slates: Sequence[Slate], user_keys: Sequence[str | None], begun_at: Sequence[float] | None = None
        ) -> None:
            if any(slate.recommendation_id == "broken" for slate in slates):
                raise TypeError("not text")
            super().save_slates(slates, user_keys, begun_at)

    store = Refusing()
    writer = SlateWriter.start(store, flush_after_s=600.0, batch=3)
    for name in ("a", "broken", "b"):
        writer.offer(_slate(name), None)
    assert store.written.wait(5)
    writer.offer(_slate("later"), None)
    writer.close()
    assert sorted(store.held) == ["a", "b", "later"]
    assert writer.dropped == 1
