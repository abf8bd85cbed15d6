"""Ids are random, each is given once."""

from __future__ import annotations

import os
import uuid
from concurrent.futures import ThreadPoolExecutor

from app import ids


def test_they_are_random_uuids() -> None:
    """Of version 4, as 32 hexadecimal digits: what a trace id has to be, too."""
    for _ in range(3 * ids.DRAWN):
        made = ids.new_id()
        assert uuid.UUID(made).version == 4
        assert uuid.UUID(made).hex == made


def test_no_two_are_the_same() -> None:
    """Not of several threads either."""
    with ThreadPoolExecutor(4) as pool:
        made = list(pool.map(lambda _: ids.new_id(), range(4_000)))
    assert len(set(made)) == 4_000


def test_a_forked_process_has_ids_of_its_own() -> None:
    """What the parent has drawn it must not hand out as well."""
    ids.new_id()
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(write, ids.new_id().encode())
        os._exit(0)
    os.waitpid(child, 0)
    told = os.read(read, 32).decode()
    os.close(read)
    os.close(write)
    assert told not in {ids.new_id() for _ in range(2 * ids.DRAWN)}
