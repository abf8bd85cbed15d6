"""How many threads one matrix product may take while requests are served: one."""

from __future__ import annotations

from threadpoolctl import threadpool_limits


def one_thread_each() -> None:
    """Limits every linear algebra library of this process to one thread per call, from here on.

    OPENBLAS_NUM_THREADS says the same, but only to a library that is loaded after it was set, and numpy may be there
    before anything of ours runs. A product of a thousand vectors takes 0.1 ms on one thread; a second thread spins on
    another core for several milliseconds, waiting for the next (docs/capacity.md). Training lifts the limit where it
    gains from it.
    """
    threadpool_limits(limits=1, user_api="blas")
