"""How far to trust a Sharpe ratio: short records, fat tails, and the best of many trials.

Sharpe ratios here are per bar, not annualised: the formulas count bars, and an annualised ratio
would inflate their results. Kurtosis is excess, 0 for a normal distribution.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import combinations
from statistics import NormalDist

import numpy as np
from attrs import field, frozen

from glowback_trio.engine.analytics.arithmetic import each
from glowback_trio.engine.analytics.returns import FLAT_VARIANCE
from glowback_trio.model.bars import Floats

__all__ = [
    "Overfit",
    "backtest_overfit",
    "deflated_sharpe",
    "expected_max_sharpe",
    "minimum_track_record",
    "probabilistic_sharpe",
]

_NORMAL = NormalDist()
_EULER = 0.5772156649015329  # the Euler-Mascheroni constant
_CELLS = 1 << 15  # of an intermediate array, such that it stays in a processor's cache


def probabilistic_sharpe(
    sharpe: float, count: int, skewness: float, kurtosis: float, target: float = 0.0
) -> float | None:
    """Return the probability that the true Sharpe ratio is above a target.

    Source: D. H. Bailey and M. Lopez de Prado, The Sharpe Ratio Efficient Frontier, 2012.

    Args:
        sharpe: Observed Sharpe ratio, per bar.
        count: Number of returns.
        skewness: Skewness of the returns.
        kurtosis: Excess kurtosis of the returns.
        target: Sharpe ratio to be above, per bar.

    Returns:
        A fraction; None below two returns, or if the moments allow no standard error.
    """
    variance = _variance(sharpe, skewness, kurtosis)
    if count < 2 or variance <= 0:
        return None
    return _NORMAL.cdf((sharpe - target) * math.sqrt((count - 1) / variance))


def minimum_track_record(
    sharpe: float, skewness: float, kurtosis: float, target: float = 0.0, level: float = 0.95
) -> float | None:
    """Return how many returns it takes to be sure that a Sharpe ratio is above a target.

    It is the inverse of `probabilistic_sharpe`, from the same source.

    Args:
        sharpe: Observed Sharpe ratio, per bar.
        skewness: Skewness of the returns.
        kurtosis: Excess kurtosis of the returns.
        target: Sharpe ratio to be above, per bar.
        level: Probability to reach, in (0.5, 1).

    Returns:
        A number of returns, not rounded; None if the observed ratio is not above the target, so
        that no record is long enough, or if the moments allow no standard error.

    Raises:
        ValueError: `level` outside (0.5, 1).
    """
    if not 0.5 < level < 1:
        raise ValueError(f"level should be within (0.5, 1), not {level!r}")
    variance = _variance(sharpe, skewness, kurtosis)
    if sharpe <= target or variance <= 0:
        return None
    return 1.0 + variance * (_NORMAL.inv_cdf(level) / (sharpe - target)) ** 2


def _variance(sharpe: float, skewness: float, kurtosis: float) -> float:
    """Return the variance of the Sharpe ratio's estimator, times the number of returns less 1."""
    return 1.0 - skewness * sharpe + (kurtosis + 2.0) / 4.0 * sharpe**2


def expected_max_sharpe(trials: int, variance: float) -> float:
    """Return the best Sharpe ratio to expect of independent trials without any skill.

    Source: D. H. Bailey and M. Lopez de Prado, The Deflated Sharpe Ratio, 2014.

    Args:
        trials: Number of trials, at least 1; of a single one, which selects nothing, 0.0 is
            expected.
        variance: Variance of the trials' Sharpe ratios, in the square of their unit.

    Returns:
        In the unit of the trials' ratios.

    Raises:
        ValueError: No trials, or a negative variance.
    """
    if trials < 1 or variance < 0:
        raise ValueError(
            f"trials should be at least 1 and variance not negative, not {(trials, variance)!r}"
        )
    if trials == 1:
        return 0.0
    best = _NORMAL.inv_cdf(1.0 - 1.0 / trials)
    beyond = _NORMAL.inv_cdf(1.0 - 1.0 / (trials * math.e))
    return math.sqrt(variance) * ((1.0 - _EULER) * best + _EULER * beyond)


def deflated_sharpe(
    sharpe: float, count: int, skewness: float, kurtosis: float, *, trials: int, variance: float
) -> float | None:
    """Return the probability that the best Sharpe ratio of many trials is more than luck.

    It is the probabilistic Sharpe ratio against the best one to expect of trials without skill.
    Trials that resemble each other count less: give the number of independent ones.

    Source: D. H. Bailey and M. Lopez de Prado, The Deflated Sharpe Ratio, 2014.

    Args:
        sharpe: Sharpe ratio of the best trial, per bar.
        count: Number of its returns.
        skewness: Skewness of its returns.
        kurtosis: Excess kurtosis of its returns.
        trials: Number of trials it was picked from, at least 1.
        variance: Variance of all trials' Sharpe ratios, per bar.

    Returns:
        A fraction; None as `probabilistic_sharpe`.

    Raises:
        ValueError: As `expected_max_sharpe`.
    """
    luck = expected_max_sharpe(trials, variance)
    return probabilistic_sharpe(sharpe, count, skewness, kurtosis, luck)


