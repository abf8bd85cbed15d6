"""bm25s: products by words. A memory-mapped index in immutable generations (DATA_DIR/lexical/)."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path

import bm25s
import numpy as np
from numpy.typing import NDArray

from app.adapters import generations
from app.adapters.exact_index import top_k
from app.adapters.item_vectors import dump_ids, load_ids
from app.domain.errors import IndexUnavailable
from app.ports import Progress

MAX_QUERY_TOKENS = 64
_MAX_QUERY_CHARS = 4_096
_MAX_WORD = 64  # longer runs of letters are no words; only their start is kept
_IDS = "ids.json"
_INDEX = "bm25"
_WORD = re.compile(r"[^\W_]+")


class Bm25Index:
    """Satisfies `LexicalIndex`. Safe to call from several threads."""

    def __init__(self, generation: str, digest: str, product_ids: tuple[str, ...], model: bm25s.BM25 | None) -> None:
        self.generation = generation
        self.digest = digest
        self.product_ids = product_ids
        self._model = model

    @classmethod
    def open(cls, data_dir: Path) -> Bm25Index:
        """The current lexical index, or the last good one where that is damaged.

        Raises: IndexUnavailable: there is none that can be used.
        """
        root = lexical_folder(data_dir)
        for generation in generations.intact_generations(root):
            return _load(generation)
        raise IndexUnavailable(f"{root} holds no usable search index; run `shelfwise train`")

    def __len__(self) -> int:
        return len(self.product_ids)

    def search(self, text: str, k: int) -> tuple[Sequence[str], NDArray[np.float32]]:
        """Product ids and BM25 scores of at most k products that share a word with the text, best first, ties by row.

        The first MAX_QUERY_TOKENS different words count. Every score is above 0 (Lucene's variant of BM25 gives no
        word a negative weight); products that share no word are left out.

        Returns: nothing for k ≤ 0 and for a text without a known word.
        """
        if self._model is None or k <= 0:
            return (), np.zeros(0, dtype=np.float32)
        words = list(islice(dict.fromkeys(_words(text[:_MAX_QUERY_CHARS])), MAX_QUERY_TOKENS))
        known = self._model.get_tokens_ids(words)
        if not known:
            return (), np.zeros(0, dtype=np.float32)
        scores: NDArray[np.float32] = self._model.get_scores_from_ids(known)
        rows = np.flatnonzero(scores > 0)
        best = rows[top_k(scores[rows], k)]
        return tuple(self.product_ids[row] for row in best), scores[best]


def lexical_folder(data_dir: Path) -> Path:
    """Where the lexical index is kept."""
    return data_dir / "lexical"


def build_bm25(data_dir: Path, texts: Mapping[str, str], progress: Progress | None = None) -> Bm25Index:
    """Indexes product id → search text, k1 1.5 and b 0.75, as a new current generation; keeps the one before.

    BM25 as in Robertson & Zaragoza (2009), in Lucene's variant.

    Raises: IndexUnavailable: another process is writing the index, or the folder can't be written.
    """
    root = lexical_folder(data_dir)
    digest = texts_digest(texts)
    with generations.locked(root, "building the search index"):
        before = next((generation.name for generation in generations.intact_generations(root)), None)

        def write(folder: Path) -> Mapping[str, str | int]:
            (folder / _IDS).write_bytes(dump_ids(list(texts)))
            vocabulary: dict[str, int] = {}
            rows: list[list[int]] = []
            for done, text in enumerate(texts.values(), start=1):
                rows.append([vocabulary.setdefault(word, len(vocabulary)) for word in _words(text)])
                if progress is not None and (done % 1_000 == 0 or done == len(texts)):
                    progress("search index", done, len(texts))
            if vocabulary:
                model = bm25s.BM25(method="lucene", backend="numpy")
                model.index((rows, vocabulary), show_progress=False)
                model.save(folder / _INDEX, show_progress=False)
            return {"rows": len(texts), "words": len(vocabulary), "digest": digest}

        try:
            written = generations.write_generation(root, write)
        except OSError as error:
            raise IndexUnavailable(f"{root} can't be written ({error}); check DATA_DIR and free space") from error
        generations.prune(root, {written.name, *([] if before is None else [before])})
    return _load(written)


def texts_digest(texts: Mapping[str, str]) -> str:
    """The same for the same ids and texts in the same order."""
    digest = hashlib.blake2b(digest_size=16)
    for product_id, text in texts.items():
        for part in (product_id, text):
            data = part.encode("utf-8", "surrogatepass")
            digest.update(len(data).to_bytes(8, "big") + data)
    return digest.hexdigest()


def _load(generation: generations.Generation) -> Bm25Index:
    product_ids = load_ids(generation.folder / _IDS)
    if len(product_ids) != generation.number("rows"):
        raise IndexUnavailable(f"{generation.folder}: ids and index differ in length; run `shelfwise train`")
    model = None
    if generation.number("words"):
        try:
            model = bm25s.BM25.load(generation.folder / _INDEX, mmap=True, show_progress=False)
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise IndexUnavailable(f"{generation.folder / _INDEX} can't be read ({error})") from error
    return Bm25Index(generation.name, generation.text("digest"), product_ids, model)


def _words(text: str) -> Iterator[str]:
    """Runs of letters and digits of any script, case folded, in order. No stemming: no installed library has one."""
    for found in _WORD.finditer(unicodedata.normalize("NFKC", text).casefold()):
        yield found.group()[:_MAX_WORD]
