"""sentence-transformers: the embedder that indexes and evaluates, and its export to ONNX for serving."""

from __future__ import annotations

import os
import shutil
import tempfile
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import structlog
import torch
from sentence_transformers import SentenceTransformer
from transformers.utils.logging import disable_progress_bar

from app.adapters.embedder_onnx import (
    GRAPH,
    MANIFEST,
    TOKENIZER,
    ExportManifest,
    OnnxEmbedder,
    available_threads,
    embeddable,
)
from app.adapters.embedder_source import ModelSource, onnx_folder
from app.adapters.generations import file_hash, flush_file, replace_text, sync_folder
from app.domain.errors import EmbedderUnavailable
from app.ports import Embedder, Progress, Vectors

log = structlog.get_logger(__name__)

MAX_DIFFERENCE = 1e-4
"""An exported graph whose vectors differ by more than this from sentence-transformers is not accepted."""
VERIFICATION_TEXTS = (
    "",
    "headphones",
    "Wireless over-ear headphones. Sonara. Electronics > Audio. noise cancelling, 30 h battery",
    "WHITE HANGING HEART T-LIGHT HOLDER",
    "Größe 42, crème brûlée, 日本語のテキスト, Ελληνικά",
    "🎁🎧 gift! — “quoted” 100% cotton; 12.5 cm × 3",
    "supercalifragilisticexpialidocious" * 8,
    "a longer text than the model reads, " * 80,
)
_WINDOW = 512  # texts between two reports of progress
_BATCH = 32
_OPSET = 17


class SentenceTransformerEmbedder:
    """Satisfies `Embedder` with sentence-transformers on the processor."""

    def __init__(self, key: str, model: SentenceTransformer) -> None:
        self.key = key
        self.dimensions = _dimensions(model)
        self.model = model

    @classmethod
    def open(cls, source: ModelSource, *, threads: int | None = None) -> SentenceTransformerEmbedder:
        """The model of a source, from its folder only.

        Args:    threads: of torch, which holds for the whole process; None takes the processors it may use, at most 4.
        Raises:  EmbedderUnavailable: the files are there but are not a model.
        """
        disable_progress_bar()  # one per load, on stderr
        torch.set_num_threads(available_threads() if threads is None else threads)
        try:
            model = SentenceTransformer(str(source.folder), device="cpu", local_files_only=True)
        except (OSError, ValueError, RuntimeError, KeyError) as error:
            raise EmbedderUnavailable(f"{source.folder} can't be loaded as a model ({error})") from error
        return cls(source.key, model.eval())

    def encode(self, texts: Sequence[str], progress: Progress | None = None) -> Vectors:
        """Unit vectors, one row per text, in order; shape (len(texts), dimensions). Longest texts run first."""
        cleaned = [embeddable(text) for text in texts]
        order = sorted(range(len(cleaned)), key=lambda row: (-len(cleaned[row]), row))
        vectors = np.zeros((len(texts), self.dimensions), dtype=np.float32)
        for start in range(0, len(order), _WINDOW):
            rows = order[start : start + _WINDOW]
            vectors[rows] = self.model.encode(
                [cleaned[row] for row in rows],
                batch_size=_BATCH,
                normalize_embeddings=True,
                convert_to_numpy=True,
                show_progress_bar=False,
            )
            if progress is not None:
                progress("embedding", start + len(rows), len(order))
        return vectors


class _Graph(torch.nn.Module):  # type: ignore[misc]  # torch is not followed by the type checker
    """The whole pipeline of a sentence-transformers model, pooling and normalisation included, as one graph."""

    def __init__(self, model: SentenceTransformer) -> None:
        super().__init__()
        self.model = model

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        """Unit vectors, shape (batch, dimensions), of tokens of shape (batch, length)."""
        features: Any = {"input_ids": input_ids, "attention_mask": attention_mask}
        return torch.nn.functional.normalize(self.model(features)["sentence_embedding"], dim=-1)


def prepare_embedder(source: ModelSource, data_dir: Path) -> Embedder:
    """The embedder to index with: the exported graph, exported first where it is missing or damaged.

    It is faster than sentence-transformers and is what queries are embedded with (docs/decisions/003). Where the
    export fails its verification, sentence-transformers itself, with a warning; serving then has no vectors.
    """
    folder = onnx_folder(data_dir, source.key)
    try:
        return OnnxEmbedder.open(folder)
    except EmbedderUnavailable:
        log.info("embedder_export", source=source.setting, folder=str(folder))
    try:
        export_onnx(source, folder)
        return OnnxEmbedder.open(folder)
    except EmbedderUnavailable as error:
        log.warning("embedder_export_failed", problem=str(error), action="indexing with sentence-transformers")
        return SentenceTransformerEmbedder.open(source)


