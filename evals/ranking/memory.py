"""Peak memory of this process, and of one piece of work in it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

_STATUS = Path("/proc/self/status")
_RESET = Path("/proc/self/clear_refs")


def peak_mib() -> float | None:
    """Largest resident size that this process has had (or since the peak was reset), None where it can't be told."""
    return _field("VmHWM")


def resident_mib() -> float | None:
    """Resident size now, None where it can't be told."""
    return _field("VmRSS")


def _field(name: str) -> float | None:
    if not _STATUS.exists():
        return None
    for line in _STATUS.read_text().splitlines():
        if line.startswith(name + ":"):
            return int(line.split()[1]) / 1024
    return None


@dataclass(slots=True)
class Added:
    """Memory that a piece of work took at its peak beyond what was resident before."""

    mib: float | None = None


@contextmanager
def added_memory() -> Iterator[Added]:
    """Fills in `mib` at the end of the block. Resets the peak of the process (Linux), so don't nest it."""
    added = Added()
    before = resident_mib()
    with suppress(OSError):
        _RESET.write_text("5")
    yield added
    after = peak_mib()
    if before is not None and after is not None:
        added.mib = max(0.0, after - before)
