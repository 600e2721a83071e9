"""The probability of backtest overfitting, by combinatorially symmetric cross-validation.

Source: D. H. Bailey, J. M. Borwein, M. Lopez de Prado and Q. J. Zhu, The Probability of Backtest
Overfitting, 2015.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import combinations
from typing import Any

import numpy as np
from attrs import field, frozen
from numpy.typing import NDArray

from glowback_trio.engine.analytics.arithmetic import each
from glowback_trio.engine.analytics.honesty.sketch import SketchBatch, block_starts
from glowback_trio.engine.analytics.returns import FLAT_VARIANCE
from glowback_trio.model.bars import Floats

__all__ = ["Overfit", "backtest_overfit", "sketched_overfit"]

_CELLS = 1 << 15  # of an intermediate array, such that it stays in a processor's cache
_ROUNDING = 1e-12  # part of a variance that is left where sums should cancel

Numbers = NDArray[np.floating[Any]]


@frozen(eq=False)
class Overfit:
    """Results of the best trial of one half of the data in the other half, over all splits.

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
    """Estimate the probability of backtest overfitting from returns.

    The bars are cut into blocks, and every choice of half of them is one split: its blocks are in
    sample, the others out of sample. A trial that does not move in a half scores 0 there. Ties in
    sample go to the first trial, ties out of sample share their mean rank.

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
    return _over_all_splits(_BlockSums.of(returns, blocks))


def sketched_overfit(batch: SketchBatch) -> Overfit | None:
    """Estimate the probability of backtest overfitting from sketches.

    It is `backtest_overfit` with the sketches' coarse blocks, sixteen for records from 32 bars on.

    Returns:
        None for fewer than two trials, or fewer than four bars.
    """
    if len(batch) < 2 or batch.square.shape[1] < 2:
        return None
    return _over_all_splits(_BlockSums.sketched(batch))


def _over_all_splits(sums: _BlockSums) -> Overfit:
    # A Sharpe ratio over any set of blocks needs only their sums and sums of squares, so all splits
    # are one product of a matrix of zeros and ones with the sums of the blocks. They are taken some
    # at a time, which bounds the intermediate arrays.
    blocks, trials = sums.total.shape
    chosen = _halves(blocks).astype(sums.total.dtype)
    most = max(1, _CELLS // trials)
    parts = [
        part
        for first in range(0, len(chosen), most)
        for part in _both_ways(sums, chosen[first : first + most])
    ]
    rank, sharpe = (np.concatenate(column) for column in zip(*parts, strict=True))
    logits = np.asarray(each(math.log, rank / (trials + 1.0 - rank)))
    return Overfit(float((logits <= 0).mean()), float((sharpe < 0).mean()), logits)


@frozen(eq=False)
class _BlockSums:
    """Deviations of all trials' returns from their means, summed block by block.

    Attributes:
        bars: (S, 1) number of bars in each block.
        total: (S, N) sums of the deviations, in units.
        square: (S, N) sums of their squares, in units.
        mean: (N,) mean return of each trial.
        unit: (N,) what the sums count.
        square_unit: (N,) what the sums of squares count.
        flat: (N,) variance that is nothing but rounding.
    """

    bars: Numbers
    total: Numbers
    square: Numbers
    mean: Numbers
    unit: Numbers
    square_unit: Numbers
    flat: Numbers

    @classmethod
    def of(cls, returns: Floats, blocks: int) -> _BlockSums:
        starts = block_starts(len(returns), blocks)
        mean = returns.mean(axis=0)
        beyond = returns - mean
        total = np.add.reduceat(beyond, starts)
        square = np.add.reduceat(np.square(beyond, out=beyond), starts)
        bars = np.diff(starts, append=len(returns)).astype(float)[:, np.newaxis]
        one = np.ones_like(mean)
        flat = FLAT_VARIANCE + _ROUNDING * square.sum(axis=0) / len(returns)
        return cls(bars, total, square, mean, one, one, flat)

    @classmethod
    def sketched(cls, batch: SketchBatch) -> _BlockSums:
        trials, blocks = batch.square.shape
        bars = np.diff(block_starts(batch.count, blocks), append=batch.count)[:, np.newaxis]
        total = batch.total.reshape(trials, blocks, -1).sum(axis=2)
        # Half a unit of each block, with as much to spare.
        flat = FLAT_VARIANCE + batch.square_unit * (blocks / batch.count)
        units = (batch.unit, batch.square_unit, flat)
        columns = (bars, total.T, batch.square.T, batch.mean, *units)
        # Single precision, because it is faster, and still has all bits of sums of units.
        return cls(*(np.ascontiguousarray(one, dtype=np.float32) for one in columns))

    def sharpe(self, chosen: Numbers) -> Numbers:
        """Return Sharpe ratios over sets of blocks, with ddof 0, which changes no rank.

        Args:
            chosen: (C, S), 1.0 for a block in the set, else 0.0.

        Returns:
            (C, N) per bar.
        """
        bars = chosen @ self.bars
        beyond = chosen @ self.total
        beyond *= self.unit
        beyond /= bars
        variance = chosen @ self.square
        variance *= self.square_unit
        variance /= bars
        variance -= beyond * beyond
        beyond += self.mean
        beyond[variance <= self.flat] = 0.0
        spread = np.maximum(variance, self.flat, out=variance)
        beyond /= np.sqrt(spread, out=spread)
        return beyond


def _halves(blocks: int) -> Floats:
    """Return every way to cut the blocks in halves, (C, S): 1.0 in the half of the first block."""
    members = np.array(list(combinations(range(1, blocks), blocks // 2 - 1)), dtype=np.intp)
    chosen = np.zeros((len(members), blocks))
    chosen[:, 0] = 1.0
    np.put_along_axis(chosen, members, 1.0, axis=1)
    return chosen


def _both_ways(sums: _BlockSums, chosen: Numbers) -> Iterator[tuple[Numbers, Numbers]]:
    """Rank the trials that were best in one half by the other half, and the other way round."""
    one, other = sums.sharpe(chosen), sums.sharpe(1 - chosen)
    yield _out_of_sample(one, other)
    yield _out_of_sample(other, one)


def _out_of_sample(inside: Numbers, outside: Numbers) -> tuple[Numbers, Numbers]:
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
