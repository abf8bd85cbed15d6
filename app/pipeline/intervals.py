"""95% intervals for rates, ratios and medians of shoppers' sums. Same data, same interval: every draw is seeded.

What one shopper does hangs together (five impressions of one slate are not five independent trials), so the unit of
every interval is the shopper. Shoppers come in buckets: sums over a random part of the shoppers, or one shopper each
where there are few.
"""

from __future__ import annotations

import math

import numpy as np

from app.domain.catalog import FloatArray
from app.domain.figures import Estimate, Waits

LEAST_N = 30
"""No interval below this many units."""

LEAST_BUCKETS = 10
"""Nor where fewer shoppers (or buckets of them) had any: a handful says nothing of how shoppers differ."""

Z = 1.959963984540054
RESAMPLES = 1000
SEED = 20260101
_LEVELS = (2.5, 97.5)
_BLOCK = 4_000_000
"""Numbers held at a time while resampling: 32 MB."""


def rate(hits: FloatArray, trials: FloatArray, shoppers: FloatArray) -> Estimate:
    """hits / trials with a Wilson interval (1927) at the effective number of trials.

    The effective number is trials divided by the design effect of the shoppers' clusters, never more than the trials
    (Korn & Graubard 1998; Franco et al. 2019). Where nothing or everything hit, clusters show no spread and the number
    of shoppers is taken, the most careful guess there is.

    Args:    hits, trials: per bucket, shape (n_buckets,), 0 <= hits <= trials; shoppers: how many are in each.
    """
    n, k = float(trials.sum()), float(hits.sum())
    if n <= 0:
        return Estimate(None, None, None, 0)
    p = k / n
    used = trials > 0
    buckets = int(used.sum())
    if n < LEAST_N or buckets < LEAST_BUCKETS:
        return Estimate(p, None, None, round(n))
    residual = hits[used] - p * trials[used]
    variance = buckets / (buckets - 1) * float(residual @ residual) / n**2
    plain = p * (1.0 - p) / n
    effective = min(n, n * plain / variance) if variance > 0.0 and plain > 0.0 else min(n, float(shoppers[used].sum()))
    low, high = wilson(p, effective)
    return Estimate(p, low, high, round(n))


def wilson(p: float, n: float) -> tuple[float, float]:
    """Wilson's score interval for a share p of n trials; within 0..1 and around p."""
    centre = (p + Z * Z / (2 * n)) / (1 + Z * Z / n)
    half = Z / (1 + Z * Z / n) * math.sqrt(p * (1 - p) / n + Z * Z / (4 * n * n))
    return max(0.0, min(p, centre - half)), min(1.0, max(p, centre + half))


def ratio(sums: FloatArray, units: FloatArray, *, scale: float = 1.0) -> Estimate:
    """scale * sum(sums) / sum(units), with the percentile interval of a bootstrap over buckets.

    Args:    sums: money or seconds per bucket, shape (n_buckets,); units: what they are divided by, whole numbers.
    Returns: n is the number of units.
    """
    n = float(units.sum())
    if n <= 0:
        return Estimate(None, None, None, 0)
    value = scale * float(sums.sum()) / n
    used = units > 0
    if n < LEAST_N or int(used.sum()) < LEAST_BUCKETS:
        return Estimate(value, None, None, round(n))
    # A bucket without units has no sums either, or they belong to nothing that is counted here.
    table = np.column_stack([sums[used], units[used]])
    drawn = np.concatenate([counts @ table for counts in _draws(len(table))])
    low, high = np.percentile(scale * drawn[:, 0] / drawn[:, 1], _LEVELS)
    return Estimate(value, float(low), float(high), round(n))


def total_over(sums: FloatArray, units: FloatArray, divisor: float) -> Estimate:
    """sum(sums) / divisor for a divisor that is known exactly; n is the number of units, None for a divisor of 0."""
    n = round(float(units.sum()))
    if divisor <= 0:
        return Estimate(None, None, None, n)
    value = float(sums.sum()) / divisor
    used = units > 0
    if n < LEAST_N or int(used.sum()) < LEAST_BUCKETS:
        return Estimate(value, None, None, n)
    drawn = np.concatenate([counts @ sums[used] for counts in _draws(int(used.sum()))])
    low, high = np.percentile(drawn / divisor, _LEVELS)
    return Estimate(value, float(low), float(high), n)


def median(waits: Waits) -> Estimate:
    """The median with the percentile interval of a bootstrap over buckets. With an even n the lower of the two."""
    n = len(waits.seconds)
    if n == 0:
        return Estimate(None, None, None, 0)
    order = np.argsort(waits.seconds, kind="stable")
    ordered = waits.seconds[order]
    value = float(ordered[(n - 1) // 2])
    codes, bucket = np.unique(waits.bucket[order], return_inverse=True)
    if n < LEAST_N or len(codes) < LEAST_BUCKETS:
        return Estimate(value, None, None, n)
    medians = []
    for counts in _draws(len(codes), width=n):
        weight = np.cumsum(counts[:, bucket], axis=1)
        half = weight[:, -1:] / 2.0
        medians.append(ordered[np.argmax(weight >= half, axis=1)])
    low, high = np.percentile(np.concatenate(medians), _LEVELS)
    return Estimate(value, float(low), float(high), n)


def _draws(n: int, *, width: int | None = None) -> list[FloatArray]:
    """How often each of n buckets was drawn in each resample; blocks of shape (resamples, n) that add up to n a row."""
    generator = np.random.default_rng(SEED)
    rows = max(1, min(RESAMPLES, _BLOCK // max(n, 1 if width is None else width)))
    blocks = []
    for start in range(0, RESAMPLES, rows):
        size = min(rows, RESAMPLES - start)
        drawn = generator.integers(0, n, size=(size, n)) + np.arange(size)[:, None] * n
        blocks.append(np.bincount(drawn.ravel(), minlength=size * n).reshape(size, n).astype(np.float64))
    return blocks
