"""Which traces are kept where a rate is set."""

from __future__ import annotations

import uuid

import pytest

from app.adapters.langfuse_trace.sampling import FALLBACKS_PER_S, Sampler
from tests.support.langfuse_stand_in import LangfuseStandIn
from tests.support.langfuse_told import NOW, event, row, slate, told, tracing


def test_without_a_rate_everything_is_kept() -> None:
    """The default."""
    sampler = Sampler(None)
    assert all(sampler.keeps(slate(), NOW) and sampler.scores(slate()) for _ in range(100))


def test_a_model_call_is_always_kept() -> None:
    """Its cost must be in the books, whatever became of the slate."""
    sampler = Sampler(0.0)
    called = slate(fallback_reason="timeout", call_of="a" * 32)
    assert all(sampler.keeps(called, NOW) for _ in range(100))


@pytest.mark.parametrize("rate", [0.0, 0.1, 1.0])
def test_cached_and_baseline_slates_are_kept_at_the_rate(rate: float) -> None:
    """By their id: another process, or a click later, decides the same."""
    made = [slate(uuid.uuid5(uuid.NAMESPACE_OID, str(n)).hex, fallback_reason="gate") for n in range(4000)]
    kept = [one for one in made if Sampler(rate).keeps(one, NOW)]
    assert len(kept) / len(made) == pytest.approx(rate, abs=0.02)
    assert [one for one in made if Sampler(rate).scores(one)] == kept


def test_fallbacks_without_a_call_are_kept_ten_a_second() -> None:
    """An outage of a busy hour is seen and doesn't cost an hour's traces."""
    sampler = Sampler(0.0)
    refused = slate(fallback_reason="circuit_open")
    assert sum(sampler.keeps(refused, NOW) for _ in range(1_000)) == FALLBACKS_PER_S
    assert sum(sampler.keeps(refused, NOW + 0.5) for _ in range(1_000)) == FALLBACKS_PER_S / 2
    assert sum(sampler.keeps(refused, NOW + 60) for _ in range(1_000)) == FALLBACKS_PER_S


def test_what_is_left_out_takes_its_scores_along_and_never_a_cost() -> None:
    """At rate 0 a click on a baseline slate is no score of nothing; a call keeps slate, generation and click."""
    called = slate("a" * 32, strategy="llm", fallback_reason=None, call_of="a" * 32)
    plain = slate(fallback_reason="gate")
    slates = {one.recommendation_id: one for one in (called, plain)}
    with LangfuseStandIn() as langfuse:
        with tracing(langfuse, slates.get, sample_rate=0.0) as listening:
            for one in slates.values():
                listening.request_ended(told(one))
                listening.events_taken([event(one)])
            listening.call_ended(row(called.recommendation_id))
        assert langfuse.refusals == []
        assert set(langfuse.held.traces()) == {called.recommendation_id}
        assert len(langfuse.held.scores) == 1
        assert sum(span.cost_usd or 0.0 for span in langfuse.held.spans.values()) == 0.002
