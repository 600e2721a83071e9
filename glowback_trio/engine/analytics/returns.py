"""Statistics of curves: one metric, one function, for one curve or for many at once.

Returns are per bar, as fractions: (T,) for one curve, which gives a number, or (T, K) for K curves,
which gives (K,). In Fortran order, each curve in one piece, its statistics do not depend on the
curves beside it, to the last bit: sums run along a curve. Ratios are annualised by the number of
periods per year. Undefined statistics are NaN, without a warning: a ratio over a spread of zero, a
statistic of too few returns. Functions with a name of `empyrical` have its formula, unless their
docstring says otherwise.
"""

from __future__ import annotations

import math

import numpy as np
from attrs import frozen

from glowback_trio.engine.analytics.arithmetic import Numbers, power
from glowback_trio.model.bars import Floats, Times

__all__ = [
    "FLAT_VARIANCE",
    "STRETCH",
    "Moments",
    "annualized_return",
    "bar_returns",
    "cagr",
    "calmar_ratio",
    "cvar_95",
    "drawdowns",
    "exposure_time",
    "kurtosis",
    "max_drawdown_duration_days",
    "moments",
    "ratio",
    "ratio_to_shortfall",
    "sharpe_ratio",
    "shortfall",
    "skewness",
    "sortino_ratio",
    "tail",
    "var_95",
    "volatility",
]

_DAY = np.timedelta64(1, "D")
#: Cells of a slice of returns, such that it stays in a processor's cache.
STRETCH = 1 << 15
_DAYS_PER_YEAR = 365.25
_TAIL = 0.05
_LEAST_FOR_A_TAIL = 20
#: Variance of returns that differ by nothing but rounding.
FLAT_VARIANCE = 1e-28
_FLAT = 1e-14  # a return is a quotient of two values less 1, and carries rounding of some 1e-16


@frozen(eq=False)
class Moments:
    """Central moments of returns, of which most ratios are made; worked out once.

    Attributes:
        count: Number of returns of each curve.
        mean: Their mean.
        second: Mean squared deviation from the mean; `third` and `fourth` likewise.
        sd: Sample standard deviation (ddof 1); NaN below two returns.
    """

    count: int
    mean: Floats
    second: Floats
    third: Floats
    fourth: Floats
    sd: Floats

    @classmethod
    def of(cls, count: int, mean: Floats, second: Floats, third: Floats, fourth: Floats) -> Moments:
        """Return moments together with the deviation."""
        sd = np.sqrt(second * (count / (count - 1) if count > 1 else math.nan))
        return cls(count, mean, second, third, fourth, sd)


def bar_returns(value: Floats) -> Floats:
    """Return the return of each bar on the one before; 0.0 after a value that is not positive.

    Args:
        value: (T,) or (T, K) currency.

    Returns:
        (T - 1,) or (T - 1, K) fractions.
    """
    before = value[:-1]
    # Written into one array: with many long curves, memory is what takes the time.
    growth = np.ones_like(before)
    np.divide(value[1:], before, out=growth, where=before > 0)
    growth -= 1.0
    return growth


def drawdowns(value: Floats, capital: float) -> Floats:
    """Return the fall from the running peak, which starts at `capital`, as a fraction of it, >= 0.

    Args:
        value: (T,) or (T, K) currency.
        capital: Currency, positive.

    Returns:
        Fractions, in the shape of `value`.
    """
    peak = np.maximum(np.maximum.accumulate(value, axis=0), capital)
    return (peak - value) / peak


