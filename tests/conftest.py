"""The demo shop, imported, embedded and trained once per session by the real code."""

from __future__ import annotations

import logging
import os
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog
from filelock import FileLock

from app.bootstrap import Application, build, open_store
from app.ingest.folder import import_folder
from app.retrain import retrain
from app.settings import Settings

ROOT = Path(__file__).resolve().parents[1]

_MAKES_THE_DEMO = "tests/unit/test_service.py"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """One file makes the trained demo shop, then come those that need none: nobody waits while it is made.

    The suite runs a file at a time on two processes (`make test`, without xdist's own reordering), so the first file
    trains on the one while the other works through files that don't ask for the shop.
    """
    needs = {item.location[0] for item in items if "demo_data_dir" in getattr(item, "fixturenames", ())}

    def turn(item: pytest.Item) -> int:
        file = item.location[0]
        return 0 if file == _MAKES_THE_DEMO else 2 if file in needs else 1

    items.sort(key=turn)  # stable: a file's tests stay together and in order


def demo_settings(data_dir: Path, **changes: object) -> Settings:
    """Settings of `make demo`, independent of the environment and of any .env file."""
    values = {"data_dir": data_dir, "as_of": "last-event", "currency": "EUR", **changes}
    return Settings(_env_file=None, **values)


@pytest.fixture(scope="session")
def demo_data_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A DATA_DIR with the demo shop, its vectors, indexes and model. Read-only: copy it to change it.

    Of this process alone: beside a database that another process opens and closes, files come and go under the hands
    of who copies the folder. (A connection of one's own doesn't keep them: POSIX drops a process's locks on a file as
    soon as the process closes that file anywhere, as copying does.)

    SHELFWISE_TEST_DEMO names one that `make demo` filled before (`var/demo`), which saves its training while one
    works on something else.
    """
    made = os.environ.get("SHELFWISE_TEST_DEMO") or _demo_folder(tmp_path_factory)
    return Path(shutil.copytree(made, tmp_path_factory.mktemp("demo") / "data"))


def _demo_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where one of this run's processes made the demo shop. Nobody opens its database any more."""
    shared = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        shared = shared.parent  # of this run's processes: one of them makes it, the others wait
    folder, made = shared / "demo", shared / "demo.made"
    with FileLock(shared / "demo.lock"):
        if not made.exists():
            _make_demo(folder)
            made.touch()
    return folder


def _make_demo(folder: Path) -> None:
    from app.adapters.shop_files.folder import open_folder

    settings = demo_settings(folder)
    store = open_store(settings)
    try:
        import_folder(
            open_folder(ROOT / "fixtures" / "shop"),
            store,
            currency="EUR",
            now=time.time(),
            rejects_dir=settings.data_dir / "rejects",
        )
    finally:
        store.close()
    assert retrain(settings, tune=False, force=False).model.published


@pytest.fixture
def demo_copy(demo_data_dir: Path, tmp_path: Path) -> Path:
    """A DATA_DIR of one's own to change or damage."""
    return Path(shutil.copytree(demo_data_dir, tmp_path / "data"))


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory, demo_data_dir: Path) -> Iterator[Application]:
    """The demo shop, open for questions. Tests that change anything take `opened` with `demo_copy`."""
    own = Path(shutil.copytree(demo_data_dir, tmp_path_factory.mktemp("open") / "data"))
    application = build(demo_settings(own))
    application.open()
    yield application
    application.shut()


@pytest.fixture
def opened() -> Iterator[Callable[..., Application]]:
    """Opens applications on a DATA_DIR and shuts them at the end."""
    running: list[Application] = []

    def start(data_dir: Path, **changes: object) -> Application:
        application = build(demo_settings(data_dir, **changes))
        running.append(application)
        application.open()
        return application

    yield start
    for application in running:
        application.shut()


@pytest.fixture(scope="session", autouse=True)
def _no_logger_is_kept() -> Iterator[None]:
    """Loggers ask how at every line: one kept from its first line would go on as the test of that time wanted it."""
    configure = structlog.configure

    def without_keeping(**wanted: Any) -> None:
        configure(**{**wanted, "cache_logger_on_first_use": False})

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(structlog, "configure", without_keeping)
        yield


@pytest.fixture(autouse=True)
def _logging_as_before() -> Iterator[None]:
    """What a test configures of logging, itself or by a command that it runs, is gone after it."""
    root = logging.getLogger()
    handlers, level, configured = list(root.handlers), root.level, structlog.get_config()
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.configure(**configured)
    structlog.contextvars.clear_contextvars()
