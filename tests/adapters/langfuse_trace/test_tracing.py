"""What of a service's work arrives in Langfuse, shown against the stand-in."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import pytest

from app.domain.chat import Talker
from app.domain.interactions import Consent, EventKind
from app.domain.ranking import Query
from app.observer import ChatTold, ToolTold
from tests.support.langfuse_stand_in import LangfuseStandIn
from tests.support.langfuse_told import AGREED, NAMES, NOW, event, row, slate, told, tracing


@pytest.fixture
def langfuse() -> Iterator[LangfuseStandIn]:
    with LangfuseStandIn() as running:
        yield running
        assert running.refusals == []


def test_a_baseline_request_is_one_trace_of_typed_stages(langfuse: LangfuseStandIn) -> None:
    """The trace's id is the recommendation's; root, retrieval, baseline and proofs follow each other in time."""
    made = slate()
    with tracing(langfuse) as listening:
        listening.request_ended(told(made))
        langfuse.until(lambda held: len(held.spans) == 5)
    (trace_id, spans), *others = langfuse.held.traces().items()
    assert trace_id == made.recommendation_id
    assert others == []
    assert [(s.kind, s.name) for s in spans] == [
        ("span", "recommend.baseline"),
        ("span", "profile"),
        ("retriever", "retrieval"),
        ("span", "baseline"),
        ("guardrail", "proofs"),
    ]
    root, *stages = spans
    assert root.parent_id is None
    assert {s.parent_id for s in stages} == {root.id}
    assert root.attributes["langfuse.trace.name"] == "reco.home"
    assert root.attributes["langfuse.trace.tags"] == ["variant:default", "cohort:4-10"]
    assert root.resource["langfuse.environment"] == "testing"
    assert root.end_ns - root.start_ns == pytest.approx(9e6, abs=1000)
    for before, after in pairwise(stages):
        assert before.end_ns == pytest.approx(after.start_ns, abs=1000)


def test_a_call_is_a_generation_with_the_ledgers_figures(langfuse: LangfuseStandIn) -> None:
    """Model, prompt version, tokens that don't overlap and total cost; it may end before or after its slate."""
    first, second = (slate(name, strategy="llm", fallback_reason=None, call_of=name) for name in ("a" * 32, "b" * 32))
    with tracing(langfuse) as listening:
        listening.call_ended(row(first.recommendation_id))
        listening.request_ended(told(first))
        listening.request_ended(told(second))
        listening.call_ended(row(second.recommendation_id))
        langfuse.until(lambda held: len(held.named("rerank")) == 2)
    for made in (first, second):
        (generation,) = [s for s in langfuse.held.named("rerank") if s.trace_id == made.recommendation_id]
        assert generation.kind == "generation"
        assert generation.usage == {"input": 80, "input_cached_tokens": 20, "output": 10, "total": 110}
        assert generation.cost_usd == 0.002
        assert generation.attributes["langfuse.observation.model.name"] == "openai/small"
        assert generation.attributes["langfuse.observation.prompt.name"] == "rerank"
        assert generation.attributes["langfuse.observation.prompt.version"] == 1
        assert generation.attributes["gen_ai.usage.input_tokens"] == 100
        assert generation.attributes["langfuse.trace.tags"] == ["variant:default", "cohort:4-10"]
        assert generation.user == NAMES.of("anna")
        assert generation.end_ns - generation.start_ns == pytest.approx(0.4e9, abs=1000)


def test_a_fallback_is_a_warning_and_a_design_is_not(langfuse: LangfuseStandIn) -> None:
    """A timeout marks the root; a baseline because of the gate does not."""
    with tracing(langfuse) as listening:
        listening.request_ended(told(slate(fallback_reason="timeout")))
        listening.request_ended(told(slate(fallback_reason="gate")))
        langfuse.until(lambda held: len(held.named("recommend.baseline")) == 2)
    levels = {
        s.metadata("fallbackReason"): s.attributes["langfuse.observation.level"]
        for s in langfuse.held.named("recommend.baseline")
    }
    assert levels == {"timeout": "WARNING", "gate": "DEFAULT"}


def test_a_renewed_answer_keeps_trace_and_cost(langfuse: LangfuseStandIn) -> None:
    """A call behind a stale answer belongs to no served slate: its trace has a root that is no recommendation."""
    with tracing(langfuse) as listening:
        listening.call_ended(row("f" * 32))
    (generation,) = langfuse.held.named("rerank.renewed")
    (root,) = langfuse.held.named("refresh")
    assert generation.parent_id == root.id
    assert generation.cost_usd == 0.002


def test_a_call_that_was_not_made_is_no_generation(langfuse: LangfuseStandIn) -> None:
    """A reservation that a breaker took back leaves nothing."""
    with tracing(langfuse) as listening:
        listening.call_ended(row("f" * 32, outcome="circuit_open", input_tokens=0, output_tokens=0, cached_tokens=0))
    assert langfuse.held.spans == {}


