"""Dependence between neighbours in a series: how far it reaches, and what it does to a mean.

Both functions take a series of numbers, (T,), and return a number; neither needs its mean to be 0.
"""

from __future__ import annotations

import math

from glowback_trio.model.bars import Floats

__all__ = ["block_length", "long_run_variance"]

_LEAST_BLOCKS = 8  # of a resampled series, on average: fewer say little about its spread
_STEEPEST = 0.95  # of a first-order autocorrelation; beyond, a short series looks like a walk
_NEGLIGIBLE = 1e-3  # weight of an autocovariance


def block_length(series: Floats) -> float:
    """Return the mean block length with which the stationary bootstrap knows a mean's spread best.

    Source: D. N. Politis and H. White, Automatic Block-Length Selection for the Dependent
    Bootstrap, 2004, with the correction by A. Patton, D. N. Politis and H. White, 2009. Unlike
    there, the length is at most an eighth of the series.

    Args:
        series: (T,) in any unit.

    Returns:
        A number of elements, at least 1; 1 for fewer than ten, or if they are all equal.
    """
    count = len(series)
    # How many lags in a row have to be insignificant, and how many there are to look at.
    run = max(5, math.ceil(math.sqrt(math.log10(max(count, 1)))))
    most = min(math.ceil(math.sqrt(count)) + run, count - 1)
    deviation = _deviation(series)
    if count < 2 * run or not _autocovariance(deviation, 0):
        return 1.0
    covariance = [_autocovariance(deviation, lag) for lag in range(most + 1)]
    reach = min(2 * _last_significant(covariance, count, run), most)
    slope, spectrum = 0.0, covariance[0]
    for lag in range(1, reach + 1):
        # A window that is flat at first, so that what it lets through is hardly biased.
        weighted = 2.0 * min(1.0, 2.0 * (1.0 - lag / reach)) * covariance[lag]
        slope += lag * weighted
        spectrum += weighted
    if spectrum <= 0:
        return 1.0
    length: float = ((slope / spectrum) ** 2 * count) ** (1 / 3)
    return max(1.0, min(length, count / _LEAST_BLOCKS))


def _last_significant(covariance: list[float], count: int, run: int) -> int:
    """Return the last lag, at least 1, before the first `run` of insignificant ones."""
    bound = 2.0 * math.sqrt(math.log10(count) / count) * covariance[0]
    significant = [lag for lag, one in enumerate(covariance) if lag and abs(one) >= bound]
    last = 0
    for lag in significant:
        if lag - last > run:
            break
        last = lag
    return max(last, 1)


def long_run_variance(series: Floats) -> float:
    """Return the variance of a series' mean times its length, with the dependence of neighbours.

    A first-order autoregression is fitted and its residuals' variance worked out with the weights
    of the stationary bootstrap, which follows a slowly fading dependence better than these weights
    alone (D. W. K. Andrews and J. C. Monahan, 1992). The fitted coefficient is corrected for its
    bias in short series (M. G. Kendall, 1954).

    Args:
        series: (T,) in any unit.

    Returns:
        In the square of the unit, >= 0; 0 for fewer than three elements, or if they are all equal.
    """
    count, deviation = len(series), _deviation(series)
    total = _autocovariance(deviation, 0)
    if count < 3 or not total:
        return 0.0
    slope = _autocovariance(deviation, 1) / total
    slope = min(max(slope + (1.0 + 3.0 * slope) / count, -_STEEPEST), _STEEPEST)
    residual = deviation[1:] - slope * deviation[:-1]
    # One degree of freedom is gone with the mean.
    spread = _weighted_variance(residual) * count / (count - 1)
    return spread / (1.0 - slope) ** 2


def _weighted_variance(series: Floats) -> float:
    """Return what the variance of a series' mean is under the stationary bootstrap, times T."""
    count, going_on = len(series), 1.0 - 1.0 / block_length(series)
    deviation = _deviation(series)
    total, kept = _autocovariance(deviation, 0), 1.0
    for lag in range(1, count):
        kept *= going_on
        if kept < _NEGLIGIBLE:
            break
        total += 2.0 * kept * _autocovariance(deviation, lag)
    return max(total, 0.0)


def _deviation(series: Floats) -> Floats:
    deviation: Floats = series - series.sum() / max(len(series), 1)
    return deviation


def _autocovariance(deviation: Floats, lag: int) -> float:
    """Return the sum of the products of elements `lag` apart, over the length of the series."""
    count = len(deviation)
    # Not `@`, whose order of additions differs between processors.
    return float((deviation[lag:] * deviation[: count - lag]).sum()) / max(count, 1)
