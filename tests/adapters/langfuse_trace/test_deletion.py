"""An erased shopper's traces are asked to be deleted until Langfuse holds none, shown against the stand-in."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from app.adapters.langfuse_trace.access import Access
from app.adapters.langfuse_trace.deletion import SETTLED_S, TraceEraser
from app.adapters.personal_data import open_personal_data
from app.adapters.sql_store.store import SqlStore
from app.domain.errors import StoreUnavailable
from app.domain.interactions import Consent, EventKind, Interaction, Preferences
from app.domain.ranking import Query
from tests.support.langfuse_stand_in import PUBLIC, SECRET, LangfuseStandIn
from tests.support.langfuse_told import NAMES, NOW, slate, told, tracing


@pytest.fixture
def langfuse() -> Iterator[LangfuseStandIn]:
    with LangfuseStandIn() as running:
        yield running
        assert running.refusals == []


def access(langfuse: LangfuseStandIn) -> Access:
    return Access(langfuse.url, PUBLIC, SECRET)


def test_a_shoppers_traces_are_deleted_and_nobody_elses(langfuse: LangfuseStandIn) -> None:
    """Those under the shopper and under a tied session go; the trace of another shopper stays."""
    mine = slate()
    tied = slate(query=Query(anonymous_id="visitor", session_id="tab 1"))
    others = slate(query=Query(user_id="bert", session_id="tab 2"))
    with tracing(langfuse) as listening:
        for made in (mine, tied, others):
            listening.request_ended(told(made))
        langfuse.until(lambda held: len(held.traces()) == 3)
        erased = [NAMES.of("anna"), NAMES.of("tab 1", "session")]
        eraser = TraceEraser(access(langfuse), mask=listening.forget, wall=lambda: NOW)
        assert not eraser.forget(erased, NOW)  # young: asked for in the background, and not believed yet
        langfuse.until(lambda held: len(held.deleted) == 2)
    assert set(langfuse.held.traces()) == {others.recommendation_id}
    later = TraceEraser(access(langfuse), wall=lambda: NOW + SETTLED_S)
    assert later.forget(erased, NOW)
    assert set(langfuse.held.deleted) == {mine.recommendation_id, tied.recommendation_id}


def test_traces_that_arrive_late_are_found_by_the_next_attempt(langfuse: LangfuseStandIn) -> None:
    """While anything is found the erasure is not done."""
    eraser = TraceEraser(access(langfuse), wall=lambda: NOW + SETTLED_S)
    with tracing(langfuse) as listening:
        listening.request_ended(told(slate()))
        langfuse.until(lambda held: bool(held.spans))
    assert not eraser.forget([NAMES.of("anna")], NOW)
    assert eraser.forget([NAMES.of("anna")], NOW)


@pytest.mark.parametrize("mode", ["401", "500", "dead"])
def test_a_langfuse_that_does_not_answer_leaves_it_pending(langfuse: LangfuseStandIn, mode: str) -> None:
    """The reason is said; nothing claims to be done."""
    if mode == "dead":
        langfuse.stop()
    else:
        langfuse.mode = mode  # type: ignore[assignment]
    with pytest.raises(StoreUnavailable, match="not deleted yet"):
        TraceEraser(access(langfuse), wall=lambda: NOW + SETTLED_S).forget(["p1:a"], NOW)


def test_a_receipt_says_traces_are_pending_until_a_question_finds_none(
    langfuse: LangfuseStandIn, tmp_path: Path
) -> None:
    """`traces` is in the receipt at first, and goes when Langfuse was asked and had none."""
    store = SqlStore.open(
        f"sqlite:///{tmp_path / 'shop.db'}", currency="EUR", consent_default=Consent(), pseudonyms=NAMES
    )
    store.save_preferences("anna", Preferences(budget_minor=100))
    store.record_events([[Interaction("e1", EventKind.VIEW, NOW, user_id="anna", product_id="p1")]])
    wall = [0.0]
    eraser = TraceEraser(access(langfuse), mask=lambda _: None, wall=lambda: wall[0])
    privacy = open_personal_data(tmp_path, store, forget_traces=eraser.forget)
    receipt = privacy.erase("anna")
    assert "traces" in receipt.pending
    assert not any("traces" in text for text in privacy.warnings().values())  # not overdue
    wall[0] = receipt.erased_at + SETTLED_S
    assert privacy.finish(any_size=True) == []
    store.close()
