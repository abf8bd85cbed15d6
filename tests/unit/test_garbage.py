"""Full collections wait for a moment between requests."""

from __future__ import annotations

import asyncio
import contextlib
import gc

import pytest

from app import garbage
from app.garbage import AT_LEAST_EVERY_S, AT_MOST_EVERY_S, NEVER, collect_between_requests, is_due


@pytest.mark.parametrize(
    ("since_s", "busy", "due"),
    [
        (AT_MOST_EVERY_S - 1, False, False),
        (AT_MOST_EVERY_S, False, True),
        (AT_MOST_EVERY_S, True, False),
        (AT_LEAST_EVERY_S - 1, True, False),
        (AT_LEAST_EVERY_S, True, True),
    ],
)
def test_it_is_due_when_nobody_is_served_and_after_a_while_in_any_case(since_s: float, busy: bool, due: bool) -> None:
    """Not often, not while requests are in work, and not never."""
    assert is_due(since_s, busy=busy) is due


def test_nothing_is_collected_while_somebody_is_served(monkeypatch: pytest.MonkeyPatch) -> None:
    """Afterwards it is; meanwhile Python collects younger objects only, and in the end all is as it was."""
    monkeypatch.setattr(garbage, "LOOK_EVERY_S", 0.0)
    monkeypatch.setattr(garbage, "AT_MOST_EVERY_S", 0.0)
    before, told, looks = gc.get_threshold(), list[str](), list[bool]()
    collected = asyncio.Event()

    def busy() -> bool:
        looks.append(len(looks) < 5)
        return looks[-1]

    def collect() -> None:
        told.append(f"after {len(looks)} looks")
        collected.set()

    async def run() -> None:
        task = asyncio.create_task(collect_between_requests(busy, collect))
        await collected.wait()
        assert gc.get_threshold() == (*before[:2], NEVER)
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task

    asyncio.run(run())
    assert told[0] == "after 6 looks"
    assert gc.get_threshold() == before
