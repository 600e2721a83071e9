"""Statistics of a curve: one metric, one function.

Returns are per bar, as fractions, without the first bar's, which is no return. Ratios are
annualised by the number of periods per year. Whatever is undefined is None: a ratio over a spread
of zero, a statistic of too few returns. Where names coincide the formulas are `empyrical`'s.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from attrs import frozen

if TYPE_CHECKING:
    from glowback_trio.model.bars import Floats, Times

__all__ = [
    "Moments",
    "annualized_return",
    "cagr",
    "calmar_ratio",
    "cvar_95",
    "kurtosis",
    "max_drawdown_duration_days",
    "moments",
    "periods_per_year",
    "sharpe_ratio",
    "skewness",
    "sortino_ratio",
    "tail",
    "var_95",
    "volatility",
]

_DAY = np.timedelta64(1, "D")
_DAYS_PER_YEAR = 365.25
_TAIL = 0.05
_LEAST_FOR_A_TAIL = 20
_LARGEST_LOG = 700.0
_FLAT = 1e-14  # a return is a quotient of two values less 1, and carries rounding of some 1e-16


@frozen
class Moments:
    """Central moments of returns: the raw material of most ratios, worked out once.

    Attributes:
        count: How many returns.
        mean: Their mean.
        second: Mean squared deviation from it; `third` and `fourth` likewise.
    """

    count: int
    mean: float
    second: float
    third: float
    fourth: float

    @property
    def sd(self) -> float | None:
        """Sample standard deviation (ddof 1); None below two returns."""
        if self.count < 2:
            return None
        return math.sqrt(self.second * self.count / (self.count - 1))

    @property
    def spread(self) -> float | None:
        """The same, as something to divide by: None where it is nothing but rounding."""
        return self.sd if self.sd is not None and self.sd > _FLAT else None


def moments(returns: Floats) -> Moments:
    """Work out the moments; all zero for no returns."""
    if not len(returns):
        return Moments(0, 0.0, 0.0, 0.0, 0.0)
    mean = float(returns.mean())
    deviation = returns - mean
    square = deviation * deviation
    second = float(square.mean())
    third = float(np.multiply(deviation, square, out=deviation).mean())
    fourth = float(np.multiply(square, square, out=square).mean())
    return Moments(len(returns), mean, second, third, fourth)


def periods_per_year(time: Times) -> float:
    """How many bars a year has, judged by the bars themselves.

    365 days if any bar falls on a Saturday or Sunday, else 252 (and 252 below seven bars, which
    cannot tell), times the median number of bars per date, which is 1 for daily bars.

    Args:
        time: (T,) at least one, datetime64[ns] UTC.
    """
    date = time.astype("datetime64[D]").view(np.int64)
    starts = np.flatnonzero(np.concatenate(([True], date[1:] != date[:-1])))
    weekday = (date[starts] + 3) % 7  # 1970-01-01, day 0, was a Thursday
    days = 365.0 if len(time) >= 7 and weekday.max() >= 5 else 252.0
    per_date = 1.0 if len(starts) == len(date) else np.median(np.diff(starts, append=len(date)))
    return days * float(per_date)


def annualized_return(growth: float, returns: int, periods: float) -> float | None:
    """Growth^(periods / returns) - 1; None without returns or from a negative value."""
    return _compounded(growth, periods / returns) if returns else None


def cagr(growth: float, time: Times) -> float | None:
    """Growth per calendar year of 365.25 days; None where no time has passed."""
    days = float((time[-1] - time[0]) / _DAY)
    return _compounded(growth, _DAYS_PER_YEAR / days) if days > 0 else None


def _compounded(growth: float, exponent: float) -> float | None:
    if growth <= 0:
        return -1.0 if growth == 0 else None
    power = exponent * math.log(growth)
    return math.expm1(power) if power < _LARGEST_LOG else None


def volatility(spread: Moments, periods: float) -> float | None:
    """Sample standard deviation x sqrt(periods), as a fraction."""
    return None if spread.sd is None else spread.sd * math.sqrt(periods)


def sharpe_ratio(spread: Moments, periods: float, risk_free_rate: float) -> float | None:
    """Mean excess return over the sample standard deviation, x sqrt(periods).

    The risk-free return of a bar is the yearly rate over the periods per year.
    """
    if spread.spread is None:
        return None
    return (spread.mean - risk_free_rate / periods) / spread.spread * math.sqrt(periods)


def sortino_ratio(returns: Floats, periods: float, risk_free_rate: float) -> float | None:
    """Mean excess return over the downside deviation, x sqrt(periods).

    The downside deviation is the root mean square of the shortfalls over *all* returns, those that
    fall short of nothing included. None where nothing falls short.
    """
    if not len(returns):
        return None
    excess = returns - risk_free_rate / periods
    mean = float(excess.mean())
    shortfall = np.minimum(excess, 0.0, out=excess)
    downside = math.sqrt(float(np.multiply(shortfall, shortfall, out=shortfall).mean()))
    return mean / downside * math.sqrt(periods) if downside > _FLAT else None


def calmar_ratio(annualized: float | None, max_drawdown: float) -> float | None:
    """Annualised return over the largest drawdown, both fractions."""
    return None if annualized is None or max_drawdown == 0 else annualized / max_drawdown


def max_drawdown_duration_days(drawdown: Floats, time: Times) -> float:
    """Longest time under water, in calendar days.

    From the last bar at a peak to the first one that regains it, or to the end where none does.

    Args:
        drawdown: (T,) fractions, exactly 0.0 at a peak; the first bar is one.
        time: (T,).
    """
    peaks = np.flatnonzero(drawdown == 0)
    ends = np.append(peaks[1:], len(drawdown))
    under = ends - peaks > 1
    if not under.any():
        return 0.0
    until = time[np.minimum(ends[under], len(time) - 1)]
    return float((until - time[peaks[under]]).max() / _DAY)


def tail(returns: Floats) -> Floats | None:
    """The smallest returns up to the first above the 5th percentile, which comes last.

    None below twenty returns.
    """
    if len(returns) < _LEAST_FOR_A_TAIL:
        return None
    above = math.floor(_TAIL * (len(returns) - 1)) + 1
    return np.partition(returns, above)[: above + 1]


def var_95(worst: Floats | None, returns: int) -> float | None:
    """Loss that one bar in twenty exceeds: minus the 5th percentile, linearly interpolated.

    Positive is a loss, unlike in `empyrical`.

    Args:
        worst: As `tail` gives it.
        returns: How many there are.
    """
    if worst is None:
        return None
    rank, below = _TAIL * (returns - 1), float(worst[:-1].max())
    return -(below + (float(worst[-1]) - below) * (rank - math.floor(rank)))


def cvar_95(worst: Floats | None) -> float | None:
    """Mean loss in the worst twentieth: minus the mean of the floor(0.05 (N - 1)) + 1 smallest.

    Positive is a loss, unlike in `empyrical`.
    """
    return None if worst is None else -float(worst[:-1].mean())


def skewness(spread: Moments) -> float | None:
    """Population skewness; None where the returns do not spread."""
    return None if spread.spread is None else spread.third / spread.second**1.5


def kurtosis(spread: Moments) -> float | None:
    """Population excess kurtosis: 0 for a normal distribution; None where nothing spreads."""
    return None if spread.spread is None else spread.fourth / spread.second**2 - 3.0
