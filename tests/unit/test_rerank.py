"""The model stage through the whole service, against the simulated provider in a process of its own."""

from __future__ import annotations

import asyncio
import shutil
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

import pytest

from app.admission import Door, Rank, hold, release
from app.bootstrap import Application, build, open_model
from app.domain.budgets import Payer
from app.domain.deadline import Deadline
from app.domain.errors import ConfigurationError, StoreUnavailable
from app.domain.interactions import Consent
from app.domain.ranking import Query, Slate
from app.service import RecommendationService
from app.work import Streamed
from tests.conftest import demo_settings
from tests.support.simulated_provider import SimulatedProvider, start_simulated

T = TypeVar("T")
PATIENT_MS = 6000


@pytest.fixture(scope="module")
def provider() -> Iterator[SimulatedProvider]:
    """Quick, and right about the order."""
    with start_simulated(ttft_ms=20, tokens_per_s=0, quality=1.0, lie_rate=0.0) as simulated:
        yield simulated


@pytest.fixture(scope="module")
def shop(demo_data_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """The demo shop, open, with an event loop of its own that goes on between tests."""
    data_dir = Path(shutil.copytree(demo_data_dir, tmp_path_factory.mktemp("rerank") / "data"))
    application = build(demo_settings(data_dir))
    application.open()
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    yield Shop(application, loop)
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()
    application.shut()


@dataclass(frozen=True)
class Shop:
    """One application without a model, to which each test adds its own."""

    application: Application
    loop: asyncio.AbstractEventLoop

    def run(self, work: Coroutine[None, None, T]) -> T:
        """The result of a coroutine on the shop's loop."""
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(timeout=120)


@pytest.fixture
def ask(shop: Shop, provider: SimulatedProvider, tmp_path: Path) -> Iterator[Callable[..., T]]:
    """Runs a coroutine function on the shop with a model stage, cache and ledger of its own; settings by name."""

    def run(
        work: Callable[[Application], Coroutine[None, None, T]],
        pressed: Callable[[], bool] = lambda: False,
        **changes: object,
    ) -> T:
        settings = demo_settings(
            tmp_path,
            llm_model="openai/simulated-ranker",
            llm_api_base=provider.base_url,
            llm_api_key="none",
            pseudonym_keys="p1:" + "k" * 32,  # in the keys that prompts are shuffled by: the same prompts every time
            llm_price_input_usd=0.15,
            llm_price_output_usd=0.60,
            **changes,
        )

        async def whole() -> T:
            model = open_model(settings, pressed=pressed)
            parts = replace(shop.application.parts, rerank=model.stage)
            application = replace(shop.application, model=model, parts=parts, service=RecommendationService(parts))
            try:
                await model.client.warm({"rerank": model.prompt.schema or {}})
                return await work(application)
            finally:
                await model.stage.close()
                model.close()

        return shop.run(whole())

    yield run
    provider.faults()


async def slate_of(application: Application, ms: float = PATIENT_MS, **query: object) -> Slate:
    """One slate."""
    return await application.service.recommend(Query(**{"user_id": "gamer", **query}), Deadline.after_ms(ms))


async def settled(application: Application) -> None:
    """Until nothing is running and everything is written."""
    stage = application.model.stage
    for _ in range(400):
        if not stage.busy:
            return
        await asyncio.sleep(0.02)
    raise AssertionError("calls are still running")


def test_a_model_in_time_orders_the_slate(ask) -> None:
    """strategy llm, the gate line, model and prompt; rules hold; reasons that are proved are the model's."""

    async def work(application: Application) -> Slate:
        slate = await slate_of(application)
        products = application.service.products([i.product_id for i in slate.items])
        for product in products.values():
            assert product.available
            assert (product.price_minor - product.cost_minor) / product.price_minor >= 0.25
        return slate

    slate = ask(work)
    assert (slate.strategy, slate.fallback_reason) == ("llm", None)
    assert slate.gate == "11+/none"
    assert slate.model == "openai/simulated-ranker"
    assert slate.prompt_version == "rerank/v1"
    assert slate.usage is not None
    assert slate.usage.input_tokens > 500
    assert slate.usage.cost_usd > 0
    assert any(item.ranked_by == "llm" for item in slate.items)
    assert sum(item.reason_source == "llm" for item in slate.items) >= 1
    assert all("[" not in item.reason for item in slate.items)
    relevance = [item.relevance for item in slate.items]
    assert relevance == sorted(relevance, reverse=True)


def test_no_item_gains_more_than_max_lift(ask) -> None:
    """Before the slate rules, displacement is at most maxLift 5 whatever the model wants."""
    from app.pipeline.fusion import fuse

    async def work(application: Application) -> None:
        slate = await slate_of(application)
        baseline = await application.service.recommend(Query(user_id="gamer"), Deadline.after_ms(0))
        assert baseline.strategy in {"cache", "baseline"}
        assert slate.gate == "11+/none"

    ask(work)
    moved = fuse(tuple(range(24)), tuple(reversed(range(24))), 1.0, 5)
    assert all(moved.index(item) >= item - 5 for item in range(24))


def test_a_complete_answer_is_served_from_the_cache(ask, provider) -> None:
    """The second request makes no call, has the same order, and applies today's rules."""

    async def work(application: Application) -> None:
        first = await slate_of(application)
        await settled(application)
        before = provider.status()["counts"]["requests"]
        second = await slate_of(application)
        assert second.strategy == "cache"
        assert [i.product_id for i in second.items] == [i.product_id for i in first.items]
        assert provider.status()["counts"]["requests"] == before
        gone = second.items[0].product_id
        product = application.store.products([gone])[gone]
        application.store.upsert_products([replace(product, stock=0)], at=application.clock.now())
        application.keeper.follow_once()
        third = await slate_of(application)
        application.store.upsert_products([product], at=application.clock.now())
        application.keeper.follow_once()
        assert third.strategy == "cache"
        assert gone not in {i.product_id for i in third.items}

    ask(work)


def test_a_stale_answer_is_served_and_renewed_behind(ask, provider) -> None:
    """After CACHE_FRESH_S the old order is served at once as `stale`, and one call makes it new."""

    async def work(application: Application) -> None:
        await slate_of(application)
        await settled(application)
        before = provider.status()["counts"]["requests"]
        stale = await slate_of(application)
        assert stale.strategy == "stale"
        await asyncio.sleep(0.1)
        await settled(application)
        assert provider.status()["counts"]["requests"] == before + 1

    ask(work, cache_fresh_s=0)


def test_requests_for_one_key_share_one_call(ask, provider) -> None:
    """Ten at once cost one call."""

    async def work(application: Application) -> None:
        before = provider.status()["counts"]["requests"]
        slates = await asyncio.gather(*(slate_of(application) for _ in range(10)))
        assert {s.strategy for s in slates} <= {"llm", "cache"}
        assert provider.status()["counts"]["requests"] == before + 1

    ask(work)


def test_a_slow_model_is_not_waited_for_and_its_answer_is_kept(ask, provider) -> None:
    """At the deadline the baseline goes out; the call ends behind, is paid, written down and cached."""

    async def work(application: Application) -> None:
        started = time.perf_counter()
        slate = await slate_of(application, ms=100)
        assert time.perf_counter() - started < 2.0
        assert (slate.strategy, slate.fallback_reason) == ("baseline", "timeout")
        assert len(slate.items) == 5
        await settled(application)
        assert (await slate_of(application, ms=100)).strategy == "cache"
        [row] = application.model.ledger.rows(since=0.0, until=time.time() + 60, limit=10)
        assert row.outcome == "complete"
        assert row.background
        assert row.cost_usd > 0
        assert row.input_tokens > 500

    provider.turn(ttft_ms=1200)
    try:
        ask(work)
    finally:
        provider.turn(ttft_ms=20)


def test_deadline_zero_is_the_baseline_now_with_the_call_behind(ask) -> None:
    """deadlineMs=0: not_requested, and the cache is filled all the same."""

    async def work(application: Application) -> None:
        slate = await slate_of(application, ms=0)
        assert (slate.strategy, slate.fallback_reason) == ("baseline", "not_requested")
        await settled(application)
        assert (await slate_of(application, ms=0)).strategy == "cache"

    ask(work)


def test_a_deadline_that_the_baseline_used_up_is_a_timeout(ask) -> None:
    """A model was wanted and there was no time left for it: that is a fallback, and counts as one."""

    async def work(application: Application) -> None:
        slate = await slate_of(application, ms=0.001)
        assert (slate.strategy, slate.fallback_reason) == ("baseline", "timeout")
        await settled(application)

    ask(work)


@pytest.mark.parametrize("fault", ["cut", "huge", "length", "no_terminator"])
def test_a_prefix_counts(ask, provider, fault: str) -> None:
    """What a broken stream had certain counts, and a broken answer is never cached as a model's."""

    async def work(application: Application) -> None:
        slate = await slate_of(application, limit=10)
        assert slate.strategy in {"llm", "partial", "baseline"}
        assert len(slate.items) == 10
        await settled(application)
        provider.faults()
        assert (await slate_of(application, limit=10)).strategy == "llm"

    provider.faults({"mode": fault})
    ask(work)


@pytest.mark.parametrize(
    "fault",
    ["error500", "error429", "error401", "empty", "html200", "refusal", "content_filter", "two_objects", "deep",
     "big_integer", "wrong_types", "unknown_aliases", "gzip_bomb", "null_content",
     "empty_choices", "refusal_text", "no_content", "redirect"],
)  # fmt: skip
def test_a_useless_reply_means_the_baseline(ask, provider, fault: str) -> None:
    """200 with a full, rule-abiding slate; the reason is said; nothing is cached; no call is left running."""

    async def work(application: Application) -> None:
        slate = await slate_of(application, ms=3000)
        assert slate.strategy == "baseline"
        assert slate.fallback_reason in {"provider_error", "invalid_output", "timeout"}
        assert len(slate.items) == 5
        assert all(item.ranked_by == "baseline" and item.reason_source == "template" for item in slate.items)
        await settled(application)
        provider.faults()
        again = await slate_of(application)
        assert again.strategy in {"llm", "baseline"}
        assert again.strategy != "cache"

    provider.faults({"mode": fault})
    ask(work)


@pytest.mark.parametrize(
    "fault", ["fences", "think", "prose", "duplicate_aliases", "bom", "missing_usage", "negative_usage", "absurd_usage"]
)
def test_a_reply_that_code_can_mend_is_used(ask, provider, fault: str) -> None:
    """Fences, thoughts, prose around the object, repeated ids, missing or absurd usage: the order counts."""

    async def work(application: Application) -> None:
        slate = await slate_of(application)
        assert slate.strategy == "llm"
        await settled(application)
        settled_usd, reserved_usd = application.model.ledger.spent_usd(time.strftime("%Y-%m-%d", time.gmtime()))
        assert 0 < settled_usd < 0.05
        assert reserved_usd == 0

    provider.faults({"mode": fault})
    ask(work)


@pytest.mark.parametrize("fault", ["html_reasons", "url_reasons", "markdown_reasons", "bidi_reasons", "long_reasons"])
def test_a_bad_sentence_costs_only_itself(ask, provider, fault: str) -> None:
    """The order is the model's, the reasons are compiled, and nothing of the bad text is shown."""

    async def work(application: Application) -> None:
        slate = await slate_of(application)
        assert slate.strategy == "llm"
        for item in slate.items:
            assert item.reason_source == "template" or not set("<>*[]") & set(item.reason)
            assert "http" not in item.reason
            assert "\u202e" not in item.reason

    provider.faults({"mode": fault})
    ask(work)


def test_lies_are_not_served(ask, provider) -> None:
    """With every sentence false, no sentence of the model is shown."""

    async def work(application: Application) -> int:
        shown = 0
        for user in ("gamer", "student", "cook", "reader", "gardener"):
            slate = await slate_of(application, user_id=user)
            assert slate.strategy == "llm"
            shown += sum(item.reason_source == "llm" for item in slate.items)
        return shown

    provider.turn(lie_rate=1.0)
    try:
        assert ask(work) <= 1
    finally:
        provider.turn(lie_rate=0.0)


def test_no_consent_to_a_model_means_no_shopper_lines(ask, provider) -> None:
    """Without llmProcessing a home page is opted_out; with a query the model is asked about the query only."""

    async def work(application: Application) -> None:
        application.store.save_consent("runner", Consent("full", False))
        before = provider.status()["counts"]["requests"]
        slate = await slate_of(application, user_id="runner")
        assert (slate.strategy, slate.fallback_reason) == ("baseline", "opted_out")
        assert provider.status()["counts"]["requests"] == before
        asked = await slate_of(application, user_id="runner", text="gaming headset")
        assert asked.strategy == "llm"
        told = str(provider.requests()[-1])
        assert "gaming headset" in told
        assert "u2 " not in told
        page = next(p for p in application.store.iter_products() if (p.category or "").startswith("Sports"))
        await slate_of(application, user_id="runner", placement="product", product_id=page.product_id)
        for told in (str(request) for request in provider.requests()[-2:]):
            for profile in ("which you", "of your interests", "under the budget", "come back to", "your size"):
                assert profile not in told

    ask(work)


def test_the_budget_stops_calls(ask, provider) -> None:
    """With the day's budget spent the baseline says budget_exhausted and nothing is sent."""

    async def work(application: Application) -> None:
        before = provider.status()["counts"]["requests"]
        slate = await slate_of(application)
        assert (slate.strategy, slate.fallback_reason) == ("baseline", "budget_exhausted")
        assert provider.status()["counts"]["requests"] == before

    ask(work, llm_daily_budget_usd=0.0001)


def test_nothing_personal_leaves(ask, provider) -> None:
    """No shopper id, product id, country, age band, cost or margin is in a request; contacts are cut from a query."""

    async def work(application: Application) -> None:
        await slate_of(application, text="desk lamp for anna@example.org call +49 30 1234567")
        sent = str(provider.requests()[-1])
        for leak in ("anna@example.org", "1234567", "gamer", "co-0", "el-0", "margin", "ageBand", "country"):
            assert leak not in sent

    ask(work)


def test_the_stream_ends_with_the_models_reasons(ask, provider) -> None:
    """Against a slow writer: baseline, then the model's order, then sentences as they are proved."""

    async def work(application: Application) -> list[Streamed]:
        query = Query(user_id="cook")
        stream = application.service.stream(query, Deadline.after_ms(4000), Deadline.after_ms(8000))
        return [event async for event in stream]

    provider.turn(tokens_per_s=60)
    try:
        events = ask(work)
    finally:
        provider.turn(tokens_per_s=0)
    assert [e.event for e in events[:2]] == ["baseline", "slate"]
    assert events[0].slate.fallback_reason == "not_requested"
    assert events[1].slate.strategy == "llm"
    assert events[0].slate.recommendation_id != events[1].slate.recommendation_id
    late = events[2:]
    assert late
    assert {e.event for e in late} == {"reason"}
    shown = {item.product_id for item in events[1].slate.items}
    assert all(e.item.product_id in shown and e.item.reason_source == "llm" for e in late)


def test_an_unknown_price_refuses_to_start(demo_copy: Path) -> None:
    """Unknown is not 0: without a price the start is refused, with what to set."""
    settings = demo_settings(demo_copy, llm_model="openai/nobody-knows-this", llm_api_key="x")
    with pytest.raises(ConfigurationError, match="SHELFWISE_LLM_PRICE_INPUT_USD"):
        build(settings)


def test_a_client_that_leaves_at_once_leaves_no_flight(ask, provider) -> None:
    """Cancelled before the call starts: it is made, paid, cached, and the next request is not stuck behind it."""

    async def work(application: Application) -> None:
        request = asyncio.create_task(slate_of(application))
        while not application.model.stage.busy:  # noqa: ASYNC110 - there is no event for "has just begun"
            await asyncio.sleep(0)
        request.cancel()
        await asyncio.gather(request, return_exceptions=True)
        await settled(application)
        assert (await slate_of(application)).strategy == "cache"

    ask(work)


def test_a_ledger_that_is_slow_to_write_holds_nobody_up(ask, monkeypatch) -> None:
    """A reservation that waits for the disk costs the deadline, not more."""

    async def work(application: Application) -> None:
        reserve = application.model.ledger.reserve

        def slow(*args: object) -> bool:
            time.sleep(1.0)
            return reserve(*args)

        monkeypatch.setattr(application.model.ledger, "reserve", slow)
        started = time.perf_counter()
        slate = await slate_of(application, ms=100)
        assert slate.fallback_reason == "timeout"
        assert time.perf_counter() - started < 0.9
        await settled(application)

    ask(work)


def test_nothing_to_order_is_not_asked(ask, provider) -> None:
    """With no eligible product there is no call."""

    async def work(application: Application) -> None:
        before = provider.status()["counts"]["requests"]
        slate = await slate_of(application, budget_minor=1)
        assert slate.items == ()
        assert (slate.strategy, slate.fallback_reason) == ("baseline", "not_requested")
        assert provider.status()["counts"]["requests"] == before

    ask(work)


def test_a_cached_answer_keeps_its_relevance(ask) -> None:
    """The user match of an item is what it was when the model was asked, not a guess from its place."""

    async def work(application: Application) -> tuple[Slate, Slate]:
        first = await slate_of(application)
        await settled(application)
        return first, await slate_of(application)

    first, cached = ask(work)
    assert (first.strategy, cached.strategy) == ("llm", "cache")
    assert [i.product_id for i in cached.items] == [i.product_id for i in first.items]
    assert [i.relevance for i in cached.items] == [i.relevance for i in first.items]


def test_a_short_answer_in_the_cache_is_asked_for_again_behind_a_longer_slate(ask, provider) -> None:
    """The length of a slate is no part of the key: one sentence asked for must not starve slates of five of theirs."""

    async def work(application: Application) -> tuple[Slate, Slate]:
        await slate_of(application, limit=1)
        await settled(application)
        short = await slate_of(application, limit=5)
        await settled(application)
        return short, await slate_of(application, limit=5)

    before = provider.status()["counts"]["requests"]
    short, longer = ask(work)
    assert (short.strategy, longer.strategy) == ("cache", "cache")
    assert provider.status()["counts"]["requests"] == before + 2
    prompts = [request["body"]["messages"][-1]["content"] for request in provider.requests()[-2:]]
    assert ["Give reasons for the first 1." in prompts[0], "Give reasons for the first 5." in prompts[1]] == [True] * 2


def test_a_burst_beyond_the_places_is_told_as_overload(ask, provider) -> None:
    """Requests that reserve at the same time can't all start: those without a place pay nothing and say why."""

    async def work(application: Application) -> tuple[list[Slate], list[str], float]:
        queries = [Query(user_id="gamer", placement=place) for place in ("home", "cart", "search", "email")]
        deadline = Deadline.after_ms(PATIENT_MS)
        slates = await asyncio.gather(*(application.service.recommend(query, deadline) for query in queries))
        await settled(application)
        rows = application.model.ledger.rows(since=0.0, until=9e12)
        refused = [row for row in rows if row.outcome == "overloaded"]
        return slates, [row.outcome for row in rows], sum(row.cost_usd for row in refused)

    slates, outcomes, cost = ask(work, llm_max_concurrency=1)
    fallbacks = [slate.fallback_reason for slate in slates]
    assert fallbacks.count(None) >= 1
    assert set(fallbacks) <= {None, "overloaded"}
    assert fallbacks.count("overloaded") >= 1
    assert set(outcomes) <= {"complete", "overloaded"}
    assert cost == 0.0


def test_under_pressure_models_are_given_up_first(ask, provider) -> None:
    """The baseline at once, told as overload under its gate line, without a call; remembered by nobody, so that the
    next request has a model again."""
    pressed = True

    async def work(application: Application) -> tuple[Slate, Slate]:
        nonlocal pressed
        under = await slate_of(application, placement="cart", limit=4)
        pressed = False
        return under, await slate_of(application, placement="cart", limit=4)

    before = provider.status()["counts"]["requests"]
    under, after = ask(work, pressed=lambda: pressed)
    assert (under.strategy, under.fallback_reason, under.gate) == ("baseline", "overloaded", "11+/none")
    assert len(under.items) == 4
    assert after.strategy == "llm"
    assert provider.status()["counts"]["requests"] == before + 1


def test_beside_an_open_circuit_nothing_is_prepared_for_a_prompt(ask, provider) -> None:
    """A slate costs what it costs without a model while the provider is down, and says that it was."""

    async def work(application: Application) -> tuple[Slate, Slate]:
        asked = await slate_of(application, placement="cart", limit=3)
        await settled(application)
        application.model.client._guard.breaker.cool_down(60.0)
        return asked, await slate_of(application, placement="email", limit=3)

    before = provider.status()["counts"]["requests"]
    asked, beside = ask(work)
    assert (beside.strategy, beside.fallback_reason) == ("baseline", "circuit_open")
    assert len(beside.items) == 3
    assert "prompt" in asked.latency_ms
    assert "prompt" not in beside.latency_ms
    assert provider.status()["counts"]["requests"] == before + 1


def test_under_pressure_a_stored_order_is_used(ask) -> None:
    """It costs less than the baseline."""
    pressed = False

    async def work(application: Application) -> Slate:
        nonlocal pressed
        await slate_of(application, placement="email", limit=5)
        await settled(application)
        pressed = True
        return await slate_of(application, placement="email", limit=3)

    slate = ask(work, pressed=lambda: pressed)
    assert (slate.strategy, slate.fallback_reason) == ("cache", None)


def test_who_waits_for_the_model_takes_no_place(ask) -> None:
    """The place at the door is free while the provider thinks, and taken up again for the rest of the work."""
    door = Door(places_most=2, wait_s=0.1)

    async def work(application: Application) -> list[tuple[int, int]]:
        place = door.ask(Rank.SLATE, "any", lambda: None)
        token = hold(place)
        seen = [(door.working, door.elsewhere)]
        asked = asyncio.create_task(slate_of(application, placement="search"))
        while not asked.done():
            await asyncio.sleep(0.001)
            seen.append((door.working, door.elsewhere))
        release(token)
        return seen

    seen = ask(work)
    assert seen[0] == seen[-1] == (1, 0)
    assert (0, 1) in seen


def test_a_ledger_that_can_not_be_written_is_no_budget_that_is_spent(ask, monkeypatch) -> None:
    """Nothing is called that can't be written down, and the answer doesn't blame the budget."""

    def broken(*_: object) -> bool:
        raise StoreUnavailable("the disk is full")

    async def work(application: Application) -> Slate:
        monkeypatch.setattr(application.model.ledger, "reserve", broken)
        return await slate_of(application)

    slate = ask(work)
    assert (slate.strategy, slate.fallback_reason) == ("baseline", "overloaded")
    assert len(slate.items) == 5


def test_beyond_a_soft_budget_the_cheap_model_orders_and_is_named(ask, provider) -> None:
    """meta.model is the model that was asked; its answers have keys of their own, a paid-for one is served first."""

    async def work(application: Application) -> list[Slate]:
        slates = [await slate_of(application)]
        await settled(application)
        for query in ({}, {"user_id": "student"}, {"user_id": "student"}):
            slates.append(await slate_of(application, **query))
            await settled(application)
        rows = application.model.ledger.rows(since=0.0, until=9e12)
        assert sorted(row.model for row in rows) == ["openai/simulated-cheap", "openai/simulated-ranker"]
        return slates

    usual, paid, cheap, again = ask(
        work,
        llm_budgets='{"home":{"soft":0}}',
        llm_cheap_model="openai/simulated-cheap",
        llm_cheap_price_input_usd=0.05,
        llm_cheap_price_output_usd=0.10,
    )
    assert (usual.strategy, usual.model) == ("llm", "openai/simulated-ranker")
    assert (paid.strategy, paid.model) == ("cache", "openai/simulated-ranker")
    assert (cheap.strategy, cheap.model) == ("llm", "openai/simulated-cheap")
    assert cheap.usage.cost_usd < usual.usage.cost_usd / 2
    assert (again.strategy, again.model) == ("cache", "openai/simulated-cheap")


def test_a_hard_budget_of_a_place_leaves_other_places_alone(ask) -> None:
    """The baseline there, budget_exhausted; a model elsewhere."""

    async def work(application: Application) -> list[Slate]:
        return [await slate_of(application, placement=place) for place in ("home", "cart")]

    home, cart = ask(work, llm_budgets='{"home":{"hard":0.0}}')
    assert (home.strategy, home.fallback_reason) == ("baseline", "budget_exhausted")
    assert cart.strategy == "llm"


def test_ever_new_visitors_from_one_address_cause_no_more_calls_than_it_may(ask, provider) -> None:
    """Denial of wallet: each visitor is new, the address is not; the rest are baselines, told as overload."""

    async def work(application: Application) -> list[Slate]:
        slates = []
        for n in range(12):
            payer = Payer("k", (("anonymous", f"visitor-{n}"), ("address", "203.0.113.9")))
            query = Query(anonymous_id=f"visitor-{n}", text=f"gift {n}")
            slates.append(await application.service.recommend(query, Deadline.after_ms(PATIENT_MS), payer))
        await settled(application)
        return slates

    before = provider.status()["counts"]["requests"]
    slates = ask(work, llm_calls_per_hour_address=3)
    assert provider.status()["counts"]["requests"] == before + 3
    assert [slate.fallback_reason for slate in slates] == [None] * 3 + ["overloaded"] * 9
    assert all(slate.items for slate in slates)


@pytest.mark.parametrize(
    "changes",
    [
        {"llm_cheap_model": "openai/simulated-ranker"},
        {"llm_cheap_model": "openai/nobody-knows-its-price"},
        {"llm_cheap_model": "openai/x", "llm_cheap_price_input_usd": 1.0},
        {"llm_budgets": '{"key:00000000":{"hard":1}}'},
    ],
)
def test_a_cheap_model_without_a_price_stops_the_start(ask, changes) -> None:
    """So do the usual model twice and a budget for a key that is not there: none of them would guard anything."""

    async def work(application: Application) -> None:
        raise AssertionError("it started")

    with pytest.raises(ConfigurationError, match="SHELFWISE_LLM_"):
        ask(work, **changes)
