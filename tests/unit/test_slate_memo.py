"""What a worker remembers of shoppers and slates, and what makes it forget."""

from __future__ import annotations

from dataclasses import replace

import pytest

from app.domain.errors import StoreUnavailable
from app.domain.interactions import Consent, Preferences, Shopper, ShoppersChanged, Subject
from app.domain.ranking import Query, Slate
from app.pipeline.profile import Profile
from app.slate_memo import KEEP_S, SlateMemo

NOON = 43_200.0
SERVED = object()
ANN = Query(user_id="ann", session_id="s")
PROFILE = Profile(preferences=Preferences(budget_minor=100), used=True)


class Changes:
    """Says what a test says; None: nothing has changed."""

    def __init__(self) -> None:
        self.next: ShoppersChanged | None = None
        self.broken = False

    def look(self) -> ShoppersChanged | None:
        if self.broken:
            raise StoreUnavailable("gone")
        told, self.next = self.next, None
        return told

    def of(self, *subjects: Subject) -> None:
        self.next = ShoppersChanged(frozenset(subjects))


class Clock:
    """A monotonic clock that stands until it is moved."""

    def __init__(self) -> None:
        self.at = 10.0

    def __call__(self) -> float:
        return self.at


@pytest.fixture
def changes() -> Changes:
    return Changes()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def memo(changes: Changes, clock: Clock) -> SlateMemo:
    return SlateMemo(changes, most_shoppers=3, most_slates=4, monotonic=clock)


def _serve(
    memo: SlateMemo, query: Query, *, profile: Profile = PROFILE, served: object = SERVED, **when: float
) -> None:
    """What a request does that finds nothing."""
    now = when.get("now", NOON)
    known = memo.recall(served, query, now)
    if known is None:
        shopper = Shopper(query.user_id, profile.preferences)
        known = memo.keep(memo.begin(served, query), shopper, profile, now, when.get("next_at", float("inf")))
    memo.keep_slate(known, query, Slate(f"of {query.user_id}", query, (), now), when.get("fresh_s"))


def _found(memo: SlateMemo, query: Query = ANN, now: float = NOON, served: object = SERVED) -> bool:
    return memo.slate(served, query, now) is not None


def test_the_same_question_finds_its_slate_and_another_does_not(memo: SlateMemo) -> None:
    """All that shapes a slate is part of the question; the deadline is not."""
    _serve(memo, ANN)
    assert _found(memo)
    assert _found(memo, replace(ANN, deadline_ms=0))
    for other in (
        replace(ANN, limit=6),
        replace(ANN, placement="cart"),
        replace(ANN, product_id="p"),
        replace(ANN, cart=("p",)),
        replace(ANN, budget_minor=5),
        replace(ANN, text="pan"),
        replace(ANN, reasons="none"),
        replace(ANN, exclude_ids=("p",)),
        replace(ANN, filters=replace(ANN.filters, brands=("b",))),
        replace(ANN, user_id="ben"),
        replace(ANN, session_id=None),
        replace(ANN, anonymous_id="a"),
    ):
        assert not _found(memo, other), other


@pytest.mark.parametrize("subject", [("user", "ann"), ("session", "s")])
def test_what_is_written_about_a_shopper_makes_it_forget_them(
    memo: SlateMemo, changes: Changes, subject: Subject
) -> None:
    """Under any of the ids of the question, and nobody else."""
    ben = Query(user_id="ben")
    _serve(memo, ANN)
    _serve(memo, ben)
    changes.of(subject)
    assert not _found(memo)
    assert _found(memo, ben)


def test_what_is_written_while_a_shopper_is_read_counts(memo: SlateMemo, changes: Changes) -> None:
    """Between the reading and its end another request may be the one that hears of the change."""
    reading = memo.begin(SERVED, ANN)
    changes.of(("user", "ann"))
    assert not _found(memo, Query(user_id="ben"))  # hears of it
    known = memo.keep(reading, Shopper("ann"), PROFILE, NOON, float("inf"))
    memo.keep_slate(known, ANN, Slate("r", ANN, (), NOON))
    assert not _found(memo)


def test_another_view_of_the_catalogue_forgets_everything(memo: SlateMemo) -> None:
    """A price, a product or a model changed."""
    _serve(memo, ANN)
    assert not _found(memo, served=object())
    _serve(memo, Query(user_id="ben"), served=object())
    assert not _found(memo)


def test_time_ends_it(memo: SlateMemo, clock: Clock) -> None:
    """After a minute by either clock, at midnight, when an event of the future counts, when an order is stale."""
    _serve(memo, ANN)
    assert _found(memo, now=NOON + KEEP_S - 1)
    assert not _found(memo, now=NOON + KEEP_S)
    _serve(memo, ANN)
    assert not _found(memo, now=NOON - 1)  # the clock was set back
    _serve(memo, ANN, now=86_399.0)
    assert not _found(memo, now=86_400.0)
    _serve(memo, ANN, next_at=NOON + 5)
    assert _found(memo, now=NOON + 4)
    assert not _found(memo, now=NOON + 5)
    _serve(memo, ANN, fresh_s=3.0)
    clock.at += 2.0
    assert _found(memo)
    clock.at += 1.0
    assert not _found(memo)
    _serve(memo, ANN)
    clock.at += KEEP_S
    assert not _found(memo)


def test_where_changes_can_not_be_told_nothing_remembered_is_used(memo: SlateMemo, changes: Changes) -> None:
    """Neither then nor afterwards."""
    _serve(memo, ANN)
    changes.broken = True
    assert not _found(memo)
    _serve(memo, ANN)
    assert not _found(memo)
    changes.broken = False
    assert not _found(memo)


def test_shoppers_of_whom_nothing_is_known_share_slates_and_no_ids(memo: SlateMemo) -> None:
    """One who is new to the shop finds what was composed for another one of the same wording group."""
    nobody = Profile()
    visitors = [Query(anonymous_id=f"v{n}") for n in range(40)]
    _serve(memo, visitors[0], profile=nobody)
    shared = 0
    for visitor in visitors[1:]:
        reading = memo.begin(SERVED, visitor)
        memo.keep(reading, Shopper(None), nobody, NOON, float("inf"))
        found = memo.slate(SERVED, visitor, NOON)
        if found is not None:
            shared += 1
            assert found[0].query.anonymous_id is None
    assert shared > 0
    reading = memo.begin(SERVED, ANN)
    memo.keep(reading, Shopper("ann", consent=Consent("none", False)), nobody, NOON, float("inf"))
    assert not _found(memo)  # another consent, another answer


def test_it_is_bounded(memo: SlateMemo) -> None:
    """The shoppers who were asked for longest ago go first."""
    for n in range(6):
        _serve(memo, Query(user_id=f"u{n}"))
    assert [_found(memo, Query(user_id=f"u{n}")) for n in range(6)] == [False] * 3 + [True] * 3
    for limit in range(1, 12):
        _serve(memo, Query(user_id="u5", limit=limit))
    assert _found(memo, Query(user_id="u5", limit=11))
    assert not _found(memo, Query(user_id="u3"))
    nobody = Profile()
    for limit in range(1, 12):
        _serve(memo, Query(limit=limit), profile=nobody)
    assert sum(_found(memo, Query(limit=limit)) for limit in range(1, 12)) <= 4
