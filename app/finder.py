"""Finds what a request may be answered with: profile, candidates from every source, and their baseline rank."""

from __future__ import annotations

import functools
import math
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor, Future
from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np
import structlog

from app.domain.catalog import IntArray, Product
from app.domain.errors import EmbedderUnavailable, IndexUnavailable, Overloaded
from app.domain.interactions import Consent, PastInteraction, Shopper
from app.domain.ranking import Query
from app.pipeline.candidates import (
    QUERY_MIN_SIMILARITY,
    FloatScores,
    Retrieved,
    content_vector,
    context_scores,
    named,
    personal_scores,
)
from app.pipeline.facts import RowLore
from app.pipeline.profile import Profile, allowed_ids, build_profile
from app.pipeline.proof_memo import ProofMemo
from app.pipeline.query_match import QueryScale, best_first, found_rows, relevance, scores_of
from app.pipeline.ranker import Ranking, rank
from app.pipeline.retrieval import NEIGHBOURS, behaviour_sources, context_rows, stated_interests
from app.pipeline.rules import CompiledRules
from app.pipeline.shelf import Shelf
from app.ports import Embedder, LexicalIndex, ShopStore, VectorIndex
from app.slate_memo import Remembered, SlateMemo

log = structlog.get_logger(__name__)

HISTORY_LIMIT = 1000
"""Newest interactions read per request; older ones have decayed to next to nothing."""

INDEX_TIMEOUT_S = 0.25
"""How long an index may keep a request waiting before the slate is made without it."""

INTERESTS_WARMED = 500
"""About 2 s of one core, after the start and beside the first requests."""

RECORDS_KEPT = 20_000
"""Records kept beside a shelf: some 40 MB."""

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Served:
    """One consistent view of everything that changes while the service runs; read once per request."""

    shelf: Shelf
    rules: CompiledRules
    index: VectorIndex | None
    words: LexicalIndex | None
    near_at_hand: bool = False  # the vector index answers from memory, in well under a millisecond
    records: dict[str, Product] = field(default_factory=dict)  # read so far; as old as the shelf, and left with it
    lore: dict[int, RowLore] = field(default_factory=dict)  # what evidence worked out of rows so far, likewise
    proofs: ProofMemo = field(default_factory=ProofMemo)  # verdicts on model sentences about them, likewise


