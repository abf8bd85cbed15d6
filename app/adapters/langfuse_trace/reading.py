"""Observations of what was told: a served slate, a model call, an answer of the assistant. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Literal, get_args

from app.adapters.langfuse_trace.observation import (
    About,
    Figures,
    Kind,
    Observation,
    Score,
    Value,
    observation_id_of,
    prompt_of,
)
from app.adapters.langfuse_trace.sampling import FALLBACKS
from app.domain.interactions import Consent, Interaction
from app.domain.model_calls import CallOutcome, LedgerRow
from app.domain.ranking import Slate, history_bucket
from app.observer import ChatTold, RequestTold
from app.pipeline.pseudonym import Pseudonyms
from app.telemetry import trace_id_of

VARIANT = "variant:default"
"""The tag of an experiment's arm; this version has one."""

SCORED = ("click", "add_to_cart", "purchase")
"""Kinds of event that become scores of the same name."""

ORDERED_BY_MODEL = frozenset(("llm", "partial", "cache", "stale"))

MADE: frozenset[str] = frozenset(get_args(CallOutcome))
"""Outcomes of calls that were made; a reserved call that was not has a refusal instead, and cost nothing."""

CallUse = Literal["", ".behind", ".renewed"]
"""What a call was for, as its generation's name ends: the slate that waited has its order; that slate went out without
it; or nobody waited, an older answer was renewed."""

ORDERING = ("rerank", "rerank.shared", "rerank.cached")
"""Names of generations of which each stands for one slate that has this prompt's order."""

CALLS = ("rerank", "rerank.behind", "rerank.renewed", "assistant.round")
"""Names of generations that were calls, and so cost something."""

# Stage of a slate's stopwatch → how it is shown. "rerank" is the wait; the call itself is a generation.
_STAGES: dict[str, tuple[Kind, str]] = {
    "profile": ("span", "profile"),
    "candidates": ("retriever", "retrieval"),
    "ranking": ("span", "baseline"),
    "prompt": ("span", "prompt"),
    "rerank": ("span", "wait"),
    "reasons": ("guardrail", "proofs"),
}
_WAIT_SHOWN_MS = 1.0
_SAME_CLOCK_S = 600.0


def about_request(told: RequestTold, pseudonyms: Pseudonyms) -> About:
    """What the trace of a slate carries."""
    query = told.slate.query
    name = f"reco.{query.placement}" if query.shelf is None else f"shelf.{query.shelf}"
    tags = (VARIANT, f"cohort:{history_bucket(told.interactions)}")
    user, session = _who(told.consent, query.user_id, query.anonymous_id, query.session_id, pseudonyms)
    return About(name, user, session, tags)


def about_chat(told: ChatTold, pseudonyms: Pseudonyms) -> About:
    """What the trace of an answer of the assistant carries."""
    talker = told.talker
    user, session = _who(told.consent, talker.user_id, talker.anonymous_id, talker.session_id, pseudonyms)
    return About("assistant.chat", user, session, (VARIANT,))


def about_call(row: LedgerRow) -> About:
    """What the trace of a call carries that no served slate and no answer stands for: a cached one was renewed."""
    name = "assistant.chat" if row.purpose == "chat" else f"reco.{row.placement}"
    return About(name, tags=(VARIANT,))


def request_observations(told: RequestTold, about: About) -> list[Observation]:
    """The root, its stages one after the other, and for an order not asked for here the generation that made it."""
    slate = told.slate
    latency = dict(slate.latency_ms)
    total_ms = latency.pop("total", 0.0)
    started = told.ended_at - total_ms / 1000.0
    trace_id, root_id = _trace(slate.recommendation_id)
    fallback = slate.fallback_reason if slate.fallback_reason in FALLBACKS else None
    root = Observation(
        trace_id,
        root_id,
        None,
        "span",
        f"recommend.{slate.strategy}" if slate.query.shelf is None else f"shelf.{slate.query.shelf}",
        started,
        told.ended_at,
        about,
        warning=fallback,
        metadata=_root_metadata(slate),
        products=tuple(item.product_id for item in slate.items),
    )
    found = [root]
    at = started
    for stage, ms in latency.items():
        begun, at = at, at + ms / 1000.0
        kind, name = _STAGES.get(stage, ("span", stage))
        if name == "wait" and (slate.call_of is None or ms < _WAIT_SHOWN_MS):
            continue
        child_id = observation_id_of(slate.recommendation_id, name)
        found.append(
            Observation(
                trace_id, child_id, root_id, kind, name, begun, at, about, metadata=_stage_metadata(name, slate)
            )
        )
    if slate.strategy in ORDERED_BY_MODEL and slate.call_of != slate.recommendation_id:
        found.append(_lent(slate, about, started))
    return found


def call_observation(row: LedgerRow, about: About, use: CallUse) -> Observation:
    """The generation of a call, with exactly the ledger's figures."""
    trace_id, root_id = _trace(row.request_id)
    name, version = prompt_of(row.prompt_id)
    chat = row.purpose == "chat"
    return Observation(
        trace_id,
        # Of a recommendation there is one call, which a click must find; an answer of the assistant has several.
        observation_id_of(row.call_id, "round") if chat else observation_id_of(row.request_id, "generation"),
        root_id,
        "generation",
        "assistant.round" if chat else f"{row.purpose}{use}",
        row.at,
        row.at + row.seconds,
        about,
        warning=None if row.outcome == "complete" else row.outcome,
        metadata={
            "outcome": row.outcome,
            "background": row.background,
            "estimated": row.estimated,
            "promptHash": row.prompt_hash,
            "placement": row.placement,
        },
        figures=Figures(
            row.model,
            name,
            version,
            input_tokens=max(0, row.input_tokens - row.cached_tokens),
            cached_tokens=min(row.cached_tokens, row.input_tokens),
            output_tokens=row.output_tokens,
            cost_usd=row.cost_usd,
        ),
    )