@frozen(eq=False)
class Overfit:
    """How the best trial of one half of the data did in the other half, over all splits.

    Attributes:
        probability: Probability of backtest overfitting: the fraction of splits in which the trial
            that was best in sample was at or below the median out of sample.
        loss_probability: Fraction of splits in which its Sharpe ratio out of sample was negative.
        logits: Logits of its relative rank out of sample, (splits,): below zero is below the
            median.
    """

    probability: float
    loss_probability: float
    logits: Floats = field(repr=False)


def backtest_overfit(returns: Floats, blocks: int = 16) -> Overfit:
    """Estimate the probability of backtest overfitting by combinatorially symmetric validation.

    The bars are cut into blocks, and every choice of half of them is one split: its blocks are in
    sample, the others out of sample. A trial that does not move in a half scores 0 there. Ties in
    sample go to the first trial, ties out of sample share their mean rank.

    Source: D. H. Bailey, J. M. Borwein, M. Lopez de Prado and Q. J. Zhu, The Probability of
    Backtest Overfitting, 2015.

    Args:
        returns: (T, N) returns per bar of N trials, fractions.
        blocks: Number of blocks, even; if T is no multiple of it, some have one bar more.

    Raises:
        ValueError: An odd number of blocks or less than two, fewer than two trials, or fewer than
            two bars to a block.
    """
    if blocks < 2 or blocks % 2:
        raise ValueError(f"blocks should be an even number from 2, not {blocks!r}")
    if returns.ndim != 2 or returns.shape[1] < 2 or len(returns) < 2 * blocks:
        raise ValueError(
            f"returns should be of at least 2 trials on {2 * blocks} bars, (T, N), "
            f"not of shape {returns.shape!r}"
        )
    # A Sharpe ratio over any set of blocks needs only their sums and sums of squares, so all splits
    # are one product of a matrix of zeros and ones with the sums of the blocks. They are taken some
    # at a time, which bounds the intermediate arrays.
    sums, chosen = _BlockSums.of(returns, blocks), _halves(blocks)
    most = max(1, _CELLS // returns.shape[1])
    parts = [
        part
        for first in range(0, len(chosen), most)
        for part in _both_ways(sums, chosen[first : first + most])
    ]
    rank, sharpe = (np.concatenate(column) for column in zip(*parts, strict=True))
    logits = np.asarray(each(math.log, rank / (returns.shape[1] + 1.0 - rank)))
    return Overfit(float((logits <= 0).mean()), float((sharpe < 0).mean()), logits)


@frozen(eq=False)
class _BlockSums:
    """Deviations of all trials' returns from their means, summed block by block.

    Attributes:
        bars: (S, 1) number of bars in each block.
        total: (S, N) sums of the deviations.
        square: (S, N) sums of their squares.
        mean: (N,) mean return of each trial.
    """

    bars: Floats
    total: Floats
    square: Floats
    mean: Floats

    @classmethod
    def of(cls, returns: Floats, blocks: int) -> _BlockSums:
        starts = np.arange(blocks) * len(returns) // blocks
        mean = returns.mean(axis=0)
        beyond = returns - mean
        total = np.add.reduceat(beyond, starts)
        square = np.add.reduceat(np.square(beyond, out=beyond), starts)
        bars = np.diff(starts, append=len(returns)).astype(float)[:, np.newaxis]
        return cls(bars, total, square, mean)

    def sharpe(self, chosen: Floats) -> Floats:
        """Return Sharpe ratios over sets of blocks, with ddof 0, which changes no rank.

        Args:
            chosen: (C, S), 1.0 for a block in the set, else 0.0.

        Returns:
            (C, N) per bar.
        """
        bars = chosen @ self.bars
        beyond = (chosen @ self.total) / bars
        variance = (chosen @ self.square) / bars - beyond * beyond
        spread = np.sqrt(np.maximum(variance, FLAT_VARIANCE))
        return np.where(variance > FLAT_VARIANCE, (self.mean + beyond) / spread, 0.0)


def _halves(blocks: int) -> Floats:
    """Return every way to cut the blocks in halves, (C, S): 1.0 in the half of the first block."""
    members = np.array(list(combinations(range(1, blocks), blocks // 2 - 1)), dtype=np.intp)
    chosen = np.zeros((len(members), blocks))
    chosen[:, 0] = 1.0
    np.put_along_axis(chosen, members, 1.0, axis=1)
    return chosen


def _both_ways(sums: _BlockSums, chosen: Floats) -> Iterator[tuple[Floats, Floats]]:
    """Rank the trials that were best in one half by the other half, and the other way round."""
    one, other = sums.sharpe(chosen), sums.sharpe(1.0 - chosen)
    yield _out_of_sample(one, other)
    yield _out_of_sample(other, one)


def _out_of_sample(inside: Floats, outside: Floats) -> tuple[Floats, Floats]:
    """Return how the trials that were best in sample did out of sample.

    Args:
        inside: Sharpe ratios in sample, (C, N).
        outside: Sharpe ratios out of sample, (C, N).

    Returns:
        Their ranks among all trials out of sample, 1 for the worst, and their Sharpe ratios there,
        (C,) each.
    """
    best = np.take_along_axis(outside, inside.argmax(axis=1)[:, np.newaxis], axis=1)
    worse = np.count_nonzero(outside < best, axis=1)
    tied = np.count_nonzero(outside == best, axis=1)
    return worse + (tied + 1.0) / 2.0, best[:, 0]
