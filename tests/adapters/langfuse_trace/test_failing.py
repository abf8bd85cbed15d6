"""A Langfuse that is dead, hung, slow or refusing is nobody else's trouble."""

from __future__ import annotations

import time
import tracemalloc

import pytest

from app.adapters.langfuse_trace import tracing as tracing_module
from app.adapters.langfuse_trace.access import Access
from app.adapters.langfuse_trace.tracing import HEARD_MOST, WAITING_MOST, LangfuseTracing
from app.domain.interactions import EventKind
from app.domain.ranking import RankedItem
from tests.support.langfuse_stand_in import PUBLIC, SECRET, LangfuseStandIn
from tests.support.langfuse_told import NAMES, event, slate, told, tracing

FAILURES = ["dead", "hung", "500", *(pytest.param(mode, marks=pytest.mark.slow) for mode in ("slow", "401", "429"))]


def failing(langfuse: LangfuseStandIn, mode: str) -> None:
    if mode == "dead":
        langfuse.stop()
    else:
        langfuse.mode = mode  # type: ignore[assignment]


@pytest.mark.parametrize("mode", FAILURES)
def test_what_waits_is_bounded_and_the_end_is_quick(mode: str) -> None:
    """Far more than fits is told at once: it is dropped and counted; closing takes its 1.5 s at most."""
    with LangfuseStandIn() as langfuse:
        failing(langfuse, mode)
        with tracing(langfuse) as listening:
            for _ in range(HEARD_MOST + WAITING_MOST):
                listening.request_ended(told(slate()))
            deadline = time.monotonic() + 10
            while not any(name.startswith("dropped") for name in listening.counts) and time.monotonic() < deadline:
                time.sleep(0.01)
            assert len(listening._heard) <= HEARD_MOST
            assert len(listening._spans) <= WAITING_MOST
            begun = time.monotonic()
        assert time.monotonic() - begun < tracing_module.EXIT_S + 0.5
        assert sum(n for name, n in listening.counts.items() if name.startswith("dropped")) > 0


def test_after_a_failure_what_waited_arrives() -> None:
    """Nothing is lost by an outage that what waits outlasts; scores follow as well."""
    made = [slate() for _ in range(20)]
    slates = {s.recommendation_id: s for s in made}
    wall = [0.0]
    with LangfuseStandIn("500") as langfuse:
        with tracing(langfuse, slates.get, wall=lambda: wall[0]) as listening:
            for one in made:
                listening.request_ended(told(one))
                listening.events_taken([event(one, EventKind.CLICK)])
            time.sleep(0.1)
            assert langfuse.held.spans == {}
            langfuse.mode = "well"
            wall[0] = 1_000.0
            langfuse.until(lambda held: len(held.traces()) == 20 and len(held.scores) == 20)
        assert langfuse.refusals == []


def test_a_refusal_is_not_asked_again_at_once() -> None:
    """Wrong keys: one attempt, then a pause."""
    with LangfuseStandIn() as langfuse:
        listening = LangfuseTracing(
            Access(langfuse.url, PUBLIC, "sk-of-another"), pseudonyms=NAMES, slate_of=lambda _: None, tick_s=0.01
        )
        listening.start()
        for _ in range(5):
            listening.request_ended(told(slate()))
            time.sleep(0.03)
        listening._stop.set()
        attempts = len(langfuse.refusals)
        listening.close()
        assert attempts == 1
        assert SECRET not in repr(listening.access)


def test_telling_costs_little_and_keeps_nothing_when_off() -> None:
    """Before the start, and after the end, nothing is kept of what is told."""
    listening = LangfuseTracing(Access("http://127.0.0.1:9", "p", "s"), pseudonyms=NAMES, slate_of=lambda _: None)
    made = told(slate())
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    for _ in range(1_000):
        listening.request_ended(made)
    assert tracemalloc.get_traced_memory()[0] - before < 10_000
    tracemalloc.stop()
    assert not listening._heard


def test_what_can_not_be_written_down_does_not_end_the_rest() -> None:
    """A product id that has no form in UTF-8 costs its own trace only."""
    odd = slate(items=(RankedItem("\ud800", 1, 0.5),), rules_version="\udfff")
    with LangfuseStandIn() as langfuse:
        with tracing(langfuse) as listening:
            listening.request_ended(told(odd))
            listening.request_ended(told(slate()))
            langfuse.until(lambda held: len(held.traces()) >= 1)
        assert langfuse.refusals == []
        assert listening.counts["sent:requests"] >= 1


def test_a_server_that_is_no_langfuse_costs_nothing_but_its_scores() -> None:
    """Answers in another form are tried again later, and what waits stays bounded."""
    made = slate()
    with LangfuseStandIn() as langfuse:
        langfuse.answers = b'"hello"'
        with tracing(langfuse, lambda _: made) as listening:
            listening.events_taken([event(made, EventKind.CLICK)])
            deadline = time.monotonic() + 10
            while not (listening._last_detail and listening._scores) and time.monotonic() < deadline:
                time.sleep(0.01)
            assert listening._last_detail == "ValidationError"
            assert len(listening._scores) == 1
            assert listening._thread is not None
            assert listening._thread.is_alive()
