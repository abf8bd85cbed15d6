"""Choosing among settings without letting a query help to choose what it is measured with."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from app.domain.catalog import FloatArray

FOLDS = 5
REPEATS = 5


@dataclass(frozen=True, slots=True)
class CrossValidated:
    """Per query and count: the mean over the repeats of what the setting chosen without that query gave it."""

    values: FloatArray  # shape (n_queries, n_counts)
    chosen: Mapping[int, int]  # setting → how many of the FOLDS × REPEATS times it was chosen


def cross_validated(values: FloatArray, seed: int) -> CrossValidated:
    """Chooses on four fifths of the queries, by the mean over queries and counts, and measures on the last fifth.

    Repeated with other folds, because 116 queries in one cut are a matter of luck (Kim 2009).

    Args: values: shape (n_settings, n_queries, n_counts); of settings equally good the earlier is chosen.
    """
    _, n_queries, n_counts = values.shape
    total = np.zeros((n_queries, n_counts))
    chosen: Counter[int] = Counter()
    generator = np.random.default_rng(seed)
    for _ in range(REPEATS):
        fold = generator.permutation(n_queries) % FOLDS
        for held_out in range(FOLDS):
            setting = int(values[:, fold != held_out].mean(axis=(1, 2)).argmax())
            chosen[setting] += 1
            total[fold == held_out] += values[setting][fold == held_out] / REPEATS
    return CrossValidated(total, dict(chosen.most_common()))
