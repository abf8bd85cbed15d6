"""Model calls that are paid for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from app.budgets import Rationing
from app.domain.budgets import NOBODY, Payer, Reservation
from app.domain.deadline import Deadline
from app.domain.errors import StoreUnavailable
from app.domain.model_calls import LedgerRow, Message, ModelCall, ModelReply
from app.domain.ranking import Usage
from app.metered import MeteredCalls, Priced
from app.pipeline.pseudonym import Pseudonyms

CALL = ModelCall("c1", "r1", "chat", "search", "chat/v1", "h", (Message("user", "hi"),), 10)
REPLY = ModelReply("complete", "Hello.", Usage(5, 2, cost_usd=0.25), "m", 0.1)


class FakeClient:
    """Ends every call at once, unless it refuses."""

    model = "m"

    def __init__(self, *refusals: Any) -> None:
        self.refusals = list(refusals)
        self.started = 0

    def refusal(self) -> Any:
        return self.refusals.pop(0) if self.refusals else None

    def start(self, call: ModelCall, deadline: Deadline, on_end: Callable[[ModelReply], None]) -> Any:
        self.started += 1
        on_end(REPLY)
        return object()

    async def close(self) -> None: ...


class FakeLedger:
    """Rows in lists."""

    def __init__(self, *, allows: bool = True, fails: bool = False) -> None:
        self.allows, self.fails = allows, fails
        self.reserved: list[tuple[LedgerRow, float, float | None]] = []
        self.settled: list[LedgerRow] = []

    def reserve(
        self, row: LedgerRow, worst_case_usd: float, daily_budget_usd: float | None, *limits: object
    ) -> Reservation:
        if self.fails:
            raise StoreUnavailable("locked")
        self.reserved.append((row, worst_case_usd, daily_budget_usd))
        return Reservation(True) if self.allows else Reservation(False, "total", "budget")

    def settle(self, call_id: str, row: LedgerRow) -> None:
        self.settled.append(row)

    def spent_usd(self, day: str) -> tuple[float, float]:
        return 0.0, 0.0


def metered(client: FakeClient, ledger: FakeLedger) -> MeteredCalls:
    async def in_thread(function: Any, /, *args: object) -> Any:
        return function(*args)

    return MeteredCalls(client, ledger, 1.0, lambda call: 0.5, in_thread, wall=lambda: 86_400.0)


async def test_reserved_before_and_settled_after() -> None:
    """The worst case against the day's budget, then what it really cost, under the same call id."""
    client, ledger = FakeClient(), FakeLedger()
    calls = metered(client, ledger)
    assert not isinstance(await calls.start(CALL, Deadline.after_ms(1000)), str)
    await calls.close()
    [(row, worst, budget)] = ledger.reserved
    assert (row.call_id, row.purpose, row.outcome, row.day, worst, budget) == (
        "c1", "chat", "pending", "1970-01-02", 0.5, 1.0
    )  # fmt: skip
    [settled] = ledger.settled
    assert (settled.call_id, settled.outcome, settled.cost_usd, settled.input_tokens) == ("c1", "complete", 0.25, 5)


@pytest.mark.parametrize(
    ("client", "ledger", "why"),
    [
        (FakeClient("circuit_open"), FakeLedger(), "circuit_open"),
        (FakeClient("overloaded"), FakeLedger(), "overloaded"),
        (FakeClient(), FakeLedger(allows=False), "budget_exhausted"),
        (FakeClient(), FakeLedger(fails=True), "overloaded"),
        (FakeClient(None, "overloaded"), FakeLedger(), "overloaded"),
    ],
)
async def test_no_call_is_made_without_leave(client: FakeClient, ledger: FakeLedger, why: str) -> None:
    """Breaker, places, budget, a ledger that can't be written, and places taken meanwhile."""
    calls = metered(client, ledger)
    assert await calls.start(CALL, Deadline.after_ms(1000)) == why
    await calls.close()
    assert client.started == 0


async def test_a_reservation_that_was_not_used_is_given_back() -> None:
    """The row ends with the refusal and costs nothing."""
    ledger = FakeLedger()
    calls = metered(FakeClient(None, "circuit_open"), ledger)
    await calls.start(CALL, Deadline.after_ms(1000))
    await calls.close()
    assert [(row.outcome, row.cost_usd) for row in ledger.settled] == [("circuit_open", 0.0)]


@pytest.mark.parametrize(("left_behind", "noted"), [(None, False), (lambda: True, True)])
async def test_who_asked_is_told_and_says_whether_anybody_waited(left_behind: Any, noted: bool) -> None:
    """The reply goes to the caller once; the ledger hears of a call that nobody waits for any more."""
    ledger, heard = FakeLedger(), list[ModelReply]()
    calls = metered(FakeClient(), ledger)
    await calls.start(CALL, Deadline.after_ms(60_000), ended=heard.append, left_behind=left_behind)
    assert heard == [REPLY]
    busy = [calls.busy]
    await calls.close()
    assert [*busy, calls.busy] == [True, False]
    assert [row.background for row in ledger.settled] == [noted]


