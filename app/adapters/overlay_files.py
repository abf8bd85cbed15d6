"""Products whose words changed since the last `train`: vectors and texts, in DATA_DIR/overlay/<key>/.

An overlay says for which base it was made, by the base's digests; a reader leaves one of another base alone.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from app.adapters import generations
from app.adapters.item_vectors import HASH_BYTES, dump_ids, load_ids
from app.domain.errors import IndexUnavailable
from app.pipeline.item_text import SearchText
from app.ports import Vectors

_MATRIX, _IDS, _HASHES, _TEXTS = "matrix.f32", "ids.json", "hashes.bin", "texts.json"


@dataclass(frozen=True, slots=True)
class Overlay:
    """Row r of every field is the same product; a product in it stands for the one in the base."""

    generation: str
    base: str  # digest of the item vectors that it lies over
    sequence: int  # newest catalogue change that it knows
    product_ids: tuple[str, ...]
    matrix: Vectors  # (n, dimensions), unit length
    hashes: tuple[bytes, ...]  # of item text and search text, 2 × HASH_BYTES each
    texts: tuple[SearchText, ...]


def overlay_folder(data_dir: Path, key: str) -> Path:
    """Where the overlays of an embedder are kept."""
    return data_dir / "overlay" / key


def read_overlay(data_dir: Path, key: str) -> Overlay | None:
    """The current overlay; None where there is none, or it is damaged (the next round writes it anew)."""
    root = overlay_folder(data_dir, key)
    name = generations.pointed_to(root)
    if name is None:
        return None
    try:
        found = generations.verify(root / name)
        product_ids = load_ids(found.folder / _IDS)
        n, d = len(product_ids), found.number("dimensions")
        matrix = np.fromfile(found.folder / _MATRIX, dtype=np.float32).reshape(n, d)
        hashes = (found.folder / _HASHES).read_bytes()
        texts = [SearchText(main, details) for main, details in json.loads((found.folder / _TEXTS).read_bytes())]
    except (IndexUnavailable, OSError, ValueError):
        return None
    width = 2 * HASH_BYTES
    return Overlay(
        generation=name,
        base=found.text("base"),
        sequence=found.number("sequence"),
        product_ids=product_ids,
        matrix=matrix,
        hashes=tuple(hashes[row * width : (row + 1) * width] for row in range(n)),
        texts=tuple(texts),
    )


def write_overlay(
    data_dir: Path, key: str, *, base: str, sequence: int, entries: Mapping[str, tuple[bytes, Vectors, SearchText]]
) -> None:
    """Makes these the current overlay. Raises: IndexUnavailable: somebody else writes, or the disk does not take it."""
    root = overlay_folder(data_dir, key)
    matrix = np.stack([vector for _, vector, _ in entries.values()]) if entries else np.zeros((0, 0), np.float32)

    def fill(folder: Path) -> Mapping[str, str | int]:
        matrix.astype(np.float32).tofile(folder / _MATRIX)
        (folder / _IDS).write_bytes(dump_ids(list(entries)))
        (folder / _HASHES).write_bytes(b"".join(digest for digest, _, _ in entries.values()))
        texts = [(text.main, text.details) for _, _, text in entries.values()]
        (folder / _TEXTS).write_bytes(json.dumps(texts).encode("ascii"))
        return {"base": base, "sequence": sequence, "dimensions": int(matrix.shape[1])}

    with generations.locked(root, "embedding changed products"):
        try:
            written = generations.write_generation(root, fill)
        except OSError as error:
            raise IndexUnavailable(f"{root} can't be written ({error}); check DATA_DIR and free space") from error
        generations.prune(root, {written.name})
