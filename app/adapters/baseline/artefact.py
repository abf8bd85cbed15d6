"""Versioned model folders: written aside, made durable, renamed, pointed to; verified before they are opened.

models_dir/current            versions in the order of publication, newest first, one per line
models_dir/<version>/         manifest.json and the arrays
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import orjson
import structlog
from numpy.typing import NDArray
from pydantic import ValidationError

from app.adapters.baseline.copurchase import Copurchase
from app.adapters.baseline.ease import Ease
from app.adapters.baseline.ensemble import Ensemble
from app.adapters.baseline.factors import Factors
from app.adapters.baseline.facts import FACTS, ItemFacts
from app.adapters.baseline.features import FEATURES
from app.adapters.baseline.forest import Forest
from app.adapters.baseline.manifest import FORMAT, FileEntry, Manifest
from app.adapters.baseline.model import BlendedBaseline
from app.adapters.baseline.neighbours import Neighbours
from app.adapters.baseline.sources import Sources
from app.domain.errors import ModelUnavailable

log = structlog.get_logger(__name__)

KEPT_VERSIONS = 3
_POINTER = "current"
_VERSION = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,99}")
_MANIFEST = "manifest.json"
_PRODUCTS = "product_ids.json"
_FOREST = "forest.onnx"
_BESTSELLERS = "bestsellers.npy"
_TEMPORARY = ".writing-"


class _Damaged(Exception):
    """A version can't be opened; the message says which file and why."""


@dataclass(frozen=True, slots=True)
class Trained:
    """What training made, before it has a version."""

    product_ids: tuple[str, ...]
    sources: Sources
    copurchase: Copurchase
    ensemble: Ensemble | None = None
    bestsellers: NDArray[np.float32] | None = None  # None: new shoppers don't get them


def write_version(models_dir: Path, trained: Trained, manifest: Manifest, stamp: str) -> Manifest:
    """Writes the folder <stamp>-<content hash> and returns its manifest with version and files filled in.

    The folder appears whole or not at all: it is written under another name, made durable and renamed. It is not
    current until `publish`. A version that exists already and is intact is left as it is.
    """
    models_dir.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix=_TEMPORARY, dir=models_dir))
    try:
        for name, array in _arrays(trained).items():
            with (folder / name).open("wb") as file:
                np.save(file, array, allow_pickle=False)
                file.flush()
                os.fsync(file.fileno())
        if trained.ensemble is not None:
            _write_durably(folder / _FOREST, trained.ensemble.forest.graph)
        _write_durably(folder / _PRODUCTS, orjson.dumps(list(trained.product_ids)))
        files = {p.name: FileEntry(size=p.stat().st_size, sha256=_sha256(p)) for p in sorted(folder.iterdir())}
        draft = manifest.model_copy(update={"version": "", "files": files})
        content = hashlib.sha256(draft.model_dump_json().encode()).hexdigest()[:8]
        final = draft.model_copy(update={"version": f"{stamp}-{content}"})
        _write_durably(folder / _MANIFEST, final.model_dump_json(indent=1).encode())
        _sync_folder(folder)
        folder.chmod(0o755)
        target = models_dir / final.version
        if target.exists():
            if not _is_intact(target):
                shutil.rmtree(target)
                folder.rename(target)
        else:
            folder.rename(target)
        _sync_folder(models_dir)
    finally:
        shutil.rmtree(folder, ignore_errors=True)  # gone already when it was renamed
    return final


def publish(models_dir: Path, version: str) -> None:
    """Makes a written version current, atomically, and deletes all but the last KEPT_VERSIONS."""
    kept = [version, *(v for v in _pointed(models_dir) if v != version)][:KEPT_VERSIONS]
    temporary = models_dir / f"{_TEMPORARY}{_POINTER}-{os.getpid()}"
    _write_durably(temporary, "".join(f"{v}\n" for v in kept).encode())
    temporary.replace(models_dir / _POINTER)
    _sync_folder(models_dir)
    for folder in models_dir.iterdir():
        if folder.is_dir() and folder.name not in kept and (folder / _MANIFEST).exists():
            shutil.rmtree(folder, ignore_errors=True)


def current_version(models_dir: Path) -> str | None:
    """The version that is current, None where nothing was published. Cheap: reads one small file."""
    pointed = _pointed(models_dir)
    return pointed[0] if pointed else None


def load_current(models_dir: Path) -> BlendedBaseline:
    """The current model, or the newest older one that is intact, with `fell_back_from` naming the damaged one.

    Sizes and SHA-256 of every file are checked (about 0.6 s per GB); arrays are memory-mapped.

    Raises: ModelUnavailable: nothing was published, or no kept version is intact.
    """
    versions = _pointed(models_dir)
    if not versions:
        raise ModelUnavailable(f"{models_dir}: no baseline model was published yet; run `shelfwise train`.")
    problems = []
    for version in versions:
        try:
            model = _open(models_dir / version, None if version == versions[0] else versions[0])
        except _Damaged as error:
            problems.append(f"{version}: {error}")
            log.warning("baseline_damaged", version=version, reason=str(error), action="trying the one before")
            continue
        if problems:
            log.warning("baseline_fell_back", damaged=versions[0], serving=version, action="run `shelfwise train`")
        return model
    raise ModelUnavailable(
        f"{models_dir}: no usable baseline model ({'; '.join(problems)}); run `shelfwise train` to make a new one."
    )


