"""Ids of requests and of recommendations: random, so that nobody can guess one, and drawn many at a time.

Asking the operating system for each costs more than all the rest of an id.
"""

from __future__ import annotations

import os
import uuid

DRAWN = 256
"""Ids that are made at once."""

_waiting: list[str] = []


def new_id() -> str:
    """A random UUID (version 4) as 32 hexadecimal digits. Any thread may call it."""
    while True:
        try:
            return _waiting.pop()  # one step of the interpreter: no two threads are given the same
        except IndexError:
            _waiting.extend(_drawn())


def _drawn() -> list[str]:
    random = os.urandom(16 * DRAWN)
    return [uuid.UUID(bytes=random[at : at + 16], version=4).hex for at in range(0, len(random), 16)]


# A process that is forked must not hand out what its parent will.
os.register_at_fork(after_in_child=_waiting.clear)
