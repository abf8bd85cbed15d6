"""Threads with a bounded queue: what can't be begun for a long time is refused instead of kept."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from typing import ParamSpec, TypeVar

from app.domain.errors import Overloaded
from app.telemetry import ContextPool

_P = ParamSpec("_P")
_T = TypeVar("_T")


class BoundedPool(ContextPool):
    """A pool whose queue holds so much and no more.

    The door lets in far less than that; what gets here beside it (parts of streams, the assistant's tools, searches
    that were given up while an index hangs) must not pile up either.
    """

    def __init__(self, threads: int, *, waiting_most: int, thread_name_prefix: str) -> None:
        super().__init__(threads, thread_name_prefix=thread_name_prefix)
        self._waiting_most = waiting_most

    @property
    def capacity(self) -> int:  # type: ignore[override]
        """What may wait for a thread."""
        return self._waiting_most

    def submit(self, fn: Callable[_P, _T], /, *args: _P.args, **kwargs: _P.kwargs) -> Future[_T]:
        """See ThreadPoolExecutor. With a full queue nothing is run, and the result raises Overloaded."""
        if self.depth >= self._waiting_most:
            refused: Future[_T] = Future()
            refused.set_exception(Overloaded(f"{self._waiting_most} pieces of work wait for a thread."))
            return refused
        return super().submit(fn, *args, **kwargs)