def export_onnx(source: ModelSource, folder: Path) -> ExportManifest:
    """Exports a model into a folder, verifies it against sentence-transformers, and only then puts it in place.

    Raises: EmbedderUnavailable: it can't be exported, or its vectors differ by MAX_DIFFERENCE or more; a folder that
            was there before is left as it was.
    """
    reference = SentenceTransformerEmbedder.open(source)
    folder.parent.mkdir(parents=True, exist_ok=True)
    draft = Path(tempfile.mkdtemp(prefix=f"tmp-{folder.name}-", dir=folder.parent))
    try:
        _write_graph(reference.model, draft / GRAPH)
        tokenizer = reference.model.tokenizer
        tokenizer.backend_tokenizer.save(str(draft / TOKENIZER))
        manifest = ExportManifest(
            format=1,
            source=source.setting,
            key=source.key,
            weights_sha256=source.weights_sha256,
            dimensions=reference.dimensions,
            max_tokens=_max_tokens(reference.model),
            pad_id=int(tokenizer.pad_token_id),
            files={name: file_hash(draft / name, "sha256") for name in (GRAPH, TOKENIZER)},
            max_difference=0.0,
        )
        replace_text(draft / MANIFEST, manifest.model_dump_json(indent=1))
        difference = _difference(reference, OnnxEmbedder.open(draft))
        if not difference < MAX_DIFFERENCE:
            raise EmbedderUnavailable(
                f"the ONNX export of {source.folder} differs by {difference:.2g} from sentence-transformers "
                f"(limit {MAX_DIFFERENCE:g}); it was thrown away"
            )
        manifest = manifest.model_copy(update={"max_difference": difference})
        replace_text(draft / MANIFEST, manifest.model_dump_json(indent=1))
        for name in (GRAPH, TOKENIZER):
            flush_file(draft / name)
        _put_in_place(draft, folder)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return manifest


def _write_graph(model: SentenceTransformer, path: Path) -> None:
    example = model.tokenizer(["two texts", "of two lengths, that is"], padding=True, return_tensors="pt")
    inputs = (example["input_ids"], example["attention_mask"])
    axes = {0: "batch", 1: "length"}
    try:
        with torch.no_grad(), warnings.catch_warnings():
            # The tracing exporter is announced as deprecated, and tracing warns about branches on shapes; whether
            # the graph is right is decided by comparing its vectors.
            warnings.simplefilter("ignore")
            torch.onnx.export(
                _Graph(model).eval(),
                inputs,
                str(path),
                input_names=["input_ids", "attention_mask"],
                output_names=["sentence_embedding"],
                dynamic_axes={"input_ids": axes, "attention_mask": axes, "sentence_embedding": {0: "batch"}},
                opset_version=_OPSET,
                dynamo=False,
            )
    except (RuntimeError, TypeError, ValueError, KeyError) as error:
        raise EmbedderUnavailable(f"the model can't be exported to ONNX ({error})") from error


def _difference(reference: Embedder, exported: Embedder) -> float:
    """Largest difference in any coordinate, with the verification texts in one batch and one by one; inf for NaN."""
    expected = reference.encode(VERIFICATION_TEXTS)
    together = exported.encode(VERIFICATION_TEXTS)
    apart = np.concatenate([exported.encode([text]) for text in VERIFICATION_TEXTS])
    largest = float(max(np.abs(expected - together).max(), np.abs(expected - apart).max()))
    return largest if np.isfinite(largest) else float("inf")


def _put_in_place(draft: Path, folder: Path) -> None:
    """Moves a finished draft to its name; an older export is moved away first and deleted after."""
    old = draft.with_name(f"{draft.name}-old")
    if folder.exists():
        folder.rename(old)
    os.replace(draft, folder)  # noqa: PTH105 - the name says that it is atomic
    sync_folder(folder.parent)
    shutil.rmtree(old, ignore_errors=True)


def _dimensions(model: SentenceTransformer) -> int:
    dimensions = model.get_embedding_dimension()
    if dimensions is None:
        raise EmbedderUnavailable("the model does not say how long its vectors are; set another EMBEDDER")
    return int(dimensions)


def _max_tokens(model: SentenceTransformer) -> int:
    limit = model.max_seq_length
    return 512 if limit is None else int(limit)
