"""What a service could tell, made up; and a tracing that sends it to the stand-in."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from app.adapters.langfuse_trace.access import Access
from app.adapters.langfuse_trace.tracing import LangfuseTracing
from app.domain.interactions import Consent, EventKind, Interaction
from app.domain.model_calls import LedgerRow
from app.domain.ranking import Query, RankedItem, Slate
from app.observer import RequestTold
from app.pipeline.pseudonym import Pseudonyms
from tests.support.langfuse_stand_in import PUBLIC, SECRET, LangfuseStandIn

NAMES = Pseudonyms.of_secrets({1: b"s" * 32})
AGREED = Consent("full", True)
NOW = 1_790_000_000.0


def slate(request_id: str | None = None, **changes: object) -> Slate:
    """A slate of two products for the shopper `anna`."""
    given = {
        "recommendation_id": request_id or uuid.uuid4().hex,
        "query": Query(user_id="anna", session_id="tab 1"),
        "items": (RankedItem("p1", 1, 0.9), RankedItem("p2", 2, 0.5)),
        "served_at": NOW,
        "fallback_reason": "no_model",
        "candidates": 40,
        "latency_ms": {"total": 9.0, "profile": 1.0, "candidates": 4.0, "ranking": 2.0, "rerank": 0.0, "reasons": 2.0},
    }
    return Slate(**(given | changes))  # type: ignore[arg-type]


def told(made: Slate, consent: Consent = AGREED, interactions: int = 5, ended_at: float = NOW) -> RequestTold:
    """The end of its request."""
    return RequestTold(made, consent, interactions, ended_at)


def row(request_id: str, **changes: object) -> LedgerRow:
    """A settled call of 100 (20 cached) and 10 tokens for 0.002 US dollars."""
    given = {
        "call_id": uuid.uuid4().hex,
        "at": NOW,
        "day": "2026-09-21",
        "request_id": request_id,
        "purpose": "rerank",
        "placement": "home",
        "model": "openai/small",
        "prompt_id": "rerank/v1",
        "prompt_hash": "abc",
        "outcome": "complete",
        "input_tokens": 100,
        "output_tokens": 10,
        "cached_tokens": 20,
        "cost_usd": 0.002,
        "seconds": 0.4,
    }
    return LedgerRow(**(given | changes))  # type: ignore[arg-type]


def event(made: Slate, kind: EventKind = EventKind.CLICK, event_id: str = "e1", **changes: object) -> Interaction:
    """A deed upon a slate."""
    given = {"product_id": "p1", "recommendation_id": made.recommendation_id, "user_id": "anna"} | changes
    return Interaction(event_id, kind, NOW + 60, **given)  # type: ignore[arg-type]


@contextmanager
def tracing(
    langfuse: LangfuseStandIn, slates: Callable[[str], Slate | None] = lambda _: None, **options: object
) -> Iterator[LangfuseTracing]:
    """A tracing that runs, quickly."""
    access = Access(langfuse.url, PUBLIC, SECRET, "testing")
    options = {"tick_s": 0.01, **options}
    running = LangfuseTracing(access, pseudonyms=NAMES, slate_of=slates, **options)  # type: ignore[arg-type]
    running.start()
    try:
        yield running
    finally:
        running.close()
