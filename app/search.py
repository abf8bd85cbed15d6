"""Search: which products match a text, how many they are, what they have in common, and the order of the best."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from app.domain.catalog import BoolArray, IntArray, Product
from app.domain.ranking import Filters, Query
from app.domain.searching import SearchFacts
from app.finder import Finder, Served
from app.pipeline.candidates import (
    QUERY_MIN_SIMILARITY,
    QUERY_WEIGHT,
    FloatScores,
    Retrieved,
    named,
    personal_scores,
)
from app.pipeline.facets import facets_of, passes
from app.pipeline.profile import Profile
from app.pipeline.query_match import QueryScale, relevance
from app.pipeline.ranker import rules_see
from app.pipeline.rules import Eligibility, eligible
from app.pipeline.seller_text import folded_words
from app.pipeline.shelf import Shelf, top_rows
from app.ports import LexicalIndex

POOL = 150
"""Products of either kind, by words and by meaning, that are compared exactly."""
NEAR_SHARE = 0.8
"""A product whose similarity to the text is this share of the best one's matches it, whatever its words.
A prior: what it adds and costs was not measured (docs/decisions/017)."""
EXACT_UP_TO = 2_000
"""Matches up to which each one's similarity is looked up where filters left too few of the nearest."""
ATTRIBUTES_READ = 1_000
"""Best matches whose records a filter on attributes reads; those after them are left out."""

_NO_ROWS: IntArray = np.empty(0, dtype=np.int32)


@dataclass(frozen=True, slots=True)
class Found:
    """What a search found, as snapshot rows."""

    rows: IntArray  # everything that matches, the filters left aside
    match: FloatScores  # of each of `rows`; 0 where it is not among the best
    order: IntArray  # the best that pass rules and filters, best first
    facts: SearchFacts
    verdict: Eligibility | None  # the rules on `rows`, where no filter of the request adds to them


@dataclass(frozen=True, slots=True)
class _Evidence:
    """What the two indexes say about a text, by snapshot row."""

    words: FloatScores  # BM25, shape (n,)
    every: BoolArray  # holds every word that says something, shape (n,)
    near: Retrieved
    vector: FloatScores | None
    scale: QueryScale
    read_as: str | None

    def matched(self, *, relaxed: bool) -> IntArray:
        """Rows that hold every word or mean nearly the same; relaxed: any word, or anything in that direction."""
        mask = self.words > 0 if relaxed else self.every.copy()
        best = float(self.near.scores.max(initial=0.0))
        floor = QUERY_MIN_SIMILARITY if relaxed else max(QUERY_MIN_SIMILARITY, NEAR_SHARE * best)
        mask[self.near.rows[self.near.scores >= floor]] = True
        return np.flatnonzero(mask).astype(np.int32)


