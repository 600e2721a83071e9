"""Cells of a record of returns, of which the bootstrap puts replicates together.

To bound time and memory for records of any length, blocks are made of cells: in a record of up to
512 returns a cell is one return, in a longer one it is several neighbours. The metrics of a
replicate are exact all the same, down to the drawdown within a cell, because a cell carries all
that it takes to combine it with others; only, blocks begin and end where cells do.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from attrs import field, fields, frozen

from glowback_trio.engine.analytics.arithmetic import each
from glowback_trio.engine.analytics.bootstrap.dependence import long_run_variance
from glowback_trio.engine.analytics.returns import ratio
from glowback_trio.model.bars import Floats, Indices

__all__ = ["Cells", "Replicates", "Sample", "cell_sums", "cell_width", "combine"]

_MOST_CELLS = 512
_SMALLEST = 5e-324
_CANCELLED = 1e-12  # part of a sum of squares that its subtraction leaves as rounding


def cell_width(returns: int) -> int:
    """Return the number of bars in a cell of a record of so many returns."""
    return max(1, math.ceil(returns / _MOST_CELLS))


def cell_sums(returns: Floats) -> Floats:
    """Return the sum of the returns of each cell, less their mean over the record, (C,)."""
    beyond = returns - returns.sum() / max(len(returns), 1)
    return np.add.reduceat(beyond, _starts(len(returns))) if len(returns) else beyond


def _starts(returns: int) -> Indices:
    return np.arange(0, returns, cell_width(returns))


@frozen(eq=False)
class Cells:
    """The cells of a record, with all that it takes to combine them: all columns (C,).

    Attributes:
        count: Number of returns.
        width: Bars in a cell; the last one may have fewer.
        mean: Mean excess return of a bar over the whole record, a fraction.
        bars: Number of bars in the cell.
        total: Sum of its returns' deviations from their mean over the whole record.
        square: Sum of the squares of these deviations.
        path: Logarithm of its growth.
        high: Highest value of that logarithm after any of its bars, relative to its start.
        low: Lowest one, likewise.
        fall: Largest fall within the cell, its start included, as a difference of logarithms.
    """

    count: int
    width: int
    mean: float
    bars: Floats = field(repr=False)
    total: Floats = field(repr=False)
    square: Floats = field(repr=False)
    path: Floats = field(repr=False)
    high: Floats = field(repr=False)
    low: Floats = field(repr=False)
    fall: Floats = field(repr=False)

    @classmethod
    def of(cls, returns: Floats, risk_free: float) -> Cells:
        """Cut a record into cells.

        Args:
            returns: (T,) at least one return per bar, above -1.
            risk_free: Return of a bar without risk, a fraction.
        """
        width, starts = cell_width(len(returns)), _starts(len(returns))
        mean = float(returns.mean())
        beyond = returns - mean
        # Bars that the last cell lacks leave its growth as it is.
        growth = np.ones((len(starts), width + 1))
        growth[:, 1:].flat[: len(returns)] = 1.0 + returns
        with np.errstate(over="ignore"):
            np.cumprod(growth, axis=1, out=growth)
        lowest = (growth / np.maximum.accumulate(growth, axis=1)).min(axis=1)
        return cls(
            count=len(returns),
            width=width,
            mean=mean - risk_free,
            bars=np.diff(starts, append=len(returns)).astype(float),
            total=np.add.reduceat(beyond, starts),
            square=np.add.reduceat(np.square(beyond, out=beyond), starts),
            # Logarithms, so that cells are combined by adding them up.
            path=_logarithms(growth[:, -1]),
            high=_logarithms(growth[:, 1:].max(axis=1)),
            low=_logarithms(growth[:, 1:].min(axis=1)),
            fall=-_logarithms(lowest),
        )

    @property
    def sharpe(self) -> float:
        """Sharpe ratio per bar; NaN without spread."""
        return float(ratio(self.mean, math.sqrt(self._variance)))

    @property
    def growth(self) -> float:
        """Logarithm of the growth over the whole record."""
        return float(self.path.sum())

    @property
    def sharpe_influence(self) -> Floats:
        """How much each cell adds to the Sharpe ratio per bar, times the number of returns."""
        variance = self._variance
        beyond = self.total / math.sqrt(variance)
        return beyond - self.sharpe / 2.0 * (self.square / variance - self.bars)

    @property
    def growth_influence(self) -> Floats:
        """How much each cell adds to the mean logarithm of growth, times the number of returns."""
        return self.path - self.bars * (self.growth / self.count)

    def mean_variance(self, influence: Floats) -> float:
        """Return the variance of a mean over the bars, from the influences of the cells, (C,)."""
        return long_run_variance(influence) * len(influence) / self.count**2

    @property
    def _variance(self) -> float:
        return float(self.square.sum()) / max(self.count - 1, 1)


def _logarithms(growth: Floats) -> Floats:
    # Never of zero, to which a product of many losses may be rounded.
    return np.asarray(each(math.log, np.maximum(growth, _SMALLEST)))


@frozen(eq=False)
class Sample:
    """Replicates of a record, as blocks of its cells; all columns (B,), one number per block.

    Attributes:
        cells: Number of cells of the record, and of each replicate.
        start: Cell of the record at which a block starts; after the last cell the first one
            follows.
        length: Number of its cells.
        first: (R,) the first block of each replicate.
    """

    cells: int
    start: Indices = field(repr=False)
    length: Indices = field(repr=False)
    first: Indices = field(repr=False)

    @classmethod
    def draw(
        cls, cells: int, replicates: int, length: float, random: np.random.Generator
    ) -> Sample:
        """Draw replicates of as many cells as the record has.

        At every place a new block begins with probability 1 / length, at any cell of the record;
        otherwise the next cell follows.
        """
        begins = random.random((replicates, cells)) * length < 1.0
        begins[:, 0] = True  # a block never runs on from one replicate into the next
        places = np.flatnonzero(begins)
        first = np.searchsorted(places, np.arange(replicates) * cells)
        lengths = np.diff(places, append=begins.size)
        return cls(cells, random.integers(cells, size=len(places)), lengths, first)

    @property
    def blocks(self) -> Indices:
        """Number of blocks of each replicate, (R,)."""
        return np.diff(self.first, append=len(self.start))

    def rows(self) -> Indices:
        """Return the cell of the record at each place of each replicate, (R, C)."""
        ends = np.cumsum(self.length)
        rows = np.repeat(self.start - ends + self.length, self.length) + np.arange(ends[-1])
        rows -= self.cells * (rows >= self.cells)
        return rows.reshape(len(self.first), self.cells)


@frozen(eq=False)
class Replicates:
    """The statistics of replicates: all columns (R,).

    Attributes:
        sharpe: Sharpe ratio per bar; NaN without spread.
        sharpe_error: Its standard error, by the spread between the replicate's own blocks.
        growth: Logarithm of the whole growth.
        growth_error: Its standard error, likewise.
        fall: Largest fall from a peak, as a difference of logarithms.
    """

    sharpe: Floats = field(repr=False)
    sharpe_error: Floats = field(repr=False)
    growth: Floats = field(repr=False)
    growth_error: Floats = field(repr=False)
    fall: Floats = field(repr=False)

    @classmethod
    def joined(cls, parts: Sequence[Replicates]) -> Replicates:
        """Join replicates that were drawn one part after the other."""
        names = [one.name for one in fields(cls)]
        return cls(*(np.concatenate([getattr(part, name) for part in parts]) for name in names))


def combine(cells: Cells, sample: Sample, again: Indices) -> Replicates:
    """Work out what replicates come to.

    Args:
        cells: The cells of the record.
        sample: The replicates of which to take ratio and growth.
        again: (R, C) cell at each place of the replicates of which to take the fall.
    """
    bars, total, square, path = _block_sums(cells, sample)
    every, beyond, squares, growth = (
        np.add.reduceat(one, sample.first) for one in (bars, total, square, path)
    )
    shift = beyond / every
    variance = squares - beyond * shift
    # What is left of returns that are all equal is rounding, and no ratio is to be made of it.
    variance[variance <= _CANCELLED * squares] = 0.0
    variance /= np.maximum(every - 1.0, 1.0)
    sd = np.sqrt(variance)
    sharpe = np.asarray(ratio(cells.mean + shift, sd))
    with np.errstate(divide="ignore", invalid="ignore"):
        # The influence of a block, as `Cells.sharpe_influence`, multiplied out.
        half = sharpe / 2.0
        of_total, of_square = 1.0 / sd + sharpe * shift / variance, -half / variance
        of_bars = half - shift / sd - half * shift * shift / variance
        influence = (
            np.repeat(of_total, sample.blocks) * total
            + np.repeat(of_square, sample.blocks) * square
            + np.repeat(of_bars, sample.blocks) * bars
        )
    drift = path - np.repeat(growth / every, sample.blocks) * bars
    return Replicates(
        sharpe=sharpe,
        sharpe_error=_error(influence, sample) / every,
        growth=growth,
        growth_error=_error(drift, sample),
        fall=_deepest(cells, again),
    )


def _block_sums(cells: Cells, sample: Sample) -> tuple[Floats, Floats, Floats, Floats]:
    """Return the bars, totals, squares and paths of the blocks, (B,) each."""
    # Differences of running sums, over two rounds because a block may pass the end of the record.
    columns = np.stack((cells.bars, cells.total, cells.square, cells.path), axis=1)
    running = np.concatenate((np.zeros((1, 4)), columns, columns))
    np.cumsum(running, axis=0, out=running)
    sums = running[sample.start + sample.length]
    sums -= running[sample.start]
    bars, total, square, path = np.ascontiguousarray(sums.T)
    return bars, total, square, path


def _error(influence: Floats, sample: Sample) -> Floats:
    """Return the standard error of each replicate's sum of influences of blocks."""
    blocks = sample.blocks
    # One degree of freedom is gone with the mean.
    spare = blocks / np.maximum(blocks - 1, 1)
    error: Floats = np.sqrt(np.add.reduceat(influence * influence, sample.first) * spare)
    return error


def _deepest(cells: Cells, rows: Indices) -> Floats:
    """Return the largest fall of each replicate from its peak, as a difference of logarithms."""
    path = cells.path[rows]
    ends = np.cumsum(path, axis=1)
    starts = ends - path
    peaks = np.maximum.accumulate(starts + cells.high[rows], axis=1)
    peaks = np.concatenate((np.zeros((len(rows), 1)), peaks[:, :-1]), axis=1)
    np.maximum(peaks, 0.0, out=peaks)
    across = peaks - (starts + cells.low[rows])
    deepest: Floats = np.maximum(across, cells.fall[rows]).max(axis=1)
    return deepest