async def test_a_caller_that_fails_on_the_reply_is_charged_all_the_same() -> None:
    """What was paid for is written down before anybody reads it."""
    ledger = FakeLedger()

    def broken(reply: ModelReply) -> None:
        raise RuntimeError("unreadable")

    calls = metered(FakeClient(), ledger)
    with pytest.raises(RuntimeError):
        await calls.start(CALL, Deadline.after_ms(60_000), ended=broken)
    await calls.close()
    assert [row.cost_usd for row in ledger.settled] == [0.25]


class NamedClient(FakeClient):
    """A fake of this name, with calls that end when they are told to."""

    def __init__(self, model: str) -> None:
        super().__init__()
        self.model = model
        self.open: list[Callable[[ModelReply], None]] = []

    def start(self, call: ModelCall, deadline: Deadline, on_end: Callable[[ModelReply], None]) -> Any:
        self.started += 1
        self.open.append(on_end)
        return object()


class AnsweringLedger(FakeLedger):
    """Answers reservations from a list, then grants."""

    def __init__(self, *answers: Reservation) -> None:
        super().__init__()
        self.answers = list(answers)

    def reserve(
        self, row: LedgerRow, worst_case_usd: float, daily_budget_usd: float | None, *limits: object
    ) -> Reservation:
        self.reserved.append((row, worst_case_usd, daily_budget_usd))
        self.limits = limits
        return self.answers.pop(0) if self.answers else Reservation(True)


def two_models(ledger: FakeLedger, **changes: Any) -> tuple[MeteredCalls, NamedClient, NamedClient]:
    """A usual model of 0.5 dollars a call and a cheap one of 0.1."""

    async def in_thread(function: Any, /, *args: object) -> Any:
        return function(*args)

    usual, cheap = NamedClient("usual"), NamedClient("cheap")
    calls = MeteredCalls(
        usual, ledger, 1.0, lambda call: 0.5, in_thread, cheap=Priced(cheap, lambda call: 0.1), **changes
    )
    return calls, usual, cheap


async def test_beyond_a_soft_budget_the_cheap_model_is_asked_at_its_own_price() -> None:
    """From the next call of that place on, and the row names it; other places go on as they did."""
    ledger = AnsweringLedger(Reservation(True, over_soft=("chat",)))
    calls, usual, cheap = two_models(ledger)
    assert calls.model_for("chat", "search", NOBODY) == "usual"
    for _ in range(2):
        await calls.start(CALL, Deadline.after_ms(1000))
        ledger.answers = [Reservation(True, over_soft=("chat",))]
    assert (usual.started, cheap.started) == (1, 1)
    assert [(row.model, worst) for row, worst, _ in ledger.reserved] == [("usual", 0.5), ("cheap", 0.1)]
    assert calls.model_for("rerank", "search", NOBODY) == "usual"
    assert calls.model == "usual"


async def test_a_call_is_made_of_the_model_that_its_key_was_made_for() -> None:
    """A budget that is passed between a plan and its call does not put another model's answer under that key."""
    ledger = AnsweringLedger(Reservation(True, over_soft=("chat",)))
    calls, usual, _ = two_models(ledger)
    await calls.start(CALL, Deadline.after_ms(1000))
    await calls.start(CALL, Deadline.after_ms(1000), model="usual")
    assert usual.started == 2


async def test_both_models_share_the_places() -> None:
    """LLM_MAX_CONCURRENCY is the worker's, whichever models it asks; a call that ended gives its place back."""
    calls, usual, _ = two_models(AnsweringLedger(Reservation(True, over_soft=("chat",))), places=2)
    for model in ("usual", "cheap"):
        assert not isinstance(await calls.start(CALL, Deadline.after_ms(1000), model=model), str)
    assert await calls.start(CALL, Deadline.after_ms(1000), model="cheap") == "overloaded"
    usual.open[0](REPLY)
    assert calls.refusal("cheap") is None
    await calls.close()


@pytest.mark.parametrize(("reason", "why"), [("budget", "budget_exhausted"), ("ration", "overloaded")])
async def test_a_refusal_is_not_asked_for_twice_in_a_moment(reason: Any, why: str) -> None:
    """The ledger's transaction is spared; the words are those of the contract."""
    ledger = AnsweringLedger(Reservation(False, "chat" if reason == "budget" else "p1:x", reason))
    rationing = Rationing(Pseudonyms.of_secrets({1: b"s" * 32}), per_shopper=3)
    call = replace(CALL, payer=Payer("k", (("user", "ann"),)))
    if reason == "ration":
        ledger.answers = [Reservation(False, rationing.of(call.payer)[0].party, reason)]
    calls, usual, cheap = two_models(ledger, rationing=rationing, clock=lambda: 0.0)
    assert [await calls.start(call, Deadline.after_ms(1000)) for _ in range(3)] == [why] * 3
    assert (len(ledger.reserved), usual.started, cheap.started) == (1, 0, 0)
    assert ledger.reserved[0][0].key_id == "k"
    await calls.close()
