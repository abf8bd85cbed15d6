"""Row 20: a provider that fails for a share of the calls, for a while, or by turns. Time is moved on by hand."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Iterator

import pytest

from app.adapters.llm_breaker import COOL_DOWN_S, Breaker, RetryBudget
from app.domain.deadline import Deadline
from app.domain.model_calls import ModelReply
from tests.adapters.llm.llm_calls import LIBRARY_WARNINGS, make_call
from tests.faults.case import Bench, holds_the_rules
from tests.support.fault_server import Exchange, Fault
from tests.support.provider_faults import good, status

pytestmark = LIBRARY_WARNINGS

OPENS_WITHIN = 20
AMPLIFICATION = 1.1


@pytest.fixture
def provider(bench: Bench) -> Iterator[Bench]:
    """A fresh client before the provider, closed at the end."""
    bench.provider.fault = good
    bench.service.provider(bench.provider.url)
    yield bench
    bench.service.leave()
    bench.provider.drop()


def failing(share: float, seed: int = 5) -> Fault:
    """503 for a share of the requests."""
    dice = random.Random(seed)

    async def answer(x: Exchange) -> None:
        x.keep = True
        await (status(503) if dice.random() < share else good)(x)

    return answer


def calls(bench: Bench, n: int, *, stop_when_open: bool = False) -> tuple[int, list[ModelReply]]:
    """Calls of the client, one after the other: how many were started, and their replies."""

    async def run() -> tuple[int, list[ModelReply]]:
        client, replies = bench.service.client.now, []
        for number in range(n):
            if client.refusal() is not None:
                if stop_when_open:
                    return number, replies
                continue
            reply = await client.start(
                make_call(f"c{number}", schema=None), Deadline.after_ms(10_000), lambda _: None
            ).wait(10)
            assert reply is not None
            replies.append(reply)
        return n, replies

    return bench.service.loop.call(run(), 60)


@pytest.mark.parametrize(
    ("share", "opens"),
    [
        pytest.param(0.01, False, marks=pytest.mark.slow),
        pytest.param(0.1, False, marks=pytest.mark.slow),
        pytest.param(0.5, True, marks=pytest.mark.slow),
        (1.0, True),
    ],
)
def test_the_breaker_opens_where_half_or_more_fails(provider: Bench, share: float, opens: bool) -> None:
    """Within 20 calls of a whole outage or a half; one that fails now and then is asked on, with few retries."""
    provider.provider.fault = failing(share)
    made, replies = calls(provider, 120, stop_when_open=True)
    assert (made < 120) == opens
    assert made <= OPENS_WITHIN or not opens
    if not opens:
        assert len(provider.provider.requests) / made <= AMPLIFICATION
        assert sum(reply.outcome == "complete" for reply in replies) >= made * (1 - share) - 3


def test_flapping_is_noticed(provider: Bench) -> None:
    """Every second request fails, so failures in a row never come: open within 20 calls all the same."""

    async def flap(x: Exchange) -> None:
        await (good if x.number % 2 else status(503))(x)

    provider.provider.fault = flap
    made, _ = calls(provider, 60, stop_when_open=True)
    assert made <= OPENS_WITHIN


def test_a_brown_out_is_noticed(provider: Bench) -> None:
    """It answers nobody in time and fails nobody outright: calls that run into their limit count as failures."""

    async def slow(x: Exchange) -> None:
        await x.forever()

    provider.service.provider(provider.provider.url, call_limit_s=0.3)
    provider.provider.fault = slow
    made, replies = calls(provider, 60, stop_when_open=True)
    assert made <= OPENS_WITHIN
    assert {reply.outcome for reply in replies} == {"timeout"}


def test_a_connection_that_is_never_ended_delays_nobody(provider: Bench) -> None:
    """A provider that leaves its streams open after their last event: more calls than the pool holds all complete."""

    async def lingering(x: Exchange) -> None:
        x.keep = True
        await good(x)

    provider.service.provider(provider.provider.url, call_limit_s=4.0)
    provider.provider.fault = lingering
    made, replies = calls(provider, 40)
    assert {reply.outcome for reply in replies} == {"complete"}
    assert len(replies) == made


def ten_minutes(bench: Bench, step_s: float = 2.5) -> tuple[int, float]:
    """An outage of ten minutes with a shopper every few seconds: requests that reached the provider, and the seconds
    after its end until a model ordered a slate again."""
    service, clock = bench.service, bench.service.clock
    bench.provider.fault = status(500)
    shoppers = [service.shopper() for _ in range(6)]
    for turn in range(int(600 / step_s)):
        answer = service.ask(shoppers[turn % len(shoppers)], deadline_ms=1000)
        assert answer.status == 200
        holds_the_rules(answer, bench, 5)
        assert answer.meta["fallbackReason"] in {"provider_error", "circuit_open"}
        clock.ahead_s += step_s
    asked = len(bench.provider.requests)
    bench.provider.fault = good
    for turn in range(40):
        if service.ask(shoppers[turn % len(shoppers)], deadline_ms=2000).meta["strategy"] == "llm":
            return asked, turn * step_s
        clock.ahead_s += step_s
    raise AssertionError("no model's slate within 100 s of the end of the outage")


def check_ten_minutes(bench: Bench) -> None:
    """Few calls during the outage, and a quick end of it."""
    asked, recovered_s = ten_minutes(bench)
    assert asked <= OPENS_WITHIN + 600 / COOL_DOWN_S, f"{asked} calls"
    assert recovered_s <= 2 * COOL_DOWN_S, f"{recovered_s} s"


@pytest.mark.slow
def test_an_outage_of_ten_minutes(provider: Bench) -> None:
    """A full slate for everybody; one probe per cool-down; a model's slate within two cool-downs of its end."""
    check_ten_minutes(provider)