class Finder:
    """Synchronous; any thread may call it. Index look-ups run in the pool given, beside the baseline's scoring."""

    def __init__(
        self,
        *,
        store: ShopStore,
        embedder: Embedder | None,
        searches: Executor,
        consent_default: Consent,
        memo: SlateMemo | None = None,
    ) -> None:
        self._store = store
        self._embedder = embedder
        self._searches = searches
        self._consent_default = consent_default
        self.memo = memo  # None: everything is read and composed anew
        self._closing = threading.Event()
        self._embed = functools.lru_cache(maxsize=4096)(self._embed_text)

    def warm(self) -> None:
        """Embeds the interests that most shoppers state: a first visit would wait 5 ms for each of its words."""
        for text in self._store.frequent_interests(INTERESTS_WARMED):
            if self._closing.is_set() or self._vector(text) is None:
                return

    def close(self) -> None:
        """Ends `warm` after the word under way."""
        self._closing.set()

    def shopper(self, query: Query) -> Shopper:
        """Who asks; somebody without an id has the default consent."""
        if query.user_id is None:
            return Shopper(None, consent=self._consent_default)
        return self._store.shopper(query.user_id)

    def known(self, served: Served, query: Query, now: float) -> Remembered:
        """Who asks and their profile: as remembered, while nothing about them has changed."""
        if self.memo is None:
            shopper = self.shopper(query)
            return Remembered(shopper, self._read(served, query, shopper, now)[0], now, now, 0.0)
        found = self.memo.recall(served, query, now)
        if found is not None:
            return found
        reading = self.memo.begin(served, query)
        try:
            shopper = self.shopper(query)
            profile, next_at = self._read(served, query, shopper, now)
            return self.memo.keep(reading, shopper, profile, now, next_at)
        finally:
            self.memo.give_up(reading)

    def profile(self, served: Served, query: Query, shopper: Shopper, now: float) -> Profile:
        """What consent lets in of what is known about the shopper, read anew."""
        return self._read(served, query, shopper, now)[0]

    def _read(self, served: Served, query: Query, shopper: Shopper, now: float) -> tuple[Profile, float]:
        """The profile, and when more of what is known will count (epoch seconds)."""
        user_id, anonymous_id, session_id = allowed_ids(
            shopper, anonymous_id=query.anonymous_id, session_id=query.session_id
        )
        interactions: Sequence[PastInteraction] = ()
        if user_id is not None or anonymous_id is not None or session_id is not None:
            interactions = self._store.interactions(
                user_id=user_id, anonymous_id=anonymous_id, session_id=session_id, limit=HISTORY_LIMIT
            )
        model = served.shelf.model
        next_at = min((i.timestamp for i in interactions if i.timestamp > now), default=math.inf)
        profile = build_profile(
            shopper,
            interactions,
            served.shelf.snapshot,
            served.rules.rules.scoring.signal_map(),
            now=now,
            half_life_scale=1.0 if model is None else model.half_life_scale,
            codes=served.rules.codes,
            session_id=query.session_id,
            session=served.rules.rules.scoring.session_weight(),
        )
        return profile, next_at

    def records(self, served: Served, product_ids: Sequence[str]) -> Mapping[str, Product]:
        """Records of these products as of this shelf or newer; unknown ids are left out."""
        known = served.records
        missing = [product_id for product_id in product_ids if product_id not in known]
        if not missing:
            return {product_id: known[product_id] for product_id in product_ids}
        read = self._store.products(missing)
        found = {p: record for p in product_ids if (record := read.get(p) or known.get(p)) is not None}
        if len(known) > RECORDS_KEPT:
            known.clear()
        known.update(read)
        return found

    def rank(
        self,
        served: Served,
        query: Query,
        profile: Profile,
        now: float,
        watch: Stopwatch,
        *,
        compose_now: bool = True,
    ) -> Ranking:
        """Candidates from every source, merged, filtered by the rules, and in baseline order.

        Args: compose_now: False leaves the slate rules to `model_order.fused`.
        """
        shelf = served.shelf
        context = context_rows(shelf, query)
        nearest = functools.partial(self._by_vector, served, profile, query, context)
        # A product of vectors in memory costs less than waking a thread for it.
        by_vector = None if query.text is None and served.near_at_hand else self._searches.submit(nearest)
        by_words = None if query.text is None else self._searches.submit(self._by_words, served, query.text)
        personal = personal_scores(shelf, profile, now)
        around = context_scores(shelf, context)
        sources = behaviour_sources(shelf, profile, personal=personal, context=context, around=around)
        found = _unless_broken(nearest, "vector index") if by_vector is None else _in_time(by_vector, "vector index")
        near, beside, content = found or (None, None, None)
        words = None if by_words is None else _in_time(by_words, "word index")
        if found is None or (words is None and by_words is not None and served.words is not None):
            watch.complete = False
        if query.text is None and near is not None:
            sources = {**sources, "near": near}
        asked = None if query.text is None else self._answers(served, query.text, words, near)
        watch.lap("candidates")
        ranking = rank(
            served.rules,
            shelf,
            query,
            profile,
            sources=sources,
            asked=asked,
            personal=personal,
            around=around,
            beside=beside,
            content=content,
            context=context,
            now=now,
            compose_now=compose_now,
        )
        watch.lap("ranking")
        return ranking

    def _by_vector(
        self, served: Served, profile: Profile, query: Query, context: IntArray
    ) -> tuple[Retrieved | None, FloatScores | None, FloatScores | None]:
        """Nearest products to what is asked for, else to page or cart, else to the shopper; vectors of the latter two.

        For a query only products that really are near it: something is nearest to nonsense, too.
        """
        shelf = served.shelf
        content = content_vector(shelf, profile, self._mean_vector(stated_interests(profile)))
        beside: FloatScores | None = None
        if len(context):
            vectors, known = shelf.item_vectors(context)
            beside = vectors[known].mean(axis=0) if known.any() else None
        target = beside if beside is not None else content
        if query.text is not None:
            target = self._vector(query.text)
        if served.index is None or target is None:
            return None, beside, content
        ids, similarity = served.index.search(target, NEIGHBOURS)
        if query.text is not None:
            ids, similarity = ids[: (close := int((similarity >= QUERY_MIN_SIMILARITY).sum()))], similarity[:close]
        return retrieved(shelf, ids, similarity), beside, content

    def nearest(self, served: Served, vector: FloatScores | None, k: int) -> Retrieved | None:
        """The k products nearest to a vector, nearest first; None where no index answers in time."""
        index = served.index
        if index is None or vector is None:
            return None
        if served.near_at_hand:
            found = _unless_broken(functools.partial(index.search, vector, k), "vector index")
        else:
            found = _in_time(self._searches.submit(index.search, vector, k), "vector index")
        return None if found is None else retrieved(served.shelf, *found)

    def text_vector(self, text: str) -> FloatScores | None:
        """The unit vector of a text; None without an embedder."""
        return self._vector(text)

    def relevance(
        self, served: Served, text: str, rows: IntArray, words: Retrieved | None, near: Retrieved | None
    ) -> FloatScores:
        """How well the products of any rows answer a query, 0..1, shape (k,): what a stated query is ranked by.

        Args: words, near: what the word index and the vector index found for it, None where one did not answer.
        """
        shelf = served.shelf
        similarity = np.zeros(len(rows), dtype=np.float32)
        vector = None if near is None else self._vector(text)
        if vector is not None:
            vectors, known = shelf.item_vectors(rows)
            similarity[known] = vectors[known] @ vector
        by_words = np.zeros(len(rows), dtype=np.float32)
        if served.words is not None and words is not None:
            by_words = served.words.scores(text, [shelf.snapshot.product_ids[row] for row in rows.tolist()])
        return relevance(QueryScale.of(words, near), by_words, similarity)

    def _answers(self, served: Served, text: str, words: Retrieved | None, near: Retrieved | None) -> Retrieved:
        """What either index found for a query, best first; without words, names and categories stand in for them."""
        if words is not None:
            rows = found_rows(words, near)
            return best_first(rows, self.relevance(served, text, rows, words, near))
        words = named(served.shelf, text, NEIGHBOURS)
        rows = found_rows(words, near)
        scale = QueryScale.of(words, near)
        return best_first(rows, relevance(scale, scores_of(words, rows), scores_of(near, rows)))

    def _by_words(self, served: Served, text: str) -> Retrieved | None:
        if served.words is None:
            return None
        return retrieved(served.shelf, *served.words.search(text, NEIGHBOURS))

    def _mean_vector(self, texts: Sequence[str]) -> FloatScores | None:
        """Unit vector in the middle of several texts; None of none."""
        vectors = [vector for text in texts if (vector := self._vector(text)) is not None]
        if not vectors:
            return None
        mean = np.mean(vectors, axis=0, dtype=np.float32)
        length = float(np.linalg.norm(mean))
        return None if length == 0.0 else np.asarray(mean / np.float32(length))

    def _vector(self, text: str) -> FloatScores | None:
        try:
            return self._embed(text)
        except EmbedderUnavailable as error:
            log.warning("embedder_unavailable", reason=str(error))
            return None

    def _embed_text(self, text: str) -> FloatScores | None:
        return None if self._embedder is None else self._embedder.encode([text])[0]


