"""Whether a difference is more than chance: paired tests that respect clusters, Holm's correction, what could be seen.

Units that belong to one cluster (the cases of one shopper) are not independent. Everything here draws, flips or counts
whole clusters, so that twenty cases of one shopper weigh as one observation where they say the same.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from app.domain.catalog import FloatArray, IntArray
from evals.statistics import NOTHING, RESAMPLES, SEED, Bootstrap, Estimate

FLIPS = 4999
"""Random sign flips of a test; the smallest p is 1 / (FLIPS + 1), small enough for Holm over some 200 hypotheses."""
EXACT_CLUSTERS = 12
"""With at most so many clusters every one of the 2^n sign flips is counted."""
_LEVELS = (2.5, 97.5)


def clustered(values: FloatArray, clusters: Sequence[str]) -> tuple[FloatArray, FloatArray, IntArray]:
    """Sum and number of the scored units of each cluster, and the cluster of each unit.

    Args:    values: shape (n,), NaN = could not be scored; clusters: shape (n,), the name of each unit's cluster.
    Returns: sums (k,), counts (k,), codes (n,); clusters without a scored unit have count 0.
    """
    _, codes = np.unique(np.asarray(clusters, dtype=object).astype(str), return_inverse=True)
    k = int(codes.max()) + 1 if len(codes) else 0
    scored = ~np.isnan(values)
    sums = np.bincount(codes[scored], weights=values[scored], minlength=k).astype(np.float64)
    counts = np.bincount(codes[scored], minlength=k).astype(np.float64)
    return sums, counts, codes.astype(np.int32)


def cluster_estimate(
    values: FloatArray, clusters: Sequence[str], *, seed: int = SEED, resamples: int = RESAMPLES
) -> Estimate:
    """The mean over units with the 95% percentile interval of a bootstrap that draws whole clusters.

    Field & Welsh (2007), cluster bootstrap. `n` counts scored units, not clusters; NOTHING where there is none.
    """
    sums, counts, _ = clustered(values, clusters)
    sums, counts = sums[counts > 0], counts[counts > 0]
    if not len(counts):
        return NOTHING
    drawn = np.concatenate(list(Bootstrap(len(counts), seed, resamples).counts())).astype(np.float64)
    means = (drawn @ sums) / (drawn @ counts)
    low, high = np.percentile(means, _LEVELS)
    return Estimate(float(sums.sum() / counts.sum()), float(low), float(high), int(counts.sum()))


def sign_flip_p(differences: FloatArray, clusters: Sequence[str], *, seed: int = SEED, flips: int = FLIPS) -> float:
    """Two-sided p of "the differences are as likely to point either way", by flipping the signs of whole clusters.

    A randomisation test (Fisher 1935): exact at any number of clusters where the two sides are exchangeable, which is
    what "the two prompts are equally good" says. A bootstrap's own tail is too thin with few clusters. Phipson & Smyth
    (2010): the observed assignment counts as one of the flips, so p is never 0.

    Returns: 1.0 where nothing differs or nothing could be scored.
    """
    sums, _, _ = clustered(differences, clusters)
    sums = sums[np.abs(sums) > 1e-12]
    if not len(sums):
        return 1.0
    observed = abs(float(sums.sum())) * (1.0 - 1e-9)
    if len(sums) <= EXACT_CLUSTERS:
        bits = np.arange(2 ** len(sums))[:, None] >> np.arange(len(sums)) & 1
        return float(np.mean(np.abs((1 - 2 * bits) @ sums) >= observed))
    signs = np.random.default_rng(seed).integers(0, 2, size=(flips, len(sums)), dtype=np.int8) * 2 - 1
    return float((1 + np.count_nonzero(np.abs(signs @ sums) >= observed)) / (flips + 1))


def mcnemar_p(only_new: int, only_old: int) -> float:
    """Two-sided p of McNemar's test: exact (binomial) up to 25 discordant pairs, above with continuity correction.

    Args: only_new: cases that pass on the new side only; only_old: on the old side only.
    """
    discordant = only_new + only_old
    if discordant == 0:
        return 1.0
    if discordant <= 25:
        return float(stats.binomtest(only_new, discordant, 0.5).pvalue)
    statistic = max(0.0, abs(only_new - only_old) - 1.0) ** 2 / discordant
    return float(stats.chi2.sf(statistic, df=1))


def holm(p_values: Sequence[float]) -> tuple[float, ...]:
    """Adjusted p values (Holm 1979), in the order given: rejecting those under a keeps the family-wise error under a.

    A p that is NaN was never tested: it stays NaN and does not count for the number of hypotheses.
    """
    p = np.asarray(p_values, dtype=np.float64)
    adjusted = np.full(len(p), np.nan)
    tested = np.flatnonzero(~np.isnan(p))
    order = tested[np.argsort(p[tested], kind="stable")]
    highest = 0.0
    for rank, place in enumerate(order.tolist()):
        highest = max(highest, min(1.0, float(p[place]) * (len(order) - rank)))
        adjusted[place] = highest
    return tuple(adjusted.tolist())


def minimum_detectable(
    differences: FloatArray, clusters: Sequence[str], *, alpha: float = 0.05, power: float = 0.8
) -> float:
    """The smallest true mean difference that these clusters would show with this power, two-sided at alpha.

    (t_{1-alpha/2} + t_{power}) times the standard error of the mean over clusters (Bloom 1995). NaN with under two
    scored clusters: nothing could be shown. 0 where every difference is the same.
    """
    sums, counts, _ = clustered(differences, clusters)
    sums, counts = sums[counts > 0], counts[counts > 0]
    k = len(counts)
    if k < 2:
        return math.nan
    mean = sums.sum() / counts.sum()
    residuals = sums - mean * counts
    error = math.sqrt(k / (k - 1) * float(residuals @ residuals)) / float(counts.sum())
    return float((stats.t.ppf(1 - alpha / 2, k - 1) + stats.t.ppf(power, k - 1)) * error)


def rule_of_three(n: int) -> float:
    """The 95% upper bound of a share of which none was seen in n trials: 1 - 0.05^(1/n), about 3/n; 1.0 for n = 0."""
    return 1.0 if n <= 0 else 1.0 - 0.05 ** (1.0 / n)


@dataclass(frozen=True, slots=True)
class Share:
    """A share of n with its exact 95% interval (Clopper & Pearson 1934)."""

    hits: int
    n: int
    low: float
    high: float

    @property
    def value(self) -> float:
        """hits / n; NaN of none."""
        return self.hits / self.n if self.n else math.nan


def share(hits: int, n: int) -> Share:
    """The share with its interval; 0 to 1 for n = 0."""
    if n == 0:
        return Share(0, 0, 0.0, 1.0)
    interval = stats.binomtest(hits, n).proportion_ci(0.95, "exact")
    return Share(hits, n, float(interval.low), float(interval.high))
