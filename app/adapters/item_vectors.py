"""Vectors of all products on disk: a memory-mapped matrix in immutable generations (DATA_DIR/vectors/<key>/)."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from app.adapters import generations
from app.domain.errors import IndexUnavailable
from app.ports import Vectors

HASH_BYTES = 16
_MATRIX = "matrix.f32"
_IDS = "ids.json"
_HASHES = "text_hashes.bin"


@dataclass(frozen=True, slots=True)
class ItemVectors:
    """One generation of item vectors; row r of every field is the same product.

    `matrix` is a read-only memory map, shape (n, dimensions), rows of unit length. `digest` is the same for the same
    content, whatever the generation is called.
    """

    key: str
    generation: str
    digest: str
    product_ids: tuple[str, ...]
    matrix: Vectors
    row_of: Mapping[str, int]
    text_hashes: bytes  # HASH_BYTES of each row's item_text, one after the other

    def __len__(self) -> int:
        return len(self.product_ids)

    @property
    def dimensions(self) -> int:
        """Length of a vector; 0 for an empty catalogue that was never anything else."""
        return int(self.matrix.shape[1])

    def hash_by_id(self) -> dict[str, bytes]:
        """Product id → hash of the text that was embedded."""
        return split_hashes(self.product_ids, self.text_hashes)


def vectors_folder(data_dir: Path, key: str) -> Path:
    """Where the vectors of an embedder are kept."""
    return data_dir / "vectors" / key


def text_hash(text: str) -> bytes:
    """HASH_BYTES that differ where two texts differ."""
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=HASH_BYTES).digest()


def split_hashes(product_ids: Sequence[str], hashes: bytes) -> dict[str, bytes]:
    """Product id → its HASH_BYTES of `hashes`."""
    return {p: hashes[r * HASH_BYTES : (r + 1) * HASH_BYTES] for r, p in enumerate(product_ids)}


def dump_ids(product_ids: Sequence[str]) -> bytes:
    """Ids as JSON; a lone surrogate, which UTF-8 can't hold, is kept as an escape."""
    return json.dumps(list(product_ids)).encode("ascii")


def load_ids(path: Path) -> tuple[str, ...]:
    """What `dump_ids` wrote. Raises IndexUnavailable when the file holds something else."""
    try:
        ids = json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise IndexUnavailable(f"{path} can't be read ({error}); run `shelfwise train` to rebuild it") from error
    if not isinstance(ids, list) or not all(isinstance(product_id, str) for product_id in ids):
        raise IndexUnavailable(f"{path} is not a list of product ids; run `shelfwise train` to rebuild it")
    return tuple(ids)


def open_item_vectors(data_dir: Path, key: str) -> ItemVectors:
    """The current generation of an embedder's item vectors, or the last good one where that is damaged.

    Every byte is verified against the manifest, which reads the matrix into the page cache as well.

    Raises: IndexUnavailable: there is none that can be used.
    """
    root = vectors_folder(data_dir, key)
    for generation in generations.intact_generations(root):
        return _load(generation, key)
    raise IndexUnavailable(f"{root} holds no usable item vectors; run `shelfwise train`")


def _load(generation: generations.Generation, key: str) -> ItemVectors:
    n, d = generation.number("rows"), generation.number("dimensions")
    product_ids = load_ids(generation.folder / _IDS)
    hashes = (generation.folder / _HASHES).read_bytes()
    path = generation.folder / _MATRIX
    if len(product_ids) != n or len(hashes) != n * HASH_BYTES or path.stat().st_size != n * d * 4:
        raise IndexUnavailable(f"{generation.folder}: files of different lengths; run `shelfwise train` to rebuild it")
    matrix: Vectors
    if n * d == 0:  # an empty file can't be mapped
        matrix = np.zeros((n, d), dtype=np.float32)
    else:
        # As a plain array over the mapped file: the map's own type makes every look-up dearer.
        matrix = np.asarray(np.memmap(path, dtype=np.float32, mode="r", shape=(n, d)))
    return ItemVectors(
        key=key,
        generation=generation.name,
        digest=generation.text("digest"),
        product_ids=product_ids,
        matrix=matrix,
        row_of={product_id: row for row, product_id in enumerate(product_ids)},
        text_hashes=hashes,
    )


def write_item_vectors(
    data_dir: Path,
    key: str,
    *,
    product_ids: Sequence[str],
    text_hashes: bytes,
    dimensions: int,
    fill: Callable[[NDArray[np.float32]], None],
    keep: str | None,
) -> ItemVectors:
    """Writes a generation, makes it current and deletes all but it and `keep`. The caller holds the folder's lock.

    Args:    fill: writes the rows into the zeroed matrix that it is given, shape (len(product_ids), dimensions);
             keep: name of the generation to fall back to, None when there is none.
    """
    root = vectors_folder(data_dir, key)

    def write(folder: Path) -> Mapping[str, str | int]:
        path = folder / _MATRIX
        if len(product_ids) * dimensions == 0:
            path.touch()
        else:
            mapped = np.memmap(path, dtype=np.float32, mode="w+", shape=(len(product_ids), dimensions))
            fill(mapped)
            mapped.flush()
        ids = dump_ids(product_ids)
        (folder / _IDS).write_bytes(ids)
        (folder / _HASHES).write_bytes(text_hashes)
        identity = hashlib.blake2b(digest_size=HASH_BYTES)
        for part in (key.encode(), ids, text_hashes, generations.file_hash(path).encode()):
            identity.update(len(part).to_bytes(8, "big") + part)
        return {"key": key, "rows": len(product_ids), "dimensions": dimensions, "digest": identity.hexdigest()}

    written = generations.write_generation(root, write)
    generations.prune(root, {written.name, *([] if keep is None else [keep])})
    return _load(written, key)
