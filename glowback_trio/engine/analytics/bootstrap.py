"""Confidence intervals of the headline metrics by the stationary bootstrap.

Returns are resampled in blocks of random length, which keeps what neighbouring returns have to do
with each other (D. N. Politis and J. P. Romano, The Stationary Bootstrap, 1994). To bound time and
memory whatever the length of the record, blocks are made of cells: a record of up to 512 returns
has one return to a cell, a longer one as many neighbours as it takes. The metrics of a replicate
are exact all the same, down to the drawdown within a cell, because cells carry all it takes to put
them together; blocks just begin and end where cells do.
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
_AT_ONCE = 1 << 14  # cells of replicates worked on together: they stay in a processor's cache
_NAMES = ("sharpe_ratio", "total_return", "annualized_return", "max_drawdown")


@frozen
class Interval:
    """Where a metric lies at a given level of confidence, in the unit of the metric."""

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
    """Percentile intervals of Sharpe ratio, total and annualised return, and largest drawdown.

    A drawdown's interval says how deep it could have been with the same returns in another order;
    unlike those of the others it need not lie about the drawdown that was.

    Args:
        returns: (T,) per bar, fractions.
        periods: Per year.
        risk_free_rate: Per year, a fraction.
        random: Where the replicates come from: the same generator state gives the same intervals.
        replicates: How many records to make.
        level: Of confidence, in (0, 1).
        block_length: Mean length of a block in bars, at least 1; the cube root of T unless given.
            No block is shorter than a cell.

    Returns:
        By the metric's name, in its unit on the wire: the Sharpe ratio a plain number, the others
        in percent. None where a replicate leaves it undefined, for an interval of the rest would be
        too narrow; all None below two returns, or where a return loses everything.

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
    """What it takes to put a record together from its cells: all columns (C,).

    Attributes:
        width: Bars in a cell; the last one may have fewer.
        mean: Excess return of a bar, over the whole record.
        bars: How many the cell has.
        total: Sum of what its returns are above their mean in the record; `square` of the squares.
        path: The logarithm of its growth; `high` and `low` are the highest and lowest the logarithm
            gets after any of its bars, against its start.
        fall: The largest fall within it, its start included, as a difference of logarithms.
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
        path = np.zeros((len(starts), width + 1))  # bars the last cell lacks leave its path level
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
    """Draw records of as many cells as there are, some at a time.

    At every place a new block begins with probability 1 / length, at any cell of the record;
    otherwise the next cell follows, and the first one the last.

    Yields:
        (records, cells) which cell stands at each place.
    """
    most = max(1, _AT_ONCE // cells)
    for first in range(0, replicates, most):
        records = min(most, replicates - first)
        begins = random.random((records, cells)) * length < 1.0
        begins[:, 0] = True
        places = np.flatnonzero(begins)
        lengths = np.diff(places, append=begins.size)
        shift = random.integers(cells, size=len(places)) - places
        yield (np.repeat(shift, lengths) + np.arange(begins.size)).reshape(begins.shape) % cells


def _measure(cells: _Cells, rows: Indices, periods: float) -> Floats:
    """Work out the metrics of records put together from cells.

    Args:
        cells: To put together.
        rows: (records, C) which of them stands at each place.
        periods: Per year.

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
    """The largest fall of each record from its running peak, as a difference of logarithms."""
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
