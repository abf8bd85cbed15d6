"""A round of calls: nothing twice, nothing beyond the money, and failures of the provider kept apart."""

import asyncio
from collections.abc import Callable
from typing import Literal

import pytest

from app.domain.deadline import Deadline
from app.domain.errors import ConfigurationError
from app.domain.model_calls import CallOutcome, ModelCall, ModelReply, Usage
from evals.rerank.asking import Asked, Pace, ask_all
from evals.rerank.replies import RecordedReply, ReplyBook
from tests.unit.evals.rerank.synthetic import AT, MODEL, a_call

PRICE = 0.01
WORST = 0.04


class _Run:
    def text(self) -> str:
        return ""

    async def wait(self, timeout_s: float) -> ModelReply | None:
        await asyncio.sleep(0)
        return None


class Provider:
    """Answers each call at once with the outcome of its turn, the last one for ever."""

    model = MODEL

    def __init__(self, *outcomes: CallOutcome) -> None:
        self._outcomes = outcomes or ("complete",)
        self.asked: list[ModelCall] = []
        self.running = 0
        self.most_running = 0

    def refusal(self) -> Literal["circuit_open", "overloaded"] | None:
        return None

    def worst_case_usd(self, call: ModelCall) -> float:
        return WORST

    def start(self, call: ModelCall, deadline: Deadline, on_end: Callable[[ModelReply], None]) -> _Run:
        outcome = self._outcomes[min(len(self.asked), len(self._outcomes) - 1)]
        self.asked.append(call)
        self.running += 1
        self.most_running = max(self.most_running, self.running)

        def end() -> None:
            self.running -= 1
            on_end(ModelReply(outcome, "{}", Usage(10, 5, cost_usd=PRICE), "gpt-4o-mini", 0.1, detail="401"))

        asyncio.get_running_loop().call_later(0.001, end)
        return _Run()

    async def close(self) -> None:
        """Nothing to end."""


CALLS = [a_call(f"request {i}") for i in range(30)]


async def ask(provider: Provider, book: ReplyBook, max_usd: float = 10.0, concurrency: int = 4):
    return await ask_all(provider, CALLS, book, max_usd=max_usd, pace=Pace(concurrency), now=lambda: AT)


async def test_a_second_run_asks_for_what_the_first_left_open_only() -> None:
    """What was answered is paid for once; the money stops in between, and the rest follows later."""
    book, first = ReplyBook(), Provider()
    came = await ask(first, book, max_usd=0.1, concurrency=1)
    assert 0 < came.made < len(CALLS)
    assert came.unasked == len(CALLS) - came.made
    assert "--max-usd 0.1" in came.stopped
    second = Provider()
    rest = await ask(second, book)
    assert rest.from_book == came.made
    assert {c.call_id for c in first.asked} & {c.call_id for c in second.asked} == set()
    assert len(book) == len(CALLS)


@pytest.mark.parametrize("concurrency", [1, 4, 64])
async def test_the_money_holds_even_if_every_running_call_cost_its_worst(concurrency: int) -> None:
    """Spent and reserved together never pass the limit, and the money is used as far as it goes."""
    provider = Provider()
    came = await ask(provider, ReplyBook(), max_usd=0.12, concurrency=concurrency)
    assert came.spent_usd <= 0.12
    assert provider.most_running * WORST <= 0.12 + 1e-9
    assert came.spent_usd + WORST > 0.12


async def test_no_money_asks_nobody() -> None:
    """--max-usd 0 makes no call."""
    provider = Provider()
    came = await ask(provider, ReplyBook(), max_usd=0.0)
    assert provider.asked == []
    assert came.unasked == len(CALLS)


async def test_no_more_calls_run_at_a_time_than_allowed() -> None:
    """The number given is reached and never passed."""
    provider = Provider()
    await ask(provider, ReplyBook(), concurrency=5)
    assert provider.most_running == 5


async def test_a_failing_provider_is_no_reply_of_the_model() -> None:
    """429 and 5xx are counted, not kept, and asked again by the next run; a refusal is the model's own answer."""
    book = ReplyBook()
    came = await ask(Provider("rate_limited", "provider_error", "refused", "complete"), book)
    assert came.failed == {"rate_limited": 1, "provider_error": 1}
    assert len(book) == len(CALLS) - 2
    again = Provider()
    await ask(again, book)
    assert len(again.asked) == 2