def moments(returns: Floats) -> Moments:
    """Work out the moments of returns, (T,) or (T, K); all zero for no returns."""
    # Each curve in one piece, whatever the order of the array: a sum has the same last digit only
    # in the same order of additions. As many curves at a time as stay near the processor.
    curves = np.ascontiguousarray(returns.T)
    if curves.ndim == 1:
        return Moments.of(len(curves), *_moments(curves))
    some = max(1, STRETCH // max(len(returns), 1))
    parts = [_moments(curves[first : first + some]) for first in range(0, len(curves), some)]
    columns = (np.concatenate(column) for column in zip(*parts, strict=True))
    return Moments.of(len(returns), *columns)


def _moments(curves: Floats) -> tuple[Floats, Floats, Floats, Floats]:
    """Return mean and moments of (T,) returns, or of each row of (K, T)."""
    # The powers of long series are summed slice by slice, in memory near the processor.
    count = curves.shape[-1]
    share = 1.0 / max(count, 1)
    mean: Floats = curves.sum(axis=-1) * share
    second, third, fourth = (np.zeros(curves.shape[:-1]) for _ in range(3))
    for start in range(0, count, STRETCH):
        deviation = curves[..., start : start + STRETCH] - mean[..., np.newaxis]
        square = deviation * deviation
        second += square.sum(axis=-1)
        third += np.multiply(deviation, square, out=deviation).sum(axis=-1)
        fourth += np.multiply(square, square, out=square).sum(axis=-1)
    return mean, second * share, third * share, fourth * share


def annualized_return(growth: Numbers, returns: int, periods: float) -> Numbers:
    """Return growth^(periods / returns) - 1; NaN without returns or for a negative growth.

    Args:
        growth: Last value over the first, a number or (K,).
        returns: Number of returns between them.
        periods: Bars per year.
    """
    return _compounded(growth, periods / returns) if returns else np.multiply(growth, np.nan)


def cagr(growth: Numbers, time: Times) -> Numbers:
    """Return growth per calendar year of 365.25 days, less 1; NaN if no time has passed.

    In `empyrical`, `cagr` is what `annualized_return` is here.

    Args:
        growth: Last value over the first, a number or (K,).
        time: (T,).
    """
    days = float((time[-1] - time[0]) / _DAY)
    return _compounded(growth, _DAYS_PER_YEAR / days) if days > 0 else np.multiply(growth, np.nan)


def _compounded(growth: Numbers, exponent: float) -> Numbers:
    # A good day compounds to more than any float holds; such a rate is better undefined, as here.
    return power(growth, exponent) - 1.0


def volatility(spread: Moments, periods: float) -> Floats:
    """Return the sample standard deviation x sqrt(periods), a fraction."""
    return spread.sd * math.sqrt(periods)


def sharpe_ratio(spread: Moments, periods: float, risk_free_rate: float) -> Numbers:
    """Return the mean excess return over the sample standard deviation, x sqrt(periods).

    The risk-free return of a bar is the yearly rate over the periods per year; `empyrical` is given
    the return of a bar itself.
    """
    return ratio(spread.mean - risk_free_rate / periods, spread.sd) * math.sqrt(periods)


def sortino_ratio(returns: Floats, periods: float, risk_free_rate: float) -> Numbers:
    """Return the mean excess return over the downside deviation, x sqrt(periods).

    The downside deviation is the root mean square of the shortfalls over *all* returns, with 0 for
    those that do not fall short. NaN if none falls short.
    """
    return ratio_to_shortfall(*shortfall(returns, risk_free_rate / periods), periods)


def shortfall(returns: Floats, free: float) -> tuple[Numbers, Numbers]:
    """Return the mean return in excess of `free`, and the mean square of what falls short of it."""
    share = 1.0 / max(len(returns), 1)
    excess = returns - free
    mean = excess.sum(axis=0) * share
    # `excess` is used up step by step, so that no further array of its size is needed.
    short = np.minimum(excess, 0.0, out=excess)
    return mean, np.multiply(short, short, out=short).sum(axis=0) * share


def ratio_to_shortfall(mean: Numbers, square: Numbers, periods: float) -> Numbers:
    """Return the Sortino ratio of what `shortfall` returns."""
    return ratio(mean, np.sqrt(square)) * math.sqrt(periods)


def calmar_ratio(annualized: Numbers, max_drawdown: Numbers) -> Numbers:
    """Return the annualised return over the largest drawdown, fractions; NaN without a drawdown."""
    return ratio(annualized, max_drawdown)


def max_drawdown_duration_days(drawdown: Floats, time: Times) -> Floats:
    """Return the duration of the longest drawdown, in calendar days.

    It lasts from the last bar at a peak to the first one that regains it, or to the end if none
    does.

    Args:
        drawdown: (T,) or (T, K) fractions, exactly 0.0 at a peak; the first bar is a peak.
        time: (T,) datetime64[ns] UTC.
    """
    bars = len(drawdown)
    peaks = np.flatnonzero(drawdown.T == 0)  # counted along one curve after the other
    spans = np.concatenate((peaks[1:], [drawdown.size])) - peaks
    under = np.flatnonzero(spans > 1)
    curve, peak = np.divmod(peaks[under], bars)
    until = np.minimum(peak + spans[under], bars - 1)
    # A span that runs into the next curve ends with its own, at the last bar.
    longest = np.zeros(drawdown.size // bars)
    np.maximum.at(longest, curve, (time[until] - time[peak]) / _DAY)
    return longest.reshape(drawdown.shape[1:])


def exposure_time(gross: Floats) -> Floats:
    """Return the fraction of bars at whose close something was held.

    Args:
        gross: (T,) or (T, K) at least one row, currency.
    """
    held: Floats = (gross > 0).mean(axis=0)
    return held


def tail(returns: Floats) -> Floats:
    """Return the smallest returns, ascending, up to the first one above the 5th percentile.

    There are no rows below twenty returns.
    """
    if len(returns) < _LEAST_FOR_A_TAIL:
        return returns[:0]
    # Partitioning takes linear time; only a twentieth of a sorted array would be used. Its order is
    # numpy's, and a sum has the same last digit everywhere only in one order, so that is sorted.
    above = math.floor(_TAIL * (len(returns) - 1)) + 1
    return np.sort(np.partition(returns, above, axis=0)[: above + 1], axis=0)


def var_95(worst: Floats, returns: int) -> Floats:
    """Return the loss that one bar in twenty exceeds: minus the 5th percentile, interpolated.

    A fraction; positive is a loss, unlike in `empyrical`. NaN below twenty returns.

    Args:
        worst: The `tail` of the returns.
        returns: Number of returns.
    """
    if not len(worst):
        return np.full(worst.shape[1:], np.nan)
    rank, below = _TAIL * (returns - 1), worst[-2]
    percentile: Floats = below + (worst[-1] - below) * (rank - math.floor(rank))
    # Subtracted from zero, as are all losses here, because minus zero would be negative zero.
    return 0.0 - percentile


def cvar_95(worst: Floats) -> Floats:
    """Return the mean loss of the worst twentieth of the bars.

    It is minus the mean of the floor(0.05 (N - 1)) + 1 smallest returns, a fraction; positive is a
    loss, unlike in `empyrical`. NaN below twenty returns.
    """
    return 0.0 - worst[:-1].mean(axis=0) if len(worst) else np.full(worst.shape[1:], np.nan)


def skewness(spread: Moments) -> Numbers:
    """Return the population skewness; NaN if the returns are all equal."""
    return ratio(spread.third, spread.second * np.sqrt(spread.second), least=_FLAT**3)


def kurtosis(spread: Moments) -> Numbers:
    """Return the population excess kurtosis, 0 for a normal distribution; NaN if all are equal."""
    return ratio(spread.fourth, spread.second * spread.second, least=_FLAT**4) - 3.0


def ratio(above: Numbers, below: Numbers, *, least: Numbers = _FLAT) -> Numbers:
    """Divide where the divisor is above `least`, which is above rounding by default; else NaN."""
    if isinstance(below, float):  # numpy takes microseconds to do this for one number
        return above / below if below > least else math.nan
    undefined = np.full(np.shape(below), np.nan)
    quotient: Floats = np.divide(above, below, out=undefined, where=below > least)
    return quotient
