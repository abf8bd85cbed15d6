"""A reference: BM25 over the plain words of name and description, as a library gives it out of the box."""

from __future__ import annotations

import re
from collections.abc import Sequence

import bm25s
import numpy as np
from numpy.typing import NDArray

from app.domain.catalog import Product

_WORD = re.compile(r"\w+")


class PlainWords:
    """BM25 (Lucene's variant, k1 1.5, b 0.75), lower-cased, nothing else done to the words."""

    def __init__(self, products: Sequence[Product]) -> None:
        self._n = len(products)
        vocabulary: dict[str, int] = {}
        rows = [
            [vocabulary.setdefault(word, len(vocabulary)) for word in _words(f"{p.name} {p.description}")]
            for p in products
        ]
        self._model = bm25s.BM25(method="lucene", backend="numpy")
        self._model.index((rows, vocabulary), show_progress=False)

    def scores(self, text: str) -> NDArray[np.float32]:
        """Scores of all products, in the order given; shape (n,)."""
        known = self._model.get_tokens_ids(list(dict.fromkeys(_words(text))))
        if not known:
            return np.zeros(self._n, dtype=np.float32)
        scores: NDArray[np.float32] = self._model.get_scores_from_ids(known)
        return scores


def _words(text: str) -> list[str]:
    return _WORD.findall(text.lower())