class Searcher:
    """Synchronous; any thread may call it."""

    def __init__(self, finder: Finder, *, personalized: bool) -> None:
        self._finder = finder
        self._personalized = personalized
        self._aligned: tuple[LexicalIndex, IntArray] | None = None

    def search(self, served: Served, query: Query, profile: Profile, now: float) -> Found:
        """What matches `query.text` within its filters.

        A product matches that holds every word, or that means nearly the same as the nearest one. Where no product
        that may be shown holds every word, whatever holds a part or points in that direction is offered, marked.
        """
        evidence = self._evidence(served, query.text if query.text is not None else "")
        rows, verdict, allowed, wanted = self._wanted(served, query, profile, now, evidence, relaxed=False)
        relaxed = not evidence.every[wanted].any()
        if relaxed:
            rows, verdict, allowed, wanted = self._wanted(served, query, profile, now, evidence, relaxed=True)
        shelf = served.shelf
        order, scores = self._ordered(shelf, profile, now, evidence, wanted)
        match = np.zeros(len(shelf.snapshot), dtype=np.float32)
        match[order] = scores
        facts = SearchFacts(
            total=len(wanted),
            facets=facets_of(shelf.snapshot, served.rules.codes, allowed, query.filters),
            read_as=evidence.read_as,
            relaxed=relaxed and len(wanted) > 0,
        )
        filtered = query.filters != Filters(in_stock=query.filters.in_stock, attributes=query.filters.attributes)
        return Found(rows, match[rows], order, facts, None if filtered else verdict)

    def _wanted(
        self, served: Served, query: Query, profile: Profile, now: float, evidence: _Evidence, *, relaxed: bool
    ) -> tuple[IntArray, Eligibility, IntArray, IntArray]:
        """Rows that match, the rules on them, those that may be shown, and those of these that pass facets' filters."""
        shelf, rules = served.shelf, served.rules
        rows = self._with_attributes(served, query.filters, evidence, evidence.matched(relaxed=relaxed))
        unfiltered = replace(query, filters=Filters(in_stock=query.filters.in_stock))
        # All rows are a slice to the rules, which is faster than a list of them.
        every_row = None if len(rows) == len(shelf.snapshot) else rows
        verdict = eligible(rules, rules_see(shelf, unfiltered, profile, _NO_ROWS, now), every_row)
        allowed = verdict.eligible_rows()
        by_category, by_brand, by_price = passes(shelf.snapshot, rules.codes, allowed, query.filters)
        return rows, verdict, allowed, allowed[by_category & by_brand & by_price]

    def _evidence(self, served: Served, text: str) -> _Evidence:
        shelf = served.shelf
        n = len(shelf.snapshot)
        vector = self._finder.text_vector(text)
        near = self._finder.nearest(served, vector, POOL)
        by_meaning = None if near is None else max(float(near.scores.max(initial=0.0)), QUERY_MIN_SIMILARITY)
        nearest = Retrieved(_NO_ROWS, np.empty(0, dtype=np.float32)) if near is None else near
        words, every = np.zeros(n, dtype=np.float32), np.zeros(n, dtype=np.bool_)
        if served.words is None:  # names and categories stand in
            by_name = named(shelf, text, n)
            words[by_name.rows] = by_name.scores
            every[by_name.rows] = True
            return _Evidence(words, every, nearest, vector, QueryScale(float(words.max(initial=0.0)), by_meaning), None)
        found = served.words.matches(text)
        rows = self._rows_of(served.words, found.product_ids, shelf)
        known = rows >= 0
        words[rows[known]] = found.scores[known]
        every[rows[known]] = found.every[known]
        return _Evidence(words, every, nearest, vector, QueryScale(found.best, by_meaning), found.read_as)

    def _ordered(
        self, shelf: Shelf, profile: Profile, now: float, evidence: _Evidence, wanted: IntArray
    ) -> tuple[IntArray, FloatScores]:
        """The best of the wanted rows by words and by meaning, mixed as recommendations for a text are."""
        meant = None if shelf.vectors is None else evidence.vector  # vectors may be damaged while the embedder is not
        of_wanted = np.zeros(len(shelf.snapshot), dtype=np.bool_)
        of_wanted[wanted] = True
        by_words = wanted[top_rows(evidence.words[wanted], POOL)]
        near = evidence.near.rows[of_wanted[evidence.near.rows]]
        if meant is not None and len(near) < min(POOL, len(wanted)) and len(wanted) <= EXACT_UP_TO:
            vectors, _ = shelf.item_vectors(wanted)
            near = wanted[top_rows(vectors @ meant, POOL)]
        pool = np.unique(np.concatenate([by_words, near])).astype(np.int32)
        similarity = np.zeros(len(pool), dtype=np.float32)
        if meant is not None and evidence.scale.meaning is not None:
            vectors, known = shelf.item_vectors(pool)
            similarity[known] = vectors[known] @ meant
        scores = relevance(evidence.scale, evidence.words[pool], similarity)
        if self._personalized and profile.used and len(pool):
            scores = _with_shopper(scores, personal_scores(shelf, profile, now)[pool])
        order = np.lexsort((pool, -scores))
        return pool[order], scores[order]

    def _with_attributes(self, served: Served, filters: Filters, evidence: _Evidence, rows: IntArray) -> IntArray:
        """The rows whose record has every attribute that was asked for; of many, the best by words are looked at."""
        if not filters.attributes or len(rows) == 0:
            return rows
        best = rows[np.lexsort((rows, -evidence.words[rows]))[:ATTRIBUTES_READ]]
        ids = served.shelf.snapshot.product_ids
        records = self._finder.records(served, [ids[row] for row in best.tolist()])
        wanted = [(name.strip().casefold(), folded_words(value)) for name, value in filters.attributes]
        kept = [row for row in best.tolist() if (p := records.get(ids[row])) is not None and _has(p, wanted)]
        return np.asarray(sorted(kept), dtype=np.int32)

    def _rows_of(self, index: LexicalIndex, product_ids: tuple[str, ...], shelf: Shelf) -> IntArray:
        """Snapshot row of each product of the word index, -1 where it is gone; a product keeps its row."""
        held = self._aligned
        if held is not None and held[0] is index:
            return np.where(held[1] < len(shelf.snapshot), held[1], -1)
        row_of = shelf.snapshot.row_of
        rows = np.fromiter((row_of.get(p, -1) for p in product_ids), dtype=np.int32, count=len(product_ids))
        if (rows >= 0).all():
            self._aligned = (index, rows)
        return rows


def _has(product: Product, wanted: list[tuple[str, tuple[str, ...]]]) -> bool:
    held: Mapping[str, set[tuple[str, ...]]] = {
        name.strip().casefold(): {folded_words(v) for v in ((value,) if isinstance(value, str) else value)}
        for name, value in product.attributes.items()
    }
    return all(value in held.get(name, ()) for name, value in wanted)


def _with_shopper(scores: FloatScores, personal: FloatScores) -> FloatScores:
    """Relevance with the shopper's share, both from 0 to 1."""
    low, high = float(personal.min()), float(personal.max())
    scaled = (personal - low) / (high - low) if high > low else np.zeros_like(personal)
    return np.asarray(QUERY_WEIGHT * scores + (1.0 - QUERY_WEIGHT) * scaled, dtype=np.float32)
