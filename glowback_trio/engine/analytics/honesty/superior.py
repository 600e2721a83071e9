"""Tests for superior ability: whether the best of all trials beats a benchmark by more than luck.

Sources: P. R. Hansen, A Test for Superior Predictive Ability, 2005; H. White, A Reality Check for
Data Snooping, 2000; the stationary bootstrap of D. N. Politis and J. P. Romano, 1994.
"""

from __future__ import annotations

import math

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from glowback_trio.engine.analytics.bootstrap.cells import Sample
from glowback_trio.engine.analytics.bootstrap.dependence import block_length
from glowback_trio.engine.analytics.honesty.sketch import SketchBatch

__all__ = ["SuperiorAbility", "superior_ability"]

_CELLS = 1 << 19  # of an intermediate array
_LEAST_BLOCKS = 8

Singles = NDArray[np.float32]


@frozen
class SuperiorAbility:
    """P-values of the hypothesis that no trial is better than the benchmark.

    Attributes:
        statistic: Hansen's statistic: the largest mean return over its standard error, at least 0.
        consistent: His p-value; trials that are clearly worse than the benchmark do not count.
        lower: A lower bound of it: only trials that did better than the benchmark count.
        upper: An upper bound of it: all trials count as if they were as good as the benchmark.
        reality_check: White's p-value, of mean returns without regard to their standard errors.
    """

    statistic: float
    consistent: float
    lower: float
    upper: float
    reality_check: float


def superior_ability(
    batch: SketchBatch,
    random: np.random.Generator,
    *,
    replicates: int = 1000,
    mean_length: float | None = None,
) -> SuperiorAbility | None:
    """Test whether the best trial is better than the benchmark, considering all that were tried.

    The sketched returns have to be those in excess of the benchmark; returns less those without
    risk test against holding cash. What is resampled is the blocks of the sketches.

    Args:
        batch: Sketches of all trials.
        random: Source of the replicates: the same state gives the same p-values.
        replicates: Number of replicates, at least 1.
        mean_length: Mean length of what is resampled in one piece, in bars; by default as
            `block_length` finds it for the trial with the largest statistic.

    Returns:
        None if no trial moves, or for fewer than sixteen bars.

    Raises:
        ValueError: `replicates` or `mean_length` below 1.
    """
    if replicates < 1 or (mean_length is not None and mean_length < 1):
        given = (replicates, mean_length)
        raise ValueError(f"replicates and mean_length should be at least 1, not {given!r}")
    moving, blocks = np.flatnonzero(batch.unit > 0), batch.total.shape[1]
    if not len(moving) or blocks < _LEAST_BLOCKS:
        return None
    best = moving[np.argmax(batch.sharpe[moving])]
    cells = block_length(batch.total[best].astype(float))
    if mean_length is not None:
        cells = max(1.0, mean_length * blocks / batch.count)
    drawn = _weights(Sample.draw(blocks, replicates, cells, random))
    most = _Largest(replicates)
    width = max(1, _CELLS // replicates)
    for first in range(0, len(moving), width):
        most.add(batch, moving[first : first + width], drawn)
    return most.p_values()


def _weights(sample: Sample) -> Singles:
    """Return how often each replicate has each block, (R, S)."""
    rows = sample.rows()
    places = rows + sample.cells * np.arange(len(rows))[:, np.newaxis]
    counts = np.bincount(places.ravel(), minlength=rows.size)
    return counts.reshape(rows.shape).astype(np.float32)


class _Largest:
    """The largest statistics of the record and of each replicate, over the trials so far."""

    def __init__(self, replicates: int) -> None:
        self._statistic, self._mean = 0.0, -math.inf
        self._drawn = np.zeros((3, replicates), np.float32)  # lower, consistent, upper
        self._drawn_mean = np.full(replicates, -math.inf, np.float32)

    def add(self, batch: SketchBatch, trials: NDArray[np.intp], weights: Singles) -> None:
        """Take further trials into account.

        Args:
            batch: Sketches of all trials.
            trials: Which of them, (n,).
            weights: (R, S) how often each replicate has each block.
        """
        unit = batch.unit[trials]
        # How far each replicate's sum is from the record's, (R, n). Whole numbers, and so exact.
        beyond = weights @ batch.total[trials].T.astype(np.float32)
        error = np.sqrt(np.square(beyond).sum(axis=0, dtype=float) / len(beyond))
        total = batch.mean[trials] * batch.count
        mean = beyond * unit.astype(np.float32)
        np.maximum(self._drawn_mean, mean.max(axis=1), out=self._drawn_mean)
        self._mean = max(self._mean, float(total.max()))
        # A trial whose replicates are all alike says nothing of its error.
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio = np.where(error > 0, total / (unit * error), -math.inf)
            beyond /= error.astype(np.float32)
        self._statistic = max(self._statistic, float(ratio.max()))
        beyond[:, error <= 0] = -math.inf
        # By how much a trial counts as worse than the benchmark in each of the three.
        threshold = -math.sqrt(2.0 * math.log(math.log(batch.count)))
        behind = (np.minimum(ratio, 0.0), np.where(ratio < threshold, ratio, 0.0))
        for drawn, shift in zip(self._drawn, behind, strict=False):
            np.maximum(drawn, (beyond + shift.astype(np.float32)).max(axis=1), out=drawn)
        np.maximum(self._drawn[2], beyond.max(axis=1), out=self._drawn[2])

    def p_values(self) -> SuperiorAbility:
        """Return the parts of replicates with a larger statistic than the record's."""
        lower, consistent, upper = (self._drawn > self._statistic).mean(axis=1).tolist()
        check = float((self._drawn_mean > self._mean).mean())
        return SuperiorAbility(self._statistic, consistent, lower, upper, check)
