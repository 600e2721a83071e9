"""The weekdays on which a market trades, judged by the dates of its bars."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from glowback_trio.model.bars import Times

__all__ = ["SATURDAY", "Days", "days_of", "has_weekend_days", "open_weekdays", "trades_at_weekends"]

Days = NDArray[np.int64]  # counted from 1970-01-01, ascending, each once

SATURDAY = 5  # Monday is 0
_THURSDAY = 3  # the weekday of 1970-01-01
_LEAST_WEEKEND_DAYS = 2  # a single one may be a special session


def days_of(date: Times) -> Days:
    """Return the different dates of bars, from (T,) datetime64[D], ascending."""
    day = date.view(np.int64)
    return day[np.append(True, day[1:] != day[:-1])] if len(day) else day


def open_weekdays(days: Days) -> NDArray[np.bool_]:
    """Return on which weekdays a market trades, (7,) from Monday.

    It trades on a weekday if at least half of these weekdays between its first and its last day are
    among its days. So one special session on a Saturday, in a year of weeks, makes no trading day.
    """
    if not len(days):
        return np.zeros(7, bool)
    traded = np.bincount((days + _THURSDAY) % 7, minlength=7)
    possible = np.bincount((np.arange(days[0], days[-1] + 1) + _THURSDAY) % 7, minlength=7)
    is_open: NDArray[np.bool_] = (traded > 0) & (2 * traded >= possible)
    return is_open


def has_weekend_days(days: Days) -> bool:
    """Return True if a Saturday or Sunday lies between the first and the last day, or is one."""
    return bool(len(days)) and bool(
        ((np.arange(days[0], days[-1] + 1) + _THURSDAY) % 7 >= SATURDAY).any()
    )


def trades_at_weekends(days: Days) -> bool:
    """Return True if a market trades on Saturdays and Sundays, and at least two of them show it."""
    weekend = int(((days + _THURSDAY) % 7 >= SATURDAY).sum())
    return weekend >= _LEAST_WEEKEND_DAYS and bool(open_weekdays(days)[SATURDAY:].all())
