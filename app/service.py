"""RecommendationService: the order of the stages for one request, and what happens when one of them is late."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from typing import TypeVar

from app.admission import Elsewhere
from app.domain.budgets import NOBODY, Payer
from app.domain.catalog import Product, Snapshot
from app.domain.deadline import Deadline
from app.domain.errors import UnknownProduct, UnknownRecommendation
from app.domain.interactions import Consent
from app.domain.model_calls import ProfileFact
from app.domain.ranking import Explanation, FallbackReason, Query, Slate
from app.finder import Finder, Served, Stopwatch
from app.flight import Flight, Plan
from app.ids import new_id
from app.observer import SILENCE, Observer, RequestTold
from app.pipeline import explain
from app.pipeline.facts import cited_ids
from app.pipeline.item_evidence import Scene, evidence_of_rows
from app.pipeline.model_order import ModelOrder, fused, still_true
from app.pipeline.profile import Profile
from app.pipeline.profile_facts import profile_facts
from app.pipeline.prompt_input import PromptItem
from app.pipeline.ranker import Ranking, remembered
from app.pipeline.reasons_schema import ReasonConfig
from app.pipeline.retrieval import context_rows
from app.pipeline.slate_items import slate_items
from app.ports import Clock, ShopStore
from app.rerank import RerankStage
from app.slate_memo import Remembered
from app.work import SlateLog, Streamed, Told, Work, too_short

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class ServiceParts:
    """What the service is wired from (see bootstrap)."""

    store: ShopStore
    finder: Finder
    served: Callable[[], Served]
    reasons: ReasonConfig
    slates: SlateLog
    clock: Clock
    requests: Executor  # one thread per request in work
    currency: str
    rerank: RerankStage | None = None  # None: no model is configured
    observer: Observer = SILENCE
    shelf_ranking: Callable[[Query], tuple[Ranking, Snapshot]] | None = None  # of a slate that a shelf served


class RecommendationService:
    """Recommendations, and why. Safe for concurrent requests on one event loop."""

    def __init__(self, parts: ServiceParts) -> None:
        self._parts = parts

    async def recommend(self, query: Query, deadline: Deadline, payer: Payer = NOBODY) -> Slate:
        """The slate for one validated query.

        Args:    deadline: how long a model may be waited for; the baseline needs none of it; payer: of a model call.
        Returns: at most `query.limit` items, fewer when fewer are eligible, never an ineligible one.
        Raises:  UnknownProduct: the query names a product that the shop does not have.
        """
        again = self.again(query)
        if again is not None:
            return again
        work, slate = await self._in_thread(self._first, query, payer)
        if isinstance(work, Slate):
            return work
        if slate is None:
            with Elsewhere():
                order = await self._ordered(work, deadline)
            slate = await self._in_thread(self._finish, work, order)
        return self._offered(work, slate)

    def again(self, query: Query) -> Slate | None:
        """The slate that was composed for this very question and shopper, under a new id; None where anything changed.

        Runs on the event loop: a look at what was written about shoppers, and two dictionaries.
        """
        memo = self._parts.finder.memo
        if memo is None:
            return None
        watch = Stopwatch()
        now = self._parts.clock.now()
        found = memo.slate(self._parts.served(), query, now, self)
        return None if found is None else self._under_new_id(*found, query, now, watch)

    def _as_for_others(self, query: Query) -> Slate | None:
        """What was composed for others, where nothing is known of this shopper either; None where it must be made."""
        memo = self._parts.finder.memo
        watch, now, served = Stopwatch(), self._parts.clock.now(), self._parts.served()
        if memo is None:
            return None
        known = self._parts.finder.known(served, query, now)
        kept = memo.slate_of(known, query, self) if known.shared else None
        return None if kept is None else self._under_new_id(kept, known, query, now, watch)

    def _under_new_id(self, kept: Slate, known: Remembered, query: Query, now: float, watch: Stopwatch) -> Slate:
        """A remembered slate as the answer to this request, queued for writing and told like any other."""
        watch.lap("memo")
        slate = kept.given_again(new_id(), query, now, watch.laps_ms())
        self._parts.slates.offer(slate, query.user_id or query.anonymous_id or query.session_id)
        self._parts.observer.request_ended(RequestTold(slate, known.shopper.consent, known.profile.interactions))
        return slate

    def _keep(self, work: Work, order: ModelOrder, slate: Slate) -> None:
        """Keeps a slate that nothing better is on its way for: no model is asked, or its answer is fresh and whole."""
        memo, by_design = self._parts.finder.memo, isinstance(work.plan, str)
        if memo is None or work.shopper is None or not work.watch.complete:
            return
        if by_design or (order.strategy == "cache" and not too_short(work.query, order)):
            memo.keep_slate(work.shopper, work.query, slate, None if by_design else order.fresh_s, self)

    async def stream(
        self, query: Query, deadline: Deadline, until: Deadline, payer: Payer = NOBODY
    ) -> AsyncIterator[Streamed]:
        """`baseline` at once, `slate` when the model's order is complete or late, then `reason` as each is proved.

        Where the final slate is known at once it comes first and there is no `baseline`. The two have different ids.

        Args:    deadline: how long the order is waited for; until: how long reasons are.
        Raises:  UnknownProduct.
        """
        again = self.again(query)
        if again is not None:
            yield Streamed("slate", again)
            return
        work, slate = await self._in_thread(self._first, query, payer)
        if isinstance(work, Slate):
            yield Streamed("slate", work)
            return
        flight = self._flight(work, deadline) if slate is None else None
        stage = self._parts.rerank
        if stage is None or not isinstance(flight, Flight):
            if slate is None:
                slate = await self._in_thread(self._finish, work, flight)
            yield Streamed("slate", self._offered(work, slate))
            return
        waiting = ModelOrder("baseline", "not_requested", gate=flight.plan.gate)  # by design, no fallback
        yield Streamed("baseline", self._offered(work, await self._in_thread(self._finish, work, waiting)))
        work = replace(work, id=new_id())
        order = await stage.when_complete(flight, deadline, query.limit)
        slate = self._offered(work, await self._in_thread(self._finish, work, order))
        yield Streamed("slate", slate)
        proved = {item.product_id for item in slate.items if item.reason_source == "llm"}
        if order.strategy == "baseline" or query.reasons != "llm":
            return
        async for later in stage.later(flight, until, query.limit):
            kept = replace(later, order=order.order, strategy=order.strategy)
            for item in (await self._in_thread(self._finish, work, kept)).items:
                if item.reason_source == "llm" and item.product_id not in proved:
                    proved.add(item.product_id)
                    yield Streamed("reason", slate, item)

    async def _ordered(self, work: Work, deadline: Deadline) -> ModelOrder:
        """The model's order for this request, or why there is none."""
        flight = self._flight(work, deadline)
        if self._parts.rerank is None or not isinstance(flight, Flight):
            return flight if isinstance(flight, ModelOrder) else ModelOrder("baseline", "no_model")
        return await self._parts.rerank.ordered(flight, deadline, work.query.limit)

    def _flight(self, work: Work, deadline: Deadline, *, anew: bool = False) -> Flight | ModelOrder:
        """The call for this request, started or joined; or the order without one.

        Args: anew: whatever the cache holds.
        """
        stage = self._parts.rerank
        if stage is None or isinstance(work.plan, str):
            return ModelOrder("baseline", "no_model" if isinstance(work.plan, Plan) else work.plan)
        landed = None if anew else stage.cached(work.plan)
        if landed is not None and landed.strategy == "cache":
            return landed  # answered while this request was finding its candidates
        flight = stage.take_off(
            work.plan,
            work.query,
            work.id,
            items=work.told.items,
            facts=work.told.facts,
            percentiles=work.told.percentiles,
            deadline=deadline,
        )
        return flight if isinstance(flight, Flight) else ModelOrder("baseline", flight, gate=work.plan.gate)

    async def _ask_again(self, query: Query, payer: Payer) -> None:
        """Fills the cache anew behind an answer that is stale or too short."""
        work = await self._in_thread(self._begin, query, payer, use_cache=False)
        self._flight(work, Deadline.after_ms(0), anew=True)

    def _offered(self, work: Work, slate: Slate) -> Slate:
        """The slate, queued for writing; a cached answer that is stale or too short is asked for again behind it."""
        query, stage, known = work.query, self._parts.rerank, work.known
        self._parts.slates.offer(slate, query.user_id or query.anonymous_id or query.session_id)
        self._parts.observer.request_ended(RequestTold(slate, work.consent, work.profile.interactions))
        if stage is None or not isinstance(work.plan, Plan) or known is None:
            return slate
        if known.strategy == "stale" or too_short(query, known):
            stage.refresh(work.plan, functools.partial(self._ask_again, query, work.plan.payer))
        return slate

    def prepared(self, query: Query) -> Work:
        """What a request would be made of just before a model is asked, and nothing sent: for evaluations.

        `work.told` is empty where no model would be asked; `work.plan` says why.

        Raises: UnknownProduct.
        """
        return self._begin(query, use_cache=False)

    def products(self, product_ids: Sequence[str]) -> Mapping[str, Product]:
        """Current records of these products; unknown ids are left out."""
        return self._parts.finder.records(self._parts.served(), product_ids)

    async def fate(self, recommendation_id: str, product_id: str) -> Explanation:
        """Why a product is in a served slate, or the stage that would drop it if the query were asked now.

        Raises: UnknownRecommendation, UnknownProduct.
        """
        return await self._in_thread(self._fate, recommendation_id, product_id)

    def _first(self, query: Query, payer: Payer) -> tuple[Work | Slate, Slate | None]:
        """Everything before the model, and the slate as well where no model needs to be waited for.

        Instead of the work an answer that is complete, where one was composed for others.
        """
        shared = self._as_for_others(query)
        if shared is not None:
            return shared, None
        work = self._begin(query, payer)
        order = ModelOrder("baseline", work.plan) if isinstance(work.plan, str) else work.known
        if order is None:
            return work, None
        slate = self._finish(work, order)
        self._keep(work, order, slate)
        return work, slate

    def _begin(self, query: Query, payer: Payer = NOBODY, *, ask: bool = True, use_cache: bool = True) -> Work:
        """Everything before the model: profile, a cached answer, or candidates, baseline and what a prompt tells.

        Args: ask: False makes the whole baseline and nothing for a model; use_cache: False makes an answer anew.
        """
        watch = Stopwatch()
        now = self._parts.clock.now()
        served = self._parts.served()
        if query.product_id is not None and query.product_id not in served.shelf.snapshot.row_of:
            raise UnknownProduct(query.product_id)
        finder = self._parts.finder
        shopper = finder.known(served, query, now)
        profile, consent = shopper.profile, shopper.shopper.consent
        watch.lap("profile")
        stage = self._parts.rerank
        plan: Plan | FallbackReason = "no_model"
        if stage is not None and ask:
            plan = stage.plan(query, profile, consent, payer)
        begun = functools.partial(Work, new_id(), query, now, served, profile, plan, watch=watch)
        begun = functools.partial(begun, consent=consent, shopper=shopper)
        known = None
        if stage is not None and isinstance(plan, Plan) and use_cache:
            known = stage.cached(plan)
        if known is not None:
            ranking = remembered(
                served.rules,
                served.shelf,
                query,
                profile,
                candidates=known.candidates,
                percentiles=known.percentiles,
                context=context_rows(served.shelf, query),
                now=now,
            )
            watch.lap("ranking")
            if len(ranking.order) >= query.limit:
                return begun(ranking=ranking, known=known)
        refusal = None
        if stage is not None and isinstance(plan, Plan) and known is None and use_cache:
            refusal = stage.refusal(plan)
        asks = isinstance(plan, Plan) and refusal is None
        ranking = finder.rank(served, query, profile, now, watch, compose_now=not asks)
        if isinstance(plan, Plan) and refusal is not None:
            # Beside an open circuit a slate costs what it costs without a model; under pressure this makes room.
            reason: FallbackReason = refusal if len(ranking.order) else "not_requested"
            return begun(ranking=ranking, known=ModelOrder("baseline", reason, gate=plan.gate))
        work = begun(ranking=ranking, known=known)
        if isinstance(plan, Plan) and known is None:
            work = replace(work, told=self._told(work, plan.consent))
            watch.lap("prompt")
        return work

    def _told(self, work: Work, consent: Consent) -> Told:
        """What a prompt says of the shopper and of the candidates."""
        rows = work.ranking.head()
        # Without consent the facts about candidates are those of a stranger, too: "which you bought" is a profile.
        spoken = work if consent.llm_processing else replace(work, profile=Profile())
        scene = self._scene(spoken, rows)
        known = [row for row in rows if work.served.shelf.snapshot.product_ids[row] in scene.products]
        found = dict(zip(known, evidence_of_rows(scene, known), strict=True))
        items = tuple(
            PromptItem(product.product_id, product.name, product.brand, product.category, evidence)
            for product, evidence in found.values()
        )
        facts = self._profile_facts(work, scene, consent)
        matches = dict(zip(work.ranking.order.tolist(), work.ranking.percentiles.tolist(), strict=True))
        told = Told(items, facts, tuple(matches[row] for row in known))
        return replace(told, scene=scene, evidence=found) if spoken is work else told

    def _scene(self, work: Work, rows: Sequence[int]) -> Scene:
        shelf = work.served.shelf
        return Scene(
            shelf=shelf,
            rules=work.served.rules,
            query=work.query,
            profile=work.profile,
            products=self._parts.finder.records(work.served, cited_ids(rows, shelf, work.query, work.profile)),
            config=self._parts.reasons,
            now=work.now,
            currency=self._parts.currency,
            lore=work.served.lore,
            proofs=work.served.proofs,
        )

    def _profile_facts(self, work: Work, scene: Scene, consent: Consent) -> tuple[ProfileFact, ...]:
        return profile_facts(
            work.query,
            work.profile,
            consent,
            shelf=work.served.shelf,
            records=scene.records,
            currency=self._parts.currency,
        )

    def _finish(self, work: Work, order: ModelOrder) -> Slate:
        """Fuses, composes and gives reasons."""
        watch = work.watch
        watch.lap("rerank")
        served = work.served
        ranking = fused(work.ranking, order, served.rules, served.shelf, work.query.limit)
        rows = ranking.composition.rows.tolist()
        told = work.told
        if told.scene is not None and served is self._parts.served() and all(row in told.evidence for row in rows):
            items = slate_items(told.scene, ranking, still_true(order, told.facts), told.evidence)
        else:
            scene = self._scene(work, rows)
            if order.prose and isinstance(work.plan, Plan):
                order = still_true(order, self._profile_facts(work, scene, work.plan.consent))
            items = slate_items(scene, ranking, order)
        watch.lap("reasons")
        model = served.shelf.model
        return Slate(
            recommendation_id=work.id,
            query=work.query,
            items=items,
            served_at=work.now,
            strategy=order.strategy,
            fallback_reason=order.fallback,
            gate=None if order.gate is None else order.gate.name,
            model=order.model,
            prompt_version=order.prompt_version,
            rules_version=served.rules.rules.version,
            baseline_version=None if model is None else model.version,
            candidates=len(ranking.candidates.rows),
            excluded=ranking.excluded,
            latency_ms=watch.laps_ms(),
            profiling_used=work.profile.used,
            usage=order.usage,
            call_of=order.call_of,
            sentences=sum(item.product_id in order.prose for item in items) if work.query.reasons == "llm" else 0,
        )

    def _fate(self, recommendation_id: str, product_id: str) -> Explanation:
        slate = self._parts.slates.get(recommendation_id)
        if slate is None:
            raise UnknownRecommendation(recommendation_id)
        now = self._parts.clock.now()
        for item in slate.items:
            if item.product_id == product_id:
                # A profile that was used, and nobody whose it was: it was written after its shopper had opted out.
                nobody = slate.query.user_id is slate.query.anonymous_id is slate.query.session_id is None
                agreed = not nobody and self._parts.finder.shopper(slate.query).consent.personalization != "none"
                return explain.served(slate, item, now, repeat=agreed or not slate.profiling_used)
        if slate.query.shelf is not None and self._parts.shelf_ranking is not None:
            ranking, snapshot = self._parts.shelf_ranking(slate.query)
        else:
            work = self._begin(slate.query, ask=False)
            ranking, snapshot = work.ranking, work.served.shelf.snapshot
        if product_id not in snapshot.row_of:
            raise UnknownProduct(product_id)
        return explain.dropped(slate, ranking, snapshot.row_of[product_id], snapshot, now)

    async def _in_thread(self, function: Callable[..., _T], *args: object, **kwargs: object) -> _T:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._parts.requests, functools.partial(function, *args, **kwargs))
