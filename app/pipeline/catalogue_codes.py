"""Names to codes: which category and brand codes of a snapshot a word or a path means."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping

import numpy as np

from app.domain.catalog import BoolArray, FloatArray, IntArray, Snapshot, category_key, top_category


class CatalogueCodes:
    """Look-ups by comparable key, built once per snapshot: a request must not walk all categories.

    Tables have one entry per code and one more at the end for the code -1 (unknown), so that `table[codes]` needs no
    mask. Every look-up ignores case and spaces around names.
    """

    def __init__(self, snapshot: Snapshot) -> None:
        self._n_categories = len(snapshot.categories)
        self._n_brands = len(snapshot.brands)
        self._below: dict[str, list[int]] = defaultdict(list)  # path key → codes of it and of what is below it
        self._level: dict[str, list[int]] = defaultdict(list)  # key of one level's name → codes that have it
        self._brand: dict[str, list[int]] = defaultdict(list)
        for code, category in enumerate(snapshot.categories):
            levels = [level for level in category_key(category).split(" > ") if level]
            for depth in range(1, len(levels) + 1):
                self._below[" > ".join(levels[:depth])].append(code)
            for level in set(levels):
                self._level[level].append(code)
        for code, brand in enumerate(snapshot.brands):
            self._brand[brand.strip().casefold()].append(code)
        tops = {name: code for code, name in enumerate(dict.fromkeys(map(_top_key, snapshot.categories)))}
        self._top = np.asarray([*(tops[_top_key(c)] for c in snapshot.categories), -1], dtype=np.int32)

    def in_categories(self, paths: Iterable[str]) -> BoolArray:
        """Table of the categories that lie at or below any of the paths; shape (n_categories + 1,)."""
        return _table(self._n_categories, (self._below.get(category_key(path), []) for path in paths))

    def named_categories(self, names: Iterable[str]) -> BoolArray:
        """The same, and also categories that have a level of exactly this name: "Alcohol" is "Grocery > Alcohol"."""
        keys = [category_key(name) for name in names]
        return _table(self._n_categories, (self._below.get(k, []) + self._level.get(k, []) for k in keys))

    def named_brands(self, names: Iterable[str]) -> BoolArray:
        """Table of the brands of these names; shape (n_brands + 1,)."""
        return _table(self._n_brands, (self._brand.get(name.strip().casefold(), []) for name in names))

    def top_of(self, category: IntArray) -> IntArray:
        """One code per top category for category codes; -1 where unknown."""
        return self._top[category]

    def by_category(self, values: Mapping[str, float], default: float) -> FloatArray:
        """Table of the value that the longest matching path gives; shape (n_categories + 1,)."""
        table = np.full(self._n_categories + 1, default)
        by_key = {category_key(path): value for path, value in values.items()}
        for key in sorted(by_key, key=lambda k: k.count(" > ")):  # longer paths overwrite those above them
            table[self._below.get(key, [])] = by_key[key]
        return table


def _table(n: int, found: Iterable[list[int]]) -> BoolArray:
    table = np.zeros(n + 1, dtype=np.bool_)
    for codes in found:
        table[codes] = True
    return table


def _top_key(category: str) -> str:
    return top_category(category).casefold()
