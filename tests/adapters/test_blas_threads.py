"""Linear algebra on one thread per call, whenever its library was loaded."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from threadpoolctl import threadpool_info, threadpool_limits

from app.bootstrap import Application


def _threads() -> set[int]:
    return {library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"}


def test_an_open_application_multiplies_on_one_thread(opened: Callable[..., Application], demo_copy: Path) -> None:
    """numpy is loaded and allowed two threads before the application opens; from then on it takes one."""
    with threadpool_limits(limits=2, user_api="blas"):
        assert _threads() == {2}
        opened(demo_copy)
        assert _threads() == {1}
