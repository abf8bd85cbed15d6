"""The whole service, traced: what Langfuse holds is what the ledger holds, to the token."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.bootstrap import Application, build
from app.domain.chat import ChatTurn, Talker
from app.domain.deadline import Deadline
from app.domain.interactions import EventKind, Interaction
from app.domain.ranking import Query, Slate
from app.ingest.event_bodies import ReadBody
from tests.conftest import demo_settings
from tests.support.langfuse_stand_in import PUBLIC, SECRET, LangfuseStandIn
from tests.support.simulated_provider import SimulatedProvider, start_simulated

SHOPPERS = ("gamer", "student", "123", "nobody")


@pytest.fixture(scope="module")
def provider() -> Iterator[SimulatedProvider]:
    with start_simulated(ttft_ms=20, tokens_per_s=0, quality=1.0) as simulated:
        yield simulated


def settings_of(folder: Path, provider: SimulatedProvider, langfuse: LangfuseStandIn) -> object:
    return demo_settings(
        folder,
        llm_model="openai/simulated-ranker",
        llm_api_base=provider.base_url,
        llm_api_key="none",
        llm_price_input_usd=0.15,
        llm_price_output_usd=0.60,
        langfuse_public_key=PUBLIC,
        langfuse_secret_key=SECRET,
        langfuse_host=langfuse.url,
    )


async def test_every_token_of_the_ledger_is_in_a_trace(demo_copy: Path, provider: SimulatedProvider) -> None:
    """Waited for, left behind, shared, streamed, cached and chatted: tokens and cost are the ledger's, none twice."""
    with LangfuseStandIn() as langfuse:
        application = build(settings_of(demo_copy, provider, langfuse))  # type: ignore[arg-type]
        await application.start()
        slates: list[Slate] = []
        try:
            await _requests(application, slates)
            clicked = next(s for s in slates if s.strategy == "llm")
            await application.intake.record(ReadBody((_click(clicked),), (0,), ()))
            async for _ in application.assistant.answer(ChatTurn("show me a kettle", Talker(user_id="gamer"))):
                pass
            await _settled(application)
        finally:
            await application.close()
        assert langfuse.refusals == []
        generations = [s for s in langfuse.held.spans.values() if s.kind == "generation"]
        with sqlite3.connect(demo_copy / "shop.db") as connection:
            calls, tokens_in, tokens_out, usd = connection.execute(
                "SELECT count(*), sum(input_tokens), sum(output_tokens), sum(cost_usd) FROM model_calls"
            ).fetchone()
        paid = [s for s in generations if s.usage["total"]]
        assert len(paid) == calls >= 5
        assert sum(s.usage["input"] + s.usage.get("input_cached_tokens", 0) for s in paid) == tokens_in
        assert sum(s.usage["output"] for s in paid) == tokens_out
        assert sum(s.cost_usd or 0.0 for s in generations) == pytest.approx(usd, abs=1e-9)
        assert {s.trace_id for s in generations if s.name == "assistant.round"} == {
            s.trace_id for s in langfuse.held.named("assistant.answer")
        }
        traces = langfuse.held.traces()
        assert {s.recommendation_id for s in slates} <= set(traces)
        for made in slates:
            roots = [s for s in traces[made.recommendation_id] if s.parent_id is None]
            assert [s.name for s in roots] == [f"recommend.{made.strategy}"]
        (score,) = langfuse.held.scores.values()
        behind = langfuse.held.spans[score.trace_id or "", score.observation_id or ""]
        assert score.timestamp is not None
        assert abs(score.timestamp.timestamp() - behind.end_ns / 1e9) < 600  # of the wall clock, as the trace's
        assert (behind.name, behind.trace_id) == ("rerank", clicked.recommendation_id)


async def _requests(application: Application, slates: list[Slate]) -> None:
    ask = application.service.recommend
    for user in SHOPPERS:
        slates.append(await ask(Query(user_id=user), Deadline.after_ms(4000)))
    assert {s.strategy for s in slates} >= {"llm"}
    slates.append(await ask(Query(user_id="gamer"), Deadline.after_ms(4000)))  # cached
    slates.append(await ask(Query(user_id="gamer", placement="email"), Deadline.after_ms(0)))  # goes on behind
    slates.extend(
        await asyncio.gather(*(ask(Query(user_id="123", placement="cart"), Deadline.after_ms(4000)) for _ in range(3)))
    )
    async for streamed in application.service.stream(
        Query(user_id="student", placement="search", text="a warm jacket"),
        Deadline.after_ms(4000),
        Deadline.after_ms(8000),
    ):
        if streamed.event != "reason":
            slates.append(streamed.slate)


async def _settled(application: Application) -> None:
    ends = time.monotonic() + 8
    while application.model is not None and application.model.stage.busy and time.monotonic() < ends:  # noqa: ASYNC110
        await asyncio.sleep(0.02)


def _click(slate: Slate) -> Interaction:
    return Interaction(
        "click-1",
        EventKind.CLICK,
        slate.served_at,
        user_id=slate.query.user_id,
        product_id=slate.items[0].product_id,
        recommendation_id=slate.recommendation_id,
        position=1,
    )
