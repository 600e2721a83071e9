"""A benchmark, and metrics of runs relative to it.

The benchmark is bought and held: all capital goes into it at the close of its first bar, in
fractional units and without costs, and is cash before. Only bars after that one are compared.

Returns of runs are per bar, as fractions: (T,) gives a number, (T, K) gives (K,). Returns of the
benchmark are (T,). Undefined is NaN.
"""

from __future__ import annotations

import numpy as np

from glowback_trio.engine.analytics.arithmetic import Numbers
from glowback_trio.engine.analytics.returns import (
    FLAT_VARIANCE,
    Moments,
    annualized_return,
    moments,
    ratio,
    sharpe_ratio,
    volatility,
)
from glowback_trio.errors import DataError
from glowback_trio.model.bars import Bars, Floats, Times
from glowback_trio.model.instant import in_words
from glowback_trio.model.result import Benchmark
from glowback_trio.wire.percent import as_percent

__all__ = [
    "RELATIVE",
    "active_returns",
    "alpha",
    "benchmark",
    "beta",
    "information_ratio",
    "relative_metrics",
    "tracking_error",
]

RELATIVE = (
    "benchmark_return",
    "alpha",
    "beta",
    "tracking_error",
    "information_ratio",
    "excess_return",
)


def benchmark(bars: Bars, time: Times, capital: float) -> Benchmark:
    """Lay a benchmark along a run's timeline; where it has no bar, its last close counts.

    Args:
        bars: Bars of the benchmark; those between two rows of the run count for the later row.
        time: Bar times of the run, (T,) at least one, datetime64[ns] UTC.
        capital: Cash that the run starts with, currency.

    Raises:
        DataError: The benchmark has no bar up to the run's last one, or a close that is not a
            positive finite number.
    """
    last = np.searchsorted(bars.time, time, side="right") - 1
    start = int(np.searchsorted(last, 0))
    if start == len(time):
        raise DataError(f"no bars for the benchmark {bars.symbol} in the requested range")
    price = np.full(len(time), np.nan)
    price[start:] = bars.close[last[start:]]
    _check_prices(bars.symbol, time, price, start)
    value = np.full(len(time), capital)
    value[start:] = capital / price[start] * price[start:]
    value[start] = capital  # exactly, whatever the quotient was rounded to
    return Benchmark(bars.symbol, capital, start, time, price, value)


def _check_prices(symbol: str, time: Times, price: Floats, start: int) -> None:
    wrong = ~((price > 0) & (price < np.inf))
    wrong[:start] = False
    if wrong.any():
        bad = int(np.flatnonzero(wrong)[0])
        raise DataError(
            f"benchmark {symbol}: close at {in_words(time[bad])} is {price.item(bad)!r}; "
            "prices should be positive and finite"
        )


def relative_metrics(
    returns: Floats, benchmark_returns: Floats, periods: float, risk_free_rate: float
) -> dict[str, Numbers]:
    """Measure runs against a benchmark, in the units of the wire.

    Args:
        returns: (T,) or (T, K) fractions.
        benchmark_returns: (T,) fractions, of the same bars.
        periods: Bars per year.
        risk_free_rate: Per year, a fraction.

    Returns:
        By the names in `RELATIVE`: beta and information ratio as plain numbers, the rest in
        percent.
    """
    active = moments(active_returns(returns, benchmark_returns))
    count, market = len(returns), float(np.prod(1.0 + benchmark_returns))
    growth: Floats = np.prod(1.0 + returns, axis=0)
    annualized = annualized_return(growth, count, periods)
    sensitivity = beta(returns, benchmark_returns)
    unexplained = alpha(returns, benchmark_returns, sensitivity, periods, risk_free_rate)
    return {
        "benchmark_return": as_percent(market - 1.0),
        "alpha": as_percent(unexplained),
        "beta": sensitivity,
        "tracking_error": as_percent(tracking_error(active, periods)),
        "information_ratio": information_ratio(active, periods),
        "excess_return": as_percent(annualized - annualized_return(market, count, periods)),
    }


def active_returns(returns: Floats, benchmark_returns: Floats) -> Floats:
    """Return the returns less those of the benchmark, in the shape of `returns`."""
    difference: Floats = (returns.T - benchmark_returns).T
    return difference


def beta(returns: Floats, benchmark_returns: Floats) -> Numbers:
    """Return the covariance with the benchmark over its variance; NaN if that does not move.

    Source: W. F. Sharpe, 1964.
    """
    deviation = benchmark_returns - _mean(benchmark_returns)
    variance = np.full(returns.shape[1:], (deviation * deviation).sum())
    together = (deviation * returns.T).sum(axis=-1)
    return ratio(together, variance, least=FLAT_VARIANCE * len(returns))


def alpha(
    returns: Floats,
    benchmark_returns: Floats,
    sensitivity: Numbers,
    periods: float,
    risk_free_rate: float,
) -> Numbers:
    """Return Jensen's alpha per year: the mean excess return that beta does not explain.

    The mean is arithmetic, as in the Sharpe ratio; `empyrical` compounds it, and returns
    (1 + alpha / periods)^periods - 1 where this is alpha. Source: M. C. Jensen, 1968.

    Args:
        returns: (T,) or (T, K) fractions.
        benchmark_returns: (T,) fractions.
        sensitivity: Their `beta`.
        periods: Bars per year.
        risk_free_rate: Per year, a fraction, spread evenly over the periods.
    """
    free = risk_free_rate / periods
    return (_mean(returns) - free - sensitivity * (_mean(benchmark_returns) - free)) * periods


def tracking_error(active: Moments, periods: float) -> Numbers:
    """Return the sample standard deviation of active returns x sqrt(periods), a fraction."""
    return volatility(active, periods)


def information_ratio(active: Moments, periods: float) -> Numbers:
    """Return the mean active return over its sample standard deviation, x sqrt(periods).

    `empyrical`'s `excess_sharpe` is the same number without the root.
    """
    return sharpe_ratio(active, periods, 0.0)


def _mean(returns: Floats) -> Floats:
    mean: Floats = returns.sum(axis=0) / max(len(returns), 1)
    return mean
