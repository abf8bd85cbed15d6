"""From which cosine on two products count as alike, by what people judged.

    python -m evals.search.likeness --data ../shared/data/icecat --vectors var/eval/search-icecat/shop

Two products that people found good answers (grade 2 or 3) to the same query are alike for a shopper; a good one and one
that is no answer (grade 0) to it are not. For each threshold: how many of the pairs above it are alike (precision, mean
over queries), how many of the alike pairs are above it (recall), and the share of all products that have at least five
neighbours above it. Prints a table in Markdown; `--vectors` is what `shelfwise eval search` left behind.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from app.adapters.item_vectors import ItemVectors, open_item_vectors
from evals.search.judgements import JudgedQuery, read_judgements

THRESHOLDS = tuple(round(0.30 + 0.05 * step, 2) for step in range(11))
GOOD = 2
ENOUGH_NEIGHBOURS = 5
SAMPLE = 1_000
SEED = 20260101


@dataclass(frozen=True, slots=True)
class Pairs:
    """The pairs of one query; both arrays have the shape (n,)."""

    cosine: NDArray[np.float32]
    alike: NDArray[np.bool_]


def pairs_of(query: JudgedQuery, vectors: ItemVectors) -> Pairs | None:
    """Pairs of a good product with another judged one of grade 2 or more, or 0; None where one kind is missing."""
    known = {product: grade for product, grade in query.grades.items() if product in vectors.row_of}
    good = sorted(product for product, grade in known.items() if grade >= GOOD)
    bad = sorted(product for product, grade in known.items() if grade == 0)
    if len(good) < 2 or not bad:
        return None
    one = np.asarray(vectors.matrix[[vectors.row_of[product] for product in good]])
    other = np.asarray(vectors.matrix[[vectors.row_of[product] for product in bad]])
    alike = (one @ one.T)[np.triu_indices(len(good), 1)]
    apart = (one @ other.T).ravel()
    flags = np.concatenate([np.ones(len(alike), dtype=np.bool_), np.zeros(len(apart), dtype=np.bool_)])
    return Pairs(np.concatenate([alike, apart]).astype(np.float32), flags)


def at_threshold(pairs: Sequence[Pairs], least: float) -> tuple[float, float]:
    """(precision, recall) of "alike from this cosine on", each the mean over queries; kinds weigh alike in a query.

    A query with more bad than good products would say more about its pool than about the threshold, so the two kinds
    of pairs are weighed to be equally many. Queries without a pair above the threshold have no precision.
    """
    precisions, recalls = [], []
    for of_query in pairs:
        above = of_query.cosine >= least
        right = float(above[of_query.alike].mean())
        wrong = float(above[~of_query.alike].mean())
        recalls.append(right)
        if right + wrong > 0:
            precisions.append(right / (right + wrong))
    return (float(np.mean(precisions)) if precisions else float("nan")), float(np.mean(recalls))


def neighbours_above(vectors: ItemVectors, thresholds: Sequence[float]) -> Sequence[float]:
    """Share of a sample of products that have ENOUGH_NEIGHBOURS others at or above each threshold."""
    rng = np.random.default_rng(SEED)
    rows = np.sort(rng.choice(len(vectors), size=min(SAMPLE, len(vectors)), replace=False))
    fifth = []
    for start in range(0, len(rows), 100):
        some = rows[start : start + 100]
        cosine = np.asarray(vectors.matrix[some]) @ np.asarray(vectors.matrix).T
        cosine[np.arange(len(some)), some] = -1.0
        fifth.append(np.partition(cosine, -ENOUGH_NEIGHBOURS, axis=1)[:, -ENOUGH_NEIGHBOURS])
    reached = np.concatenate(fifth)
    return [float((reached >= least).mean()) for least in thresholds]


def table(pairs: Sequence[Pairs], coverage: Sequence[float]) -> Iterator[str]:
    """The lines of the table."""
    yield "| cosine from | pairs above that are alike | alike pairs above | products with 5 neighbours |"
    yield "|---|---|---|---|"
    for least, covered in zip(THRESHOLDS, coverage, strict=True):
        precision, recall = at_threshold(pairs, least)
        yield f"| {least:.2f} | {precision:.3f} | {recall:.3f} | {covered:.3f} |"


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--vectors", type=Path, required=True, help="DATA_DIR of the shop that holds the products")
    parser.add_argument("--key", default="", help="the embedder's key; the only one there, unless given")
    given = parser.parse_args()
    key = given.key or next(path.name for path in sorted((given.vectors / "vectors").iterdir()) if path.is_dir())
    vectors = open_item_vectors(given.vectors, key)
    pairs = [found for query in read_judgements(given.data) if (found := pairs_of(query, vectors)) is not None]
    n_alike = sum(int(p.alike.sum()) for p in pairs)
    n_apart = sum(int((~p.alike).sum()) for p in pairs)
    sys.stdout.write(f"{len(pairs)} queries, {n_alike} pairs that are alike, {n_apart} that are not\n\n")
    sys.stdout.write("\n".join(table(pairs, neighbours_above(vectors, THRESHOLDS))) + "\n")


if __name__ == "__main__":
    main()
