"""What each way to search is worth on judged queries, and which differences are real."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from app.adapters.bm25_index import DETAILS_SHARE
from app.domain.catalog import FloatArray, IntArray
from app.pipeline.candidates import QUERY_MIN_SIMILARITY, RRF_K
from app.pipeline.query_match import WORDS_SHARE, QueryScale, relevance
from evals.search.cross_validation import cross_validated
from evals.search.gain import K, Targets, ndcg_both_ways
from evals.search.judgements import JudgedQuery
from evals.search.shop import Scored
from evals.search.typing_errors import mistyped
from evals.statistics import Bootstrap, Estimate

COUNTS = ("judged only", "unjudged = 0", "mean")
WORDS_SHARES = tuple(round(0.05 * step, 2) for step in range(21))
DETAILS_SHARES = (0.0, 0.1, 0.25, 0.5, 1.0)
SETTINGS = tuple(product(WORDS_SHARES, DETAILS_SHARES))
"""Everything that was tuned by figures of these queries, as a grid: (words share, details share)."""
RESAMPLES = 10_000

CROSS_VALIDATED = "hybrid, cross-validated"
SERVED = "hybrid, as served"
SINGLE = ("words (BM25)", "meaning (vectors)")
REFERENCES = ("plain BM25", "vectors of titles")
FUSED = "hybrid by ranks (RRF)"


class Searchable(Protocol):
    """A catalogue that scores queries."""

    n: int

    @property
    def row_of(self) -> Mapping[str, int]:
        """Product id → row."""
        ...

    def scored(self, text: str) -> Scored:
        """Every retriever's scores for a query."""
        ...


@dataclass(frozen=True, slots=True)
class Figures:
    """Everything measured. Estimates are per count, in the order of COUNTS; intervals over queries."""

    products: int
    queries: int
    left_out: int  # without a positive grade
    unknown_judged: int  # judged products that the catalogue doesn't hold
    ndcg: Mapping[str, Sequence[Estimate]]
    against: Mapping[str, Sequence[Estimate]]  # way → cross-validated hybrid minus it, paired
    chosen: Mapping[tuple[float, float], int]  # setting → how often it was chosen in cross-validation
    by_words_share: Mapping[float, tuple[float, float, float]]  # at the served details share, per count
    words_share: float
    details_share: float
    same_top: float  # share of queries whose served top 10 is that of the exact mix over the whole catalogue
    typed: Mapping[str, tuple[Estimate, Estimate]]  # way → mean count of the mistyped queries: as meant, as typed
    seed: int


def measure(
    shop: Searchable, judged: Sequence[JudgedQuery], *, seed: int, advanced: Callable[[int, int], None] | None = None
) -> Figures:
    """Scores every answerable query in every way; the same for the same catalogue, judgements and seed.

    Args: advanced: called with the queries done and their number.
    """
    asked = [query for query in judged if query.answerable]
    bootstrap = Bootstrap(len(asked), seed, RESAMPLES)
    dice = random.Random(seed)  # noqa: S311 - no secret hangs on it
    tables: dict[str, list[tuple[float, float]]] = {}
    grid: list[list[tuple[float, float]]] = []
    typed: dict[str, list[tuple[tuple[float, float], tuple[float, float]]]] = {}
    same = unknown = 0
    for done, query in enumerate(asked, start=1):
        targets, missing = _targets(query, shop)
        unknown += missing
        scored = shop.scored(query.text)
        ways = _ways(scored)
        here = {name: ndcg_both_ways(scores, targets) for name, scores in ways.items()}
        here[SERVED] = _as_served(scored, here[SERVED], targets)
        for name, values in here.items():
            tables.setdefault(name, []).append(values)
        grid.append([ndcg_both_ways(mixed(scored, *setting), targets) for setting in SETTINGS])
        same += _same_top(scored, ways[SERVED])
        text = mistyped(query.text, dice)
        if text is not None:
            there = shop.scored(text)
            for name, scores in _ways(there).items():
                found = ndcg_both_ways(scores, targets)
                found = _as_served(there, found, targets) if name == SERVED else found
                typed.setdefault(name, []).append((here[name], found))
        if advanced is not None:
            advanced(done, len(asked))
    by_setting = np.asarray(grid).transpose(1, 0, 2)  # (settings, queries, 2)
    chosen = cross_validated(by_setting, seed)
    both = {name: np.asarray(table) for name, table in tables.items()} | {CROSS_VALIDATED: chosen.values}
    return Figures(
        products=shop.n,
        queries=len(asked),
        left_out=len(judged) - len(asked),
        unknown_judged=unknown,
        ndcg={name: bootstrap.estimates(with_mean(table)) for name, table in both.items()},
        against={
            name: bootstrap.estimates(with_mean(both[CROSS_VALIDATED]) - with_mean(table))
            for name, table in both.items()
            if name != CROSS_VALIDATED
        },
        chosen={SETTINGS[setting]: times for setting, times in chosen.chosen.items()},
        by_words_share={
            share: _triple(by_setting[SETTINGS.index((share, DETAILS_SHARE))].mean(axis=0)) for share in WORDS_SHARES
        },
        words_share=WORDS_SHARE,
        details_share=DETAILS_SHARE,
        same_top=same / len(asked),
        typed={name: _typed(pairs, seed) for name, pairs in typed.items()},
        seed=seed,
    )


