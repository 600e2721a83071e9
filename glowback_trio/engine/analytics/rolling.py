"""Statistics of a curve over a window that moves along it, such as the Sharpe ratio of half a year.

The statistics are those of the whole run, of `returns` and `relative`, applied to each window.
"""

from __future__ import annotations

import numpy as np
from attrs import frozen
from numpy.lib.stride_tricks import sliding_window_view

from glowback_trio.engine.analytics import returns as stats
from glowback_trio.engine.analytics.relative import beta
from glowback_trio.engine.finite import quiet
from glowback_trio.model.bars import Floats, Indices
from glowback_trio.model.result import Result
from glowback_trio.wire.percent import as_percent

__all__ = ["Rolling", "rolling"]

_YEARS = 0.5
_LEAST = 20  # bars: statistics of fewer say nothing
_AT_ONCE = 1 << 20  # returns of the windows that are measured together


@frozen(eq=False)
class Rolling:
    """Statistics of windows of equal length: all columns (W,), in the units of the wire.

    Attributes:
        window: Returns in each window.
        bar: The last bar of each window.
        sharpe_ratio: Annualised; NaN where the returns do not differ.
        volatility: Annualised, percent.
        beta: To the benchmark; None without one, NaN where that does not move, or a window begins
            before it.
    """

    window: int
    bar: Indices
    sharpe_ratio: Floats
    volatility: Floats
    beta: Floats | None


@quiet
def rolling(result: Result, most: int = 400) -> Rolling | None:
    """Measure the windows of half a year of a run, at least 20 bars each.

    Args:
        result: The run.
        most: Largest number of windows; they end at evenly spaced bars.

    Returns:
        The statistics; None if the run is shorter than a window, or a year has no length.
    """
    periods = result.metrics["periods_per_year"]
    returns = stats.bar_returns(result.curve.value)
    if not periods or (window := max(_LEAST, round(periods * _YEARS))) > len(returns):
        return None
    count = min(most, len(returns) - window + 1)
    ends = np.linspace(window, len(returns), count).round().astype(np.intp)
    some = max(1, _AT_ONCE // window)
    windows = sliding_window_view(returns, window)
    spreads = [
        stats.moments(windows[ends[first : first + some] - window].T)
        for first in range(0, count, some)
    ]
    free = result.risk_free_rate
    sharpes = [np.asarray(stats.sharpe_ratio(each, periods, free)) for each in spreads]
    spans = [stats.volatility(each, periods) for each in spreads]
    return Rolling(
        window,
        ends,
        np.concatenate(sharpes),
        as_percent(np.concatenate(spans)),
        _betas(result, returns, ends, window),
    )


def _betas(result: Result, returns: Floats, ends: Indices, window: int) -> Floats | None:
    held = result.benchmark
    if held is None:
        return None
    market = stats.bar_returns(held.value)
    found = np.full(len(ends), np.nan)
    for place, end in enumerate(ends.tolist()):
        if end - window >= held.start:
            part = slice(end - window, end)
            found[place] = beta(returns[part], market[part])
    return found