def test_one_probe_at_a_time(provider: Bench) -> None:
    """When the cool-down is over and ten shoppers come at once, one of them asks."""
    service = provider.service
    provider.provider.fault = status(500)
    calls(provider, 20, stop_when_open=True)
    asked = len(provider.provider.requests)

    async def wait(x: Exchange) -> None:
        await asyncio.sleep(0.8)
        await status(500)(x)

    provider.provider.fault = wait
    service.clock.ahead_s += COOL_DOWN_S + 0.1
    told = [service.ask(service.shopper(), deadline_ms=250).meta["fallbackReason"] for _ in range(10)]
    assert asked > 0
    assert told[1:] == ["circuit_open"] * 9
    service.settled(0)
    assert len(provider.provider.requests) == 1


def _long_linger(patch: pytest.MonkeyPatch) -> None:
    patch.setattr("app.adapters.llm._LINGER_S", 8.0)


def _many_retries(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(RetryBudget, "take", lambda _: True)


def _never_open(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Breaker, "_open", lambda *_: None)


def _never_closed(patch: pytest.MonkeyPatch) -> None:
    real = Breaker._open
    patch.setattr(Breaker, "_open", lambda self, seconds: real(self, seconds * 7))  # 600 s are no multiple of it


def _many_probes(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(
        Breaker, "allows", lambda self: self._open_until is None or self._clock() >= self._open_until
    )  # whoever else is probing


@pytest.mark.slow
@pytest.mark.parametrize(
    ("off", "test"),
    [
        (_never_open, check_ten_minutes),
        (_never_closed, check_ten_minutes),
        (_never_open, test_flapping_is_noticed),
        (_long_linger, test_a_connection_that_is_never_ended_delays_nobody),
        (_never_open, test_a_brown_out_is_noticed),
        (_many_probes, test_one_probe_at_a_time),
        (_many_retries, lambda bench: test_the_breaker_opens_where_half_or_more_fails(bench, 0.2, False)),
        (_never_open, lambda bench: test_the_breaker_opens_where_half_or_more_fails(bench, 1.0, True)),
    ],
)
def test_it_fails_without_its_defence(
    provider: Bench, off: Callable[[pytest.MonkeyPatch], None], test: Callable[[Bench], None]
) -> None:
    """Breaker, cool-down, single probe and retry budget, each taken away."""
    with pytest.MonkeyPatch.context() as patch:
        off(patch)
        with pytest.raises(AssertionError):
            test(provider)
