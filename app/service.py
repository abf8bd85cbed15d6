"""RecommendationService: the order of the stages for one request, and what happens when one of them is late."""

from __future__ import annotations

import asyncio
import functools
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor, Future
from dataclasses import dataclass
from typing import Protocol, TypeVar

import numpy as np
import structlog

from app.domain.catalog import IntArray, Product
from app.domain.deadline import Deadline
from app.domain.errors import EmbedderUnavailable, IndexUnavailable, UnknownProduct, UnknownRecommendation
from app.domain.interactions import Consent, Interaction, Shopper
from app.domain.ranking import Explanation, Query, RankedItem, Slate
from app.pipeline import explain
from app.pipeline.candidates import FloatScores, Retrieved, content_vector, context_scores, personal_scores
from app.pipeline.facts import cited_ids
from app.pipeline.profile import Profile, allowed_ids, build_profile
from app.pipeline.ranker import Ranking, rank
from app.pipeline.reasons_schema import ReasonConfig
from app.pipeline.retrieval import NEIGHBOURS, behaviour_sources, context_rows, interests_text
from app.pipeline.rules import CompiledRules
from app.pipeline.shelf import Shelf
from app.pipeline.slate_items import slate_items
from app.ports import Clock, Embedder, LexicalIndex, ShopStore, VectorIndex

log = structlog.get_logger(__name__)

HISTORY_LIMIT = 1000
"""Newest interactions read per request; older ones have decayed to next to nothing."""

INDEX_TIMEOUT_S = 0.25
"""How long an index may keep a request waiting before the slate is made without it."""

_T = TypeVar("_T")


class SlateLog(Protocol):
    """Where served slates go. Never blocks a request."""

    def offer(self, slate: Slate, user_key: str | None) -> None:
        """Queues one slate for writing."""
        ...

    def get(self, recommendation_id: str) -> Slate | None:
        """A served slate, written or still queued; None when unknown."""
        ...


@dataclass(frozen=True, slots=True)
class Served:
    """One consistent view of everything that changes while the service runs; read once per request."""

    shelf: Shelf
    rules: CompiledRules
    index: VectorIndex | None
    words: LexicalIndex | None


@dataclass(frozen=True, slots=True)
class ServiceParts:
    """What the service is wired from (see bootstrap)."""

    store: ShopStore
    served: Callable[[], Served]
    embedder: Embedder | None
    reasons: ReasonConfig
    slates: SlateLog
    clock: Clock
    requests: Executor  # one thread per request in work
    searches: Executor  # index look-ups of those requests; another pool, so that they can't starve each other
    currency: str
    consent_default: Consent  # of a shopper without id


