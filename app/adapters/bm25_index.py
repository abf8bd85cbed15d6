"""bm25s: products by words. A memory-mapped index in immutable generations (DATA_DIR/lexical/)."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path

import bm25s
import numpy as np
from numpy.typing import NDArray

from app.adapters import generations
from app.adapters.exact_index import top_k
from app.adapters.item_vectors import HASH_BYTES, dump_ids, load_ids, split_hashes, text_hash
from app.adapters.spelling import Spelling
from app.adapters.whole_match import every_word, read_as
from app.domain.errors import IndexUnavailable
from app.domain.searching import WordMatches
from app.pipeline.item_text import SearchText
from app.pipeline.search_words import halves, joined_pairs, search_words
from app.ports import Progress

MAX_QUERY_TOKENS = 64
DETAILS_SHARE = 0.25
"""Weight of a match in the attributes or the id next to one in name, labels or description (docs/decisions/008)."""

_MAX_QUERY_CHARS = 4_096
_MAX_GUESSES = 8  # unknown words of a query that are looked up in the spelling; bounds the work on a hostile text
_IDS = "ids.json"
_HASHES = "text_hashes.bin"  # of each product's search text, in the order of the ids
_PARTS = ("main", "details")  # of SearchText; each is an index of its own, so that long attributes thin no name out
_ANALYSIS = 2  # raised whenever search_words or search_text changes: an index of older words is built again


class Bm25Index:
    """Satisfies `LexicalIndex`. Safe to call from several threads."""

    def __init__(
        self,
        generation: str,
        digest: str,
        product_ids: tuple[str, ...],
        *,
        main: bm25s.BM25 | None,
        details: bm25s.BM25 | None,
        details_share: float = DETAILS_SHARE,
    ) -> None:
        self.generation = generation
        self.digest = digest
        self.product_ids = product_ids
        self.main, self.details = main, details
        self._row_of = {product_id: row for row, product_id in enumerate(product_ids)}
        self._weighted = [(part, share) for part, share in ((main, 1.0), (details, details_share)) if part is not None]
        self._words = {} if main is None else main.vocab_dict
        self._spelling = Spelling(_frequency(main))

    @classmethod
    def open(cls, data_dir: Path, *, details_share: float = DETAILS_SHARE) -> Bm25Index:
        """The current lexical index, or the last good one where that is damaged.

        Raises: IndexUnavailable: there is none that can be used.
        """
        root = lexical_folder(data_dir)
        for generation in generations.intact_generations(root):
            return _load(generation, details_share)
        raise IndexUnavailable(f"{root} holds no usable search index; run `shelfwise train`")

    def __len__(self) -> int:
        return len(self.product_ids)

    def search(self, text: str, k: int) -> tuple[Sequence[str], NDArray[np.float32]]:
        """Product ids and scores of at most k products that share a word with the text, best first, ties by row.

        A score is the BM25 of the main text and DETAILS_SHARE of the BM25 of the details. The first MAX_QUERY_TOKENS
        different words count. Every score is above 0 (Lucene's variant of BM25 gives no word a negative weight);
        products that share no word are left out.

        A word that no product holds is read as the nearest known one (`Spelling`), or as two without a space between;
        two words that some product writes as one are looked up like that as well.

        Returns: nothing for k ≤ 0 and for a text without a known word.
        """
        scores = None if k <= 0 else self._scores(text)
        if scores is None:
            return (), np.zeros(0, dtype=np.float32)
        rows = np.flatnonzero(scores > 0)
        best = rows[top_k(scores[rows], k)]
        return tuple(self.product_ids[row] for row in best), scores[best]

    def scores(self, text: str, product_ids: Sequence[str]) -> NDArray[np.float32]:
        """The scores that `search` gives these products, in their order; 0 without a shared word, or unknown."""
        found = np.zeros(len(product_ids), dtype=np.float32)
        scores = self._scores(text)
        if scores is not None:
            rows = np.fromiter((self._row_of.get(p, -1) for p in product_ids), dtype=np.intp, count=len(product_ids))
            found[rows >= 0] = scores[rows[rows >= 0]]
        return found

    def matches(self, text: str) -> WordMatches:
        """See LexicalIndex: the scores of all products, and which of them hold every word that says something."""
        scores = self._scores(text)
        n = len(self.product_ids)
        if scores is None:
            return WordMatches(self.product_ids, np.zeros(n, dtype=np.float32), np.zeros(n, dtype=np.bool_))
        typed = list(search_words(text[:_MAX_QUERY_CHARS]))[:MAX_QUERY_TOKENS]
        every, corrected = every_word([part for part, _ in self._weighted], typed, n, self._meant_by)
        return WordMatches(self.product_ids, scores, every, read_as(text, corrected))

    def _meant_by(self, word: str) -> Sequence[str]:
        """The word itself where some product holds it, else what it may mean; empty for one that means nothing."""
        return (word,) if any(word in part.vocab_dict for part, _ in self._weighted) else self._meant(word)

    def _scores(self, text: str) -> NDArray[np.float32] | None:
        """Scores of all products, shape (n,); None where no word is known."""
        words = self._understood(list(dict.fromkeys(search_words(text[:_MAX_QUERY_CHARS])))[:MAX_QUERY_TOKENS])
        total: NDArray[np.float32] | None = None
        for part, share in self._weighted:
            known = part.get_tokens_ids(words)
            if known and share > 0:
                scores = np.float32(share) * part.get_scores_from_ids(known)
                total = scores if total is None else total + scores
        return total

    def _understood(self, typed: Sequence[str]) -> list[str]:
        """The different words to look up: known ones, compounds written as one, and what unknown ones may mean."""
        words: dict[str, None] = {}
        guesses = 0
        for word in typed:
            if any(word in part.vocab_dict for part, _ in self._weighted):
                words[word] = None
            elif word.isalpha() and guesses < _MAX_GUESSES:
                guesses += 1
                words.update(dict.fromkeys(self._meant(word)))
        return [*words, *(pair for pair in joined_pairs(typed) if pair in self._words and pair not in words)]

    def _meant(self, unknown: str) -> Sequence[str]:
        if not unknown.isalpha():
            return ()
        nearest = self._spelling.nearest(unknown)
        if nearest is not None:
            return (nearest,)
        return next((pair for pair in halves(unknown) if all(half in self._words for half in pair)), ())


def lexical_folder(data_dir: Path) -> Path:
    """Where the lexical index is kept."""
    return data_dir / "lexical"


def build_bm25(data_dir: Path, texts: Mapping[str, SearchText], progress: Progress | None = None) -> Bm25Index:
    """Indexes product id → search texts, k1 1.5 and b 0.75, as a new current generation; keeps the one before.

    BM25 as in Robertson & Zaragoza (2009), in Lucene's variant.

    Raises: IndexUnavailable: another process is writing the index, or the folder can't be written.
    """
    root = lexical_folder(data_dir)
    digest = texts_digest(texts)
    with generations.locked(root, "building the search index"):
        before = next((generation.name for generation in generations.intact_generations(root)), None)

        def write(folder: Path) -> Mapping[str, str | int]:
            (folder / _IDS).write_bytes(dump_ids(list(texts)))
            hashes = (text_hash(f"{text.main}\0{text.details}") for text in texts.values())
            (folder / _HASHES).write_bytes(b"".join(hashes))
            rows: dict[str, list[list[int]]] = {part: [] for part in _PARTS}
            vocabulary: dict[str, dict[str, int]] = {part: {} for part in _PARTS}
            for done, text in enumerate(texts.values(), start=1):
                for part, words in ((part, vocabulary[part]) for part in _PARTS):
                    rows[part].append([words.setdefault(w, len(words)) for w in search_words(getattr(text, part))])
                if progress is not None and (done % 1_000 == 0 or done == len(texts)):
                    progress("search index", done, len(texts))
            for part in _PARTS:
                if vocabulary[part]:
                    model = bm25s.BM25(method="lucene", backend="numpy")
                    model.index((rows[part], vocabulary[part]), show_progress=False)
                    model.save(folder / part, show_progress=False)
            return {"rows": len(texts), "digest": digest, **{part: len(vocabulary[part]) for part in _PARTS}}

        try:
            written = generations.write_generation(root, write)
        except OSError as error:
            raise IndexUnavailable(f"{root} can't be written ({error}); check DATA_DIR and free space") from error
        generations.prune(root, {written.name, *([] if before is None else [before])})
    return _load(written, DETAILS_SHARE)


def read_text_hashes(data_dir: Path) -> Mapping[str, bytes] | None:
    """Product → hash of the search text that the current index holds; None for an index without them."""
    folder = lexical_folder(data_dir) / (generations.pointed_to(lexical_folder(data_dir)) or "")
    try:
        product_ids, hashes = load_ids(folder / _IDS), (folder / _HASHES).read_bytes()
    except (OSError, IndexUnavailable):
        return None
    return split_hashes(product_ids, hashes) if len(hashes) == HASH_BYTES * len(product_ids) else None


def bm25_over(base: Bm25Index, texts: Mapping[str, SearchText]) -> Bm25Index:
    """A small index in memory whose words weigh as if its products stood in the base: scores of both can be compared.

    Lengths are compared among its own products, for a base does not keep its mean.
    """
    parts: dict[str, bm25s.BM25 | None] = {}
    for part, held in zip(_PARTS, (base.main, base.details), strict=True):
        vocabulary: dict[str, int] = {}
        rows = [
            [vocabulary.setdefault(w, len(vocabulary)) for w in search_words(getattr(t, part))] for t in texts.values()
        ]
        parts[part] = None
        if vocabulary:
            model = bm25s.BM25(method="lucene", backend="numpy")
            model.index((rows, vocabulary), show_progress=False)
            _weigh_as_in(held, len(base), len(texts), model)
            parts[part] = model
    return Bm25Index("", "", tuple(texts), main=parts["main"], details=parts["details"])


def _weigh_as_in(base: bm25s.BM25 | None, base_n: int, n: int, model: bm25s.BM25) -> None:
    """Replaces the rarity of each word among few products by its rarity among all."""
    own = np.diff(model.scores["indptr"]).astype(np.float64)
    held = np.zeros(len(own))
    if base is not None:
        frequency = np.diff(base.scores["indptr"])
        for word, at in model.vocab_dict.items():
            token = base.vocab_dict.get(word)
            if token is not None and at < len(held):
                held[at] = frequency[token]
    rarity = _rarity(base_n + n, held + own) / _rarity(n, own)
    model.scores["data"] = (model.scores["data"] * np.repeat(rarity, own.astype(np.intp))).astype(np.float32)


def _rarity(n: int, frequency: NDArray[np.float64]) -> NDArray[np.float64]:
    """Inverse document frequency in Lucene's variant."""
    rare: NDArray[np.float64] = np.log(1.0 + (n - frequency + 0.5) / (frequency + 0.5))
    return rare


def texts_digest(texts: Mapping[str, SearchText]) -> str:
    """The same for the same ids and texts in the same order, analysed in the same way."""
    digest = hashlib.blake2b(digest_size=16, person=_ANALYSIS.to_bytes(2, "big"))
    for product_id, text in texts.items():
        for part in (product_id, text.main, text.details):
            data = part.encode("utf-8", "surrogatepass")
            digest.update(len(data).to_bytes(8, "big") + data)
    return digest.hexdigest()


def _load(generation: generations.Generation, details_share: float) -> Bm25Index:
    product_ids = load_ids(generation.folder / _IDS)
    if len(product_ids) != generation.number("rows"):
        raise IndexUnavailable(f"{generation.folder}: ids and index differ in length; run `shelfwise train`")
    main, details = (_load_part(generation, part) for part in _PARTS)
    return Bm25Index(
        generation.name,
        generation.text("digest"),
        product_ids,
        main=main,
        details=details,
        details_share=details_share,
    )


def _load_part(generation: generations.Generation, part: str) -> bm25s.BM25 | None:
    if generation.number(part) == 0:
        return None
    try:
        return bm25s.BM25.load(generation.folder / part, mmap=True, show_progress=False)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise IndexUnavailable(f"{generation.folder / part} can't be read ({error})") from error


def _frequency(part: bm25s.BM25 | None) -> Mapping[str, int]:
    """Word → products whose main text holds it."""
    if part is None:
        return {}
    held: Mapping[int, int] = dict(enumerate(np.diff(part.scores["indptr"]).tolist()))
    return {word: held[at] for word, at in part.vocab_dict.items() if word and held.get(at, 0) > 0}