class Stopwatch:
    """Milliseconds of each stage, by a monotonic clock."""

    def __init__(self, clock: Callable[[], float] = time.perf_counter) -> None:
        self._clock = clock
        self.complete = True  # False: a part was late or broken, and the answer was made without it
        self._start = self._last = clock()
        self._laps: dict[str, float] = {}

    def lap(self, stage: str) -> None:
        """Ends the stage that ran since the last lap; a stage that ran twice adds up."""
        now = self._clock()
        self._laps[stage] = self._laps.get(stage, 0.0) + (now - self._last) * 1000.0
        self._last = now

    def laps_ms(self) -> Mapping[str, float]:
        """Stage → milliseconds, after "total"."""
        return {"total": (self._last - self._start) * 1000.0, **self._laps}


def retrieved(shelf: Shelf, product_ids: Sequence[str], scores: FloatScores) -> Retrieved:
    """What an index found, as rows; products that left the catalogue since are left out."""
    row_of = shelf.snapshot.row_of
    rows = np.asarray([row_of.get(product_id, -1) for product_id in product_ids], dtype=np.int32)
    known = rows >= 0
    return Retrieved(rows[known], np.asarray(scores, dtype=np.float32)[known])


def _in_time(search: Future[_T], part: str) -> _T | None:
    """A search's result; None when it is late or its index is broken: the slate is then made without it."""
    try:
        return _unless_broken(functools.partial(search.result, timeout=INDEX_TIMEOUT_S), part)
    except TimeoutError:
        search.cancel()  # where it has not begun: nobody waits for it any more
        log.warning("search_late", part=part, waited_s=INDEX_TIMEOUT_S)
    return None


def _unless_broken(search: Callable[[], _T], part: str) -> _T | None:
    try:
        return search()
    except (IndexUnavailable, Overloaded) as error:
        log.warning("search_failed", part=part, reason=str(error))
    return None
