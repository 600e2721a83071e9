"""The number of bars per year, by which returns and ratios are annualised.

It is counted from the bars, and where it lies near a convention of the trade it is that convention,
so that results compare with those of others. The count decides, never a symbol's name or a single
bar.
"""

from __future__ import annotations

import math

import numpy as np
from attrs import frozen

from glowback_trio.model.bars import Times
from glowback_trio.model.sessions.weekdays import (
    Days,
    days_of,
    has_weekend_days,
    trades_at_weekends,
)

__all__ = ["Annualisation", "annualisation"]

_CONVENTIONS = {
    252.0: "trading days",
    365.0: "days",
    52.18: "weeks",
    12.0: "months",
    4.0: "quarters",
}
_NEAR = 0.03  # of a convention: exchanges differ by some holidays
_NEAR_IN_A_PART = 0.04  # of 252, in less than a year: weekdays without a holiday are 261 a year
_LEAST_BARS, _LEAST_SESSIONS = 30, 20  # below these a count says little
_ALIKE = 1.5  # the most by which the distance of few bars may differ from that of a convention
_WEEK = np.timedelta64(7, "D")
_DAYS_PER_YEAR = 365.25
_DAY_NS = 86_400 * 10**9
_NIGHT = 0.9  # of a day: a session that is longer has no night


@frozen
class Annualisation:
    """The bars per year, and how they were found.

    Attributes:
        periods: Bars per year, above 0.
        how: A sentence about it.
    """

    periods: float
    how: str


def annualisation(time: Times, date: Times) -> Annualisation:
    """Return the bars per year of a timeline.

    They are counted over the whole weeks between the first and the last bar, because a part of a
    week holds too many bars or too few; where a session has several bars, over whole weeks of
    session dates, because the instants of a session move by an hour when clocks are changed. Within
    3 % of 252, 365, 52.18, 12 or 4 times the median number of bars per session, it is that number;
    otherwise as counted. Fewer than 30 bars or 20 sessions take the convention that their distance
    and their weekdays fit best. In less than a year the holidays of an exchange cannot be counted,
    so weekdays without one, 261 a year, are 252 trading days; unless the bars go around the clock,
    as those of currencies do.

    Args:
        time: (T,) at least one, datetime64[ns] UTC.
        date: Session dates, (T,) datetime64[D], ascending.
    """
    days = days_of(date)
    each = _bars_per_session(date)
    if len(time) < _LEAST_BARS or len(days) < _LEAST_SESSIONS:
        return _judged(len(time), days, each, is_round=_is_round(time, each))
    counted = _counted(time) if each == 1.0 else _counted_by_date(date)
    amount = f"{counted:,.0f}" if counted >= 1000 else f"{counted:.4g}"
    span = f"{amount} bars a year from {date[0]} to {date[-1]}"
    best = min(_CONVENTIONS, key=lambda convention: abs(counted / (convention * each) - 1.0))
    near = _NEAR_IN_A_PART if best == 252.0 and _may_lack_holidays(time, each) else _NEAR
    if abs(counted / (best * each) - 1.0) > near:
        return Annualisation(counted, f"counted: {span}, near no convention")
    return Annualisation(best * each, f"{_convention(best, each)}, near to the {span}")


def _may_lack_holidays(time: Times, each: float) -> bool:
    is_part = (time[-1] - time[0]) / np.timedelta64(1, "D") < _DAYS_PER_YEAR
    return bool(is_part) and not _is_round(time, each)


def _is_round(time: Times, each: float) -> bool:
    """Return True if intraday bars go around the clock."""
    return each > 1.0 and bool(each * np.median(np.diff(time.view(np.int64))) >= _NIGHT * _DAY_NS)


def _counted(time: Times) -> float:
    weeks = int((time[-1] - time[0]) // _WEEK)
    if not weeks:  # cannot be, with sessions on so many days
        return float(len(time))
    bars = int(np.searchsorted(time, time[0] + weeks * _WEEK))
    return bars * _DAYS_PER_YEAR / (7 * weeks)


def _counted_by_date(date: Times) -> float:
    """Count without the first and the last session, of which the range may hold only a part."""
    weeks = int((date[-1] - date[0]).astype(np.int64) - 1) // 7
    first, after = np.searchsorted(date, [date[0], date[0] + weeks * _WEEK], side="right")
    return int(after - first) * _DAYS_PER_YEAR / (7 * weeks)


def _judged(bars: int, days: Days, each: float, *, is_round: bool) -> Annualisation:
    """Judge a short range by the median distance of its days, and by its weekdays.

    Args:
        bars: Their number.
        days: The session dates.
        each: Bars per session date.
        is_round: Whether they go around the clock. Then a range without a weekend is taken to be
            one of what trades at weekends too, as no exchange is open through the night.
    """
    distance = float(np.median(np.diff(days))) if len(days) > 1 else 1.0
    no_weekend = is_round and not has_weekend_days(days)
    daily = 365.0 if no_weekend or trades_at_weekends(days) else 252.0
    possible = [convention for convention in _CONVENTIONS if convention < 252.0]
    spaced = _DAYS_PER_YEAR / distance
    # Days in a row are 365 a year by their distance, whichever of them are trading days.
    best = daily if distance < _ALIKE else _nearest([daily, *possible], spaced)
    amount = f"{bars} bar{'s' * (bars > 1)} on {len(days)} day{'s' * (len(days) > 1)}"
    few = f"as {amount} are too few to count"
    if best is None:
        return Annualisation(spaced * each, f"by the distance of the bars, {few}")
    return Annualisation(
        best * each, f"{_convention(best, each)}, by the distance of the bars and weekdays, {few}"
    )


def _nearest(conventions: list[float], spaced: float) -> float | None:
    best = min(conventions, key=lambda convention: abs(math.log(convention / spaced)))
    return best if abs(math.log(best / spaced)) <= math.log(_ALIKE) else None


def _bars_per_session(date: Times) -> float:
    day = date.view(np.int64)  # compared faster than dates, of which any may be NaT
    changes = np.flatnonzero(day[1:] != day[:-1]) + 1
    if len(changes) == len(date) - 1:
        return 1.0
    return float(np.median(np.diff(changes, prepend=0, append=len(date))))


def _convention(number: float, each: float) -> str:
    name = f"{number:g} {_CONVENTIONS[number]} a year"
    return name if each == 1.0 else f"{name} with {each:g} bars each"
