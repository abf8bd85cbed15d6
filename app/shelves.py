"""Shelves: similar, bought together, trending and search. One list each, by the rules of recommendations, no model."""

from __future__ import annotations

import asyncio
import functools
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np

from app.domain.catalog import IntArray, Snapshot
from app.domain.errors import UnknownProduct
from app.domain.ranking import Query, Slate
from app.domain.searching import SearchFacts
from app.finder import Served, Stopwatch
from app.observer import RequestTold
from app.pipeline.bought_together import bought_together
from app.pipeline.candidates import FloatScores, Retrieved
from app.pipeline.facts import cited_ids
from app.pipeline.item_evidence import Scene
from app.pipeline.model_order import ModelOrder
from app.pipeline.profile import Profile
from app.pipeline.ranker import Ranking
from app.pipeline.shelf import Shelf, top_rows
from app.pipeline.shelf_ranking import search_rules, shelf_ranking
from app.pipeline.similar import NEIGHBOURS, similar_to
from app.pipeline.slate_items import slate_items
from app.pipeline.trending import Trend
from app.pipeline.variants import Group, variant_group
from app.search import Searcher
from app.service import ServiceParts

TRENDING_DEPTH = 1_000
"""Best of what trends that the rules choose from."""

PAGES_REMEMBERED = 10_000
"""Product pages whose neighbours are kept: some 15 MB."""

NOT_ASKED = ModelOrder("baseline", "not_requested")

Scope = Literal["everybody", "cohort", "popular"]


class Trending(Protocol):
    """What trends for everybody and for groups of shoppers."""

    def of(self, country: str | None, age_band: str | None) -> tuple[Trend, bool]:
        """The list for such a shopper, and whether it is a group's."""
        ...


@dataclass(frozen=True, slots=True)
class Shelved:
    """A shelf's slate, with what only some shelves have to say."""

    slate: Slate
    search: SearchFacts | None = None
    scope: Scope | None = None  # of trending: whose events it was counted from; popular: there were none


@dataclass(frozen=True, slots=True)
class _Ranked:
    """A shelf before its slate."""

    served: Served
    profile: Profile
    now: float
    ranking: Ranking
    search: SearchFacts | None = None
    scope: Scope | None = None


