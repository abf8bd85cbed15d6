"""A child process that does not outlive the process that started it, however that ended."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
from multiprocessing.process import BaseProcess

LAST_WORD_S = 25.0
"""How long after SIGTERM a process may go on ending: longer than requests and model calls are waited for."""


def end_with_parent() -> None:
    """From now on this process gets SIGTERM when its parent is gone, kill -9 included, and SIGKILL a while later.

    The parent is the one that started it through `multiprocessing`; without one nothing happens.
    """
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_watch, args=(parent,), name="parent-watch", daemon=True).start()


def _watch(parent: BaseProcess) -> None:
    parent.join()  # a pipe of which the parent alone holds the other end
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(LAST_WORD_S)
    os.kill(os.getpid(), signal.SIGKILL)
