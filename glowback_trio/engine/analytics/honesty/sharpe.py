"""The trust that a Sharpe ratio deserves: short records, fat tails, the best of many trials.

Sharpe ratios here are per bar, not annualised: the formulas count bars, and an annualised ratio
would inflate their results. Kurtosis is excess, 0 for a normal distribution.
"""

from __future__ import annotations

import math
from statistics import NormalDist

__all__ = [
    "deflated_sharpe",
    "expected_max_sharpe",
    "minimum_track_record",
    "probabilistic_sharpe",
]

_NORMAL = NormalDist()
_EULER = 0.5772156649015329  # the Euler-Mascheroni constant


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