class ShelfService:
    """Answers one shelf per query. Safe for concurrent requests on one event loop."""

    def __init__(
        self,
        parts: ServiceParts,
        *,
        trends: Callable[[], Trending],
        similar_min: float,
        search_personalized: bool,
    ) -> None:
        self._parts = parts
        self._trends = trends
        self._similar_min = similar_min
        self._near: tuple[object, dict[int, Retrieved]] = (None, {})  # of which vectors, by row
        self._searcher = Searcher(parts.finder, personalized=search_personalized)

    async def show(self, query: Query) -> Shelved:
        """The shelf that `query.shelf` names.

        Returns: at most `query.limit` items, fewer when fewer are eligible.
        Raises:  UnknownProduct: the query names a product that the shop does not have.
        """
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._parts.requests, functools.partial(self._shown, query))

    def ranking(self, query: Query) -> tuple[Ranking, Snapshot]:
        """What a stored shelf's query would give now, to tell why a product is not in it. Raises UnknownProduct."""
        ranked = self._ranked(query, Stopwatch())
        return ranked.ranking, ranked.served.shelf.snapshot

    def _shown(self, query: Query) -> Shelved:
        watch = Stopwatch()
        ranked = self._ranked(query, watch)
        served, ranking = ranked.served, ranked.ranking
        scene = Scene(
            shelf=served.shelf,
            rules=served.rules,
            query=query,
            profile=ranked.profile,
            products=self._parts.finder.records(
                served, cited_ids(ranking.composition.rows.tolist(), served.shelf, query, ranked.profile)
            ),
            config=self._parts.reasons,
            now=ranked.now,
            currency=self._parts.currency,
            lore=served.lore,
        )
        items = slate_items(scene, ranking, NOT_ASKED)
        watch.lap("reasons")
        model = served.shelf.model
        slate = Slate(
            recommendation_id=uuid.uuid4().hex,
            query=query,
            items=items,
            served_at=ranked.now,
            strategy="baseline",
            fallback_reason="not_requested",
            rules_version=served.rules.rules.version,
            baseline_version=None if model is None else model.version,
            candidates=len(ranking.candidates.rows),
            excluded=ranking.excluded,
            latency_ms=watch.laps_ms(),
            profiling_used=ranked.profile.used,
        )
        self._parts.slates.offer(slate, query.user_id or query.anonymous_id or query.session_id)
        self._parts.observer.request_ended(RequestTold(slate))
        return Shelved(slate, ranked.search, ranked.scope)

    def _ranked(self, query: Query, watch: Stopwatch) -> _Ranked:
        now = self._parts.clock.now()
        served = self._parts.served()
        if query.product_id is not None and query.product_id not in served.shelf.snapshot.row_of:
            raise UnknownProduct(query.product_id)
        profile = self._profile(served, query, now)
        watch.lap("profile")
        match query.shelf:
            case "similar":
                ranked = self._similar(served, query, profile, now)
            case "bought_together":
                ranked = self._bought_together(served, query, profile, now)
            case "search":
                ranked = self._search(served, query, profile, now)
            case _:
                ranked = self._trending(served, query, profile, now)
        watch.lap("ranking")
        return ranked

    def _profile(self, served: Served, query: Query, now: float) -> Profile:
        if query.user_id is None and query.anonymous_id is None and query.session_id is None:
            return Profile()
        finder = self._parts.finder
        return finder.known(served, query, now).profile

    def _similar(self, served: Served, query: Query, profile: Profile, now: float) -> _Ranked:
        row = self._page(served, query)
        found = similar_to(served.shelf, row, self._near_page(served, row), min_similarity=self._similar_min)
        return self._beside(served, query, profile, now, row, found.rows, found.scores)

    def _near_page(self, served: Served, row: int) -> Retrieved | None:
        """What the vector index finds for a product. Pages recur, so it is remembered while the vectors stay.

        The search is most of what this shelf costs (docs/benchmarks.md).
        """
        shelf = served.shelf
        vectors, remembered = self._near
        if vectors is not shelf.vectors:
            remembered = {}
            self._near = (shelf.vectors, remembered)
        known = remembered.get(row)
        if known is not None:
            return known
        own, has_vector = shelf.item_vectors(np.asarray([row], dtype=np.int32))
        near = self._parts.finder.nearest(served, own[0] if has_vector[0] else None, NEIGHBOURS + 1)
        if near is not None:
            if len(remembered) >= PAGES_REMEMBERED:
                remembered.clear()
            remembered[row] = near
        return near

    def _bought_together(self, served: Served, query: Query, profile: Profile, now: float) -> _Ranked:
        row = self._page(served, query)
        found = bought_together(served.shelf, row)
        return self._beside(served, query, profile, now, row, found.rows, found.scores)

    def _beside(
        self,
        served: Served,
        query: Query,
        profile: Profile,
        now: float,
        row: int,
        rows: IntArray,
        match: FloatScores,
    ) -> _Ranked:
        """A shelf of the page of `row`: neither its own variants nor two variants of anything else."""
        ranking = shelf_ranking(
            served.rules,
            served.shelf,
            query,
            profile,
            rows=rows,
            match=match,
            context=np.asarray([row], dtype=np.int32),
            now=now,
            groups=functools.partial(self._groups, served),
            listed=frozenset(self._groups(served, [row]).values()),
        )
        return _Ranked(served, profile, now, ranking)

    def _trending(self, served: Served, query: Query, profile: Profile, now: float) -> _Ranked:
        shelf = served.shelf
        stated = profile.preferences
        trend, is_cohort = self._trends().of(stated.country, stated.age_band)
        rows = trend.rows[trend.rows < len(shelf.snapshot)]
        scope: Scope = "cohort" if is_cohort else "everybody" if len(rows) else "popular"
        wanted = np.ones(len(shelf.snapshot), dtype=np.bool_)
        if query.filters.categories:
            wanted = served.rules.codes.in_categories(query.filters.categories)[shelf.snapshot.category]
        rows = rows[wanted[rows]][:TRENDING_DEPTH]
        rows = _filled(rows, shelf, wanted)
        match = np.linspace(1.0, 0.0, len(rows), endpoint=False, dtype=np.float32)
        nothing = np.empty(0, dtype=np.int32)
        ranking = shelf_ranking(
            served.rules,
            shelf,
            query,
            profile,
            rows=rows,
            match=match,
            context=nothing,
            now=now,
            groups=functools.partial(self._groups, served),
        )
        return _Ranked(served, profile, now, ranking, scope=scope)

    def _search(self, served: Served, query: Query, profile: Profile, now: float) -> _Ranked:
        found = self._searcher.search(served, query, profile, now)
        ranking = shelf_ranking(
            served.rules,
            served.shelf,
            query,
            profile,
            rows=found.rows,
            match=found.match,
            order=found.order,
            verdict=found.verdict,
            context=np.empty(0, dtype=np.int32),
            now=now,
            slate_rules=search_rules(served.rules.rules.shop.slate),
        )
        return _Ranked(served, profile, now, ranking, search=found.facts)

    def _page(self, served: Served, query: Query) -> int:
        """The row of the page's product. Raises UnknownProduct: there is none, or it was deleted."""
        product_id = query.product_id if query.product_id is not None else ""
        if product_id not in self._parts.finder.records(served, [product_id]):
            raise UnknownProduct(product_id)
        return served.shelf.snapshot.row_of[product_id]

    def _groups(self, served: Served, rows: Sequence[int]) -> Mapping[int, Group]:
        ids = served.shelf.snapshot.product_ids
        records = self._parts.finder.records(served, [ids[row] for row in rows])
        return {row: variant_group(records[ids[row]]) for row in rows if ids[row] in records}


def _filled(rows: IntArray, shelf: Shelf, wanted: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> IntArray:
    """The rows, then what is popular, then what is best rated: a shelf is not empty because a week was quiet."""
    if len(rows) >= TRENDING_DEPTH:
        return rows
    popular = top_rows(np.where(wanted, shelf.popularity, np.float32(0.0)), TRENDING_DEPTH)
    rated = shelf.catalogue_rows[wanted[shelf.catalogue_rows]]
    joined = np.concatenate([rows, popular, rated])
    _, first = np.unique(joined, return_index=True)
    return joined[np.sort(first)][:TRENDING_DEPTH].astype(np.int32)