async def test_a_wrong_key_stops_the_round() -> None:
    """A provider that refuses our requests is asked no further, and the message says what to look at."""
    provider = Provider("complete", "unauthorized")
    book = ReplyBook()
    with pytest.raises(ConfigurationError, match="SHELFWISE_LLM_API_KEY"):
        await ask(provider, book, concurrency=1)
    assert len(provider.asked) == 2
    assert len(book) == 1


async def test_a_provider_that_refuses_everything_is_left_alone_after_a_while() -> None:
    """While the breaker is open nothing is sent; after a minute of that the rest is left unasked."""

    class Down(Provider):
        def refusal(self) -> Literal["circuit_open", "overloaded"] | None:
            return "circuit_open"

    times = iter(range(0, 10_000, 25))
    provider = Down()
    came = await ask_all(
        provider, CALLS, ReplyBook(), max_usd=1.0, pace=Pace(1), clock=lambda: float(next(times)), now=lambda: AT
    )
    assert provider.asked == []
    assert "no answer" in came.stopped
    assert came.unasked == len(CALLS)


async def test_the_same_question_is_asked_once() -> None:
    """Two shoppers of whom the same is known have one prompt, and one call."""
    provider = Provider()
    twice = [a_call("the same"), a_call("the same"), a_call("another")]
    came = await ask_all(provider, twice, ReplyBook(), max_usd=1.0, pace=Pace(3), now=lambda: AT)
    assert len(provider.asked) == came.made == 2


class Recorder:
    """Notes what a watcher is told; an order is complete once the text holds a bracket."""

    def __init__(self) -> None:
        self.landed_at: list[float] = []
        self.looked: list[str] = []

    def ordered(self, call: ModelCall, text: str) -> bool:
        self.looked.append(text)
        return "]" in text

    def landed(self, reply: RecordedReply, asked: Asked) -> None:
        self.landed_at.append(asked.spent_usd)


async def test_a_call_the_provider_had_no_time_for_is_asked_anew() -> None:
    """A 429 costs a place in the queue and nothing else; what is refused again and again is counted."""
    book = ReplyBook()
    came = await ask_all(
        Provider("rate_limited", "rate_limited", "complete"),
        CALLS,
        book,
        max_usd=10.0,
        pace=Pace(3, again=2),
        now=lambda: AT,
    )
    assert len(book) == len(CALLS) == came.answered
    assert came.made == len(CALLS) + 2
    assert came.failed == {}
    never = await ask_all(
        Provider("rate_limited"), CALLS[:3], ReplyBook(), max_usd=10.0, pace=Pace(2, again=2), now=lambda: AT
    )
    assert never.failed == {"rate_limited": 3}
    assert never.made == 9
    assert never.unasked == 0


async def test_calls_begin_no_faster_than_the_rate() -> None:
    """At 120 a minute half a second lies between two beginnings, however many may run at a time."""
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    await ask_all(
        Provider(),
        CALLS[:5],
        ReplyBook(),
        max_usd=10.0,
        pace=Pace(5, per_minute=120),
        clock=lambda: 0.0,
        sleep=sleep,
        now=lambda: AT,
    )
    assert slept == [0.5, 1.0, 1.5, 2.0]


async def test_a_watcher_learns_when_the_order_was_complete_and_what_was_spent() -> None:
    """The time is kept with the reply; where the stream told nothing earlier, it is the reply's own."""

    class Ordering(Provider):
        def start(self, call: ModelCall, deadline: Deadline, on_end: Callable[[ModelReply], None]) -> _Run:
            asyncio.get_running_loop().call_soon(
                on_end, ModelReply("complete", '{"order":["A"]', Usage(10, 5, cost_usd=PRICE), "gpt-4o-mini", 0.25)
            )
            return _Run()

    watcher, book = Recorder(), ReplyBook()
    await ask_all(Ordering(), CALLS[:2], book, max_usd=1.0, pace=Pace(1), watcher=watcher, now=lambda: AT)
    assert [reply.seconds_to_order for reply in book.replies] == [0.25, 0.25]
    assert watcher.landed_at == pytest.approx([PRICE, 2 * PRICE])
