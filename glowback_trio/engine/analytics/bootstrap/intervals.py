"""Confidence intervals of the headline metrics by the stationary bootstrap.

Returns are resampled in blocks of random length, which keeps the dependence between neighbouring
returns (D. N. Politis and J. P. Romano, The Stationary Bootstrap, 1994). The intervals of ratio and
growth are studentised: every replicate's metric is compared with the record's in units of its own
standard error, because in a short record the standard errors vary as much as the metrics (O. Ledoit
and M. Wolf, Robust Performance Hypothesis Testing with the Sharpe Ratio, 2008).
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
from attrs import frozen

from glowback_trio.engine.analytics.arithmetic import unsigned
from glowback_trio.engine.analytics.bootstrap.cells import (
    Cells,
    Replicates,
    Sample,
    cell_sums,
    cell_width,
    combine,
)
from glowback_trio.engine.analytics.bootstrap.dependence import block_length
from glowback_trio.model.bars import Floats
from glowback_trio.wire.percent import as_percent

__all__ = ["Interval", "intervals", "mean_block_length"]

_AT_ONCE = 1 << 14  # cells of replicates per array, such that arrays stay in a processor's cache
_FLAT = 1e-12  # standard error of a logarithm of growth that is nothing but rounding
_NOTHING = 1e-8  # part of the record's standard error that is rounding in a replicate's
_LEAST = 10  # returns: with fewer, replicates repeat one of them too often
_NAMES = ("sharpe_ratio", "total_return", "annualized_return", "max_drawdown")


@frozen
class Interval:
    """Confidence interval of a metric, in the unit of the metric."""

    low: float
    high: float


def mean_block_length(returns: Floats) -> float:
    """Return the mean length of a block that suits the dependence in a record, in bars.

    See `block_length`. It is at least a cell (see `cells`): one bar in a record of up to
    512 returns, 1/512 of the record or a little more in a longer one.

    Args:
        returns: (T,) returns per bar, fractions.
    """
    cells = cell_sums(returns)
    return block_length(cells) * cell_width(len(returns))


def intervals(
    returns: Floats,
    periods: float,
    risk_free_rate: float,
    random: np.random.Generator,
    *,
    replicates: int = 1000,
    level: float = 0.95,
    mean_length: float | None = None,
) -> Mapping[str, Interval | None]:
    """Return intervals of Sharpe ratio, total and annualised return, and drawdown.

    The first three are for what the returns' distribution stands for: its Sharpe ratio, and the
    growth that its mean logarithm gives over as many bars. The interval of the largest drawdown
    says how deep it would be in another record of this length; it need not contain the observed
    one.

    Args:
        returns: (T,) returns per bar, fractions.
        periods: Bars per year.
        risk_free_rate: Per year, a fraction.
        random: Source of the replicates: the same state gives the same intervals.
        replicates: Number of replicates.
        level: Confidence level, in (0, 1).
        mean_length: Mean length of a block in bars, at least 1; by default `mean_block_length`.
            No block is shorter than a cell.

    Returns:
        By the metric's name, in its unit on the wire: the Sharpe ratio as a plain number, the
        others in percent. None where too many replicates leave the metric or its standard error
        undefined for a finite bound; all None below ten returns, or if a return loses everything.

    Raises:
        ValueError: `mean_length` below 1, `replicates` below 1, or `level` outside (0, 1).
    """
    if replicates < 1 or not 0 < level < 1:
        raise ValueError(
            f"replicates should be at least 1 and level within (0, 1), not {(replicates, level)!r}"
        )
    if mean_length is not None and mean_length < 1:
        raise ValueError(f"mean_length should be at least 1 bar, not {mean_length!r}")
    if len(returns) < _LEAST or returns.min() <= -1.0:
        return dict.fromkeys(_NAMES)
    cells = Cells.of(returns, risk_free_rate / periods)
    length = mean_block_length(returns) if mean_length is None else mean_length
    found = _replicates(cells, replicates, length / cells.width, random)
    growth = _growth_bounds(cells, found, level)
    scale = math.sqrt(periods)
    bounds = (
        tuple(scale * bound for bound in _sharpe_bounds(cells, found, level)),
        tuple(as_percent(_grown(bound)) for bound in growth),
        tuple(as_percent(_grown(bound * (periods / len(returns)))) for bound in growth),
        tuple(as_percent(-_grown(-bound)) for bound in _percentiles(found.fall, level)),
    )
    return dict(zip(_NAMES, map(_interval, bounds), strict=True))


def _replicates(
    cells: Cells, replicates: int, length: float, random: np.random.Generator
) -> Replicates:
    """Draw and combine replicates, some at a time.

    Args:
        cells: The cells of the record.
        replicates: Number of replicates.
        length: Mean length of a block, in cells.
        random: Source of the draws.
    """
    count = len(cells.bars)
    most = max(1, _AT_ONCE // count)
    parts = []
    for first in range(0, replicates, most):
        records = min(most, replicates - first)
        sample, of_sample = (Sample.draw(count, records, length, random) for _ in range(2))
        # Another record differs from this one twice: it is drawn from the same distribution, and
        # this one's mean is not the distribution's. So falls are of replicates of replicates.
        again = np.take_along_axis(sample.rows(), of_sample.rows(), axis=1)
        parts.append(combine(cells, sample, again))
    return Replicates.joined(parts)


def _sharpe_bounds(cells: Cells, found: Replicates, level: float) -> tuple[float, float]:
    """Return the bounds of the Sharpe ratio per bar; NaN if it is undefined."""
    ratio = cells.sharpe
    if math.isnan(ratio):
        return math.nan, math.nan
    error = math.sqrt(cells.mean_variance(cells.sharpe_influence))
    return _studentised(ratio, error, found.sharpe, found.sharpe_error, level)


def _growth_bounds(cells: Cells, found: Replicates, level: float) -> tuple[float, float]:
    """Return the bounds of the logarithm of the whole growth."""
    growth, count = cells.growth, cells.count
    error = count * math.sqrt(cells.mean_variance(cells.growth_influence))
    if error <= _FLAT:
        return growth, growth
    return _studentised(growth, error, found.growth, found.growth_error, level)


def _studentised(
    value: float, error: float, found: Floats, found_error: Floats, level: float
) -> tuple[float, float]:
    """Return the bounds of a metric with a standard error, from those of its replicates."""
    with np.errstate(divide="ignore", invalid="ignore"):
        # A replicate without any spread, but for rounding, is infinitely far off in its own terms.
        away = (found - value) / np.where(found_error > _NOTHING * error, found_error, 0.0)
    low, high = _percentiles(away, level)
    return value - high * error, value - low * error


def _percentiles(found: Floats, level: float) -> tuple[float, float]:
    """Return the bounds between which a fraction `level` of the numbers lies; NaN if one is NaN."""
    if np.isnan(found).any():
        return math.nan, math.nan
    ordered = np.sort(found)
    # One of the numbers, not a mean of two: it exists even if the outermost ones are infinite.
    beyond = max(0, math.floor((1.0 - level) / 2.0 * (len(found) + 1)) - 1)
    return ordered.item(beyond), ordered.item(-1 - beyond)


def _grown(logarithm: float) -> float:
    """Return growth less 1; infinite if it has no bound, downwards as well, or is too large."""
    try:
        return math.expm1(logarithm) if math.isfinite(logarithm) else logarithm
    except OverflowError:
        return math.inf


def _interval(bounds: tuple[float, ...]) -> Interval | None:
    low, high = map(unsigned, bounds)
    return Interval(low, high) if math.isfinite(low) and math.isfinite(high) else None
