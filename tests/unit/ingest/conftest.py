"""An empty store, and the import of one file into it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from app.adapters.shop_files import open_path
from app.adapters.sql_store import SqlStore
from app.domain.imports import ImportReport
from app.domain.interactions import Consent
from app.ingest import import_folder
from tests.support.feeds import NOW, Import


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqlStore]:
    opened = SqlStore.open(f"sqlite:///{tmp_path}/shop.db", currency="EUR", consent_default=Consent())
    yield opened
    opened.close()


@pytest.fixture
def imported(store: SqlStore, tmp_path: Path) -> Import:
    """Imports one file as `shelfwise import` does."""

    def run(path: Path, now: float = NOW, **options: Any) -> ImportReport:
        return import_folder(
            open_path(path, now), store, currency="EUR", now=now, rejects_dir=tmp_path / "rejects", **options
        )

    return run
