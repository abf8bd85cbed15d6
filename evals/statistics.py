"""Intervals by bootstrap over users (or queries), paired differences, and figures by segment.

Every interval is the 95% percentile interval of a non-parametric bootstrap (Efron & Tibshirani 1993): the units are
drawn with replacement, with a seed, and all figures of one resample come from the same draw, so that two models are
compared on the same users. A unit whose figure is NaN could not be scored: it is left out and counted, never a zero.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from app.domain.catalog import BoolArray, FloatArray, IntArray

RESAMPLES = 1000
SEED = 20260101
_LEVELS = (2.5, 97.5)
_BLOCK = 8_000_000
"""Elements of the block of resample counts held at a time: 32 MB."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """A mean over n units with its 95% interval; NaN throughout where n is 0."""

    value: float
    low: float
    high: float
    n: int

    @property
    def above_zero(self) -> bool:
        """Whether the whole interval lies above 0."""
        return self.low > 0.0

    @property
    def below_zero(self) -> bool:
        """Whether the whole interval lies below 0."""
        return self.high < 0.0


NOTHING = Estimate(float("nan"), float("nan"), float("nan"), 0)


@dataclass(frozen=True, slots=True)
class Bootstrap:
    """Draws of n units with replacement. Two of the same n, seed and number draw the same."""

    n: int
    seed: int = SEED
    resamples: int = RESAMPLES

    def counts(self) -> Iterator[NDArray[np.float32]]:
        """How often each unit was drawn, blocks of resamples; shape (block, n), rows add up to n."""
        generator = np.random.default_rng(self.seed)
        rows = max(1, min(self.resamples, _BLOCK // max(1, self.n)))
        for start in range(0, self.resamples, rows):
            size = min(rows, self.resamples - start)
            drawn = generator.integers(0, self.n, size=(size, self.n))
            drawn += np.arange(size)[:, None] * self.n
            counts = np.bincount(drawn.ravel(), minlength=size * self.n)
            yield counts.reshape(size, self.n).astype(np.float32)

    def means(self, values: FloatArray) -> FloatArray:
        """Mean of each column in each resample, over the units that could be scored.

        Args:    values: shape (n, m); NaN = could not be scored.
        Returns: shape (resamples, m); NaN where a resample holds no scored unit.
        """
        scored = ~np.isnan(values)
        filled = np.where(scored, values, 0.0).astype(np.float32)
        present = scored.astype(np.float32)
        everything = bool(scored.all())
        parts = []
        for counts in self.counts():
            total = counts @ filled
            weight = np.float32(self.n) if everything else counts @ present
            with np.errstate(invalid="ignore", divide="ignore"):
                parts.append(np.asarray(total / weight, dtype=np.float64))
        return np.concatenate(parts)

    def estimates(self, values: FloatArray) -> list[Estimate]:
        """One estimate per column of values, shape (n, m)."""
        if self.n == 0:
            return [NOTHING] * values.shape[1]
        means = self.means(values)
        return [_estimate(values[:, column], means[:, column]) for column in range(values.shape[1])]

    def estimate(self, values: FloatArray) -> Estimate:
        """The estimate of one figure per unit, shape (n,)."""
        return self.estimates(values[:, None])[0]

    def paired(self, values: FloatArray, reference: FloatArray) -> Estimate:
        """Mean of values - reference over the units scored by both; the interval is of that mean difference."""
        return self.estimate(values - reference)


def _estimate(values: FloatArray, means: FloatArray) -> Estimate:
    scored = ~np.isnan(values)
    if not scored.any():
        return NOTHING
    low, high = np.nanpercentile(means, _LEVELS)
    return Estimate(float(values[scored].mean()), float(low), float(high), int(scored.sum()))


def shifted_interval(value: float, resampled: FloatArray, n: int) -> Estimate:
    """The estimate of a figure of a whole set of units, whose resamples are off in one direction.

    A resample holds only about 63% of the units, so counts of distinct things (coverage) come out too small in every
    one of them. The interval is therefore the resamples' spread, moved so that its middle is the figure itself.
    """
    low, high = np.percentile(resampled, _LEVELS) - resampled.mean()
    return Estimate(value, value + float(low), value + float(high), n)


@dataclass(frozen=True, slots=True)
class Segments:
    """Consecutive ranges of a whole number. `edges[i]` is the smallest number of segment i; the last has no end."""

    edges: tuple[int, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """ "0", "1", "4-10", … ">50", in order."""
        ends = [edge - 1 for edge in self.edges[1:]]
        names = [str(a) if a == b else f"{a}-{b}" for a, b in zip(self.edges, ends, strict=False)]
        return (*names, f">{self.edges[-1] - 1}")

    def masks(self, numbers: IntArray) -> Mapping[str, BoolArray]:
        """Name → which of the numbers lie in it, shape (n,); numbers under the first edge lie in none."""
        code = np.searchsorted(np.asarray(self.edges), numbers, side="right") - 1
        return {name: code == i for i, name in enumerate(self.names)}


HISTORY = Segments((0, 1, 2, 3, 4, 11, 51))
"""Shoppers by the number of their interactions: 0, 1, 2, 3, 4-10, 11-50, >50."""


def by_segment(
    masks: Mapping[str, BoolArray], columns: Sequence[FloatArray], *, seed: int = SEED, resamples: int = RESAMPLES
) -> Mapping[str, Sequence[Estimate]]:
    """Segment → one estimate per column, each column of shape (n,); resampled within the segment."""
    stacked = np.column_stack(columns)
    return {name: Bootstrap(int(mask.sum()), seed, resamples).estimates(stacked[mask]) for name, mask in masks.items()}