@pytest.mark.parametrize("consent", [Consent("none", True), Consent("full", False), Consent()])
def test_without_consent_a_trace_is_of_nobody(langfuse: LangfuseStandIn, consent: Consent) -> None:
    """Neither shopper nor session, not even as pseudonyms."""
    with tracing(langfuse) as listening:
        listening.request_ended(told(slate(), consent))
    assert {(s.user, s.session) for s in langfuse.held.spans.values()} == {(None, None)}


def test_with_consent_it_is_of_pseudonyms_and_holds_no_text(langfuse: LangfuseStandIn) -> None:
    """Neither ids nor a word of the query are among the bytes that arrive."""
    query = Query(user_id="anna@mail.example", session_id="tab 77", text="a present for zygmunt +48 600 100 200")
    made = slate(query=query)
    with tracing(langfuse, lambda _: made) as listening:
        listening.request_ended(told(made))
        listening.events_taken([event(made, user_id="anna@mail.example", query="zygmunt")])
    seen = next(iter(langfuse.held.spans.values()))
    assert (seen.user, seen.session) == (NAMES.of("anna@mail.example"), NAMES.of("tab 77", "session"))
    bodies = b"".join(langfuse.held.bodies)
    assert len(langfuse.held.scores) == 1
    for canary in (b"anna@mail", b"tab 77", b"zygmunt", b"600 100", b"present"):
        assert canary not in bodies


def test_deeds_are_scores_on_the_generation_once(langfuse: LangfuseStandIn) -> None:
    """Click, cart and purchase are scores of what ordered the slate; the same deed again changes nothing."""
    ordered = slate("a" * 32, strategy="llm", fallback_reason=None, call_of="a" * 32)
    cached = slate(strategy="cache", fallback_reason=None, model="openai/small", prompt_version="rerank/v1")
    baseline = slate()
    slates = {s.recommendation_id: s for s in (ordered, cached, baseline)}
    kinds = (EventKind.CLICK, EventKind.ADD_TO_CART, EventKind.PURCHASE, EventKind.VIEW)
    with tracing(langfuse, slates.get) as listening:
        listening.request_ended(
            told(slate(ordered.recommendation_id, strategy="llm", call_of=ordered.recommendation_id))
        )
        listening.call_ended(row(ordered.recommendation_id))
        listening.request_ended(told(cached))
        listening.request_ended(told(baseline))
        for made in slates.values():
            listening.events_taken([event(made, kind, f"{kind}") for kind in kinds])
        listening.events_taken([event(ordered, EventKind.CLICK, "another", product_id="p2")])
        listening.events_taken([event(slate(), EventKind.CLICK, "of a slate that is not known")])
    assert len(langfuse.held.scores) == 9
    behind = {
        (score.name, langfuse.held.spans[score.trace_id, score.observation_id].name)  # type: ignore[index]
        for score in langfuse.held.scores.values()
    }
    names = ("click", "add_to_cart", "purchase")
    assert behind == {(n, of) for n in names for of in ("rerank", "rerank.cached", "recommend.baseline")}
    lent = langfuse.held.named("rerank.cached")[0]
    assert lent.cost_usd == 0.0
    assert lent.usage["total"] == 0
    assert lent.attributes["langfuse.observation.prompt.version"] == 1


def test_an_answer_of_the_assistant_is_an_agent_with_rounds_and_tools(langfuse: LangfuseStandIn) -> None:
    """Two rounds and two tools under one answer; what a tool was asked is not told."""
    request_id = "c" * 32
    with tracing(langfuse) as listening:
        for n in range(2):
            listening.call_ended(row(request_id, purpose="chat", call_id=f"call {n}", prompt_id="chat/v1"))
        listening.chat_ended(
            ChatTold(
                request_id,
                Talker(user_id="anna"),
                AGREED,
                NOW + 2,
                2.0,
                with_model=True,
                tools=(
                    ToolTold("search_products", "done", NOW + 1, 0.1),
                    ToolTold("unknown", "refused", NOW + 1, 0.0),
                ),
            )
        )
    (root,) = langfuse.held.named("assistant.answer")
    assert root.kind == "agent"
    assert root.attributes["langfuse.trace.name"] == "assistant.chat"
    assert {s.parent_id for s in langfuse.held.spans.values()} == {None, root.id}
    assert len(langfuse.held.named("assistant.round")) == 2
    assert [s.attributes["langfuse.observation.level"] for s in langfuse.held.spans.values() if s.kind == "tool"] == [
        "DEFAULT",
        "WARNING",
    ]


def test_what_was_told_before_an_erasure_leaves_without_the_shopper(langfuse: LangfuseStandIn) -> None:
    """Masked before sending; what the same shopper does later is a new profile."""
    wall = [NOW + 1]
    langfuse.mode = "500"
    early, late = slate(), slate()
    with tracing(langfuse, wall=lambda: wall[0]) as listening:
        listening.request_ended(told(early, ended_at=NOW))
        listening.forget([NAMES.of("anna"), NAMES.of("tab 1", "session")])
        listening.request_ended(told(late, ended_at=NOW + 2))
        langfuse.mode = "well"
    users = {trace: {s.user for s in spans} for trace, spans in langfuse.held.traces().items()}
    assert users == {early.recommendation_id: {None}, late.recommendation_id: {NAMES.of("anna")}}
