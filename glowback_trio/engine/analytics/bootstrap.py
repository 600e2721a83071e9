"""Confidence intervals of the headline metrics by the stationary bootstrap.

Returns are resampled in blocks of random length, which keeps the dependence between neighbouring
returns (D. N. Politis and J. P. Romano, The Stationary Bootstrap, 1994). To bound time and memory
for records of any length, blocks are made of cells: in a record of up to 512 returns a cell is one
return, in a longer one it is several neighbours. The metrics of a replicate are exact all the same,
down to the drawdown within a cell, because a cell carries all that it takes to combine it with
others; only, blocks begin and end where cells do.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

import numpy as np
from attrs import field, frozen

from glowback_trio.engine.analytics.returns import ratio
from glowback_trio.model.bars import Floats, Indices
from glowback_trio.wire.percent import as_percent

__all__ = ["Interval", "intervals"]

_MOST_CELLS = 512
_AT_ONCE = 1 << 14  # cells of replicates per array, such that arrays stay in a processor's cache
_NAMES = ("sharpe_ratio", "total_return", "annualized_return", "max_drawdown")


@frozen
class Interval:
    """Confidence interval of a metric, in the unit of the metric."""

    low: float
    high: float


def intervals(
    returns: Floats,
    periods: float,
    risk_free_rate: float,
    random: np.random.Generator,
    *,
    replicates: int = 1000,
    level: float = 0.95,
    block_length: float | None = None,
) -> Mapping[str, Interval | None]:
    """Return percentile intervals of Sharpe ratio, total and annualised return, and drawdown.

    The interval of the largest drawdown says how deep it could have been with the same returns in
    another order; unlike the others it need not contain the observed value.

    Args:
        returns: (T,) returns per bar, fractions.
        periods: Bars per year.
        risk_free_rate: Per year, a fraction.
        random: Source of the replicates: the same state gives the same intervals.
        replicates: Number of replicates.
        level: Confidence level, in (0, 1).
        block_length: Mean length of a block in bars, at least 1; by default the cube root of T. No
            block is shorter than a cell.

    Returns:
        By the metric's name, in its unit on the wire: the Sharpe ratio as a plain number, the
        others in percent. None if a replicate leaves the metric undefined, as an interval of the
        rest would be too narrow; all None below two returns, or if a return loses everything.

    Raises:
        ValueError: `block_length` below 1, `replicates` below 1, or `level` outside (0, 1).
    """
    if replicates < 1 or not 0 < level < 1:
        raise ValueError(
            f"replicates should be at least 1 and level within (0, 1), not {(replicates, level)!r}"
        )
    length = max(1.0, len(returns) ** (1 / 3)) if block_length is None else block_length
    if length < 1:
        raise ValueError(f"block_length should be at least 1 bar, not {block_length!r}")
    if len(returns) < 2 or returns.min() <= -1.0:
        return dict.fromkeys(_NAMES)
    cells = _Cells.of(returns, risk_free_rate / periods)
    parts = [
        _measure(cells, rows, periods)
        for rows in _resample(len(cells.bars), replicates, length / cells.width, random)
    ]
    found = np.concatenate(parts, axis=1)
    return dict(zip(_NAMES, _percentiles(found, level), strict=True))


@frozen(eq=False)
class _Cells:
    """The cells of a record, with all that it takes to combine them: all columns (C,).

    Attributes:
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
    def of(cls, returns: Floats, risk_free: float) -> _Cells:
        width = math.ceil(len(returns) / _MOST_CELLS)
        starts = np.arange(0, len(returns), width)
        mean = float(returns.mean())
        beyond = returns - mean
        # Bars that the last cell lacks leave its path level.
        path = np.zeros((len(starts), width + 1))
        # Growth as logarithms, so that cells are combined by adding them up.
        path[:, 1:].flat[: len(returns)] = np.log1p(returns)
        np.cumsum(path, axis=1, out=path)
        return cls(
            width=width,
            mean=mean - risk_free,
            bars=np.diff(starts, append=len(returns)).astype(float),
            total=np.add.reduceat(beyond, starts),
            square=np.add.reduceat(np.square(beyond, out=beyond), starts),
            path=path[:, -1],
            high=path[:, 1:].max(axis=1),
            low=path[:, 1:].min(axis=1),
            fall=(np.maximum.accumulate(path, axis=1) - path).max(axis=1),
        )


def _resample(
    cells: int, replicates: int, length: float, random: np.random.Generator
) -> Iterator[Indices]:
    """Draw replicates of as many cells as the record has, some at a time.

    At every place a new block begins with probability 1 / length, at any cell of the record;
    otherwise the next cell follows, and after the last cell the first one.

    Yields:
        (records, cells) index of the cell at each place.
    """
    most = max(1, _AT_ONCE // cells)
    for first in range(0, replicates, most):
        records = min(most, replicates - first)
        begins = random.random((records, cells)) * length < 1.0
        begins[:, 0] = True  # a block never runs on from one replicate into the next
        places = np.flatnonzero(begins)
        lengths = np.diff(places, append=begins.size)
        shift = random.integers(cells, size=len(places)) - places
        yield (np.repeat(shift, lengths) + np.arange(begins.size)).reshape(begins.shape) % cells


def _measure(cells: _Cells, rows: Indices, periods: float) -> Floats:
    """Work out the metrics of replicates.

    Args:
        cells: The cells of the record.
        rows: (records, C) index of the cell at each place.
        periods: Bars per year.

    Returns:
        (4, records) in the order of `_NAMES` and in the units of the wire.
    """
    bars, total = cells.bars[rows].sum(axis=1), cells.total[rows].sum(axis=1)
    variance = (cells.square[rows].sum(axis=1) - total * total / bars) / np.maximum(bars - 1.0, 1.0)
    sharpe = ratio(cells.mean + total / bars, np.sqrt(np.maximum(variance, 0.0)))
    path = cells.path[rows]
    growth = path.sum(axis=1)
    with np.errstate(over="ignore"):
        gained, yearly = np.expm1(growth), np.expm1(growth * (periods / bars))
    fall = -np.expm1(-_deepest(cells, rows, path))
    return np.stack((sharpe * math.sqrt(periods), *map(as_percent, (gained, yearly, fall))))


def _deepest(cells: _Cells, rows: Indices, path: Floats) -> Floats:
    """Return the largest fall of each replicate from its peak, as a difference of logarithms."""
    ends = np.cumsum(path, axis=1)
    starts = ends - path
    peaks = np.maximum.accumulate(starts + cells.high[rows], axis=1)
    peaks = np.concatenate((np.zeros((len(rows), 1)), peaks[:, :-1]), axis=1)
    np.maximum(peaks, 0.0, out=peaks)
    across = peaks - (starts + cells.low[rows])
    deepest: Floats = np.maximum(across, cells.fall[rows]).max(axis=1)
    return deepest


def _percentiles(found: Floats, level: float) -> Iterator[Interval | None]:
    tail = (1.0 - level) / 2.0
    for metric in found:
        if np.isfinite(metric).all():
            low, high = np.quantile(metric, (tail, 1.0 - tail)).tolist()
            yield Interval(low, high)
        else:
            yield None
