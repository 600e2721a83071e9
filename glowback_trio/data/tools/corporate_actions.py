"""Make adjustment factors of the splits and dividends in a file of prices.

A split of `s` shares for one multiplies the prices before it by 1/s, a dividend of `d` those before
it by 1 - d / close, the close being that of the bar before.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from glowback_trio.data.files.factors import Factors
from glowback_trio.model.bars import Bars, Floats, Times

__all__ = ["factors_of"]


def factors_of(bars: Bars, time: Times, dividend: Floats, split: Floats) -> Factors:
    """Return the factors for bars.

    Prices may be adjusted for a split although the file lists it, as Yahoo's are. Then there is no
    jump at it, and its factor is 1.

    Args:
        bars: The bars.
        time: (R,) the times of the rows with the actions, in any order.
        dividend: (R,) paid per share; 0: none.
        split: (R,) shares for each one; 0 or 1: no split.

    Returns:
        A row for each day before a split or a dividend; none if there was no action.
    """
    paid, shares = _of_bars(bars, time, dividend, 0.0), _of_bars(bars, time, split, 1.0)
    shares[shares == 0] = 1.0
    previous = bars.close[:-1]
    with np.errstate(divide="ignore", invalid="ignore"):
        jump = np.log(bars.open[1:] / previous)
        is_quoted = np.abs(jump + np.log(shares[1:])) < np.abs(jump)
        by_split = np.where(is_quoted, 1 / shares[1:], 1.0)
        # Paid per new share, where both fall on one day.
        by_dividend = 1 - paid[1:] / (previous * by_split)
    by_dividend[~(by_dividend > 0)] = 1.0
    rows = np.flatnonzero((by_split != 1) | (by_dividend != 1))
    return Factors(
        date=bars.time[rows].astype("M8[D]"),
        price=_backwards(by_dividend[rows]),
        split=_backwards(by_split[rows]),
    )


def _of_bars(bars: Bars, time: Times, column: Floats, nothing: float) -> Floats:
    """Return a column of rows as one of bars, (T,); of rows with the same time the last counts."""
    of_bars = np.full(len(bars), nothing)
    of_bars[np.searchsorted(bars.time, time)] = column
    return of_bars


def _backwards(factors: NDArray[np.float64]) -> Floats:
    """Return the product of each factor and all later ones."""
    return np.asarray(np.cumprod(factors[::-1])[::-1], dtype=np.float64)
