"""What a request is told of a call that it did not see start."""

from __future__ import annotations

import pytest

from app.domain.interactions import Consent
from app.domain.model_calls import Message, ModelCall, ModelReply
from app.domain.ranking import FallbackReason
from app.flight import Asked, Flight, Plan
from app.pipeline.gate_schema import GateLine
from app.pipeline.prompt_input import prompt_input

CALL = ModelCall("c1", "r1", "rerank", "home", "rerank/v1", "h", (Message("user", "order these"),), 10)


class Running:
    """A call under way that has said nothing yet."""

    def text(self) -> str:
        """Nothing yet."""
        return ""

    async def wait(self, timeout_s: float) -> ModelReply | None:
        """It does not end."""
        return None


@pytest.fixture
def flight() -> Flight:
    """A call that nobody has begun yet."""
    plan = Plan("key", GateLine("11+", "none", 0.5, 3, "prior"), Consent("full", True), None)
    return Flight(plan=plan, asked=Asked(prompt_input([], (), seed="key"), (), (), 5), call=CALL, model="m")


async def test_before_it_begins_it_is_late(flight: Flight) -> None:
    """The reservation is still being written: the wait has ended, and the call may follow."""
    order = flight.not_started("timeout")
    assert (order.strategy, order.fallback, order.call_of) == ("baseline", "timeout", "r1")


async def test_a_call_that_starts_as_the_wait_ends_is_late_and_not_refused(flight: Flight) -> None:
    """The loop may start the call and end the wait for it in one turn: no budget or queue was in the way of it."""
    flight.run = Running()
    flight.ready.set()
    order = flight.not_started("timeout")
    assert (order.strategy, order.fallback, order.call_of) == ("baseline", "timeout", "r1")
    assert flight.left_behind


@pytest.mark.parametrize("refusal", ["budget_exhausted", "circuit_open", "overloaded"])
async def test_a_call_that_was_not_made_says_why(flight: Flight, refusal: FallbackReason) -> None:
    """What was in its way is the reason."""
    flight.refusal = refusal
    flight.ready.set()
    order = flight.not_started("timeout")
    assert (order.strategy, order.fallback, order.call_of) == ("baseline", refusal, None)


async def test_a_start_that_failed_names_no_budget(flight: Flight) -> None:
    """An error of the service's own while the call is begun: "budget_exhausted" would send its reader the wrong way."""
    flight.ready.set()
    assert flight.not_started("timeout").fallback == "overloaded"
