"""Export and erasure over everything that a DATA_DIR holds."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from pathlib import Path

from app.adapters.baseline.artefact import current_version
from app.adapters.disk_cache import DATABASE, DiskOrderCache
from app.adapters.remnants import drop_lines
from app.adapters.shelf_keeper import ShelfKeeper
from app.adapters.sql_store.store import SqlStore
from app.privacy import PersonalData


def open_personal_data(
    data_dir: Path,
    store: SqlStore,
    cache: DiskOrderCache | None = None,
    keeper: ShelfKeeper | None = None,
    forget_traces: Callable[[Sequence[str], float], bool] | None = None,
) -> PersonalData:
    """Export and erasure; opens nothing yet.

    Args: cache: the order cache that this process has open; None opens, for each erasure, the one that an earlier or
          another process left in the folder. keeper: knows the model in use; None = the one that is current.
          forget_traces: see PersonalData.
    """

    def version() -> str | None:
        if keeper is None:
            return current_version(data_dir / "models")
        model = keeper.served().shelf.model if keeper.ready else None
        return None if model is None else model.version

    if cache is not None:
        cache.erased_since = store.privacy.erased_since
    return PersonalData(
        records=store.privacy,
        forget_answers=functools.partial(_forget_answers, data_dir / "cache", cache),
        forget_rejects=functools.partial(drop_lines, data_dir / "rejects"),
        baseline_version=version,
        forget_traces=forget_traces,
    )


def _forget_answers(folder: Path, cache: DiskOrderCache | None, pseudonyms: Sequence[str]) -> int:
    if cache is not None:
        return cache.drop_all(pseudonyms)
    if not (folder / DATABASE).exists():
        return 0  # there was never a model
    opened = DiskOrderCache.open(folder, fresh_s=0, stale_s=0)
    try:
        return opened.drop_all(pseudonyms)
    finally:
        opened.close()