def mixed(scored: Scored, words_share: float, details_share: float) -> NDArray[np.float32]:
    """The service's mix of words and meaning over the whole catalogue, with other shares; shape (n,)."""
    words = scored.words(details_share)
    scale = QueryScale(
        words=float(words.max(initial=0.0)), meaning=max(float(scored.meaning.max()), QUERY_MIN_SIMILARITY)
    )
    return relevance(scale, words, scored.meaning, words_share=words_share)


def by_ranks(*lists: NDArray[np.float32]) -> FloatArray:
    """Reciprocal rank fusion (Cormack et al. 2009) of several scores of all products, ties by row; shape (n,)."""
    total = np.zeros(len(lists[0]))
    for scores in lists:
        order = np.lexsort((np.arange(len(scores)), -scores))
        gain = np.zeros(len(scores))
        gain[order] = 1.0 / (RRF_K + np.arange(1, len(scores) + 1))
        total += np.where(scores > 0, gain, 0.0)
    return total


def with_mean(values: FloatArray) -> FloatArray:
    """The two counts and their mean, shape (n, 3)."""
    return np.column_stack([values, values.mean(axis=1)])


def _ways(scored: Scored) -> Mapping[str, NDArray[np.floating]]:
    words = scored.words()
    return {
        SINGLE[0]: words,
        SINGLE[1]: scored.meaning,
        FUSED: by_ranks(words, scored.meaning),
        SERVED: mixed(scored, WORDS_SHARE, DETAILS_SHARE),
        REFERENCES[0]: scored.plain_words,
        REFERENCES[1]: scored.titles,
    }


def _as_served(scored: Scored, mix: tuple[float, float], targets: Targets) -> tuple[float, float]:
    """The judged pool by the exact mix, the catalogue by what the service answered from its two indexes."""
    return mix[0], ndcg_both_ways(scored.served, targets)[1]


def _same_top(scored: Scored, exact: NDArray[np.floating]) -> bool:
    rows = np.arange(len(exact))
    mix, served = (np.lexsort((rows, -scores.astype(np.float64)))[:K] for scores in (exact, scored.served))
    return bool(np.array_equal(mix, served))


def _targets(query: JudgedQuery, shop: Searchable) -> tuple[Targets, int]:
    known = {shop.row_of[p]: grade for p, grade in query.grades.items() if p in shop.row_of}
    rows: IntArray = np.fromiter(known, dtype=np.int32, count=len(known))
    grades = np.fromiter(known.values(), dtype=np.int32, count=len(known))
    return Targets.of(rows, grades, shop.n), len(query.grades) - len(known)


def _typed(pairs: Sequence[tuple[tuple[float, float], tuple[float, float]]], seed: int) -> tuple[Estimate, Estimate]:
    means = np.asarray(pairs).mean(axis=2)  # (n, 2): as meant, as typed
    meant, typed = Bootstrap(len(means), seed, RESAMPLES).estimates(means)
    return meant, typed


def _triple(both: FloatArray) -> tuple[float, float, float]:
    return float(both[0]), float(both[1]), float(both.mean())