def orphan_root(row: LedgerRow, about: About) -> Observation:
    """The root over a call that no served slate stands for. Not named `recommend.…`: nobody was answered."""
    trace_id, root_id = _trace(row.request_id)
    return Observation(trace_id, root_id, None, "span", "refresh", row.at, row.at + row.seconds, about)


def chat_observations(told: ChatTold, about: About) -> list[Observation]:
    """The answer, and each tool that it used. Its rounds are the calls of the ledger."""
    trace_id, root_id = _trace(told.request_id)
    metadata: dict[str, Value] = {
        "withModel": told.with_model,
        "sentences": told.sentences,
        "removed": sum(told.removed.values()),
        "tools": len(told.tools),
    }
    root = Observation(
        trace_id,
        root_id,
        None,
        "agent",
        "assistant.answer",
        told.ended_at - told.seconds,
        told.ended_at,
        about,
        warning=None if told.failure == "none" else told.failure,
        metadata=metadata,
    )
    tools = [
        Observation(
            trace_id,
            observation_id_of(told.request_id, f"tool {n}"),
            root_id,
            "tool",
            tool.name,
            tool.ended_at - tool.seconds,
            tool.ended_at,
            about,
            warning=None if tool.outcome == "done" else tool.outcome,
        )
        for n, tool in enumerate(told.tools)
    ]
    return [root, *tools]


def scored_events(events: Iterator[Interaction] | list[Interaction]) -> list[Interaction]:
    """Those that become scores: they name a recommendation, and are a click, a cart or a purchase."""
    return [event for event in events if event.recommendation_id is not None and event.kind.value in SCORED]


def score_of(event: Interaction, slate: Slate, ended_at: float | None = None) -> Score:
    """The score of an event: on the generation behind the slate's order, on the root where there was none.

    One per recommendation and kind, whatever the number of products: a rate is then a share of slates.

    Args: ended_at: when its trace ended, by the wall clock, where this process knows it. It stands for the slate's own
          time only where that is not a wall clock's (AS_OF).
    """
    name = event.kind.value
    role = "generation" if slate.strategy in ORDERED_BY_MODEL else "root"
    known_by = f"{name}\0{slate.recommendation_id}"
    return Score(
        hashlib.blake2b(known_by.encode(), digest_size=16).hexdigest(),
        trace_id_of(slate.recommendation_id),
        observation_id_of(slate.recommendation_id, role),
        name,
        slate.served_at if ended_at is None or abs(ended_at - slate.served_at) < _SAME_CLOCK_S else ended_at,
    )


def _lent(slate: Slate, about: About, started: float) -> Observation:
    """The generation that stands for an order made elsewhere: cached, or of a call that others asked for too.

    It costs nothing and takes no time; with it, every slate that a prompt ordered counts for that prompt's version.
    """
    trace_id, root_id = _trace(slate.recommendation_id)
    name, version = prompt_of(slate.prompt_version or "")
    return Observation(
        trace_id,
        observation_id_of(slate.recommendation_id, "generation"),
        root_id,
        "generation",
        "rerank.cached" if slate.call_of is None else "rerank.shared",
        started,
        started,
        about,
        figures=Figures(slate.model or "", name, version),
    )


def _root_metadata(slate: Slate) -> dict[str, Value]:
    found: dict[str, Value | None] = {
        "placement": slate.query.placement,
        "strategy": slate.strategy,
        "fallbackReason": slate.fallback_reason,
        "gate": slate.gate,
        "candidates": slate.candidates,
        "excluded": sum(slate.excluded.values()),
        "limit": slate.query.limit,
        "reasons": slate.query.reasons,
        "asked": slate.query.text is not None,
        "rulesVersion": slate.rules_version,
        "baselineVersion": slate.baseline_version,
    }
    return {name: value for name, value in found.items() if value is not None}


def _stage_metadata(name: str, slate: Slate) -> dict[str, Value]:
    if name == "retrieval":
        return {"candidates": slate.candidates}
    if name == "proofs":
        proved = sum(item.reason_source == "llm" for item in slate.items)
        return {"sentences": slate.sentences, "proved": proved, "compiled": slate.sentences - proved}
    return {}


def _who(
    consent: Consent, user_id: str | None, anonymous_id: str | None, session_id: str | None, pseudonyms: Pseudonyms
) -> tuple[str | None, str | None]:
    """Pseudonyms of shopper and session; of nobody unless the shopper agreed to both profile and processors."""
    if consent.personalization == "none" or not consent.llm_processing:
        return None, None
    user = None
    if user_id is not None:
        user = pseudonyms.of(user_id)
    elif anonymous_id is not None:
        user = pseudonyms.of(anonymous_id, "anonymous")
    return user, None if session_id is None else pseudonyms.of(session_id, "session")


def _trace(request_id: str) -> tuple[str, str]:
    return trace_id_of(request_id), observation_id_of(request_id, "root")