def _pointed(models_dir: Path) -> list[str]:
    try:
        text = (models_dir / _POINTER).read_text(encoding="utf-8", errors="replace")
    except (FileNotFoundError, NotADirectoryError):
        return []
    return [line for line in text.splitlines() if _VERSION.fullmatch(line)]  # a damaged pointer names nothing


def _arrays(trained: Trained) -> Mapping[str, NDArray[np.generic]]:
    sources = trained.sources
    arrays: dict[str, NDArray[np.generic]] = {
        "popularity.npy": sources.popularity,
        "trend.npy": sources.trend,
        "copurchase_columns.npy": trained.copurchase.columns,
        "copurchase_orders.npy": trained.copurchase.orders,
        "copurchase_lift.npy": trained.copurchase.lift,
    }
    if sources.ease is not None:
        arrays["ease_weights.npy"] = sources.ease.weights
        arrays["ease_columns.npy"] = sources.ease.columns
    if sources.item_item is not None:
        arrays["item_item_similarity.npy"] = sources.item_item.similarity
        arrays["item_item_columns.npy"] = sources.item_item.columns
        arrays["item_item_offsets.npy"] = sources.item_item.offsets
    if sources.als is not None:
        arrays["als_items.npy"] = sources.als.items
        arrays["als_gram.npy"] = sources.als.gram
    if trained.ensemble is not None:
        arrays["fact_table.npy"] = trained.ensemble.facts.table
        arrays["ready_columns.npy"] = trained.ensemble.facts.ready
    if trained.bestsellers is not None:
        arrays[_BESTSELLERS] = trained.bestsellers
    return arrays


def _open(folder: Path, fell_back_from: str | None) -> BlendedBaseline:
    manifest = _verified(folder)
    try:
        product_ids = tuple(orjson.loads((folder / _PRODUCTS).read_bytes()))
        # As plain arrays over the mapped files: the map's own type makes every look-up dearer.
        loaded = {
            name: np.asarray(np.load(folder / name, mmap_mode="r")) for name in manifest.files if name.endswith(".npy")
        }
        sources = Sources(
            ease=(
                Ease(loaded["ease_weights.npy"], np.asarray(loaded["ease_columns.npy"]), len(product_ids))
                if "ease_weights.npy" in loaded
                else None
            ),
            item_item=(
                Neighbours(
                    loaded["item_item_similarity.npy"],
                    loaded["item_item_columns.npy"],
                    np.asarray(loaded["item_item_offsets.npy"]),
                )
                if "item_item_similarity.npy" in loaded
                else None
            ),
            als=(
                Factors(loaded["als_items.npy"], np.asarray(loaded["als_gram.npy"]), manifest.parameters.als_alpha)
                if "als_items.npy" in loaded
                else None
            ),
            popularity=np.asarray(loaded["popularity.npy"]),
            trend=np.asarray(loaded["trend.npy"]),
            unit=manifest.unit,
            saturation=manifest.parameters.saturation,
        )
        copurchase = Copurchase(
            loaded["copurchase_columns.npy"], loaded["copurchase_orders.npy"], loaded["copurchase_lift.npy"]
        )
        ensemble = None
        if _FOREST in manifest.files:
            facts = ItemFacts(loaded["fact_table.npy"], np.asarray(loaded["ready_columns.npy"]))
            forest = Forest((folder / _FOREST).read_bytes())
            if (forest.n_features, facts.table.shape[1]) != (len(FEATURES), len(FACTS)):
                raise _Damaged(f"{_FOREST} was learned on other features than this version computes")
            ensemble = Ensemble(forest, facts, frozenset(manifest.ensemble.buckets))
    except (KeyError, ValueError, OSError) as error:
        raise _Damaged(f"{type(error).__name__}: {error}") from error
    return BlendedBaseline(
        manifest=manifest,
        product_ids=product_ids,
        sources=sources,
        copurchase=copurchase,
        ensemble=ensemble,
        bestsellers=np.asarray(loaded[_BESTSELLERS]) if _BESTSELLERS in loaded else None,
        fell_back_from=fell_back_from,
    )


def _verified(folder: Path) -> Manifest:
    try:
        manifest = Manifest.model_validate_json((folder / _MANIFEST).read_bytes())
    except OSError as error:
        raise _Damaged(f"{_MANIFEST} can't be read: {error.strerror}") from error
    except ValidationError as error:
        raise _Damaged(f"{_MANIFEST} is not valid: {error.error_count()} problems") from error
    if manifest.format != FORMAT:
        raise _Damaged(f"{_MANIFEST} has format {manifest.format}, this version reads {FORMAT}")
    if manifest.version != folder.name:
        raise _Damaged(f"{_MANIFEST} belongs to version {manifest.version}")
    for name, entry in manifest.files.items():
        path = folder / name
        try:
            size = path.stat().st_size
            if size != entry.size:
                raise _Damaged(f"{name} has {size} bytes instead of {entry.size}")
            if _sha256(path) != entry.sha256:
                raise _Damaged(f"{name} does not match its SHA-256")
        except OSError as error:
            raise _Damaged(f"{name} can't be read: {error.strerror}") from error
    return manifest


def _is_intact(folder: Path) -> bool:
    try:
        _verified(folder)
    except _Damaged:
        return False
    return True


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _write_durably(path: Path, content: bytes) -> None:
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
