"""A small shop, an embedder of words that counts its work, and item vectors made by hand."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from app.adapters.item_vectors import ItemVectors, text_hash, vectors_folder, write_item_vectors
from app.domain.catalog import Product
from app.ports import Progress, Vectors

KEY = "words-000000000000"


class WordEmbedder:
    """An embedder whose vectors are sums of a seeded random vector per word; counts what it was asked for."""

    def __init__(self, key: str = KEY, dimensions: int = 32) -> None:
        self.key = key
        self.dimensions = dimensions
        self.texts: list[str] = []

    def encode(self, texts: Sequence[str], progress: Progress | None = None) -> Vectors:
        """Unit vectors, one row per text."""
        self.texts.extend(texts)
        vectors = np.zeros((len(texts), self.dimensions), dtype=np.float32)
        for row, text in enumerate(texts):
            for word in ["", *text.lower().split()]:
                seed = int.from_bytes(text_hash(word)[:4], "big")
                vectors[row] += np.random.default_rng(seed).standard_normal(self.dimensions).astype(np.float32)
        if progress is not None:
            progress("embedding", len(texts), len(texts))
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def shop(n: int) -> list[Product]:
    """n products with different names."""
    return [Product(f"p{i}", f"product {i} colour{i % 7}", brand=f"brand{i % 3}") for i in range(n)]


def stored_vectors(data_dir: Path, matrix: Vectors, ids: Sequence[str] | None = None) -> ItemVectors:
    """Item vectors of a given matrix, as a generation on disk."""
    product_ids = [f"p{i}" for i in range(len(matrix))] if ids is None else list(ids)

    def fill(target: Vectors) -> None:
        target[:] = matrix

    vectors_folder(data_dir, KEY).mkdir(parents=True, exist_ok=True)
    hashes = b"".join(text_hash(p + str(matrix[i].tobytes())) for i, p in enumerate(product_ids))
    return write_item_vectors(
        data_dir, KEY, product_ids=product_ids, text_hashes=hashes, dimensions=matrix.shape[1], fill=fill, keep=None
    )


def random_units(n: int, dimensions: int = 32, seed: int = 7) -> Vectors:
    """n random unit vectors."""
    matrix = np.random.default_rng(seed).standard_normal((n, dimensions)).astype(np.float32)
    return matrix / np.linalg.norm(matrix, axis=1, keepdims=True)
