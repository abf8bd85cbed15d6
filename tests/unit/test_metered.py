"""Model calls that are paid for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from app.domain.deadline import Deadline
from app.domain.errors import StoreUnavailable
from app.domain.model_calls import LedgerRow, Message, ModelCall, ModelReply
from app.domain.ranking import Usage
from app.metered import MeteredCalls

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

    def reserve(self, row: LedgerRow, worst_case_usd: float, daily_budget_usd: float | None) -> bool:
        if self.fails:
            raise StoreUnavailable("locked")
        self.reserved.append((row, worst_case_usd, daily_budget_usd))
        return self.allows

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
