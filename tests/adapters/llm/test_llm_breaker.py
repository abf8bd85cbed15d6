"""When calls are not made: breaker, cool-down after 429, retry budget; alone and in the client."""

from __future__ import annotations

import email.utils
import random

import httpx
import pytest
import respx

from app.adapters.llm_breaker import COOL_DOWN_S, MAX_COOL_DOWN_S, MIN_COOL_DOWN_S, Breaker, RetryBudget, retry_after_s
from tests.adapters.llm.llm_calls import LIBRARY_WARNINGS, URL, MakeClient, ask, good_reply

pytestmark = LIBRARY_WARNINGS

WALL = 1_800_000_000.0


class Clock:
    """Time that stands still until told otherwise."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def drive(breaker: Breaker, *, failed: bool) -> bool:
    """One call, if it is allowed; whether it was."""
    if not breaker.allows():
        return False
    breaker.end(probe=breaker.begin(), failed=failed)
    return True


@pytest.mark.parametrize(("share", "opens"), [(0.01, False), (0.1, False), (0.5, True), (1.0, True)])
def test_it_opens_within_twenty_calls_at_a_high_failure_rate(share: float, opens: bool) -> None:
    """Half or more failing opens it; one in ten does not, over a thousand calls."""
    dice = random.Random(7)
    breaker = Breaker(Clock())
    calls = next((n for n in range(1000) if not drive(breaker, failed=dice.random() < share)), None)
    assert (calls is not None) == opens
    assert calls is None or calls <= 20


def test_one_probe_per_cool_down_and_recovery_within_two() -> None:
    """A ten-minute outage: one call per cool-down; after it ends the next probe closes the breaker."""
    clock = Clock()
    breaker = Breaker(clock)
    outage_s, probes = 600.0, 0
    while drive(breaker, failed=True):
        pass
    while clock.now < outage_s:
        clock.now += 0.5
        probes += drive(breaker, failed=True)
    assert probes <= outage_s / COOL_DOWN_S
    while not drive(breaker, failed=False):
        clock.now += 0.5
    assert clock.now - outage_s <= 2 * COOL_DOWN_S
    assert breaker.state == "closed"
    assert drive(breaker, failed=True)


def test_only_one_probe_at_a_time() -> None:
    """While the probe is under way all others are refused; late calls from before change nothing."""
    clock = Clock()
    breaker = Breaker(clock)
    while drive(breaker, failed=True):
        pass
    assert breaker.state == "open"
    clock.now = COOL_DOWN_S
    assert breaker.begin() is True
    assert not breaker.allows()
    assert breaker.state == "half_open"
    breaker.end(probe=False, failed=False)
    assert not breaker.allows()
    breaker.end(probe=True, failed=True)
    assert breaker.state == "open"


def test_flapping_is_noticed() -> None:
    """Every second call fails: consecutive failures never come, the share does."""
    breaker = Breaker(Clock())
    assert sum(drive(breaker, failed=n % 2 == 0) for n in range(20)) < 20


def test_the_retry_budget_is_a_tenth() -> None:
    """A thousand failing calls get a hundred retries at most, and a quiet time saves up five only."""
    budget = RetryBudget()
    retries = 0
    for _ in range(1000):
        budget.note_call()
        retries += budget.take()
    assert retries == 100
    for _ in range(1000):
        budget.note_call()
    assert sum(budget.take() for _ in range(50)) == 5


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "7"}, 7.0),
        ({"retry-after": "2.5"}, 2.5),
        ({"retry-after-ms": "1500"}, 1.5),
        ({"retry-after-ms": "1500", "retry-after": "60"}, 1.5),
        ({"retry-after-ms": "soon", "retry-after": "60"}, 60.0),
        ({"retry-after": email.utils.formatdate(WALL + 30, usegmt=True)}, 30.0),
        ({"retry-after": email.utils.formatdate(WALL - 30, usegmt=True)}, MIN_COOL_DOWN_S),
        ({"retry-after": "0"}, MIN_COOL_DOWN_S),
        ({"retry-after": "86400"}, MAX_COOL_DOWN_S),
        ({"retry-after": "inf"}, MAX_COOL_DOWN_S),
        ({"retry-after": "-5"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "tomorrow"}, None),
        ({"retry-after": ""}, None),
        ({}, None),
    ],
)
def test_retry_after_in_all_its_forms(headers: dict[str, str], seconds: float | None) -> None:
    """Whole, broken, in milliseconds, as a date; clamped to 1..120 s; None for what makes no sense."""
    assert retry_after_s(headers, WALL) == (None if seconds is None else pytest.approx(seconds))


@pytest.mark.parametrize(
    ("header", "seconds"), [("30", 30.0), ("0", MIN_COOL_DOWN_S), ("nan", COOL_DOWN_S), (None, COOL_DOWN_S)]
)
@respx.mock
async def test_a_429_is_not_retried_and_cools_down(make_client: MakeClient, header: str | None, seconds: float) -> None:
    """One request; then circuit_open until the time has passed; then a probe."""
    clock = Clock()
    client = make_client(clock=clock, wall=lambda: WALL)
    headers = {} if header is None else {"retry-after": header}
    route = respx.post(URL).mock(return_value=httpx.Response(429, headers=headers))
    reply = await ask(client, deadline_ms=10_000)
    assert (reply.outcome, reply.usage.cost_usd) == ("rate_limited", 0.0)
    assert client.refusal() == "circuit_open"
    clock.now = seconds - 0.01
    assert client.refusal() == "circuit_open"
    clock.now = seconds
    assert client.refusal() is None
    route.return_value = httpx.Response(200, headers={"content-type": "text/event-stream"}, content=good_reply())
    assert (await ask(client)).outcome == "complete"
    assert client.refusal() is None
    assert route.call_count == 2


@respx.mock
async def test_an_outage_costs_at_most_twenty_calls_and_one_probe_per_cool_down(make_client: MakeClient) -> None:
    """The client stops asking, and a call that is started all the same sends nothing."""
    clock = Clock()
    client = make_client(clock=clock)
    route = respx.post(URL).mock(return_value=httpx.Response(503))
    for _ in range(100):
        await ask(client, deadline_ms=10_000)
    assert route.call_count <= 20
    asked = route.call_count
    for _ in range(3):
        clock.now += COOL_DOWN_S
        for _ in range(5):
            reply = await ask(client, deadline_ms=10_000)
    assert (reply.outcome, reply.detail) == ("provider_error", "circuit_open")
    assert route.call_count == asked + 3
