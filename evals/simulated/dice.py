"""Randomness that is a function of its labels: the same labels always give the same draw."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import TypeVar

T = TypeVar("T")
_NORMAL = NormalDist()


def fingerprint(*parts: object) -> str:
    """32 hexadecimal digits that depend on every part and on their order."""
    joined = "\x1f".join(str(part) for part in parts)
    return hashlib.blake2b(joined.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


@dataclass(frozen=True, slots=True)
class Dice:
    """Draws by label, so that one more draw somewhere never changes the others."""

    seed: str

    def share(self, *labels: object) -> float:
        """Uniform in [0, 1)."""
        return (int(fingerprint(self.seed, *labels)[:13], 16)) / 16**13

    def normal(self, *labels: object) -> float:
        """Standard normal."""
        return _NORMAL.inv_cdf(min(max(self.share(*labels), 1e-9), 1 - 1e-9))

    def below(self, n: int, *labels: object) -> int:
        """Uniform in 0..n-1; n is at least 1."""
        return int(self.share(*labels) * n)

    def pick(self, choices: Sequence[T], *labels: object) -> T:
        """One of the choices, which are not empty."""
        return choices[self.below(len(choices), *labels)]

    def shuffled(self, items: Sequence[T], *labels: object) -> list[T]:
        """The items in an order that depends on the labels only."""
        places = sorted(range(len(items)), key=lambda i: self.share(*labels, i))
        return [items[i] for i in places]