class RecommendationService:
    """Recommendations, and why. Safe for concurrent requests on one event loop."""

    def __init__(self, parts: ServiceParts) -> None:
        self._parts = parts
        self._embed = functools.lru_cache(maxsize=1024)(self._embed_text)

    async def recommend(self, query: Query, deadline: Deadline) -> Slate:
        """The slate for one validated query.

        Args:    deadline: how long a model may be waited for; the baseline alone needs none of it.
        Returns: at most `query.limit` items, fewer when fewer are eligible, never an ineligible one.
        Raises:  UnknownProduct: the query names a product that the shop does not have.
        """
        del deadline  # no model stage yet: nothing here waits for one
        slate = await self._in_thread(self._answer, query)
        self._parts.slates.offer(slate, query.user_id or query.anonymous_id or query.session_id)
        return slate

    def products(self, product_ids: Sequence[str]) -> Mapping[str, Product]:
        """Current records of these products; unknown ids are left out."""
        return self._parts.store.products(product_ids)

    async def fate(self, recommendation_id: str, product_id: str) -> Explanation:
        """Why a product is in a served slate, or the stage that would drop it if the query were asked now.

        Raises: UnknownRecommendation, UnknownProduct.
        """
        return await self._in_thread(self._fate, recommendation_id, product_id)

    def _answer(self, query: Query) -> Slate:
        watch = Stopwatch()
        now = self._parts.clock.now()
        served = self._parts.served()
        ranking = self._rank(served, query, now, watch)
        items = self._items(served, ranking, query, now)
        watch.lap("reasons")
        model = served.shelf.model
        return Slate(
            recommendation_id=uuid.uuid4().hex,
            query=query,
            items=items,
            served_at=now,
            rules_version=served.rules.rules.version,
            baseline_version=None if model is None else model.version,
            candidates=len(ranking.candidates.rows),
            excluded=ranking.excluded,
            latency_ms=watch.laps_ms(),
            profiling_used=ranking.profile.used,
        )

    def _fate(self, recommendation_id: str, product_id: str) -> Explanation:
        slate = self._parts.slates.get(recommendation_id)
        if slate is None:
            raise UnknownRecommendation(recommendation_id)
        now = self._parts.clock.now()
        for item in slate.items:
            if item.product_id == product_id:
                return explain.served(slate, item, now)
        served = self._parts.served()
        row = served.shelf.snapshot.row_of.get(product_id)
        if row is None:
            raise UnknownProduct(product_id)
        ranking = self._rank(served, slate.query, now, Stopwatch())
        return explain.dropped(slate, ranking, row, served.shelf.snapshot, now)

    def _rank(self, served: Served, query: Query, now: float, watch: Stopwatch) -> Ranking:
        shelf = served.shelf
        if query.product_id is not None and query.product_id not in shelf.snapshot.row_of:
            raise UnknownProduct(query.product_id)
        profile = self._profile(served, query, now)
        watch.lap("profile")
        context = context_rows(shelf, query)
        searches = self._parts.searches
        by_vector = searches.submit(self._by_vector, served, profile, query, context)
        by_words = None if query.text is None else searches.submit(self._by_words, served, query.text)
        personal = personal_scores(shelf, profile)
        around = context_scores(shelf, context)
        sources = behaviour_sources(shelf, profile, personal=personal, context=context, around=around)
        near, content = _in_time(by_vector, "vector index") or (None, None)
        words = None if by_words is None else _in_time(by_words, "word index")
        found = {name: source for name, source in (("near", near), ("words", words)) if source is not None}
        watch.lap("candidates")
        ranking = rank(
            served.rules,
            shelf,
            query,
            profile,
            sources=sources if query.text is not None else {**sources, **found},
            asked=found if query.text is not None else None,
            personal=personal,
            around=around,
            content=content,
            context=context,
            now=now,
        )
        watch.lap("ranking")
        return ranking

    def _profile(self, served: Served, query: Query, now: float) -> Profile:
        store = self._parts.store
        anonymous = Shopper(None, consent=self._parts.consent_default)
        shopper = anonymous if query.user_id is None else store.shopper(query.user_id)
        user_id, anonymous_id, session_id = allowed_ids(
            shopper, anonymous_id=query.anonymous_id, session_id=query.session_id
        )
        interactions: Sequence[Interaction] = ()
        if user_id is not None or anonymous_id is not None or session_id is not None:
            interactions = store.interactions(
                user_id=user_id, anonymous_id=anonymous_id, session_id=session_id, limit=HISTORY_LIMIT
            )
        model = served.shelf.model
        return build_profile(
            shopper,
            interactions,
            served.shelf.snapshot,
            served.rules.rules.scoring.signal_map(),
            now=now,
            half_life_scale=1.0 if model is None else model.half_life_scale,
        )

    def _by_vector(
        self, served: Served, profile: Profile, query: Query, context: IntArray
    ) -> tuple[Retrieved | None, FloatScores | None]:
        """Nearest products to what is asked for, else to page or cart, else to the shopper; and the latter's vector."""
        shelf = served.shelf
        interests = interests_text(profile)
        content = content_vector(shelf, profile, None if interests is None else self._vector(interests))
        target = content
        if query.text is not None:
            target = self._vector(query.text)
        elif len(context):
            vectors, known = shelf.item_vectors(context)
            target = vectors[known].mean(axis=0) if known.any() else content
        if served.index is None or target is None:
            return None, content
        return retrieved(shelf, *served.index.search(target, NEIGHBOURS)), content

    def _by_words(self, served: Served, text: str) -> Retrieved | None:
        if served.words is None:
            return None
        ids, scores = served.words.search(text, NEIGHBOURS)
        return retrieved(served.shelf, ids, scores)

    def _vector(self, text: str) -> FloatScores | None:
        try:
            return self._embed(text)
        except EmbedderUnavailable as error:
            log.warning("embedder_unavailable", reason=str(error))
            return None

    def _embed_text(self, text: str) -> FloatScores | None:
        return None if self._parts.embedder is None else self._parts.embedder.encode([text])[0]

    def _items(self, served: Served, ranking: Ranking, query: Query, now: float) -> tuple[RankedItem, ...]:
        parts = self._parts
        rows = ranking.composition.rows.tolist()
        cited = cited_ids(rows, served.shelf, query, ranking.profile)
        return slate_items(
            served.shelf,
            served.rules,
            ranking,
            query,
            products=parts.store.products(cited),
            config=parts.reasons,
            now=now,
            currency=parts.currency,
        )

    async def _in_thread(self, function: Callable[..., _T], *args: object, **kwargs: object) -> _T:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._parts.requests, functools.partial(function, *args, **kwargs))


class Stopwatch:
    """Milliseconds of each stage, by the monotonic clock."""

    def __init__(self) -> None:
        self._start = self._last = time.perf_counter()
        self._laps: dict[str, float] = {}

    def lap(self, stage: str) -> None:
        """Ends the stage that ran since the last lap."""
        now = time.perf_counter()
        self._laps[stage] = (now - self._last) * 1000.0
        self._last = now

    def laps_ms(self) -> Mapping[str, float]:
        """Stage → milliseconds, and "total"."""
        return {"total": (self._last - self._start) * 1000.0, **self._laps}


def retrieved(shelf: Shelf, product_ids: Sequence[str], scores: FloatScores) -> Retrieved:
    """What an index found, as rows; products that left the catalogue since are left out."""
    row_of = shelf.snapshot.row_of
    kept = [(row_of[p], s) for p, s in zip(product_ids, scores.tolist(), strict=True) if p in row_of]
    return Retrieved(
        np.asarray([r for r, _ in kept], dtype=np.int32), np.asarray([s for _, s in kept], dtype=np.float32)
    )


def _in_time(search: Future[_T], part: str) -> _T | None:
    """A search's result; None when it is late or its index is broken: the slate is then made without it."""
    try:
        return search.result(timeout=INDEX_TIMEOUT_S)
    except TimeoutError:
        log.warning("search_late", part=part, waited_s=INDEX_TIMEOUT_S)
    except IndexUnavailable as error:
        log.warning("search_failed", part=part, reason=str(error))
    return None
