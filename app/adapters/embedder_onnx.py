"""The embedder of the serving process: an exported ONNX graph and its tokenizer, without torch."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, ValidationError
from tokenizers import Tokenizer

from app.adapters.generations import file_hash
from app.domain.errors import EmbedderUnavailable
from app.ports import Progress, Vectors

GRAPH = "model.onnx"
TOKENIZER = "tokenizer.json"
MANIFEST = "manifest.json"
MAX_CHARS = 20_000  # far beyond any model's token limit; bounds the work on a hostile text
_WINDOW = 4_096  # texts tokenized at a time
_BATCH_TOKENS = 2_048  # padded tokens per run of the graph; more is no faster and costs memory
_MAX_THREADS = 4


class ExportManifest(BaseModel):
    """What an exported folder says about itself."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    format: int
    source: str  # the setting EMBEDDER that it was exported from
    key: str
    weights_sha256: str
    dimensions: int
    max_tokens: int
    pad_id: int
    files: dict[str, str]  # name → SHA-256
    max_difference: float  # from sentence-transformers, over the sentences that verified the export


class OnnxEmbedder:
    """Satisfies `Embedder` with onnxruntime and tokenizers only. Safe to call from several threads."""

    def __init__(self, manifest: ExportManifest, session: onnxruntime.InferenceSession, tokenizer: Tokenizer) -> None:
        self.key = manifest.key
        self.dimensions = manifest.dimensions
        self._pad_id = manifest.pad_id
        self._session = session
        self._tokenizer = tokenizer

    @classmethod
    def open(cls, folder: Path, *, threads: int | None = None) -> OnnxEmbedder:
        """The embedder that was exported into a folder, every file verified against its manifest.

        Args:    threads: of one encode call; None takes the processors this process may use, at most 4.
        Raises:  EmbedderUnavailable: nothing was exported there, or a file is damaged.
        """
        manifest = read_export(folder)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = available_threads() if threads is None else threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        # Spinning threads would keep both cores busy between the queries of a serving process.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        try:
            session = onnxruntime.InferenceSession(
                str(folder / GRAPH), sess_options=options, providers=["CPUExecutionProvider"]
            )
        except (RuntimeError, ValueError, OSError) as error:
            raise EmbedderUnavailable(f"{folder / GRAPH} can't be loaded ({error}); run `shelfwise train`") from error
        return cls(manifest, session, open_tokenizer(folder / TOKENIZER, manifest.max_tokens))

    def encode(self, texts: Sequence[str], progress: Progress | None = None) -> Vectors:
        """Unit vectors, one row per text, in order; shape (len(texts), dimensions).

        Runs the longest texts first, so that a batch holds texts of about one length and little padding.
        """
        vectors = np.zeros((len(texts), self.dimensions), dtype=np.float32)
        done = 0
        for start in range(0, len(texts), _WINDOW):
            window = [embeddable(text) for text in texts[start : start + _WINDOW]]
            tokens = [encoding.ids for encoding in self._tokenizer.encode_batch_fast(window)]
            for rows in _batches([len(ids) for ids in tokens]):
                vectors[start + rows] = self._run([tokens[row] for row in rows])
                done += len(rows)
                if progress is not None:
                    progress("embedding", done, len(texts))
        return vectors

    def _run(self, tokens: Sequence[Sequence[int]]) -> Vectors:
        width = max(len(ids) for ids in tokens)
        input_ids = np.full((len(tokens), width), self._pad_id, dtype=np.int64)
        attention_mask = np.zeros((len(tokens), width), dtype=np.int64)
        for row, ids in enumerate(tokens):
            input_ids[row, : len(ids)] = ids
            attention_mask[row, : len(ids)] = 1
        feed = {"input_ids": input_ids, "attention_mask": attention_mask}
        vectors: Vectors = self._session.run(["sentence_embedding"], feed)[0]
        return vectors


def read_export(folder: Path) -> ExportManifest:
    """The manifest of an exported folder, its files verified.

    Raises: EmbedderUnavailable: no export, or one that is damaged.
    """
    advice = "run `shelfwise train` to export the model again"
    try:
        manifest = ExportManifest.model_validate_json((folder / MANIFEST).read_bytes())
    except OSError as error:
        raise EmbedderUnavailable(f"{folder} holds no exported model ({error.strerror}); {advice}") from error
    except ValidationError as error:
        raise EmbedderUnavailable(f"{folder / MANIFEST} is damaged; {advice}") from error
    for name, expected in manifest.files.items():
        try:
            found = file_hash(folder / name, "sha256")
        except OSError as error:
            raise EmbedderUnavailable(f"{folder / name} can't be read ({error.strerror}); {advice}") from error
        if found != expected:
            raise EmbedderUnavailable(
                f"{folder / name} is damaged: its SHA-256 is {found}, expected {expected}; {advice}"
            )
    return manifest


def open_tokenizer(path: Path, max_tokens: int) -> Tokenizer:
    """The tokenizer of a file, cutting at max_tokens, padding nothing.

    Raises: EmbedderUnavailable: the file is not a tokenizer.
    """
    text = path.read_text(encoding="utf-8")
    try:
        tokenizer = Tokenizer.from_str(text)
    except ValueError as error:
        raise EmbedderUnavailable(f"{path} is not a tokenizer ({error}); run `shelfwise train`") from error
    # The file's own settings pad every text to 128 tokens and cut there; the model reads more.
    tokenizer.enable_truncation(max_length=max_tokens)
    tokenizer.no_padding()
    return tokenizer


def embeddable(text: str) -> str:
    """The text without what a tokenizer refuses (lone surrogates) and without what it would cut anyway."""
    return text[:MAX_CHARS].encode("utf-8", "replace").decode("utf-8")


def available_threads() -> int:
    """Processors this process may use, at most 4: more gains little on a model of this size."""
    return max(1, min(_MAX_THREADS, len(os.sched_getaffinity(0))))


def _batches(lengths: Sequence[int]) -> Iterator[NDArray[np.intp]]:
    """Rows longest first, ties by row, in batches of at most _BATCH_TOKENS padded tokens and at least one row."""
    order = np.argsort(-np.asarray(lengths, dtype=np.int64), kind="stable")
    start = 0
    while start < len(order):
        size = max(1, _BATCH_TOKENS // max(1, lengths[order[start]]))
        yield order[start : start + size]
        start += size
